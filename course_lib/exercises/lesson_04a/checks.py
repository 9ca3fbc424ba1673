"""What workers are checked for: each page once, never too many, never idle, and stopped when cancelled."""

import inspect
from collections.abc import Mapping
from typing import Any

from course_lib.exercises.framework import Answer, Wrong, await_missing, describe_raised
from course_lib.exercises.lesson_04a.web import Web, tasks_at_once
from course_lib.exercises.playing import Scene, play, used_uncalled
from course_lib.seeing import Outcome, Timeline

SPARE = 2  # tasks an answer may have besides its workers: one that feeds, one that waits


def watched(web: Web, function: Answer, *args: Any, cancel_at: float | None = None) -> Scene:
    """Play a scene, and say what it was in terms of pages and workers when it went wrong."""
    try:
        scene = play(function, web, *args, cancel_at=cancel_at, at_end=web.note_end)
    except Wrong as wrong:
        raise _explained(wrong, web, cancel_at) from None
    if web.not_urls:
        missing = " An `await` is missing." if inspect.isawaitable(web.not_urls[0]) else ""
        raise scene.wrong(f"You called fetch({web.not_urls[0]!r:.40}), which is no page.{missing}")
    if not web.visits and used_uncalled(Web, scene.raised):
        raise scene.wrong("`fetch` is a function, and you never called it: `await fetch(url)`.")
    if web.raised(scene.raised):
        raise scene.wrong(
            f"A page failed, and your function raised {type(scene.raised).__name__}: the failure is to cost that page "
            "only, of whatever class it is. Catch it where the page is fetched."
        )
    return scene


def _explained(wrong: Wrong, web: Web, cancel_at: float | None) -> Wrong:
    timeline = wrong.timeline
    if timeline is None or not timeline.leaked:
        return wrong
    if cancel_at is not None:
        return Wrong(f"{wrong} {_why_left(web, timeline, cancel_at)}", timeline)
    waiting = "had not ended" in str(wrong)
    if dead := _killed(timeline):
        if "no answer" not in dead:
            return Wrong(f"A task of yours raised {dead.removesuffix('.')}, and ended with it.", timeline)
        why = "A page failed, and took its worker with it"
        end = (
            "its task_done() never came, so queue.join() waits for ever" if waiting else "that ended your whole program"
        )
        return Wrong(f"{why}: {end}. A worker must survive what happens to a page.", timeline)
    if waiting and not web.visits:
        return Wrong("No page was ever fetched, and your function waits for ever: has a worker been started?", timeline)
    if waiting and (again := [url for url, times in web.count().items() if times > 1]):
        return Wrong(
            f"{again[0]!r} was fetched {web.count()[again[0]]} times, and your function did not end. Whoever sees a "
            "URL first must mark it at once, and whoever sees it again must leave it.",
            timeline,
        )
    if waiting:
        return Wrong(
            f"The last page was there at {web.ended():g} s, and your function never ended. If it waits for "
            "queue.join(): each get() needs its task_done(). If it waits for its workers: they wait at an empty queue "
            "for ever, so somebody must end them, and they must not catch the CancelledError.",
            timeline,
        )
    if any(lane.name.startswith("fetch ") and lane.outcome is Outcome.LEFT for lane in timeline):
        return wrong
    return Wrong(
        f"When your function had ended, this was still running: {', '.join(timeline.leaked)}. A worker that waits in "
        "`queue.get()` ends only if you cancel it; then wait until it has ended.",
        timeline,
    )


def _killed(timeline: Timeline) -> str:
    """Return what a task failed with, empty if none did."""
    return next((lane.error for lane in timeline if lane.is_task and lane.outcome is Outcome.FAILED), "")


def _why_left(web: Web, timeline: Timeline, cancel_at: float) -> str:
    """Say why tasks are left after a cancellation: they were not cancelled, or not awaited, or took no notice."""
    if web.took_no_notice() or (web.cancelled and web.went_on(cancel_at)):
        return "A worker was cancelled and went on. Which `except` catches a CancelledError?"
    if web.cancelled:
        return f"A fetch that is cancelled needs {web.clean_up:g} s to clean up: after `cancel()`, wait for its end."
    return "Cancel your workers in a `finally`, and wait for them there."


def check_pages(scene: Scene, web: Web, pages: Mapping[str, tuple[float, Any]], once: str) -> None:
    """Raise Wrong unless the call returned a dictionary of all `pages`; `once` says how to fetch each once."""
    got, wanted = scene.result(), {url: answer for url, (_, answer) in pages.items()}
    if not isinstance(got, dict):
        raise scene.wrong(
            f"Return a dictionary, URL to page; you returned {got!r:.40}. Workers end their pages in an "
            "order of their own, so keep each page under its URL."
        )
    if await_missing(got.values()):
        raise scene.wrong("There is a coroutine or a task where a page belongs: an `await` is missing.")
    for url, times in web.count().items():
        if times > 1:
            first, second = [visit for visit in web.visits if visit.url == url][:2]
            if url == web.visits[0].url and second.begun >= first.ended:
                once = (
                    f"The first page has been seen from the beginning: mark {url!r} before you put it into the queue."
                )
            during = f", while the first fetch was under way until {first.ended:g} s"
            raise scene.wrong(
                f"{url!r} was fetched {times} times: again at {second.begun:g} s"
                f"{during if second.begun < first.ended else ''}. {once}"
            )
    for url, page in wanted.items():
        if url not in got:
            raise scene.wrong(_missing(url, wanted, web, scene.timeline))
        if got[url] is not page and got[url] != page:
            if isinstance(got[url], Exception) and not web.raised(got[url]):
                raise scene.wrong(
                    f"{describe_raised(got[url])} That was no failure of a fetch, and your `except` took it for one: "
                    f"it stands under {url!r}."
                )
            what = "The exception itself belongs there." if isinstance(page, Exception) else f"It should be {page!r}."
            raise scene.wrong(f"Under {url!r} stands {got[url]!r:.60}. {what}")
    if extra := sorted(set(got) - set(wanted), key=str):
        raise scene.wrong(f"{extra[0]!r:.60} is in the dictionary, and was none of the pages.")


def _missing(url: str, wanted: Mapping[str, Any], web: Web, timeline: Timeline) -> str:
    never = [page for page in wanted if not web.begun(page)]
    if never and web.visits and web.most_of_a_task() == 1:
        return (
            f"{len(never)} of {len(wanted)} pages were never fetched, {never[0]!r} among them. Each of your tasks "
            "fetched one page, and ended. A worker is a loop: whoever has fetched a page takes the next, as long as "
            "there is one."
        )
    if not never and (dead := _killed(timeline)):
        return (
            f"A page failed with {dead.partition(':')[0]}, and took its worker with it: {url!r} is missing in what you "
            "returned. A worker must survive whatever happens to a page."
        )
    if not never:
        return f"{url!r} was fetched, and left no trace in what you returned, though it failed: keep its exception."
    if any(isinstance(page, Exception) for page in wanted.values()):
        why = "A page failed, and took its worker with it: who was to fetch the others?"
    else:
        why = (
            "Either it never got into the queue, or the work was taken for done too early: one task_done() for each "
            "get(), once the page's links are in the queue."
        )
    return f"{len(never)} of {len(wanted)} pages were never fetched, {never[0]!r} among them. {why}"


def check_peak(scene: Scene, web: Web, workers: int) -> None:
    """Raise Wrong if more than `workers` pages were being fetched at one time."""
    if web.peak() > workers:
        raise scene.wrong(f"{web.peak()} pages were being fetched at one time; {workers} is the limit.")


def check_tasks(scene: Scene, workers: int, name: str) -> None:
    """Raise Wrong if there were far more tasks than `workers` at one time; `name` is the function's."""
    tasks = tasks_at_once(scene.timeline, name)
    if tasks > 2 * workers + SPARE:  # twice: a worker may await each fetch as a task, with a time limit
        raise scene.wrong(
            f"Never more than {workers} pages were being fetched, but you had {tasks} tasks at one time, one for each "
            f"page. A semaphore bounds work, not tasks: 10,000 URLs, 10,000 tasks. Make {workers} tasks, and let each "
            "fetch one page after another."
        )


def check_never_idle(scene: Scene, web: Web, workers: int, possible: float, idle: str) -> None:
    """Raise Wrong if it took longer than `possible` seconds; `idle` says why, where pages came one after another."""
    if scene.ended > possible and web.peak() == 1:
        raise scene.wrong(
            f"One page after another: {scene.ended:g} s for what {workers} workers do in {possible:g} s. {idle}"
        )
    if (gap := web.gap()) is not None:
        again = min(visit.begun for visit in web.visits if visit.begun > gap)
        raise scene.wrong(
            f"From {gap:g} s to {again:g} s no page was being fetched, and not all were there: what your code waited "
            "for then was no page."
        )
    if scene.ended > web.ended():
        raise scene.wrong(
            f"The last page was there at {web.ended():g} s, and your function ended at {scene.ended:g} s. How long to "
            "wait for more is a guess: know it instead, from `queue.empty()`, `queue.join()` or a last item."
        )
    enough = len(web.visits) > 3 * workers  # pages for all workers
    if scene.ended > possible and enough and web.peak() < workers:
        raise scene.wrong(
            f"It took {scene.ended:g} s for what {workers} workers do in {possible:g} s: never more than {web.peak()} "
            "pages were being fetched at one time."
        )
    if scene.ended > possible:
        raise scene.wrong(
            f"It took {scene.ended:g} s for what {workers} workers do in {possible:g} s: a slow page was under way, "
            "and others that could have been fetched waited for it. Whoever has fetched a page takes the next at once."
        )


def check_always_busy(scene: Scene, web: Web, workers: int, known: Mapping[str, float]) -> None:
    """Raise Wrong if a page waited, from when it was known, while fewer than `workers` pages were being fetched."""
    for visit in web.visits:
        for at in web.moments(known[visit.url], visit.begun):
            if (busy := web.under_way(at)) < workers:
                raise scene.wrong(
                    f"At {at:g} s {visit.url!r} was known and waiting, and {busy} of {workers} workers were fetching; "
                    f"it was begun at {visit.begun:g} s. Whoever has fetched a page, or failed, takes the next at once."
                )
    if scene.ended != web.ended():
        raise scene.wrong(
            f"The last page was there at {web.ended():g} s, and your function ended at {scene.ended:g} s: there was "
            "nothing more to wait for."
        )


def check_stopped(function: Answer, web: Web, *args: Any, cancel_at: float) -> None:
    """Cancel a call at `cancel_at` seconds; raise Wrong unless it ends cancelled, at once, and begins no page."""
    scene = watched(web, function, *args, cancel_at=cancel_at)
    if went_on := web.went_on(cancel_at):
        why = (
            "Cancel all workers at once, then wait for them."
            if scene.cancelled and not web.took_no_notice()
            else "Which `except` catches a CancelledError?"
        )
        raise scene.wrong(
            f"Your function was cancelled at {cancel_at:g} s, and {went_on[0].url!r} was begun at "
            f"{went_on[0].begun:g} s. {why}"
        )
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s somebody cancelled your function, and it {scene.answered()} instead of ending "
            "cancelled: let CancelledError through."
        )
    needs = web.clean_up if any(visit.ended > cancel_at for visit in web.visits) else 0
    if scene.ended > cancel_at + needs:
        raise scene.wrong(
            f"Your function was cancelled at {cancel_at:g} s, and ended at {scene.ended:g} s. The fetches under way "
            f"need {needs:g} s to clean up, all at the same time: cancel all of them, then wait."
        )
