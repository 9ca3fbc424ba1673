"""Exercise 1: a context manager of two steps, which closes what it has opened, also half-way in."""

import functools
import inspect
from typing import Any, cast

from course_lib.exercises.chance import Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing, describe_raised
from course_lib.exercises.lesson_08b import solutions
from course_lib.exercises.lesson_08b.scenes import Line, Step, given
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import Scene, play, used_uncalled
from course_lib.exercises.shown import shown

ROUNDS = 10
NO_LINE = (NameError, AttributeError)  # what a name raises that nothing was given to: `line`, `self.line`


class Way:
    """A way to a line and a block that uses it: how long each step takes, and what fails."""

    def __init__(
        self,
        opening: float = 1,
        logging_in: float = 1,
        closing: float = 1,
        unreachable: Exception | None = None,
        refused: Exception | None = None,
        broken: Exception | None = None,
        clean_up: float = 0,
    ) -> None:
        self.line = Line(closing)
        self.open_line = Step("open_line", opening, unreachable or self.line)
        self.log_in = Step("log_in", logging_in, refused, clean_up)
        self.block = Step("block", 1, broken or "done", clean_up)
        self.ready = self.closed = False  # when the block begins: whether the login has ended, and the line was closed
        self.args = [self.open_line, self.log_in, self.enter]

    async def enter(self, line: Any) -> Any:
        """Run the block of the `async with`."""
        self.ready, self.closed = bool(self.log_in.ended), bool(self.line.close.called)
        return await self.block(line)

    def play(self, logged_in: Answer, cancel_at: float | None = None) -> Scene:
        """Enter and leave what the learner's function gives."""
        scene = play(logged_in, *self.args, cancel_at=cancel_at)
        if isinstance(scene.raised, Wrong):
            raise scene.wrong(str(scene.raised))
        if not self.open_line.called and (scene.raised is None or used_uncalled(Step, scene.raised)):
            raise scene.wrong("`open_line` is a function, and you never called it: `line = await open_line()`.")
        if self.log_in.called and (len(self.log_in.given) != 1 or self.log_in.given[0] is not self.line):
            missing = " The `await` before `open_line()` is missing." if await_missing(self.log_in.given) else ""
            raise scene.wrong(
                f"log_in was given {given(self.log_in)}: give it the line, `await log_in(line)`.{missing}"
            )
        return scene

    def is_closed(self, scene: Scene, when: str) -> None:
        """Raise Wrong unless the line was closed, once and to the end."""
        close = self.line.close
        if not close.called:
            raise scene.wrong(f"{when}, and the line is still open: {self._who_closes(scene)}")
        if not close.begun:
            raise scene.wrong(f"{when}: close() was called and not awaited.")
        if close.called > 1:
            raise scene.wrong(f"{when}: the line was closed {close.called} times. Leave it to one place.")
        if close.cancelled:
            raise scene.wrong(
                f"{when}: close() was cancelled before it had ended, and not by the check: is there a limit of yours?"
            )
        if not close.ended:
            raise scene.wrong(f"{when}: close() was begun and never ended. Await it.")

    def _who_closes(self, scene: Scene) -> str:
        if not _is_class(scene):
            return (
                "nobody but you can close it. The `try` has to begin right behind what opened it, and its `finally` "
                "closes."
            )
        if self.block.begun:
            return "`__aexit__` has to close it, however the block ended."
        return (
            "`__aexit__` is not called where `__aenter__` has not returned. So `__aenter__` itself closes it: `except "
            "BaseException:`, close, `raise`."
        )


def _is_class(scene: Scene) -> bool:
    """Return whether the learner wrote a class, which has no `yield`."""
    return inspect.isclass(inspect.unwrap(scene.function))


def _grade_logged_in(logged_in: Answer) -> str:
    if inspect.iscoroutinefunction(inspect.unwrap(logged_in)):
        scene = play(inspect.unwrap(logged_in), *Way().args[:2])  # raises NotImplementedError if it is the stub
        raise scene.wrong(
            "There is no `yield` in your function, so it enters and leaves nothing: `@asynccontextmanager` above it, "
            "and a `yield` where the block is to run."
        )
    used = _used(logged_in)
    _works(used, Way())
    broken, refused = ValueError("no answer"), ConnectionError("wrong password")
    _fails(used, Way(broken=broken), broken, "The block", at=4)
    _fails(used, Way(refused=refused), refused, "log_in(line)", at=3)
    _cancelled(used, Way(), 2.5, at=3.5)
    _cancelled(used, Way(), 1.5, at=2.5)
    unreachable = OSError("no such host")
    _unreachable(used, Way(unreachable=unreachable), unreachable)
    _cancelled(used, Way(), 0.5, at=0.5)
    odd = Unreadable("log_in")
    _fails(used, Way(refused=odd), odd, "log_in(line)", at=3)

    chance = Chance("logged_in")
    for _ in range(ROUNDS):
        make: Any = Way  # the type checker cannot count what a star gives
        times = [chance.seconds(0.25, 2) for _ in range(3)]
        opening, logging_in, closing = times
        clean_up, failure = chance.seconds(0, 1), chance.failure("the server")
        _works(used, make(*times))
        _fails(used, make(*times, refused=failure), failure, "log_in(line)", at=sum(times))
        _fails(used, make(*times, broken=failure), failure, "The block", at=sum(times) + 1)
        _unreachable(used, Way(opening, unreachable=failure), failure)
        for early in (opening - 0.125, opening + logging_in - 0.125, opening + logging_in + 0.5):
            leaving = clean_up + closing if early > opening else 0
            _cancelled(used, make(*times, clean_up=clean_up), early, at=early + leaving)
    in_every_order(used, _a_way, _closed, cancel_at=1)
    return "The line is closed however the block is left, and also where the block is never reached."


def _used(logged_in: Answer) -> Answer:
    """Return a coroutine function that uses what the learner's function gives, in an `async with`."""

    @functools.wraps(logged_in)
    async def use(open_line: Step, log_in: Step, block: Answer) -> Any:
        scope: Any = logged_in(open_line, log_in)
        if hasattr(scope, "__aenter__") and not hasattr(scope, "__aexit__"):
            raise Wrong(f"{type(scope).__name__} has an `__aenter__`, and no `__aexit__`, which closes the line.")
        if not hasattr(scope, "__aenter__"):
            await_missing([scope])
            raise Wrong(
                f"Your function gave {shown(scope, 60)}, which `async with` cannot enter: `@asynccontextmanager`, with "
                "its `a`, stands above an `async def` with a `yield`."
            )
        async with scope as line:
            return await block(line)

    return use


def _a_way() -> tuple[Way, list[Any]]:
    way = Way()
    return way, way.args


def _closed(scene: Scene, way: Way) -> bool:
    close = way.line.close
    if close.cancelled:
        return False  # by the cancellation itself, or by a limit of the learner's own: an answer may take for ever
    if scene.cancelled and close.called and not close.ended:
        return True  # struck while it closed, of which the task says that nobody does: the fixed scenes see the rest
    if not scene.cancelled and scene.result() != "done":
        raise scene.wrong(f"your context manager {scene.answered()}; the block gave 'done'.")
    if way.open_line.ended and not close.ended:
        raise scene.wrong("your context manager was left, and the line was still open.")
    return False


def _works(used: Answer, way: Way) -> None:
    scene = way.play(used)
    if not way.block.begun:
        if scene.raised:
            raise scene.wrong(describe_raised(scene.raised))
        raise scene.wrong("The block was never reached.")
    if not way.log_in.called:
        raise scene.wrong("Nobody has logged in: `await log_in(line)`.")
    if not way.ready:
        raise scene.wrong("The block began before log_in(line) had ended: `await log_in(line)`.")
    if way.block.given[0] is not way.line:
        what = "`return` the line from `__aenter__`" if _is_class(scene) else "`yield` the line"
        raise scene.wrong(f"What `as` binds was {given(way.block)}: {what}.")
    if way.closed and not way.line.close.begun:
        raise scene.wrong(
            "close() was called before the block began, and never awaited: call it when the block has ended. A stack's "
            "`push_async_callback(line.close)` takes a function and calls it in the end."
        )
    if way.closed:
        raise scene.wrong("The line was closed before the block began: the block needs it open.")
    if scene.raised:
        raise scene.wrong(describe_raised(scene.raised))
    way.is_closed(scene, "All went well")
    _ended(scene, _seconds(way), "All went well, and all was over")


def _fails(used: Answer, way: Way, error: Exception, where: str, at: float) -> None:
    scene = way.play(used)
    when = f"{where} raised {type(error).__name__}"
    if scene.raised is not error:
        _hidden(scene, error, where)
    way.is_closed(scene, when)
    _ended(scene, at, f"{when}, and the line was closed")


def _unreachable(used: Answer, way: Way, unreachable: Exception) -> None:
    scene = way.play(used)
    if isinstance(scene.raised, NO_LINE):
        raise scene.wrong(
            f"open_line() raised {type(unreachable).__name__}, and then your code raised {raised_kind(scene.raised)}"
            ": there is no `line` yet, and nothing to close. Put the `try` behind the line that opens."
        )
    if scene.raised is not unreachable:
        _hidden(scene, unreachable, "open_line()")
    if way.log_in.called or way.line.close.called:
        raise scene.wrong(
            f"open_line() raised {type(unreachable).__name__}, so there is no line: nothing to log in on, nothing to "
            "close."
        )
    _ended(scene, way.open_line.seconds, "open_line() had failed")


def _hidden(scene: Scene, error: Exception, where: str) -> None:
    what = "swallowed it" if scene.raised is None else scene.answered()
    raise scene.wrong(
        f"{where} raised {type(error).__name__}, and your context manager {what}: who wrote the `async with` has to "
        "learn of it, and of nothing else. Pass it on."
    )


def _cancelled(used: Answer, way: Way, cancel_at: float, at: float) -> None:
    scene = way.play(used, cancel_at)
    doing = "in the block" if way.block.begun else "in log_in" if way.log_in.begun else "in open_line"
    when = f"At {cancel_at:g} s, {doing}, somebody cancelled it"
    if doing != "in open_line":
        way.is_closed(scene, when)
    elif isinstance(scene.raised, NO_LINE) or way.line.close.called:
        raise scene.wrong(f"{when}. There is no line yet, and nothing to close.")
    if not scene.cancelled:
        what = "swallowed that" if scene.raised is None else scene.answered()
        raise scene.wrong(f"{when}, and your context manager {what}. Close, then let the CancelledError go on.")
    _ended(scene, at, f"{when}, and all was over")


def _seconds(way: Way) -> float:
    return sum(step.seconds for step in (way.open_line, way.log_in, way.block, way.line.close))


def _ended(scene: Scene, at: float, when: str) -> None:
    if scene.ended != at:
        raise scene.wrong(f"{when} at {at:g} s, and your context manager ended at {scene.ended:g} s.")


logged_in = Exercise(
    lesson="lesson_08b",
    task="""\
**Exercise 1: half-way in.** Write `logged_in(open_line, log_in)`, an asynchronous context manager, with
`@asynccontextmanager`. (A class passes, too.)

- To enter, `line = await open_line()` opens a line, then `await log_in(line)` logs in on it. The line is what `as`
  binds.
- However the block is left, `await line.close()`, once. What the block raises goes on.
- When `log_in` fails, or is cancelled, there is no block, and nobody else knows of the line: close it, too.
- When `open_line` fails or is cancelled, it has cleaned up after itself: nothing to close. (`close` does not fail, and
  nobody cancels you while it runs.)""",
    reference=cast(Answer, solutions.logged_in),
    grade=_grade_logged_in,
    hints=[
        "From which line on is there something to close? There the `try` begins.",
        "What the block raises is raised at the `yield`, and `log_in` may raise, too: both stand in the same `try`.",
        "`line = await open_line()`, then `try:` with `await log_in(line)` and `yield line`, `finally:` close.",
    ],
)
