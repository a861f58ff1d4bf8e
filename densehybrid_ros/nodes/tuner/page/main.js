// Puts the parts of the page together; what they show comes from the tuner alone.
import { byId, element, toast, write } from "./dom.js";
import { showHealth } from "./health.js";
import { Histogram } from "./histogram.js";
import { Link } from "./link.js";
import { showObstacles } from "./obstacles.js";
import { Parameters } from "./parameters.js";
import { Pictures } from "./pictures.js";

const LEVELS = ["ok", "warn", "error", "stale"];
const link = new Link();
const parameters = new Parameters(link);
const pictures = new Pictures(link);
const histogram = new Histogram();
let state = null;
let model = null;
let wanted = null; // a threshold that is still to be set
let setting = false;

link.addEventListener("close", () => {
  show("stale", "the tuner does not answer; connecting again");
  parameters.enable(false);
});
link.addEventListener("error", (event) => { if (event.detail) toast(event.detail.text); });
link.addEventListener("model", (event) => {
  model = event.detail;
  showLegend();
});
link.addEventListener("parameters", (event) => {
  parameters.show(event.detail.parameters);
  enable();
  histogram.follow(parameters.value("threshold"));
});
link.addEventListener("state", (event) => {
  state = event.detail;
  const { name, there, level, message } = state.segmenter;
  write(byId("node"), name);
  show(there ? LEVELS[level] : "stale", message);
  pictures.expect(state.cameras);
  enable();
  showCamera();
});
pictures.addEventListener("select", () => {
  showCamera();
  showObstacles(pictures.frameOf(pictures.selected));
});
pictures.addEventListener("view", showLegend);
pictures.addEventListener("frame", (event) => {
  if (event.detail.camera === pictures.selected) showObstacles(event.detail);
});
histogram.addEventListener("threshold", (event) => {
  wanted = event.detail;
  byId("threshold").value = wanted;
  pictures.preview(wanted);
  setThreshold();
});

// One change at a time; of those that come meanwhile the last one counts.
async function setThreshold() {
  if (setting) return;
  setting = true;
  while (wanted !== null) {
    const value = wanted;
    wanted = null;
    await parameters.change("threshold", value);
  }
  setting = false;
}

function enable() {
  const there = link.open && (state?.segmenter.there ?? false);
  parameters.enable(there);
  histogram.follow(there ? parameters.value("threshold") : null);
}

function show(level, message) {
  const pill = byId("level");
  pill.className = `pill ${level}`;
  write(pill, level);
  write(byId("message"), message);
  byId("message").title = message;
}

function showCamera() {
  if (state === null) return;
  const camera = state.cameras.find((each) => each.name === pictures.selected);
  const named = state.cameras.length > 1 && pictures.selected ? pictures.selected : "";
  for (const node of document.querySelectorAll(".of-camera")) write(node, named);
  if (camera) histogram.show(camera.histogram);
  showHealth(camera, state.left_out, state.segmenter);
  showScale(camera);
}

function showLegend() {
  const legend = byId("legend");
  const view = pictures.view;
  legend.className = view;
  if (model === null || view === "picture") {
    legend.replaceChildren();
  } else if (view === "heat") {
    const ends = [element("span", { id: "scale-low" }), element("span", { class: "scale" }), element("span", { id: "scale-high" })];
    legend.replaceChildren(...ends, element("span", {}, "white line: threshold"));
    showScale(state?.cameras.find((each) => each.name === pictures.selected));
  } else {
    const classes = model.classes.map((name, place) => entry(name, model.palette[place]));
    legend.replaceChildren(...classes, ...(view === "overlay" ? [entry("unknown", [255, 40, 40])] : []));
  }
}

function entry(name, colour) {
  const swatch = element("i");
  swatch.style.background = `rgb(${colour.join(" ")})`;
  return element("span", {}, swatch, name);
}

function showScale(camera) {
  const edges = camera?.histogram.edges ?? [];
  const [low, high] = [byId("scale-low"), byId("scale-high")];
  if (!edges.length || low === null) return;
  write(low, edges[0].toFixed(1));
  write(high, edges.at(-1).toFixed(1));
}

showLegend();
showObstacles(null);
