"""Exercise 1: an open loop whose client has so many connections, and no more."""

import asyncio
import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from course_lib.exercises.chance import STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere, leaves
from course_lib.exercises.lesson_13a import solutions
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20
BEGINS = 3.0  # seconds on the clock when the function is called: it does not begin at 0
CLOSE = 1e-6


@dataclass(frozen=True)
class Planned:
    """What becomes of one request: seconds from the call, and the latency that is to be found (None: it failed)."""

    due: float
    begun: float
    ended: float
    failed: bool

    @property
    def latency(self) -> float | None:
        """The seconds from when it was due."""
        return None if self.failed else self.ended - self.due


class Server:
    """Answers each request after its own time, or fails it, and knows when each was begun.

    blocks: seconds for which the first request holds the loop, before all else, so that others are sent late
    """

    def __init__(
        self, answers: Sequence[tuple[float, Exception | None]], clean_up: float = 0.0, blocks: float = 0.0
    ) -> None:
        self.answers, self.clean_up, self.blocks = answers, clean_up, blocks
        self.cancelled: dict[asyncio.Task[Any], int] = {}  # the number of the request in which each task was
        self.begun: list[float] = []
        self.ended: list[float] = []
        self.under_way = self.peak = 0

    def plan(self, rate: int, seconds: int, connections: int) -> list[Planned]:
        """Return what is to become of each request: who finds no free connection waits for the first one, in order."""
        free = [0.0] * connections
        planned = []
        for number in range(rate * seconds):
            takes, error = self.answer(number)
            due = number / rate
            begun = max(due, heapq.heappop(free), self.blocks if number else 0)
            takes += 0 if number else self.blocks
            heapq.heappush(free, begun + takes)
            planned.append(Planned(due, begun, begun + takes, error is not None))
        return planned

    def answer(self, number: int) -> tuple[float, Exception | None]:
        """Return how long request `number` takes, and what it raises."""
        return self.answers[number % len(self.answers)]

    async def __call__(self) -> object:
        """Make a request."""
        if elsewhere():
            raise Wrong("`request` ran on an event loop of its own, in another thread: no threads here.")
        number = len(self.begun)
        takes, error = self.answer(number)
        now = asyncio.get_running_loop().time
        self.begun.append(now() - BEGINS)
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            with span(f"request {number}"):
                if number == 0 and self.blocks:
                    time.sleep(self.blocks)
                await asyncio.sleep(takes)
        except asyncio.CancelledError:
            if task := asyncio.current_task():
                self.cancelled[task] = number
            await asyncio.sleep(self.clean_up)
            raise
        finally:
            self.under_way -= 1
            self.ended.append(now() - BEGINS)
        if error:
            raise error
        return "answered"

    def __repr__(self) -> str:
        return "<function request>"


def _grade_load_with(load_with: Answer) -> str:
    _loads(load_with, [(0.25, None), (0.25, None), (3.5, None), (0.25, None)], 1, 8, 9)
    _loads(load_with, [(1.0, None)], 2, 3, 1)
    _loads(load_with, [(0.25, None), (2.5, None), (0.25, None)], 2, 4, 2)
    _loads(load_with, [(0.5, None), (0.5, ConnectionError("refused")), (0.5, None)], 1, 3, 2)
    _loads(load_with, [(0.0, None)], 4, 1, 2)
    _loads(load_with, [(0.0, OSError("refused"))], 4, 1, 1)
    _loads(load_with, [(0.25, None)], 2, 3, 4, blocks=1.25)
    for cancel_at in (1.25, 2.5):
        _cancelled(load_with, [(2.0, None)], 2, 4, 2, cancel_at)

    chance = Chance("load_with")
    for _ in range(ROUNDS):
        rate, seconds, connections = chance.number(1, 4), chance.number(1, 5), chance.number(1, 4)
        answers = [
            (chance.seconds(STEP, 3), chance.failure("it") if chance.likely(0.2) else None)
            for _ in range(rate * seconds)
        ]
        _loads(load_with, answers, rate, seconds, connections)
        _cancelled(load_with, answers, rate, seconds + 2, connections, chance.seconds(STEP, 2) + 1 / 64, 0.5)
    return (
        "Every request was sent when it was due, or as soon as it could be, and what its caller waited is in the list."
    )


def _played(function: Answer, server: Server, args: Sequence[int], cancel_at: float | None = None) -> Scene:
    cancel = None if cancel_at is None else cancel_at + BEGINS

    async def begin() -> Any:
        await asyncio.sleep(BEGINS)
        return await function(server, *args)

    begin.__name__ = function.__name__
    scene = replace(play(begin, cancel_at=cancel, blocks=bool(server.blocks)), function=function)
    return replace(scene, ended=scene.ended - BEGINS)


def _loads(
    function: Answer,
    answers: Sequence[tuple[float, Exception | None]],
    rate: int,
    seconds: int,
    connections: int,
    blocks: float = 0.0,
) -> None:
    server = Server(answers, blocks=blocks)
    scene = _played(function, server, (rate, seconds, connections))
    planned = server.plan(rate, seconds, connections)
    holds = f", where request 0 holds the loop for {blocks:g} s" if blocks else ""
    about = f"With rate={rate}, seconds={seconds} and connections={connections}{holds}: "
    own = next((each for each in leaves(scene.raised) if any(each is error for _, error in answers)), None)
    if own:
        raise scene.wrong(
            f"{about}a request raised {type(own).__name__}, and it came out of your function: None stands in its "
            "place, and the load goes on."
        )
    returned = scene.result()
    _check_begun(scene, server, planned, connections, about)
    if not isinstance(returned, list):
        raise scene.wrong(f"Return a list of seconds; your function returned {shown(returned, 60)}.")
    wanted = [each.latency for each in planned]
    if len(returned) != len(wanted):
        raise scene.wrong(
            f"{about}{len(wanted)} requests were made; your list has {len(returned)}. One that failed has None in its "
            "place."
        )
    if not _same(returned, wanted):
        raise scene.wrong(f"{about}{_why(returned, planned)}")
    last = max(each.ended for each in planned)
    if scene.ended > last + CLOSE:
        raise scene.wrong(f"{about}the last answer came at {last:g} s, and your function ended at {scene.ended:g} s.")


def _check_begun(scene: Scene, server: Server, planned: Sequence[Planned], connections: int, about: str) -> None:
    if not server.begun:
        raise scene.wrong(f"{about}`request` was never called.")
    if server.peak > connections:
        raise scene.wrong(f"{about}{server.peak} requests were under way at one time.")
    for number, (each, begun) in enumerate(zip(planned, server.begun, strict=False)):
        if begun < each.begun - CLOSE:
            raise scene.wrong(
                f"{about}request {number} is due at {each.due:g} s, and it was sent at {begun:g} s: too early. It is "
                "due so many seconds after the call; the clock does not begin at 0."
            )
        if number == 0 and begun > CLOSE:
            raise scene.wrong(f"{about}request 0 is due at the call, and it was sent {begun:g} s later.")
        if begun > each.begun + CLOSE:
            free = "a connection was free" if each.begun == each.due else f"one became free at {each.begun:g} s"
            waited = any(abs(begun - ended) <= CLOSE for ended in server.ended)
            what_to_do = (
                "In an open loop nobody waits for another's answer."
                if waited
                else "Send a request as soon as it is due and a connection is free."
            )
            raise scene.wrong(
                f"{about}request {number} was due at {each.due:g} s, {free}, and it was sent at {begun:g} s. "
                f"{what_to_do}"
            )
    if len(server.begun) != len(planned):
        raise scene.wrong(f"{about}{len(planned)} requests are due; you made {len(server.begun)}.")


def _same(found: Sequence[Any], wanted: Sequence[float | None]) -> bool:
    return all(
        (each is None) == (want is None)
        and (want is None or (isinstance(each, int | float) and abs(each - want) <= CLOSE))
        for each, want in zip(found, wanted, strict=True)
    )


def _why(returned: Sequence[Any], planned: Sequence[Planned]) -> str:
    """Say what is wrong with a list of latencies that has the right length."""
    wanted = [each.latency for each in planned]
    if _same(returned, [None if each.failed else each.ended - each.begun for each in planned]):
        return (
            "your latencies count from when a request was sent. What it waited before, for a connection or because "
            "you were late, its caller waited, too: count from when it was due."
        )
    if _same(returned, [None if each.failed else each.ended for each in planned]):
        return "your latencies count from the call; count each from when its request was due."
    if any(each.failed and found is not None for each, found in zip(planned, returned, strict=True)):
        return f"a request that failed has None in its place; your list is {shown(returned, 60)}."
    if _same(sorted(returned, key=str), sorted(wanted, key=str)):
        return (
            "the latencies are right, and not in the order in which the requests were due: some are answered sooner "
            "than those before them."
        )
    return f"the latencies are {shown(wanted, 60)}; your list is {shown(returned, 60)}."


def _cancelled(
    function: Answer,
    answers: Sequence[tuple[float, Exception | None]],
    rate: int,
    seconds: int,
    connections: int,
    cancel_at: float,
    clean_up: float = 0.0,
) -> None:
    server = Server(answers, clean_up)
    scene = _played(function, server, (rate, seconds, connections), cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it {scene.answered()}: let CancelledError through."
        )
    late = len([begun for begun in server.begun if begun > cancel_at])
    if late or scene.ended > cancel_at + clean_up:
        after = f", after {late} more request{'s' * (late > 1)}" if late else ""
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it ended at {scene.ended:g} s{after}: cancel what is "
            "under way, and wait only for its end."
        )
    for task, number in server.cancelled.items():
        if not task.cancelled():
            raise scene.wrong(
                f"At {cancel_at:g} s your function was cancelled, and the task of request {number} caught that, as if "
                "the request had failed: `except Exception` lets CancelledError through."
            )


load_with = Exercise(
    lesson="lesson_13a",
    task="""\
**Exercise 1: only so many connections.** A client has only so many connections; who finds none waits *inside the \
client*, and no server sees it. Write `load_with(request, rate, seconds, connections)`, an open loop.

- `await request()` makes one request. `rate` times `seconds` of them (whole numbers): number 0, 1, 2 ... is \
due `number / rate` seconds after the call. The clock does not begin at 0.
- At most `connections` are under way. A request is sent when it is due, or as soon after that as a connection is \
free, in the order in which they were due.
- Return a list, in that order: the seconds from when each was *due* to its answer, and None for one that raised an \
Exception. The load goes on after a failure.
- Return when all are answered. Cancelled, cancel what is under way, and let the cancellation through. Nothing is left \
running.""",
    reference=solutions.load_with,
    grade=_grade_load_with,
    hints=[
        "The lesson's `open_loop` is nearly all of it. A semaphore of so many connections is waited for in order.",
        "Give each request its number: `took = [None] * (rate * seconds)`, and later `took[number] = now() - due`.",
        "Note `start = now()` at the beginning: a request is due at `start + number / rate`, however late it is sent.",
    ],
)
