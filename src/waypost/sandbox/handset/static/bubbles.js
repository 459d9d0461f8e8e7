// One message as it stands in the chat.

import { card, placeOf } from "./cards.js";
import { h, initials, phoneText, webAddress } from "./dom.js";
import { icon, ticks } from "./icons.js";
import { audio, documentRow, picture, sticker, video } from "./media.js";
import { isEmojiOnly, pageLink, rich } from "./richtext.js";
import { summary } from "./summary.js";
import { clock, full } from "./times.js";

const STATES = { sent: "Sent", delivered: "Delivered to the business", read: "Read by the business" };

// Keeps the element of one message, and changes in it only what has changed: a video that plays goes on.
export class Bubble {
  #drawn = "";
  #foot = h("span", { class: "foot" });
  #reactions = h("ul", { class: "reactions", "aria-label": "Reactions" });

  constructor({ press, act, quoted }) {
    this.#press = press;
    this.#act = act;
    this.#quoted = quoted;
    this.element = h("div", { class: "row" });
  }

  #press;
  #act;
  #quoted;

  show(message) {
    this.message = message;
    const quote = message.reply_to ? this.#quoted(message.reply_to) : null;
    const drawn = JSON.stringify([message.content, message.state === "failed", quote?.id, message.author, message.edited]);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#draw(message, quote);
    }
    this.#showFoot(message);
  }

  #draw(message, quote) {
    const { content } = message;
    this.element.dataset.message = message.id;
    this.element.dataset.kind = content.kind;
    if (content.kind === "notice" || content.kind === "system") {
      this.element.className = "row is-note";
      this.element.replaceChildren(h("p", { class: "notice" }, content.text));
      return;
    }
    if (message.state === "failed") {
      this.element.className = "row is-note";
      this.element.replaceChildren(failure(message));
      return;
    }
    const { parts, buttons = null, cards = null, bare = false } = inside(message, (button) => this.#press(message, button));
    this.element.className = `row ${message.mine ? "is-mine" : "is-theirs"} ${bare ? "is-bare" : ""}`;
    const author = message.author ? h("strong", { class: "author", dir: "auto" }, message.author.name) : null;
    const forwarded = message.forwarded ? h("p", { class: "about" }, icon("reply"), "Forwarded") : null;
    const menu = h("button", { type: "button", class: "more", "aria-label": `Reply or react: ${summary(message).slice(0, 60)}`, "aria-haspopup": "dialog", onclick: () => this.#act(this.message) }, icon("face"));
    const who = h("span", { class: "hidden" }, message.mine ? "You: " : message.author ? "" : "The business: ");
    const box = h("div", { class: "bubble" }, who, author, forwarded, quote ? quotation(quote) : null, parts, this.#foot);
    const body = h("div", { class: "body" }, box, buttons, cards, this.#reactions);
    this.element.replaceChildren(...(content.kind === "revoked" ? [body] : [body, menu]));
  }

  #showFoot(message) {
    const time = h("time", { datetime: new Date(message.time_ms).toISOString(), title: full(message.time_ms) }, clock(message.time_ms));
    const edited = message.edited ? "Edited " : "";
    this.#foot.replaceChildren(edited, time, message.mine ? ticks(message.state, STATES[message.state]) : "");
    const all = [...message.reactions].map(([who, emoji]) => h("li", { title: who === "me" ? "You" : who === "business" ? "The business" : phoneText(who) }, emoji));
    this.#reactions.replaceChildren(...all);
    this.#reactions.hidden = all.length === 0;
    this.element.dataset.state = message.state;
  }
}

function inside(message, press) {
  const { content } = message;
  const caption = content.text ? h("div", { class: "text", dir: "auto" }, rich(content.text)) : null;
  switch (content.kind) {
    case "text":
      return { parts: [h("div", { class: isEmojiOnly(content.text) ? "text is-emoji" : "text", dir: "auto" }, rich(content.text))] };
    case "image":
      return { parts: [picture(content.media, content.text), caption] };
    case "video":
      return { parts: [video(content.media), caption] };
    case "audio":
      return { parts: [audio(content.media, content.voice)] };
    case "document":
      return { parts: [documentRow(content.media, content.name), caption] };
    case "sticker":
      return { parts: [sticker(content.media)], bare: true };
    case "location":
      return { parts: [placeOf(content)] };
    case "contacts":
      return { parts: content.contacts.map(contact) };
    case "card":
      return card(content, press);
    case "choice":
      return { parts: [h("div", { class: "text", dir: "auto" }, h("strong", {}, content.title), content.description ? h("span", { class: "about" }, content.description) : null)] };
    case "form":
      return { parts: [form(content)] };
    case "order":
      return { parts: [order(content), caption] };
    case "revoked":
      return { parts: [h("p", { class: "missing" }, icon("no"), "You deleted this message.")] };
    default:
      return { parts: [h("p", { class: "missing" }, icon("warn"), `A message of the kind “${content.type}” came. The handset cannot show it.`)] };
  }
}

function quotation(quoted) {
  const who = quoted.mine ? "You" : (quoted.author?.name ?? "The business");
  return h("div", { class: "quote" }, h("strong", { dir: "auto" }, quoted.content ? who : "Reply"), h("span", { dir: "auto" }, quoted.content ? summary(quoted) : "To a message that is not here"));
}

function failure(message) {
  const { code, text } = message.failure;
  return h(
    "div",
    { class: "failure" },
    icon("warn"),
    h("p", {}, h("strong", {}, `Not delivered (${code}): `), text),
    h("p", { class: "about" }, "A real phone shows nothing here. ", h("time", { datetime: new Date(message.time_ms).toISOString() }, clock(message.time_ms))),
  );
}

function contact(one) {
  const links = one.urls.map((url) => (webAddress(url) ? pageLink(webAddress(url), url) : h("span", {}, url)));
  const lines = [
    ...one.phones.map((phone) => [phone.phone, phone.type ? phone.type.toLowerCase() : ""].filter(Boolean).join(" · ")),
    ...one.emails,
    ...one.addresses,
    ...(one.birthday ? [`Birthday ${one.birthday}`] : []),
  ];
  return h(
    "div",
    { class: "contact" },
    h("span", { class: "avatar", "aria-hidden": "true" }, initials(one.name)),
    h("div", { class: "file-text" }, h("strong", { dir: "auto" }, one.name), one.org ? h("span", { class: "about", dir: "auto" }, one.org) : null, lines.map((line) => h("span", { dir: "auto" }, line)), links),
  );
}

function form(content) {
  const rows = Object.entries(content.values).map(([name, value]) => [h("dt", {}, name), h("dd", { dir: "auto" }, value)]);
  return h("div", { class: "form-answer" }, h("strong", {}, icon("form"), " ", content.title), rows.length ? h("dl", {}, rows) : null);
}

function order(content) {
  const rows = content.items.map((item) => h("li", { class: "product" }, h("span", { class: "sheet-icon", "aria-hidden": "true" }, icon("bag")), h("span", { class: "file-text" }, h("bdi", { class: "file-name" }, item.product_retailer_id), h("span", { class: "about" }, `${item.quantity || 1} × ${item.item_price || 0} ${item.currency}`))));
  return h("ul", { class: "products", "aria-label": "Order" }, rows);
}
