"""Exercise 3: a circuit breaker, half-open for one at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.chance import FALSY, Chance
from course_lib.exercises.framework import Answer, Exercise, await_missing
from course_lib.exercises.lesson_13b import solutions
from course_lib.exercises.playing import Scene, play
from course_lib.seeing import span

ROUNDS = 20
MOST, PAUSE = 3, 5.0
TAKES = 0.25
REFUSED = "refused"  # what became of a call that was not made

Steps = Sequence[tuple[float, Any]]  # seconds after the last call's end, and what the call gives or raises
Seen = tuple[float, Any, bool, Any]  # when a call came, what it gives, whether it is to be refused, what became of it


@dataclass
class Circuit:
    """What a learner's function keeps between its calls."""

    failures: int = 0
    until: float = 0.0
    trying: bool = False


class Model:
    """What a circuit breaker does, for calls that come one after another."""

    def __init__(self) -> None:
        self.failures, self.until = 0, 0.0

    def refuses(self, now: float) -> bool:
        """Whether a call that comes now is not made."""
        return self.failures >= MOST and now < self.until

    def ended(self, now: float, answer: Any) -> None:
        """Learn of how a call ended."""
        if isinstance(answer, OSError):
            self.failures, self.until = self.failures + 1, now + PAUSE
        else:
            self.failures = 0


async def _one(through: Answer, circuit: Circuit, answer: Any, takes: float = TAKES) -> Any:
    """Call once; return what became of it: the value, the exception, or REFUSED."""
    made: list[bool] = []

    async def call() -> Any:
        made.append(True)
        with span("call"):
            await asyncio.sleep(takes)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    try:
        got = await through(circuit, call)
    except (NotImplementedError, NameError, AttributeError, TypeError):
        raise  # a mistake of the learner's own, which `play` tells with its line
    except Exception as error:
        if not made and isinstance(error, ConnectionError):
            return REFUSED
        got = error
    if len(made) > 1:
        return f"`call` was called {len(made)} times by one call of yours: once, or not at all"
    if await_missing([got]):
        return "you returned a coroutine: `await call()`"
    if not made:
        return f"you {_did(got)} without a call"
    return got


def _grade_through(through: Answer) -> str:
    fails = OSError("no answer")
    for answer in ("value", *FALSY):
        _in_turn(through, [(0, answer)], "One call was made")
    _closed(through)
    _in_turn(through, [(0, fails)] * 2 + [(0, "ok")] + [(0, fails)] * 2 + [(0, "ok")], "Two failures, a success, again")
    for answer in FALSY:
        two = [(0, fails), (0, fails)]
        _in_turn(through, [*two, (0, answer), *two, (0, "ok")], f"Two failures, {answer!r} returned, two failures")
    _in_turn(through, [(0, fails)] * 3 + [(0, "ok")], "Three failures in a row")
    _in_turn(through, [(0, fails)] * 3 + [(4.875, "ok"), (1, "ok"), (0, "ok")], "Open, and then tried with success")
    _in_turn(through, [(0, fails)] * 3 + [(5.5, fails), (4.875, "ok"), (1, "ok")], "Open, and tried in vain")
    _in_turn(through, [(0, fails)] * 3 + [(5.5, "ok"), (0, fails), (0, fails), (0, "ok")], "Closed by a success")
    no = LookupError("no such row")
    _in_turn(through, [(0, fails)] * 2 + [(0, no)] + [(0, fails)] * 2 + [(0, "ok")], "An exception that is no OSError")
    _in_turn(through, [(0, fails)] * 3 + [(5.5, no), (0, "ok")], "Tried, and told `no such row`")
    for answer in ("ok", fails):
        _half_open(through, answer)
    _cancelled_try(through)
    _cancelled_closed(through)
    _an_old_call(through)
    chance = Chance("through")
    for _ in range(ROUNDS):
        steps = [(chance.seconds(0, 4), _drawn(chance)) for _ in range(chance.number(5, 20))]
        _in_turn(through, steps, "Calls came, one after another")
    return "It opens after three in a row, lets one try, and learns from what that one finds."


def _drawn(chance: Chance) -> Any:
    if chance.likely(0.75):
        return chance.one_of((OSError("no answer"), TimeoutError("late"), ConnectionError("refused")))
    return chance.one_of(("ok", LookupError("no such row"), None))


def _played(through: Answer, main: Any) -> Scene:
    main.__name__ = through.__name__
    scene = play(main)
    scene.result(none=True)
    return scene


def _in_turn(through: Answer, steps: Steps, what: str) -> None:
    """Calls come one after another, each so many seconds after the last one's end."""
    seen: list[Seen] = []
    blame = ""  # what the circuit's own numbers show

    async def main() -> None:
        nonlocal blame
        circuit, model, clock = Circuit(), Model(), asyncio.get_running_loop().time
        for pause, answer in steps:
            await asyncio.sleep(pause)
            if model.failures >= MOST and clock() == model.until:
                await asyncio.sleep(TAKES)  # whether one may try at that very moment is not said
            began, refuses = clock(), model.refuses(clock())
            if circuit.trying and not blame:
                blame = "`circuit.trying` was still True, though who tried had ended: set it back, in a `finally`."
            before = circuit.failures, circuit.until
            got = await _one(through, circuit, answer)
            if refuses and before != (circuit.failures, circuit.until) and not blame:
                blame = "It runs from the last call's failure: a refusal is none, and moves nothing."
            seen.append((began, answer, refuses, got))
            if got is not (REFUSED if refuses else answer) or clock() - began != (0 if refuses else TAKES):
                return  # what comes after a mistake says nothing
            if not refuses:
                model.ended(clock(), answer)

    scene = _played(through, main)
    began, answer, refuses, got = seen[-1]
    if got is (REFUSED if refuses else answer):
        if scene.ended - began == (0 if refuses else TAKES):
            return
        raise scene.wrong(
            f"{what}: the call at {began:g} s took {scene.ended - began:g} s: wait for nothing but `call`."
        )
    if refuses:
        raise scene.wrong(
            f"{what}: at {began:g} s the circuit was open, and {_told(got)}: raise ConnectionError at once, for "
            f"{PAUSE:g} s from the last failure on, and do not call."
        )
    if got is REFUSED:
        raise scene.wrong(
            f"{what}: at {began:g} s the call was to be made, and you refused it. {_why(seen)} {blame}".rstrip()
        )
    raise scene.wrong(f"{what}: `call` {_did(answer)} at {began:g} s, and {_told(got)}: pass on what it gives.")


def _why(seen: list[Seen]) -> str:
    """Say what a call was to be made for."""
    if len(seen) == 1:
        return (
            f"Nothing had come through this circuit before: what you keep belongs in `circuit`, and {MOST} failures in "
            "a row open it."
        )
    made = [answer for _, answer, refuses, _ in seen[:-1] if not refuses]
    answers = [answer for answer in made[-MOST:] if not isinstance(answer, OSError)]
    if len(made) >= MOST and not answers:
        return f"Its pause of {PAUSE:g} s was over: half-open, one may try."
    if answers and isinstance(answers[-1], BaseException):
        return "Any answer, also an exception that is no OSError, closes it: the count begins at 0 again."
    if answers:
        return f"Any result, here {answers[-1]!r}, closes it: the count begins at 0 again."
    return f"It opens after {MOST} failures in a row, not before."


def _did(answer: Any) -> str:
    return f"raised {type(answer).__name__}" if isinstance(answer, BaseException) else f"returned {answer!r}"


def _told(got: Any) -> str:
    if isinstance(got, str) and got.startswith(("you ", "`call`")):
        return got
    return f"it {_did(got)}"


def _closed(through: Answer) -> None:
    """Closed, and three come at once."""

    async def main() -> list[Any]:
        circuit = Circuit()
        return await asyncio.gather(*(_one(through, circuit, "ok", seconds) for seconds in (3, 1, 2)))

    scene = _played(through, main)
    if REFUSED in scene.returned:
        raise scene.wrong(
            "Closed, three calls came at once, and one was refused: nothing had failed. `trying` is for half-open "
            "alone."
        )
    if (wrong := [each for each in scene.returned if each != "ok"]) or scene.ended != 3:
        what = _told(wrong[0]) if wrong else f"they took {scene.ended:g} s"
        raise scene.wrong(
            f"Closed, three calls came at once, of 3, 1 and 2 s, and {what}: all go through at once, and none waits."
        )


def _half_open(through: Answer, answer: Any) -> None:
    """The pause is over, one tries, and others come while it does."""

    async def main() -> list[Any]:
        circuit = Circuit()
        for _ in range(MOST):
            await _one(through, circuit, OSError("no answer"))
        await asyncio.sleep(PAUSE + 0.5)
        first = asyncio.create_task(_one(through, circuit, answer, PAUSE + 3), name="first")
        meanwhile = []
        for seconds in (1, 0, PAUSE):  # the try takes longer than a pause
            await asyncio.sleep(seconds)
            meanwhile.append(await _one(through, circuit, "ok"))
        ended = await first
        return [ended, *meanwhile, await _one(through, circuit, "ok")]

    scene = _played(through, main)
    ended, *meanwhile, after = scene.returned
    if ended is not answer:
        raise scene.wrong(f"The pause was over and nobody tried, and {_told(ended)}: half-open, the first one tries.")
    if meanwhile != [REFUSED] * 3:
        raise scene.wrong(
            "Half-open, one tried, and while it did another one was let through: until it is known how the first one "
            "ended, the others get ConnectionError."
        )
    if (after is REFUSED) != isinstance(answer, OSError):
        raise scene.wrong(
            f"Half-open, one tried and {_did(answer)}; the next call "
            f"{'was refused' if after is REFUSED else 'was made'}: a success closes it, a failure opens it again."
        )


def _cancelled_try(through: Answer) -> None:
    """Half-open, who tries is cancelled."""

    async def main() -> list[Any]:
        circuit = Circuit()
        for _ in range(MOST):
            await _one(through, circuit, OSError("no answer"))
        await asyncio.sleep(PAUSE + 0.5)
        trying = asyncio.create_task(_one(through, circuit, "ok", 20), name="tries")
        await asyncio.sleep(1)
        trying.cancel()
        await asyncio.wait([trying])
        held = bool(circuit.trying)
        return [trying.cancelled(), held, await _one(through, circuit, "ok")]

    scene = _played(through, main)
    cancelled, held, after = scene.returned
    if not cancelled:
        raise scene.wrong("Who tried was cancelled, and it did not end cancelled: let CancelledError through.")
    if after is REFUSED:
        raise scene.wrong(
            "Half-open, who tried was cancelled, and after that nobody may try. A cancellation is no failure: it has "
            f"told nothing, so the next one tries.{' Set `trying` back in a `finally`.' if held else ''}"
        )


def _cancelled_closed(through: Answer) -> None:
    """Two failures, a call that is cancelled, and a failure: that is three in a row."""

    async def main() -> list[Any]:
        circuit = Circuit()
        for _ in range(MOST - 1):
            await _one(through, circuit, OSError("no answer"))
        trying = asyncio.create_task(_one(through, circuit, "ok", 20), name="is cancelled")
        await asyncio.sleep(1)
        trying.cancel()
        await asyncio.wait([trying])
        first = await _one(through, circuit, OSError("no answer"))
        return [first, await _one(through, circuit, "ok")]

    scene = _played(through, main)
    first, after = scene.returned
    if first is REFUSED or after is not REFUSED:
        raise scene.wrong(
            "Two calls failed, one was cancelled, one failed: that is three failures in a row, and then it opens. A "
            "cancellation says nothing of the other side: no failure, and no success."
        )


def _an_old_call(through: Answer) -> None:
    """A call that began while the circuit was closed is cancelled while another one tries."""

    async def main() -> list[Any]:
        circuit = Circuit()
        old = asyncio.create_task(_one(through, circuit, "ok", 20), name="began while closed")
        await asyncio.sleep(0)
        for _ in range(MOST):
            await _one(through, circuit, OSError("no answer"))
        await asyncio.sleep(PAUSE + 0.5)
        tries = asyncio.create_task(_one(through, circuit, "ok", 2), name="tries")
        await asyncio.sleep(1)
        old.cancel()
        await asyncio.wait([old])
        return [await _one(through, circuit, "ok"), await tries]

    scene = _played(through, main)
    meanwhile, tried = scene.returned
    if meanwhile is not REFUSED or tried != "ok":
        raise scene.wrong(
            "Half-open, one tried. A call that had begun while the circuit was closed was cancelled, and another one "
            "was let through: only who tries sets `trying` back."
        )


through = Exercise(
    lesson="lesson_13b",
    task="""\
**Exercise 3.** Write `through(circuit, call)`: it calls through a circuit breaker. `circuit` is what you keep between
calls: `circuit.failures` (0 at first), `circuit.until` (0.0) and `circuit.trying` (False).

- Closed: return what `await call()` returns. An OSError is a failure (TimeoutError and ConnectionError are OSErrors):
  count it, and pass it on. The third in a row opens the circuit.
- Any result, and any other exception (which you pass on), says that the other side answers: count from 0 again.
- Open: for 5 s after the last failure raise ConnectionError at once, and do not call.
- Then half-open: one calls; whoever comes while it does gets ConnectionError. Its failure opens the circuit for 5 s,
  its answer closes it. If it is cancelled, nothing is known: the next one tries.
- While it is closed, any number call at once. How a call ends that began before the circuit opened may count or not.

The time is `asyncio.get_running_loop().time()`.""",
    reference=solutions.through,
    grade=_grade_through,
    hints=[
        "Three states, and no name for them is needed: which numbers say that it is open, and which that one may try?",
        "First the refusal: three failures or more, and (somebody is trying, or it is before `until`).",
        "`tries = circuit.failures >= 3`; if it is, `circuit.trying` is True before the call, and False in a "
        "`finally`; in `except OSError` count, set `until`, raise; in `except Exception` and in `else` set `failures` "
        "to 0.",
    ],
)
