"""Random calls across the border against what they must give: python tests/interop_model.py [COUNT] [SEED]

A call is a tree of coroutines and plain functions. Each takes a while, calls those below it one after another, returns
or raises, and cleans up, which takes a while too. A plain function that a coroutine calls runs in a thread; a coroutine
that a plain function calls has a loop; either may be a generator, which its caller may leave early. Some have a time
limit, and the whole may be cancelled, once or twice.

Each that began must end, once, before its caller does; know its caller by a context variable; and what it raises must
reach its caller, the same object, or, where that was cancelled meanwhile, an exception handler. Afterwards there is no
thread and no task that was not there before. Where nothing is limited, left or cancelled, the answer is worked out by
hand, with its second. All this on the virtual clock, where it is exact; every tenth in real time, a thousand times
faster, without the seconds.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from drawn_runs import compare_runs, main

from course_lib.interop import LoopThread, iterate_in_thread, iterate_sync, run_sync
from course_lib.lifecycle.resources import uninterrupted
from course_lib.seeing import simulate

DEPTH = 5
FASTER = 0.001  # what a second takes in real time
OURS = ("LoopThread", "iterate_in_thread")  # names of threads
PATIENCE = 60  # real seconds for a thread that has been told to end

caller: ContextVar[str] = ContextVar("caller", default="nobody")


class Fault(Exception):
    """What a node raises."""


def check_ours() -> None:
    """Raise AssertionError where a thread of the library's has not ended."""
    assert not [each for each in threading.enumerate() if each.name.startswith(OURS)], "a thread is left"


def check_threads(before: set[threading.Thread]) -> None:
    """Raise AssertionError where there is a thread that was not there `before`, and does not end by itself."""
    check_ours()
    for thread in set(threading.enumerate()) - before:  # those of to_thread, which asyncio tells to end
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"{thread} is left"


@dataclass
class Node:
    """A coroutine or a plain function, and what was seen of it."""

    name: str
    door: str  # by which it is called; the first of DOORS needs none
    seconds: float = 0
    cleaning: float = 0
    fails: bool = False
    catches: bool = False  # whether it goes on when one below it fails
    leaves: bool = False  # whether its caller takes its first item only, where the door has items
    limit: float | None = None  # of a coroutine, for all that is below it; of "submit", for the whole
    below: list["Node"] = field(default_factory=list)
    begun: int = 0
    ended: int = 0
    raised: BaseException | None = None
    received: BaseException | None = None

    @property
    def plain(self) -> bool:
        """Whether it is a plain function."""
        return self.door in ("call", "to_thread", "iterate_in_thread")

    def all(self) -> list["Node"]:
        """Return it, and all below it."""
        return [self, *(each for node in self.below for each in node.all())]


FROM_COROUTINE = ("await", "to_thread", "to_thread", "iterate_in_thread", "iterate_in_thread")
FROM_PLAIN = ("call", "run_sync", "run", "submit", "iterate_sync", "iterate_sync")


@dataclass
class World:
    """One drawn run, and what came of it."""

    seed: int
    root: Node
    scale: float = 1  # of its seconds
    cancelled_at: float | None = None
    again_after: float | None = None
    reported: list[BaseException] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of callers that were not as they should

    @property
    def exact(self) -> bool:
        """Whether nothing is limited, left or cancelled."""
        return self.cancelled_at is None and not any(node.limit or node.leaves for node in self.root.all())

    def begin(self, node: Node) -> None:
        node.begun += 1
        if caller.get() != (node.name.rpartition(".")[0] or "nobody"):
            self.names.append(f"{node.name} was called by {caller.get()}")
        caller.set(node.name)

    def end(self, node: Node) -> None:
        node.ended += 1
        caller.set(node.name.rpartition(".")[0] or "nobody")  # for where it shares a context with its caller
        for each in node.below:
            assert each.begun == each.ended, f"{node.name} ended before {each.name}"

    # A coroutine.

    async def items(self, node: Node) -> AsyncIterator[str]:
        """Do what the node does, and give its name, and what those below it gave."""
        asyncio.get_running_loop().set_exception_handler(lambda _, told: self.reported.append(told["exception"]))
        self.begin(node)
        try:
            await asyncio.sleep(node.seconds * self.scale)
            yield node.name
            got = []
            async with asyncio.timeout(node.limit and node.limit * self.scale):
                for below in node.below:
                    got += await self.ask(node, below)
            for name in got:
                yield name
            if node.fails:
                raise Fault(node.name)
        except BaseException as error:
            node.raised = None if isinstance(error, GeneratorExit) else error
            raise
        finally:
            try:
                await asyncio.sleep(node.cleaning * self.scale)
            except asyncio.CancelledError as error:  # an error gives way to a cancellation during its clean-up
                node.raised = error
                raise
            finally:
                self.end(node)

    async def collect(self, node: Node) -> list[str]:
        async with aclosing(self.items(node)) as items:
            return [name async for name in items]

    async def ask(self, node: Node, below: Node) -> list[str]:
        """Call a node from a coroutine."""
        got: list[str] = []
        try:
            match below.door:
                case "await":
                    got += await self.collect(below)
                case "to_thread":  # whose thread nobody waits for when it is cancelled, so its parts are here
                    loop, context = asyncio.get_running_loop(), copy_context()
                    got += await uninterrupted(loop.run_in_executor(None, context.run, self.list_of, below))
                case _:
                    async with aclosing(iterate_in_thread(lambda: self.plain_items(below))) as items:
                        async for name in items:
                            got.append(name)
                            if below.leaves:
                                break
        except BaseException as error:
            below.received = error
            if not (node.catches and isinstance(error, Fault)):
                raise
        return got

    # A plain function.

    def plain_items(self, node: Node) -> Iterator[str]:
        """Do what `items` does."""
        self.begin(node)
        try:
            time.sleep(node.seconds * self.scale)
            yield node.name
            got = []
            for below in node.below:
                got += self.ask_plainly(node, below)
            yield from got
            if node.fails:
                raise Fault(node.name)
        except BaseException as error:
            node.raised = None if isinstance(error, GeneratorExit) else error
            raise
        finally:
            time.sleep(node.cleaning * self.scale)
            self.end(node)

    def list_of(self, node: Node) -> list[str]:
        return list(self.plain_items(node))

    def ask_plainly(self, node: Node, below: Node) -> list[str]:
        """Call a node from a plain function."""
        got: list[str] = []
        try:
            match below.door:
                case "call":
                    got += self.list_of(below)
                case "run_sync":
                    got += run_sync(self.collect, below)
                case "run":
                    with LoopThread() as loop:
                        got += loop.run(self.collect, below)
                case "submit":
                    with LoopThread() as loop:
                        future = loop.submit(self.collect, below)
                        try:
                            got += future.result(below.limit and below.limit * self.scale)
                        except TimeoutError:
                            future.cancel()
                            raise
                case _:
                    with closing(iterate_sync(self.items(below))) as items:
                        for name in items:
                            got.append(name)
                            if below.leaves:
                                break
        except BaseException as error:
            below.received = error
            if not (node.catches and isinstance(error, Fault)):
                raise
        return got

    # The whole.

    async def main(self) -> tuple[list[str] | BaseException, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        task = asyncio.create_task(self.collect(self.root))
        if self.cancelled_at is not None:
            loop.call_later(self.cancelled_at * self.scale, task.cancel)
            if self.again_after is not None:
                loop.call_later((self.cancelled_at + self.again_after) * self.scale, task.cancel)
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
        check_ours()
        seconds = loop.time() - began
        if task.cancelled():
            return asyncio.CancelledError(), seconds
        return task.exception() or task.result(), seconds


def draw(seed: int) -> World:
    """Draw a run."""
    rnd = random.Random(seed)
    strict = rnd.random() < 0.3

    def node(name: str, door: str, depth: int) -> Node:
        made = Node(name, door, rnd.choice([0, 0.5, 1, 2]), rnd.choice([0, 0, 0.25, 1]), rnd.random() < 0.12)
        made.catches, made.leaves = rnd.random() < 0.4, not strict and "iterate" in door and rnd.random() < 0.2
        if not strict and not made.plain and rnd.random() < 0.2:
            made.limit = rnd.choice([0.3, 0.8, 1.6, 4.1])
        doors = FROM_PLAIN if made.plain else FROM_COROUTINE
        for number in range(rnd.choice([0, 1, 1, 2, 3]) if depth else 0):
            made.below.append(node(f"{name}.{number}", rnd.choice(doors), depth - 1))
        return made

    world = World(seed, node("0", "await", DEPTH))
    world.scale = FASTER if seed % 10 == 9 else 1
    if not strict and rnd.random() < 0.5:
        world.cancelled_at = rnd.choice([0, 0.1, 0.5, 0.6, 1, 1.1, 1.9, 2.6, 3.7, 6.2])
        world.again_after = rnd.choice([None, None, 0, 0.1, 0.7])
    return world


def by_hand(node: Node) -> tuple[list[str] | str, float]:
    """Return what a node gives, or the name of the one that failed, and how many seconds it takes."""
    got, failed, seconds = [node.name], "", node.seconds
    for below in node.below:
        answer, took = by_hand(below)
        seconds += took
        if isinstance(answer, list):
            got += answer
            continue
        # Of a generator, what came before the failure has come.
        got += [name for name in [below.name, *given(below)] if "iterate" in below.door]
        if not node.catches:
            failed = answer
            break
    failed = failed or (node.name if node.fails else "")
    return failed or got, seconds + node.cleaning


def given(node: Node) -> list[str]:
    """Return what a generator that fails gives after its name: all, if it is itself that fails, or nothing."""
    got: list[str] = []
    for below in node.below:
        answer, _ = by_hand(below)
        if isinstance(answer, list):
            got += answer
            continue
        if not node.catches:
            return []
        got += [name for name in [below.name, *given(below)] if "iterate" in below.door]
    return got


def check(seed: int) -> str:
    """Run what `seed` draws, and return what kind of run it was; raise AssertionError where it is not as the model."""
    world, before = draw(seed), set(threading.enumerate())
    answer, seconds = asyncio.run(world.main()) if world.scale != 1 else simulate(world.main).result
    check_threads(before)
    assert not world.names, world.names
    nodes: list[Any] = world.root.all()
    assert all(node.begun == node.ended <= 1 for node in nodes)
    for node in nodes[1:]:
        if isinstance(node.raised, Fault):
            assert node.received is node.raised or node.raised in world.reported, f"{node.name}: an error is lost"
    kind = "in real time" if world.scale != 1 else "simulated"
    if isinstance(answer, asyncio.CancelledError):
        assert world.cancelled_at is not None
        return f"{kind}, cancelled"
    if isinstance(answer, TimeoutError):
        assert any(node.limit for node in nodes)
        return f"{kind}, out of time"
    if isinstance(answer, BaseException):
        assert isinstance(answer, Fault), repr(answer)
    if world.exact:
        expected, after = by_hand(world.root)
        assert (str(answer) if isinstance(answer, Fault) else answer) == expected
        assert world.scale != 1 or seconds == after, f"after {seconds} s, by hand {after} s"
        kind += ", as by hand"
    return f"{kind}, {'failed' if isinstance(answer, Fault) else 'answered'}"


def compare(count: int, seed: int = 0) -> Counter[str]:
    """Check so many runs and count them by kind."""
    return compare_runs(check, draw, count, seed)


if __name__ == "__main__":
    main(compare, "random calls across the border as they must")
