"""How a call of the learner's function is played: watched, and at some moment cancelled."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.causes import hint
from course_lib.exercises.framework import (
    WAITS_FOR_EVER,
    Answer,
    Wrong,
    await_missing,
    describe_raised,
    leaves,
    run,
    still_running,
    unseen_failure,
)
from course_lib.exercises.places import raised_kind
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown
from course_lib.exercises.uncalled import passed_uncalled
from course_lib.seeing import Timeline

NOT_ENDED = "It had not ended"
NO_END = (NOT_ENDED, WAITS_FOR_EVER)
"""How the sentences begin for a call that does not end; a lesson that knows more adds it to them."""

PATIENCE = 60.0  # virtual seconds after which a call is taken for one that does not end
ENDED_CANCELLED = (
    "Your function ended cancelled: awaiting a cancelled task raises CancelledError. So does a gather of them: "
    "gather stops at the first CancelledError; pass `return_exceptions=True`. Or an `except` caught it, "
    "and it was raised later."
)
GAVE_UP = "not ended"  # the result of a call that did not end within PATIENCE


@dataclass(frozen=True, slots=True)
class Scene:
    """What became of one call of the learner's function; `ended` is the time in seconds, from the call."""

    function: Answer
    timeline: Timeline
    returned: Any
    raised: BaseException | None
    cancelled: bool
    ended: float

    def wrong(self, sentence: str) -> Wrong:
        """Return what to raise for this scene."""
        return Wrong(sentence, self.timeline)

    def result(self, *, none: bool = False) -> Any:
        """Return what the call returned; raise Wrong if it gave an exception, a coroutine or nothing instead.

        `none` says whether None is what it should return.
        """
        if self.raised:
            raise self.wrong(describe_raised(self.raised))
        if self.returned is None and not none:
            raise self.wrong(returned_none(self.function))
        if await_missing([self.returned]):
            raise self.wrong("You returned a coroutine or a task where its result belongs: an `await` is missing.")
        return self.returned

    def answered(self) -> str:
        """Say what the call did, for one that did not end cancelled."""
        return f"raised {raised_kind(self.raised)}" if self.raised else f"returned {shown(self.returned, 60)}"


def play(
    function: Answer,
    *args: Any,
    cancel_at: float | None = None,
    again_at: Sequence[float] = (),
    at_end: Callable[[], object] = int,
    ended_cancelled: Callable[[], str] = lambda: ENDED_CANCELLED,
    blocks: bool = False,
) -> Scene:
    """Call the learner's function on the virtual clock and, at `cancel_at` seconds, cancel it.

    `again_at` is when it is cancelled once more, and once more, if it has not ended by then.
    `at_end` is called when the call has ended, before what is left running is cancelled.
    `ended_cancelled` gives the sentence for a call that ended cancelled when nobody had cancelled it.
    `blocks` says that what the call is given blocks the loop, on purpose.
    Raises NotImplementedError for an untouched stub, and Wrong for what `run` finds, for a call that does not end,
    for one that ends cancelled when nobody cancelled it, and for tasks that are left when it ends.
    """

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        task = loop.create_task(function(*args), name=function.__name__)
        for time in (*([] if cancel_at is None else [cancel_at]), *again_at):
            loop.call_at(time, task.cancel)
        await asyncio.wait({task}, timeout=PATIENCE)
        at_end()
        if not task.done():
            return GAVE_UP
        if task.cancelled():
            return None, None, True, loop.time()
        error = task.exception()
        if isinstance(error, NotImplementedError):
            raise error
        return None if error else task.result(), error, False, loop.time()

    found = None
    try:
        timeline = run(main, blocks=blocks)
    except Wrong as wrong:
        if wrong.timeline is None or wrong.timeline.result is None:
            raise
        found, timeline = wrong, wrong.timeline
    though = f", though it was cancelled at {cancel_at:g} s" if cancel_at is not None else ""
    if timeline.result is GAVE_UP:
        raise Wrong(f"{NOT_ENDED} after {PATIENCE:g} s{though}.{unseen_failure(timeline)}", timeline)
    scene = Scene(function, timeline, *timeline.result)
    # Before what is left running, which may be so because of this.
    if scene.cancelled and cancel_at is None:
        raise scene.wrong(ended_cancelled())
    if timeline.leaked:
        # A slip of the learner's own comes before what it left running.
        if scene.raised and (what_to_do := hint(next(leaves(scene.raised)))):
            raise scene.wrong(describe_raised(scene.raised, what_to_do))
        end = f"was cancelled at {cancel_at:g} s" if scene.cancelled else scene.answered()
        left = still_running(timeline, cancelled=scene.cancelled, failed=scene.raised is not None)
        raise scene.wrong(f"When it {end}, {left}")
    if found:
        raise found
    return scene


def used_uncalled(stand_in: type, error: BaseException | None) -> bool:
    """Return whether an error came from using a stand-in itself where what its call gives belongs."""
    return any(passed_uncalled(stand_in, each) for each in leaves(error))
