"""Exercise 1: two versions in turn, on a machine that changes; the median of the ratios."""

import asyncio
import math
import statistics
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere
from course_lib.exercises.lesson_12a import solutions
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20
STEADY = (1.0, 1.0)


class Machine:
    """Runs two versions of a program: so many seconds each, times a factor that changes from pair to pair.

    Args:
        seconds: by version, what a run takes on a machine that does nothing else.
        factors: for each pair of runs, the factor for the old version and the one for the new; then they come again.
        fails_in: the number of the run that raises `failure`, counted from 1.
    """

    def __init__(
        self,
        seconds: dict[str, float],
        factors: Sequence[tuple[float, float]] = (STEADY,),
        fails_in: int = 0,
        failure: Exception | None = None,
    ) -> None:
        self.seconds, self.factors, self.fails_in, self.failure = seconds, factors, fails_in, failure
        self.order: list[str] = []
        self.took: dict[str, list[float]] = {"old": [], "new": []}
        self.busy = self.overlapped = False

    def version(self, name: str) -> Callable[[], Any]:
        """Return one of the two versions, a coroutine function without parameters."""

        async def run() -> None:
            if elsewhere():
                raise Wrong("A version ran in another thread, or on a loop of its own: no threads here.")
            self.overlapped = self.overlapped or self.busy
            self.busy = True
            factors = self.factors[len(self.order) // 2 % len(self.factors)]
            seconds = self.seconds[name] * factors[name == "new"]
            self.order.append(name)
            self.took[name].append(seconds)
            try:
                with span(f"{name} {self.order.count(name)}"):
                    await asyncio.sleep(seconds)
                    if len(self.order) == self.fails_in and self.failure:
                        raise self.failure
            finally:
                self.busy = False

        run.__name__ = name
        return run


def _grade_compare_fairly(compare_fairly: Answer) -> str:
    # 3 and 1: the difference, and the share that is saved, are no ratio that could be meant.
    _compared(compare_fairly, {"old": 3, "new": 1}, [STEADY], 1, "On a machine where old takes 3 s and new 1 s")
    _compared(compare_fairly, {"old": 1, "new": 1.25}, [STEADY], 3, "Where old takes 1 s and new 1.25 s")
    seconds = {"old": 2.0, "new": 1.6}
    _compared(compare_fairly, seconds, [(1, 1), (1.5, 1.5), (2, 2), (2.5, 2.5), (3, 3)], 5, "Where all gets slower")
    spikes: list[tuple[float, float]] = [(1, 1), (8, 1), (1, 1), (1, 1), (8, 1)]
    _compared(compare_fairly, seconds, spikes, 5, "Where two runs of old meet a backup and take eight times as long")
    cached: list[tuple[float, float]] = [(1, 1 / 16), (1, 1), (1, 1)]
    _compared(
        compare_fairly, seconds, cached, 3, "Where one run of new is far too fast, because nothing was to be done"
    )
    both: list[tuple[float, float]] = [(1, 1), (1.5, 12), (2, 2), (2.5, 2.5), (3, 3)]
    _compared(
        compare_fairly, {"old": 2.0, "new": 1.6}, both, 5, "Where all gets slower, and one run of new meets a backup"
    )
    _compared(
        compare_fairly,
        {"old": 1.0, "new": 1.0},
        [(1, 1), (2, 2), (3 / 16, 3)],
        3,
        "Where all gets slower, and one run of old is far too fast",
    )
    chance = Chance("compare_fairly")
    for _ in range(ROUNDS):
        runs = chance.one_of((1, 3, 5, 7))
        seconds = {"old": chance.seconds(0.3, 1.5), "new": chance.seconds(0.3, 1.5)}
        factors = [(factor, factor) for factor in (chance.number(2, 8) / 4 for _ in range(runs))]
        odd, factor = chance.number(0, 1), chance.one_of((8.0, 1 / 16))
        for pair in chance.some(range(runs), chance.number(0, runs // 2)):
            one, other = factors[pair]
            factors[pair] = (one, other * factor) if odd else (one * factor, other)
        _compared(
            compare_fairly, seconds, factors, runs, "Where the machine changes, and a run may be out of the ordinary"
        )
        _fails(compare_fairly, chance.number(1, 2 * runs), runs, chance.failure("a version"))
    _stopped(compare_fairly)
    return "In turn, the machine's changes met both, and the median did not mind the odd run."


def _compared(
    function: Answer, seconds: dict[str, float], factors: Sequence[tuple[float, float]], runs: int, where: str
) -> None:
    machine = Machine(seconds, factors)
    scene = play(function, machine.version("old"), machine.version("new"), runs)
    ratio = scene.result()
    if machine.overlapped:
        raise scene.wrong(
            "Two runs overlapped: they take the machine from each other, and both look slow. Await each run before the "
            "next begins."
        )
    _in_pairs(scene, machine.order, runs)
    wanted = seconds["old"] / seconds["new"]
    if isinstance(ratio, bool) or not isinstance(ratio, Real):
        raise scene.wrong(f"Return one number, the ratio; you returned {shown(ratio, 40)}.")
    ratio = float(ratio)
    if math.isclose(ratio, wanted, rel_tol=1e-6):
        return
    told = f"{where} (new is {f'{wanted:.3g} times ' * (wanted != 1)}as fast), you returned {ratio:.3g}."
    steady = set(factors) == {STEADY}
    if math.isclose(ratio, 1 / wanted, rel_tol=1e-6):
        raise scene.wrong(f"{told} That is new by old: divide the seconds of old by those of new.")
    rounded = [round(wanted, digits) for digits in (1, 2, 3, 4)]
    if steady:  # elsewhere a wrong ratio may be a whole number by itself
        rounded += [round(wanted), math.floor(wanted)]
    if any(math.isclose(ratio, each) for each in rounded):
        raise scene.wrong(f"{told} That is rounded, and the difference may be small: return the ratio as it is.")
    if steady:
        same = Machine(seconds, factors)
        if play(function, same.version("old"), same.version("new"), runs).returned != ratio:
            raise scene.wrong(
                f"{told} Called again, it returned something else: you read another clock than the versions wait by. "
                "Write `time.perf_counter()`, with `time.` before it: imported by its name alone, it is the real "
                "clock; and `time.process_time()` does not count while a version waits."
            )
        raise scene.wrong(
            f"{told} Divide the seconds of old by those of new, read from `time.perf_counter()`: "
            "`time.process_time()` does not count while a version waits."
        )
    if math.isclose(ratio, statistics.median(machine.took["old"]) / statistics.median(machine.took["new"])):
        raise scene.wrong(
            f"{told} You divided two medians: the middle run of old and the middle run of new may be of different "
            "pairs, and the machine has changed between. Divide pair by pair, and take the median of the ratios."
        )
    raise scene.wrong(
        f"{told} Take the median of the ratios: a mean, a sum, the shortest or the longest run follow the one run that "
        "is out of the ordinary."
    )


def _in_pairs(scene: Scene, order: Sequence[str], runs: int) -> None:
    for name in ("old", "new"):
        if (count := order.count(name)) != runs:
            raise scene.wrong(f"With runs={runs} each version runs {_times(runs)}; {name} ran {_times(count)}.")
    pairs = zip(order[::2], order[1::2], strict=True)
    if any(one == other for one, other in pairs):
        raise scene.wrong(
            f"The runs were {', '.join(order)}: not in turn. A machine that changes meanwhile is then another one for "
            "the new version than it was for the old one."
        )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _fails(function: Answer, fails_in: int, runs: int, failure: Exception) -> None:
    machine = Machine({"old": 2, "new": 1}, fails_in=fails_in, failure=failure)
    scene = play(function, machine.version("old"), machine.version("new"), runs)
    if scene.raised is not failure:
        group = " Not in an exception group." if isinstance(scene.raised, BaseExceptionGroup) else ""
        raise scene.wrong(
            f"A version raised {type(failure).__name__}, and your function {scene.answered()}: let it through as it "
            f"is.{group}"
        )
    if len(machine.order) > fails_in:
        raise scene.wrong("A version had failed, and was run again: nothing is to be compared then.")


def _stopped(function: Answer) -> None:
    machine = Machine({"old": 2, "new": 1})
    scene = play(function, machine.version("old"), machine.version("new"), 3, cancel_at=4.5)
    if not scene.cancelled:
        raise scene.wrong(f"At 4.5 s it was cancelled, and it {scene.answered()}: let CancelledError through.")
    if scene.ended > 4.5:
        raise scene.wrong(f"At 4.5 s it was cancelled, and it ended at {scene.ended:g} s: end at once.")


compare_fairly = Exercise(
    lesson="lesson_12a",
    task="""\
**Exercise 1: compare two versions.** Write `compare_fairly(old, new, runs)`.

- `await old()` and `await new()` run a version each; time a run with `time.perf_counter()`. One run at a time.
- Run each version `runs` times (an odd number), in pairs: one of each, then the next pair.
- Return how many times as fast `new` is, as one number: 2.0 where it takes half the time.
- The machine may change from pair to pair, and a run may be out of the ordinary: much too slow, or much too fast. \
Fewer than half of the pairs are.
- If a version raises, let that through as it is.""",
    reference=solutions.compare_fairly,
    grade=_grade_compare_fairly,
    hints=[
        "The lesson's `in_turn` has the shape: there `timed` took seconds, here it takes a version, and awaits it.",
        "`began = time.perf_counter()`, `await version()`, and return what has passed since.",
        "In a loop of `runs` turns, note `await timed(old) / await timed(new)`. Return the `median` of what you noted.",
    ],
)
