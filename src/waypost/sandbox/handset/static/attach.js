// What a customer can send beside text.

import { h, sizeText, plainName } from "./dom.js";
import { mapTile } from "./map.js";
import { choice, field, formOf } from "./sheet.js";

const BYTES_MAX = 100 * 1048576;
const KINDS = [
  ["image", "Picture", "picture", "image/*"],
  ["video", "Video", "video", "video/*"],
  ["audio", "Audio or voice message", "mic", "audio/*"],
  ["document", "Document", "document", ""],
  ["sticker", "Sticker", "sticker", "image/webp"],
];
const PLACES = [
  ["National Mall", "38.8896", "-77.0230", "Washington, DC"],
  ["Union Station", "38.8977", "-77.0063", "50 Massachusetts Avenue NE, Washington, DC"],
];

// Open the sheet of things to attach. `send(message, file)` writes it into the chat.
export function attachSheet(sheets, send) {
  const pick = ([kind, , , accept]) => {
    const input = h("input", { type: "file", accept: accept || null, hidden: true, class: "picker", "data-kind": kind, tabindex: -1 });
    input.addEventListener("change", () => input.files[0] && fileSheet(sheets, kind, input.files[0], send));
    sheet.append(input);
    input.click();
  };
  const sheet = sheets.open(
    "Attach",
    KINDS.map((one) => choice(one[2], one[1], () => pick(one))),
    choice("pin", "Location", () => placeSheet(sheets, (location) => send({ type: "location", location }))),
    choice("contact", "Contact", () => contactSheet(sheets, send)),
  );
}

export function kindOf(file) {
  const [kind] = file.type.split("/");
  return ["image", "video", "audio"].includes(kind) ? kind : "document";
}

export function fileSheet(sheets, given, file, send) {
  const options = KINDS.map(([kind, label]) => [kind, label]).concat([["voice", "Voice message"]]);
  const kind = field("Send as", { value: given === "audio" ? "voice" : given }, { tag: "select", options });
  const caption = field("Caption", { maxlength: 1024, autocomplete: "off" });
  const url = URL.createObjectURL(file);
  const shown = file.type.startsWith("image/") ? h("img", { src: url, alt: "The picture to send", class: "to-send" }) : null;
  shown?.addEventListener("error", () => shown.remove());
  shown?.addEventListener("load", () => URL.revokeObjectURL(url));
  const about = h("p", { class: "about" }, h("bdi", {}, plainName(file.name)), ` · ${sizeText(file.size)}`);
  const showCaption = () => (caption.row.hidden = !["image", "video", "document"].includes(kind.input.value));
  kind.input.addEventListener("change", showCaption);
  const submit = async () => {
    if (file.size > BYTES_MAX || file.size === 0) throw Object.assign(new Error("The file must have 1 byte to 100 MB."), { hint: "Choose another." });
    const type = kind.input.value === "voice" ? "audio" : kind.input.value;
    const message = { type, filename: file.name };
    if (file.type) message.mime_type = file.type;
    if (kind.input.value === "voice") message.voice = true;
    if (!caption.row.hidden && caption.input.value) message.caption = caption.input.value;
    await send(message, file);
    sheets.close();
  };
  sheets.open("Send a file", formOf([shown, about, kind.row, caption.row], "Send", submit));
  showCaption();
}

// Let the user choose a place, and call `send` with it.
export function placeSheet(sheets, send) {
  const [first] = PLACES;
  const name = field("Name", { value: first[0], maxlength: 1000, autocomplete: "off" });
  const address = field("Address", { value: first[3], maxlength: 1000, autocomplete: "off" });
  const latitude = field("Latitude", { value: first[1], type: "number", step: "any", min: -90, max: 90, required: true });
  const longitude = field("Longitude", { value: first[2], type: "number", step: "any", min: -180, max: 180, required: true });
  const preview = h("div", { class: "place" });
  const draw = () => preview.replaceChildren(mapTile(latitude.input.value, longitude.input.value));
  for (const one of [latitude, longitude]) one.input.addEventListener("input", draw);
  const choices = PLACES.map((place) => {
    const use = () => {
      [name.input.value, latitude.input.value, longitude.input.value, address.input.value] = place;
      draw();
    };
    return h("button", { type: "button", class: "chip", onclick: use }, place[0]);
  });
  const submit = async () => {
    const location = { latitude: Number(latitude.input.value), longitude: Number(longitude.input.value) };
    if (name.input.value) location.name = name.input.value;
    if (address.input.value) location.address = address.input.value;
    await send(location);
    sheets.close();
  };
  draw();
  const degrees = h("div", { class: "pair" }, latitude.row, longitude.row);
  sheets.open("Send a location", formOf([preview, h("div", { class: "chips" }, choices), name.row, address.row, degrees], "Send location", submit));
}

function contactSheet(sheets, send) {
  const name = field("Name", { required: true, maxlength: 200, autocomplete: "off" });
  const phone = field("Phone", { type: "tel", required: true, placeholder: "+1 202 555 0188", autocomplete: "off" });
  const org = field("Company", { maxlength: 200, autocomplete: "off" });
  const submit = async () => {
    const contact = { name: { formatted_name: name.input.value }, phones: [{ phone: phone.input.value, type: "CELL" }] };
    if (org.input.value) contact.org = { company: org.input.value };
    await send({ type: "contacts", contacts: [contact] });
    sheets.close();
  };
  sheets.open("Send a contact", formOf([name.row, phone.row, org.row], "Send contact", submit));
}
