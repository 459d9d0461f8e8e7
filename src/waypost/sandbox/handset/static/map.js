// A map tile that is drawn, not fetched: streets that look alike for the same place, and are nobody's.

import { svg } from "./dom.js";

const WIDTH = 260;
const HEIGHT = 130;

// Return the tile of a place, with its pin in the middle. Texts that are no degrees are drawn as 0.
export function mapTile(latitude, longitude) {
  const [lat, lon] = [Number(latitude) || 0, Number(longitude) || 0];
  const random = seeded(Math.round(lat * 500) * 73856093 + Math.round(lon * 500) * 19349663);
  const tilt = random() * 30 - 15;
  const city = svg("g", { transform: `rotate(${tilt.toFixed(1)} ${WIDTH / 2} ${HEIGHT / 2})` });
  const [xs, ys] = [streets(random, WIDTH), streets(random, HEIGHT + 90)];
  for (let x = 0; x < xs.length - 1; x += 1) {
    for (let y = 0; y < ys.length - 1; y += 1) city.append(block(random, xs[x], ys[y] - 45, xs[x + 1], ys[y + 1] - 45));
  }
  const river = random() < 0.45 ? [svg("path", { class: "water", d: curve(random) })] : [];
  const road = svg("path", { class: "road", d: curve(random) });
  const pin = svg(
    "g",
    { class: "pin", transform: `translate(${WIDTH / 2} ${HEIGHT / 2})` },
    svg("ellipse", { cx: 0, cy: 1, rx: 7, ry: 2.500 }),
    svg("path", { d: "M0 0s11-11 11-20a11 11 0 0 0-22 0C-11-11 0 0 0 0z" }),
    svg("circle", { cx: 0, cy: -20, r: 4 }),
  );
  const frame = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "map", role: "img", preserveAspectRatio: "xMidYMid slice" };
  const label = `A drawn tile, not a map, for ${lat.toFixed(4)}, ${lon.toFixed(4)}`;
  return svg("svg", { ...frame, "aria-label": label }, svg("rect", { class: "land", width: WIDTH, height: HEIGHT }), river, city, road, pin);
}

function streets(random, length) {
  const places = [-60];
  while (places.at(-1) < length + 60) places.push(places.at(-1) + 26 + random() * 30);
  return places;
}

function block(random, left, top, right, bottom) {
  const kind = random();
  const look = kind < 0.12 ? "park" : kind < 0.2 ? "yard" : "block";
  return svg("rect", { class: look, x: left + 3, y: top + 3, width: right - left - 6, height: bottom - top - 6, rx: 3 });
}

function curve(random) {
  const at = () => (random() * HEIGHT * 1.4 - HEIGHT * 0.2).toFixed(0);
  return `M-10 ${at()} C${WIDTH * 0.3} ${at()} ${WIDTH * 0.7} ${at()} ${WIDTH + 10} ${at()}`;
}

// Mulberry32: small, and the same everywhere.
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
