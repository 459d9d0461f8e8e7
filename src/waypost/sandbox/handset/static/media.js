// Pictures, videos, audio and documents in bubbles.

import { h, plainName, sizeText } from "./dom.js";
import { icon } from "./icons.js";
import { duration } from "./times.js";

const MISSING = {
  image: "The picture cannot be shown.",
  video: "The video cannot be shown.",
  sticker: "The sticker cannot be shown.",
  audio: "The audio cannot be played.",
};

function missing(kind) {
  return h("p", { class: "missing" }, icon("warn"), MISSING[kind] ?? "The file is not there any more.");
}

export function picture(media, text) {
  if (!media) return missing("image");
  const label = text ? `Picture: ${text.slice(0, 120)}` : "Picture";
  const image = h("img", { src: media.url, alt: label, decoding: "async" });
  const button = h("button", { type: "button", class: "picture", "aria-label": `Enlarge. ${label}`, onclick: () => enlarge(media.url, label) }, image);
  image.addEventListener("error", () => button.replaceWith(missing("image")));
  return button;
}

export function sticker(media) {
  if (!media) return missing("sticker");
  const image = h("img", { src: media.url, alt: "Sticker", class: "sticker", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(missing("sticker")));
  return image;
}

export function video(media) {
  if (!media) return missing("video");
  const element = h("video", { src: media.url, controls: true, preload: "metadata", class: "video", "aria-label": "Video" });
  element.addEventListener("error", () => element.replaceWith(missing("video")));
  return element;
}

export function documentRow(media, name) {
  const shown = plainName(name);
  const kind = (/\.([A-Za-z0-9]{1,5})$/.exec(shown)?.[1] ?? "file").toUpperCase();
  const about = media?.size_bytes === undefined ? kind : `${kind} · ${sizeText(media.size_bytes)}`;
  const inside = [
    h("span", { class: "sheet-icon", "aria-hidden": "true" }, icon("document")),
    h("span", { class: "file-text" }, h("bdi", { class: "file-name" }, shown), h("span", { class: "about" }, about)),
  ];
  if (!media) return h("div", { class: "file" }, inside);
  return h("a", { class: "file", href: media.url, download: shown, "aria-label": `Save ${shown}, ${about}` }, inside);
}

// A player of our own: the browser's is wider than a bubble.
export function audio(media, isVoice) {
  if (!media) return missing("audio");
  const sound = new Audio();
  sound.preload = "metadata";
  const length = h("span", { class: "about" }, "0:00");
  const name = isVoice ? "voice message" : "audio";
  const seek = h("input", { type: "range", min: 0, max: 1000, value: 0, class: "seek", "aria-label": `Position in the ${name}` });
  const button = h("button", { type: "button", class: "play", "aria-label": `Play the ${name}` }, icon("play"));
  const player = h("div", { class: isVoice ? "audio is-voice" : "audio" }, h("span", { class: "audio-kind", "aria-hidden": "true" }, icon(isVoice ? "mic" : "music")), button, seek, length);
  const show = () => {
    button.replaceChildren(icon(sound.paused ? "play" : "pause"));
    button.setAttribute("aria-label", sound.paused ? `Play the ${name}` : `Pause the ${name}`);
    const total = Number.isFinite(sound.duration) ? sound.duration : 0;
    seek.value = total ? (sound.currentTime / total) * 1000 : 0;
    length.textContent = duration(sound.currentTime || total);
  };
  button.addEventListener("click", () => (sound.paused ? sound.play().catch(() => {}) : sound.pause()));
  seek.addEventListener("input", () => {
    if (Number.isFinite(sound.duration)) sound.currentTime = (seek.value / 1000) * sound.duration;
  });
  for (const name of ["play", "pause", "ended", "timeupdate", "loadedmetadata"]) sound.addEventListener(name, show);
  sound.addEventListener("error", () => player.replaceWith(missing("audio")));
  sound.src = media.url;
  return player;
}

function enlarge(url, label) {
  const close = () => viewer.close();
  const viewer = h(
    "dialog",
    { class: "viewer", "aria-label": label },
    h("button", { type: "button", class: "round", "aria-label": "Close", onclick: close }, icon("close")),
    h("img", { src: url, alt: label }),
  );
  viewer.addEventListener("click", (event) => event.target === viewer && close());
  viewer.addEventListener("close", () => viewer.remove());
  document.body.append(viewer);
  viewer.showModal();
}
