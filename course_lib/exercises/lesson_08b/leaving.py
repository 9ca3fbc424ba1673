"""Exercise 3: a clean-up that runs to its end, but not for ever."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_08b import solutions
from course_lib.exercises.lesson_08b.scenes import Step
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import PATIENCE, Scene, play, used_uncalled
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown

ROUNDS = 12
LONG = 1000  # seconds


def _grade_leave(leave: Answer) -> str:
    _closes(leave, Step("close", 1, "closed"), 5)
    broken = OSError("does not close")
    _fails(leave, Step("close", 1, broken), 5, broken)
    _too_late(leave, Step("close", 20, "closed", clean_up=0.5), 2)
    _cancelled(leave, Step("close", 2, "closed"), 5, 1)
    _cancelled(leave, Step("close", 2, "closed"), 5, 0.5, 1, 1.5)
    _cancelled(leave, Step("close", 20, "closed", clean_up=0.5), 2, 1)
    _cancelled(leave, Step("close", 20, "closed", clean_up=0.5), 2, 1, 1.5, 2.25)
    _cancelled(leave, Step("close", 2, broken), 5, 1)
    own = TimeoutError("the server gave up")
    _fails(leave, Step("close", 1, own), 5, own)

    chance = Chance("leave")
    for _ in range(ROUNDS):
        seconds, clean_up = chance.seconds(1, 4), chance.seconds(0, 1)
        soon, long = chance.seconds(0.25, seconds - 0.25), seconds + chance.seconds(0.25, 3)
        failure = chance.failure("the close")
        _closes(leave, Step("close", soon, chance.value("closed")), seconds)
        _fails(leave, Step("close", soon, failure), seconds, failure)
        _too_late(leave, Step("close", long, "closed", clean_up), seconds)
        times = sorted({chance.number(1, int(8 * soon)) / 8 - 1 / 16 for _ in range(chance.number(1, 3))})
        _cancelled(leave, Step("close", soon, "closed"), seconds, *times)
        _cancelled(leave, Step("close", long, "closed", clean_up), seconds, *times)
    in_every_order(leave, _a_close, _ended_first, cancel_at=1, again=1)
    return "It closes to the end however often it is cancelled, not for ever, and passes the cancellation on."


def _a_close() -> tuple[Step, list[Any]]:
    close = Step("close", 1, "closed")
    return close, [close, LONG]


def _ended_first(scene: Scene, close: Step) -> None:
    if close.cancelled_at < LONG or (close.begun and not (close.ended or close.cancelled)):
        raise scene.wrong("the close was cut short.")
    if not scene.cancelled and close.ended and scene.result() != "closed":
        raise scene.wrong(f"your function {scene.answered()}; the close gave 'closed'.")


def _play(leave: Answer, close: Step, seconds: float, *times: float) -> Scene:
    first, again = (times[0], times[1:]) if times else (None, ())

    def at_end() -> None:
        now = asyncio.get_running_loop().time()
        if not close.runs or now >= PATIENCE:
            return
        late = [time for time in times if seconds <= close.cancelled_at < time <= now]
        if late:
            told = (
                f"You cancelled close() at {close.cancelled_at:g} s, and you were cancelled at {_and(late)} s, while "
                "you waited for its end: go on waiting, however often you are cancelled."
            )
        elif close.cancelled:
            told = (
                "You cancelled close(), and ended before it had: it may have a `finally` of its own. Wait until it has "
                "ended."
            )
        elif now >= seconds:
            told = (
                f"After the limit of {seconds:g} s you waited no longer, and close() ran on: cancel it, and wait until "
                "it has ended."
            )
        elif times:
            told = (
                f"You were cancelled at {_and(times)} s, and ended while close() still ran. Do not cancel it: go on "
                "waiting, however often you are cancelled, and then pass the cancellation on."
            )
        else:
            told = "You ended while close() still ran: wait until it has ended."
        raise Wrong(told)

    def ended_cancelled() -> str:
        if close.cancelled:
            return (
                f"Nobody had cancelled your function, and it ended cancelled: close() was given up "
                f"after {seconds:g} s, and "
                "who waits for it is to get a TimeoutError."
            )
        return (
            "Nobody had cancelled your function, and it ended cancelled. The CancelledError that you caught was that "
            "of your own time limit: put the limit inside the task, where it strikes close()."
        )

    scene = play(leave, close, seconds, cancel_at=first, again_at=again, at_end=at_end, ended_cancelled=ended_cancelled)
    if not close.called and (scene.raised is None or used_uncalled(Step, scene.raised)):
        raise scene.wrong("`close` is a function, and you never called it: `close()` gives what to await.")
    if close.called > 1:
        raise scene.wrong(f"You called close {close.called} times. Once; then wait for that one.")
    return scene


def _and(times: Sequence[float]) -> str:
    return " s, and at ".join(f"{time:g}" for time in times)


def _closes(leave: Answer, close: Step, seconds: float) -> None:
    scene = _play(leave, close, seconds)
    if scene.returned is None and not scene.raised and close.answer is not None:
        raise scene.wrong(returned_none(leave))
    returned = scene.result(none=close.answer is None)
    if not close.ended:
        raise scene.wrong("You returned before close() had ended.")
    if returned != close.answer:
        raise scene.wrong(f"close() gave {close.answer!r}, and you returned {shown(returned, 60)}.")
    _ended(scene, close.seconds, "close() had ended")


def _fails(leave: Answer, close: Step, seconds: float, failure: Exception) -> None:
    scene = _play(leave, close, seconds)
    if scene.raised is not failure:
        raise scene.wrong(
            f"close() raised {type(failure).__name__}, and your function {scene.answered()}: the caller has to learn "
            "that it is not closed."
        )
    _ended(scene, close.seconds, "close() had failed")


def _too_late(leave: Answer, close: Step, seconds: float) -> None:
    scene = _play(leave, close, seconds)
    if not close.cancelled and isinstance(scene.raised, TimeoutError):
        raise scene.wrong(
            f"close() hung, and after {seconds:g} s your time limit struck the waiting, which goes on, and not "
            "close(): put the limit inside the task."
        )
    if not close.cancelled:
        raise scene.wrong(
            f"close() hung, and after the limit of {seconds:g} s nobody cancelled it. A clean-up that hangs hangs you."
        )
    if not isinstance(scene.raised, TimeoutError):
        raise scene.wrong(
            f"close() was given up after {seconds:g} s, and your function {scene.answered()}: TimeoutError."
        )
    if abs(close.cancelled_at - seconds) > 1e-9:
        raise scene.wrong(
            f"close() hung, the limit is {seconds:g} s, and you gave close() up at {close.cancelled_at:g} s."
        )
    _ended(scene, seconds + close.clean_up, f"The limit of {seconds:g} s was over, and close() had cleaned up")


def _cancelled(leave: Answer, close: Step, seconds: float, *times: float) -> None:
    scene = _play(leave, close, seconds, *times)
    when = f"Your function was cancelled at {_and(times)} s"
    hangs = close.seconds > seconds
    if close.cancelled and not hangs:
        raise scene.wrong(f"{when}, and that cut close() short. It needed {close.seconds:g} s, and had {seconds:g} s.")
    if not scene.cancelled:
        raise scene.wrong(f"{when}, and it {scene.answered()}: when close() has ended, pass the cancellation on.")
    if hangs and seconds < close.cancelled_at < math.inf:
        raise scene.wrong(
            f"{when}. The limit is {seconds:g} s in all, from the start, and close() had {close.cancelled_at:g} s: you "
            "began the limit anew after a cancellation."
        )
    if hangs and not close.cancelled:
        raise scene.wrong(f"{when}, close() hung, and after the limit of {seconds:g} s nobody cancelled it.")
    at = seconds + close.clean_up if hangs else close.seconds
    _ended(scene, at, f"{when}; close() was over")


def _ended(scene: Scene, at: float, when: str) -> None:
    if abs(scene.ended - at) > 1e-9:
        raise scene.wrong(f"{when} at {at:g} s, and your function ended at {scene.ended:g} s.")


leave = Exercise(
    lesson="lesson_08b",
    task="""\
**Exercise 3: to the end, but not for ever.** Write `leave(close, seconds)`, with what you built in section 5.
(`finish` does just this, and passes; write it yourself.)

- `await close()` once, and return what it returns, or raise what it raises.
- You may be cancelled meanwhile, and again, and again. None of that reaches `close`: it runs to its end, and then you
  end cancelled, whatever it returned or raised.
- `seconds` after the start, however often you were cancelled, give it up: cancel it and wait until it has ended; it may
  have a `finally` of its own. Then raise TimeoutError, or, if you were cancelled, end cancelled.""",
    reference=solutions.leave,
    grade=_grade_leave,
    hints=[
        "What must not be cancelled with you runs in a task of its own. `asyncio.wait([task])` waits for it, and "
        "leaves it alone when you are cancelled.",
        "Go round: while the task is not done, wait; catch the CancelledError and keep it. In the end raise it, or "
        "return `task.result()`.",
        "The limit belongs inside the task: a coroutine function of your own, `async with asyncio.timeout(seconds):` "
        "`return await close()`.",
    ],
)
