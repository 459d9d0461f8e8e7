"use strict";
// Conversations: countdowns, staying at the newest message, quoting, and a reply box that follows the window.

(() => {
  const NEAR_PIXELS = 80;
  let wasNearEnd = true;

  function spell(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
    if (hours) return `${hours} h ${minutes} min`;
    return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
  }

  function count() {
    for (const element of document.querySelectorAll("[data-countdown]")) {
      const left = Number(element.dataset.countdown) - Date.now();
      element.textContent = spell(left);
      if (left <= 0 && !element.dataset.ended) {
        element.dataset.ended = "yes";
        htmx.trigger(document.body, "changed");
      }
    }
  }

  function wall() { return document.getElementById("wall"); }

  function toEnd() {
    const element = wall();
    if (element) element.scrollTop = element.scrollHeight;
  }

  function followWindow() {
    const head = document.getElementById("chat-head");
    const form = document.getElementById("reply");
    if (!head || !form || !form.dataset.source || head.querySelector("h1") === null) return;
    const isOpen = head.dataset.windows.split(" ").includes(form.dataset.source);
    // A group's conversation has no window: its form stays as the server made it.
    if (head.querySelector(".chat-consent") && (form.dataset.open === "yes") !== isOpen) htmx.trigger(document.body, "window-changed");
  }

  function quote(id, said) {
    const chip = document.getElementById("quote-chip");
    if (!chip) return false;
    document.getElementById("field-context").value = id;
    document.getElementById("quote-said").textContent = said || "a message";
    chip.hidden = !id;
    if (id) (document.getElementById("field-content") ?? chip).focus();
    return true;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-quote]");
    if (link && quote(link.dataset.quote, link.dataset.said)) event.preventDefault();
    if (event.target.closest("[data-unquote]")) quote("", "");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-send-on-enter]")) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const element = wall();
    if (element && event.detail.target.id === "thread") {
      wasNearEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PIXELS;
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const id = event.detail.target.id;
    if (id === "thread" && wasNearEnd) toEnd();
    if (id === "chat-head") followWindow();
    count();
  });
  document.addEventListener("replied", () => {
    wasNearEnd = true;
    toEnd();
    const field = document.getElementById("field-content");
    if (field) { field.value = ""; field.focus(); }
  });
  setInterval(count, 1000);
  count();
  toEnd();
})();
