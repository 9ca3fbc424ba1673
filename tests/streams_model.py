"""Random streams against plain lists: python tests/streams_model.py [COUNT] [SEED]

A run draws sources, what stands on them (merge, batches, buffer, or one upon the other) and a consumer, who may be
slow, give up waiting and ask again, break off, fail, or be cancelled. The model is a list: what the sources said, in
the order they said it. Who listens to the end gets exactly that and then the error; who leaves gets a beginning of it;
every source is closed once, no task is left, and none ran further ahead than it may. Batches of one source, taken at
once, are also worked out by hand, with their times.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from drawn_runs import compare_runs, main

from course_lib.seeing import simulate
from course_lib.streams import Stream, batches, buffer, merge

KINDS = ["merge", *3 * ["batches"], "buffer", "batches of merge", "buffer of batches", "merge of buffers"]


class Fault(Exception):
    """What a source fails with, and a consumer."""


@dataclass
class Source:
    """A source of `gaps`: before each item it waits so many seconds; 0 is a turn of the loop, None no wait at all."""

    number: int
    gaps: list[float | None]
    fails: bool
    plain: bool  # an iterator written by hand, not a generator
    world: "World"
    said: int = 0
    failed: int = 0
    closing: int = 0
    closed: int = 0

    def items(self) -> AsyncIterator[tuple[int, int]]:
        return ByHand(self) if self.plain else self.generate()

    async def generate(self) -> AsyncIterator[tuple[int, int]]:
        try:
            while True:
                try:
                    item = await self.next()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await self.close()

    async def next(self) -> tuple[int, int]:
        if self.said == len(self.gaps):
            if self.fails:
                self.failed += 1
                raise Fault(self.number)
            raise StopAsyncIteration
        gap = self.gaps[self.said]
        if gap is not None:
            await asyncio.sleep(gap)
        item = (self.number, self.said)
        self.said += 1
        self.world.say(item)
        return item

    async def close(self) -> None:
        self.closing += 1
        await asyncio.sleep(self.number)
        self.closed += 1


class ByHand:
    """A source as an iterator of one's own."""

    def __init__(self, source: Source):
        self.source = source

    def __aiter__(self) -> "ByHand":
        return self

    async def __anext__(self) -> tuple[int, int]:
        return await self.source.next()

    async def aclose(self) -> None:
        await self.source.close()


@dataclass
class World:
    """One drawn run, and what came of it."""

    seed: int
    kind: str = ""
    sources: list[Source] = field(default_factory=list)
    size: int = 1
    seconds: float | None = None
    slow: list[float] = field(default_factory=list)  # what the consumer waits after each item, again and again
    patience: float | None = None  # how long it waits for an item before it asks again
    takes: int | None = None  # after how many it leaves
    leaves_by_error: bool = False
    cancelled_at: float | None = None
    heard: list[Any] = field(default_factory=list)
    said: list[tuple[int, int]] = field(default_factory=list)
    said_at: list[float] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    error: BaseException | None = None
    gave_up: int = 0
    reported: list[str] = field(default_factory=list)  # what the loop's exception handler was given

    @property
    def flat(self) -> list[tuple[int, int]]:
        """Return the items that the consumer has, out of their lists."""
        return [item for each in self.heard for item in (each if isinstance(each, list) else [each])]

    @property
    def ahead(self) -> int:
        """Return by how many items the sources together may be ahead."""
        many = len(self.sources)
        return {
            "merge": many,
            "batches": self.size,
            "buffer": self.size,
            "batches of merge": self.size + many,
            "buffer of batches": self.size * self.size + self.size,
            "merge of buffers": self.size * many + many,
        }[self.kind]

    def say(self, item: tuple[int, int]) -> None:
        self.said.append(item)
        self.said_at.append(asyncio.get_running_loop().time())
        ahead = len(self.said) - len(self.flat)
        assert ahead <= self.ahead, f"{ahead} items ahead, {self.ahead} allowed"
        if self.kind == "merge":
            own = sum(number == item[0] for number, _ in self.said) - sum(number == item[0] for number, _ in self.flat)
            assert own == 1, f"a source is {own} items ahead"

    def stream(self) -> Stream[Any]:
        first, *_ = items = [source.items() for source in self.sources]
        match self.kind:
            case "merge":
                return merge(*items)
            case "batches":
                return batches(first, size=self.size, seconds=self.seconds)
            case "buffer":
                return buffer(first, self.size)
            case "batches of merge":
                return batches(merge(*items), size=self.size, seconds=self.seconds)
            case "buffer of batches":
                return buffer(batches(first, size=self.size, seconds=self.seconds), self.size)
        return merge(*(buffer(each, self.size) for each in items))

    async def consume(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.stream() as stream:
            while self.takes is None or len(self.heard) < self.takes:
                try:
                    async with asyncio.timeout(self.patience):
                        item = await anext(stream)
                except TimeoutError:
                    self.gave_up += 1
                    continue
                except StopAsyncIteration:
                    return
                self.heard.append(item)
                self.heard_at.append(loop.time())
                if self.slow:
                    await asyncio.sleep(self.slow[len(self.heard) % len(self.slow)])
            if self.leaves_by_error:
                raise Fault("consumer")

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: self.reported.append(context["message"]))
        task = asyncio.create_task(self.consume())
        if self.cancelled_at is not None:
            loop.call_later(self.cancelled_at, task.cancel)
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left running"
        self.error = asyncio.CancelledError() if task.cancelled() else task.exception()


def draw(seed: int) -> World:
    """Draw a run."""
    rnd = random.Random(seed)
    world = World(seed, rnd.choice(KINDS), size=rnd.randint(1, 4))
    for number in range(rnd.randint(1, 3) if "merge" in world.kind else 1):
        gaps = [rnd.choice([None, 0, 0, 1, 1, 2, 5]) for _ in range(rnd.randint(0, 6))]
        world.sources.append(Source(number, gaps, rnd.random() < 0.2, rnd.random() < 0.3, world))
    world.seconds = rnd.choice([None, 0.5, 1.5, 3.5])
    world.slow = rnd.choice([[], [], [0], [1, 0, 4], [0.25, 3]])
    world.patience = rnd.choice([None, None, 0.75, 2])
    if rnd.random() < 0.3:
        world.takes, world.leaves_by_error = rnd.randint(0, 4), rnd.random() < 0.3
    if rnd.random() < 0.25:
        world.cancelled_at = rnd.choice([0, 0.5, 1, 2, 3, 5, 8])
    return world


def by_hand(world: World) -> Iterator[tuple[float, list[tuple[int, int]]]]:
    """Yield when each batch is due, and the batch, for a consumer who takes each at once."""
    batch: list[tuple[int, int]] = []
    due, now, (source,) = float("inf"), 0.0, world.sources
    for number, gap in enumerate(source.gaps):
        now += gap or 0
        if batch and due < now:
            yield due, batch
            batch = []
        if not batch:
            due = now + (float("inf") if world.seconds is None else world.seconds)
        batch.append((source.number, number))
        if len(batch) == world.size:
            yield now, batch
            batch = []
    if batch:
        yield now, batch


def check(seed: int) -> str:
    """Run what `seed` draws, and return what kind of run it was; raise AssertionError where it is not as the model."""
    world = draw(seed)
    simulate(world.main)
    flat, said = world.flat, world.said
    if world.kind == "merge of buffers":  # which keeps the order of each
        flat, said = sorted(flat), sorted(item for item in said if item in flat)
    assert flat == said[: len(flat)], f"heard {flat}, said {said}"
    for source in world.sources:
        began = source.said or source.failed or source.plain or source.closing  # no other generator has what to close
        assert source.closing == bool(began), source
        # A generator that cleans up, at its end, while it is stopped is interrupted, like any code that is cancelled.
        assert source.closed == 1 or not source.plain or world.cancelled_at is not None, source
    sizes = [len(each) for each in world.heard if isinstance(each, list)]
    assert all(1 <= size <= world.size for size in sizes), sizes
    raised = type(world.error) is Fault and world.error.args != ("consumer",)
    # An error during whose clean-up a cancellation comes gives way to it.
    assert sum(source.failed and source.closed for source in world.sources) == raised + len(world.reported), (
        world.reported
    )
    if isinstance(world.error, asyncio.CancelledError):
        assert world.cancelled_at is not None
        return "cancelled"
    if world.error is None or world.error.args == ("consumer",):
        if world.takes is not None and len(world.heard) == world.takes:
            return "left by an error" if world.error else "left"
        assert world.error is None and not any(source.fails for source in world.sources)
        assert [source.said for source in world.sources] == [len(source.gaps) for source in world.sources]
        outcome = "to the end"
    else:
        assert type(world.error) is Fault and world.sources[world.error.args[0]].fails, repr(world.error)
        source = world.sources[world.error.args[0]]
        assert source.said == len(source.gaps)
        if world.takes is not None and len(world.heard) == world.takes:
            return "failed as it was left"
        outcome = "failed"
    # Streams upon one another are stopped as any source is: what an inner one holds when another one fails is dropped.
    if not (outcome == "failed" and world.kind == "merge of buffers"):
        assert flat == sorted(world.said) if world.kind == "merge of buffers" else flat == said, f"{flat} of {said}"
    if world.kind == "batches" and not world.slow and world.patience is None and world.cancelled_at is None:
        assert list(zip(world.heard_at, world.heard, strict=True)) == list(by_hand(world))
        outcome += ", to the second"
    return outcome


def compare(count: int, seed: int = 0) -> Counter[str]:
    """Check so many runs and count them by kind."""
    return compare_runs(check, draw, count, seed)


if __name__ == "__main__":
    main(compare, "random streams as the lists say")
