"""Exercise 5: a time limit that counts the wait for a slot, too."""

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_07b import as_found, solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall
from course_lib.seeing import span

ROUNDS = 30
KINDS_HERE = tuple(kind for kind in KINDS if not issubclass(kind, TimeoutError))


class Slots(asyncio.Semaphore):
    """A semaphore that counts who has a slot."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.taken = 0
        self.given_too_many = False

    async def acquire(self) -> Any:
        """Take a slot."""
        await super().acquire()
        self.taken += 1
        return True

    def release(self) -> None:
        """Give a slot back."""
        self.taken -= 1
        self.given_too_many = self.given_too_many or self.taken < 0
        super().release()


@dataclass(frozen=True)
class Caller:
    """Who comes `at` seconds, and what its ask would do."""

    name: str
    at: float = 0
    patience: float = 2
    seconds: float = 2
    takes: float = 1
    answer: Any = "answer"
    clean_up: float = 0
    cancel_at: float | None = None


class Asked:
    """What was seen of the asking."""

    def __init__(self, slots: int) -> None:
        self.slots = Slots(slots)
        self.busy = self.peak = 0
        self.begun: list[str] = []

    def ask(self, caller: Caller) -> Any:
        """Return the coroutine function that this caller gives."""

        async def ask() -> Any:
            self.begun.append(caller.name)
            self.busy += 1
            self.peak = max(self.peak, self.busy)
            try:
                with span(f"{caller.name} asks"):
                    try:
                        await asyncio.sleep(caller.takes)
                    except asyncio.CancelledError:
                        await asyncio.sleep(caller.clean_up)
                        raise
                if isinstance(caller.answer, Exception):
                    raise caller.answer
                return caller.answer
            finally:
                self.busy -= 1

        return ask


def _expected(slots: int, callers: list[Caller]) -> dict[str, tuple[Any, float]]:
    """Return for each caller what comes out, and when; a cancelled one gives CancelledError itself."""
    ends = dict[str, tuple[Any, float]]()
    free = [0.0] * slots  # from when on each slot is free; who came first has it first
    for caller in sorted(callers, key=lambda caller: caller.at):
        begin = max(caller.at, min(free))
        cancel = caller.cancel_at
        if begin > caller.at + caller.patience or (cancel is not None and cancel < begin):
            gives_up = caller.at + caller.patience
            cancelled = cancel is not None and cancel < gives_up
            ends[caller.name] = (asyncio.CancelledError, cancel) if cancelled else ("busy", gives_up)  # type: ignore[assignment]
            continue
        end, out = begin + caller.takes, caller.answer
        limit = begin + caller.seconds
        if limit < end:
            end, out = limit + caller.clean_up, "too late"
        if cancel is not None and cancel < min(begin + caller.takes, limit):
            end, out = cancel + caller.clean_up, asyncio.CancelledError
        ends[caller.name] = out, end
        free.remove(min(free))
        free.append(end)
    return ends


def _check(ask_within: Answer, slots: int, *callers: Caller) -> None:
    asked = Asked(slots)

    def made(caller: Caller) -> Call:
        return Call(
            caller.name,
            lambda: ask_within(asked.slots, asked.ask(caller), caller.patience, caller.seconds),
            caller.at,
            caller.cancel_at,
            ask_within,
        )

    scene = play(*(made(caller) for caller in callers))
    if scene.stuck:
        raise scene.wrong(f"{scene.stuck[0]} had not come to an end after 60 s: who has its slot?")
    if asked.peak > slots:
        raise scene.wrong(
            f"{asked.peak} asked at one time, with {slots} slot{'s' if slots > 1 else ''}: who asks has one, and keeps "
            "it until ask has ended."
        )
    if asked.slots.taken > 0:  # before what became of those who waited for it
        raise scene.wrong("All have ended, and a slot was never given back.")
    ends = _expected(slots, list(callers))
    for number, caller in enumerate(callers):
        _check_end(scene, number, caller, *ends[caller.name], begun=caller.name in asked.begun)
    if asked.slots.given_too_many:
        raise scene.wrong("A slot was given back by one that had none: release() belongs to an acquire that succeeded.")


def _check_end(scene: Scene, number: int, caller: Caller, out: Any, end: float, begun: bool) -> None:
    call = scene.calls[number]
    why = ""
    if begun and out is caller.answer and caller.patience != caller.seconds:
        if call.ended == caller.at + caller.patience:
            why = " Its patience ran on while it asked: that limit is for the wait alone."
        elif call.ended == caller.at + caller.seconds:
            why = " The time for asking ran while it waited: it begins with the slot."
    limits = f"{caller.patience:g} s of patience and {caller.seconds:g} s for asking"
    came = f"{caller.name} came at {caller.at:g} s, with {limits}"
    if out is asyncio.CancelledError:
        if not call.cancelled:
            raise scene.wrong(f"{caller.name} was cancelled at {caller.cancel_at:g} s, and {call.answered()}.")
    elif isinstance(out, Exception):
        if call.raised is not out:
            raise scene.wrong(f"ask raised {type(out).__name__}, and your function {call.answered()}: pass it on.")
    elif (found := scene.result(number, none=out is None)) is not out and found != out:
        raise scene.wrong(
            f"{came}. Right would be {out!r} at {end:g} s; it {call.answered()} at {call.ended:g} s.{why}"
        )
    if call.ended != end:
        raise scene.wrong(f"{came}. Right would be an end at {end:g} s; it {call.answered()} at {call.ended:g} s.")


def _grade_ask_within(ask_within: Answer) -> str:
    _check(ask_within, 1, Caller("Ann"))
    # Waited for 1.5 s, then asked for 1.5 s: both within their limits.
    _check(ask_within, 1, Caller("Ann", takes=1.5), Caller("Ben", 0.25, seconds=2.5, takes=1.5))
    _check(ask_within, 1, Caller("Ann", takes=5, clean_up=0.5))
    _check(ask_within, 1, Caller("Ann", seconds=9, takes=5), Caller("Ben", 0.25), Caller("Cy", 6))
    _check(ask_within, 1, Caller("Ann"), Caller("Ben", 0.25), Caller("Cy", 0.5, patience=1))
    for empty in ("", None):
        _check(ask_within, 1, Caller("Ann", answer=empty))
    for kind in KINDS_HERE:
        _check(ask_within, 1, Caller("Ann", answer=kind("no")), Caller("Ben", 0.25))
    _check(ask_within, 1, Caller("Ann", cancel_at=0.75), Caller("Ben", 0.25))
    _check(ask_within, 1, Caller("Ann", takes=1.5), Caller("Ben", 0.25, cancel_at=0.75), Caller("Cy", 0.5))
    chance = Chance("ask_within")
    for _ in range(ROUNDS):
        callers = []
        for number, name in enumerate(["Ann", "Ben", "Cy", "Dora", "Eve"][: chance.number(2, 5)]):
            at = chance.number(0, 8) / 4 + number / 64  # nothing happens at the same moment as another thing
            patience, seconds, takes = (chance.number(1, 12) / 4 + place / 512 for place in range(3))
            answer = chance.failure("them") if chance.likely(0.2) else chance.value(f"answer to {name}")
            answer = "no" if isinstance(answer, TimeoutError) else answer
            cancel_at = at + chance.number(0, 8) / 4 + 1 / 128 if chance.likely(0.25) else None
            # A second cancellation would cut a clean-up short: only one of the two happens to a caller.
            clean_up = 0 if cancel_at else chance.number(0, 2) / 4
            callers.append(Caller(name, at, patience, seconds, takes, answer, clean_up, cancel_at))
        _check(ask_within, chance.number(1, 2), *callers)
    _check_orders(ask_within)
    return "Waiting has its limit, and asking has its own; every slot comes back."


def _check_orders(ask_within: Answer) -> None:
    down = OSError("down")

    async def three(asked: Asked) -> list[Any]:
        async def comes(number: int) -> Any:
            if number:
                with span(f"caller {number + 1} comes"):
                    await asyncio.sleep(number)
            answer = down if number == 1 else f"answer {number + 1}"
            caller = Caller(f"caller {number + 1}", answer=answer)
            return await ask_within(asked.slots, asked.ask(caller), 60, 60)

        return await asyncio.gather(*(comes(number) for number in range(3)), return_exceptions=True)

    def make() -> tuple[Asked, list[Any]]:
        asked = Asked(1)
        return asked, [asked]

    def check(scene: OneCall, asked: Asked) -> None:
        results = scene.result()
        for result, own in zip(results, ("answer 1", down, "answer 3"), strict=True):
            if result not in (own, "busy", "too late"):  # either limit may strike before what it waits for
                raise scene.wrong(f"three callers got {results!r:.80}.")
        if asked.slots.taken or asked.peak > 1:
            raise scene.wrong("the one slot was not given back, or two had it.")

    in_every_order(three, make, check)


ask_within = Exercise(
    lesson="lesson_07b",
    task=f"""\
**Exercise 5: late before it began.** Mend `ask_within(slots, ask, patience, seconds)`.

```python
{inspect.getsource(as_found.ask_within).strip()}
```

- `slots` is a semaphore, which many callers share. Wait `patience` seconds at most for a slot; then return "busy".
- With a slot, `await ask()` has `seconds`, however long you have waited before. If it takes longer, cancel it and
  return "too late" when it has cleaned up; until then you keep the slot. Else return its answer.
- What ask raises comes out (it is never a TimeoutError). So does a cancellation, at once or after ask's clean-up.
- However you end, the slot is free again, if you had one.""",
    reference=solutions.ask_within,
    grade=_grade_ask_within,
    hints=[
        "Two limits, and so two `asyncio.timeout` blocks, one after the other.",
        "In the first block stands `await slots.acquire()`, alone. After it, and only if it succeeded, a `release()` "
        "must follow.",
        "After the first block: `try:` with the second block around `return await ask()`, then `except TimeoutError:` "
        "and `finally: slots.release()`.",
    ],
)
