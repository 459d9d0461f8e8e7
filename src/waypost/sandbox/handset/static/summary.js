// One line about a message: in the list of chats, and where it is quoted.

import { plainName } from "./dom.js";
import { plain } from "./richtext.js";

const WORDS = {
  image: "Picture",
  video: "Video",
  audio: "Audio",
  sticker: "Sticker",
  revoked: "Deleted",
  edit: "Edited",
  revoke: "You deleted a message",
  order: "Order",
  unsupported: "A message that cannot be shown",
};

export function summary(message, target = null) {
  const { content } = message;
  switch (content.kind) {
    case "text":
      return plain(content.text);
    case "image":
    case "video":
      return content.text ? plain(content.text) : WORDS[content.kind];
    case "audio":
      return content.voice ? "Voice message" : "Audio";
    case "document":
      return plainName(content.name);
    case "location":
      return content.name || "Location";
    case "contacts":
      return content.contacts.length === 1 ? content.contacts[0].name : `${content.contacts.length} contacts`;
    case "card":
      return plain(content.body || content.header?.text || content.note || "Message with buttons");
    case "choice":
    case "form":
      return content.title;
    case "reaction":
      return `${message.mine ? "You reacted" : "Reacted"} ${content.emoji}${target ? ` to “${summary(target)}”` : ""}`;
    case "notice":
    case "system":
      return content.text;
    default:
      return WORDS[content.kind] ?? WORDS.unsupported;
  }
}

export const ICONS = { image: "picture", video: "video", audio: "mic", document: "document", location: "pin", contacts: "contact", sticker: "sticker", order: "bag", form: "form", card: null };
