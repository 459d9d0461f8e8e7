// What the page knows: who there is, and the messages of the phones on the screen.

import { readDirectory, readThread } from "./api.js";
import { summary } from "./summary.js";

const TYPING_MS = 25000;

export class Store extends EventTarget {
  numbers = [];
  phones = new Map();
  groups = new Map();
  phonesTotal = 0;
  #threads = new Map();

  async loadDirectory(shown) {
    const known = await readDirectory(shown);
    this.numbers = known.numbers;
    this.phones = new Map(known.phones.map((phone) => [phone.number, phone]));
    this.groups = new Map(known.groups.map((group) => [group.id, group]));
    this.phonesTotal = known.phones_total;
    this.hasInspector = known.has_inspector;
    this.#tell("directory");
  }

  async loadThread(number) {
    const { messages, before } = await readThread(number);
    const thread = { messages: new Map(), before };
    for (const message of messages) thread.messages.set(message.id, message);
    this.#threads.set(number, thread);
    this.#tell("thread", number);
  }

  async loadEarlier(number) {
    const thread = this.#threads.get(number);
    if (!thread?.before) return;
    const { messages, before } = await readThread(number, thread.before);
    const all = new Map(messages.map((message) => [message.id, message]));
    for (const [id, message] of thread.messages) all.set(id, message);
    thread.messages = all;
    thread.before = before;
    this.#tell("thread", number);
  }

  take(changes) {
    const touched = new Set();
    for (const { phone, message } of changes) {
      const thread = this.#threads.get(phone);
      if (!thread) continue;
      thread.messages.set(message.id, message);
      touched.add(phone);
    }
    for (const number of touched) this.#tell("thread", number);
  }

  forget(number) {
    this.#threads.delete(number);
  }

  hasThread(number) {
    return this.#threads.has(number);
  }

  hasEarlier(number) {
    return Boolean(this.#threads.get(number)?.before);
  }

  message(number, id) {
    return this.#threads.get(number)?.messages.get(id) ?? null;
  }

  // The chats of a phone, the liveliest first: every business, and the groups it is or was in.
  chats(number) {
    const chats = new Map();
    const open = (id) => {
      if (!chats.has(id)) chats.set(id, this.#chat(id));
      return chats.get(id);
    };
    for (const one of this.numbers) open(`number:${one.id}`);
    for (const group of this.groups.values()) {
      if (!group.is_deleted && group.members.some((member) => member.number === number)) open(`group:${group.id}`);
    }
    for (const message of this.#threads.get(number)?.messages.values() ?? []) {
      if (!isHere(message)) continue;
      const chat = open(message.chat);
      if (message.content.kind === "reaction" && !message.content.emoji) continue;
      chat.last = message;
      if (isUnread(message)) chat.unread += 1;
    }
    for (const chat of chats.values()) {
      chat.preview = chat.last ? summary(chat.last, this.message(number, chat.last.content.target)) : "";
      chat.isTyping = this.isTyping(number, chat.id);
    }
    return [...chats.values()].sort((a, b) => (b.last?.time_ms ?? 0) - (a.last?.time_ms ?? 0));
  }

  chat(number, id) {
    return this.chats(number).find((chat) => chat.id === id) ?? this.#chat(id);
  }

  // The messages of one chat as they are drawn: reactions, edits and deletions are part of what they are about.
  bubbles(number, chatId) {
    const bubbles = new Map();
    for (const message of this.#threads.get(number)?.messages.values() ?? []) {
      if (message.chat !== chatId) continue;
      const { kind, target } = message.content;
      const about = bubbles.get(target);
      if (kind === "reaction" || kind === "edit" || kind === "revoke") {
        if (!about || !isHere(message)) continue;
        if (kind === "reaction") react(about, message);
        else if (kind === "edit") bubbles.set(target, { ...about, content: { ...about.content, ...message.content.content }, edited: true });
        else bubbles.set(target, { ...about, content: { kind: "revoked" }, reactions: new Map() });
      } else {
        bubbles.set(message.id, { ...message, reactions: new Map(), edited: false });
      }
    }
    return [...bubbles.values()];
  }

  isTyping(number, chatId) {
    let typing = 0;
    for (const message of this.#threads.get(number)?.messages.values() ?? []) {
      if (message.chat !== chatId) continue;
      if (message.mine) typing = Math.max(typing, message.typing_ms);
      else if (isHere(message) && message.time_ms > typing) typing = 0;
    }
    return typing > 0 && Date.now() - typing < TYPING_MS;
  }

  #chat(id) {
    const [kind, name] = [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)];
    const chat = { id, kind, name, last: null, unread: 0, preview: "", isTyping: false };
    if (kind === "group") {
      const group = this.groups.get(name);
      return { ...chat, title: group?.subject ?? "A group", group: group ?? null, numberId: group?.number ?? null };
    }
    const number = this.numbers.find((one) => one.id === name);
    return { ...chat, title: number?.name ?? "A business", digits: number?.digits ?? "", group: null, numberId: name };
  }

  #tell(what, number = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: { what, number } }));
  }
}

// Whether the phone has it: what still waits, or never arrived, is not there.
export const isHere = (message) => message.mine || message.state === "delivered" || message.state === "read";
export const isUnread = (message) => !message.mine && message.state === "delivered" && message.content.kind !== "reaction";

function react(bubble, message) {
  const who = message.mine ? "me" : (message.author?.number ?? "business");
  if (message.content.emoji) bubble.reactions.set(who, message.content.emoji);
  else bubble.reactions.delete(who);
}
