// One phone: its frame, its list of chats, and the chat that is open.

import { changePhone, endWindows, joinGroup } from "./api.js";
import { Chat } from "./chat.js";
import { h, initials, phoneText, place, toast } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, choice, field, formOf, Sheets, toggle } from "./sheet.js";
import { ICONS } from "./summary.js";
import { clock, listed } from "./times.js";

const READS = [
  ["auto", "as they come"],
  ["manual", "when I say so"],
  ["never", "never"],
];

export class Phone {
  #store;
  #chat = null;
  #hasOpened = false;
  #rows = new Map();

  constructor({ store, number, remove }) {
    this.#store = store;
    this.number = number;
    this.#build(remove);
    this.refresh();
  }

  #build(remove) {
    const { number } = this;
    this.name = h("h2", { dir: "auto", id: `phone-${number}` });
    const settings = () => this.#settings(remove);
    const caption = h(
      "div",
      { class: "caption" },
      h("div", { class: "file-text" }, this.name, h("span", { class: "about" }, phoneText(number))),
      h("button", { type: "button", class: "round", "aria-label": "Settings of this phone", "aria-haspopup": "dialog", onclick: settings }, icon("gear")),
    );
    this.airplane = h("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => this.#change({ online: !this.#phone.online }) }, icon("airplane"), "Airplane mode");
    const reads = field("Reads", { value: "auto", onchange: () => this.#change({ reads: reads.input.value }) }, { tag: "select", options: READS });
    this.reads = reads.input;
    const strip = h("div", { class: "strip" }, this.airplane, reads.row);
    this.time = h("span", {});
    this.signal = h("span", { class: "signal" });
    const status = h("div", { class: "statusbar", "aria-hidden": "true" }, this.time, this.signal);
    this.list = h("ul", { class: "chats" });
    this.listPane = h(
      "div",
      { class: "pane list" },
      h("header", { class: "list-head" }, h("h3", {}, "Chats"), h("button", { type: "button", class: "round", "aria-label": "Join a group by its link", "aria-haspopup": "dialog", onclick: () => this.#join() }, icon("link"))),
      this.list,
    );
    this.panes = h("div", { class: "panes" }, this.listPane);
    const layer = h("div", { class: "layer", hidden: true });
    this.sheets = new Sheets(layer, [this.panes]);
    this.element = h("section", { class: "phone", "aria-labelledby": `phone-${number}`, "data-phone": number }, caption, h("div", { class: "frame" }, h("div", { class: "screen" }, status, this.panes, layer)), strip);
    this.listBack = h("li", { class: "notice" }, "There is no business number yet. Connect a gateway to this sandbox, or make one: PUT /sandbox/numbers/110000000000001.");
  }

  get #phone() {
    return this.#store.phones.get(this.number) ?? { name: "", online: true, reads: "auto", blocked: [], on_whatsapp: true, opted_out: "no" };
  }

  #change(changes) {
    return attempt(() => changePhone(this.number, changes));
  }

  get openChat() {
    return this.#chat?.id ?? null;
  }

  open(id, isFocused = true) {
    this.#hasOpened = true;
    this.close();
    const chat = new Chat({ store: this.#store, number: this.number, id, sheets: this.sheets, back: () => this.close(true) });
    this.#chat = { id, chat };
    this.listPane.hidden = true;
    this.panes.append(chat.element);
    chat.toEnd();
    if (isFocused) chat.input.focus({ preventScroll: true });
  }

  close(isFocused = false) {
    if (!this.#chat) return;
    const { id, chat } = this.#chat;
    chat.element.remove();
    this.#chat = null;
    this.listPane.hidden = false;
    this.refresh();
    if (isFocused) this.#rows.get(id)?.querySelector("button").focus({ preventScroll: true });
  }

  refresh() {
    const phone = this.#phone;
    this.name.textContent = phone.name;
    this.airplane.setAttribute("aria-pressed", String(!phone.online));
    if (document.activeElement !== this.reads) this.reads.value = phone.reads;
    this.signal.replaceChildren(phone.online ? "●●●●" : icon("airplane"));
    this.time.textContent = clock(Date.now());
    this.element.classList.toggle("is-offline", !phone.online);
    const chats = this.#store.chats(this.number);
    for (const chat of chats) {
      if (!this.#rows.has(chat.id)) this.#rows.set(chat.id, h("li", {}));
      this.#drawRow(this.#rows.get(chat.id), chat, phone);
    }
    // Rows that move would lose the focus: it stays on the chat that had it.
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    place(this.list, chats.length ? chats.map((chat) => this.#rows.get(chat.id)) : [this.listBack]);
    focused?.focus({ preventScroll: true });
    this.unread = chats.reduce((sum, chat) => sum + chat.unread, 0);
    this.#chat?.chat.refresh();
    // A phone with one conversation shows it: there is nothing to choose.
    if (!this.#hasOpened && chats.length === 1) this.open(chats[0].id, false);
  }

  #drawRow(row, chat, phone) {
    const drawn = JSON.stringify([chat.title, chat.preview, chat.last?.id, chat.unread, chat.isTyping, phone.blocked]);
    if (row.dataset.drawn === drawn) return;
    row.dataset.drawn = drawn;
    const kind = chat.last ? ICONS[chat.last.content.kind] : null;
    const preview = chat.isTyping ? h("span", { class: "is-typing" }, "typing…") : h("span", { class: "preview", dir: "auto" }, kind ? icon(kind) : null, chat.preview || (chat.kind === "group" ? "No messages yet" : "Write to this business"));
    const inside = [
      h("span", { class: "avatar", "aria-hidden": "true" }, chat.kind === "group" ? icon("group") : initials(chat.title)),
      h("span", { class: "file-text" }, h("strong", { dir: "auto" }, chat.title), preview),
      h("span", { class: "row-end" }, chat.last ? h("time", { datetime: new Date(chat.last.time_ms).toISOString() }, listed(chat.last.time_ms)) : "", chat.unread ? h("span", { class: "count" }, String(chat.unread), h("span", { class: "hidden" }, " unread")) : ""),
    ];
    const button = row.querySelector("button");
    if (button) button.replaceChildren(...inside);
    else row.replaceChildren(h("button", { type: "button", onclick: () => this.open(chat.id) }, inside));
  }

  #join() {
    const link = field("Invite link", { required: true, placeholder: "https://chat.whatsapp.com/…", autocomplete: "off" });
    const submit = async () => {
      const code = link.input.value.trim().replace(/[?#].*$/, "").replace(/\/+$/, "").split("/").at(-1);
      const group = await joinGroup(code, this.number);
      this.sheets.close();
      toast(group.join_request_id ? "Asked to join: the business decides." : `Joined ${group.subject}.`);
    };
    this.sheets.open("Join a group", formOf([link.row, h("p", { class: "about" }, "The business gets the link of a group from the gateway.")], "Join", submit));
  }

  #settings(remove) {
    const phone = this.#phone;
    const name = field("Name", { value: phone.name, required: true, maxlength: 100, autocomplete: "off" });
    const reads = field("Reads messages", { value: phone.reads, onchange: () => this.#change({ reads: reads.input.value }) }, { tag: "select", options: READS });
    const marketing = field("Wants", { value: phone.opted_out, onchange: () => this.#change({ opted_out: marketing.input.value }) }, { tag: "select", options: [["no", "everything"], ["marketing", "no marketing"], ["all", "nothing from businesses"]] });
    const rename = async () => {
      await changePhone(this.number, { name: name.input.value });
      toast("Renamed.");
    };
    const forget = () => attempt(async () => (await endWindows(this.number), toast("The 24 hours are over: only templates arrive now.")));
    this.sheets.open(
      "This phone",
      toggle("airplane", "Airplane mode", !phone.online, (on) => this.#change({ online: !on }), "Messages wait outside."),
      toggle("no", "Not on WhatsApp", !phone.on_whatsapp, (on) => this.#change({ on_whatsapp: !on }), "Messages to it fail."),
      reads.row,
      marketing.row,
      formOf([name.row], "Rename", rename),
      choice("warn", "End the 24-hour window", forget, { about: "As if a day had passed since the customer wrote." }),
      choice("close", "Take this phone off the screen", () => (this.sheets.close(), remove()), { about: "It goes on, and can be added again." }),
    );
  }
}
