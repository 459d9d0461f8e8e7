// Line icons of 24 by 24, drawn here.

import { svg } from "./dom.js";

const PATHS = {
  add: "M12 5v14M5 12h14",
  airplane: "M10 14 3 16v-2l7-5V4.5a2 2 0 0 1 4 0V9l7 5v2l-7-2v4l2.500 2v1.500L12 20.500l-4.500 1V20l2.500-2z",
  attach: "M20 11.500 12 19.500a5 5 0 0 1-7-7l8.500-8.500a3.500 3.500 0 0 1 5 5L10 17.500a2 2 0 0 1-3-3l7.500-7.500",
  back: "M15 5l-7 7 7 7",
  bag: "M6 8h12l1 12H5zM9 10V7a3 3 0 0 1 6 0v3",
  call: "M6 3h3l2 5-2.500 1.500a11 11 0 0 0 6 6L16 13l5 2v3a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z",
  check: "M5 13l4.500 4.500L19 7.500",
  close: "M6 6l12 12M18 6L6 18",
  contact: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500a7.500 7.500 0 0 1 15 0",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  document: "M6 3h8l5 5v13H6zM14 3v5h5M9 13h7M9 17h7",
  face: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.500 14a4 4 0 0 0 7 0M9 9.500h.01M15 9.500h.01",
  form: "M5 4h14v16H5zM8.500 8.500h7M8.500 12h7M8.500 15.500h4",
  gear: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5",
  group: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 20a6.500 6.500 0 0 1 13 0M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14a6.500 6.500 0 0 1 3.500 6",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1",
  list: "M9 6h11M9 12h11M9 18h11M4.500 6h.01M4.500 12h.01M4.500 18h.01",
  menu: "M12 5.500h.01M12 12h.01M12 18.500h.01",
  mic: "M12 15a3.500 3.500 0 0 0 3.500-3.500v-5a3.500 3.500 0 0 0-7 0v5A3.500 3.500 0 0 0 12 15zM5 11.500a7 7 0 0 0 14 0M12 18.500V22",
  moon: "M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500z",
  music: "M9 18V5l11-2v13M9 18a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM20 16a3 3 0 1 1-6 0 3 3 0 0 1 6 0z",
  no: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM6 6l12 12",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  pause: "M8 5v14M16 5v14",
  pencil: "M4 20l1-5L16 4l4 4L9 19z",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9h.01",
  pin: "M12 21s7-6 7-11.500A7 7 0 0 0 5 9.500C5 15 12 21 12 21zM12 12a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z",
  play: "M7 4.500v15l12-7.500z",
  reply: "M10 6L4 12l6 6M4 12h9a7 7 0 0 1 7 7",
  send: "M4 4l17 8-17 8 3-8zM7 12h14",
  sticker: "M5 4h14v9l-6 7H5zM13 20v-7h6",
  sun: "M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500L19 19M19 5l-1.500 1.500M6.500 17.500L5 19",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 14h8l1-14M10.500 11v6M13.500 11v6",
  video: "M3 6h12v12H3zM15 10l6-3v10l-6-3",
  warn: "M12 3.500L22 20H2zM12 10v4.500M12 17.500h.01",
};

export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}

// The ticks of a message the phone sent: on its way, with the business, read by it.
export function ticks(state, label) {
  const second = state === "sent" ? null : svg("path", { d: "M8.500 11.500l3 3 7-8" });
  return svg(
    "svg",
    { viewBox: "0 0 20 18", class: `ticks is-${state}`, role: "img", "aria-label": label },
    svg("path", { d: "M2 11l3.500 3.500 7.500-8.500" }),
    second,
  );
}
