"""Exercise 1: what has been opened half-way in is closed by who opened it."""

from typing import Any

from course_lib.exercises.causes import returned_none
from course_lib.exercises.chance import Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_08b import solutions
from course_lib.exercises.lesson_08b.scenes import Line, Step, given
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play, used_uncalled
from course_lib.exercises.shown import shown

ROUNDS = 12


class Way:
    """A way to a line: how long opening, logging in and closing take, and what fails."""

    def __init__(
        self,
        opening: float = 1,
        logging_in: float = 1,
        closing: float = 1,
        refused: Exception | None = None,
        unreachable: Exception | None = None,
        clean_up: float = 0,
    ) -> None:
        self.line = Line(closing)
        self.open_line = Step("open_line", opening, unreachable or self.line)
        self.log_in = Step("log_in", logging_in, refused, clean_up)
        self.args = [self.open_line, self.log_in]

    def play(self, connect: Answer, cancel_at: float | None = None) -> Scene:
        """Call the learner's function."""
        scene = play(connect, *self.args, cancel_at=cancel_at)
        self.was_used(scene)
        return scene

    def was_used(self, scene: Scene) -> None:
        """Raise Wrong for a step that was not called, or called in another way than the task says."""
        if not self.open_line.called and (scene.raised is None or used_uncalled(Step, scene.raised)):
            raise scene.wrong("`open_line` is a function, and you never called it: `line = await open_line()`.")
        if self.log_in.called and (len(self.log_in.given) != 1 or self.log_in.given[0] is not self.line):
            raise scene.wrong(
                f"log_in was given {given(self.log_in)}: give it the line, `await log_in(line)`. Is the "
                "`await` before `open_line()` missing?"
            )

    def is_closed(self, scene: Scene, when: str) -> None:
        """Raise Wrong unless the line was closed, once and to the end."""
        close = self.line.close
        if not close.called:
            raise scene.wrong(
                f"{when}, and the line is still open: nobody but your function knows of it. Close it, and let the "
                "exception go on."
            )
        if not close.begun:
            raise scene.wrong(f"{when}: close() was called and not awaited.")
        if close.called > 1:
            raise scene.wrong(f"{when}: the line was closed {close.called} times. Leave it to one place.")
        if not close.ended:
            raise scene.wrong(f"{when}: close() was begun and never ended. Await it.")


def _grade_connect(connect: Answer) -> str:
    _connects(connect, Way())
    refused = ConnectionError("wrong password")
    _refused(connect, Way(refused=refused), refused, at=3)
    _cancelled(connect, Way(), 1.5, at=2.5)
    unreachable = OSError("no such host")
    _unreachable(connect, Way(unreachable=unreachable), unreachable)
    _cancelled(connect, Way(), 0.5, at=0.5)
    odd = Unreadable("log_in")
    _refused(connect, Way(refused=odd), odd, at=3)

    chance = Chance("connect")
    for _ in range(ROUNDS):
        opening, logging_in, closing = (chance.seconds(0.25, 2) for _ in range(3))
        clean_up, failure = chance.seconds(0, 1), chance.failure("the server")
        _connects(connect, Way(opening, logging_in, closing))
        way = Way(opening, logging_in, closing, refused=failure)
        _refused(connect, way, failure, at=opening + logging_in + closing)
        _unreachable(connect, Way(opening, unreachable=failure), failure)
        early, late = opening - 0.125, opening + logging_in - 0.125
        _cancelled(connect, Way(opening, logging_in, closing, clean_up=clean_up), early, at=early)
        _cancelled(connect, Way(opening, logging_in, closing, clean_up=clean_up), late, at=late + clean_up + closing)
    in_every_order(connect, _a_way, _open_or_closed, cancel_at=1)
    return "Half-way in, the line is closed again, whatever comes; else it is handed over, open."


def _a_way() -> tuple[Way, list[Any]]:
    way = Way()
    return way, way.args


def _open_or_closed(scene: Scene, way: Way) -> None:
    close = way.line.close
    if close.cancelled:
        return  # by a limit of the learner's own: here an answer may take longer than any
    if not scene.cancelled:
        if scene.result() is not way.line or close.called:
            raise scene.wrong(f"your function {scene.answered()}; it was to return the line, open.")
    elif way.open_line.ended and not close.begun:
        raise scene.wrong("your function ended cancelled, and the line was still open.")


def _connects(connect: Answer, way: Way) -> None:
    scene = way.play(connect)
    if scene.returned is None and not scene.raised:
        raise scene.wrong(returned_none(connect))
    returned = scene.result()
    if not way.log_in.ended:
        raise scene.wrong("You returned before log_in(line) had ended: `await log_in(line)`.")
    if returned is not way.line:
        raise scene.wrong(f"You returned {shown(returned, 60)}: return the line.")
    if way.line.close.called:
        raise scene.wrong(
            "All went well, and you closed the line, which is to be returned open. `finally` runs on every way out."
        )
    _ended(scene, way.open_line.seconds + way.log_in.seconds, "The line was ready")


def _refused(connect: Answer, way: Way, refused: Exception, at: float) -> None:
    scene = way.play(connect)
    when = f"log_in(line) raised {type(refused).__name__}"
    if scene.raised is not refused:
        _hidden(scene, refused, "log_in(line)")
    way.is_closed(scene, when)
    _ended(scene, at, f"{when}, and the line was closed")


def _unreachable(connect: Answer, way: Way, unreachable: Exception) -> None:
    scene = way.play(connect)
    if scene.raised is not unreachable:
        _hidden(scene, unreachable, "open_line()")
    if way.log_in.called or way.line.close.called:
        raise scene.wrong(
            f"open_line() raised {type(unreachable).__name__}, so there is no line: nothing to log in on, nothing to "
            "close."
        )
    _ended(scene, way.open_line.seconds, "open_line() had failed")


def _hidden(scene: Scene, error: Exception, where: str) -> None:
    raise scene.wrong(
        f"{where} raised {type(error).__name__}, and your function {scene.answered()}: the caller has to learn of it, "
        "and of nothing else. Pass it on."
    )


def _cancelled(connect: Answer, way: Way, cancel_at: float, at: float) -> None:
    scene = way.play(connect, cancel_at)
    doing = "log_in" if way.log_in.begun else "open_line"
    when = f"At {cancel_at:g} s, in {doing}, somebody cancelled your function"
    if doing == "log_in":
        way.is_closed(scene, when)
    elif way.line.close.called:
        raise scene.wrong(f"{when}. There is no line yet, and you closed one.")
    if not scene.cancelled:
        raise scene.wrong(f"{when}, and it {scene.answered()}. Close, then let the CancelledError go on: `raise`.")
    _ended(scene, at, f"{when}, and it was ready to end")


def _ended(scene: Scene, at: float, when: str) -> None:
    if scene.ended != at:
        raise Wrong(f"{when} at {at:g} s, and your function ended at {scene.ended:g} s.", scene.timeline)


connect = Exercise(
    lesson="lesson_08b",
    task="""\
**Exercise 1: half-way in.** Write `connect(open_line, log_in)`, which could be the body of an `__aenter__`.

- `line = await open_line()` opens a line, then `await log_in(line)` logs in on it. When both went well, return the
  line, open.
- When `log_in` fails, or you are cancelled while it runs, nobody else knows of the line: `await line.close()`, once,
  and let the exception go on.
- When `open_line` fails or is cancelled, it has cleaned up after itself: nothing to close. (`close` does not fail, and
  nobody cancels you while it runs.)""",
    reference=solutions.connect,
    grade=_grade_connect,
    hints=[
        "From which line on is there something to close? From which line on is it the caller's?",
        "`finally` would close on every way out. `except` closes on the bad ones: which class holds a cancellation?",
        "`try: await log_in(line)`, then `except BaseException:` close and `raise`. After it, `return line`.",
    ],
)
