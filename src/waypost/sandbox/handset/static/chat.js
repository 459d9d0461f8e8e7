// One chat on one phone: its messages, and where the customer writes.

import { changePhone, leaveGroup, readNow, write, writeFile } from "./api.js";
import { press } from "./answers.js";
import { attachSheet, fileSheet, kindOf } from "./attach.js";
import { Bubble } from "./bubbles.js";
import { copy } from "./cards.js";
import { h, initials, phoneText, place } from "./dom.js";
import { icon } from "./icons.js";
import { attempt, choice } from "./sheet.js";
import { isHere, isUnread } from "./store.js";
import { summary } from "./summary.js";
import { day, isSameDay } from "./times.js";

const EMOJIS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

export class Chat {
  #store;
  #number;
  #id;
  #sheets;
  #bubbles = new Map();
  #days = new Map();
  #replyTo = null;

  constructor({ store, number, id, sheets, back }) {
    this.#store = store;
    this.#number = number;
    this.#id = id;
    this.#sheets = sheets;
    this.#build(back);
    this.refresh();
  }

  #build(back) {
    this.title = h("strong", { dir: "auto" });
    this.subtitle = h("span", { class: "about" });
    this.avatar = h("span", { class: "avatar", "aria-hidden": "true" });
    const header = h(
      "header",
      { class: "chat-head" },
      h("button", { type: "button", class: "round back", "aria-label": "Back to the chats", onclick: back }, icon("back")),
      this.avatar,
      h("div", { class: "file-text" }, this.title, this.subtitle),
      h("button", { type: "button", class: "round", "aria-label": "About this chat", "aria-haspopup": "dialog", onclick: () => this.#about() }, icon("menu")),
    );
    this.notes = h("div", { class: "chat-notes" });
    this.log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "Messages", tabindex: 0 });
    this.earlier = h("button", { type: "button", class: "chip", onclick: () => attempt(() => this.#store.loadEarlier(this.#number)) }, "Show earlier messages");
    this.empty = h("p", { class: "notice" }, "Nothing here yet. Write first: for 24 hours after that the business may write whatever it likes; at other times only templates.");
    this.typing = h("div", { class: "row is-theirs typing", "aria-label": "The business is typing" }, h("span", {}), h("span", {}), h("span", {}));
    this.down = h("button", { type: "button", class: "round down", "aria-label": "To the newest message", hidden: true, onclick: () => this.toEnd() }, icon("back"));
    this.log.addEventListener("scroll", () => {
      const isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
      // Only who scrolls up leaves the end; a log that grows below does not.
      if (isAtEnd) this.#follow = true;
      else if (this.log.scrollTop < this.#top) this.#follow = false;
      this.#top = this.log.scrollTop;
      this.down.hidden = isAtEnd;
    });
    // Pictures and videos make the log longer once they are there.
    this.log.addEventListener("load", () => this.#follow && this.toEnd(), true);
    this.log.addEventListener("loadedmetadata", () => this.#follow && this.toEnd(), true);
    this.element = h("div", { class: "pane chat" }, header, this.notes, h("div", { class: "log-frame" }, this.log, this.down), this.#composer());
    this.element.addEventListener("dragover", (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#takeFile(event.dataTransfer.files[0]);
    });
  }

  #follow = true;
  #top = 0;

  #composer() {
    this.quoting = h("div", { class: "quoting", hidden: true });
    this.input = h("textarea", { rows: 1, placeholder: "Message", "aria-label": "Message", maxlength: 4096, dir: "auto" });
    const grow = () => {
      this.input.style.height = "auto";
      this.input.style.height = `${Math.min(this.input.scrollHeight, 120)}px`;
    };
    this.input.addEventListener("input", grow);
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.composer.requestSubmit();
      } else if (event.key === "Escape" && this.#replyTo) this.#reply(null);
    });
    this.input.addEventListener("paste", (event) => {
      const [file] = event.clipboardData.files;
      if (file) this.#takeFile(file);
    });
    const attach = h("button", { type: "button", class: "round", "aria-label": "Attach", "aria-haspopup": "dialog", onclick: () => attachSheet(this.#sheets, (message, file) => this.#send(message, file)) }, icon("add"));
    const send = h("button", { type: "submit", class: "round send", "aria-label": "Send" }, icon("send"));
    this.composer = h("form", { class: "composer" }, this.quoting, attach, this.input, send);
    this.composer.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = this.input.value;
      if (!text.trim()) return;
      this.input.value = "";
      grow();
      const sent = await attempt(() => this.#send({ type: "text", text: { body: text } }).then(() => true));
      if (!sent && !this.input.value) this.input.value = text;
    });
    return this.composer;
  }

  #takeFile(file) {
    if (file) fileSheet(this.#sheets, kindOf(file), file, (message, one) => this.#send(message, one));
  }

  // Write a message into this chat, as a reply if one was begun.
  async #send(message, file = null) {
    const whole = { ...this.#address(), ...message };
    if (this.#replyTo && message.type !== "reaction") {
      const { id, mine } = this.#replyTo;
      whole.context = mine ? { message_id: id, from: this.#number } : { message_id: id };
      this.#reply(null);
    }
    this.#follow = true;
    await (file ? writeFile(this.#number, whole, file) : write(this.#number, whole));
    this.toEnd();
  }

  #address() {
    const chat = this.#store.chat(this.#number, this.#id);
    return chat.kind === "group" ? { group_id: chat.name } : { to: chat.name };
  }

  async #answer(message, what, isThrown = false) {
    const { group_id } = this.#address();
    const call = () => write(this.#number, { ...(group_id ? { group_id } : {}), answer: { wamid: message.id, ...what } });
    this.#follow = true;
    return isThrown ? call() : attempt(call);
  }

  #reply(message) {
    this.#replyTo = message;
    this.quoting.hidden = !message;
    if (!message) return this.quoting.replaceChildren();
    const stop = h("button", { type: "button", class: "round", "aria-label": "Do not reply to this", onclick: () => this.#reply(null) }, icon("close"));
    this.quoting.replaceChildren(h("div", { class: "quote" }, h("strong", {}, message.mine ? "You" : (message.author?.name ?? "The business")), h("span", { dir: "auto" }, summary(message))), stop);
    return this.input.focus();
  }

  #act(message) {
    const done = (action) => () => {
      this.#sheets.close();
      return action();
    };
    const mine = message.reactions.get("me") ?? "";
    const react = (emoji) => done(() => attempt(() => this.#send({ type: "reaction", reaction: { message_id: message.id, emoji } })));
    const emojis = EMOJIS.map((emoji) => h("button", { type: "button", class: "emoji", "aria-label": `React with ${emoji}`, "aria-pressed": String(emoji === mine), onclick: react(emoji === mine ? "" : emoji) }, emoji));
    const { content } = message;
    const text = content.text || content.body || content.title || "";
    this.#sheets.open(
      "Message",
      h("div", { class: "emojis" }, emojis),
      mine ? choice("close", `Take ${mine} back`, react("")) : null,
      choice("reply", "Reply", done(() => this.#reply(message))),
      text ? choice("copy", "Copy the text", done(() => copy(text))) : null,
      message.mine ? choice("trash", "Delete for everyone", done(() => attempt(() => this.#send({ type: "revoke", revoke: { original_message_id: message.id } }))), { danger: true }) : null,
    );
  }

  #about() {
    const chat = this.#store.chat(this.#number, this.#id);
    const number = this.#number;
    const done = (action) => () => {
      this.#sheets.close();
      return attempt(action);
    };
    if (chat.kind === "group") {
      const { group } = chat;
      const isIn = group?.members.some((member) => member.number === number);
      const members = (group?.members ?? []).map((member) => h("li", { dir: "auto" }, member.name, h("span", { class: "about" }, ` ${phoneText(member.number)}`)));
      this.#sheets.open(
        chat.title,
        group?.description ? h("p", { dir: "auto" }, group.description) : null,
        h("h4", {}, `${members.length} in the group, beside the business`),
        h("ul", { class: "members" }, members),
        group && !group.is_deleted ? choice("link", "Copy the invite link", done(() => copy(group.invite_link)), { about: group.invite_link }) : null,
        isIn ? choice("leave", "Leave the group", done(() => leaveGroup(group.id, number)), { danger: true }) : null,
      );
      return;
    }
    const phone = this.#store.phones.get(number);
    const isBlocked = phone?.blocked.includes(chat.numberId);
    const blocked = (phone?.blocked ?? []).filter((one) => one !== chat.numberId);
    const blocks = isBlocked ? blocked : [...blocked, chat.numberId];
    this.#sheets.open(
      chat.title,
      h("p", { class: "about" }, chat.digits ? phoneText(chat.digits) : "", ` · number id ${chat.numberId}`),
      choice("no", isBlocked ? "Unblock this business" : "Block this business", done(() => changePhone(number, { blocks: blocks.length ? blocks : false })), { danger: !isBlocked, about: isBlocked ? "What waited will be delivered." : "What it sends will wait, undelivered." }),
    );
  }

  refresh() {
    const chat = this.#store.chat(this.#number, this.#id);
    const all = this.#store.bubbles(this.#number, this.#id);
    const shown = all.filter((message) => isHere(message) || message.state === "failed");
    this.title.textContent = chat.title;
    this.avatar.replaceChildren(chat.kind === "group" ? icon("group") : initials(chat.title));
    const isTyping = this.#store.isTyping(this.#number, this.#id);
    const members = chat.group ? chat.group.members.map((member) => (member.number === this.#number ? "You" : member.name)).join(", ") : "A group";
    this.subtitle.textContent = isTyping ? "typing…" : chat.kind === "group" ? members : phoneText(chat.digits);
    this.subtitle.classList.toggle("is-typing", isTyping);
    this.#showNotes(chat, all);
    place(this.log, [
      ...(this.#store.hasEarlier(this.#number) ? [this.earlier] : []),
      ...(shown.length ? this.#rows(shown) : [this.empty]),
      ...(isTyping ? [this.typing] : []),
    ]);
    if (this.#follow) this.toEnd();
    const isIn = chat.kind === "number" || chat.group?.members.some((member) => member.number === this.#number);
    this.composer.inert = !isIn || Boolean(chat.group?.is_deleted);
    this.composer.classList.toggle("is-off", this.composer.inert);
  }

  #rows(messages) {
    const rows = [];
    const known = new Set();
    let before = null;
    for (const message of messages) {
      known.add(message.id);
      if (!before || !isSameDay(before.time_ms, message.time_ms)) rows.push(this.#day(message.time_ms));
      let bubble = this.#bubbles.get(message.id);
      if (!bubble) {
        bubble = new Bubble({
          press: (one, button) => press(button, this.#sheets, (what, isThrown) => this.#answer(one, what, isThrown)),
          act: (one) => this.#act(one),
          quoted: (id) => this.#store.message(this.#number, id) ?? { id: "", content: null },
        });
        this.#bubbles.set(message.id, bubble);
      }
      bubble.show(message);
      bubble.element.classList.toggle("is-next", before !== null && before.mine === message.mine && before.author?.number === message.author?.number);
      rows.push(bubble.element);
      before = message;
    }
    for (const id of [...this.#bubbles.keys()]) if (!known.has(id)) this.#bubbles.delete(id);
    return rows;
  }

  #day(ms) {
    const label = day(ms);
    if (!this.#days.has(label)) this.#days.set(label, h("p", { class: "day" }, label));
    return this.#days.get(label);
  }

  #showNotes(chat, all) {
    const phone = this.#store.phones.get(this.#number);
    const waiting = all.filter((message) => message.state === "waiting").length;
    const unread = all.filter(isUnread);
    const isBlocked = phone?.blocked.includes(chat.numberId);
    const note = (name, text, action = null) => h("p", { class: "chat-note" }, icon(name), h("span", {}, text), action);
    const many = waiting === 1 ? "1 message waits" : `${waiting} messages wait`;
    const notes = [];
    if (isBlocked) notes.push(note("no", waiting ? `You blocked this business. ${many}.` : "You blocked this business."));
    else if (phone && !phone.online) notes.push(note("airplane", waiting ? `Airplane mode. ${many} outside.` : "Airplane mode: nothing comes in."));
    if (chat.group?.is_deleted) notes.push(note("group", "The business has deleted this group."));
    else if (chat.group?.is_suspended) notes.push(note("warn", "This group is suspended."));
    if (phone?.reads === "manual" && unread.length) {
      const read = () => attempt(() => readNow(this.#number, unread.map((message) => message.id)));
      notes.push(note("check", `${unread.length} unread`, h("button", { type: "button", class: "chip", onclick: read }, "Read now")));
    }
    // The same notes stay the same elements, so that a button under the pointer is not taken away.
    const drawn = notes.map((one) => one.textContent).join("|");
    if (drawn !== this.#notesDrawn) this.notes.replaceChildren(...notes);
    this.#notesDrawn = drawn;
  }

  #notesDrawn = "";

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}
