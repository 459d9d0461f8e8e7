// The page: which phones are on it, and how it learns what happens.

import { changePhone } from "./api.js";
import { h, phoneText } from "./dom.js";
import { follow } from "./feed.js";
import { icon } from "./icons.js";
import { Phone } from "./phone.js";
import { attempt, field, formOf } from "./sheet.js";
import { Store } from "./store.js";

const KEY = "waypost-handset-phones";
const SHOWN_AT_FIRST = 3;
const SHOWN_MAX = 12;
const byId = (id) => document.getElementById(id);
const store = new Store();
const phones = new Map();
let shown = [];
let active = null;
let stopFeed = () => {};

function remembered() {
  const named = new URLSearchParams(location.search).getAll("phone").map((one) => one.replace(/\D/g, ""));
  if (named.some(Boolean)) return named.filter(Boolean).slice(0, SHOWN_MAX);
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(kept) ? kept.filter((one) => /^\d{5,20}$/.test(one)).slice(0, SHOWN_MAX) : null;
  } catch {
    return null;
  }
}

function remember() {
  try {
    localStorage.setItem(KEY, JSON.stringify(shown));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

async function start() {
  const kept = remembered();
  await attempt(() => store.loadDirectory(kept ?? []));
  shown = (kept ?? [...store.phones.keys()].slice(0, SHOWN_AT_FIRST)).filter((number) => store.phones.has(number));
  if (kept && shown.length === 0) shown = [...store.phones.keys()].slice(0, SHOWN_AT_FIRST);
  store.addEventListener("change", (event) => refresh(event.detail));
  layOut();
}

function show(number) {
  if (!shown.includes(number)) shown = [...shown, number].slice(-SHOWN_MAX);
  active = number;
  remember();
  layOut();
}

function hide(number) {
  shown = shown.filter((one) => one !== number);
  phones.get(number)?.element.remove();
  phones.delete(number);
  store.forget(number);
  remember();
  layOut();
}

function layOut() {
  for (const number of [...phones.keys()]) {
    if (!shown.includes(number)) (phones.get(number).element.remove(), phones.delete(number));
  }
  for (const number of shown) {
    if (!phones.has(number)) {
      const phone = new Phone({ store, number, remove: () => hide(number) });
      phones.set(number, phone);
      byId("phones").append(phone.element);
    }
  }
  byId("phones").querySelector(".empty")?.remove();
  if (shown.length === 0) byId("phones").append(emptyState());
  if (!shown.includes(active)) active = shown[0] ?? null;
  drawSwitcher();
  connect();
}

function connect() {
  stopFeed();
  stopFeed = follow(shown, {
    on: (name, data) => {
      if (name === "messages") store.take(data.messages);
      else if (name === "directory") readDirectorySoon();
      else readAll();
    },
    state: (word, text) => {
      byId("live").textContent = text;
      byId("live").dataset.state = word;
    },
  });
}

function readAll() {
  return attempt(async () => {
    await store.loadDirectory(shown);
    await Promise.all(shown.map((number) => store.loadThread(number)));
  });
}

let isDirectoryDue = false;

function readDirectorySoon() {
  if (isDirectoryDue) return;
  isDirectoryDue = true;
  setTimeout(() => {
    isDirectoryDue = false;
    attempt(() => store.loadDirectory(shown));
  }, 100);
}

function refresh({ what, number }) {
  byId("inspector").hidden = !store.hasInspector;
  if (what === "thread") phones.get(number)?.refresh();
  else {
    for (const phone of phones.values()) phone.refresh();
    const [first] = store.phones.keys();
    if (shown.length === 0 && first && remembered() === null) return show(first);
  }
  return drawSwitcher();
}

function drawSwitcher() {
  const buttons = shown.map((number) => {
    const name = store.phones.get(number)?.name ?? phoneText(number);
    const unread = phones.get(number)?.unread;
    const count = unread ? [h("span", { class: "count" }, String(unread), h("span", { class: "hidden" }, " unread"))] : [];
    const choose = () => {
      active = number;
      drawSwitcher();
    };
    return h("button", { type: "button", "aria-pressed": String(number === active), onclick: choose, "data-number": number }, h("span", { dir: "auto" }, name), count);
  });
  const focused = document.activeElement?.dataset?.number;
  byId("switcher").hidden = shown.length < 2;
  byId("switcher").replaceChildren(...buttons);
  if (focused) byId("switcher").querySelector(`[data-number="${focused}"]`)?.focus();
  for (const [number, phone] of phones) phone.element.classList.toggle("is-active", number === active);
}

function emptyState() {
  return h(
    "div",
    { class: "empty" },
    h("span", { class: "empty-mark", "aria-hidden": "true" }, icon("contact")),
    h("h2", {}, "No phone yet"),
    h("p", {}, "Be the customer: add a phone, write to the business, and see its messages arrive with their ticks."),
    h("button", { type: "button", class: "primary", onclick: addPhone }, "Add a phone"),
  );
}

function addPhone() {
  const taken = new Set([...store.phones.keys(), ...store.numbers.map((one) => one.digits)]);
  const free = Array.from({ length: 100 }, (_, index) => `120255501${String(index).padStart(2, "0")}`).find((one, index) => index >= 43 && !taken.has(one));
  const number = field("Number, with the country code", { type: "tel", required: true, value: phoneText(free ?? "12025550143"), autocomplete: "off" });
  const name = field("Name", { required: true, maxlength: 100, placeholder: "What the business sees", autocomplete: "off" });
  const submit = async () => {
    const digits = number.input.value.replace(/\D/g, "");
    await changePhone(digits, { name: name.input.value });
    await store.loadDirectory([...shown, digits]);
    dialog.close();
    show(digits);
  };
  const others = [...store.phones.values()].filter((phone) => !shown.includes(phone.number)).slice(0, 50);
  const pick = (one) => () => {
    dialog.close();
    show(one.number);
  };
  const rows = others.map((one) => h("li", {}, h("button", { type: "button", class: "choice", onclick: pick(one) }, icon("contact"), h("span", { class: "file-text" }, h("span", { dir: "auto" }, one.name), h("span", { class: "about" }, phoneText(one.number))))));
  const close = h("button", { type: "button", class: "round", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "add-title" },
    h("header", {}, h("h2", { id: "add-title" }, "Add a phone"), close),
    formOf([name.row, number.row], "Add", submit),
    rows.length ? [h("h3", {}, "Or show one that is there"), h("ul", { class: "picks" }, rows)] : null,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function drawTheme() {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  byId("theme").replaceChildren(icon(isDark ? "sun" : "moon"));
  byId("theme").setAttribute("aria-label", isDark ? "Use light colours" : "Use dark colours");
  return isDark;
}

byId("theme").addEventListener("click", () => {
  const theme = drawTheme() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("waypost-theme", theme);
  } catch {
    // As above: it lasts as long as the page.
  }
  drawTheme();
});
window.addEventListener("storage", (event) => {
  if (event.key !== "waypost-theme") return;
  document.documentElement.dataset.theme = event.newValue ?? "";
  drawTheme();
});
byId("add").prepend(icon("add"));
byId("add").addEventListener("click", addPhone);
drawTheme();
// Typing ends, days change, and clocks go on without anybody telling.
setInterval(() => phones.forEach((phone) => phone.refresh()), 5000);
start();
