"""Exercises 1 and 2: a fixed set of workers on a queue, for URLs known beforehand and for links found on the way."""

import inspect
from collections.abc import Mapping
from typing import Any

from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_04 import as_found, solutions
from course_lib.exercises.lesson_04.checks import check_bounds, check_never_idle, check_pages, check_stopped, watched
from course_lib.exercises.lesson_04.web import Web

TAKE = "A URL that one worker has taken must be gone for the others: take from one queue."
MARK = "Whoever sees a URL first must mark it at once: before the next `await`, not after."

# Exercise 1


def _grade_fetch_bounded(fetch_bounded: Answer) -> str:
    name = getattr(fetch_bounded, "__name__", "")
    pages: dict[str, tuple[float, Any]] = {f"page {n}": (6 if n == 1 else 1, f"text {n}") for n in range(1, 13)}
    web = Web(pages)
    scene = watched(web, fetch_bounded, list(pages), 3)
    check_pages(scene, web, pages, TAKE)
    check_bounds(scene, web, 3, name)
    if web.visits[0].url != "page 1":
        raise scene.wrong(f"You began with {web.visits[0].url!r}; take the URLs in their order, 'page 1' first.")
    check_never_idle(
        scene, web, 3, 6, "An `await` in a loop, be it `for` or `async for`, waits before it goes on; start workers."
    )

    lost = {f"page {n}": ConnectionError(f"no answer from page {n}") for n in (1, 3, 4)}
    pages = {f"page {n}": (n % 3 + 1, lost.get(f"page {n}", f"text {n}")) for n in range(1, 9)}
    web = Web(pages)
    scene = watched(web, fetch_bounded, list(pages), 2)
    check_bounds(scene, web, 2, name)
    check_pages(scene, web, pages, TAKE)

    pages = {f"page {n}": (1, f"text {n}") for n in range(1, 10)}
    check_stopped(fetch_bounded, Web(pages), list(pages), 3, cancel_at=1.5)
    for few in (dict[str, tuple[float, Any]](), {"page 1": (1, "text 1")}):
        web = Web(few)
        scene = watched(web, fetch_bounded, list(few), 3)
        check_pages(scene, web, few, TAKE)
    return "Twelve pages, three workers, 6 s: while the slow page loaded, the other two fetched all the rest."


fetch_bounded = Exercise(
    lesson="lesson_04",
    task="""\
**Exercise 1: workers on a queue.** Write `fetch_bounded(fetch, urls, workers)`.

- `await fetch(url)` gives a page after a while, or raises an exception. `urls` is a list without duplicates.
- Return a dictionary: each URL with its page or, where the fetch failed, with the exception.
- Take the URLs in their order. Never fetch more than `workers` at one time, and make no more tasks than that.
- A slow page holds nobody up: as long as URLs are left, nobody is idle.
- When you are cancelled, or done, nothing is left running.""",
    reference=solutions.fetch_bounded,
    grade=_grade_fetch_bounded,
    hints=[
        "Put all URLs into an `asyncio.Queue` first. A worker is a coroutine with a loop: it takes a URL, fetches it, "
        "keeps the page, and takes the next.",
        "No URL is added later, so a worker is done when the queue is empty: `while not queue.empty():` and "
        "`url = queue.get_nowait()`. Catch what `fetch` raises inside this loop.",
        "Start the workers in an `async with asyncio.TaskGroup() as group:`. It waits for all of them, and cancels "
        "them when you are cancelled.",
    ],
)


# Exercise 2


def _site(links: Mapping[str, str], seconds: Mapping[str, float] | None = None) -> dict[str, tuple[Any, ...]]:
    """Return the pages of a site: `{"start": "a b"}` is a start page with links to a and b, which have none."""
    seconds = seconds or {}
    every = dict.fromkeys([*links, *(link for row in links.values() for link in row.split())])
    return {url: (seconds.get(url, 1), links.get(url, "").split()) for url in every}


def _grade_crawl(crawl: Answer) -> str:
    name = getattr(crawl, "__name__", "")
    many = _site({"start": " ".join(f"page-{n}" for n in range(1, 13))})
    web = Web(many)
    scene = watched(web, crawl, "start", 3)
    check_pages(scene, web, many, MARK)
    check_bounds(scene, web, 3, name)
    check_never_idle(
        scene, web, 3, 5, "A worker that finds the queue empty is not done: a page under way may bring links."
    )

    circle = _site({"start": "a b", "a": "c start", "b": "c a", "c": "c"}, {"b": 1.5, "c": 2})
    web = Web(circle)
    check_pages(watched(web, crawl, "start", 3), web, circle, MARK)

    chain = _site({"start": "slow a", "a": "b", "b": "c", "c": "d"}, {"slow": 5})
    web = Web(chain)
    scene = watched(web, crawl, "start", 3)
    check_pages(scene, web, chain, MARK)
    check_never_idle(scene, web, 3, 6, "Follow a link as soon as you have it.")

    broken = {url: ConnectionError(f"no answer from {url}") for url in ("a", "b")}
    site = _site({"start": "a b c d e"}) | {url: (1, error) for url, error in broken.items()}
    web = Web(site)
    check_pages(watched(web, crawl, "start", 2), web, site, MARK)

    check_stopped(crawl, Web(many), "start", 3, cancel_at=1.5)
    return "Every page once, and only once; a dead page costs itself, and a cancelled crawl stops."


crawl = Exercise(
    lesson="lesson_04",
    task=f"""\
**Exercise 2: bug hunt.** Mend `crawl(fetch, start, workers)`, a crawler on a queue.

```python
{inspect.getsource(as_found.crawl).strip()}
```

- `await fetch(url)` gives the list of links on that page, or raises an exception.
- Return a dictionary of all pages that links lead to from `start`: each URL with its links or, where the fetch failed,
  with the exception.
- Each page is fetched once, and never more than `workers` at one time. However it ends, no worker is left.
- It has four defects.""",
    reference=solutions.crawl,
    grade=_grade_crawl,
    hints=[
        "Check it as it is: which pages are missing, and what in the code is a ten?",
        "`pages[url]` is set when a page has come. Two workers may hold the same URL before that. Keep a set of the "
        "URLs that were ever put into the queue, and add to it before you put.",
        "What does `queue.join()` count? Whatever happens to a page, its `task_done()` must come: where does code "
        "stand that always runs?",
        "`except Exception as error: pages[url] = error`, then `finally: queue.task_done()`. Around "
        "`await queue.join()` too: `try:`, and cancel and await the workers in its `finally:`.",
    ],
)
