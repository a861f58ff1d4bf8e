"use strict";
// A click on a heading sorts its table, numbers as numbers and dashes last; a second one turns the order round.
function sortTable(heading) {
  const table = heading.closest("table");
  const place = [...heading.parentNode.children].indexOf(heading);
  const falling = heading.getAttribute("aria-sort") !== "descending";
  const value = (row) => row.children[place].textContent;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [parseFloat(value(a)), parseFloat(value(b))];
    if (isNaN(x) || isNaN(y)) {
      if (isNaN(x) && isNaN(y)) return value(a).localeCompare(value(b)) * (falling ? 1 : -1);
      return isNaN(x) ? 1 : -1;
    }
    return falling ? y - x : x - y;
  });
  for (const each of heading.parentNode.children) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  table.tBodies[0].append(...rows);
}
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sortTable(button.parentNode));
}
// A line of the legend hides its score in all charts of the section.
for (const box of document.querySelectorAll("input[data-series]")) {
  box.addEventListener("change", () => {
    const lines = box.closest("section").querySelectorAll(`polyline[data-series="${box.dataset.series}"]`);
    for (const line of lines) line.classList.toggle("hidden", !box.checked);
  });
}
