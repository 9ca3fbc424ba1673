"""Right answers to the exercises of lesson 13b, in other styles than the solutions."""

import asyncio
import secrets
import uuid
from contextlib import suppress

from course_lib.exercises import lesson_13b as ex
from right_answers import right

# ask_again


@right(ex.ask_again)
async def by_wait_for(send, question, seconds):
    key = str(uuid.uuid4())

    async def ask():
        while True:
            try:
                answer = await send(question, key)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer.id
            if answer.status not in {429, 503}:
                raise ValueError(answer)
            await asyncio.sleep(answer.retry_after)

    return await asyncio.wait_for(ask(), seconds)


@right(ex.ask_again)
async def with_match(send, question, seconds):
    key = secrets.token_urlsafe()
    async with asyncio.timeout(seconds):
        while True:
            pause = 1.0
            try:
                answer = await send(question, key)
                match answer.status:
                    case 202:
                        return answer.id
                    case 429 | 503:
                        pause = answer.retry_after
                    case other:
                        raise ValueError(f"status {other}")
            except ConnectionError:
                pass
            await asyncio.sleep(pause)


@right(ex.ask_again)
async def gives_up_where_no_time_is_left(send, question, seconds):
    clock = asyncio.get_running_loop().time
    end, key = clock() + seconds, "order-" + secrets.token_hex(8)
    while True:
        try:
            async with asyncio.timeout_at(end):
                answer = await send(question, key)
        except ConnectionError:
            pause = 1
        else:
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            pause = answer.retry_after
        if clock() + pause >= end:
            raise TimeoutError("no time is left for another try")
        await asyncio.sleep(pause)


# submit


@right(ex.submit)
async def by_wait_for_and_suppress(database, queue, key, question):
    try:
        new = await database.insert(key, question)
        if not new and question != await database.find(key):
            return 422
    except ConnectionError:
        return 503
    with suppress(ConnectionError, TimeoutError):
        await asyncio.wait_for(queue.enqueue(key), 0.5)
    return 202


@right(ex.submit)
async def enqueues_only_what_is_new(database, queue, key, question):
    try:
        if not await database.insert(key, question):
            return 202 if await database.find(key) == question else 422
    except ConnectionError:
        return 503
    try:
        async with asyncio.timeout(0.5):
            await queue.enqueue(key)
    except (ConnectionError, TimeoutError) as error:
        print("left to the sweep:", error)
    return 202


@right(ex.submit)
async def looks_and_then_believes_insert(database, queue, key, question):
    try:
        stored = await database.find(key)
        if stored is None and not await database.insert(key, question):
            stored = await database.find(key)
    except ConnectionError:
        return 503
    if stored is not None and stored != question:
        return 422
    enqueuing = asyncio.create_task(queue.enqueue(key))
    try:
        await asyncio.wait([enqueuing], timeout=0.5)
    finally:
        enqueuing.cancel()
        await asyncio.wait([enqueuing])
    if not enqueuing.cancelled() and (error := enqueuing.exception()) and not isinstance(error, ConnectionError):
        raise error
    return 202


# through


@right(ex.through)
async def asks_for_the_state(circuit, call):
    now = asyncio.get_running_loop().time
    if circuit.failures < 3:
        state = "closed"
    else:
        state = "open" if now() < circuit.until or circuit.trying else "half-open"
    if state == "open":
        raise ConnectionError("open")
    if state == "half-open":
        circuit.trying = True
    try:
        result = await call()
    except OSError:
        circuit.until = now() + 5
        circuit.failures = circuit.failures + 1
        raise
    except Exception:
        circuit.failures = 0
        raise
    finally:
        if state == "half-open":
            circuit.trying = False
    circuit.failures = 0
    return result


@right(ex.through)
async def looks_at_the_error(circuit, call):
    loop, tries = asyncio.get_running_loop(), circuit.failures > 2
    if tries and (loop.time() < circuit.until or circuit.trying):
        raise ConnectionRefusedError("it has just failed")
    circuit.trying = tries
    try:
        result = await call()
    except Exception as error:
        if isinstance(error, OSError):
            circuit.failures += 1
            circuit.until = loop.time() + 5
        else:
            circuit.failures = 0
        raise
    else:
        circuit.failures = 0
    finally:
        circuit.trying = circuit.trying and not tries
    return result


@right(ex.through)
async def may_try_at_the_very_moment(circuit, call):
    now = asyncio.get_running_loop().time
    tries = circuit.failures >= 3
    if tries and (circuit.trying or now() <= circuit.until):
        raise ConnectionError("open")
    began = circuit.until
    if tries:
        circuit.trying = True
    try:
        result = await call()
    except OSError:
        if tries or circuit.until == began:
            circuit.failures, circuit.until = circuit.failures + 1, now() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    else:
        if tries or circuit.failures < 3:  # an old call's success is old news
            circuit.failures = 0
        return result
    finally:
        if tries:
            circuit.trying = False


@right(ex.through)
async def holds_others_off_by_the_time(circuit, call):
    clock = asyncio.get_running_loop().time
    if circuit.failures >= 3 and clock() < circuit.until:
        raise ConnectionError("open, or somebody tries")
    before, known = circuit.until, circuit.failures < 3
    if not known:
        circuit.until = float("inf")  # whoever comes while we try
    try:
        result = await call()
        circuit.failures, known = 0, True
        return result
    except OSError:
        circuit.failures, circuit.until, known = circuit.failures + 1, clock() + 5, True
        raise
    except Exception:
        circuit.failures, known = 0, True
        raise
    finally:
        if not known:
            circuit.until = before
