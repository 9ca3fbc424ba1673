// Keys, the fit of each slide, and the speaker's window. Without this script the slides stand below one another.
"use strict";

const slides = [...document.querySelectorAll(".slide")];
const deck = document.getElementById("deck");
const SMALLEST = 50; // per cent of a slide's own size of letters
let now = 0;
let speaker = null;

function fit(slide) {
  const body = slide.querySelector(".body");
  const size = parseFloat(getComputedStyle(body).fontSize);
  for (let share = 100; share >= SMALLEST; share -= 3) {
    body.style.fontSize = `${(size * share) / 100}px`;
    if (body.scrollHeight <= body.clientHeight + 1 && body.scrollWidth <= body.clientWidth + 1) break;
  }
  slide.dataset.fitted = "";
}

function scale() {
  const factor = Math.min(innerWidth / 1280, innerHeight / 720);
  deck.style.transform = `translate(-50%, -50%) scale(${factor})`;
}

function show(number, remember = true) {
  now = Math.max(0, Math.min(slides.length - 1, number));
  slides.forEach((slide, place) => slide.classList.toggle("now", place === now));
  const slide = slides[now];
  if (!("fitted" in slide.dataset)) fit(slide);
  slide.focus({ preventScroll: true });
  document.getElementById("place").textContent = `${now + 1} / ${slides.length}`;
  if (remember) history.replaceState(null, "", `#${now + 1}`);
  if (speaker) speaker.postMessage({ slide: now }, "*");
}

const keys = {
  ArrowRight: () => show(now + 1), ArrowDown: () => show(now + 1), PageDown: () => show(now + 1), " ": () => show(now + 1),
  ArrowLeft: () => show(now - 1), ArrowUp: () => show(now - 1), PageUp: () => show(now - 1), Backspace: () => show(now - 1),
  Home: () => show(0), End: () => show(slides.length - 1),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  b: () => document.documentElement.classList.toggle("dark-screen"),
  p: () => { speaker = open(document.body.dataset.speaker, "speaker", "width=900,height=800"); },
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.closest("button, summary, a")) return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(); }
});
addEventListener("message", (event) => {
  if (event.source !== speaker) return;
  if ("go" in event.data) show(now + event.data.go);
  else speaker.postMessage({ slide: now }, "*"); // it has just opened
});
addEventListener("resize", scale);
addEventListener("hashchange", () => show(parseInt(location.hash.slice(1), 10) - 1 || 0, false));
addEventListener("beforeprint", () => slides.forEach((slide) => { if (!("fitted" in slide.dataset)) fit(slide); }));
document.getElementById("before").addEventListener("click", () => show(now - 1));
document.getElementById("next").addEventListener("click", () => show(now + 1));
document.documentElement.classList.add("live");
scale();
show(parseInt(location.hash.slice(1), 10) - 1 || 0);
