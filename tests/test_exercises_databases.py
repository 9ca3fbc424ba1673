"""The exercises of lessons 5a and 5b: right answers of other kinds pass, and the stand-ins behave as they say."""

import asyncio
import json
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
import redis

from course_lib.exercises import lesson_05a, lesson_05b, progress
from course_lib.exercises.lesson_05a.database import Database
from course_lib.exercises.lesson_05a.lending import Pool
from course_lib.exercises.lesson_05a.scenes import Call, play

# Right answers of other kinds than the reference solutions


async def with_wait_for(pool, work):
    try:
        await asyncio.wait_for(pool.slots.acquire(), timeout=pool.timeout)
    except asyncio.TimeoutError as error:  # noqa: UP041  # as a learner may write it
        raise TimeoutError(f"pool of {pool.size}: none free within {pool.timeout} s") from error
    connection = None
    try:
        if pool.idle:
            connection = pool.idle.pop(0)
        else:
            connection = await pool.connect()
        return await work(connection)
    finally:
        if connection is not None and connection.broken:
            connection.close()
        elif connection is not None:
            pool.idle.append(connection)
        pool.slots.release()


async def with_nested_blocks(pool, bank, order):
    async with pool.acquire() as first:
        amount = await first.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as second:
        async with second.transaction():
            await second.insert(f"log of {order}", "paid")
            await second.insert(f"receipt of {order}", receipt)
        return receipt


async def serializable_and_again(pool, source, target, amount):
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
                balance, other = await connection.select(source), await connection.select(target)
                if source == target:
                    return balance
                if balance < amount:
                    raise ValueError(f"{source} has only {balance}")
                await connection.update(source, balance - amount)
                await connection.update(target, other + amount)
                return balance - amount
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            continue


async def deadlocked_and_again(pool, source, target, amount):
    if source == target:
        raise ValueError("from an account to itself")
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                balance = await connection.select_for_update(source)
                other = await connection.select_for_update(target)
                if balance < amount:
                    raise ValueError(f"{source} has only {balance}")
                await connection.update(source, balance - amount)
                await connection.update(target, other + amount)
                return balance - amount
        except asyncpg.DeadlockDetectedError:
            pass


async def looks_first(cache, loading, key, load):
    value = await cache.get(key)
    if value is not None:
        return value
    if key not in loading:

        async def load_and_store():
            value = await load(key)
            await cache.set(key, value, ex=60)
            return value

        loading[key] = asyncio.create_task(load_and_store())
        loading[key].add_done_callback(lambda _: loading.pop(key))
    return await asyncio.shield(loading[key])


async def token_in_the_key(db, cache):
    async def read(name):
        key = f"{name}, {await cache.get('token of ' + name)}"
        price = await cache.get(key)
        if price is None:
            price = await db.select(name)
            await cache.set(key, price)
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.set("token of " + name, str(uuid4()))

    return [read, write]


async def token_made_by_the_reader(db, cache):
    async def read(name):
        token = await cache.get(f"token of {name}")
        if token is None:
            token = uuid4().hex
            await cache.set(f"token of {name}", token)
        found = await cache.get(name)
        if found is not None and found[0] == token:
            return found[1]
        price = await db.select(name)
        await cache.set(name, [token, price])
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.delete(f"token of {name}")

    return read, write


async def spelled_out(cache, breaker, key, load):
    now = asyncio.get_running_loop().time
    value = None
    if now() >= breaker.retry_at:
        try:
            value = await asyncio.wait_for(cache.get(key), 0.5)
        except Exception:  # noqa: BLE001  # as a learner may write it, and it is right here
            breaker.retry_at = now() + 5
    if value is not None:
        return value
    value = await load(key)
    if now() >= breaker.retry_at:
        try:
            await asyncio.wait_for(cache.set(key, value, ex=60), 0.4)
        except (redis.RedisError, TimeoutError):
            pass
    return value


async def with_dictionaries(cache, key, load):
    def tag(value):
        if isinstance(value, Decimal):
            return {"type": "number", "text": str(value)}
        if isinstance(value, datetime):
            return {"type": "time", "text": value.isoformat()}
        raise TypeError(type(value))

    def untag(value):
        if not isinstance(value, dict):
            return value
        return Decimal(value["text"]) if value["type"] == "number" else datetime.fromisoformat(value["text"])

    if (text := await cache.get(key)) is not None:
        return {column: untag(value) for column, value in json.loads(text).items()}
    row = await load(key)
    try:
        await cache.set(key, json.dumps(row, default=tag), ex=60)
    except TypeError:
        pass
    return row


async def with_marks_on_texts_too(cache, key, load):
    marks = {Decimal: "decimal:", datetime: "datetime:", str: "text:"}

    def mark(value):
        return f"{marks[type(value)]}{value}" if type(value) in marks else value

    def unmark(value):
        if not isinstance(value, str):
            return value
        kind, _, text = value.partition(":")
        return {"decimal": Decimal, "datetime": datetime.fromisoformat, "text": str}[kind](text)

    if (text := await cache.get(key)) is not None:
        return {column: unmark(value) for column, value in json.loads(text).items()}
    row = await load(key)
    with suppress(TypeError):
        await cache.set(key, json.dumps({column: mark(value) for column, value in row.items()}).encode(), ex=60)
    return row


RIGHT = [
    (lesson_05a.with_connection, with_wait_for),
    (lesson_05a.pay, with_nested_blocks),
    (lesson_05a.transfer, serializable_and_again),
    (lesson_05a.transfer, deadlocked_and_again),
    (lesson_05b.get_or_load, looks_first),
    (lesson_05b.cached_prices, token_in_the_key),
    (lesson_05b.cached_prices, token_made_by_the_reader),
    (lesson_05b.cached_read, spelled_out),
    (lesson_05b.cached_row, with_dictionaries),
    (lesson_05b.cached_row, with_marks_on_texts_too),
]


@pytest.mark.parametrize(("exercise", "answer"), RIGHT, ids=lambda x: getattr(x, "__name__", None) or x.name)
def test_another_right_answer_passes(exercise, answer):
    """A right answer of another kind than the reference solution passes."""
    verdict = exercise.judge(answer)
    assert verdict.passed, verdict.sentence


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
    assert [line for line in shown.splitlines() if line.startswith("Lesson")] == ["Lesson 1", "Lesson 5a", "Lesson 5b"]
    assert "get_or_load        passed             tries: 1" in shown
    assert "with_connection    not attempted yet  tries: 0" in shown
