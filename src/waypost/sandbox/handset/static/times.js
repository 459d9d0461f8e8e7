// Times in the viewer's zone and language.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "numeric", year: "2-digit" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const dayOf = (ms) => new Date(ms).setHours(0, 0, 0, 0);

export const clock = (ms) => CLOCK.format(ms);
export const full = (ms) => FULL.format(ms);
export const isSameDay = (one, other) => dayOf(one) === dayOf(other);

export function day(ms) {
  const days = Math.round((dayOf(Date.now()) - dayOf(ms)) / 86400000);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : DAY.format(ms);
}

export function listed(ms) {
  const days = Math.round((dayOf(Date.now()) - dayOf(ms)) / 86400000);
  return days === 0 ? clock(ms) : days === 1 ? "Yesterday" : SHORT_DAY.format(ms);
}

export function duration(seconds) {
  const whole = Number.isFinite(seconds) ? Math.round(seconds) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
