// The speaker's window: follows the slides that opened it, and passes the keys on to them. Alone, it is a page to read.
"use strict";

const items = [...document.querySelectorAll("#speaker > ol > li")];
const clock = document.getElementById("clock");
const begun = Date.now();
const go = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };

function tell() {
  const seconds = Math.floor((Date.now() - begun) / 1000);
  clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

if (window.opener) {
  addEventListener("message", (event) => {
    if (event.source !== window.opener) return;
    items.forEach((item, place) => item.classList.toggle("now", place === event.data.slide));
    items[event.data.slide].scrollIntoView({ block: "center" });
  });
  addEventListener("keydown", (event) => {
    if (!(event.key in go) || (event.key === " " && event.target.closest("summary"))) return;
    event.preventDefault();
    window.opener.postMessage({ go: go[event.key] }, "*");
  });
  window.opener.postMessage({ opened: true }, "*");
  setInterval(tell, 1000);
  tell();
} else {
  clock.hidden = true;
}
