"use strict";
// What every page does: themes, times in the viewer's zone, sorting, copying, questions before risky buttons, live parts.

const zoned = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.textContent = zoned.format(moment);
    element.title = element.dateTime;
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameTheme() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
  }
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("waypost-theme", theme);
  nameTheme();
  window.waypostCharts.draw(document);
}

function sortedBy(cell) {
  const text = cell.dataset.sort ?? cell.textContent.trim();
  const number = Number(text.replace(/[\u202f,]/g, ""));
  return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
}

function sortTable(button) {
  const head = button.closest("th");
  const place = head.cellIndex;
  const rising = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const body = head.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [sortedBy(row.cells[place]), row]);
  rows.sort(([a], [b]) => {
    const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    return rising ? order : -order;
  });
  body.append(...rows.map(([, row]) => row));
}

async function copyText(button) {
  const text = button.parentElement.querySelector("code").textContent;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
}

// The stream is open only while the page is looked at: browsers allow few connections to one host.
let stream = null;

function listen() {
  const url = document.body.dataset.liveUrl;
  if (!url || stream || document.hidden || !document.querySelector("[data-live]")) return;
  stream = new EventSource(url);
  const sign = document.getElementById("live");
  stream.addEventListener("open", () => { if (sign) sign.hidden = false; });
  stream.addEventListener("changed", () => htmx.trigger(document.body, "changed"));
  stream.addEventListener("error", () => {
    if (sign) sign.hidden = true;
    // A refusal ends the stream for good, and a sleeping laptop's is broken: begin anew in a while.
    if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(listen, 10000); }
  });
}

function stopListening() {
  if (!stream) return;
  stream.close();
  stream = null;
}

document.addEventListener("click", (event) => {
  const target = event.target;
  if (!(target instanceof Element)) return;
  const sort = target.closest("button.sort");
  if (sort) sortTable(sort);
  const copy = target.closest("[data-copy]");
  if (copy) copyText(copy);
  if (target.closest("[data-theme-switch]")) switchTheme();
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !confirm(question)) { event.preventDefault(); event.stopImmediatePropagation(); }
}, true);
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});
// Fields for a time hold UTC as they come and as they go; here they are the viewer's own time.
function showMomentFields(root) {
  for (const field of root.querySelectorAll("input[data-moment]:not([data-zoned])")) {
    field.dataset.zoned = "";
    if (!field.value) continue;
    const moment = new Date(field.value + "Z");
    moment.setMinutes(moment.getMinutes() - moment.getTimezoneOffset());
    field.value = moment.toISOString().slice(0, 19);
  }
}

document.addEventListener("formdata", (event) => {
  for (const field of event.target.querySelectorAll("input[data-moment][data-zoned]")) {
    if (!field.name || !field.value) continue;
    const moment = new Date(field.value);
    if (!Number.isNaN(moment.getTime())) event.formData.set(field.name, moment.toISOString().slice(0, 19));
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stopListening(); return; }
  listen();
  if (document.querySelector("[data-live]")) htmx.trigger(document.body, "changed");
});
addEventListener("pagehide", stopListening);
document.addEventListener("htmx:configRequest", (event) => {
  const version = event.detail.elt.dataset.version;
  if (version) event.detail.headers["X-Fragment"] = version;
});
// What a visitor has opened or typed stays so while the part around it is fetched anew.
if (window.Idiomorph) {
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => !(name === "open" && element.matches("details"));
}
document.addEventListener("htmx:beforeRequest", (event) => {
  // What a page fetches by itself must not take away what its visitor is still reading.
  if (!event.detail.elt.matches("[data-live]")) document.getElementById("problems")?.replaceChildren();
});
document.addEventListener("htmx:afterSwap", (event) => {
  showTimes(event.detail.target.parentElement ?? document);
  showMomentFields(event.detail.target.parentElement ?? document);
  window.waypostCharts.draw(event.detail.target.parentElement ?? document);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { nameTheme(); window.waypostCharts.draw(document); });
showTimes(document);
showMomentFields(document);
nameTheme();
window.waypostCharts.draw(document);
listen();
