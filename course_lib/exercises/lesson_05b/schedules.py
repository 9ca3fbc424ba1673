"""Exercise 2, schedules: in every order, with delays that are drawn, cancelled, and two names."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer
from course_lib.exercises.lesson_05b.prices import World, as_loaded_anew
from course_lib.exercises.lesson_05b.programs import Pair, played
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall

ROUNDS = 40
FAST = 0.015625  # of the usual time
AT_ONCE = (
    " All of this happened within a second: what a write leaves behind must be its own, such as `uuid4().hex`, and no "
    "time of day."
)
CALL = 1.0  # seconds that a call takes, if it has no other delays
TINY = 1e-6  # seconds, for sums of floats


@dataclass
class _Watch:
    """Notes what was written and read, and every read of an older price than a write had left that had returned."""

    world: World
    returned: dict[str, int] = field(default_factory=dict)  # the latest commit of a write that has returned, by name
    found: list[str] = field(default_factory=list)

    async def write(self, program: Pair, name: str, price: Any) -> None:
        """Write a price, which no other write writes."""
        await program[1](name, price)
        commit = self.world.commits[name].index(price)
        self.returned[name] = max(commit, self.returned.get(name, 0))

    async def read(self, program: Pair, name: str) -> None:
        """Read a price, and compare."""
        begun, latest = _now(), self.returned.get(name, 0)
        price = await program[0](name)
        commits = self.world.commits[name]
        if price not in commits:
            self.found.append(f"A read of {name} gave {price!r:.40}, which it never cost.")
        elif commits.index(price) < latest:
            self.found.append(
                f"write({name!r}, {commits[latest]!r}) had returned, and a read that began after it, at {begun:g} s, "
                f"gave the older {price!r}."
            )


def check_drawn(cached_prices: Answer) -> None:
    """Let two programs read and write two names at times, and with delays, that are drawn."""
    chance = Chance("cached_prices")
    for _ in range(ROUNDS):
        scale = chance.one_of((1, FAST))
        slow = {
            verb: (scale * chance.seconds(0.25, 6), scale * chance.seconds(0.25, 6))
            for verb in ("get", "set", "select", "update", "delete")
            if chance.likely(0.5)
        }
        plan = [
            (
                scale * chance.seconds(0, 12),
                chance.number(0, 1),
                chance.likely(0.4),
                chance.one_of(("tea", "tea", "coffee")),
                price,
            )
            for price in range(2, chance.number(8, 16))
        ]
        world = World((0.5 * scale, 0.5 * scale))
        watch = _Watch(world)

        async def act(one: Pair, other: Pair, world: World, plan: list[Any] = plan, watch: _Watch = watch) -> Any:
            async def step(at: float, program: Pair, writes: bool, name: str, to: int) -> None:
                await asyncio.sleep(at)
                await (watch.write(program, name, to) if writes else watch.read(program, name))

            await asyncio.gather(*(step(at, (one, other)[which], *rest) for at, which, *rest in plan))
            await _read_all(watch, one, other)
            return "done"

        scene = played(cached_prices, world, slow, act)
        if watch.found:
            raise scene.wrong(f"{watch.found[0]}{AT_ONCE if scale == FAST else ''}")


def check_orders(cached_prices: Answer) -> None:
    """Let one program read twice while another writes, in every order of the calls."""

    async def together(world: World, watch: _Watch) -> Any:
        programs = [await as_loaded_anew(cached_prices)(*[world.program(name)] * 2) for name in "AB"]

        async def reads() -> None:
            await watch.read(programs[0], "tea")
            await watch.read(programs[0], "tea")

        await asyncio.gather(reads(), watch.write(programs[1], "tea", 2))
        await _read_all(watch, *programs)
        return "done"

    def make() -> tuple[_Watch, list[Any]]:
        world = World()
        watch = _Watch(world)
        return watch, [world, watch]

    def check(scene: OneCall, watch: _Watch) -> None:
        scene.result()
        if watch.found:
            raise scene.wrong(watch.found[0])

    in_every_order(together, make, check)


def check_keys(cached_prices: Answer) -> None:
    """Read and write two names, one of which costs nothing."""
    world = World(coffee=0)

    async def act(one: Pair, other: Pair, world: World) -> Any:
        read, write = one
        seen = [await read("tea"), await read("coffee")]
        before = world.calls["select"]
        seen.append(await read("coffee"))
        asked = world.calls["select"] - before
        await write("coffee", 5)
        return [*seen, await read("tea"), await read("coffee")], asked

    scene = played(cached_prices, world, {}, act)
    seen, asked = scene.calls[0].returned
    if seen != [1, 0, 0, 1, 5]:
        raise scene.wrong(
            "Tea costs 1 and coffee 0. Read: tea, coffee, coffee; then write('coffee', 5); read: tea, coffee. They "
            f"gave {seen!r:.80}. Each name needs a key of its own, and 0 is a price."
        )
    if asked:
        raise scene.wrong("Coffee costs 0, and the second read of it asked the database again: 0 is a price, too.")


def check_cancelled(cached_prices: Answer) -> None:
    """Cancel a read at several moments: it ends at once."""
    for at in (0.25, 1.25, 2.25, 3.25):

        async def act(one: Pair, other: Pair, world: World, at: float = at) -> Any:
            task = asyncio.ensure_future(one[0]("tea"))
            begun = _now()
            await asyncio.wait({task}, timeout=at)
            if task.done():
                return "done before"
            task.cancel()
            await asyncio.wait({task})
            return task.cancelled() and _now() == begun + at

        scene = played(cached_prices, World(), {}, act)
        if not scene.calls[0].returned:
            raise scene.wrong(
                f"With nobody beside, a read that was cancelled at {at:g} s went on: let CancelledError through."
            )


def check_time(cached_prices: Answer) -> None:
    """Read and write with nobody beside: that takes as long as the calls do."""

    async def act(one: Pair, other: Pair, world: World) -> Any:
        for _ in range(2):
            await one[0]("tea")
            await one[0]("tea")
            await one[1]("tea", 2)
        return "done"

    world = World()
    scene = played(cached_prices, world, {}, act)
    if (took := scene.calls[0].ended or 0) > (calls := sum(world.calls.values())) * CALL + TINY:
        raise scene.wrong(
            f"Your functions made {calls} calls of 1 s, and took {took:g} s. Wait for these, and for nothing else: how "
            "long another program takes, nobody knows."
        )


async def _read_all(watch: _Watch, *programs: Pair) -> None:
    for name in ("tea", "coffee"):
        for program in programs:
            await watch.read(program, name)


def _now() -> float:
    return asyncio.get_running_loop().time()
