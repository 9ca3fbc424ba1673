"""Right answers to the exercises of lesson 5b, in other styles than the solutions."""

import asyncio
import json
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import redis

from course_lib.exercises import lesson_05b as ex
from right_answers import right

# get_or_load


@right(ex.get_or_load)
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


@right(ex.get_or_load)
async def with_a_future(cache, loading, key, load):
    async def find(found):
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
        except Exception as error:
            found.set_exception(error)
        else:
            found.set_result(value)
        finally:
            loading.pop(key)

    if key in loading:
        _, found = loading[key]
    else:
        found = asyncio.get_running_loop().create_future()
        loading[key] = asyncio.create_task(find(found)), found
    return await asyncio.shield(found)


@right(ex.get_or_load)
async def waits_for_the_task(cache, loading, key, load):
    task = loading.get(key)
    if task is None:
        task = loading[key] = asyncio.ensure_future(_found(cache, key, load))
        task.add_done_callback(lambda _: loading.pop(key))
    await asyncio.wait([task])
    return task.result()


async def _found(cache, key, load):
    if (value := await cache.get(key)) is not None:
        return value
    value = await load(key)
    with suppress(redis.RedisError):
        await cache.set(key, value, ex=60)
    return value


# cached_prices


@right(ex.cached_prices)
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


@right(ex.cached_prices)
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


@right(ex.cached_prices)
async def asks_for_both_at_once(db, cache):
    async def read(name):
        token, found = await asyncio.gather(cache.get(name + ", token"), cache.get(name + ", price"))
        match found:
            case {"token": kept, "price": price} if kept == token:
                return price
        price = await db.select(name)
        await cache.set(name + ", price", {"token": token, "price": price})
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.set(name + ", token", uuid4().int)

    return read, write


# cached_read


@right(ex.cached_read)
async def spelled_out(cache, breaker, key, load):
    now = asyncio.get_running_loop().time
    value = None
    if now() >= breaker.retry_at:
        try:
            value = await asyncio.wait_for(cache.get(key), 0.5)
        except Exception:  # as a learner may write it, and it is right here
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


@right(ex.cached_read)
async def ignores_a_failing_set(cache, breaker, key, load):
    now = asyncio.get_running_loop().time
    usable, value = now() >= breaker.retry_at, None
    if usable:
        try:
            async with asyncio.timeout(0.5):
                value = await cache.get(key)
        except (redis.RedisError, TimeoutError):
            usable, breaker.retry_at = False, now() + 5
    if value is not None:
        return value
    value = await load(key)
    if usable:
        with suppress(redis.RedisError, TimeoutError):
            async with asyncio.timeout(0.5):
                await cache.set(key, value, ex=60)
    return value


@right(ex.cached_read)
async def with_tasks_that_are_given_up(cache, breaker, key, load):
    loop = asyncio.get_running_loop()

    async def ask(call):
        if loop.time() < breaker.retry_at:
            call.close()
            return None
        task = asyncio.create_task(call)
        try:
            await asyncio.wait([task], timeout=0.5)
            if task.done() and not task.exception():
                return task.result()
            breaker.retry_at = loop.time() + 5
        finally:
            task.cancel()
            await asyncio.wait([task])
        return None

    value = await ask(cache.get(key))
    if value is None:
        value = await load(key)
        await ask(cache.set(key, value, ex=60))
    return value


# cached_row


TYPES = {str, int, float, bool, type(None), Decimal, datetime}


@right(ex.cached_row)
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
    if all(type(column) is str and type(value) in TYPES for column, value in row.items()):
        await cache.set(key, json.dumps(row, default=tag), ex=60)
    return row


@right(ex.cached_row)
async def with_marks_on_texts_too(cache, key, load):
    marks = {Decimal: "decimal:", datetime: "datetime:", str: "text:"}

    def mark(value):
        return f"{marks[type(value)]}{value}" if type(value) in marks else value

    def unmark(value):
        if not isinstance(value, str):
            return value
        kind, _, text = value.partition(":")
        return {"decimal": Decimal, "datetime": datetime.fromisoformat, "text": str}[kind](text)

    def from_text(text):
        return {column: unmark(value) for column, value in json.loads(text).items()}

    if (text := await cache.get(key)) is not None:
        return from_text(text)
    row = await load(key)
    with suppress(TypeError):
        text = json.dumps({column: mark(value) for column, value in row.items()})
        if repr(from_text(text)) == repr(row):
            await cache.set(key, text.encode(), ex=60)
    return row


class NotToBeCachedError(Exception):
    pass


def _entry(column, value):
    match value:
        case bool() | int() | float() | None:
            kind = "plain"
        case str():
            kind = "plain"
        case Decimal():
            kind, value = "decimal", str(value)
        case datetime():
            kind, value = "time", value.isoformat()
        case _:
            raise NotToBeCachedError
    if not isinstance(column, str):
        raise NotToBeCachedError
    return [column, kind, value]


@right(ex.cached_row)
async def as_a_list_of_entries(cache, key, load):
    make = {"plain": lambda value: value, "decimal": Decimal, "time": datetime.fromisoformat}
    text = await cache.get(key)
    if text:
        return {column: make[kind](value) for column, kind, value in json.loads(text)}
    row = await load(key)
    try:
        text = json.dumps([_entry(*item) for item in row.items()])
    except NotToBeCachedError:
        return row
    await cache.set(key, text, ex=60)
    return row
