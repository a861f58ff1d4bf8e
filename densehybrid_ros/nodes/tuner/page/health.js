// Rates, latencies and drops of the selected camera, and how they went in the last minutes.
import { byId, element, figure, shape, write } from "./dom.js";

const LENGTH = 240; // messages, two a second
const [HEIGHT, PAD] = [64, 4];
const trends = new Map();

export function showHealth(camera, leftOut, node) {
  const values = Object.keys(camera?.values ?? {}).length ? camera.values : node.values;
  const read = (name) => (values[name] === undefined || values[name] === "" ? null : Number(values[name]));
  const drops = Object.keys(values).filter((name) => name.startsWith("dropped_"));
  const dropped = drops.reduce((sum, name) => sum + (read(name) ?? 0), 0);
  fill(byId("figures"), [
    ["in", figure(read("input_hz"), 1, " Hz")],
    ["out", figure(read("output_hz"), 1, " Hz")],
    ["latency", figure(read("latency_ms_mean"), 0, " ms")],
    ["p95", figure(read("latency_ms_p95"), 0, " ms")],
    ["dropped", `${dropped} of ${read("frames_in") ?? 0}`],
    ["lost before", figure(read("lost_hz"), 1, " Hz")],
    ["not shown", String(leftOut)],
    ["last frame", figure(read("last_frame_age_s"), 1, " s")],
  ]);
  const parts = [values.model, values.precision, values.device && `on ${values.device}`, values.engine && `by ${values.engine}`];
  write(byId("machine"), parts.filter(Boolean).join(" "));
  fillTable(byId("diagnostics"), Object.entries(values));
  const trend = trends.get(camera?.name ?? "") ?? [];
  trend.push([read("output_hz") ?? 0, read("latency_ms_mean") ?? 0]);
  trends.set(camera?.name ?? "", trend.slice(-LENGTH));
  draw(trend);
}

function fill(list, pairs) {
  if (list.children.length !== pairs.length) {
    list.replaceChildren(...pairs.map(() => element("div", {}, element("dt"), element("dd"))));
  }
  pairs.forEach(([name, text], place) => {
    const [term, value] = list.children[place].children;
    write(term, name);
    write(value, text);
    value.title = text;
  });
}

function fillTable(body, pairs) {
  if (body.rows.length !== pairs.length) {
    body.replaceChildren(...pairs.map(() => element("tr", {}, element("th", { scope: "row" }), element("td"))));
  }
  pairs.forEach(([name, text], place) => {
    write(body.rows[place].cells[0], name);
    write(body.rows[place].cells[1], text || "–");
  });
}

function draw(trend) {
  const chart = byId("trend");
  const width = chart.clientWidth;
  if (!width) return;
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  chart.replaceChildren(...[["rate", 0, "Hz"], ["latency", 1, "ms"]].flatMap(([kind, index, unit]) => {
    const values = trend.map((each) => each[index]);
    const most = Math.max(...values, 1e-6);
    const x = (place) => (place / Math.max(LENGTH - 1, 1)) * width;
    const y = (value) => HEIGHT - PAD - (value / most) * (HEIGHT - 3 * PAD - 8);
    const points = values.map((value, place) => `${x(place + LENGTH - values.length).toFixed(1)},${y(value).toFixed(1)}`);
    const label = `${kind === "rate" ? "out" : "latency"}, up to ${most.toFixed(most < 10 ? 1 : 0)} ${unit}`;
    const at = kind === "rate" ? { x: 2, "text-anchor": "start" } : { x: width - 2, "text-anchor": "end" };
    return [
      shape("polyline", { class: `trend ${kind}`, points: points.join(" ") }),
      shape("text", { class: `tick ${kind}`, y: 10, ...at }, label),
    ];
  }));
}
