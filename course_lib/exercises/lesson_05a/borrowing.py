"""Exercise 1: the heart of a pool. Borrow a connection, give it back, keep only what is clean."""

import asyncio
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing
from course_lib.exercises.lesson_05a import solutions
from course_lib.exercises.lesson_05a.pool import Connection, Pool
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play

AS_FETCHED = object()  # what work() gives: what the connection gave
ROUNDS = 40
CROWD_AT = 40.0  # seconds, when all that came before has ended


def _grade_with_connection(with_connection: Answer) -> str:
    pool = Pool(3)
    scene = _borrowed(with_connection, pool, _call("query 1"), _call("query 2", 5))
    for number in range(2):
        _answer(scene, number, f"answer to query {number + 1}")
    if len(pool.opened) > 1:
        raise scene.wrong(
            f"Two queries, the second long after the first, and you opened {len(pool.opened)} connections. Put each "
            "back into `pool.idle`, take from there, and open one only when there is none."
        )
    pool = Pool(2)
    scene = _borrowed(with_connection, pool, *(_call(f"query {n}") for n in range(1, 6)))
    for number in range(5):
        _answer(scene, number, f"answer to query {number + 1}")
    last = max(call.ended or 0 for call in scene.calls)
    if last > 4:
        raise scene.wrong(
            f"Two connections, a second to open them, five queries of 1 s: you took {last:g} s for what 4 s can do. "
            "Somebody waited though a connection was allowed."
        )
    _check_waiting(with_connection)
    _check_giving_back(with_connection)
    chance = Chance("with_connection")
    for _ in range(ROUNDS):
        _check_drawn(with_connection, chance)
    return "Never one too many, every one given back, however it ended, and the broken ones thrown away."


def _call(
    query: str,
    at: float = 0,
    *,
    seconds: float = 1,
    cancel_at: float | None = None,
    then: Any = AS_FETCHED,
    catches: bool = False,
) -> tuple[Any, ...]:
    """Return a call: its work makes a query, then gives `then`, or raises it if it is an exception.

    catches: whether the work catches a ConnectionError of its own query
    """
    return query, at, seconds, cancel_at, then, catches


def _borrowed(function: Answer, pool: Pool, *calls: tuple[Any, ...]) -> Scene:
    """Play calls, each with a query of its own; raise Wrong for what is wrong in any scene."""

    def made(query: str, at: float, seconds: float, cancel_at: float | None, then: Any, catches: bool) -> Call:
        async def work(connection: Connection) -> Any:
            if not isinstance(connection, Connection):
                await_missing([connection])  # else Python warns of it at some later time
                raise Wrong(
                    f"work() takes a connection; you gave it a {type(connection).__name__}. Is an `await` missing?"
                )
            begun.append(query)
            try:
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
    scene = play(*(made(*call) for call in calls))
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
    for call in scene.calls:
        waited = (call.ended or 0) - call.at
        of_the_pool = call.name not in begun and call.raised not in pool.failures
        if isinstance(call.raised, TimeoutError) and waited < pool.timeout and of_the_pool:
            raise scene.wrong(
                f"{call.name} raised TimeoutError after {waited:g} s; it may wait pool.timeout = {pool.timeout:g} s."
            )
    if stuck := scene.stuck:
        raise scene.wrong(
            f"{', '.join(stuck)}: no connection after 60 s. Somebody took a slot and never gave it back, or you wait "
            "without a limit."
        )
    for call in scene.calls:
        over = done.get(call.name, call.cancel_at if call.cancelled else None)
        if over is not None and call.ended != over:
            raise scene.wrong(
                f"{call.name} was over at {over:g} s, and your function ended at {call.ended:g} s: nothing was left to "
                "wait for."
            )
    return scene


def _answer(scene: Scene, number: int, wanted: Any) -> None:
    if isinstance(scene.calls[number].raised, TimeoutError):
        raise scene.wrong(
            f"{scene.calls[number].name} got no connection, though all others had ended: whoever had one before, or "
            "its slot, did not give it back."
        )
    if (got := scene.result(number, none=wanted is None)) != wanted:
        raise scene.wrong(f"Return what work(connection) gives, {wanted!r}; you returned {got!r:.60}.")


def _check_waiting(with_connection: Answer) -> None:
    pool = Pool(1, 2)
    scene = _borrowed(with_connection, pool, _call("long", seconds=6), _call("early", 0.5), _call("later", 4.5))
    long, *late = scene.calls
    if isinstance(long.raised, TimeoutError):
        raise scene.wrong(
            f"The first query had its connection, and was cut off at {long.ended:g} s: `pool.timeout` is for waiting "
            "for a connection, not for working with it."
        )
    _answer(scene, 0, "answer to long")
    for call in late:
        if not isinstance(call.raised, TimeoutError):
            raise scene.wrong(
                f"{call.name} waited for a connection that {long.name} held until {long.ended:g} s, and it "
                f"{call.answered()} at {call.ended:g} s: after pool.timeout = 2 s it should raise TimeoutError."
            )
        if call.ended != call.at + 2:
            raise scene.wrong(
                f"{call.name} began to wait at {call.at:g} s and gave up at {call.ended:g} s; pool.timeout is 2 s."
            )
        if "1" not in str(call.raised):
            raise scene.wrong(
                f"The message of your TimeoutError is {str(call.raised)!r}. Who reads it at night wants to know what "
                "was exhausted: name the pool's size in it."
            )
    pool = Pool(1, 2)
    scene = _borrowed(with_connection, pool, _call("slow"), _call("next", 4))
    if (error := scene.calls[0].raised) is None:
        _raised(scene, TimeoutError, "work(connection)")
    if str(error) != "the query took too long":
        raise scene.wrong(
            "work() itself raised TimeoutError('the query took too long'), and you took it for the pool's: put only "
            f"the waiting into the `try`. Your function raised TimeoutError('{error}')."
        )
    _answer(scene, 1, "answer to next")


def _check_giving_back(with_connection: Answer) -> None:
    pool = Pool(1)
    scene = _borrowed(with_connection, pool, _call("bad query"), _call("next", 1))
    _raised(scene, ValueError, "work(connection)")
    _answer(scene, 1, "answer to next")
    if len(pool.opened) > 1:
        raise scene.wrong(
            "A query failed, and its connection was thrown away. It is not `broken`: it can be used again."
        )

    pool = Pool(1)
    scene = _borrowed(with_connection, pool, _call("lost query"), _call("next", 1))
    _raised(scene, ConnectionError, "work(connection)")
    _answer(scene, 1, "answer to next")

    for cancel_at, doing in ((1.5, "in its query"), (0.5, "while it connected")):
        pool = Pool(1)
        scene = _borrowed(with_connection, pool, _call("gone", cancel_at=cancel_at), _call("next", 1))
        if not scene.calls[0].cancelled:
            raise scene.wrong(
                f"A task was cancelled {doing}, and {scene.calls[0].answered()}: let CancelledError through."
            )
        _answer(scene, 1, "answer to next")

    pool = Pool(1)
    waits = _call("waits", 0.5, cancel_at=1)
    scene = _borrowed(with_connection, pool, _call("long", seconds=4), waits, _call("next", 2), _call("last", 8))
    for number, name in ((0, "long"), (2, "next"), (3, "last")):
        _answer(scene, number, f"answer to {name}")

    pool = Pool(1, 10, OSError("the server is starting"))
    scene = _borrowed(with_connection, pool, _call("first"), _call("next", 2))
    _raised(scene, OSError, "connect()")
    _answer(scene, 1, "answer to next")


def _check_drawn(with_connection: Answer, chance: Chance) -> None:
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
        cancel_at = at + chance.seconds(0, 4) + 0.125 if end == "is cancelled" else None
        call = _call(query, at, seconds=seconds, cancel_at=cancel_at, then=then, catches=end == "catches")
        ends.append((call, end))
    crowd = [_call(f"later query {number}", CROWD_AT) for number in range(pool.size + 2)]
    scene = _borrowed(with_connection, pool, *(call for call, _ in ends), *crowd)
    for number, ((query, *_, then, _), end) in enumerate(ends):
        call = scene.calls[number]
        if call.raised is not None and call.raised in refused or (call.cancelled and call.cancel_at is not None):
            continue
        if call.cancel_at is not None and (call.ended or 0) > call.cancel_at:
            raise scene.wrong(
                f"{query} was cancelled at {call.cancel_at:g} s, and {call.answered()}: let CancelledError through."
            )
        if end == "loses":
            if not isinstance(call.raised, ConnectionError):
                raise scene.wrong(f"{query} raised ConnectionError, and your function {call.answered()}: pass it on.")
        elif end == "raises":
            if call.raised is not then:
                raise scene.wrong(
                    f"{query} raised {type(then).__name__}, and your function {call.answered()}: pass it on."
                )
        else:
            _answer(scene, number, then)
    for number in range(len(ends), len(scene.calls)):
        if scene.calls[number].raised not in refused or not refused:
            _answer(scene, number, f"answer to {scene.calls[number].name}")
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


def _raised(scene: Scene, kind: type[Exception], source: str) -> None:
    call = scene.calls[0]
    if type(call.raised) is not kind:
        raise scene.wrong(f"{source} raised {kind.__name__}, and your function {call.answered()}: pass it on.")


with_connection = Exercise(
    lesson="lesson_05a",
    task="""\
**Exercise 1: the heart of a pool.** Write `with_connection(pool, work)`: borrow a connection, return what
`await work(connection)` gives, and give the connection back.

- `pool.slots` is an `asyncio.Semaphore(pool.size)`: who borrows takes a slot, so that never more than `pool.size`
  connections are open.
- `pool.idle` is a list of open connections that nobody uses, empty at first. Only if it is empty,
  `await pool.connect()` opens another one.
- No free slot within `pool.timeout` seconds: raise TimeoutError, with a message that names `pool.size`.
- However `work` ends, done, failed or cancelled, the connection goes back to `pool.idle`. If `connection.broken` is
  true, call `connection.close()` instead (no `await`). What `work` raises goes to your caller.""",
    reference=solutions.with_connection,
    grade=_grade_with_connection,
    hints=[
        "Three steps: take a slot (`await pool.slots.acquire()`), get a connection, work with it. What must happen "
        "when the second or the third fails?",
        "`async with asyncio.timeout(pool.timeout):` around the acquire alone. Its TimeoutError has no message: catch "
        "it there, and raise one that has.",
        "After the acquire: `try:`, and `pool.slots.release()` in its `finally:`. Inside, once there is a connection, "
        "a second `try:` whose `finally:` closes it or appends it to `pool.idle`.",
    ],
)
