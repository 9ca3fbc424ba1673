"""The exercises of lessons 5a and 5b: the stand-ins behave as they say."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from course_lib.exercises import lesson_05b, progress
from course_lib.exercises.lesson_05a.database import Database
from course_lib.exercises.lesson_05a.lending import Pool
from course_lib.exercises.lesson_05a.scenes import Call, play

# The database that the exercises stand on


def _played(rows, *acts):
    """Play coroutine functions that take a connection, each in a task; return their calls and the database."""
    pool = Pool(Database(rows), 5)

    def made(act):
        async def make():
            async with pool.acquire() as connection:
                return await act(connection)

        return Call(act.__name__, make)

    return play(*(made(act) for act in acts)).calls, pool


def test_a_transaction_that_fails_leaves_nothing():
    """What a transaction wrote is seen inside it, by nobody else, and by nobody at all once it has failed."""

    async def fails(connection):
        async with connection.transaction():
            await connection.update("a", 2)
            assert await connection.select("a") == 2
            raise ValueError("on purpose")

    async def looks(connection):
        await asyncio.sleep(1)
        return await connection.select("a")

    calls, pool = _played({"a": 1}, fails, looks)
    assert isinstance(calls[0].raised, ValueError)
    assert calls[1].returned == 1
    assert pool.database.rows == {"a": 1}
    assert not pool.database.transactions


def test_a_lock_goes_to_who_has_waited_longest():
    """A row lock is handed on at the end of a transaction, in the order in which it was asked for."""
    order = []

    def taker(name):
        async def take(connection):
            async with connection.transaction():
                await connection.select_for_update("a")
                order.append(name)

        return take

    _played({"a": 1}, *(taker(number) for number in range(4)))
    assert order == [0, 1, 2, 3]


def test_a_cancelled_waiter_takes_no_lock_along():
    """A task that is cancelled while it waits for a lock leaves the lock to the others."""
    pool = Pool(Database({"a": 1}), 3)

    async def locks():
        async with pool.acquire() as connection, connection.transaction():
            return await connection.select_for_update("a")

    scene = play(*(Call(f"call {n}", locks, cancel_at=0.5 if n == 1 else None) for n in range(3)))
    assert [(call.returned, call.cancelled, call.ended) for call in scene.calls] == [
        (1, False, 1),
        (None, True, 0.5),
        (1, False, 2),
    ]


def test_a_deadlock_ends_one_of_the_two():
    """Two transactions that wait for each other's row: one gets DeadlockDetectedError, the other goes on."""

    def locker(first, second):
        async def lock(connection):
            async with connection.transaction():
                await connection.select_for_update(first)
                await connection.select_for_update(second)
                return "done"

        return lock

    calls, _ = _played({"a": 1, "b": 2}, locker("a", "b"), locker("b", "a"))
    assert sorted(call.answered() for call in calls) == ["raised DeadlockDetectedError", "returned 'done'"]


@pytest.mark.parametrize(
    ("isolation", "answers"),
    [
        ("read_committed", ["returned 'done'", "returned 'done'"]),
        ("repeatable_read", ["returned 'done'", "returned 'done'"]),
        ("serializable", ["raised SerializationError", "returned 'done'"]),
    ],
)
def test_only_serializable_sees_a_write_skew(isolation, answers):
    """Each reads what the other writes: serializable ends one of them, the weaker levels let both commit."""

    def skewer(read, written):
        async def skew(connection):
            async with connection.transaction(isolation=isolation):
                value = await connection.select(read)
                await connection.update(written, value + 1)
                return "done"

        return skew

    calls, _ = _played({"a": 1, "b": 1}, skewer("a", "b"), skewer("b", "a"))
    assert sorted(call.answered() for call in calls) == answers


def test_a_savepoint_is_rolled_back_alone():
    """A transaction inside of a transaction that fails takes only its own writes back."""

    async def nests(connection):
        async with connection.transaction():
            await connection.update("a", 2)
            with suppress(asyncpg.UniqueViolationError):
                async with connection.transaction():
                    await connection.update("a", 3)
                    await connection.insert("b", 0)
            return "done"

    calls, pool = _played({"a": 1, "b": 1}, nests)
    assert calls[0].returned == "done"
    assert pool.database.rows == {"a": 2, "b": 1}


# Lessons that are cut in two


def test_a_lesson_in_two_notebooks_has_its_letter_in_the_progress(tmp_path, monkeypatch, capsys):
    """Where the notebooks 05a and 05b are there, their exercises are shown, each under its own lesson."""
    monkeypatch.setenv("COURSE_PROGRESS", "memory")
    monkeypatch.setattr(progress, "_memory", {})
    monkeypatch.setattr(progress, "MASTERS", tmp_path)
    for name in ("01_sync_vs_async.ipynb", "05a_database_pool.ipynb", "05b_cache.ipynb"):
        (tmp_path / name).touch()
    lesson_05b.get_or_load.check(lesson_05b.solutions.get_or_load)
    capsys.readouterr()
    progress.show()
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("Lesson")] == [
        "Lesson 1: 3 exercises, none attempted yet",
        "Lesson 5a: 3 exercises, none attempted yet",
        "Lesson 5b",
    ]
    words = " ".join(shown.split())
    assert "get_or_load passed tries: 1" in words
    assert "cached_row not attempted yet tries: 0" in words
