"""Exercise 3: limits a host and in all, and nobody waits with a slot in hand."""

import inspect
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing
from course_lib.exercises.lesson_04a import as_found, solutions
from course_lib.exercises.lesson_04a.web import Web
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play

ROUNDS = 20
COST = (
    "A page failed, and its ConnectionError, which may be of a class of its own, left your function: that cost you the "
    "others. After three tries, put the exception in its place."
)

Pages = Mapping[str, tuple[Any, ...]]


def _grade_fetch_politely(fetch_politely: Answer) -> str:
    web, scene = _polite(fetch_politely, {"slow": [4] * 4, "fast": [1] * 4}, total=4, per_host=2)
    fast = max(visit.ended for visit in web.visits if "fast" in visit.url)
    if fast > 2:
        late = f"The last page of the fast host came at {fast:g} s. It has four pages of 1 s, two at a time: 2 s."
        slow = max(visit.ended for visit in web.visits if "slow" in visit.url)
        if web.begun("http://fast/1")[0] >= slow:
            _not_swapped(fetch_politely)
            raise scene.wrong(f"{late} It was not begun before the slow host was done: let the hosts overlap.")
        raise scene.wrong(
            f"{late} URLs that wait for the slow host wait with one of the total slots in hand, and nobody else can "
            "use it. Which of the two should be waited for first?"
        )
    web, scene = _polite(fetch_politely, {"a": [1] * 3, "b": [1] * 3, "c": [1] * 3}, total=4, per_host=2)
    if scene.ended > 4:  # in any sensible order it is 3
        raise scene.wrong(
            f"Nine pages of 1 s, four at a time: you took {scene.ended:g} s for what 3 s can do. Let the hosts overlap."
        )

    down = ConnectionError("down for a moment")
    pages: Pages = {"http://a/flaky": (1, down, "text"), "http://a/1": (1, "text 1"), "http://a/2": (1, "text 2")}
    web = Web(pages)
    scene = _kept_limits(web, fetch_politely, list(pages), 1, 1)
    _texts(scene, ["text", "text 1", "text 2"])
    _three_tries("http://a/flaky", 2, web, scene)
    if web.begun("http://a/1") != [1]:
        raise scene.wrong(
            "At 1 s http://a/flaky failed and paused. http://a/1 was waiting, and was begun at "
            f"{web.begun('http://a/1')[0]:g} s: the pause was spent with a slot in hand. Give the slot back first."
        )

    dead = ConnectionError("down for good")
    pages = {"http://a/dead": (1, dead), "http://a/1": (1, "text 1")}
    web = Web(pages)
    scene = _kept_limits(web, fetch_politely, list(pages), 4, 2)
    _texts(scene, [dead, "text 1"])
    _three_tries("http://a/dead", 3, web, scene)
    _ended(web, scene)

    chance = Chance("fetch_politely")
    for _ in range(ROUNDS):
        hosts = [f"host{number}" for number in range(chance.number(1, 3))]
        urls = [f"http://{chance.one_of(hosts)}/{number}" for number in range(chance.number(1, 7))]
        pages = {url: (chance.seconds(0.25, 2), *_tries(chance, url)) for url in urls}
        _drawn(fetch_politely, pages, chance.number(1, 4), chance.number(1, 3))
        _stopped(fetch_politely, pages, chance.number(1, 4), chance.number(1, 3))
    flaky: Pages = {"http://a/1": (1, down, "a"), "http://a/2": (1, ""), "http://b/1": (1, 0), "http://b/2": (1, "b")}
    in_every_order(
        fetch_politely, lambda: _few(flaky, 2, 1), lambda scene, web: _all_there(scene, web, flaky, total=2, per_host=1)
    )
    return "Limits kept, and nobody waits with a slot in hand: the fast host was done in 2 s."


def _not_swapped(fetch_politely: Answer) -> None:
    """Raise Wrong if the limit a host is kept in all, and the one in all by each host."""
    urls = ["http://a/1", "http://a/2", "http://b/1", "http://b/2"]
    web = Web(dict.fromkeys(urls, (1, "text")))
    scene = play(fetch_politely, web, urls, 1, 2)
    if web.peak() == 2 and web.peak("a") == web.peak("b") == 1:
        raise scene.wrong(
            "With total=1 and per_host=2, two pages were being fetched at one time, one of each host. It looks as if "
            "the two limits were swapped: `total` belongs to the semaphore that all share, `per_host` to each host's."
        )


def _few(pages: Pages, total: int, per_host: int) -> tuple[Web, list[Any]]:
    web = Web(pages)
    return web, [web, list(pages), total, per_host]


def _all_there(scene: Scene, web: Web, pages: Pages, *, total: int, per_host: int) -> None:
    _within_limits(scene, web, list(pages), total, per_host)
    _texts(scene, [answers[-1] for _, *answers in pages.values()])


def _tries(chance: Chance, url: str) -> list[Any]:
    """Return what the tries of a page give: some failures, and then the page, or failures only."""
    kinds = (ConnectionError, ConnectionResetError, BrokenPipeError)
    failures = chance.number(0, 3) if chance.likely(0.5) else 0
    row: list[Any] = [chance.one_of(kinds)(f"try {number} of {url}") for number in range(failures)]
    return row if len(row) == 3 else [*row, chance.value(f"text of {url}")]


def _drawn(function: Answer, pages: Pages, total: int, per_host: int) -> None:
    web = Web(pages)
    scene = _kept_limits(web, function, list(pages), total, per_host)
    _texts(scene, [answers[-1] for _, *answers in pages.values()])
    for url, (seconds, *answers) in pages.items():
        _three_tries(url, len(answers), web, scene, seconds)
        ready, host = 0.0, urlsplit(url).netloc
        for pause, begun in zip((1, 2, 0), web.begun(url), strict=False):
            for at in web.moments(ready, begun):
                if web.under_way(at) < total and web.under_way(at, host) < per_host:
                    raise scene.wrong(
                        f"{url} could be fetched from {ready:g} s on, and at {at:g} s only {web.under_way(at)} fetches "
                        f"were under way, {web.under_way(at, host)} of its host; {total} and {per_host} may be. It was "
                        f"begun at {begun:g} s: what waits must neither keep others from fetching nor wait for them."
                    )
            ready = begun + seconds + pause
    _ended(web, scene)


def _ended(web: Web, scene: Scene) -> None:
    if scene.ended != web.ended():
        raise scene.wrong(
            f"The last fetch ended at {web.ended():g} s, and your function at {scene.ended:g} s: a pause is good for "
            "nothing unless another try comes after it."
        )


def _stopped(function: Answer, pages: Pages, total: int, per_host: int) -> None:
    web, cancel_at = Web(pages, clean_up=0), 0.125
    scene = play(function, web, list(pages), total, per_host, cancel_at=cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s somebody cancelled your function, and it {scene.answered()} instead of ending "
            "cancelled: let CancelledError through."
        )
    if went_on := web.went_on(cancel_at):
        raise scene.wrong(
            f"Your function was cancelled at {cancel_at:g} s, and {went_on[0].url} was begun at "
            f"{went_on[0].begun:g} s. Which `except` catches a CancelledError?"
        )
    if scene.ended > cancel_at:
        raise scene.wrong(f"Your function was cancelled at {cancel_at:g} s, and ended at {scene.ended:g} s.")


def _polite(function: Answer, hosts: Mapping[str, list[int]], total: int, per_host: int) -> tuple[Web, Scene]:
    urls = [(f"http://{host}/{n}", seconds) for host, row in hosts.items() for n, seconds in enumerate(row, start=1)]
    web = Web({url: (seconds, f"text of {url}") for url, seconds in urls})
    scene = _kept_limits(web, function, [url for url, _ in urls], total, per_host)
    _texts(scene, [f"text of {url}" for url, _ in urls])
    return web, scene


def _kept_limits(web: Web, function: Answer, urls: list[str], total: int, per_host: int) -> Scene:
    try:
        scene = play(function, web, urls, total, per_host)
    except Wrong as wrong:
        result = wrong.timeline.result if wrong.timeline else None
        if isinstance(result, tuple) and web.raised(result[1]):
            raise Wrong(COST, wrong.timeline) from None
        raise
    if web.raised(scene.raised):
        raise scene.wrong(COST)
    _within_limits(scene, web, urls, total, per_host)
    return scene


def _within_limits(scene: Scene, web: Web, urls: list[str], total: int, per_host: int) -> None:
    if web.peak() > total:
        raise scene.wrong(f"{web.peak()} pages were being fetched at one time; {total} is the limit.")
    for host in dict.fromkeys(urlsplit(url).netloc for url in urls):
        if web.peak(host) > per_host:
            raise scene.wrong(f"{web.peak(host)} pages of {host} were being fetched at one time; {per_host} a host.")


def _texts(scene: Scene, wanted: list[Any]) -> None:
    got = scene.result()
    if isinstance(got, list | tuple) and await_missing(got):
        raise scene.wrong("There is a coroutine or a task where a page belongs: an `await` is missing.")
    if not isinstance(got, list | tuple):
        raise scene.wrong(f"Return the list of pages; you returned {got!r:.80}.")
    if list(got) != wanted:
        raise scene.wrong(f"The pages should be, in the order of the URLs, {wanted!r:.80}; you returned {got!r:.80}.")


def _three_tries(url: str, tries: int, web: Web, scene: Scene, seconds: float = 1) -> None:
    begun = web.begun(url)
    if len(begun) != tries:
        raise scene.wrong(f"{url} was tried {len(begun)} times, not {tries}.")
    for number, pause in enumerate((1, 2)[: tries - 1], start=1):
        failed = begun[number - 1] + seconds
        if begun[number] < failed + pause:
            raise scene.wrong(
                f"{url} failed at {failed:g} s and was tried again at {begun[number]:g} s: pause "
                f"{pause} s before, as the program did."
            )


fetch_politely = Exercise(
    lesson="lesson_04a",
    task=f"""\
**Exercise 3: bug hunt, politeness.** A slow host holds up the fast ones, and so does a pause before another try. Mend
`fetch_politely(fetch, urls, total, per_host)`.

```python
{inspect.getsource(as_found.fetch_politely).strip()}
```

- It returns a list, in the order of `urls`: the page or, after three tries, the last ConnectionError. `fetch` raises
  no other exceptions.
- Never more than `total` fetches are under way, and never more than `per_host` of one host.
- Nothing that waits, be it for its host or in its pause, keeps others from fetching.
- Pauses stay as long as they are: 1 s before the second try, 2 s before the third, none after it.
- Cancelled, it stops at once and ends cancelled.""",
    reference=solutions.fetch_politely,
    grade=_grade_fetch_politely,
    hints=[
        "Four URLs of the slow host come first. Two are fetched. Which slots do the other two hold while they wait?",
        "`async with a, b:` takes a, then b. What everybody shares should be taken last, and held only for the fetch.",
        "The pause belongs outside of both slots: the `async with` goes inside the `try`, around the fetch alone.",
    ],
)
