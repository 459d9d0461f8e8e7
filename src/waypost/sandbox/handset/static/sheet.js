// Sheets that slide over one phone, while the other phones stay usable.

import { h, toast } from "./dom.js";
import { icon } from "./icons.js";

let sequence = 0;

export class Sheets {
  #layer;
  #behind;
  #open = null;

  // `layer` holds the sheet; `behind` are the elements that cannot be used meanwhile.
  constructor(layer, behind) {
    this.#layer = layer;
    this.#behind = behind;
    layer.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    layer.addEventListener("click", (event) => event.target === layer && this.close());
  }

  open(title, ...content) {
    this.close();
    const from = document.activeElement;
    const id = `sheet-${(sequence += 1)}`;
    const close = h("button", { type: "button", class: "round", "aria-label": "Close", onclick: () => this.close() }, icon("close"));
    const sheet = h("section", { class: "sheet", role: "dialog", "aria-labelledby": id }, h("header", {}, h("h3", { id }, title), close), h("div", { class: "sheet-body" }, content));
    this.#layer.replaceChildren(sheet);
    this.#layer.hidden = false;
    for (const element of this.#behind) element.inert = true;
    this.#open = { from };
    (sheet.querySelector("[data-first], input:not([type=hidden]), select, textarea, .sheet-body button, .sheet-body a") ?? close).focus({ preventScroll: true });
    return sheet;
  }

  close() {
    if (!this.#open) return;
    const { from } = this.#open;
    this.#open = null;
    this.#layer.hidden = true;
    this.#layer.replaceChildren();
    for (const element of this.#behind) element.inert = false;
    if (from?.isConnected) from.focus({ preventScroll: true });
  }
}

export function choice(name, label, act, { about = "", danger = false } = {}) {
  const text = h("span", { class: "file-text" }, h("span", { dir: "auto" }, label), about ? h("span", { class: "about", dir: "auto" }, about) : null);
  return h("button", { type: "button", class: danger ? "choice is-danger" : "choice", onclick: act }, name ? icon(name) : null, text);
}

let fields = 0;

export function field(label, attributes = {}, { tag = "input", options = [] } = {}) {
  const id = `field-${(fields += 1)}`;
  const input = h(tag, { id, ...attributes }, options.map(([value, text]) => h("option", { value }, text)));
  if (tag === "select" && attributes.value !== undefined) input.value = attributes.value;
  return { row: h("div", { class: "field" }, h("label", { for: id }, label), input), input };
}

export function toggle(name, label, checked, change, about = "") {
  const input = h("input", { type: "checkbox", role: "switch", checked, onchange: () => change(input.checked) });
  return h("label", { class: "toggle" }, icon(name), h("span", { class: "file-text" }, h("span", {}, label), about ? h("span", { class: "about" }, about) : null), input);
}

// A form whose refusal is shown beside it, with what to do next.
export function formOf(fieldsets, label, submit) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { type: "submit", class: "primary" }, label);
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.hidden = true;
    try {
      await submit();
    } catch (error) {
      problem.textContent = `${error.message} ${error.hint ?? ""}`;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  return h("form", { class: "form", onsubmit: send }, fieldsets, problem, button);
}

// Do something and show its refusal, if any, for a moment.
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    toast(error.message, error.hint);
    return null;
  }
}
