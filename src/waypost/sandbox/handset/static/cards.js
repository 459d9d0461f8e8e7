// Templates and interactive messages: header, text, footer, buttons, carousels, products.

import { h, phoneText, plainName, toast, webAddress } from "./dom.js";
import { icon } from "./icons.js";
import { mapTile } from "./map.js";
import { documentRow, picture, video } from "./media.js";
import { pageLink, rich } from "./richtext.js";

const BUTTON_ICONS = { reply: "reply", url: "open", call: "call", copy: "copy", list: "list", form: "form", address: "pin", place: "pin", order: "bag", share: "contact", nothing: "warn" };

// Return the parts of a card. `press(button)` is called for a button that the sandbox has to answer.
export function card(content, press) {
  const parts = [
    content.header ? header(content.header) : null,
    content.offer ? offer(content.offer) : null,
    content.products?.length ? products(content.products) : null,
    content.body ? h("div", { class: "text", dir: "auto" }, rich(content.body)) : null,
    content.note ? h("p", { class: "note" }, icon("warn"), h("span", {}, content.note)) : null,
    content.footer ? h("p", { class: "footer", dir: "auto" }, content.footer) : null,
  ];
  const buttons = (content.buttons ?? []).map((button) => pressable(button, press));
  return {
    parts: parts.filter(Boolean),
    buttons: buttons.length ? h("div", { class: "buttons" }, buttons) : null,
    cards: content.cards?.length ? carousel(content.cards, press) : null,
  };
}

function header(one) {
  if (one.kind === "text") return h("p", { class: "header", dir: "auto" }, one.text);
  if (one.kind === "image") return picture(one.media, "");
  if (one.kind === "video") return video(one.media);
  if (one.kind === "location") return placeOf(one);
  return documentRow(one.media, plainName(one.name || "Document"));
}

export function placeOf(one) {
  const [name, address] = [one.name, one.address];
  return h(
    "div",
    { class: "place" },
    mapTile(one.latitude, one.longitude),
    name ? h("strong", { dir: "auto" }, name) : null,
    address ? h("span", { dir: "auto" }, address) : null,
    h("span", { class: "about" }, `${Number(one.latitude).toFixed(5)}, ${Number(one.longitude).toFixed(5)}`),
    one.url ? (webAddress(one.url) ? pageLink(webAddress(one.url), one.url) : h("span", {}, one.url)) : null,
  );
}

function offer(one) {
  const ends = one.ends_ms ? `Ends ${new Date(one.ends_ms).toLocaleString()}` : "";
  return h("p", { class: "offer" }, h("strong", {}, one.text || "Limited offer"), ends ? h("span", { class: "about" }, ends) : null);
}

function products(all) {
  const rows = [];
  let section = "";
  for (const one of all) {
    if (one.section && one.section !== section) rows.push(h("li", { class: "section" }, one.section));
    section = one.section;
    const about = one.catalog ? `Catalogue ${one.catalog}` : "Catalogue of the business";
    rows.push(h("li", { class: "product" }, h("span", { class: "sheet-icon", "aria-hidden": "true" }, icon("bag")), h("span", { class: "file-text" }, h("bdi", { class: "file-name" }, one.id), h("span", { class: "about" }, about))));
  }
  return h("ul", { class: "products" }, rows);
}

function carousel(cards, press) {
  const shown = cards.map((one, index) => {
    const { parts, buttons } = card(one, press);
    return h("li", { class: "card", "aria-label": `Card ${index + 1} of ${cards.length}` }, h("div", { class: "card-parts" }, parts), buttons);
  });
  return h("ul", { class: "carousel", tabindex: 0, "aria-label": "Cards, to be moved sideways" }, shown);
}

function pressable(button, press) {
  const inside = [icon(BUTTON_ICONS[button.does] ?? "reply"), h("span", { dir: "auto" }, button.label || "Button")];
  if (button.does === "url") {
    const url = webAddress(button.url);
    if (url) return pageLink(url, inside, { class: "press", title: url });
    return h("button", { type: "button", class: "press", onclick: () => toast("This address is no page on the web.", button.url) }, inside);
  }
  if (button.does === "call") {
    const digits = button.phone.replace(/[^0-9]/g, "");
    return h("a", { class: "press", href: `tel:+${digits}`, title: phoneText(digits) }, inside);
  }
  const act = { copy: () => copy(button.code), nothing: () => toast(button.why) }[button.does] ?? (() => press(button));
  return h("button", { type: "button", class: "press", onclick: act, "aria-haspopup": ["list", "form", "address", "place", "order"].includes(button.does) ? "dialog" : null }, inside);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", text);
  } catch {
    // Clipboards are for secure pages only; the text is shown to be copied by hand.
    toast("The browser does not let this page copy.", text);
  }
}
