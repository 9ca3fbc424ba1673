"""Exercise 1: a program with a limit, which is asked to end, then killed, and always waited for."""

import asyncio
from typing import Any

from course_lib.exercises.chance import STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, elsewhere, leaves
from course_lib.exercises.lesson_10b import solutions
from course_lib.exercises.playing import NOT_ENDED, PATIENCE, Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import gauge

ROUNDS = 20
BESIDE = 1 / 64  # seconds, so that no program ends in the moment in which its time is up
THREAD = "ran in another thread, or on an event loop of its own: no threads here, one loop is enough."


class Process:
    """A program that runs on the virtual clock, as `create_subprocess_exec` gives one.

    Args:
        ends: seconds after its start at which it ends by itself; None for never.
        obeys: seconds that it needs to end when it is asked to; None if it does not listen.
        dies: seconds that the system needs to end it when it is killed.
        talks: whether it writes more than its pipes hold, before it ends: then it ends only while it is read.
    """

    pid = 4242

    def __init__(self, ends: float | None, obeys: float | None, dies: float, talks: bool, written: Any) -> None:
        self.obeys, self.dies, self.talks, self.written = obeys, dies, talks, written
        self.returncode: int | None = None
        self.asked_at: float | None = None  # when it was asked to end
        self.killed_at: float | None = None
        self.waited = False  # whether somebody has waited for its end
        self.stuck = False  # whether it wants to end, and nobody reads what it has to say
        self._readers = 0
        self._gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        gauge("program", 1)
        if ends is not None:
            self._loop.call_later(ends, self._leave, 0)

    async def communicate(self) -> Any:
        """Read both pipes until it has ended, and return what was in them."""
        self._check_thread("communicate")
        self._readers += 1
        try:
            if self.stuck:
                self._leave(0)
            await self._gone.wait()
        finally:
            self._readers -= 1
        self.waited = True
        return self.written

    async def wait(self) -> int | None:
        """Wait until it has ended, and return its exit status."""
        self._check_thread("wait")
        await self._gone.wait()
        self.waited = True
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        self._check_lives()
        if self.asked_at is None:
            self.asked_at = self._loop.time()
            if self.obeys is not None:
                self._loop.call_later(self.obeys, self._leave, -15)

    def kill(self) -> None:
        """End it."""
        self._check_lives()
        if self.killed_at is None:
            self.killed_at = self._loop.time()
            self._loop.call_later(self.dies, self._end, -9)

    def _leave(self, status: int) -> None:
        self.stuck = self.talks and not self._readers
        if not self.stuck:
            self._end(status)

    def _end(self, status: int) -> None:
        if self.returncode is None:
            self.returncode = status
            self._gone.set()
            gauge("program", 0)

    def _check_lives(self) -> None:
        if self.returncode is not None:
            raise ProcessLookupError("the program has ended")

    def _check_thread(self, name: str) -> None:
        if elsewhere():
            raise Wrong(f"`process.{name}` {THREAD}")


class Start:
    """A coroutine function that starts a program, and knows what has become of it."""

    __name__ = "start"

    def __init__(
        self,
        ends: float | None,
        obeys: float | None = None,
        dies: float = 0.0,
        talks: bool = False,
        takes: float = 0.0,
        failure: Exception | None = None,
        written: Any = (b"out", b"err"),
    ) -> None:
        self.ends, self.obeys, self.dies, self.talks, self.takes = ends, obeys, dies, talks, takes
        self.failure, self.written = failure, written
        self.process: Process | None = None
        self.left_alive = self.left_unwaited = False

    async def __call__(self) -> Process:
        """Start the program."""
        if elsewhere():
            raise Wrong(f"`start` {THREAD}")
        if self.process:
            raise Wrong("`start` was called twice: one program is enough.")
        await asyncio.sleep(self.takes)
        if self.failure:
            raise self.failure
        self.process = Process(self.ends, self.obeys, self.dies, self.talks, self.written)
        return self.process

    def __repr__(self) -> str:
        return "<function start>"

    def look(self) -> None:
        """Note, at the end of the learner's function, whether its program has been ended and waited for."""
        if self.process:
            self.left_alive = self.process.returncode is None
            self.left_unwaited = not self.left_alive and not self.process.waited


def _grade_run_limited(run_limited: Answer) -> str:
    _ends_in_time(run_limited, Start(ends=2), 5, 3)
    _ends_in_time(run_limited, Start(ends=2, talks=True, takes=1), 5, 3)
    _ends_in_time(run_limited, Start(ends=0.125), 5, 3)
    _is_late(run_limited, Start(ends=None, obeys=1), 5, 3)
    _is_late(run_limited, Start(ends=None, obeys=None, dies=0.5), 5, 3)
    _is_late(run_limited, Start(ends=None, obeys=1, talks=True), 5, 3)
    _is_late(run_limited, Start(ends=6, obeys=None, dies=0.5), 5, 3)
    _cannot_start(run_limited, FileNotFoundError("no such program"))
    for cancel_at in (2.0, 6.0):
        _stopped(run_limited, Start(ends=None, dies=0.5), 5, 3, cancel_at)
    _stopped(run_limited, Start(ends=None, takes=3), 5, 3, 1.0)

    chance = Chance("run_limited")
    for _ in range(ROUNDS):
        seconds, grace = chance.seconds(1, 5), chance.seconds(STEP, 3)
        takes, dies = chance.seconds(0, 1), chance.seconds(0, 1)
        talks, written = chance.likely(0.5), (chance.value("out"), chance.value("err"))
        _ends_in_time(
            run_limited,
            Start(chance.seconds(STEP, seconds) - BESIDE, None, dies, talks, takes, None, written),
            seconds,
            grace,
        )
        obeys = chance.one_of((None, chance.seconds(0, 4) + BESIDE))
        ends = chance.one_of((None, seconds + chance.seconds(0, 4) + 2 * BESIDE))
        _is_late(run_limited, Start(ends, obeys, dies, talks, takes), seconds, grace)
        cancel_at = takes + chance.seconds(0, seconds) + 0.125
        _stopped(run_limited, Start(None, None, dies, talks, takes), seconds, grace, cancel_at)
        _cannot_start(run_limited, chance.failure("the system"))
    return "In time, it was read to its end; late, it was asked, then killed; and nothing was left behind."


def _played(function: Answer, start: Start, seconds: float, grace: float, cancel_at: float | None = None) -> Scene:
    given = f"With seconds={seconds:g} and grace={grace:g}"
    try:
        scene = play(function, start, seconds, grace, cancel_at=cancel_at, at_end=start.look)
    except Wrong as wrong:
        if str(wrong).startswith(NOT_ENDED) and start.process:
            raise Wrong(
                f"{given} it had not ended after {PATIENCE:g} s: {_why(start.process)}", wrong.timeline
            ) from None
        raise
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
    how = "was cancelled" if scene.cancelled else scene.answered()
    if start.left_alive and scene.raised and not isinstance(scene.raised, TimeoutError):
        raise scene.wrong(f"{describe_raised(scene.raised)} The program was then still running.")
    if start.left_alive:
        raise scene.wrong(
            f"{given} your function {how} at {scene.ended:g} s, and the program was still running{_last_deed(start)}. "
            "A limit ends your wait, and nothing else: end the program, and wait for its end."
        )
    if start.left_unwaited:
        raise scene.wrong(
            f"{given} your function {how} at {scene.ended:g} s. The program had ended; nobody had waited for its end. "
            "`kill()` only begins it: await `process.communicate()`, or `process.wait()`."
        )
    if isinstance(scene.raised, ProcessLookupError):
        raise scene.wrong(
            f"{given} your function raised ProcessLookupError: it asked or killed a program that had ended. Look at "
            "`process.returncode` first."
        )
    return scene


def _why(process: Process) -> str:
    if process.stuck:
        return (
            "the program has more to say than its pipes hold, and nobody reads them. `communicate()` reads until it "
            "has ended; `wait()` only waits."
        )
    # What has not ended is cancelled then, and may do late what it should have done.
    if process.asked_at is None or process.asked_at >= PATIENCE:
        return "this program never ends by itself, and nobody asked it to."
    return f"the program was asked to end at {process.asked_at:g} s. It does not listen, and nobody killed it."


def _last_deed(start: Start) -> str:
    process = start.process
    if process and process.killed_at is not None:
        return f": it was killed at {process.killed_at:g} s, and that takes a moment"
    if process and process.asked_at is not None:
        return f": it was asked to end at {process.asked_at:g} s, and was not killed"
    return ""


def _ends_in_time(function: Answer, start: Start, seconds: float, grace: float) -> None:
    scene = _played(function, start, seconds, grace)
    assert start.ends is not None
    due = start.takes + start.ends
    process = start.process
    if isinstance(scene.raised, TimeoutError):
        why = "Its time begins when it has been started."
        if start.talks:
            why = "Were its pipes read meanwhile? `wait()` only waits; `communicate()` reads, too."
        raise scene.wrong(
            f"The program can end {start.ends:g} s after its start, and has {seconds:g} s; your function raised "
            f"TimeoutError. {why}"
        )
    returned = scene.result()
    if process is None or process.killed_at is not None or process.asked_at is not None:
        raise scene.wrong("The program would have ended in time, and was not left to do so.")
    if returned is not start.written:
        raise scene.wrong(
            f"Return what `communicate` gives, {shown(start.written, 40)}; your function returned "
            f"{shown(returned, 40)}."
        )
    if scene.ended > due:
        raise scene.wrong(f"The program ended at {due:g} s, and your function at {scene.ended:g} s.")


def _is_late(function: Answer, start: Start, seconds: float, grace: float) -> None:
    scene = _played(function, start, seconds, grace)
    up = start.takes + seconds
    given = f"The program's time was up at {up:g} s"
    if not isinstance(scene.raised, TimeoutError):
        raise scene.wrong(f"{given}, and your function {scene.answered()}: raise TimeoutError.")
    process = start.process
    assert process is not None
    if process.asked_at != up:
        asked = "nobody asked it to end" if process.asked_at is None else f"it was asked at {process.asked_at:g} s"
        raise scene.wrong(
            f"{given}, and {asked}. `terminate()` first: then it can clean up. Its time begins when it has started."
        )
    leaves_at = min(
        up + (grace + 1 if start.obeys is None else start.obeys),
        up + grace + 1 if start.ends is None else start.takes + start.ends,
    )
    kill_at = up + grace
    if leaves_at < kill_at:
        if process.killed_at is not None:
            read = " Its pipes must be read meanwhile: `communicate()`." if start.talks else ""
            raise scene.wrong(
                f"It was asked to end at {up:g} s, and would have ended at {leaves_at:g} s, within its grace of "
                f"{grace:g} s; you killed it at {process.killed_at:g} s.{read}"
            )
        due = leaves_at
    else:
        if process.killed_at is None or process.killed_at != kill_at:
            killed = "nobody killed it" if process.killed_at is None else f"it was killed at {process.killed_at:g} s"
            raise scene.wrong(
                f"It was asked to end at {up:g} s, has a grace of {grace:g} s, and did not end; {killed}."
            )
        due = kill_at + start.dies
        if leaves_at < due:
            return  # it went by itself while it was being killed
    if scene.ended > due:
        how = "" if process.killed_at is not None else " Wait for its end, for `grace` at most."
        raise scene.wrong(f"The program had ended at {due:g} s, and your function ended at {scene.ended:g} s.{how}")


def _cannot_start(function: Answer, failure: Exception) -> None:
    scene = _played(function, Start(None, failure=failure), 5, 3)
    if scene.raised is not failure:
        raise scene.wrong(
            f"`start` raised {type(failure).__name__}, and your function {scene.answered()}: let it through."
        )


def _stopped(function: Answer, start: Start, seconds: float, grace: float, cancel_at: float) -> None:
    scene = _played(function, start, seconds, grace, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it {scene.answered()}: let CancelledError through."
        )
    killed_at = start.process.killed_at if start.process else cancel_at
    late = f"it was killed at {killed_at:g} s" if killed_at is not None else "it was not killed"
    if killed_at != cancel_at:
        raise scene.wrong(f"At {cancel_at:g} s your function was cancelled, and the program is to be killed; {late}.")
    if scene.ended > cancel_at + start.dies:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, the program had ended at {cancel_at + start.dies:g} s, "
            f"and your function at {scene.ended:g} s."
        )


run_limited = Exercise(
    lesson="lesson_10b",
    task="""\
**Exercise 1: a program with a limit.** Write `run_limited(start, seconds, grace)`.

- `process = await start()` starts a program. `process.returncode` is None as long as it runs. \
`await process.communicate()` reads both of its pipes until it has ended, and gives what was in them; it may be called \
again after a call that was cancelled. (The program may have more to say than pipes hold.)
- If it ends within `seconds` of its start, return what `communicate` gives.
- If not, `process.terminate()` asks it to end, and it has `grace` more seconds, in which it is still to be read. If \
it has not ended then, `process.kill()` ends it. Raise `TimeoutError` as soon as it has ended.
- Cancelled, kill it at once, wait until it has ended, and let the cancellation through. (Cancelled again, or while \
it is being killed: not asked of you.)
- Never leave a program that runs: wait for its end, by `communicate` or `wait`. (To kill takes a moment; `terminate` \
and `kill` raise `ProcessLookupError` if it has ended.)""",
    reference=solutions.run_limited,
    grade=_grade_run_limited,
    hints=[
        "The lesson's `run_limited` has the outer shape: `asyncio.timeout` in a `try`, and a `finally` that kills "
        "what still runs, and waits. What is new happens between: `except TimeoutError`.",
        "In `except TimeoutError`: `process.terminate()`, then `communicate()` again, under `asyncio.timeout(grace)`. "
        "If that is up, too, go on; `raise` at the end of the `except`. (`terminate()` needs no look at `returncode` "
        "there: what `communicate` was still waiting for is no dead program.)",
        "The `finally` then does the rest: `if process.returncode is None`, kill it, and `await "
        "process.communicate()`. It serves all: the second limit, and who is cancelled, whenever that is.",
    ],
)
