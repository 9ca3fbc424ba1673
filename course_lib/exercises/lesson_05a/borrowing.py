"""Exercise 1: the heart of a pool. Borrow a connection, give it back, keep only what is clean."""

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05a import solutions
from course_lib.exercises.lesson_05a.borrowers import borrowed, borrower, check_answer, check_drawn
from course_lib.exercises.lesson_05a.pool import Pool
from course_lib.exercises.lesson_05a.scenes import Scene

ROUNDS = 40


def _grade_with_connection(with_connection: Answer) -> str:
    pool = Pool(3)
    scene = borrowed(with_connection, pool, borrower("query 1"), borrower("query 2", 5))
    for number in range(2):
        check_answer(scene, number, f"answer to query {number + 1}")
    if len(pool.opened) > 1:
        raise scene.wrong(
            f"Two queries, the second long after the first, and you opened {len(pool.opened)} connections. Put each "
            "back into `pool.idle`, take from there, and open one only when there is none."
        )
    pool = Pool(2)
    scene = borrowed(with_connection, pool, *(borrower(f"query {n}") for n in range(1, 6)))
    for number in range(5):
        check_answer(scene, number, f"answer to query {number + 1}")
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
        check_drawn(with_connection, chance)
    return "Never one too many, every one given back, however it ended, and the broken ones thrown away."


def _check_waiting(with_connection: Answer) -> None:
    pool = Pool(1, 2)
    scene = borrowed(with_connection, pool, borrower("long", seconds=6), borrower("early", 0.5), borrower("later", 4.5))
    long, *late = scene.calls
    if isinstance(long.raised, TimeoutError):
        raise scene.wrong(
            f"The first query had its connection, and was cut off at {long.ended:g} s: `pool.timeout` is for waiting "
            "for a connection, not for working with it."
        )
    check_answer(scene, 0, "answer to long")
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
    scene = borrowed(with_connection, pool, borrower("slow"), borrower("next", 4))
    if (error := scene.calls[0].raised) is None:
        _raised(scene, TimeoutError, "work(connection)")
    if str(error) != "the query took too long":
        raise scene.wrong(
            "work() itself raised TimeoutError('the query took too long'), and you took it for the pool's: put only "
            f"the waiting into the `try`. Your function raised TimeoutError('{error}')."
        )
    check_answer(scene, 1, "answer to next")


def _check_giving_back(with_connection: Answer) -> None:
    pool = Pool(1)
    scene = borrowed(with_connection, pool, borrower("bad query"), borrower("next", 1))
    _raised(scene, ValueError, "work(connection)")
    check_answer(scene, 1, "answer to next")
    if len(pool.opened) > 1:
        raise scene.wrong(
            "A query failed, and its connection was thrown away. It is not `broken`: it can be used again."
        )

    pool = Pool(1)
    scene = borrowed(with_connection, pool, borrower("lost query"), borrower("next", 1))
    _raised(scene, ConnectionError, "work(connection)")
    check_answer(scene, 1, "answer to next")

    for cancel_at, doing in ((1.5, "in its query"), (0.5, "while it connected")):
        pool = Pool(1)
        scene = borrowed(with_connection, pool, borrower("gone", cancel_at=cancel_at), borrower("next", 1))
        if not scene.calls[0].cancelled:
            raise scene.wrong(
                f"A task was cancelled {doing}, and {scene.calls[0].answered()}: let CancelledError through."
            )
        check_answer(scene, 1, "answer to next")

    pool = Pool(1)
    waits = borrower("waits", 0.5, cancel_at=1)
    scene = borrowed(
        with_connection, pool, borrower("long", seconds=4), waits, borrower("next", 2), borrower("last", 8)
    )
    for number, name in ((0, "long"), (2, "next"), (3, "last")):
        check_answer(scene, number, f"answer to {name}")

    pool = Pool(1, 10, OSError("the server is starting"))
    scene = borrowed(with_connection, pool, borrower("first"), borrower("next", 2))
    _raised(scene, OSError, "connect()")
    check_answer(scene, 1, "answer to next")


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
  true, call `connection.close()` instead (no `await`). What `work` raises goes to your caller.
- Nobody waits for anything but these.""",
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
