// The histogram of the scores, the calibration before it, and the threshold that is dragged over both.
import { byId, figure, percent, shape, write } from "./dom.js";

const HEIGHT = 170; // px
const [TOP, BOTTOM, SIDE] = [14, 20, 8]; // px; SIDE is half of the slider's thumb
const SETTLE = 800; // ms after the last touch in which the segmenter's own value does not move the slider

export class Histogram extends EventTarget {
  #content = null;
  #threshold = null;
  #touched = -SETTLE;

  constructor() {
    super();
    const slider = byId("slider");
    slider.addEventListener("input", () => this.#drag(Number(slider.value)));
    byId("histogram").addEventListener("pointerdown", (event) => this.#grab(event));
    new ResizeObserver(() => this.#draw()).observe(byId("histogram"));
  }

  show(content) {
    this.#content = content.edges.length ? content : null;
    const frames = content.frames;
    write(byId("counted"), frames === 1 ? "1 frame" : `the last ${frames} frames`);
    const about = content.measured_on ? `Calibration measured on ${content.measured_on}.` : "No calibration of this score is stored.";
    write(byId("measured-on"), this.#content ? about : "");
    const slider = byId("slider");
    if (this.#content) [slider.min, slider.max] = [content.edges[0], content.edges.at(-1)];
    this.#draw();
  }

  // The threshold in force.
  follow(threshold) {
    byId("slider").disabled = threshold === null;
    if (performance.now() - this.#touched < SETTLE) return;
    this.#threshold = threshold;
    if (threshold !== null) byId("slider").value = threshold;
    this.#draw();
  }

  #drag(value) {
    this.#touched = performance.now();
    this.#threshold = Number(value.toFixed(3));
    this.#draw();
    this.dispatchEvent(new CustomEvent("threshold", { detail: this.#threshold }));
  }

  #grab(event) {
    if (this.#content === null || byId("slider").disabled) return;
    const chart = event.currentTarget;
    const move = (each) => {
      const box = chart.getBoundingClientRect();
      const share = (each.clientX - box.left - SIDE) / (box.width - 2 * SIDE);
      const [low, high] = [this.#content.edges[0], this.#content.edges.at(-1)];
      byId("slider").value = low + Math.min(Math.max(share, 0), 1) * (high - low);
      this.#drag(Number(byId("slider").value));
    };
    chart.setPointerCapture(event.pointerId);
    chart.addEventListener("pointermove", move);
    chart.addEventListener("pointerup", () => chart.removeEventListener("pointermove", move), { once: true });
    move(event);
  }

  #draw() {
    const chart = byId("histogram");
    const width = chart.clientWidth;
    if (this.#content === null || !width) {
      chart.replaceChildren();
      for (const id of ["found", "known", "beyond"]) write(byId(id), "–");
      return;
    }
    const { edges, counts, anomalies, known } = this.#content;
    const [low, high] = [edges[0], edges.at(-1)];
    const x = (score) => SIDE + ((score - low) / (high - low)) * (width - 2 * SIDE);
    const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
    chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    chart.replaceChildren(...lines(width, y), ...bars(edges, counts, x, y, this.#threshold));
    chart.append(...shares(y), ...axis(low, high, x));
    if (anomalies) chart.append(line("found", edges, anomalies, x, y), line("known", edges, known, x, y));
    if (this.#threshold !== null) {
      const at = Math.min(Math.max(x(this.#threshold), SIDE), width - SIDE);
      chart.append(shape("line", { class: "threshold", x1: at, x2: at, y1: TOP - 4, y2: HEIGHT - BOTTOM }));
      const end = at > width - 60;
      const text = figure(this.#threshold, 2).replace("-", "−");
      chart.append(shape("text", { class: "at", x: at + (end ? -4 : 4), y: 10, "text-anchor": end ? "end" : "start" }, text));
    }
    this.#tell();
  }

  #tell() {
    const { edges, counts, anomalies, known } = this.#content;
    const threshold = this.#threshold;
    const read = (shares) => (shares && threshold !== null ? percent(between(edges, shares, threshold)) : "–");
    write(byId("found"), read(anomalies));
    write(byId("known"), read(known));
    const total = counts.reduce((sum, count) => sum + count, 0);
    write(byId("beyond"), total && threshold !== null ? percent(beyond(edges, counts, threshold) / total) : "–");
  }
}

// Between the values at the edges, on the line through them.
export function between(edges, values, score) {
  if (score <= edges[0]) return values[0];
  if (score >= edges.at(-1)) return values.at(-1);
  const place = (score - edges[0]) / (edges[1] - edges[0]);
  const bin = Math.min(Math.floor(place), values.length - 2);
  return values[bin] + (place - bin) * (values[bin + 1] - values[bin]);
}

// Pixels whose score reaches the threshold; those of its own bin in part.
export function beyond(edges, counts, threshold) {
  return counts.reduce((sum, count, bin) => {
    const share = (edges[bin + 1] - threshold) / (edges[bin + 1] - edges[bin]);
    return sum + count * Math.min(Math.max(share, 0), 1);
  }, 0);
}

function bars(edges, counts, x, y, threshold) {
  const most = Math.log1p(Math.max(1, ...counts));
  const paths = { below: "", above: "" };
  counts.forEach((count, bin) => {
    if (!count) return;
    const side = threshold !== null && edges[bin] >= threshold ? "above" : "below";
    const [left, right] = [x(edges[bin]), x(edges[bin + 1])];
    paths[side] += `M${left.toFixed(1)} ${y(0)}V${y((0.95 * Math.log1p(count)) / most).toFixed(1)}H${right.toFixed(1)}V${y(0)}z`;
  });
  return Object.entries(paths).map(([side, path]) => shape("path", { class: `bars ${side}`, d: path }));
}

function line(kind, edges, values, x, y) {
  const points = edges.map((edge, place) => `${x(edge).toFixed(1)},${y(values[place]).toFixed(1)}`);
  return shape("polyline", { class: `curve ${kind}`, points: points.join(" ") });
}

const SHARES = [0, 0.5, 1];

function lines(width, y) {
  return SHARES.map((share) => shape("line", { class: "grid", x1: SIDE, x2: width - SIDE, y1: y(share), y2: y(share) }));
}

function shares(y) {
  return SHARES.slice(1).map((share) => shape("text", { class: "tick", x: SIDE + 2, y: y(share) - 3 }, `${100 * share} %`));
}

function axis(low, high, x) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    ticks.push(shape("text", { class: "tick", x: x(at), y: HEIGHT - 6, "text-anchor": "middle" }, at.toFixed(digits).replace("-", "−")));
  }
  return ticks;
}
