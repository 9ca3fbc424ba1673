"""Why a simulation ended before its time, in words."""

import asyncio
from dataclasses import dataclass

from course_lib.seeing.clock import DeadlockError, RunawayError, SimulationError, SimulationStopped
from course_lib.seeing.timeline.frames import raising_line


@dataclass(frozen=True)
class State:
    """How a simulation stood when it ended.

    at: seconds of virtual time
    limit: seconds of real time that it was given
    deadlocked: whether its loop's thread waited for what could not come
    still: whether it turned and turned while time stood still
    refusal: what it did that a simulation cannot follow
    waiting: the lines at which its tasks and threads wait
    stopped_at, workers_at: where its threads were when it was stopped
    stuck_at: where its loop's thread stayed although it was stopped
    """

    at: float
    limit: float
    deadlocked: bool
    still: bool
    refusal: Exception | None
    waiting: str
    stopped_at: str
    stuck_at: str
    workers_at: list[str]


def explained(error: BaseException, state: State) -> BaseException:
    """Return what to raise for an error that came out of a simulation: itself, or one that says more."""
    if isinstance(error, SimulationStopped):
        if state.refusal:
            return state.refusal
        return _deadlock(error, state) if state.deadlocked else _runaway(error, state)
    if isinstance(error, DeadlockError) and not error.args:  # else it comes from a simulation inside this one
        return _deadlock(error, state)
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit | GeneratorExit):
        ended = SimulationError(f"main ended with {type(error).__name__}")
        ended.__cause__ = error
        return ended
    return error


def _runaway(error: BaseException, state: State) -> RunawayError:
    lines = [f"a worker thread is at {line}" for line in state.workers_at]
    place = state.stuck_at or raising_line(error.__traceback__) or state.waiting or state.stopped_at
    places = "; ".join([*lines, place])
    runaway = RunawayError(
        f"the simulation was stopped after {state.limit:g} s of real time, at {_exact(state.at)} s of virtual time: "
        f"{places}. "
        + ("Time stands still while a task goes round with asyncio.sleep(0). " if state.still else "")
        + "A loop that never ends? Give it an end, or pass a larger limit. A wait for a lock that was made outside of "
        "main, or not as threading.Lock()? Make it so, inside. For something else that is real? Use record()."
    )
    runaway.where, runaway.stands_still = places, state.still
    return runaway


def _deadlock(error: BaseException, state: State) -> DeadlockError:
    blocked = raising_line(error.__traceback__)  # none where the loop's thread waits in its selector
    where = "; ".join(filter(None, [blocked and f"the loop's thread waits at {blocked}", state.waiting]))
    deadlock = DeadlockError(
        f"deadlock at {_exact(state.at)} s of virtual time: every task waits, and nothing is left that could wake one: "
        f"{where}. If a thread or a process of your own was to wake it, use record() instead."
    )
    deadlock.where = where
    return deadlock


def _exact(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".")
