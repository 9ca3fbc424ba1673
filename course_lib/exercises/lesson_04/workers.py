"""Exercises 1 and 2: a fixed set of workers on a queue, for URLs known beforehand and for links found on the way."""

import inspect
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from course_lib.exercises.chance import Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_04 import as_found, solutions
from course_lib.exercises.lesson_04.checks import (
    check_always_busy,
    check_never_idle,
    check_pages,
    check_peak,
    check_stopped,
    check_tasks,
    watched,
)
from course_lib.exercises.lesson_04.web import Web
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene

ROUNDS = 20
TAKE = "A URL that one worker has taken must be gone for the others: take from one queue."
MARK = "Whoever sees a URL first must mark it at once: before the next `await`, not after."

# Exercise 1


def _grade_fetch_bounded(fetch_bounded: Answer) -> str:
    name = getattr(fetch_bounded, "__name__", "")
    pages: dict[str, tuple[float, Any]] = {f"page {n}": (6 if n == 1 else 1, f"text {n}") for n in range(1, 13)}
    web = Web(pages)
    scene = watched(web, fetch_bounded, list(pages), 3)
    check_pages(scene, web, pages, TAKE)
    check_peak(scene, web, 3)
    check_tasks(scene, 3, name)
    if web.visits[0].url != "page 1":
        raise scene.wrong(f"You began with {web.visits[0].url!r}; take the URLs in their order, 'page 1' first.")
    check_never_idle(
        scene, web, 3, 6, "An `await` in a loop, be it `for` or `async for`, waits before it goes on; start workers."
    )
    _in_order(scene, web, list(pages))

    lost = {f"page {n}": ConnectionError(f"no answer from page {n}") for n in (1, 3, 4)}
    pages = {f"page {n}": (n % 3 + 1, lost.get(f"page {n}", f"text {n}")) for n in range(1, 9)}
    _bounded(fetch_bounded, pages, 2)
    pages = {f"page {n}": (1, f"text {n}") for n in range(1, 10)}
    check_stopped(fetch_bounded, Web(pages), list(pages), 3, cancel_at=1.5)
    for few in (dict[str, tuple[float, Any]](), {"page 1": (1, "text 1")}):
        _bounded(fetch_bounded, few, 3)

    chance = Chance("fetch_bounded")
    for _ in range(ROUNDS):
        urls, workers = [f"page {number}" for number in range(chance.number(1, 10))], chance.number(1, 4)
        pages = {url: (chance.seconds(0.25, 2), chance.answer(url)) for url in urls}
        _bounded(fetch_bounded, pages, workers)
        web = Web(pages, clean_up=chance.seconds(0, 1))
        check_stopped(fetch_bounded, web, urls, workers, cancel_at=0.125 + chance.seconds(0, 0.25))
    pages = {"page 1": (1, "text 1"), "page 2": (1, Unreadable("2")), "page 3": (1, ""), "page 4": (1, "text 4")}
    in_every_order(fetch_bounded, lambda: _web(pages, list(pages), 2), lambda scene, web: _all_there(scene, web, pages))
    in_every_order(fetch_bounded, lambda: _web(pages, list(pages), 2), _stops, cancel_at=1)
    return "Twelve pages, three workers, 6 s: while the slow page loaded, the other two fetched all the rest."


def _web(pages: Mapping[str, tuple[Any, ...]], *args: Any) -> tuple[Web, list[Any]]:
    web = Web(pages)
    return web, [web, *args]


def _all_there(scene: Scene, web: Web, pages: Mapping[str, tuple[float, Any]]) -> None:
    check_pages(scene, web, pages, TAKE)
    check_peak(scene, web, 2)


def _stops(scene: Scene, web: Web) -> None:
    if not scene.cancelled and scene.raised:
        raise scene.wrong(f"it {scene.answered()}; it was cancelled, and is to end so.")
    if went_on := web.went_on(1):
        raise scene.wrong(f"{went_on[0].url!r} is begun after that.")


def _bounded(fetch_bounded: Answer, pages: Mapping[str, tuple[float, Any]], workers: int) -> None:
    web = Web(pages)
    scene = watched(web, fetch_bounded, list(pages), workers)
    check_peak(scene, web, workers)
    check_tasks(scene, workers, getattr(fetch_bounded, "__name__", ""))
    check_pages(scene, web, pages, TAKE)
    _in_order(scene, web, list(pages))
    check_always_busy(scene, web, workers, dict.fromkeys(pages, 0))


def _in_order(scene: Scene, web: Web, urls: Sequence[str]) -> None:
    for first, second in pairwise(urls):
        if web.begun(second)[0] < web.begun(first)[0]:
            raise scene.wrong(
                f"You began {second!r} before {first!r}; take the URLs in their order, {urls[0]!r} first."
            )


fetch_bounded = Exercise(
    lesson="lesson_04",
    task="""\
**Exercise 1: workers on a queue.** Write `fetch_bounded(fetch, urls, workers)`.

- `await fetch(url)` gives a page after a while, or raises an exception. `urls` is a list without duplicates.
- Return a dictionary: each URL with its page or, where the fetch failed, with the exception.
- Take the URLs in their order. Never fetch more than `workers` at one time, and make no more tasks than that.
- A slow page holds nobody up: as long as URLs are left, nobody is idle.
- Cancelled, you stop at once and end cancelled. When you end, nothing is left running.""",
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
    many = _site({"start": " ".join(f"page-{n}" for n in range(1, 13))})
    web = Web(many)
    scene = watched(web, crawl, "start", 3)
    check_pages(scene, web, many, MARK)
    check_peak(scene, web, 3)
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

    alone = _site({"start": ""}, {"start": 0.1})
    web = Web(alone)
    scene = watched(web, crawl, "start", 3)
    check_pages(scene, web, alone, MARK)
    check_always_busy(scene, web, 3, {"start": 0})

    check_stopped(crawl, Web(many), "start", 3, cancel_at=1.5)

    chance = Chance("crawl")
    for _ in range(ROUNDS):
        site, workers = _drawn_site(chance), chance.number(1, 4)
        web = Web(site)
        scene = watched(web, crawl, "start", workers)
        check_peak(scene, web, workers)
        reached = _reached(site)
        check_pages(scene, web, {url: site[url] for url in reached}, MARK)
        check_always_busy(scene, web, workers, _known(site, web))
        web = Web(site, clean_up=chance.seconds(0, 1))
        under_way = [0.0, site["start"][0]] if len(reached) > 1 else [0.0]
        check_stopped(crawl, web, "start", workers, cancel_at=chance.one_of(under_way) + 0.125)
    in_every_order(crawl, lambda: _web(circle, "start", 2), lambda scene, web: _all_there(scene, web, circle))
    in_every_order(crawl, lambda: _web(circle, "start", 2), _stops, cancel_at=1)
    return "Every page once, and only once; a dead page costs itself, and a cancelled crawl stops."


def _drawn_site(chance: Chance) -> dict[str, tuple[Any, ...]]:
    urls = ["start", *(f"page-{number}" for number in range(chance.number(2, 9)))]

    def answer(url: str) -> Any:
        if chance.likely(0.2):
            return chance.failure(url)
        return chance.some(urls, chance.number(0, 5)) + chance.some(urls, chance.number(0, 1))

    # The pages that nobody links to, and a start that fails, are there, too.
    site = {url: (chance.seconds(0.25, 2), answer(url)) for url in urls}
    return site | {"start": (site["start"][0], chance.some(urls, 4))} if chance.likely(0.9) else site


def _links(site: Mapping[str, tuple[Any, ...]], url: str) -> list[str]:
    links = site[url][1]
    return links if isinstance(links, list) else []


def _reached(site: Mapping[str, tuple[Any, ...]]) -> list[str]:
    reached = ["start"]
    for url in reached:  # which grows meanwhile
        reached += [link for link in dict.fromkeys(_links(site, url)) if link not in reached]
    return reached


def _known(site: Mapping[str, tuple[Any, ...]], web: Web) -> dict[str, float]:
    """Return from when on each page was known: the start at once, any other when the first page with its link came."""
    known = {"start": 0.0}
    for visit in sorted(web.visits, key=lambda visit: visit.ended):
        for link in _links(site, visit.url):
            known.setdefault(link, visit.ended)
    return known


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
- Each page is fetched once, and never more than `workers` at one time. As long as a page is known, nobody is idle.
- Cancelled, it stops at once and ends cancelled. However it ends, nothing is left running.
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
