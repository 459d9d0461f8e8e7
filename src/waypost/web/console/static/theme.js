"use strict";
// Loaded before the first paint, so that a page never flashes in the other theme.
(() => {
  const kept = localStorage.getItem("waypost-theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
})();
