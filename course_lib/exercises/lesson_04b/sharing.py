"""Exercise 2: one session for all requests, closed by who opened it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing, leaves
from course_lib.exercises.lesson_04b import solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import Scene, play, used_uncalled
from course_lib.seeing import span

ROUNDS = 20
OPENING = 1.0  # seconds that it takes to open a session


class Session:
    """What answers requests, between its opening and its closing."""

    def __init__(self, pages: Mapping[str, tuple[float, Any]]) -> None:
        self._pages = pages
        self.open = True
        self.under_way = 0
        self.misused = ""  # what was done to it that must not be

    async def get(self, url: str) -> Any:
        """Give a page after its time, or raise what is its answer."""
        if not self.open:
            self.misused = f"get({url!r}) ran when its session was closed: await your requests inside the `async with`."
            raise RuntimeError("the session is closed")
        if url not in self._pages:
            raise LookupError(f"there is no page {url!r:.60}")
        seconds, answer = self._pages[url]
        self.under_way += 1
        try:
            with span(f"get {url}"):
                await asyncio.sleep(seconds)
        finally:
            self.under_way -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End it."""
        self.open = False
        if self.under_way:
            self.misused = (
                f"The session was closed with {self.under_way} requests under way. Wait for all of them inside its "
                "`async with`, also when one of them fails."
            )


class Sessions:
    """Opens sessions, and keeps them to be looked at."""

    def __init__(self, pages: Mapping[str, tuple[float, Any]]) -> None:
        self._pages = pages
        self.called = 0
        self.made: list[Session] = []

    def __call__(self) -> AbstractAsyncContextManager[Session]:
        """Return what opens a session, and closes it at the end."""
        self.called += 1
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Session]:
        with span("open a session"):
            await asyncio.sleep(OPENING)
        session = Session(self._pages)
        self.made.append(session)
        try:
            yield session
        finally:
            session.close()

    @property
    def misused(self) -> str:
        """What was done to a session that must not be; empty if nothing was."""
        return next((session.misused for session in self.made if session.misused), "")


def _grade_fetch_in_one_session(fetch_in_one_session: Answer) -> str:
    failure = ConnectionError("no answer")
    pages: dict[str, tuple[float, Any]] = {f"page {n}": (n % 3 + 1, f"text {n}") for n in range(1, 7)}
    _fetched(fetch_in_one_session, pages)
    _fetched(fetch_in_one_session, pages | {"page 2": (1, failure), "page 5": (2, "")})
    for cancel_at in (0.5, 2.5):
        _stopped(fetch_in_one_session, pages, cancel_at)
    chance = Chance("fetch_in_one_session")
    for _ in range(ROUNDS):
        urls = [f"page {number}" for number in range(chance.number(0, 7))]
        pages = {url: (chance.seconds(0.25, 3), chance.answer(url)) for url in urls}
        _fetched(fetch_in_one_session, pages)
        if pages:
            _stopped(fetch_in_one_session, pages, OPENING + 0.125)
    pages = {"a": (1, "text"), "b": (1, failure), "c": (1, 0)}
    in_every_order(fetch_in_one_session, lambda: _sessions(pages), lambda scene, made: _all_there(scene, made, pages))
    return "One session, all requests at once, and closed when the last had ended."


def _sessions(pages: Mapping[str, tuple[float, Any]]) -> tuple[Sessions, list[Any]]:
    sessions = Sessions(pages)
    return sessions, [sessions, list(pages)]


def _played(function: Answer, pages: Mapping[str, tuple[float, Any]], cancel_at: float | None = None) -> Scene:
    sessions, args = _sessions(pages)
    try:
        scene = play(function, *args, cancel_at=cancel_at)
    except Wrong as wrong:
        raise Wrong(_misused(sessions, cancel_at), wrong.timeline) if sessions.misused else wrong from None
    if sessions.called and not sessions.made and isinstance(scene.raised, TypeError | AttributeError):
        raise scene.wrong(
            "What `open_session()` gives is no session yet, and cannot be awaited: `async with open_session() as "
            "session:` opens one, and closes it at the end."
        )
    if used_uncalled(Sessions, scene.raised):
        raise scene.wrong("`open_session` is a function: `async with open_session() as session:`.")
    if sessions.misused:
        raise scene.wrong(_misused(sessions, cancel_at))
    if cancel_at is None:
        _all_there(scene, sessions, pages)
    if any(session.open for session in sessions.made):
        raise scene.wrong("Your function had ended, and its session was open: use `async with`.")
    return scene


def _misused(sessions: Sessions, cancel_at: float | None) -> str:
    """Say what was done to a session that must not be, and what to do where a cancellation led to it."""
    if cancel_at is None:
        return sessions.misused
    return (
        f"Your function was cancelled at {cancel_at:g} s. {sessions.misused} Who is cancelled cancels its tasks first, "
        "and waits for their end; gather and a TaskGroup do."
    )


def _all_there(scene: Scene, sessions: Sessions, pages: Mapping[str, tuple[float, Any]]) -> None:
    answers = [answer for _, answer in pages.values()]
    if scene.raised and any(each is answer for each in leaves(scene.raised) for answer in answers):
        raise scene.wrong(
            f"A request failed, and your function raised {raised_kind(scene.raised)}: the others' pages are lost. "
            "The exception belongs into the list, in the page's place."
        )
    got = scene.result()
    if len(sessions.made) != 1:
        raise scene.wrong(f"You opened {len(sessions.made)} sessions. Open one, and make all requests with it.")
    if isinstance(got, list | tuple) and await_missing(got):
        raise scene.wrong("There is a coroutine or a task where a page belongs: an `await` is missing.")
    if not isinstance(got, list | tuple) or list(got) != answers:
        raise scene.wrong(f"The list should be, in the order of the URLs, {answers!r:.90}; you returned {got!r:.90}.")


def _fetched(function: Answer, pages: Mapping[str, tuple[float, Any]]) -> None:
    scene = _played(function, pages)
    possible = OPENING + max((seconds for seconds, _ in pages.values()), default=0)
    if scene.ended > possible:
        raise scene.wrong(
            f"You took {scene.ended:g} s; with all requests at once it is {possible:g} s: {OPENING:g} s to open the "
            "session, and the slowest page. Start them together."
        )


def _stopped(function: Answer, pages: Mapping[str, tuple[float, Any]], cancel_at: float) -> None:
    scene = _played(function, pages, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s somebody cancelled your function, and it {scene.answered()} instead of ending "
            "cancelled: let CancelledError through."
        )
    if scene.ended > cancel_at:
        raise scene.wrong(f"Your function was cancelled at {cancel_at:g} s, and ended at {scene.ended:g} s.")


fetch_in_one_session = Exercise(
    lesson="lesson_04b",
    task="""\
**Exercise 2: one session.** Write `fetch_in_one_session(open_session, urls)`.

- `async with open_session() as session:` opens a session, which takes 1 s, and closes it at the end.
- `await session.get(url)` gives a page after a while, or raises an exception.
- Open one session, and make all requests with it, all at once. `urls` is a list, perhaps an empty one.
- Return a list, in the order of the URLs: the page or, where the request failed, the exception.
- Cancelled, you end cancelled at once. However you end, no request is under way when the session is closed.""",
    reference=solutions.fetch_in_one_session,
    grade=_grade_fetch_in_one_session,
    hints=[
        "One `async with`, outside; all requests inside it.",
        "`gather` starts all together, and keeps their order. What does it do when one fails?",
        "`return await asyncio.gather(*(session.get(url) for url in urls), return_exceptions=True)`, inside the block: "
        "a `return` leaves it only when the value is there.",
    ],
)
