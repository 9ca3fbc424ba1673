"""Exercise 4: a test for a pool of connections."""

import inspect

from course_lib.exercises.implementations import Bug, Code, Right
from course_lib.exercises.lesson_11 import others, solutions, under_test
from course_lib.exercises.proving import Subject, TestExercise

CONNECT = """\
        try:
            if connection is unopened:
                connection = await connect()
            yield connection
"""
UNGUARDED = """\
        if connection is unopened:
            connection = await connect()
        try:
            yield connection
"""
HALF_GUARDED = """\
        try:
            if connection is unopened:
                connection = await connect()
        except Exception:
            places.put_nowait(unopened)
            raise
        try:
            yield connection
"""
TRY = """\
            try:
                yield connection
            finally:
                idle.append(connection)
"""


def _bug(what: str, lesson: str, *changes: tuple[str, str]) -> Bug:
    return Bug(what, lesson, Code(under_test.make_pool, changes))


def _other(what: str, lesson: str, *changes: tuple[str, str]) -> Bug:
    return Bug(what, lesson, Code(others.make_pool_with_slots, changes))


POOL = Subject(
    rights=[
        Right(Code(under_test.make_pool), "the task shows"),
        Right(Code(others.make_pool_with_slots), "has a semaphore, and a list of who is idle"),
        Right(Code(others.make_pool_as_a_class), "is written as a class, and needs a turn of the loop more"),
    ],
    bugs=[
        _bug(
            "opens one connection more than `size`",
            "Let more borrow at one time than there are places, and count how often `connect` was called.",
            ("range(size)", "range(size + 1)"),
        ),
        _bug(
            "opens another connection although one is idle",
            "With `size=1` it cannot be seen. Borrow twice, one after another, from a pool of two.",
            ("LifoQueue", "Queue"),
        ),
        Bug(
            "opens more than `size` when two come while a connection is being opened",
            "To open one takes time, and what was true before an `await` need not be true after it. Let `connect` "
            "sleep, and let three borrow together from a pool of two.",
            Code(others.make_pool_that_counts_late),
        ),
        _bug(
            "opens connections one after another",
            "Let two borrow together, and look at `loop.time()`: two who connect need no longer than one.",
            ("places, unopened = asyncio.LifoQueue()", "lock, places, unopened = asyncio.Lock(), asyncio.LifoQueue()"),
            (
                "                connection = await connect()",
                "                async with lock:\n                    connection = await connect()",
            ),
        ),
        _other(
            "gives one connection to two borrowers",
            "While it is new, each borrower has its own. Let two borrow together once more, when both connections are "
            "back, and note who is lent.",
            ("idle.pop()", "idle[0]"),
        ),
        _other(
            "loses the connection when the block raises",
            "Let a block raise, then let as many borrow as there are places, and count the calls of `connect`.",
            (TRY, "            yield connection\n            idle.append(connection)\n"),
        ),
        _other(
            "loses the connection when the block is cancelled",
            "CancelledError is no Exception. Cancel who holds a connection, then let as many borrow as there are "
            "places, and count the calls of `connect`.",
            (
                "            finally:\n                idle.append(connection)\n",
                "            except Exception:\n                idle.append(connection)\n                raise\n"
                "            else:\n                idle.append(connection)\n",
            ),
        ),
        _bug(
            "loses a place when `connect` fails",
            "Let `connect` fail once in a pool of one, and borrow again: who waits for a lost place waits for ever, "
            "and your test is stopped there.",
            (CONNECT, UNGUARDED),
        ),
        _bug(
            "loses a place when a borrower is cancelled while it connects",
            "Let `connect` sleep a second, cancel the borrower in the middle of it, and borrow again from a pool "
            "of one.",
            (CONNECT, HALF_GUARDED),
        ),
        _bug(
            "raises UnboundLocalError when a borrower is cancelled while it waits",
            "Where does a borrower wait? At `connect`, in its block, and, when all are lent, for another one: cancel "
            "it there, too, and assert that it ends cancelled.",
            (
                "        connection = await places.get()\n        try:\n",
                "        try:\n            connection = await places.get()\n",
            ),
        ),
    ],
)

test_pool = TestExercise(
    lesson="lesson_11",
    task=f"""\
**Exercise 4: a test for `make_pool`.** Write `test_pool(make_pool)`, a test of this function:

```python
{inspect.getsource(under_test.make_pool).strip()}
```

- `borrow = make_pool(connect, size)` makes a pool. `async with borrow() as connection:` lends a connection to that \
block alone.
- A new one is opened, by `await connect()`, only when none is idle, and at most `size` are open. Two who need new \
ones open them side by side. If all are lent, the borrower waits.
- However the block ends, by its last line, an exception or a cancellation, its connection is then for the next.
- If `connect` fails, or the borrower is cancelled, there or while it waits, that comes out, and takes no place away.

{POOL.terms}""",
    reference=solutions.test_pool,
    grade=POOL.prove,
    hints=[
        "Write a `connect` that counts its calls, sleeps a second, and gives each connection a name; and a coroutine "
        "function `use(borrow, seconds)` that borrows, notes in a list who is lent, sleeps, and takes it out again.",
        "Scenes: three borrow together from a pool of two, twice; one after another from a pool of two; a block that "
        "raises, and one that is cancelled; a `connect` that fails, and a borrower who is cancelled in it, in a pool "
        "of one. After each, borrow again.",
        "A lost connection shows when `connect` was called more than `size` times, a lost place when the next borrower "
        "waits for ever: that is a deadlock, and counts as caught.",
    ],
)
