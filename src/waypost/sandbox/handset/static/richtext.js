// WhatsApp's way of writing: *bold* _italic_ ~strike~ `code` ```block```, quotes, bullets, and addresses of pages.

import { h, webAddress } from "./dom.js";

const BLOCK = /```([\s\S]+?)```/g;
const MARKS = [
  [/`([^`\n]+)`/, "code", false],
  [/(?<![\p{L}\p{N}*])\*(?=\S)([^*\n]*\S)\*(?![\p{L}\p{N}*])/u, "strong", true],
  [/(?<![\p{L}\p{N}_])_(?=\S)([^_\n]*\S)_(?![\p{L}\p{N}_])/u, "em", true],
  [/(?<![\p{L}\p{N}~])~(?=\S)([^~\n]*\S)~(?![\p{L}\p{N}~])/u, "s", true],
];
const ADDRESS = /https?:\/\/[^\s<>"']+/i;
const TRAILING = /[.,;:!?)\]}*_~]+$/;

// Return the nodes of a text.
export function rich(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(BLOCK)) {
    nodes.push(...lines(text.slice(from, found.index).replace(/\n$/, "")), h("code", { class: "block" }, found[1].replace(/^\n|\n$/g, "")));
    from = found.index + found[0].length;
    if (text[from] === "\n") from += 1;
  }
  nodes.push(...lines(text.slice(from)));
  return nodes;
}

function lines(text) {
  if (!text) return [];
  const nodes = [];
  const all = text.split("\n");
  all.forEach((line, index) => {
    const end = index < all.length - 1 ? "\n" : "";
    if (line.startsWith("> ")) nodes.push(h("q", { class: "cited" }, inline(line.slice(2))));
    else if (/^[-*] \S/.test(line)) nodes.push("•\u00a0", ...inline(line.slice(2)), end);
    else nodes.push(...inline(line), end);
  });
  return nodes;
}

function inline(text) {
  if (!text) return [];
  let first = null;
  for (const [pattern, tag, isNested] of MARKS) {
    const found = pattern.exec(text);
    if (found && (!first || found.index < first.found.index)) first = { found, tag, isNested };
  }
  const address = ADDRESS.exec(text);
  if (address && (!first || address.index <= first.found.index)) {
    const shown = address[0].replace(TRAILING, "");
    const url = webAddress(shown);
    const rest = text.slice(address.index + shown.length);
    return [...inline(text.slice(0, address.index)), url ? pageLink(url, shown) : shown, ...inline(rest)];
  }
  if (!first) return [text];
  const { found, tag, isNested } = first;
  const inner = isNested ? inline(found[1]) : [found[1]];
  return [...inline(text.slice(0, found.index)), h(tag, {}, inner), ...inline(text.slice(found.index + found[0].length))];
}

export function pageLink(url, text, attributes = {}) {
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", ...attributes }, text);
}

// The text without its marks, for previews on one line.
export function plain(text) {
  return text.replace(/```|`|(?<![\p{L}\p{N}])[*_~](?=\S)|(?<=\S)[*_~](?![\p{L}\p{N}])/gu, "").replace(/\s+/g, " ").trim();
}

const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]*(?:\u200d\p{Extended_Pictographic}\ufe0f?)*\s*){1,3}$/u;

export const isEmojiOnly = (text) => text.length < 40 && EMOJI_ONLY.test(text);
