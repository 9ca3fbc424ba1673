"""Exercise 2: the knee, found with as few measurements as it takes."""

import asyncio
from collections.abc import Sequence

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere
from course_lib.exercises.lesson_12b import solutions
from course_lib.exercises.lesson_12b.scenes import OneAtATime, counted, let_through, played
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 30
SECONDS = 1.0  # that one measurement takes
ENOUGH = 1.25


class Measure(OneAtATime):
    """A coroutine function that measures a throughput; one for each doubling, the last one for all that follow.

    Where an exception stands in place of a throughput, it is raised.
    """

    __name__ = "measure"

    def __init__(self, throughputs: Sequence[float | Exception]) -> None:
        super().__init__()
        self.throughputs = throughputs
        self.asked: list[int] = []

    async def __call__(self, in_flight: int) -> float:
        """Return the requests per second with so many in flight."""
        if elsewhere():
            raise Wrong("`measure` ran in another thread, or on an event loop of its own: no threads here.")
        if isinstance(in_flight, bool) or not isinstance(in_flight, int) or in_flight < 1:
            raise Wrong(f"`measure` takes a whole number, 1 or more; you gave {shown(in_flight, 40)}.")
        if in_flight & (in_flight - 1):
            raise Wrong(f"You measured with {in_flight} in flight: measure 1, 2, 4, 8 and so on.")
        self.asked.append(in_flight)
        if self.asked.count(in_flight) == 10:  # no doubling below `most` needs so many
            raise Wrong(f"You measured with {in_flight} in flight ten times: does your number double each time round?")
        together = (
            f"`measure({in_flight})` began while another measurement was under way: they disturb each other. Await "
            "one, then begin the next."
        )
        with self.busy(together), span(f"measure({in_flight})"):
            await asyncio.sleep(SECONDS)
        found = self.throughput(in_flight)
        if isinstance(found, Exception):
            raise found
        return found

    def throughput(self, in_flight: int) -> float | Exception:
        """Return what is found with so many in flight, whenever it is asked for."""
        return self.throughputs[min(in_flight.bit_length(), len(self.throughputs)) - 1]

    def __repr__(self) -> str:
        return "<function measure>"


def _grade_find_knee(find_knee: Answer) -> str:
    _found(find_knee, [100, 200, 390, 400, 400], 64)
    _found(find_knee, [100, 200, 400, 250, 500, 1000], 64)
    _found(find_knee, [80, 100, 125, 156], 64)
    _found(find_knee, [100, 110, 121, 133.1, 146.41], 64)
    _found(find_knee, [100, 150, 180, 220], 64)
    _found(find_knee, [100, 200, 400, 800, 1600, 3200], 8)
    _found(find_knee, [100, 200, 400, 800, 1600, 3200], 15)
    _found(find_knee, [100, 200, 400], 1)
    _found(find_knee, [100, 90], 64)
    chance = Chance("find_knee")
    for _ in range(ROUNDS):
        throughputs = [chance.number(4, 40) * 4.0]
        for _ in range(chance.number(1, 7)):
            throughputs.append(throughputs[-1] * chance.one_of((1.0, 1.125, 1.25, 1.25, 1.5, 2.0, 2.0)))
        most = chance.number(1, 200)
        _found(find_knee, throughputs, most)
        place = chance.number(0, len(_asked(throughputs, most)) - 1)
        _fails(find_knee, [*throughputs[:place], chance.failure("the server")], most)
    return "Measured up to the first doubling that does not pay, and no further."


def _asked(throughputs: Sequence[float], most: int) -> list[int]:
    """Return what must be measured: each doubling up to the first that brings too little."""
    asked = [1]
    while 2 * asked[-1] <= most:
        place = len(asked)
        asked.append(2 * asked[-1])
        if throughputs[min(place, len(throughputs) - 1)] < ENOUGH * throughputs[min(place, len(throughputs)) - 1]:
            break
    return asked


def _knee(throughputs: Sequence[float], asked: Sequence[int]) -> int:
    values = [throughputs[min(place, len(throughputs) - 1)] for place in range(len(asked))]
    return asked[-2] if len(values) > 1 and values[-1] < ENOUGH * values[-2] else asked[-1]


def _given(measure: Measure, most: int) -> str:
    told = [f"{each} in flight {measure.throughput(each):g}/s" for each in measure.asked]
    return f"With most={most}, you measured {', '.join(told)}"


def _found(function: Answer, throughputs: Sequence[float], most: int) -> None:
    measure = Measure(throughputs)
    scene = played(function, measure, most)
    returned = scene.result()
    asked = _asked(throughputs, most)
    if not measure.asked:
        raise scene.wrong("Nothing was measured: begin with `await measure(1)`.")
    given = _given(measure, most)
    if max(measure.asked) > most:
        raise scene.wrong(f"{given}: that is more than `most`.")
    if len(measure.asked) > len(asked):
        if len(set(measure.asked)) < len(measure.asked):
            raise scene.wrong(f"{given}: a measurement costs something. Keep what you have measured.")
        raise scene.wrong(
            f"{given}. From {asked[-2]} to {asked[-1]} the throughput grew by less than a quarter: stop there, every "
            "measurement is a burden to the server."
        )
    if measure.asked != asked:
        if measure.asked == asked[: len(measure.asked)]:
            raise scene.wrong(f"{given}, and stopped. No doubling brought less than a quarter so far: measure on.")
        raise scene.wrong(f"{given}: measure {', '.join(map(str, asked))}, in this order.")
    knee = _knee(throughputs, asked)
    if type(returned) is not int or returned != knee:
        why = (
            f"The knee is {knee}, the last that you measured: no doubling brought less than a quarter."
            if knee == asked[-1]
            else f"The knee is {knee}: from there to {asked[-1]} it grew by less than a quarter."
        )
        raise scene.wrong(f"{given}. {why} You returned {shown(returned, 40)}.")
    if scene.ended > SECONDS * len(asked):
        due = f"{counted(len(asked), 'measurement')} {SECONDS * len(asked):g} s"
        raise scene.wrong(f"With most={most}, {due}, and your function took {scene.ended:g} s.")


def _fails(function: Answer, throughputs: Sequence[float | Exception], most: int) -> None:
    measure = Measure(throughputs)
    scene = played(function, measure, most)
    let_through(scene, throughputs[-1], f"`measure({measure.asked[-1] if measure.asked else 1})`")


find_knee = Exercise(
    lesson="lesson_12b",
    task="""\
**Exercise 2: where is the knee?** Write `find_knee(measure, most)`.

- `await measure(n)` measures a server with `n` requests in flight, and gives its throughput in requests per second.
- Measure 1, 2, 4, 8 and so on, `most` at most; each once, and one at a time, since two at once disturb each other.
- Stop at the first doubling that brings less than a quarter more throughput than the number before it (less than 1.25 \
times as much). Return the number before it: the knee, as near as doublings find it. If each doubling brings more, \
return the last number you measured.
- If `measure` raises something, let it through.""",
    reference=solutions.find_knee,
    grade=_grade_find_knee,
    hints=[
        "Two variables: the number in flight that is the best so far, and its throughput. Measure 1 first.",
        "`while 2 * knee <= most:` measure `2 * knee`. Is it less than `1.25 * best`? Then `break`. Else it is the "
        "best.",
    ],
)
