// Obstacles of the frame that is shown: a table, and a view from above.
import { byId, element, figure, shape, write } from "./dom.js";

const RANGES = [10, 20, 40, 80, 160, 320]; // m
const [WIDTH, HEIGHT, PAD] = [260, 260, 18];
const LABEL_AT = 0.48; // rad to the left, where few obstacles are

export function showObstacles(frame) {
  const content = frame?.obstacles ?? null;
  const listed = content?.obstacles ?? [];
  byId("obstacle-rows").replaceChildren(...listed.map(row));
  write(byId("obstacle-note"), note(content, listed));
  byId("birds-eye").setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  byId("birds-eye").replaceChildren(...fromAbove(listed.filter((each) => each.centre !== null)));
}

function note(content, listed) {
  if (content === null) return "No obstacles have been reported for this frame.";
  const source = content.range_source ? `Ranges from ${content.range_source}.` : "";
  const why = content.why_not ? `No ranges: ${content.why_not}` : "";
  return [listed.length ? "" : "Nothing unknown in this frame.", source, why].filter(Boolean).join(" ");
}

function row(each) {
  const range = each.range === null ? "no range" : figure(each.range, 1) + (each.range_error === null ? " m" : ` ± ${figure(each.range_error, each.range_error < 0.1 ? 2 : 1)} m`);
  const speed = each.closing_speed === null ? "–" : `${each.closing_speed > 0 ? "+" : ""}${figure(each.closing_speed, 1)} m/s`;
  const cells = [range, figure(each.height_above_road ?? each.height, 2, " m"), speed, figure(each.score, 1)];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, String(each.id)),
    ...cells.map((text) => element("td", {}, text)),
    element("td", { class: "words" }, each.source || each.why_not || "–"),
  );
}

function fromAbove(listed) {
  const farthest = Math.max(0, ...listed.map((each) => each.range + (each.range_error ?? 0)));
  const most = RANGES.find((each) => each >= farthest) ?? RANGES.at(-1);
  const scale = (HEIGHT - 2 * PAD) / most;
  const place = (across, ahead) => [WIDTH / 2 + across * scale, HEIGHT - PAD - ahead * scale];
  const drawn = [];
  for (const share of [0.25, 0.5, 0.75, 1]) {
    const radius = share * most * scale;
    const [x, y] = place(0, 0);
    const reach = Math.min(radius, WIDTH / 2 - 4);
    const rise = Math.sqrt(radius ** 2 - reach ** 2);
    drawn.push(shape("path", { class: "ring", d: `M${x - reach} ${y - rise}A${radius} ${radius} 0 0 1 ${x + reach} ${y - rise}` }));
    const [left, above] = [x - radius * Math.sin(LABEL_AT), y - radius * Math.cos(LABEL_AT)];
    drawn.push(shape("text", { class: "tick", x: left, y: above + 4, "text-anchor": "middle" }, `${share * most} m`));
  }
  const [x, y] = place(0, 0);
  drawn.push(shape("path", { class: "own", d: `M${x - 6} ${y + 10}L${x} ${y - 4}L${x + 6} ${y + 10}z` }));
  return [...drawn, ...listed.flatMap((each) => mark(each, place))];
}

function mark(each, place) {
  const [across, , ] = each.centre;
  const ahead = each.range;
  const [x, y] = place(across, ahead);
  const marks = [];
  if (each.range_error) {
    const share = each.range_error / ahead;
    const [near, far] = [place(across * (1 - share), ahead * (1 - share)), place(across * (1 + share), ahead * (1 + share))];
    marks.push(shape("line", { class: "error", x1: near[0], y1: near[1], x2: far[0], y2: far[1] }));
  }
  if (each.velocity) {
    const [toX, toY] = place(across + each.velocity[0], ahead + each.velocity[1]);
    marks.push(shape("line", { class: "speed", x1: x, y1: y, x2: toX, y2: toY }));
  }
  marks.push(shape("circle", { class: "obstacle", cx: x, cy: y, r: 4 }));
  const end = x > WIDTH - 40;
  marks.push(shape("text", { class: "number", x: x + (end ? -7 : 7), y: y + 4, "text-anchor": end ? "end" : "start" }, `#${each.id}`));
  return marks;
}
