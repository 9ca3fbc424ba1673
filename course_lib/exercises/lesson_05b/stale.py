"""Exercise 2: a cache aside that serves old prices: it invalidates too early, and a slow reader stores too late."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_05b import as_found, solutions
from course_lib.exercises.lesson_05b.prices import World
from course_lib.exercises.lesson_05b.programs import Act, Pair, played
from course_lib.exercises.lesson_05b.schedules import check_cancelled, check_drawn, check_keys, check_orders, check_time

EARLY = (
    "While a write was on its way to its commit, a reader found nothing in the cache that it could use, asked the "
    "database for the price, still the old one, and stored it. Whatever you do to the cache before the commit can be "
    "undone before the commit: do it after."
)
LATE = (
    "A reader had asked the database before the write, was slow, and stored the old price after the write had told the "
    "cache: no `delete` reaches what is stored later. A token that the reader takes before its query, and stores with "
    "the price, shows whether there was a write since."
)
AGAIN = "Each write has to leave something behind that no write has left before, such as `uuid4().hex`."
TWICE = "Two programs wrote at nearly the same time, and what was stored between the two commits still counts. " + AGAIN
TOKENS_AT_HOME = (
    "Your tokens are in this program's memory: the other program's writer could not throw them away. Keep them in "
    "`cache`."
)
AT_HOME = (
    "Within one program this would not happen: what yours has in its memory, such as a lock or a counter, does not "
    "reach the other one. What both must know belongs into `cache`."
)


def _grade_cached_prices(cached_prices: Answer) -> str:
    world = World()
    scene = played(cached_prices, world, {}, _simply)
    seen, queries = scene.calls[0].returned
    wrong = scene.wrong
    if seen[:2] != [1, 1] or queries[0] == 0:
        raise wrong(f"Tea costs 1, and the first two reads gave {seen[:2]!r:.60}.")
    if queries[1] > queries[0]:
        raise wrong("The second read asked the database again: nothing was stored that it could use.")
    if world.prices["tea"] != 2:
        raise wrong(f"write('tea', 2) left {world.prices['tea']!r:.60} in the database: await db.update(name, price).")
    if seen[2] != 2:
        raise wrong(f"write('tea', 2) had returned, nobody else was there, and the next read gave {seen[2]!r:.60}.")
    if seen[3] != 2 or queries[3] > queries[2]:
        raise wrong("After a write, the second read asked the database again: what was read after a write may be kept.")
    if seen[4] != "LookupError":
        raise wrong(f"db.update('juice', 5) raised LookupError, and your write {seen[4]}: pass it on.")

    for halves in range(8):  # whoever reads is done before the commit
        _check(cached_prices, EARLY, halves / 2, 0, writer={"update": (8, 0.5)})
    for slow in ({"select": (0.5, 4)}, {"set": (4, 0.5)}, {"get": (0.5, 4)}, {}):
        for halves in range(12):
            # A reader that comes at once may store a price that hides an old one: both ways are played.
            _check(cached_prices, LATE, 0, halves / 2, reader=slow, at_once=False)
            _check(cached_prices, LATE, 0, halves / 2, reader=slow, at_once=True)
    for slow in ({"select": (0.5, 50)}, {"set": (50, 0.5)}):  # as when a program was suspended
        for halves in range(6):
            _check(cached_prices, LATE, 0, halves / 2, reader=slow)
    for slow in ({"update": (5, 0.5)}, {"set": (4, 0.5)}, {"get": (0.5, 4)}, {}):
        for halves in range(8):
            _check_two_writers(cached_prices, halves / 2, slow)
    for halves in range(8):
        _check_there_and_back(cached_prices, halves / 2)
    check_keys(cached_prices)
    check_orders(cached_prices)
    check_drawn(cached_prices)
    check_cancelled(cached_prices)
    check_time(cached_prices)
    return "More than a hundred schedules, and no read that began after a write had returned gave an older price."


def _hold(
    cached_prices: Answer, slow: dict[str, Any], act: Act, found: Callable[[list[Any]], str], sentence: str
) -> None:
    """Play a schedule; if `found` says what is wrong with what was read, raise Wrong with that and the reason.

    The reason is `sentence`, unless all would be well if both programs were one.
    """
    world = World()
    scene = played(cached_prices, world, slow, act)
    if not (what := found(scene.calls[0].returned)):
        return
    if world.pairs and world.singles:  # there are tokens in the cache already
        sentence += f" {AGAIN}" if sentence is LATE else ""
    else:
        with suppress(Wrong):
            if not found(played(cached_prices, World(), slow, act, in_one=True).calls[0].returned):
                sentence = TOKENS_AT_HOME if world.pairs else AT_HOME
    raise scene.wrong(f"{what} {sentence}")


async def _simply(one: Pair, other: Pair, world: World) -> Any:
    read, write = one
    seen, queries = list[Any](), list[int]()
    for number in range(4):
        if number == 2:
            await write("tea", 2)
        seen.append(await read("tea"))
        queries.append(world.calls["select"])
    try:
        seen.append(f"returned {await write('juice', 5)!r:.40}")
    except LookupError:
        seen.append("LookupError")
    return seen, queries


def _check(
    cached_prices: Answer,
    sentence: str,
    read_at: float,
    write_at: float,
    reader: dict[str, Any] | None = None,
    writer: dict[str, Any] | None = None,
    at_once: bool = False,
) -> None:
    """Let one program read and the other write, each at its time; then all must see what was written.

    at_once: let somebody read as soon as it is written, too.
    """

    async def act(one: Pair, other: Pair, world: World) -> Any:
        (read, _), (_, write) = (other, one) if reader else (one, other)

        async def reads() -> None:
            await asyncio.sleep(read_at)
            await read("tea")

        async def writes() -> None:
            await asyncio.sleep(write_at)
            await write("tea", 2)
            if at_once:
                seen.append(await one[0]("tea"))

        seen = list[Any]()
        await asyncio.gather(reads(), writes())
        return [*seen, await one[0]("tea"), await other[0]("tea")]

    def found(seen: list[Any]) -> str:
        return "" if set(seen) == {2} else "write('tea', 2) had returned, and a later read gave 1."

    _hold(cached_prices, reader or writer or {}, act, found, sentence)


def _check_two_writers(cached_prices: Answer, second_at: float, slow: dict[str, Any]) -> None:
    async def act(one: Pair, other: Pair, world: World) -> Any:
        async def first() -> None:
            await other[1]("tea", 3)

        async def second() -> None:
            await asyncio.sleep(second_at)
            await one[1]("tea", 2)
            await one[0]("tea")

        await asyncio.gather(first(), second())
        return [await one[0]("tea"), await other[0]("tea"), world.prices["tea"]]

    def found(seen: list[Any]) -> str:
        one, other, price = seen
        same = one == other == price
        return "" if same else f"Tea costs {price} in the database, and reads give {one} and {other}."

    _hold(cached_prices, slow, act, found, TWICE)


def _check_there_and_back(cached_prices: Answer, read_at: float) -> None:
    async def act(one: Pair, other: Pair, world: World) -> Any:
        async def writes() -> None:
            for price in (2, 3, 2):
                await other[1]("tea", price)

        async def reads() -> None:
            await asyncio.sleep(read_at)
            await one[0]("tea")

        await asyncio.gather(writes(), reads())
        return [await one[0]("tea"), await other[0]("tea")]

    def found(seen: list[Any]) -> str:
        return "" if seen == [2, 2] else "Tea cost 2, then 3, then 2 again, and a later read gave 3."

    _hold(cached_prices, {}, act, found, AGAIN)


cached_prices = Exercise(
    lesson="lesson_05b",
    task=f"""\
**Exercise 2: bug hunt, old prices.** Now and then a customer sees a price of yesterday, and goes on seeing it. Mend
`cached_prices(db, cache)`.

```python
{inspect.getsource(as_found.cached_prices).strip()}
```

- `await db.select(name)` gives a price. `await db.update(name, price)` writes it and commits: it holds from some moment
  before the call returns.
- `await cache.get(key)` gives what is stored or None, `set(key, value)` stores any value, `delete(key)` forgets it.
  This cache loses nothing, and any call may be slow.
- Several programs use the same database and the same cache, so a lock in one of them is no help.
- A read that begins after a write has returned never gives an older price.
- While nobody writes, only the first read of a name asks the database. It has two defects, and no `sleep`
  mends them.""",
    reference=solutions.cached_prices,
    grade=_grade_cached_prices,
    hints=[
        "The write deletes, then it commits. What does a reader do that comes between the two?",
        "With the order mended: a reader asks the database, a write commits and deletes, then the reader stores what "
        "it has. The reader should be able to find out, or the next one: what changed in the meantime?",
        "A token under a key of its own, `f'token of {name}'`. After the commit the write sets it to `uuid4().hex`. A "
        "reader gets it first, and stores `(token, price)`.",
        "At a hit: `if found is not None and found[0] == token: return found[1]`. No token yet is a token, too: None.",
    ],
)
