"""Exercises 1 and 2: a fixed set of workers on a queue, for URLs known beforehand and for links found on the way."""

import inspect
from collections.abc import Mapping
from typing import Any

from course_lib.exercises.framework import Answer, Exercise, WrongAnswer
from course_lib.exercises.lesson_04 import mistakes, solutions
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
    wrong_answers=[
        WrongAnswer(mistakes.in_batches, "It took 9 s for what 3 workers do in 6 s: a slow page was under way"),
        WrongAnswer(mistakes.one_by_one, "One page after another: 17 s for what 3 workers do in 6 s"),
        WrongAnswer(mistakes.with_async_for, "be it `for` or `async for`, waits before it goes on"),
        WrongAnswer(mistakes.all_at_once, "12 pages were being fetched at one time; 3 is the limit"),
        WrongAnswer(mistakes.with_a_semaphore, "you had 12 tasks at one time, one for each page. A semaphore bounds"),
        WrongAnswer(mistakes.never_ends_the_workers, "A worker that waits in `queue.get()` ends only if you cancel it"),
        WrongAnswer(mistakes.awaits_endless_workers, "they wait at an empty queue for ever"),
        WrongAnswer(mistakes.forgets_task_done, "each get() needs its task_done()"),
        WrongAnswer(mistakes.dies_of_a_failure, "its task_done() never came, so queue.join() waits for ever"),
        WrongAnswer(mistakes.loses_the_rest, "A page failed, and took its worker with it: who was to fetch the others"),
        WrongAnswer(mistakes.group_without_try, "your function raised ExceptionGroup: the failure is to cost that"),
        WrongAnswer(mistakes.gather_without_try, "A page failed, and took its worker with it: that ended your whole"),
        WrongAnswer(mistakes.waits_for_more, "The last page was there at 6 s, and your function ended at 8 s"),
        WrongAnswer(mistakes.goes_without_them, "this was still running: worker"),
        WrongAnswer(mistakes.groups_the_function, "`fetch` is a function, and you never called it: `await fetch(url)`"),
        WrongAnswer(mistakes.keeps_coroutines, "There is a coroutine or a task where a page belongs"),
        WrongAnswer(mistakes.skips_failures, "left no trace in what you returned, though it failed"),
        WrongAnswer(mistakes.none_for_failures, "stands None. The exception itself belongs there"),
        WrongAnswer(mistakes.a_list_as_they_come, "Workers end their pages in an order of their own"),
        WrongAnswer(mistakes.a_queue_each, "It took 9 s for what 3 workers do in 6 s: a slow page was under way"),
        WrongAnswer(mistakes.from_the_end, "You began with 'page 12'; take the URLs in their order"),
        WrongAnswer(mistakes.every_worker_all, "take from one queue"),
        WrongAnswer(mistakes.three_workers, "3 pages were being fetched at one time; 2 is the limit"),
        WrongAnswer(mistakes.no_finally, "Cancel your workers in a `finally`"),
        WrongAnswer(mistakes.swallows_cancellation, "was begun at 1.5 s. Which `except` catches a CancelledError"),
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
{inspect.getsource(mistakes.crawl_as_found).replace("crawl_as_found", "crawl").strip()}
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
    wrong_answers=[
        WrongAnswer(mistakes.crawl_as_found, "2 of 13 pages were never fetched, 'page-11' among them"),
        WrongAnswer(mistakes.marks_too_late, "while the first fetch was under way until 4 s. Whoever sees a URL first"),
        WrongAnswer(mistakes.asks_before_and_marks_after, "Whoever sees a URL first must mark it at once"),
        WrongAnswer(mistakes.a_failure_ends_its_worker, "its task_done() never came, so queue.join() waits for ever"),
        WrongAnswer(mistakes.forgets_what_failed, "left no trace in what you returned, though it failed"),
        WrongAnswer(mistakes.cleans_up_at_the_end_only, "Cancel your workers in a `finally`"),
        WrongAnswer(mistakes.level_by_level, "It took 9 s for what 3 workers do in 6 s: a slow page was under way"),
        WrongAnswer(mistakes.ends_when_the_queue_is_empty, "A worker that finds the queue empty is not done"),
        WrongAnswer(mistakes.a_task_for_each_page, "A semaphore bounds work, not tasks"),
        WrongAnswer(mistakes.marks_done_twice, "the work was taken for done too early: one task_done() for each get()"),
        WrongAnswer(mistakes.cannot_be_cancelled, "they must not catch the CancelledError"),
        WrongAnswer(mistakes.without_a_limit, "12 pages were being fetched at one time; 3 is the limit"),
    ],
)
