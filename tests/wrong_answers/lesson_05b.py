"""Wrong answers to the exercises of lesson 5b, as learners write them: each must get its own sentence."""

import ast
import asyncio
import base64
import json
import pickle
from datetime import datetime
from decimal import Decimal
from itertools import count
from uuid import uuid4

import redis

from course_lib.exercises import lesson_05b as ex
from course_lib.exercises.lesson_05b import as_found
from wrong_answers import told

# get_or_load


@told(ex.get_or_load, "Five callers asked for 'a' within a second, and load('a') was called by")
async def everyone_loads(cache, loading, key, load):
    value = await cache.get(key)
    if value is None:
        value = await load(key)
        await cache.set(key, value, ex=60)
    return value


@told(ex.get_or_load, "one key waited for the other")
async def one_lock(cache, loading, key, load):
    async with loading.setdefault("lock", asyncio.Lock()):
        value = await cache.get(key)
        if value is None:
            value = await load(key)
            await cache.set(key, value, ex=60)
        return value


@told(ex.get_or_load, "one call after another. Who comes while a load is under")
async def a_lock_without_a_second_look(cache, loading, key, load):
    value = await cache.get(key)
    if value is None:
        async with loading.setdefault(key, asyncio.Lock()):
            value = await load(key)
            await cache.set(key, value, ex=60)
    return value


@told(ex.get_or_load, "each of the three who waited for it loaded once more")
async def a_lock_for_each_key(cache, loading, key, load):
    async with loading.setdefault(key, asyncio.Lock()):
        value = await cache.get(key)
        if value is None:
            value = await load(key)
            await cache.set(key, value, ex=60)
        return value


@told(ex.get_or_load, "load('a') was called by each")
async def awaits_before_it_notes(cache, loading, key, load):
    async def find():
        value = await load(key)
        await cache.set(key, value, ex=60)
        return value

    if key not in loading:
        value = await cache.get(key)
        if value is not None:
            return value
        loading[key] = asyncio.create_task(find())
        loading[key].add_done_callback(lambda _: loading.pop(key, None))
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "What has ended must leave `loading`")
async def keeps_the_task(cache, loading, key, load):
    async def find():
        value = await cache.get(key)
        if value is None:
            value = await load(key)
            await cache.set(key, value, ex=60)
        return value

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "a failure must not be kept")
async def keeps_a_failure(cache, loading, key, load):
    async def find():
        value = await cache.get(key)
        if value is None:
            value = await load(key)
            await cache.set(key, value, ex=60)
        del loading[key]
        return value

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "`await asyncio.shield(task)` leaves it alone")
async def without_shield(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await loading[key]


@told(ex.get_or_load, "which stays in `loading` until it has ended")
async def every_waiter_clears(cache, loading, key, load):
    value = await cache.get(key)
    if value is not None:
        return value
    if key not in loading:
        loading[key] = asyncio.create_task(load(key))
    try:
        value = await asyncio.shield(loading[key])
    finally:
        loading.pop(key, None)
    await cache.set(key, value, ex=60)
    return value


@told(ex.get_or_load, "for whom does it wait? The one that loaded was cancelled")
async def first_caller_loads(cache, loading, key, load):
    if key in loading:
        return await asyncio.shield(loading[key])
    found = loading[key] = asyncio.get_running_loop().create_future()
    try:
        value = await cache.get(key)
        if value is None:
            value = await load(key)
            await cache.set(key, value, ex=60)
    except Exception as error:
        found.set_exception(error)
        del loading[key]
        raise
    found.set_result(value)
    del loading[key]
    return value


@told(ex.get_or_load, "Nothing was stored")
async def never_stores(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            return await load(key) if value is None else value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "You stored a value without a time to live")
async def stores_for_ever(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "The load gave [], which is a value like any other")
async def empty_is_nothing(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if not value:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "You returned a coroutine or a task")
async def returns_the_task(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    task = loading[key]
    await asyncio.wait([task])
    return task


@told(ex.get_or_load, "caller 1 of a returned 'nothing': all should get it")
async def hides_the_failure(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        except Exception:
            return "nothing"
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "was cancelled at 1 s, while it was loaded, and returned 'value of a' at 2.2 s")
async def swallows_the_cancellation(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    task = loading.get(key) or loading.setdefault(key, asyncio.create_task(find()))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task


@told(ex.get_or_load, "Until its value is stored, a load is under way")
async def shares_the_load_alone(cache, loading, key, load):
    value = await cache.get(key)
    if value is None:
        if key not in loading:
            loading[key] = asyncio.create_task(load(key))
            loading[key].add_done_callback(lambda _: loading.pop(key))
        value = await asyncio.shield(loading[key])
        await cache.set(key, value, ex=60)
    return value


@told(ex.get_or_load, "cache.get() failed once, at the beginning")
async def asks_outside_the_try(cache, loading, key, load):
    async def find():
        value = await cache.get(key)
        try:
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "You stored again what you had found in the cache")
async def stores_what_it_found(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
            await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "what is under way, or in the cache, need not be loaded")
async def clears_them_all(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            loading.clear()

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "You stored a value for 600 s; the task says 60")
async def keeps_it_longer(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=600)
            return value
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "Wait for that, and for nothing else")
async def polls_for_the_value(cache, loading, key, load):
    async def find():
        try:
            await asyncio.sleep(0.5)
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        finally:
            del loading[key]

    if (value := await cache.get(key)) is not None:
        return value
    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


@told(ex.get_or_load, "The load raised ValueError, and caller 1 of a returned None: all should get it")
async def tells_one_kind_only(cache, loading, key, load):
    async def find():
        try:
            value = await cache.get(key)
            if value is None:
                value = await load(key)
                await cache.set(key, value, ex=60)
            return value
        except ValueError:
            return None
        finally:
            del loading[key]

    if key not in loading:
        loading[key] = asyncio.create_task(find())
    return await asyncio.shield(loading[key])


# cached_prices


told(ex.cached_prices, "Whatever you do to the cache before the commit can be undone")(as_found.cached_prices)


@told(ex.cached_prices, "no `delete` reaches what is stored later")
async def deletes_after(db, cache):
    read, _ = await as_found.cached_prices(db, cache)

    async def write(name, price):
        await db.update(name, price)
        await cache.delete(name)

    return read, write


@told(ex.cached_prices, "no `delete` reaches what is stored later")
async def deletes_twice(db, cache):
    read, _ = await as_found.cached_prices(db, cache)

    async def write(name, price):
        await cache.delete(name)
        await db.update(name, price)
        await asyncio.sleep(1)
        await cache.delete(name)

    return read, write


@told(ex.cached_prices, "no `delete` reaches what is stored later")
async def stores_what_it_writes(db, cache):
    read, _ = await as_found.cached_prices(db, cache)

    async def write(name, price):
        await db.update(name, price)
        await cache.set(name, price)

    return read, write


@told(ex.cached_prices, "A token that the reader takes before its query")
async def looks_before_it_stores(db, cache):
    async def read(name):
        price = await cache.get(name)
        if price is None:
            price = await db.select(name)
            if await cache.get(name) is None:
                await cache.set(name, price)
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.delete(name)

    return read, write


async def _read_with_token(db, cache, name):
    token = await cache.get(f"token of {name}")
    found = await cache.get(name)
    if found is not None and found[0] == token:
        return found[1]
    price = await db.select(name)
    await cache.set(name, (token, price))
    return price


@told(ex.cached_prices, "Whatever you do to the cache before the commit can be undone")
async def token_before_the_commit(db, cache):
    async def read(name):
        return await _read_with_token(db, cache, name)

    async def write(name, price):
        await cache.set(f"token of {name}", uuid4().hex)
        await db.update(name, price)

    return read, write


@told(ex.cached_prices, "A token that the reader takes before its query")
async def token_after_the_query(db, cache):
    async def read(name):
        found = await cache.get(name)
        if found is not None and found[0] == await cache.get(f"token of {name}"):
            return found[1]
        price = await db.select(name)
        await cache.set(name, (await cache.get(f"token of {name}"), price))
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", uuid4().hex)

    return read, write


@told(ex.cached_prices, "nobody else was there, and the next read gave 1")
async def never_compares(db, cache):
    async def read(name):
        token = await cache.get(f"token of {name}")
        found = await cache.get(name)
        if found is not None:
            return found[1]
        price = await db.select(name)
        await cache.set(name, (token, price))
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", uuid4().hex)

    return read, write


@told(ex.cached_prices, "and stores with the price, shows whether")
async def token_checked_at_storing(db, cache):
    async def read(name):
        token = await cache.get(f"token of {name}")
        price = await cache.get(name)
        if price is None:
            price = await db.select(name)
            if token == await cache.get(f"token of {name}"):
                await cache.set(name, price)
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", uuid4().hex)
        await cache.delete(name)

    return read, write


@told(ex.cached_prices, "that no write has left before")
async def counts_from_before(db, cache):
    async def read(name):
        return await _read_with_token(db, cache, name)

    async def write(name, price):
        count = await cache.get(f"token of {name}") or 0
        await db.update(name, price)
        await cache.set(f"token of {name}", count + 1)

    return read, write


@told(ex.cached_prices, "Your tokens are in this program's memory")
async def tokens_in_the_program(db, cache):
    tokens, names = {}, (f"token {n}" for n in count(1))

    async def read(name):
        token = tokens.setdefault(name, next(names))
        found = await cache.get(name)
        if found is not None and found[0] == token:
            return found[1]
        price = await db.select(name)
        await cache.set(name, (token, price))
        return price

    async def write(name, price):
        await db.update(name, price)
        tokens.pop(name, None)

    return read, write


_tokens, _names = {}, (f"token {n}" for n in count(1))


@told(ex.cached_prices, "Your tokens are in this program's memory")
async def tokens_outside_the_function(db, cache):
    async def read(name):
        token = _tokens.setdefault(name, next(_names))
        found = await cache.get(name)
        if found is not None and found[0] == token:
            return found[1]
        price = await db.select(name)
        await cache.set(name, (token, price))
        return price

    async def write(name, price):
        await db.update(name, price)
        _tokens.pop(name, None)

    return read, write


@told(ex.cached_prices, "shows whether there was a write since. Each write has to")
async def counts_tokens_in_the_cache(db, cache):
    names = (f"token {n}" for n in count(1))

    async def read(name):
        token = await cache.get(f"token of {name}")
        if token is None:
            token = next(names)
            await cache.set(f"token of {name}", token)
        found = await cache.get(name)
        if found is not None and found[0] == token:
            return found[1]
        price = await db.select(name)
        await cache.set(name, (token, price))
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.delete(f"token of {name}")

    return read, write


@told(ex.cached_prices, "no `delete` reaches what is stored later")
async def deletes_later_again(db, cache):
    read, _ = await as_found.cached_prices(db, cache)

    async def write(name, price):
        await db.update(name, price)
        await cache.delete(name)
        await asyncio.sleep(30)
        await cache.delete(name)

    return read, write


@told(ex.cached_prices, "Tea cost 2, then 3, then 2 again, and a later read gave 3")
async def price_as_token(db, cache):
    async def read(name):
        return await _read_with_token(db, cache, name)

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", price)

    return read, write


@told(ex.cached_prices, "Within one program this would not happen: what yours has in")
async def locks_in_the_program(db, cache):
    lock = asyncio.Lock()

    async def read(name):
        async with lock:
            price = await cache.get(name)
            if price is None:
                price = await db.select(name)
                await cache.set(name, price)
            return price

    async def write(name, price):
        async with lock:
            await db.update(name, price)
            await cache.delete(name)

    return read, write


@told(ex.cached_prices, "The second read asked the database again: nothing was stored")
async def no_cache_at_all(db, cache):
    async def read(name):
        return await db.select(name)

    async def write(name, price):
        await db.update(name, price)

    return read, write


@told(ex.cached_prices, "nobody else was there, and the next read gave 1")
async def forgets_to_invalidate(db, cache):
    read, _ = await as_found.cached_prices(db, cache)

    async def write(name, price):
        await db.update(name, price)

    return read, write


@told(ex.cached_prices, "`return read, write`; you returned one function")
async def returns_one_function(db, cache):
    read, _ = await as_found.cached_prices(db, cache)
    return read


@told(ex.cached_prices, "such as `uuid4().hex`, and no time of day")
async def token_of_whole_seconds(db, cache):
    async def read(name):
        return await _read_with_token(db, cache, name)

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", int(asyncio.get_running_loop().time()))

    return read, write


@told(ex.cached_prices, "Wait for these, and for nothing else")
async def waits_to_be_safe(db, cache):
    async def read(name):
        return await _read_with_token(db, cache, name)

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", uuid4().hex)
        await asyncio.sleep(0.5)

    return read, write


@told(ex.cached_prices, "Coffee costs 0, and the second read of it asked the database again")
async def takes_zero_for_nothing(db, cache):
    async def read(name):
        key = f"{name}, {await cache.get('token of ' + name)}"
        price = await cache.get(key)
        if not price:
            price = await db.select(name)
            await cache.set(key, price)
        return price

    async def write(name, price):
        await db.update(name, price)
        await cache.set("token of " + name, uuid4().hex)

    return read, write


@told(ex.cached_prices, "Each name needs a key of its own")
async def one_key_for_all(db, cache):
    async def read(name):
        return await _read_with_token(_Named(db, name), cache, "price")

    async def write(name, price):
        await db.update(name, price)
        await cache.set("token of price", uuid4().hex)

    return read, write


class _Named:
    def __init__(self, db, name):
        self._db, self._name = db, name

    async def select(self, _):
        return await self._db.select(self._name)


@told(ex.cached_prices, "a read that was cancelled at 0.25 s went on")
async def reads_whatever_happens(db, cache):
    async def read(name):
        try:
            return await _read_with_token(db, cache, name)
        except asyncio.CancelledError:
            return await db.select(name)

    async def write(name, price):
        await db.update(name, price)
        await cache.set(f"token of {name}", uuid4().hex)

    return read, write


# cached_read


@told(ex.cached_read, "The cache was down; the database has the value, and your caller did not get it")
async def trusts_the_cache(cache, breaker, key, load):
    value = await cache.get(key)
    if value is None:
        value = await load(key)
        await cache.set(key, value, ex=60)
    return value


@told(ex.cached_read, "is not Python's own ConnectionError")
async def the_other_connection_error(cache, breaker, key, load):
    try:
        value = await cache.get(key)
    except ConnectionError:
        value = None
    if value is None:
        value = await load(key)
        await cache.set(key, value, ex=60)
    return value


@told(ex.cached_read, "A call that may never end needs a limit")
async def without_a_limit(cache, breaker, key, load):
    value = None
    try:
        value = await cache.get(key)
    except redis.RedisError:
        pass
    if value is None:
        value = await load(key)
        try:
            await cache.set(key, value, ex=60)
        except redis.RedisError:
            pass
    return value


@told(ex.cached_read, "load raised TimeoutError, called 2 times")
async def a_limit_around_all(cache, breaker, key, load):
    try:
        async with asyncio.timeout(0.5):
            value = await cache.get(key)
        if value is not None:
            return value
        value = await load(key)
    except (TimeoutError, redis.RedisError):
        value = await load(key)
    try:
        async with asyncio.timeout(0.5):
            await cache.set(key, value, ex=60)
    except (TimeoutError, redis.RedisError):
        pass
    return value


async def _asked(seconds, call, *args, **options):
    try:
        async with asyncio.timeout(seconds):
            return await call(*args, **options)
    except (TimeoutError, redis.RedisError):
        return None


@told(ex.cached_read, "the load takes 2 s, and your caller waited 12 s")
async def a_patient_limit(cache, breaker, key, load):
    value = await _asked(5, cache.get, key)
    if value is None:
        value = await load(key)
        await _asked(5, cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "load was called 2 times: a failure of `set` is not load's")
async def loads_twice(cache, breaker, key, load):
    try:
        async with asyncio.timeout(0.5):
            value = await cache.get(key)
        if value is None:
            value = await load(key)
            await asyncio.wait_for(cache.set(key, value, ex=60), 0.5)
        return value
    except (TimeoutError, redis.RedisError):
        return await load(key)


@told(ex.cached_read, "The cache was full; the database has the value, and your caller did not get it")
async def protects_get_only(cache, breaker, key, load):
    value, now = None, asyncio.get_running_loop().time
    if now() >= breaker.retry_at:
        try:
            async with asyncio.timeout(0.5):
                value = await cache.get(key)
        except (TimeoutError, redis.RedisError):
            breaker.retry_at = now() + 5
    if value is None:
        value = await load(key)
        if now() >= breaker.retry_at:
            await cache.set(key, value, ex=60)
    return value


@told(ex.cached_read, "another wait for nothing. After a failure")
async def without_a_breaker(cache, breaker, key, load):
    value = await _asked(0.5, cache.get, key)
    if value is None:
        value = await load(key)
        await _asked(0.5, cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "The cache failed at 0.5 s, and was asked again at 3 s")
async def tries_each_time(cache, breaker, key, load):
    failed, value = False, None
    try:
        async with asyncio.timeout(0.5):
            value = await cache.get(key)
    except (TimeoutError, redis.RedisError):
        failed = True
    if value is None:
        value = await load(key)
        if not failed:
            await _asked(0.5, cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "The cache failed at 0.5 s, and was asked again at 5 s")
async def rests_until_five(cache, breaker, key, load):
    loop = asyncio.get_running_loop()

    async def ask(call, *args, **options):
        if loop.time() < breaker.retry_at:
            return None
        try:
            async with asyncio.timeout(0.5):
                return await call(*args, **options)
        except (TimeoutError, redis.RedisError):
            breaker.retry_at = 5

    value = await ask(cache.get, key)
    if value is None:
        value = await load(key)
        await ask(cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "and at 9 s nobody asked it: when its rest is over, somebody must try")
async def never_tries_again(cache, breaker, key, load):
    value = None
    if not breaker.retry_at:
        try:
            async with asyncio.timeout(0.5):
                value = await cache.get(key)
        except (TimeoutError, redis.RedisError):
            breaker.retry_at = asyncio.get_running_loop().time() + 5
    if value is None:
        value = await load(key)
        if not breaker.retry_at:
            await _asked(0.5, cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "a cancellation is no failure of the cache")
async def cancelled_is_a_failure(cache, breaker, key, load):
    loop = asyncio.get_running_loop()

    async def ask(call, *args, **options):
        if loop.time() < breaker.retry_at:
            return None
        try:
            async with asyncio.timeout(0.5):
                return await call(*args, **options)
        except BaseException:
            breaker.retry_at = loop.time() + 5

    value = await ask(cache.get, key)
    if value is None:
        value = await load(key)
        await ask(cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "the cache had done nothing wrong")
async def blames_the_cache(cache, breaker, key, load):
    loop, value = asyncio.get_running_loop(), None
    use = loop.time() >= breaker.retry_at
    if use:
        try:
            async with asyncio.timeout(0.5):
                value = await cache.get(key)
        except (TimeoutError, redis.RedisError):
            breaker.retry_at, use = loop.time() + 5, False
    if value is None:
        try:
            value = await load(key)
        except Exception:
            breaker.retry_at = loop.time() + 5
            raise
        if use:
            await _asked(0.5, cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "The cache did not answer; the database has the value, and your caller did not get it")
async def lets_the_limit_through(cache, breaker, key, load):
    value = None
    try:
        async with asyncio.timeout(0.5):
            value = await cache.get(key)
    except redis.RedisError:
        pass
    if value is None:
        value = await load(key)
        await _asked(0.5, cache.set, key, value, ex=60)
    return value


def _opening_on(get_kinds, set_kinds):
    async def cached_read(cache, breaker, key, load):
        loop, value = asyncio.get_running_loop(), None
        if loop.time() >= breaker.retry_at:
            try:
                async with asyncio.timeout(0.5):
                    value = await cache.get(key)
            except get_kinds:
                breaker.retry_at = loop.time() + 5
            except set_kinds:
                pass
        if value is None:
            value = await load(key)
            if loop.time() >= breaker.retry_at:
                await _asked(0.5, cache.set, key, value, ex=60)
        return value

    return cached_read


told(ex.cached_read, "at 2.1 s set was called. For 5 s nobody should wait for it")(
    _opening_on(TimeoutError, redis.RedisError)
)
told(ex.cached_read, "another wait for nothing. After a failure")(_opening_on(redis.RedisError, TimeoutError))


@told(ex.cached_read, "The cache was down, TimeoutError; the database has the value, and your caller did not get it")
async def knows_one_redis_error(cache, breaker, key, load):
    loop = asyncio.get_running_loop()

    async def ask(call, *args, **options):
        if loop.time() < breaker.retry_at:
            return None
        try:
            async with asyncio.timeout(0.5):
                return await call(*args, **options)
        except (TimeoutError, redis.ConnectionError, redis.exceptions.OutOfMemoryError):
            breaker.retry_at = loop.time() + 5

    value = await ask(cache.get, key)
    if value is None:
        value = await load(key)
        await ask(cache.set, key, value, ex=60)
    return value


@told(ex.cached_read, "load gave 0, which is a value like any other")
async def nothing_is_zero(cache, breaker, key, load):
    return await _with(cache, breaker, key, load, missing=lambda value: not value)


@told(ex.cached_read, "Give a call up after 0.5 s, not before")
async def impatient(cache, breaker, key, load):
    return await _with(cache, breaker, key, load, limit=0.2)


@told(ex.cached_read, "at 5.25 s, more than 5 s later, nobody asked it")
async def rests_too_long(cache, breaker, key, load):
    return await _with(cache, breaker, key, load, rest=8)


@told(ex.cached_read, "a cancellation is no failure of the cache, and no reason to leave it alone")
async def rests_after_a_cancellation(cache, breaker, key, load):
    loop = asyncio.get_running_loop()
    try:
        return await _with(cache, breaker, key, load)
    except asyncio.CancelledError:
        breaker.retry_at = loop.time() + 5
        raise


@told(ex.cached_read, "You stored again what you had found in the cache")
async def stores_it_each_time(cache, breaker, key, load):
    value = await _with(cache, breaker, key, load)
    if asyncio.get_running_loop().time() >= breaker.retry_at:
        await _asked(0.5, cache.set, key, value, ex=60)
    return value


async def _with(cache, breaker, key, load, *, limit=0.5, rest=5, missing=lambda value: value is None):
    loop = asyncio.get_running_loop()

    async def ask(call, *args, **options):
        if loop.time() < breaker.retry_at:
            return None
        try:
            async with asyncio.timeout(limit):
                return await call(*args, **options)
        except (TimeoutError, redis.RedisError):
            breaker.retry_at = loop.time() + rest

    value = await ask(cache.get, key)
    if missing(value):
        value = await load(key)
        await ask(cache.set, key, value, ex=60)
    return value


# cached_row


@told(ex.cached_row, "the load gave Decimal('1.20'), and a hit '1.20'. `json` does not know that")
async def default_str(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return json.loads(text)
    row = await load(key)
    await cache.set(key, json.dumps(row, default=str), ex=60)
    return row


@told(ex.cached_row, "Give it pairs that it knows")
async def plain_json(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return json.loads(text)
    row = await load(key)
    await cache.set(key, json.dumps(row), ex=60)
    return row


@told(ex.cached_row, "It keeps texts: encode the row, `json.dumps`")
async def stores_the_row(cache, key, load):
    row = await cache.get(key)
    if row is None:
        row = await load(key)
        await cache.set(key, row, ex=60)
    return row


@told(ex.cached_row, "A text may look like a date or a number")
async def guesses_from_looks(cache, key, load):
    def guess(text):
        if not isinstance(text, str):
            return text
        for make in (Decimal, datetime.fromisoformat):
            try:
                return make(text)
            except (ValueError, ArithmeticError):
                pass
        return text

    text = await cache.get(key)
    if text is not None:
        return {column: guess(value) for column, value in json.loads(text).items()}
    row = await load(key)
    await cache.set(key, json.dumps(row, default=str), ex=60)
    return row


@told(ex.cached_row, "the load gave 'decimal:1.20', and a hit Decimal('1.20'). This is what you stored")
async def prefixes(cache, key, load):
    def encoded(value):
        if isinstance(value, Decimal):
            return f"decimal:{value}"
        return f"datetime:{value.isoformat()}" if isinstance(value, datetime) else value

    def decoded(value):
        if isinstance(value, str) and value.startswith("decimal:"):
            return Decimal(value.removeprefix("decimal:"))
        if isinstance(value, str) and value.startswith("datetime:"):
            return datetime.fromisoformat(value.removeprefix("datetime:"))
        return value

    text = await cache.get(key)
    if text is not None:
        return {column: decoded(value) for column, value in json.loads(text).items()}
    row = await load(key)
    try:
        await cache.set(key, json.dumps({column: encoded(value) for column, value in row.items()}), ex=60)
    except TypeError:
        pass
    return row


@told(ex.cached_row, "the load gave Decimal('1.20'), and a hit Decimal('1.2')")
async def price_as_float(cache, key, load):
    def encoded(value):
        if isinstance(value, Decimal):
            return "Decimal", float(value)
        return ("datetime", value.isoformat()) if isinstance(value, datetime) else ("", value)

    make = {"": lambda value: value, "Decimal": lambda value: Decimal(str(value)), "datetime": datetime.fromisoformat}
    text = await cache.get(key)
    if text is not None:
        return {column: make[kind](value) for column, (kind, value) in json.loads(text).items()}
    row = await load(key)
    await cache.set(key, json.dumps({column: encoded(value) for column, value in row.items()}), ex=60)
    return row


@told(ex.cached_row, "You stored a pickle")
async def pickles(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return pickle.loads(base64.b64decode(text))
    row = await load(key)
    await cache.set(key, base64.b64encode(pickle.dumps(row)).decode(), ex=60)
    return row


def pickles_as(protocol):
    async def pickles_in_hexadecimal(cache, key, load):
        text = await cache.get(key)
        if text is not None:
            return pickle.loads(bytes.fromhex(text))
        row = await load(key)
        await cache.set(key, pickle.dumps(row, protocol).hex(), ex=60)
        return row

    return pickles_in_hexadecimal


for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):  # which of them is the default depends on the Python
    told(ex.cached_row, "You stored a pickle")(pickles_as(protocol))


@told(ex.cached_row, "let anybody run code in your program; use JSON")
async def evaluates(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return ast.literal_eval(text)
    row = await load(key)
    await cache.set(key, repr(row), ex=60)
    return row


@told(ex.cached_row, "JSON knows no bytes. What does not come back as it was cannot be cached")
async def fails_for_bytes(cache, key, load):
    def encoded(value):
        kind = type(value).__name__
        return (kind, str(value)) if kind in ("Decimal", "datetime") else ("", value)

    make = {"": lambda value: value, "Decimal": Decimal, "datetime": datetime.fromisoformat}
    text = await cache.get(key)
    if text is not None:
        return {column: make[kind](value) for column, (kind, value) in json.loads(text).items()}
    row = await load(key)
    await cache.set(key, json.dumps({column: encoded(value) for column, value in row.items()}), ex=60)
    return row


@told(ex.cached_row, "The load gave the row {'datetime': 'tea'")
async def tags_that_collide(cache, key, load):
    def tag(value):
        if isinstance(value, datetime | Decimal):
            return {type(value).__name__: str(value)}
        raise TypeError

    def untag(found):
        if "Decimal" in found:
            return Decimal(found["Decimal"])
        return datetime.fromisoformat(found["datetime"]) if "datetime" in found else found

    text = await cache.get(key)
    if text is not None:
        return json.loads(text, object_hook=untag)
    row = await load(key)
    await cache.set(key, json.dumps(row, default=tag), ex=60)
    return row


_MAKE = {"Decimal": Decimal, "datetime": datetime.fromisoformat}


def _pair(value):
    kind = type(value).__name__
    return (kind, str(value)) if kind in _MAKE else ("", value)


def _row(text):
    return {column: _MAKE[kind](value) if kind else value for column, (kind, value) in json.loads(text).items()}


@told(ex.cached_row, "a hit {'id': 7, 'size': [3, 4]}. JSON knows no tuples, and makes lists of them")
async def lets_json_decide(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return _row(text)
    row = await load(key)
    try:
        text = json.dumps({column: _pair(value) for column, value in row.items()})
    except TypeError:
        return row
    await cache.set(key, text, ex=60)
    return row


@told(ex.cached_row, "In JSON the name of a column is a text")
async def looks_at_the_values_only(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return _row(text)
    row = await load(key)
    if all(isinstance(value, str | int | float | None | Decimal | datetime) for value in row.values()):
        text = json.dumps({column: _pair(value) for column, value in row.items()})
        await cache.set(key, text, ex=60)
    return row


@told(ex.cached_row, "Put the `try` around the encoding only")
async def loads_in_the_try(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return _row(text)
    row = None
    try:
        row = await load(key)
        text = json.dumps({column: _pair(value) for column, value in row.items()})
        if repr(_row(text)) == repr(row):
            await cache.set(key, text, ex=60)
    except TypeError:
        pass
    return row


@told(ex.cached_row, "and a hit {'stock': None, 'name': 'tea', 'id': 7}")
async def sorts_the_columns(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return _row(text)
    row = await load(key)
    try:
        text = json.dumps({column: _pair(row[column]) for column in sorted(row, reverse=True)})
    except TypeError:
        return row
    if _row(text) == row:
        await cache.set(key, text, ex=60)
    return row


@told(ex.cached_row, "You stored a value for 3600 s; the task says 60")
async def keeps_it_for_an_hour(cache, key, load):
    text = await cache.get(key)
    if text is not None:
        return _row(text)
    row = await load(key)
    text = json.dumps({column: _pair(value) for column, value in row.items()})
    await cache.set(key, text, ex=3600)
    return row


@told(ex.cached_row, "`bool` of any text but the empty one is True")
async def makes_all_of_texts(cache, key, load):
    make = {"bool": bool, "datetime": datetime.fromisoformat, "Decimal": Decimal, "float": float, "int": int}
    make |= {"NoneType": lambda _: None, "str": str}
    text = await cache.get(key)
    if text is not None:
        return {column: make[kind](value) for column, (kind, value) in json.loads(text).items()}
    row = await load(key)
    await cache.set(key, json.dumps({name: (type(each).__name__, str(each)) for name, each in row.items()}), ex=60)
    return row


@told(ex.cached_row, "A float has other digits than a Decimal")
async def decimal_of_a_float(cache, key, load):
    def encoded(value):
        if isinstance(value, Decimal):
            return "Decimal", float(value)
        return ("datetime", value.isoformat()) if isinstance(value, datetime) else ("", value)

    make = {"": lambda value: value, "Decimal": Decimal, "datetime": datetime.fromisoformat}
    text = await cache.get(key)
    if text is not None:
        return {column: make[kind](value) for column, (kind, value) in json.loads(text).items()}
    row = await load(key)
    await cache.set(key, json.dumps({column: encoded(value) for column, value in row.items()}), ex=60)
    return row


@told(ex.cached_read, "The value was in the healthy cache at 5 s, and it was loaded again")
async def loads_beside_the_cache(cache, breaker, key, load):
    now = asyncio.get_running_loop().time
    if now() < breaker.retry_at:
        return await load(key)
    loading = asyncio.create_task(load(key))
    try:
        async with asyncio.timeout(0.5):
            value = await cache.get(key)
        if value is not None:
            loading.cancel()
            return value
        value = await loading
        async with asyncio.timeout(0.5):
            await cache.set(key, value, ex=60)
    except (TimeoutError, redis.RedisError):
        breaker.retry_at = now() + 5
    return await loading


@told(ex.cached_prices, "this was still running: set")
async def commits_and_tells_together(db, cache):
    async def read(name):
        token = await cache.get(f"token of {name}")
        found = await cache.get(name)
        if found and found[0] == token:
            return found[1]
        price = await db.select(name)
        await cache.set(name, (token, price))
        return price

    async def write(name, price):
        await asyncio.gather(db.update(name, price), cache.set(f"token of {name}", uuid4().hex))

    return read, write
