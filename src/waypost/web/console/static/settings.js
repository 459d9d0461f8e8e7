"use strict";
// The filter over the installation's settings: every word typed must be in the name, the value or the meaning.

(() => {
  const field = document.querySelector("[data-settings-filter]");
  const given = document.querySelector("[data-settings-given]");
  if (!field || !given) return;
  const rows = [...document.querySelectorAll("[data-setting]")];

  function filter() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = (given.checked && !("given" in row.dataset)) || !words.every((word) => row.dataset.setting.includes(word));
      if (!row.hidden) shown += 1;
    }
    for (const group of document.querySelectorAll("[data-settings-group]")) {
      group.hidden = !group.querySelector("[data-setting]:not([hidden])");
    }
    document.querySelector("[data-settings-none]").hidden = shown > 0;
    document.querySelector("[data-settings-count]").textContent = `${shown} of ${rows.length}`;
  }

  field.addEventListener("input", filter);
  given.addEventListener("change", filter);
  filter();
})();
