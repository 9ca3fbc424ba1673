"""An exercise: its task, its hints, its check and its reference solution.

A check grades behaviour. It runs the learner's function on the virtual clock, with functions that take a stated time,
looks at what happened, and answers with a verdict and one sentence.
"""

import asyncio
import gc
import inspect
import io
import re
import sys
import textwrap
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises import progress
from course_lib.exercises.causes import hint
from course_lib.exercises.chance import Chance, Task, placed_by_chance
from course_lib.exercises.places import is_learners
from course_lib.exercises.returning import returned_none
from course_lib.seeing import Timeline, simulate, span
from course_lib.seeing.clock import DeadlockError, RunawayError, SimulationStopped
from course_lib.seeing.timeline.text import WIDTH
from course_lib.seeing.timeline.trace import describe

LIMIT = 2.0  # real seconds a single run of the learner's function may take
SHOWN = 2_000  # characters of the learner's own output that a check repeats
TRIES = 3  # after so many, the solution opens

WAITS_FOR_EVER = "Your code waits for something"
STANDS_STILL = (
    "While your code asks again and again, the virtual clock stands still, and a real processor would be at 100 %."
)

# What a future's text says of Python's own callbacks, with paths of its files.
CALLBACKS = re.compile(r" cb=\[.*?\](?=>)")
OBJECTS = re.compile(r"<(coroutine|generator|async_generator) object ([^\s>]+) at 0x[0-9a-fA-F]+>")

# A function's text names where it was made, which may be a scene of ours.
FUNCTIONS = re.compile(r"<(?:function|bound method) ((?:[^<>\s]|<[^<>]*>)+)(?:[^<>]|<[^<>]*>)*>")

Answer = Callable[..., Coroutine[Any, Any, Any]]

_home: list[asyncio.AbstractEventLoop] = []  # the loop that the learner's function was last called on


class Wrong(Exception):
    """What a check found; its message is the sentence for the learner."""

    def __init__(self, sentence: str, timeline: Timeline | None = None, error: BaseException | None = None) -> None:
        super().__init__(sentence)
        self.timeline = timeline
        self.error = error  # what the learner's function raised, if it was that


@dataclass(frozen=True)
class Verdict:
    """What a check says of one answer; `passed` is None when nothing was attempted."""

    passed: bool | None
    sentence: str
    timeline: Timeline | None = None
    printed: str = ""


@dataclass
class Exercise:
    """One exercise.

    Args:
        lesson: the module's name, such as "lesson_01".
        task: what to do, in markdown.
        reference: the solution; its name and parameters are those the learner's function has. Where it is an async
            generator, the learner's is to be one, too, and `grade` consumes it. Where it is one under
            `@asynccontextmanager`, the learner's is to give an asynchronous context manager, and `grade` enters it.
        grade: runs the learner's function (with `run`), raises Wrong for what it finds, returns the praise.
        hints: from a nudge to nearly all of it.
    """

    lesson: str
    task: str
    reference: Answer
    grade: Callable[[Answer], str]
    hints: Sequence[str]
    _hints_given: int = field(default=0, init=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the function to write, and of the exercise."""
        return self.reference.__name__

    @property
    def call(self) -> str:
        """The exercise as a learner's cell has it: every lesson imports its exercises as `ex`."""
        return f"ex.{self.name}"

    def check(self, function: Any) -> None:
        """Grade `function` and print the verdict; a wrong answer is told, never raised."""
        verdict = self.judge(function)
        label = {None: "not attempted yet", True: "passed", False: "not yet"}[verdict.passed]
        print(_told(f"{self.name}: {label}. {verdict.sentence}"))
        if verdict.printed:
            print(f"\nYour code printed:\n{textwrap.indent(verdict.printed, '    ')}")
        if verdict.timeline and verdict.timeline.end and not verdict.passed:
            print(f"\nWhat happened:\n{verdict.timeline}")
        if verdict.passed is not None:
            tries = progress.note_try(self.lesson, self.name, passed=verdict.passed)
            if not verdict.passed:
                more = f", {self.call}.solution() the solution" if tries >= TRIES else ""
                print(f"\n{_told(f'Try {tries}. {self.call}.hint() gives a hint{more}.')}")

    def judge(self, function: Any) -> Verdict:
        """Grade `function` and return the verdict; print nothing and note nothing."""
        if mistake := self._unusable(function):
            return Verdict(False, mistake)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()  # what an earlier answer never awaited would else be held against this one
        Task.places = Chance(self.name)  # each try sees the same
        output = _Output()
        with warnings.catch_warnings(record=True) as caught, _only_learners(output):
            warnings.simplefilter("always")
            try:
                verdict = Verdict(True, self.grade(function))
            except Wrong as wrong:
                verdict = Verdict(False, str(wrong), wrong.timeline)
            except NotImplementedError:
                return Verdict(None, "Replace `raise NotImplementedError` with your code, then run the cell again.")
            except Exception as error:  # noqa: BLE001  # what a learner returns may break any comparison
                verdict = Verdict(False, f"The check cannot make sense of what your function gave: {describe(error)}.")
            finally:
                _home.clear()  # with it go the tasks of all runs, where one exception was raised in all of them
        sentence, timeline = verdict.sentence, verdict.timeline
        if not verdict.passed:
            sentence += _failed_callback(timeline)
            if any("never awaited" in str(w.message) for w in caught):
                sentence += " A coroutine was made and never awaited, so its code never ran."
        return Verdict(verdict.passed, sentence, timeline, output.text())

    def hint(self) -> None:
        """Print the next hint; after the last one, the last one again."""
        number = min(self._hints_given, len(self.hints) - 1)
        self._hints_given = number + 1
        print(_told(f"Hint {number + 1} of {len(self.hints)}: {self.hints[number]}"))

    def solution(self) -> None:
        """Print the reference solution, once the exercise is passed or was tried three times."""
        tries = progress.tries(self.lesson, self.name)
        if not progress.passed(self.lesson, self.name) and tries < TRIES:
            how = f"The solution opens when you have passed, or after {TRIES} tries; so far: {tries}."
            print(_told(f"{how} {self.call}.hint() gives a hint."))
        else:
            print(inspect.getsource(self.reference))

    def _repr_markdown_(self) -> str:
        return self.task

    def __repr__(self) -> str:
        return f"<exercise {self.name}>"

    def _unusable(self, function: Any) -> str:
        """Say why something cannot be graded at all; empty if it can."""
        gives_items = inspect.isasyncgenfunction(self.reference)
        is_scope = not gives_items and inspect.isasyncgenfunction(inspect.unwrap(self.reference))
        also = " and `yield`" if gives_items or is_scope else ""
        above = "`@asynccontextmanager` and, below it, " if is_scope else ""
        want = f"write it with {above}`async def {self.name}{inspect.signature(self.reference)}`{also}"
        if function is None:
            return f"There is nothing to check: pass your function, {self.call}.check({self.name})."
        if inspect.iscoroutine(function) or inspect.isasyncgen(function):
            if inspect.iscoroutine(function):
                function.close()
            return f"You called the function: pass it without parentheses, {self.call}.check({self.name})."
        if is_scope and hasattr(type(function), "__aenter__"):
            return f"You called the function: pass it without parentheses, {self.call}.check({self.name})."
        if inspect.isclass(function) and not (is_scope and hasattr(function, "__aenter__")):
            return f"{function.__name__} is a class, not a function: {want}."
        if inspect.isasyncgenfunction(function) and is_scope:
            return (
                f"{function.__name__} is a generator so far: the line above it, `@asynccontextmanager`, makes a "
                "context manager of it."
            )
        if inspect.isasyncgenfunction(function) and not gives_items:
            return f"{function.__name__} contains `yield`, which makes it a generator: use `return`."
        if not callable(function):
            return f"{function!r:.60} is not a function: {want}."
        # Where a generator is asked for, a coroutine function may be the stub: the check calls it, and sees. What
        # gives a context manager may be any function.
        if not is_scope and not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
            return f"{getattr(function, '__name__', 'this')} is a plain function, which cannot await: {want}."
        parameters = inspect.signature(self.reference).parameters
        try:
            inspect.signature(function).bind(*parameters)
        except TypeError:
            return f"{function.__name__} takes other arguments than the task says: {want}."
        return ""


def _told(text: str) -> str:
    """Break a text's lines where they fit a notebook beside an open sidebar, as swimlanes do."""
    # What stands in a sentence may be code, so no word is cut.
    lines = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines.fill(line) for line in text.splitlines())


def run(function: Answer, *args: Any, none: bool = False, blocks: bool = False) -> Timeline:
    """Run the learner's function once on the virtual clock and return what happened.

    Sets of tasks have an order drawn at random. `none` says whether None is an answer, `blocks` whether the checker
    blocks the loop itself. Raises NotImplementedError for an untouched stub, and Wrong for whatever makes looking
    further pointless: an exception, a deadlock, a run without end, a blocked loop, tasks left over, a forgotten
    `return`. A Wrong that one of our own functions raised in that run is told as it is.
    """
    what_to_do: list[str] = []

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        at_home(loop)
        factory: Any = loop.get_task_factory()
        factory.real = placed_by_chance
        try:
            return await function(*args)
        except (Exception, BaseExceptionGroup) as error:
            # Here, because simulate() drops the library's frames, which show what asyncio was called with.
            what_to_do.append(hint(next(leaves(error))))
            raise

    try:
        timeline = simulate(main, limit=LIMIT)
    except NotImplementedError:
        raise
    except DeadlockError as error:
        waits = f"{WAITS_FOR_EVER} that never happens: {error.where}."
        raise Wrong(waits + unseen_failure(error.timeline), error.timeline) from None
    except RunawayError as error:
        end = " Nothing can stop it: restart the kernel." if error.still_runs else _failed_callback(error.timeline)
        if error.stands_still:
            end += f" {STANDS_STILL}"
        raise Wrong(
            f"Your code did not come to an end: after {LIMIT:g} s of real time it stood here: {error.where}.{end}"
        ) from None
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  # a learner's code may raise anything
        found = next((each for each in leaves(error) if isinstance(each, Wrong)), None)
        told = str(found) if found else describe_raised(error, *what_to_do)
        raise Wrong(told, getattr(error, "timeline", None), error) from None
    if timeline.blocking_lines and not blocks:
        raise Wrong(f"One step held the event loop, so nothing else could run: {timeline.blocking_lines[0]}.", timeline)
    if timeline.blocked and not blocks:
        raise Wrong(
            f"The event loop was blocked for {timeline.blocked:g} s: nothing else could run meanwhile.", timeline
        )
    if timeline.leaked:
        raise Wrong(f"When your function had ended, {still_running(timeline)}", timeline)
    if timeline.result is None and not none:
        raise Wrong(returned_none(function), timeline)
    return timeline


def still_running(timeline: Timeline, *, cancelled: bool = False, failed: bool = False) -> str:
    """Say which tasks were left running, and what to do: to cancel a task is not yet to have waited for its end.

    cancelled: whether the function that left them had been cancelled
    failed: whether it had raised an exception
    """
    late = timeline.cancelled_late
    what_to_do = "Await what you start."
    if failed:
        what_to_do = (
            "An exception came out while others were still at work: catch it, or cancel them and wait for their end "
            "before you pass it on."
        )
    if cancelled:
        what_to_do = (
            "Who is cancelled must cancel the tasks that it made, and wait for their end, in a `finally`; a TaskGroup "
            "does."
        )
    if late and set(timeline.leaked) == set(late):
        names = " and ".join([", ".join(late[:-1])] * (len(late) > 1) + late[-1:])
        who = "You, or a `gather` of yours," if cancelled else "You"
        what_to_do = (
            f"{who} cancelled {names}, but did not wait until {'they' if len(late) > 1 else 'it'} had ended: "
            "`await asyncio.wait(tasks)`, with those that you cancelled."
        )
    return f"this was still running: {', '.join(timeline.leaked)}. {what_to_do}{unseen_failure(timeline)}"


def unseen_failure(timeline: Timeline | None) -> str:
    """Say which task failed first without anybody's looking, after a space; empty where none did.

    It is often why others wait for ever, or were left: one that failed awaits and ends nothing.
    """
    unseen = timeline.unretrieved if timeline else []
    lanes = [lane for lane in timeline.lanes if lane.name in unseen and lane.error] if timeline else []
    if not lanes:
        return ""
    first = min(lanes, key=lambda lane: lane.end)
    return f" Look first at {first.name}, which had failed, and nobody asked: {first.error.removesuffix('.')}."


def at_home(loop: asyncio.AbstractEventLoop) -> None:
    """Note that the learner's function runs on this loop."""
    _home[:] = [loop]


def elsewhere() -> bool:
    """Return whether this code runs on another loop, or in another thread, than the learner's function does."""
    return not _home or asyncio._get_running_loop() is not _home[0]


def leaves(error: BaseException | None) -> Iterator[BaseException]:
    """Give the errors that stand in a group, and in the groups within it; one that is no group gives itself."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    elif error:
        yield error


def describe_raised(error: BaseException, what_to_do: str | None = None) -> str:
    """Say what the learner's code raised, where, and what to do; of a group, also the first error that stands in it.

    what_to_do: the advice for it, where the error's traceback no longer has all that shows it
    """
    first = next(leaves(error))
    text = describe(error) if first is error else f"{describe(error)}: {describe(first)}"
    text = FUNCTIONS.sub(_function_named, OBJECTS.sub(r"<\1 \2>", CALLBACKS.sub("", text)))
    lines = [
        f"line {number} of {frame.f_code.co_name}"
        for each in (error, first)
        for frame, number in traceback.walk_tb(each.__traceback__)
        if is_learners(frame.f_code)
    ]
    place = f" (at {lines[-1]})" if lines else ""
    what = hint(first) if what_to_do is None else what_to_do
    return f"Your code raised {text.removesuffix('.')}{place}. {what}".rstrip()


def _function_named(found: re.Match[str]) -> str:
    name = found[1].rpartition(".")[2]
    return f"the function {name}" if name.isidentifier() else "a function"


def await_missing(values: Iterable[Any]) -> bool:
    """Return whether a coroutine or a task stands among `values` where its result should; coroutines are closed."""
    missing = False
    for value in values:
        if inspect.iscoroutine(value):
            value.close()
        missing = missing or inspect.isawaitable(value)
    return missing


class Service:
    """Coroutine functions that take a stated time, and what was seen of their use."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self.peak = 0  # the most calls that were under way at one time
        self.made_before_the_first_ran = 0
        self._made = self._under_way = 0

    def offer(self, name: str, seconds: float, answer: Any, *args: Any) -> Coroutine[Any, Any, Any]:
        """Return a coroutine that takes `seconds` (virtual) and gives `answer`, or raises it if it is an exception.

        `name` is its lane in the timeline; the call is counted under it when the coroutine runs, with `args`.
        """
        self._made += 1
        coro = self._work(name, seconds, answer, args)
        coro.__name__ = name  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _work(self, name: str, seconds: float, answer: Any, args: tuple[Any, ...]) -> Any:
        if elsewhere():
            raise Wrong(
                f"{name} ran on an event loop of its own, in another thread: no threads here, one loop is enough."
            )
        self.made_before_the_first_ran = self.made_before_the_first_ran or self._made
        self.calls[name] += 1
        self.arguments[name] = args
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        try:
            with span(name):
                await asyncio.sleep(seconds)
                if isinstance(answer, Exception):
                    raise answer
        finally:
            self._under_way -= 1
        return answer


@contextmanager
def _only_learners(output: "_Output") -> Iterator[None]:
    """Let an output have what is printed meanwhile, but for what Python says where a stop strikes in a finalizer."""
    tell = sys.unraisablehook

    def tell_others(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, SimulationStopped):
            tell(unraisable)

    sys.unraisablehook = tell_others
    try:
        with redirect_stdout(output), redirect_stderr(output):
            yield
    finally:
        sys.unraisablehook = tell


class _Output(io.TextIOBase):
    """Keeps the beginning of what is written to it; a check must survive ten megabytes."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room, self._left_out = SHOWN, 0

    def write(self, text: str) -> int:
        if self._room:
            self._parts.append(text[: self._room])
        self._left_out += max(0, len(text) - self._room)
        self._room -= min(self._room, len(text))
        return len(text)

    def text(self) -> str:
        more = f"\n... and {self._left_out:,} characters more" if self._left_out else ""
        return "".join(self._parts) + more


def _failed_callback(timeline: Timeline | None) -> str:
    notes = timeline.notes if timeline else []
    note = next((note for note in notes if note.startswith(("the callback ", "a callback failed"))), "")
    return f" {note[:1].upper()}{note[1:].removesuffix('.')}." if note else ""
