// All parameters of the segmenter: those that may change now with their ranges, and why a change is refused.
import { byId, element, write } from "./dom.js";

const ON_THE_CARD = new Set(["threshold", "target_tpr", "score"]);

export class Parameters {
  #link;
  #rows = new Map();
  #known = new Map();

  constructor(link) {
    this.#link = link;
    byId("filter").addEventListener("input", () => this.#filter());
    for (const name of ["threshold", "target_tpr"]) {
      const field = byId(name);
      field.addEventListener("change", () => this.#set(name, number(field.value), byId("threshold-refusal"), field));
    }
    byId("score").addEventListener("change", (event) => {
      this.#set("score", event.target.value, byId("threshold-refusal"), event.target);
    });
  }

  value(name) {
    return this.#known.get(name)?.value ?? null;
  }

  show(listed) {
    this.#known = new Map(listed.map((each) => [each.name, each]));
    for (const each of listed.filter(({ name }) => !ON_THE_CARD.has(name))) {
      const row = this.#rows.get(each.name);
      const wanted = signature(each);
      if (row === undefined || row.signature !== wanted) this.#replace(each, wanted);
      this.#refresh(each);
    }
    for (const name of [...this.#rows.keys()].filter((each) => !this.#known.has(each))) {
      this.#rows.get(name).node.classList.add("gone");
    }
    this.#card();
    this.#filter();
  }

  // While the segmenter is away nothing can be set.
  enable(there) {
    for (const row of this.#rows.values()) if (row.live) row.control.disabled = !there || !this.#known.has(row.name);
    for (const name of ON_THE_CARD) byId(name).disabled = !there || !this.#known.has(name);
  }

  #replace(parameter, wanted) {
    const id = `parameter-${parameter.name}`;
    const made = control(parameter, id);
    const refusal = element("p", { class: "refusal", role: "alert" });
    const head = element("div", { class: "row" }, element("label", { for: id }, parameter.name), made);
    const node = element("div", { class: "parameter", "data-name": parameter.name }, head);
    node.append(element("p", { class: "hint" }, about(parameter)), refusal);
    made.addEventListener("change", () => this.#set(parameter.name, read(parameter, made), refusal, made));
    const before = this.#rows.get(parameter.name);
    const list = byId(parameter.live ? "live-parameters" : "start-parameters");
    if (before) before.node.replaceWith(node);
    else list.append(node);
    const { name, live } = parameter;
    this.#rows.set(name, { name, live, node, control: made, refusal, signature: wanted });
  }

  #refresh(parameter) {
    const { node, control: field } = this.#rows.get(parameter.name);
    node.classList.remove("gone");
    if (field === document.activeElement && field.type !== "checkbox") return; // somebody is typing
    put(parameter, field);
  }

  #card() {
    for (const name of ["threshold", "target_tpr"]) {
      const [known, field] = [this.#known.get(name), byId(name)];
      if (known && field !== document.activeElement) field.value = shown(known);
      if (known) field.parentNode.title = about(known);
    }
    const score = this.#known.get("score");
    if (!score) return;
    const field = byId("score");
    if (field.options.length !== score.choices.length) {
      field.replaceChildren(...score.choices.map((each) => element("option", { value: each }, each)));
    }
    field.value = score.value;
  }

  // For what sets parameters without a field of its own; the refusal stands on the card.
  async change(name, value) {
    const answer = await this.#link.set(name, value);
    write(byId("threshold-refusal"), answer.done ? "" : answer.reason);
    return answer;
  }

  async #set(name, value, refusal, field) {
    const answer = await this.#link.set(name, value);
    write(refusal, answer.done ? "" : `${answer.reason}.`);
    field.classList.toggle("refused", !answer.done);
    const known = this.#known.get(name);
    if (!answer.done && known && field !== document.activeElement) put(known, field);
  }

  #filter() {
    const wanted = byId("filter").value.trim().toLowerCase();
    for (const [name, row] of this.#rows) row.node.hidden = !name.includes(wanted);
  }
}

function control(parameter, id) {
  const attributes = { id, disabled: !parameter.live };
  if (parameter.kind === "bool") return element("input", { ...attributes, type: "checkbox" });
  if (parameter.choices.length) {
    return element("select", attributes, ...parameter.choices.map((each) => element("option", { value: each }, each)));
  }
  if (parameter.kind === "int" || parameter.kind === "float") {
    return element("input", { ...attributes, type: "number", step: "any" });
  }
  return element("input", { ...attributes, type: "text", spellcheck: "false" });
}

function about(parameter) {
  const bounds = parameter.low === null ? "" : ` [${short(parameter.low)} … ${short(parameter.high)}]`;
  return `${parameter.description}${bounds}`;
}

const short = (value) => (Math.abs(value) >= 1e6 ? value.toExponential(0).replace("+", "") : String(value));

function shown(parameter) {
  if (parameter.kind === "list") return parameter.value.join(", ");
  return parameter.kind === "float" ? Number(parameter.value.toPrecision(7)) : parameter.value;
}

function put(parameter, field) {
  if (field.type === "checkbox") field.checked = parameter.value;
  else if (field.value !== String(shown(parameter))) field.value = shown(parameter);
}

function read(parameter, field) {
  if (parameter.kind === "bool") return field.checked;
  if (parameter.kind === "list") return field.value.split(",").map((each) => each.trim()).filter(Boolean);
  return parameter.kind === "int" || parameter.kind === "float" ? number(field.value) : field.value;
}

// What is no number is sent as it is: the refusal says so.
const number = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));

const signature = ({ value, ...rest }) => JSON.stringify(rest);
