"""Exercise 1, who borrows: calls with their works, and what is wrong in any scene of them."""

import asyncio
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Wrong, await_missing
from course_lib.exercises.lesson_05a.pool import Connection, Pool
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play

AS_FETCHED = object()  # what work() gives: what the connection gave
BETWEEN = 1 / 32  # seconds, half a step of what is drawn: nothing else happens there
CROWD_AT = 40.0  # seconds, when all that came before has ended


def borrower(
    query: str,
    at: float = 0,
    *,
    seconds: float = 1,
    cancel_at: float | None = None,
    then: Any = AS_FETCHED,
    catches: bool = False,
    pause: float = 0,
) -> tuple[Any, ...]:
    """Return a call: its work makes a query, then gives `then`, or raises it if it is an exception.

    catches: whether the work catches a ConnectionError of its own query
    pause: seconds for which the work does something else before its query
    """
    return query, at, seconds, cancel_at, then, catches, pause


def borrowed(function: Answer, pool: Pool, *calls: tuple[Any, ...]) -> Scene:
    """Play calls, each with a query of its own; raise Wrong for what is wrong in any scene."""

    def made(
        query: str, at: float, seconds: float, cancel_at: float | None, then: Any, catches: bool, pause: float
    ) -> Call:
        async def work(connection: Connection) -> Any:
            if not isinstance(connection, Connection):
                await_missing([connection])  # else Python warns of it at some later time
                raise Wrong(
                    f"work() takes a connection; you gave it a {type(connection).__name__}. Is an `await` missing?"
                )
            begun.append(query)
            try:
                await asyncio.sleep(pause)
                found: Any = await connection.fetch(query, seconds)
            except ConnectionError as error:
                if not catches:
                    raise
                found = f"{error}, and caught"
            finally:
                done[query] = asyncio.get_running_loop().time()
            if isinstance(then, Exception):
                raise then
            return found if then is AS_FETCHED else then

        return Call(query, lambda: function(pool, work), at, cancel_at, function)

    begun: list[str] = []
    done: dict[str, float] = {}
    scene = play(*(made(*each) for each in calls))
    for query in begun:
        if begun.count(query) > 1:
            raise scene.wrong(
                f"work() of {query!r} was called {begun.count(query)} times: whether it may be done again, only your "
                "caller knows."
            )
    if pool.most_open > pool.size:
        broken = any(connection.broken and not connection.closed for connection in pool.opened)
        if broken:
            raise scene.wrong(
                "A broken connection was not kept, and not closed either: at the server it is still open, "
                f"{pool.most_open} in all where {pool.size} is the limit. Call its close()."
            )
        raise scene.wrong(
            f"{pool.most_open} connections were open at one time; {pool.size} is the limit. One slot of `pool.slots` "
            "for each borrower, taken before it has a connection, and only given back by who took it, and once."
        )
    for each in scene.calls:
        waited = (each.ended or 0) - each.at
        of_the_pool = each.name not in begun and each.raised not in pool.failures
        if isinstance(each.raised, TimeoutError) and waited < pool.timeout and of_the_pool:
            raise scene.wrong(
                f"{each.name} raised TimeoutError after {waited:g} s; it may wait pool.timeout = {pool.timeout:g} s."
            )
    if stuck := scene.stuck:
        raise scene.wrong(
            f"{', '.join(stuck)}: no connection after 60 s. Somebody took a slot and never gave it back, or you wait "
            "without a limit."
        )
    for each in scene.calls:
        over = done.get(each.name, each.cancel_at if each.cancelled else None)
        if over is not None and each.ended != over:
            raise scene.wrong(
                f"{each.name} was over at {over:g} s, and your function ended at {each.ended:g} s: nothing was left to "
                "wait for."
            )
    return scene


def check_answer(scene: Scene, number: int, wanted: Any) -> None:
    if isinstance(scene.calls[number].raised, TimeoutError):
        raise scene.wrong(
            f"{scene.calls[number].name} got no connection, though all others had ended: whoever had one before, or "
            "its slot, did not give it back."
        )
    if (got := scene.result(number, none=wanted is None)) != wanted:
        raise scene.wrong(f"Return what work(connection) gives, {wanted!r}; you returned {got!r:.60}.")


def check_drawn(with_connection: Answer, chance: Chance) -> None:
    """Let several borrow at times and with ends that are drawn; when all is quiet, more at once than the pool has."""
    refused = [chance.failure("the database")] if chance.likely(0.4) else []
    # No time of a cancellation is one at which something else happens: which of the two is first would be luck.
    pool = Pool(chance.number(1, 3), 30.0625, *refused)
    ends: list[tuple[tuple[Any, ...], str]] = []
    for number in range(chance.number(2, 6)):
        at, seconds = chance.seconds(0, 4), chance.seconds(0.25, 3)
        end = chance.one_of(("gives", "raises", "loses", "catches", "is cancelled"))
        query = f"lost query {number}" if end in ("loses", "catches") else f"query {number}"
        then = {"raises": chance.failure(query), "catches": chance.value("spare")}.get(end, chance.value("found"))
        cancel_at = at + chance.seconds(0, 4) + BETWEEN if end == "is cancelled" else None
        made = borrower(
            query,
            at,
            seconds=seconds,
            cancel_at=cancel_at,
            then=then,
            catches=end == "catches",
            pause=chance.one_of((0, 0, 1)),
        )
        ends.append((made, end))
    crowd = [borrower(f"later query {number}", CROWD_AT) for number in range(pool.size + 2)]
    scene = borrowed(with_connection, pool, *(made for made, _ in ends), *crowd)
    for number, ((query, *_, then, _, _), end) in enumerate(ends):
        one = scene.calls[number]
        if (one.raised is not None and one.raised in refused) or (one.cancelled and one.cancel_at is not None):
            continue
        if one.cancel_at is not None and (one.ended or 0) > one.cancel_at:
            raise scene.wrong(
                f"{query} was cancelled at {one.cancel_at:g} s, and {one.answered()}: let CancelledError through."
            )
        if end == "loses":
            if not isinstance(one.raised, ConnectionError):
                raise scene.wrong(f"{query} raised ConnectionError, and your function {one.answered()}: pass it on.")
        elif end == "raises":
            if one.raised is not then:
                raise scene.wrong(
                    f"{query} raised {type(then).__name__}, and your function {one.answered()}: pass it on."
                )
        else:
            check_answer(scene, number, then)
    for number in range(len(ends), len(scene.calls)):
        if scene.calls[number].raised not in refused or not refused:
            check_answer(scene, number, f"answer to {scene.calls[number].name}")
    _check_kept(scene, pool)


def _check_kept(scene: Scene, pool: Pool) -> None:
    for connection in pool.opened:
        if connection.broken and not connection.closed:
            raise scene.wrong(
                "A broken connection was not kept, and not closed either: at the server it is still open. Call its "
                "close(), however the work ended."
            )
        if connection.closed and not connection.broken:
            raise scene.wrong("A connection was closed that is not `broken`: it can be used again.")
    if sorted(map(id, pool.idle)) != sorted(id(each) for each in pool.opened if not each.closed):
        raise scene.wrong("At the end, each open connection should stand in `pool.idle` once, and no other should.")
