// Pictures of all cameras: live, or paused and stepped through; each is painted before the next is asked for.
import { byId, element, offer, write } from "./dom.js";

const VIEWS = { overlay: "Overlay", heat: "Score", classes: "Classes", picture: "Picture" };
const RATE_OVER = 3000; // ms

export class Pictures extends EventTarget {
  #link;
  #tiles = new Map();
  #view = "overlay";
  #paused = false;
  #kept = {};
  #back = 0;
  #threshold = null;
  #showing = false;
  #again = false;
  selected = null;

  constructor(link) {
    super();
    this.#link = link;
    for (const [view, title] of Object.entries(VIEWS)) {
      const button = element("button", { type: "button", role: "radio", "data-view": view }, title);
      button.addEventListener("click", () => this.#choose(view));
      byId("views").append(button);
    }
    this.#mark();
    byId("pause").addEventListener("click", () => this.#toggle());
    byId("back").addEventListener("click", () => this.#step(1));
    byId("forward").addEventListener("click", () => this.#step(-1));
    for (const button of document.querySelectorAll(".save")) {
      button.addEventListener("click", () => this.#save(button.dataset.format));
    }
    link.addEventListener("picture", (event) => this.#paint(event.detail));
    link.addEventListener("paused", (event) => this.#stopped(event.detail.frames));
    link.addEventListener("file", (event) => saved(event.detail));
    link.addEventListener("open", () => this.#connected());
    link.addEventListener("error", () => { this.#showing = false; });
  }

  get view() {
    return this.#view;
  }

  // The cameras that the segmenter has now; those that are new ask for pictures once there are any.
  expect(cameras) {
    for (const { name, kept } of cameras) {
      if (!this.#tiles.has(name)) this.#tiles.set(name, this.#tile(name));
      const tile = this.#tiles.get(name);
      if (!tile.asked && kept > 0 && !this.#paused) this.#ask(name);
      write(tile.rate, this.#paused ? "" : `${rate(tile)} shown/s`);
    }
    for (const name of [...this.#tiles.keys()].filter((each) => !cameras.some((camera) => camera.name === each))) {
      this.#tiles.get(name).figure.remove();
      this.#tiles.delete(name);
    }
    if (!this.#tiles.has(this.selected)) this.#select(this.#tiles.keys().next().value ?? null);
    byId("pictures").dataset.count = this.#tiles.size;
    byId("waiting").hidden = [...this.#tiles.values()].some((tile) => tile.frame !== null);
  }

  // While the page is paused: what another threshold would have made of the frame.
  preview(threshold) {
    this.#threshold = threshold;
    if (this.#paused) this.#show();
  }

  #tile(name) {
    const canvas = element("canvas", { role: "img", "aria-label": name ? `Camera ${name}` : "Camera" });
    const [stamp, rate] = [element("span"), element("span")];
    const caption = element("figcaption", {}, element("strong", {}, name || "camera"), stamp, rate);
    const figure = element("figure", { "data-camera": name, tabindex: "0" }, canvas, caption);
    figure.addEventListener("click", () => this.#select(name));
    figure.addEventListener("keydown", (event) => { if (event.key === "Enter") this.#select(name); });
    byId("pictures").append(figure);
    return { canvas, figure, stamp, rate, asked: false, painted: [], frame: null };
  }

  #ask(camera) {
    this.#tiles.get(camera).asked = this.#link.send({ type: "ready", camera, view: this.#view });
  }

  #connected() {
    for (const tile of this.#tiles.values()) tile.asked = false;
    if (this.#paused) this.#toggle();
  }

  #choose(view) {
    this.#view = view;
    this.#mark();
    this.dispatchEvent(new Event("view"));
    if (this.#paused) this.#show();
    else for (const camera of this.#tiles.keys()) this.#ask(camera);
  }

  #mark() {
    for (const button of byId("views").children) {
      button.setAttribute("aria-checked", button.dataset.view === this.#view);
    }
  }

  #select(name) {
    this.selected = name;
    for (const [each, tile] of this.#tiles) tile.figure.classList.toggle("selected", each === name);
    this.dispatchEvent(new Event("select"));
  }

  frameOf(camera) {
    return this.#tiles.get(camera)?.frame ?? null;
  }

  #toggle() {
    this.#paused = !this.#paused;
    this.#back = 0;
    this.#threshold = null;
    byId("pause").setAttribute("aria-pressed", this.#paused);
    write(byId("pause"), this.#paused ? "Resume" : "Pause");
    this.#link.send({ type: this.#paused ? "pause" : "resume" });
    if (!this.#paused) for (const camera of this.#tiles.keys()) this.#ask(camera);
    this.#place();
  }

  #stopped(frames) {
    this.#kept = frames;
    this.#place();
    this.#show();
  }

  #step(frames) {
    this.#back = Math.min(Math.max(this.#back + frames, 0), this.#most());
    this.#place();
    this.#show();
  }

  #most() {
    return Math.max(0, ...Object.values(this.#kept)) - 1;
  }

  #place() {
    byId("back").disabled = !this.#paused || this.#back >= this.#most();
    byId("forward").disabled = !this.#paused || this.#back === 0;
    write(byId("place"), this.#paused ? `${this.#back} of ${Math.max(0, this.#most())} back` : "live");
  }

  // One request at a time for each camera: a slider that is dragged asks faster than pictures are drawn.
  #show() {
    if (this.#showing) {
      this.#again = true;
      return;
    }
    this.#again = false;
    for (const camera of this.#tiles.keys()) {
      const back = Math.min(this.#back, (this.#kept[camera] ?? 0) - 1);
      if (back < 0) continue;
      this.#showing = true;
      this.#link.send({ type: "show", camera, view: this.#view, back, threshold: this.#threshold });
    }
  }

  async #paint(frame) {
    const tile = this.#tiles.get(frame.camera);
    if (tile === undefined) return;
    const picture = await createImageBitmap(frame.blob);
    tile.canvas.width = picture.width;
    tile.canvas.height = picture.height;
    tile.canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    tile.frame = frame;
    tile.painted.push(performance.now());
    tile.canvas.dataset.stamp = frame.stamp;
    const redrawn = frame.redrawn === null ? "" : `, drawn at ${frame.redrawn.toFixed(2)}`;
    write(tile.stamp, `${Number(frame.stamp).toFixed(2)} s${redrawn}`);
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    if (!this.#paused) {
      this.#ask(frame.camera);
    } else {
      this.#showing = false;
      if (this.#again) this.#show();
    }
  }

  #save(format) {
    if (this.selected === null) return;
    const [view, back, threshold] = [this.#view, this.#paused ? this.#back : 0, this.#threshold];
    this.#link.send({ type: "save", camera: this.selected, view, back, threshold, format });
  }
}

function rate(tile) {
  const now = performance.now();
  tile.painted = tile.painted.filter((time) => now - time < RATE_OVER);
  return (tile.painted.length / (RATE_OVER / 1000)).toFixed(1);
}

function saved(file) {
  const suffix = file.format === "jpeg" ? "jpg" : file.format;
  offer(file.blob, `${[file.camera, file.view, file.stamp].filter(Boolean).join("_")}.${suffix}`);
}
