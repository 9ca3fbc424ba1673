"""What exercises 2 and 3 of lesson 12b play: a call of the learner's function, which asks a stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from course_lib.exercises.framework import Answer, Wrong, leaves
from course_lib.exercises.playing import Scene, play

# Exercise 1 says it, too.
CHANGED = "Your function changed `numbers`, a list of the caller's: leave it as it is."


class OneAtATime:
    """A stand-in that is to be asked one thing at a time."""

    def __init__(self) -> None:
        self.misused = ""  # what to say of calls that came together: the first of them
        self._busy = 0

    @contextmanager
    def busy(self, misused: str) -> Iterator[None]:
        """Note a call that begins while another is under way; it goes on, so that nothing is left by a failure."""
        if self._busy:
            self.misused = self.misused or misused
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1


def played(function: Answer, stand_in: OneAtATime, *args: Any) -> Scene:
    """Play a call; what a stand-in found wrong is told as it is."""
    try:
        scene = play(function, stand_in, *args)
    except Wrong as wrong:
        if stand_in.misused:
            raise Wrong(stand_in.misused, wrong.timeline) from None
        raise
    if stand_in.misused:
        raise scene.wrong(stand_in.misused)
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
    return scene


def let_through(scene: Scene, failure: object, who: str) -> None:
    """Raise Wrong unless the function ended with what `who` had raised."""
    if scene.raised is not failure:
        raise scene.wrong(
            f"{who} raised {type(failure).__name__}, and your function {scene.answered()}: let it through."
        )


def counted(number: int, what: str) -> str:
    """Return "one query takes" or "3 queries take", before how long."""
    if number == 1:
        return f"one {what} takes"
    return f"{number} {what[:-1] + 'ies' if what.endswith('y') else what + 's'} take"
