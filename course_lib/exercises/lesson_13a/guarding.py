"""Exercise 2: a middleware's work: a place, a time, and an answer for all that goes wrong."""

import asyncio
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import ClientError, web

from course_lib.exercises.chance import STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, elsewhere, run
from course_lib.exercises.lesson_13a import solutions
from course_lib.exercises.lesson_13a.serving import check_response, serving
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline, span

ROUNDS = 8
CLOSE = 1e-6
# No two things happen in one moment: each caller comes a little beside the steps, and so do the limits.
BESIDE, PATIENCE, SECONDS = 1 / 256, 1 / 1024, 1 / 2048

SECRET = ("secret", "KeyError")  # of the first scene

Errors: tuple[type[web.HTTPError], ...] = (web.HTTPNotFound, web.HTTPConflict, web.HTTPBadRequest, web.HTTPBadGateway)


@dataclass
class Caller:
    """A caller: when it comes, how long its work takes, how that ends, and when it leaves; then what it saw."""

    at: float
    takes: float = 0.5
    ends: Exception | None = None
    leaves: float | None = None

    status: int | None = None
    kind: str = ""
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    answered: float | None = None
    begun: float | None = None
    given_up: float | None = None  # when its handler was cancelled


@dataclass(frozen=True)
class Planned:
    """What is to become of a caller: its status (None: it has left), and when; when its work is to begin, if at all."""

    status: int | None
    at: float
    begun: float | None
    why: Literal["fine", "raised", "redirect", "no place", "no time", "left"]


class Places(asyncio.Semaphore):
    """The places, how many were taken and given back, and when one was given back that nobody had."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.taken = self.back = 0
        self.too_many: float | None = None

    async def acquire(self) -> Literal[True]:
        """Take a place."""
        if elsewhere():
            raise Wrong("`places` was used in another thread, or on another loop: no threads here.")
        await super().acquire()
        self.taken += 1
        return True

    def release(self) -> None:
        """Give a place back."""
        self.back += 1
        if self.back > self.taken and self.too_many is None:
            self.too_many = asyncio.get_running_loop().time()
        super().release()


class Shop:
    """The handler, its callers, and what the learner's function did with them."""

    def __init__(self, guard: Answer, callers: Sequence[Caller], places: int, patience: float, seconds: float) -> None:
        self.guard, self.callers = guard, callers
        self.number, self.patience, self.seconds = places, patience, seconds
        self.at_work = self.peak = 0
        self.wrong: Wrong | None = None
        self.raised: list[Exception] = []
        self.swallowed = False

    async def handler(self, request: web.Request) -> web.Response:
        """Work for a caller, and end as it says."""
        caller = self.callers[int(request.match_info["name"])]
        now = asyncio.get_running_loop().time
        caller.begun = now()
        self.at_work += 1
        self.peak = max(self.peak, self.at_work)
        try:
            with span(f"work {request.match_info['name']}"):
                await asyncio.sleep(caller.takes)
        except asyncio.CancelledError:
            caller.given_up = now()
            raise
        finally:
            self.at_work -= 1
        if caller.ends:
            raise caller.ends
        return web.Response(text="the answer", content_type="text/markdown", headers={"X-Shop": "open"})

    async def guarded(self, request: web.Request) -> web.StreamResponse:
        """Let the learner's function answer, and note what it does."""
        try:
            response = await self.guard(request, self.handler, self.places, self.patience, self.seconds)
            check_response(self.guard, response)
        except Wrong as wrong:
            self.wrong = self.wrong or wrong
            raise
        except Exception as error:
            self.raised.append(error)
            raise
        task = asyncio.current_task()
        if task and task.cancelling():
            self.swallowed = True
        found: web.StreamResponse = response
        return found

    async def open(self) -> None:
        """Serve all callers."""
        self.places = Places(self.number)
        async with serving(self.guarded) as (session, url), asyncio.TaskGroup() as group:

            async def call(number: int, caller: Caller) -> None:
                await asyncio.sleep(caller.at)
                stays = None if caller.leaves is None else caller.leaves - caller.at
                try:
                    async with (
                        asyncio.timeout(stays),
                        session.get(f"{url}/{number}", allow_redirects=False) as response,
                    ):
                        caller.text = await response.text()
                        caller.status, caller.kind = response.status, response.content_type
                        caller.headers = dict(response.headers)
                except (TimeoutError, ClientError):
                    pass
                caller.answered = asyncio.get_running_loop().time()

            for number, caller in enumerate(self.callers):
                group.create_task(call(number, caller), name=f"caller {number}")

    def plan(self) -> list[Planned]:
        """Return what is to become of each caller: who finds no place waits for the first one, in order."""
        free = [0.0] * self.number
        return [self._plan(caller, free) for caller in self.callers]

    def _plan(self, caller: Caller, free: list[float]) -> Planned:
        leaves = float("inf") if caller.leaves is None else caller.leaves
        begun = max(caller.at, free[0])
        if min(begun, leaves) > caller.at + self.patience:
            return Planned(503, caller.at + self.patience, None, "no place")
        if leaves < begun:
            return Planned(None, leaves, None, "left")
        ends = begun + caller.takes
        end = min(ends, begun + self.seconds, leaves)
        heapq.heapreplace(free, end)
        if end == leaves:
            return Planned(None, leaves, begun, "left")
        if end < ends:
            return Planned(504, end, begun, "no time")
        if isinstance(caller.ends, web.HTTPException):
            kind: Any = "raised" if isinstance(caller.ends, web.HTTPError) else "redirect"
            return Planned(caller.ends.status, end, begun, kind)
        return Planned(500 if caller.ends else 200, end, begun, "raised" if caller.ends else "fine")


def _grade_guard(guard: Answer) -> str:
    _serves(guard, [Caller(0), Caller(1, ends=KeyError("secret")), Caller(2, ends=web.HTTPConflict())], 3)
    _serves(guard, [Caller(0, ends=web.HTTPFound("/1")), Caller(1, ends=TimeoutError("no answer from the shop"))], 2)
    _serves(guard, [Caller(0, 60), Caller(0.25, 1)], 2)
    _serves(guard, [Caller(0, 2), Caller(0.25, 1.5), Caller(0.5, 1), Caller(0.75, 0.5)], 2, patience=1.5)
    _serves(guard, [Caller(0, 2.5), Caller(0.25, 0.5), Caller(0.75, 0.5)], 1, patience=1, seconds=3)
    _serves(guard, [Caller(0, 60, leaves=1), Caller(0.5, 1)], 1)
    _serves(guard, [Caller(0, 2), Caller(0.5, 1, leaves=1), Caller(0.75, 1)], 1)
    _serves(guard, [Caller(0, 1, ends=ValueError()), Caller(0.5, 60), Caller(1.75, 0.5)], 1, patience=2.5)

    chance = Chance("guard")
    for _ in range(ROUNDS):
        callers, at = [], 0.0
        for number in range(chance.number(2, 4)):
            at += chance.seconds(0, 1)
            comes = at + number * BESIDE
            ends = None
            if chance.likely(0.4):
                ends = chance.one_of(Errors)() if chance.likely(0.4) else chance.failure("the shop")
            leaves = comes + chance.seconds(STEP, 2) + BESIDE / 2 if chance.likely(0.2) else None
            callers.append(Caller(comes, chance.seconds(STEP, 3), ends, leaves))
        patience, seconds = chance.seconds(STEP, 2), chance.seconds(STEP, 2)
        _serves(guard, callers, chance.number(1, 2), patience, seconds)
    return "Nobody waited longer than you said, and everybody was told what had happened, in one form."


def _serves(guard: Answer, callers: list[Caller], places: int, patience: float = 2.25, seconds: float = 2) -> None:
    shop = Shop(guard, callers, places, patience + PATIENCE, seconds + SECONDS)
    timeline = run(shop.open, none=True)
    about = f"With {places} place{'s' * (places > 1)}, patience={patience:g} and seconds={seconds:g}: "
    if stub := next((error for error in shop.raised if isinstance(error, NotImplementedError)), None):
        raise stub
    if shop.wrong:
        raise Wrong(str(shop.wrong), timeline)
    if shop.swallowed:
        raise Wrong(
            "A caller left, so your function was cancelled, and it returned an answer: let CancelledError through.",
            timeline,
        )
    if shop.places.too_many is not None:
        raise Wrong(
            f"{about}at {shop.places.too_many:.4g} s a place was given back that was never taken. Who found none has "
            "none to give back.",
            timeline,
        )
    if shop.peak > places:
        raise Wrong(f"{about}{shop.peak} handlers were at work at one time.", timeline)
    for number, (caller, planned) in enumerate(zip(callers, shop.plan(), strict=True)):
        _check(shop, number, caller, planned, about, timeline)
    if shop.places.taken != shop.places.back:
        raise Wrong(
            f"{about}{shop.places.taken} places were taken, and {shop.places.back} given back. Give back what you have "
            "taken, however it ends, and nothing else.",
            timeline,
        )


def _check(shop: Shop, number: int, caller: Caller, planned: Planned, about: str, timeline: Timeline) -> None:
    came = f"{about}caller {number}, who came at {caller.at:.3g} s, "
    if caller.begun is None and planned.begun is not None:
        raise Wrong(
            f"{came}could have a place at {planned.begun:.3g} s, and its handler was never called"
            f"{_raised(shop)}. Its status was {caller.status}.{_kept(shop)}",
            timeline,
        )
    if caller.begun is not None and planned.begun is None:
        raise Wrong(
            f"{came}found no place within its patience, and its handler was called at {caller.begun:.3g} s.", timeline
        )
    if caller.begun is not None and planned.begun is not None and abs(caller.begun - planned.begun) > CLOSE:
        raise Wrong(
            f"{came}could have a place at {planned.begun:.3g} s, and its handler was called at {caller.begun:.3g} s.",
            timeline,
        )
    ended = {"left": "left", "no time": "had no answer in time", "no place": "found no place"}.get(planned.why, "")
    if planned.status is None:
        if caller.begun is not None and caller.given_up is None:
            raise Wrong(
                f"{came}left at {planned.at:.3g} s, and its handler went on: pass the cancellation on.", timeline
            )
        return
    what = f"{came}{ended}, and" if ended else f"{came}whose handler {_ended(caller)},"
    if caller.status != planned.status:
        raise Wrong(
            f"{what} is to get the status {planned.status}; it got {caller.status}{_raised(shop)}."
            f"{_because(shop, caller, planned)}",
            timeline,
        )
    if caller.answered is None or abs(caller.answered - planned.at) > CLOSE:
        raise Wrong(
            f"{what} was to be answered at {planned.at:.4g} s, and was at {caller.answered or 0:.4g} s.", timeline
        )
    if planned.why == "fine" and caller.text != "the answer":
        raise Wrong(f"{what} is to get its handler's response, as it is; it got {shown(caller.text, 40)}.", timeline)
    if planned.why == "fine" and (caller.kind != "text/markdown" or caller.headers.get("X-Shop") != "open"):
        raise Wrong(
            f"{what} is to get its handler's response, as it is; yours has its text, and not its headers or content "
            "type: return the response itself.",
            timeline,
        )
    if planned.why == "redirect" and caller.headers.get("Location") != "/1":
        raise Wrong(f"{what} is to get the redirection as it is, with its Location.", timeline)
    if planned.why in ("raised", "no place", "no time") and not _is_error(caller):
        raise Wrong(
            f"{what} got {shown(caller.text, 40)}, as {caller.kind}: answer with "
            f'`web.json_response({{"error": ...}}, status={planned.status})`, a text in it.',
            timeline,
        )
    for text in (caller.text, *caller.headers.values()):
        if any(word in text for word in SECRET):
            raise Wrong(f"{what} read what was raised: {shown(text, 60)}. That is for the log.", timeline)
    if planned.why == "no place" and caller.headers.get("Retry-After") != "1":
        raise Wrong(f"{what} its answer is to have the header Retry-After, with 1.", timeline)


def _ended(caller: Caller) -> str:
    return f"raised {type(caller.ends).__name__}" if caller.ends else "answered"


def _kept(shop: Shop) -> str:
    if shop.places.taken > shop.places.back:
        return " A place that was taken was not given back: give it back however it ends."
    return ""


def _because(shop: Shop, caller: Caller, planned: Planned) -> str:
    if planned.why == "redirect":
        return " A redirection is an HTTPException, too, and no error: web.HTTPError is what has a status from 400 on."
    if caller.status == 504 and any(isinstance(each, TimeoutError) for each in shop.raised):
        return f" aiohttp makes a 504 of a TimeoutError that leaves your function: answer it with a {planned.status}."
    if planned.status == 500 and caller.status in (503, 504):
        return " That was the handler's own exception, and not your limit."
    if caller.status == 504 and caller.answered is not None and abs(caller.answered - planned.at) > CLOSE:
        return " Its handler has `seconds` from when it is called; who waits for a place uses none of them."
    return ""


def _raised(shop: Shop) -> str:
    errors = [error for error in shop.raised if not isinstance(error, web.HTTPException)]
    own = [caller.ends for caller in shop.callers]
    if error := next((error for error in errors if not any(error is each for each in own)), None):
        return f" ({describe_raised(error).removesuffix('.')})"
    return " (its exception came out of your function)" if errors else ""


def _is_error(caller: Caller) -> bool:
    try:
        found = json.loads(caller.text)
    except ValueError:
        return False
    why = found.get("error") if isinstance(found, dict) else None
    return caller.kind == "application/json" and isinstance(why, str) and bool(why)


guard = Exercise(
    lesson="lesson_13a",
    task="""\
**Exercise 2: a place worth waiting for.** Write `guard(request, handler, places, patience, seconds)`, what a \
middleware does with each request.

- `places` is an `asyncio.Semaphore`, the same for all requests. Wait for a place, `patience` seconds at most. Who has \
none then is refused with 503 and the header `Retry-After: 1`; its handler is not called.
- With a place, return what `await handler(request)` returns. It has `seconds` from when you call it. When they are \
over it is cancelled, and the answer is a 504.
- A `web.HTTPError` that it raises is answered with its status, any other Exception with 500, also a TimeoutError of \
its own; of such an Exception the caller reads nothing. A redirection, which is an HTTPException too, passes as it is.
- All these refusals are JSON: `{"error": "..."}`, with words of yours.
- When the caller leaves, you are cancelled (this server has `handler_cancellation=True`): so is the handler, and the \
cancellation goes on. However it ends, the place is given back.""",
    reference=solutions.guard,
    grade=_grade_guard,
    hints=[
        "Two limits, one after the other: one around `await places.acquire()`, one around `await handler(request)`.",
        "After the place is taken, everything stands in one `try`, whose `finally` is `places.release()`. Who has no "
        "place does not come there.",
        "`async with asyncio.timeout(seconds) as limit:` and later `limit.expired()` tells your limit from a "
        "TimeoutError that the handler raised.",
        '`web.json_response({"error": why}, status=503, headers={"Retry-After": "1"})`',
    ],
)
