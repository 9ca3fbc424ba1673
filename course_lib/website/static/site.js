// The button for the theme, on every page, and the search, on its own. A page without scripts is whole, but for these.
"use strict";

const root = document.documentElement;
const store = (() => {
  try {
    return window.localStorage; // a browser may forbid it, above all to pages from a disk
  } catch {
    return null;
  }
})();

function themed(theme) {
  if (theme) root.dataset.theme = theme;
  const dark = theme ? theme === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  const button = document.getElementById("theme");
  button.hidden = false;
  button.textContent = dark ? "Light" : "Dark";
  button.setAttribute("aria-label", dark ? "Light theme" : "Dark theme");
}

themed(store?.getItem("course-theme"));
document.getElementById("theme").addEventListener("click", event => {
  const theme = event.currentTarget.textContent.toLowerCase();
  store?.setItem("course-theme", theme);
  themed(theme);
});

// The list beside a long page scrolls by itself: begin where the page is in it.
const list = document.getElementById("menu");
const current = list.querySelector("[aria-current]");
if (current) list.scrollTop = Math.max(0, current.offsetTop - list.offsetTop - 60);

const MOST = 50; // results shown
const AROUND = 90; // characters shown on either side of the first word found

function score(entry, words) {
  const titles = `${entry.page} ${entry.heading}`.toLowerCase();
  const text = entry.text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const times = text.split(word).length - 1;
    const titled = titles.includes(word);
    if (!titled && times === 0) return 0; // every word has to be there
    sum += (titled ? 20 : 0) + (entry.heading.toLowerCase() === word ? 40 : 0) + Math.min(times, 9);
  }
  return sum;
}

function marked(text, words) {
  // Texts, never HTML: what was typed is shown, too.
  const escaped = words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`(${escaped.join("|")})`, "i")).map((part, number) => {
    if (number % 2 === 0) return part;
    const element = document.createElement("mark");
    element.textContent = part;
    return element;
  });
}

function result(entry, words) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = entry.url;
  link.append(...marked(entry.heading || entry.page, words));
  const where = document.createElement("small");
  where.textContent = ` ${entry.page}`;
  const text = entry.text;
  const places = words.map(word => text.toLowerCase().indexOf(word)).filter(place => place >= 0);
  const at = Math.max(0, (places.length ? Math.min(...places) : 0) - AROUND);
  const piece = text.slice(at, at + 2 * AROUND);
  const excerpt = document.createElement("div");
  excerpt.append(at > 0 ? "… " : "", ...marked(piece, words), at + piece.length < text.length ? " …" : "");
  item.append(link, where, excerpt);
  return item;
}

function search(query) {
  const words = [...new Set(query.toLowerCase().split(/\s+/).filter(Boolean))];
  const found = document.getElementById("found");
  if (words.length === 0) {
    found.textContent = "Type one or more words above; a place is found where all of them are.";
    return;
  }
  const places = window.courseEntries
    .map(entry => [score(entry, words), entry])
    .filter(([points]) => points > 0)
    .sort((one, other) => other[0] - one[0]);
  const shown = places.length > MOST ? `, the best ${MOST} of them below` : "";
  found.textContent = `${places.length} ${places.length === 1 ? "place" : "places"} for “${query}”${shown}.`;
  document.getElementById("results").replaceChildren(...places.slice(0, MOST).map(([, entry]) => result(entry, words)));
}

if (document.getElementById("results")) {
  const query = new URLSearchParams(window.location.search).get("q") ?? "";
  document.querySelector("input[name=q]").value = query;
  search(query);
}
