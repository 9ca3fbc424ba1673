"use strict";

const element = (id) => document.getElementById(id);
let events = null;

function say(sentence) {
  element("state").textContent = sentence;
}

// What a crawled page wrote is put in as text, never as HTML: it is a stranger's.
function addPage(page) {
  const row = document.createElement("tr");
  for (const text of [page.error ? `${page.status || ""} ${page.error}` : page.status, page.depth, page.title, page.url]) {
    row.append(Object.assign(document.createElement("td"), { textContent: text }));
  }
  element("found").append(row);
}

function showState(crawl) {
  element("progress").max = crawl.max_pages;
  element("progress").value = crawl.state === "done" ? crawl.max_pages : crawl.pages;
  const failures = crawl.failures ? `, ${crawl.failures} of them failed` : "";
  const reason = crawl.error ? `: ${crawl.error}` : "";
  say(`State: ${crawl.state}${reason}. Pages: ${crawl.pages}${failures}.`);
}

function follow(id) {
  let start = null;
  events = new EventSource(`crawls/${id}/events`);
  events.addEventListener("page", (event) => addPage(JSON.parse(event.data)));
  events.addEventListener("state", (event) => {
    const crawl = JSON.parse(event.data);
    if (start !== null && crawl.starts !== start) element("found").replaceChildren(); // another worker begins anew
    start = crawl.starts;
    showState(crawl);
    if (crawl.state === "done" || crawl.state === "failed") events.close();
  });
  // The browser connects again by itself, and says which page it had last.
  events.addEventListener("error", () => say("The connection is lost: it is made again."));
}

async function submit(question, key) {
  // The same key each time: if an answer was lost, the crawl is not made twice.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    let seconds = 1;
    try {
      const answer = await fetch("crawls", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify(question),
      });
      const told = await answer.json();
      if (answer.status === 202) return told.id;
      if (answer.status !== 429 && answer.status !== 503) throw new RangeError(told.error);
      seconds = Number(answer.headers.get("Retry-After")) || 1;
      say(`${told.error} Asked again in ${seconds} s.`);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      say(`No answer. Asked again in ${seconds} s.`);
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
  throw new RangeError("There was no room in five attempts. Try again later.");
}

element("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (events) events.close();
  element("found").replaceChildren();
  say("Asking.");
  const question = { url: element("url").value };
  for (const name of ["depth", "pages", "seconds"]) question[name] = Number(element(name).value);
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    follow(await submit(question, key));
  } catch (error) {
    say(error.message);
  }
});
