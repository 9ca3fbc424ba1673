"""The grading of a learner's test: it lets right implementations pass, and fails with each that has a seeded bug.

What counts as caught is what pytest would show red if no run went on for ever: a failed assertion, any exception that
comes out of the test, a deadlock, a run without end. An exception is none of these with a right implementation: there
it is the test that is wrong. What is left running is not red, in pytest neither: who wants to catch it must assert it.

Every trial runs in many orders. A test that draws at random runs with each bug twice, with different seeds; what it
catches with one of them alone is not caught.
Whether a test remembers what it saw before is found out by the order of the trials: right implementations come again
among the bugs, and after them.
"""

import inspect
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.failing import is_assertion, late, look_alike, looks_too_early, rounded, slips, why
from course_lib.exercises.framework import Exercise, Verdict, Wrong, leaves
from course_lib.exercises.habits import asserts, other_clock, peeks, sleeps_in_earnest
from course_lib.exercises.implementations import Bug, Code, Right
from course_lib.exercises.shown import NUMBERS
from course_lib.exercises.trials import FIRST, MORE, Notes, Test, Trial, tried
from course_lib.exercises.vacuous import unreached, vacuous

SEEDS = (1, 2)
WITH_BUGS: Mapping[str, Any] = {
    "orders": FIRST,
    "more": 0,
}  # none at random: whether a test catches a bug is no luck of ours
FEW = 4  # orders in which a right implementation that has passed is tried once more, and so many at random
DRAWS = range(3, 43)  # seeds for one more run each of a test that draws at random
NAMED = 3  # bugs that got away which a verdict names


@dataclass(frozen=True)
class Subject:
    """A function under test, of which there are right implementations, and some with a bug.

    Args:
        rights: the first one is what the task shows.
        bugs: the most telling ones first.
    """

    rights: Sequence[Right]
    bugs: Sequence[Bug]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.rights[0].code.function.__name__)

    @property
    def terms(self) -> str:
        """What is asked of a test, for the task."""
        return (
            f"Your test is run on the virtual clock with {NUMBERS[len(self.rights)]} right functions, and must pass; "
            f"and with {NUMBERS[len(self.bugs)]} that have a bug each, and must fail, by an assertion or because it "
            f"never ends. If it sleeps in a `span`, it is run in many orders, {FIRST + MORE} at most."
        )

    def prove(self, test: Test) -> str:
        """Return the praise for a test that lets the right ones pass and catches each bug; raise Wrong for another."""
        if looks := peeks(test):
            raise Wrong(_LOOKS.format(name=self.name, what=looks))
        if sleeps_in_earnest(test):
            raise Wrong(f"Your test sleeps: {_SLEEPS}")
        if clock := other_clock(test):
            raise Wrong(_CLOCK.format(clock=clock))
        right = self._with_right_ones(test)
        if said := vacuous(test):
            raise Wrong(f"An assertion of yours says nothing: {said}")
        green, slipped = self._with_bugs(test, right)
        for number in range(len(self.rights)):
            self._again(test, number, SEEDS[0])
        right.draw()  # for what the test prints, and which lines it runs
        missed = unreached(test, right.notes.lines)
        if green:
            self._tell(test, green, right, missed)
        praise = f"It catches all {len(self.bugs)} bugs, and lets {len(self.rights)} right functions pass."
        if right.untried:
            praise += _UNTRIED
        if right.notes.drew:
            self._draw_again(test)
            praise += (
                f" It draws at random, and {len(DRAWS) + len(SEEDS)} draws were tried: what comes more seldom was not. "
                "Better write the cases down."
            )
        if missed:
            praise += f" But {missed}"
        if slipped:
            praise += (
                f" Once it was an error of the test's own that said so, {slipped[0]}: an `assert` before it would say "
                "what is wrong."
            )
        return praise

    def _with_right_ones(self, test: Test) -> Trial:
        """Run a test with each right implementation and return the first trial; raise Wrong if one is refused."""
        trials = list[Trial]()
        for right in self.rights:
            trials.append(self._tried(right.code, test, SEEDS[0]))
            if trials[-1].kind == "endless":
                break  # it took its time
        if isinstance(trials[0].error, NotImplementedError) and not trials[0].notes.calls:
            raise trials[0].error  # a stub
        for trial in trials:
            if said := self._misused(trial):
                raise Wrong(said, trial.draw())
        for number, trial in enumerate(trials):
            if trial.kind != "passed":
                timeline = trial.draw()
                raise Wrong(f"With a right `{self.name}` {why(trial)} {self._why_not(number, trials)}", timeline)
        return trials[0]

    def _with_bugs(self, test: Test, right: Trial) -> tuple[dict[int, set[int]], list[str]]:
        """Run a test with each bug; return which bugs it lets pass, with which seeds, and slips of its own."""
        seeds = SEEDS if right.notes.drew else SEEDS[:1]  # one is like another, where nothing is drawn
        trials = [("bug", number, seed) for number in range(len(self.bugs)) for seed in seeds]
        trials += [("right", number, SEEDS[1]) for number in range(len(self.rights))]
        green: dict[int, set[int]] = {}
        slipped = set[str]()
        for kind, number, seed in Chance(self.name).some(trials, len(trials)):
            if kind == "right":
                self._again(test, number, seed)
                continue
            with warnings.catch_warnings(action="ignore"):  # what a bug never awaits is not the test's
                trial = self._tried(self.bugs[number].code, test, seed, **WITH_BUGS)
            if trial.kind == "unsteady" or trial.notes.looked_at:
                raise Wrong(self._misused(trial))
            if not trial.red:
                green.setdefault(number, set()).add(seed)
            slipped.update(slips(trial.error))
        return green, sorted(slipped)

    def caught(self, test: Test) -> list[bool]:
        """Return which bugs a test catches, whatever else may be said of it."""
        return [self.fails(test, bug.code.make) for bug in self.bugs]

    def fails(self, test: Test, make: Callable[[], Callable[..., Any]]) -> bool:
        """Return whether a test fails, with each seed, with an implementation that `make` makes."""
        return all(tried(test, make, self.name, seed, **WITH_BUGS).red for seed in SEEDS)

    def _tried(self, code: Code, test: Test, seed: int, **kwargs: Any) -> Trial:
        return tried(test, code.make, self.name, seed, **kwargs)

    def _misused(self, trial: Trial) -> str:
        """Say what a test did that no test should do, whatever it is given; empty for nothing of the kind."""
        notes = trial.notes
        if notes.looked_at:
            return _LOOKS.format(name=self.name, what=notes.looked_at)
        if notes.refused:
            return f"Your test does what has no place on the virtual clock. {trial.text}."
        if notes.blocked:
            return f"Your test sleeps: {_SLEEPS}"
        if notes.skipped:
            return "Your test skips itself, or says that it will fail: that proves nothing."
        if trial.kind == "unsteady":
            return self._unsteady(trial)
        if notes.misused:
            signature = inspect.signature(self.rights[0].code.function)
            return f"Your test calls `{notes.misused}`; the task says `{self.name}{signature}`."
        if notes.left and trial.kind == "passed":
            return (
                f"When your test had ended, this was still running: {', '.join(notes.left)}. Whoever comes next would "
                f"find it. Await what you start, or cancel it and await that; what `{self.name}` started, give the "
                "time to end."
            )
        return ""

    def _why_not(self, number: int, trials: Sequence[Trial]) -> str:
        trial = trials[number]
        if trial.elsewhere and not trial.spanned:
            return (
                "It passes in one order, and fails in another: what happens at the same time may come in either order, "
                "and so may the tasks of a set. Assert nothing that depends on which is first, or let one be later."
            )
        if trial.elsewhere:
            return (
                "It passes in the usual order of the same answers, and fails in this one. A sleep in a `span` may take "
                "any time: assert nothing that depends on which of two ends first, and no times."
            )
        if any(other.kind == "passed" for other in trials):
            return (
                f"It is one that {self.rights[number].style}; others pass. Your test asks for more than is promised: "
                "read the task again, and assert only what it says."
            )
        if trial.kind == "left":
            return "Close it, by `aclose()` or by `aclosing`."
        if trial.kind != "failed":
            return "Nothing that is promised ends that."
        if not is_assertion(trial.error) and not self._went_through(trial.error):
            return "That is an error of the test: no implementation passes."
        if looks_too_early(trial):
            return (
                "`cancel()` only asks, and a task ends when its turn comes: `await asyncio.wait(...)` with what you "
                "cancelled, and look then."
            )
        if look_alike(trial):
            return (
                "They look the same, and are not equal: an exception is equal to itself alone. Compare the classes, or "
                "what `str` gives."
            )
        if by := late(trial):
            return (
                f"These times are all {by:g} s late. Each scene begins when the one before it has ended: note "
                "`loop.time()` where the scene starts, and count from there."
            )
        if rounded(trial):
            return (
                "They differ by the rounding of floats alone: let your times be whole seconds, or use "
                "`pytest.approx(...)`."
            )
        given = next(iter(inspect.signature(self.rights[0].code.function).parameters))
        return (
            "No right function passes. Either the task promises something else, or your own code (the clock, your "
            f"`{given}`) is not what you think."
        )

    def _went_through(self, error: BaseException | None) -> bool:
        """Return whether an exception came out of the implementation, which it may have got from the test."""
        codes = [right.code for right in self.rights] + [bug.code for bug in self.bugs]
        files = {code.function.__code__.co_filename for code in codes}
        steps = [step for each in leaves(error) for step in traceback.walk_tb(each.__traceback__)]
        return any(frame.f_code.co_filename in files for frame, _ in steps)

    def _again(self, test: Test, number: int, seed: int) -> None:
        """Raise Wrong unless a right implementation, which passed once, passes again."""
        trial = self._tried(self.rights[number].code, test, seed, orders=FEW, more=FEW)
        if trial.kind != "passed":
            raise Wrong(self._unsteady(trial), trial.draw())

    def _draw_again(self, test: Test) -> None:
        """Raise Wrong if a test that draws at random fails with other draws, and the function is right."""
        for seed in DRAWS:
            trial = self._tried(self.rights[0].code, test, seed, orders=1, more=0)
            if trial.kind != "passed":
                raise Wrong(_DRAWS.format(name=self.name), trial.draw())

    def _unsteady(self, trial: Trial) -> str:
        """Say why a test may pass with one function, and fail with the very same one."""
        if trial.elsewhere:
            return _BY_LUCK
        return (_DRAWS if trial.notes.drew else _REMEMBERS).format(name=self.name)

    def _tell(self, test: Test, green: dict[int, set[int]], right: Trial, missed: str) -> None:
        """Raise Wrong with what a teacher would say of the bugs that got away; `missed` is of no use to find them."""
        many = len(self.bugs)
        away = [self.bugs[number] for number in sorted(green)]
        if len(away) == many:
            self._tell_of_nothing(test, right)
        for number in sorted(green):
            trial = self._tried(self.bugs[number].code, test, SEEDS[0], **WITH_BUGS, watch=True)
            if trial.notes.swallowed and not trial.red:
                where, line = trial.notes.swallowed
                raise Wrong(
                    f"With a bug an `assert` of yours failed, at line {line} of {where}, and the test passed all the "
                    "same: something caught the AssertionError on its way out. An `except Exception` does, `gather` "
                    "with `return_exceptions=True`, a task that nobody awaits, and the function under test may."
                )
        if luck := [number for number in sorted(green) if right.notes.drew and len(green[number]) < len(SEEDS)]:
            raise Wrong(
                f"With one seed your test catches that `{self.name}` {self.bugs[luck[0]].what}, and with another it "
                f"does not. {_BY_LUCK}"
            )
        names = "; ".join(f"it {bug.what}" for bug in away[:NAMED])
        more = f"; and {len(away) - NAMED} more" if len(away) > NAMED else ""
        about = "About the first: " if len(away) > 1 else ""
        drew = " What it draws at random it does not always test: write the cases down." if right.notes.drew else ""
        lesson = missed or f"{about}{away[0].lesson}"
        lesson += _UNTRIED if right.untried else ""
        raise Wrong(f"Your test catches {many - len(away)} of {many} bugs. Got away: {names}{more}. {lesson}{drew}")

    def _tell_of_nothing(self, test: Test, right: Trial) -> None:
        notes = right.notes
        if not notes.calls:
            raise Wrong(f"Your test passes whatever it is given: it never calls `{self.name}`.")
        if not notes.begun:
            raise Wrong(f"Your test passes whatever it is given: it calls {self._never_began(notes)}")
        if notes.returned:
            raise Wrong(
                f"Your test passes whatever it is given: it returns {notes.returned}, and nobody looks at what a test "
                "returns. Write `assert` where `return` stands."
            )
        if not asserts(test):
            raise Wrong("Your test passes whatever it is given: there is no `assert` in it.")

    def _never_began(self, notes: Notes) -> str:
        name = next((name for name, number in notes.idle.items() if number), "")
        if not name:
            return f"`{self.name}`, and never what that gives."
        how = "Await it, or give its task a turn before you cancel it."
        if name in notes.blocks:
            how = "Enter it, by `async with`."
        return f"`{name}`, and what a call gives never begins. {how}"


class TestExercise(Exercise):
    """An exercise whose answer is a test; what it is graded by is the `prove` of a Subject."""

    __test__ = False  # for pytest, which takes what is called so for a test

    @property
    def subject(self) -> Subject:
        """The function under test."""
        found: Subject = self.grade.__self__  # type: ignore[attr-defined]  # a method's
        return found

    def judge(self, function: Any) -> Verdict:
        """Grade a test and return the verdict; of one under a decorator that runs it, what is written below that."""
        return super().judge(inspect.unwrap(function) if inspect.isfunction(function) else function)


_LOOKS = (
    "Your test looks at `{what}`. What a test says must not depend on how `{name}` is written, or what it is called: "
    "call it, and look at what happens."
)
_SLEEPS = (
    "`time.sleep` holds the whole loop, and no other task can do what the test waits for. Wait for what you wait for: "
    "an event, a task, or `await asyncio.sleep(...)`, which costs nothing on the virtual clock."
)
_CLOCK = (
    "Your test looks at `{clock}`, a clock that goes on as the machine does, and not as the virtual one: what it says "
    "depends on who runs it. Use `asyncio.get_running_loop().time()`."
)
_UNTRIED = f" There are more orders than the {FIRST + MORE} in which it was run."
_TWICE = "Your test was run twice with the very same `{name}`: it passed once, and failed once. "
_REMEMBERS = (
    f"{_TWICE}Does it keep something from run to run, in a global, or in a default argument? Each run starts from "
    "nothing: make what it needs inside the test."
)
_DRAWS = f"{_TWICE}It draws at random: write the cases down, or try all of them in each run."
_BY_LUCK = "A test that passes now and fails then says nothing: leave nothing in it to chance, nor to an order."
