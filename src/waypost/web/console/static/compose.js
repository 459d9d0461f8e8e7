"use strict";
// The compose form: times in the viewer's zone, and focus on what was refused.

(() => {
  function offsetAt(local) {
    const moment = local ? new Date(local) : new Date();
    const minutes = -moment.getTimezoneOffset();
    const size = Math.abs(minutes);
    const two = (number) => String(number).padStart(2, "0");
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  }

  function nameZone() {
    const field = document.getElementById("field-scheduled_at");
    const hidden = document.getElementById("scheduled-offset");
    if (!field || !hidden) return;
    hidden.value = offsetAt(field.value);
    const zone = document.getElementById("zone");
    if (zone) zone.textContent = `At most 30 days ahead; in your zone, UTC${hidden.value}.`;
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "field-scheduled_at") nameZone();
  }, true);
  document.addEventListener("htmx:afterSettle", nameZone);
  nameZone();
  document.querySelector("[data-focus]")?.focus();
})();
