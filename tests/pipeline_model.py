"""Random pipelines against a plain loop: python tests/pipeline_model.py [COUNT] [SEED]

A run draws a source, stages that take their time and fail on some items, and a consumer, who may be slow, give up
waiting and ask again, leave, fail, or be cancelled. The model is a loop over the items: each goes through all stages,
one after another. Whoever listens to the end has each item in exactly one place, among the results or the failures, in
the loop's order where every stage is ordered; where a failure ends the run, exactly what the loop would have given
before it raised. Whoever leaves has a beginning of it. No task is left, the source is closed once, no item goes through
a stage twice, and no more are under way than the limits allow.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from drawn_runs import compare_runs, main

from course_lib.pipeline import Failure, pipeline, stage
from course_lib.seeing import simulate


class Fault(Exception):
    """What a stage fails with: the place of the stage and the item; a source: ("source",)."""


class Left(Exception):
    """What a consumer leaves with."""


@dataclass
class Drawn:
    """A stage: how long each item takes (None: no wait at all), and on which it fails."""

    place: int
    times: list[float | None]
    fails: set[int]
    plain: bool  # a function without async
    at_once: int
    ordered: bool
    waiting: int
    world: "World"
    began: list[int] = field(default_factory=list)
    busy: int = 0

    def begin(self, item: int) -> None:
        self.began.append(item)
        self.busy += 1
        assert self.busy <= self.at_once, f"stage {self.place} works on {self.busy} items, {self.at_once} allowed"

    def end(self, item: int) -> int:
        if item in self.fails:
            self.world.faults += 1
            raise Fault(self.place, item)
        return item

    def at_once_done(self, item: int) -> int:
        self.begin(item)
        self.busy -= 1
        return self.end(item)

    async def after_a_while(self, item: int) -> int:
        self.begin(item)
        try:
            if (seconds := self.times[item]) is not None:
                await asyncio.sleep(seconds)
            return self.end(item)
        finally:
            self.busy -= 1


@dataclass
class World:
    """One drawn run, and what came of it."""

    seed: int
    items: int
    gaps: list[float | None] = field(default_factory=list)
    kind: str = "list"
    source_fails: bool = False
    stages: list[Drawn] = field(default_factory=list)
    set_aside: bool = False
    slow: list[float] = field(default_factory=list)
    patience: float | None = None
    takes: int | None = None
    leaves_by: str = "break"
    bare: bool = False  # iterates without a block
    cancelled_at: float | None = None
    said: int = 0
    faults: int = 0  # raised by stages
    source_failed: bool = False
    closed: int = 0
    results: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    error: BaseException | None = None
    reported: list[Any] = field(default_factory=list)

    @property
    def limit(self) -> int:
        """Return how many items may be under way: in and before the stages, behind the last, and at the source."""
        return sum(each.at_once + each.waiting for each in self.stages) + self.stages[-1].waiting + 1

    def say(self) -> int:
        item, self.said = self.said, self.said + 1
        gone = len(self.results) + len(self.failures)
        assert self.said - gone <= self.limit, f"{self.said - gone} items under way, {self.limit} allowed"
        return item

    def source(self) -> Any:
        return {"list": lambda: range(self.items), "generator": self.generate, "async": self.generate_slowly}[
            self.kind
        ]()

    def generate(self) -> Iterator[int]:
        try:
            for _ in range(self.items):
                yield self.say()
            if self.source_fails:
                self.source_failed = True
                raise Fault("source")
        finally:
            self.closed += 1

    async def generate_slowly(self) -> AsyncIterator[int]:
        try:
            for gap in self.gaps:
                if gap is not None:
                    await asyncio.sleep(gap)
                yield self.say()
            if self.source_fails:
                self.source_failed = True
                raise Fault("source")
        finally:
            await asyncio.sleep(0.5)
            self.closed += 1

    async def consume(self) -> None:
        stages = [
            stage(
                each.at_once_done if each.plain else each.after_a_while,
                at_once=each.at_once,
                ordered=each.ordered,
                waiting=each.waiting,
            )
            for each in self.stages
        ]
        run = pipeline(*stages, on_failure=self.failures.append if self.set_aside else None)(self.source())
        if self.bare:
            async for result in run:
                await self.take(result)
            return
        async with run as results:
            while self.takes is None or len(self.results) < self.takes:
                try:
                    async with asyncio.timeout(self.patience):
                        result = await anext(results)
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    return
                await self.take(result)
            if self.leaves_by == "error":
                raise Left

    async def take(self, result: int) -> None:
        self.results.append(result)
        if self.slow:
            await asyncio.sleep(self.slow[len(self.results) % len(self.slow)])

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: self.reported.append(context["exception"].args))
        task = asyncio.create_task(self.consume())
        if self.cancelled_at is not None:
            loop.call_later(self.cancelled_at, task.cancel)
        await asyncio.wait([task])
        if self.bare:  # a loop without a block that is left by a cancellation is ended a little later
            await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left running"
        self.error = asyncio.CancelledError() if task.cancelled() else task.exception()

    def looped(self) -> tuple[list[int], tuple[Any, ...] | None]:
        """Return the results of a plain loop, and what it raised; failures are set aside where the run does so."""
        results: list[int] = []
        for item in range(self.items):
            failing = next((each.place for each in self.stages if item in each.fails), None)
            if failing is None:
                results.append(item)
            elif not self.set_aside:
                return results, (failing, item)
        return results, ("source",) if self.source_fails and self.kind != "list" else None


def draw(seed: int) -> World:
    """Draw a run."""
    rnd = random.Random(seed)
    world = World(seed, rnd.choice([0, 1, 2, 5, 9, 14]))
    world.gaps = [rnd.choice([None, None, 0, 0.5, 1, 2]) for _ in range(world.items)]
    world.kind, world.source_fails = rnd.choice(["list", "generator", "async", "async"]), rnd.random() < 0.15
    failing = rnd.choice([0, 0, 0.1, 0.3])
    all_ordered = rnd.random() < 0.6
    for place in range(rnd.randint(1, 3)):
        times = [rnd.choice([None, 0, 0.5, 1, 1, 3]) for _ in range(world.items)]
        fails = {item for item in range(world.items) if rnd.random() < failing}
        ordered = all_ordered or rnd.random() < 0.5
        world.stages.append(
            Drawn(place, times, fails, rnd.random() < 0.2, rnd.randint(1, 4), ordered, rnd.randint(1, 4), world)
        )
    world.set_aside = rnd.random() < 0.5
    world.slow = rnd.choice([[], [], [0], [1, 0, 4], [0.25, 3]])
    world.bare = rnd.random() < 0.3
    if not world.bare:
        world.patience = rnd.choice([None, None, 0.75, 2])
        if rnd.random() < 0.3:
            world.takes, world.leaves_by = rnd.randint(0, 6), rnd.choice(["break", "error"])
    if rnd.random() < 0.2:
        world.cancelled_at = rnd.choice([0, 0.5, 1, 2, 3, 5, 8])
    return world


def check(seed: int) -> str:
    """Run what `seed` draws, and return what kind of run it was; raise AssertionError where it is not as the loop."""
    world = draw(seed)
    simulate(world.main)
    expected, error = world.looped()
    ordered = all(each.ordered or each.at_once == 1 for each in world.stages)
    results, aside = world.results, [failure.item for failure in world.failures]
    assert len({*results, *aside}) == len(results) + len(aside), "an item is in two places"
    assert all(len(set(each.began)) == len(each.began) for each in world.stages), "an item went through a stage twice"
    assert world.closed == (world.kind != "list" and world.said > 0) or world.closed <= 1, "closed twice"
    if ordered:
        assert results == expected[: len(results)], f"{results} is no beginning of {expected}"
    else:
        assert set(results) <= {item for item in range(world.items) if not any(item in s.fails for s in world.stages)}
    for failure in world.failures:
        assert failure.error.args == (next(s.place for s in world.stages if failure.item in s.fails), failure.item)
    told = len(world.failures) + len(world.reported) + isinstance(world.error, Fault)
    # An error of the source during whose clean-up a cancellation comes gives way to it.
    faults = world.faults + (world.source_failed and world.closed)
    assert told == faults, f"{faults} faults, {told} told"
    if isinstance(world.error, asyncio.CancelledError):
        assert world.cancelled_at is not None
        return "cancelled"
    if isinstance(world.error, Left):
        return "left by an error"
    if world.takes is not None and len(results) == world.takes:
        return "left" if world.error is None else "failed as it was left"
    if error is None:
        assert world.error is None, repr(world.error)
        assert sorted([*results, *aside]) == list(range(world.items)), "an item is in no place"
        assert results == expected if ordered else sorted(results) == expected
        if all(each.ordered or each.at_once == 1 for each in world.stages[:1]) and len(world.stages) == 1:
            assert aside == sorted(aside), "failures of an ordered stage are not in order"
        return "to the end, in order" if ordered else "to the end"
    assert world.error is not None, "an error is lost"
    if ordered:
        assert results == expected, f"{results} before the error, the loop has {expected}"
        assert world.error.args == error, f"{world.error.args} raised, the loop raises {error}"
        return "failed, as the loop"
    assert world.error.args == ("source",) or world.error.args[1] in world.stages[world.error.args[0]].fails
    return "failed"


def compare(count: int, seed: int = 0) -> Counter[str]:
    """Check so many runs and count them by kind."""
    return compare_runs(check, draw, count, seed)


if __name__ == "__main__":
    main(compare, "random pipelines as the loop says")
