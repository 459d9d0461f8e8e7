"use strict";
const rows = document.getElementById("rows");
const table = document.getElementById("table");
const state = document.getElementById("state");
const filter = document.getElementById("filter");
const pause = document.getElementById("pause");
let shown = "";
let paused = false;

function summary(event) {
  const body = event.body;
  if (event.kind === "event") {
    return body.delivery_status.map((one) => `${one.status} ${one.ncmessage_id}`).join("\n");
  }
  if (event.kind === "notice") {
    return body.notice.map((one) => `${one.type} of ${one.subject_id}`).join("\n");
  }
  if (event.kind === "incoming") {
    return body.incoming_message.map((one) => `${one.message_type} from ${one.from}`).join("\n");
  }
  return body && typeof body === "object" ? Object.keys(body).join(", ") : String(body).slice(0, 200);
}

function cell(row, name, text, style) {
  const element = row.insertCell();
  element.dataset.name = name;
  element.textContent = text;
  if (style) element.className = style;
  return element;
}

function rowOf(event) {
  const row = document.createElement("tr");
  cell(row, "Time", event.time.slice(11, 23));
  cell(row, "Kind", event.kind);
  const what = cell(row, "What", "");
  const details = document.createElement("details");
  const head = document.createElement("summary");
  const full = document.createElement("pre");
  head.textContent = summary(event);
  full.textContent = JSON.stringify({ headers: event.headers, body: event.body }, null, 2);
  details.append(head, full);
  what.append(details);
  const judged = { true: "good", false: "bad", null: "not judged" };
  cell(row, "Signature", judged[event.verified] + (event.reason ? ": " + event.reason : ""),
    event.verified === null ? "soft" : event.verified ? "good" : "bad");
  cell(row, "Answered", event.answered, event.answered === 200 ? "good" : "bad");
  cell(row, "Path", event.path);
  return row;
}

function words(page) {
  if (page.total === 0) return "Nothing has come yet.";
  if (page.events.length === 0) return `None of the ${page.total} kept is like that.`;
  return `${page.total} kept.`;
}

async function refresh() {
  if (paused || rows.querySelector("details[open]")) return;
  const query = new URLSearchParams({ order: "newest", limit: "100" });
  for (const [name, value] of new FormData(filter)) if (value.trim()) query.set(name, value.trim());
  try {
    const answer = await fetch("/inspector/events?" + query);
    const text = await answer.text();
    if (text === shown) return;
    shown = text;
    const page = JSON.parse(text);
    rows.replaceChildren(...page.events.map(rowOf));
    table.hidden = page.events.length === 0;
    state.textContent = words(page);
  } catch {
    state.textContent = "The inspector does not answer.";
    shown = "";
  }
}

filter.addEventListener("input", refresh);
filter.addEventListener("submit", (event) => event.preventDefault());
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Go on" : "Pause";
  pause.setAttribute("aria-pressed", String(paused));
});
document.getElementById("clear").addEventListener("click", async () => {
  await fetch("/inspector/events", { method: "DELETE" });
  refresh();
});
refresh();
setInterval(refresh, 1000);
