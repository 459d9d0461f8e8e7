// Runs before the page is drawn, so that the chosen theme does not flash. The console uses the same key.
"use strict";
try {
  const theme = localStorage.getItem("waypost-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's preference holds.
}
