"""Right answers to the exercises of lesson 13a, in other styles than the solutions."""

import asyncio
import json

from aiohttp import web

from course_lib.exercises import lesson_13a as ex
from right_answers import right

# load_with


@right(ex.load_with)
async def workers_share_the_numbers(request, rate, seconds, connections):
    loop = asyncio.get_running_loop()
    start, took = loop.time(), [None] * (rate * seconds)
    numbers = iter(range(rate * seconds))

    async def worker():
        for number in numbers:
            due = start + number / rate
            await asyncio.sleep(max(0, due - loop.time()))
            try:
                await request()
                took[number] = loop.time() - due
            except Exception:
                took[number] = None

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(worker())
    return took


@right(ex.load_with)
async def a_task_each_that_waits_for_its_time(request, rate, seconds, connections):
    loop = asyncio.get_running_loop()
    start, slots = loop.time(), asyncio.Semaphore(connections)

    async def one(number):
        due = start + number / rate
        await asyncio.sleep(due - loop.time())
        async with slots:
            try:
                await request()
            except Exception:
                return None
        return loop.time() - due

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(rate * seconds)]
    return [task.result() for task in tasks]


@right(ex.load_with)
async def a_queue_and_workers(request, rate, seconds, connections):
    loop = asyncio.get_running_loop()
    start, queue, took = loop.time(), asyncio.Queue(), {}

    async def worker():
        while (item := await queue.get()) is not None:
            number, due = item
            try:
                await request()
                took[number] = loop.time() - due
            except Exception:
                took[number] = None

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(worker())
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - loop.time())
            queue.put_nowait((number, due))
        for _ in range(connections):
            queue.put_nowait(None)
    return [took[number] for number in range(rate * seconds)]


@right(ex.load_with)
async def waits_for_a_connection_before_it_sends(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        try:
            await request()
            took[number] = now() - due
        except Exception:
            pass
        finally:
            free.release()

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            await free.acquire()
            group.create_task(one(number, due))
    return took


# guard


def refuse(status, headers=None):
    return web.json_response({"error": "sorry"}, status=status, headers=headers)


@right(ex.guard)
async def by_wait_for(request, handler, places, patience, seconds):
    try:
        await asyncio.wait_for(places.acquire(), patience)
    except TimeoutError:
        return refuse(503, {"Retry-After": "1"})
    working = asyncio.ensure_future(handler(request))
    try:
        done, _ = await asyncio.wait([working], timeout=seconds)
        if not done:
            return refuse(504)
        return working.result()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return refuse(error.status)
    except Exception:
        return refuse(500)
    finally:
        working.cancel()
        await asyncio.wait([working])
        places.release()


@right(ex.guard)
async def one_function_for_the_place(request, handler, places, patience, seconds):
    async def answered():
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await handler(request)
        except Exception as error:
            if isinstance(error, web.HTTPRedirection | web.HTTPSuccessful):
                raise
            if isinstance(error, web.HTTPError):
                return refuse(error.status)
            return refuse(504 if limit.expired() else 500)

    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, {"Retry-After": "1"})
    try:
        return await answered()
    finally:
        places.release()


@right(ex.guard)
async def a_limit_that_moves(request, handler, places, patience, seconds):
    loop, place = asyncio.get_running_loop(), False
    try:
        async with asyncio.timeout(patience) as limit:
            async with places:
                place = True
                limit.reschedule(loop.time() + seconds)
                return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status)
    except web.HTTPException:
        raise
    except Exception:
        if not place:
            return refuse(503, {"Retry-After": "1"})
        return refuse(504 if limit.expired() else 500)


@right(ex.guard)
async def raises_its_refusals(request, handler, places, patience, seconds):
    def refusal(kind, headers=None):
        return kind(text=json.dumps({"error": "sorry"}), content_type="application/json", headers=headers)

    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        raise refusal(web.HTTPServiceUnavailable, {"Retry-After": "1"}) from None
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        raise refusal(type(error)) from None
    except web.HTTPException:
        raise
    except Exception:
        raise refusal(web.HTTPGatewayTimeout if limit.expired() else web.HTTPInternalServerError) from None
    finally:
        places.release()


# stream_rows

KIND = "application/x-ndjson"


@right(ex.stream_rows)
async def closes_in_a_finally(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    try:
        async for row in rows:
            await response.prepare(request)
            await response.write(f"{json.dumps(row)}\n".encode())
        await response.prepare(request)
        await response.write_eof()
    finally:
        await rows.aclose()
    return response


@right(ex.stream_rows)
async def takes_the_first_before(request, rows):
    end = object()
    try:
        row = await anext(rows, end)
        response = web.StreamResponse(headers={"Content-Type": KIND})
        await response.prepare(request)
        while row is not end:
            await response.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            row = await anext(rows, end)
        return response
    finally:
        await rows.aclose()


@right(ex.stream_rows)
async def an_empty_one_apart(request, rows):
    response = None
    try:
        async for row in rows:
            if response is None:
                response = web.StreamResponse()
                response.content_type = KIND
                await response.prepare(request)
            await response.write(json.dumps(row).encode())
            await response.write(b"\n")
    finally:
        await rows.aclose()
    return response or web.Response(content_type=KIND)


@right(ex.stream_rows)
async def a_body_that_is_a_generator(request, rows):
    end = object()

    async def lines(row):
        while row is not end:
            yield json.dumps(row).encode() + b"\n"
            row = await anext(rows, end)

    try:
        response = web.Response(body=lines(await anext(rows, end)), content_type=KIND)
        await response.prepare(request)
        await response.write_eof()
        return response
    finally:
        await rows.aclose()
