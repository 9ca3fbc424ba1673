"""Wrong answers to the exercises of lesson 13a, as learners write them: each must get its own sentence."""

import asyncio
import json
from contextlib import aclosing

from aiohttp import web

from course_lib.exercises import lesson_13a as ex
from wrong_answers import told

# load_with


@told(ex.load_with, "count from when it was due")
async def from_when_it_was_sent(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number):
        async with free:
            begun = now()
            try:
                await request()
            except Exception:
                return
            took[number] = now() - begun

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            await asyncio.sleep(start + number / rate - now())
            group.create_task(one(number))
    return took


@told(ex.load_with, "In an open loop nobody waits for another's answer")
async def a_closed_loop(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, took = now(), []
    for number in range(rate * seconds):
        due = start + number / rate
        await asyncio.sleep(due - now())
        try:
            await request()
            took.append(now() - due)
        except Exception:
            took.append(None)
    return took


@told(ex.load_with, "requests were under way at one time")
async def as_many_as_come(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start = now()
    took = [None] * (rate * seconds)

    async def one(number, due):
        try:
            await request()
        except Exception:
            return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "not in the order in which the requests were due")
async def in_the_order_of_the_answers(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free, took = now(), asyncio.Semaphore(connections), []

    async def one(due):
        async with free:
            try:
                await request()
                took.append(now() - due)
            except Exception:
                took.append(None)

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(due))
    return took


@told(ex.load_with, "the clock does not begin at 0")
async def as_the_lesson_does(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    free = asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = number / rate
            await asyncio.sleep(max(0, due - now()))
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "An exception came out while others were still at work")
async def a_failure_ends_it(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)

    async def one(due):
        async with free:
            await request()
        return now() - due

    tasks = []
    for number in range(rate * seconds):
        due = start + number / rate
        await asyncio.sleep(due - now())
        tasks.append(asyncio.create_task(one(due)))
    return await asyncio.gather(*tasks)


@told(ex.load_with, "None stands in its place, and the load goes on")
async def a_failure_ends_the_group(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            await request()
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "One that failed has None in its place")
async def leaves_failures_out(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free, took = now(), asyncio.Semaphore(connections), {}

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return [took[number] for number in sorted(took)]


@told(ex.load_with, "a request that failed has None in its place")
async def a_failure_is_an_answer(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception as error:
                print(error)
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "request 0 is due at the call, and it was sent 7 s later")
async def all_at_the_end(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)

    async def one(due):
        async with free:
            try:
                await request()
            except Exception:
                return None
        return now() - due

    calls = []
    for number in range(rate * seconds):
        due = start + number / rate
        await asyncio.sleep(due - now())
        calls.append(one(due))
    return list(await asyncio.gather(*calls))


@told(ex.load_with, "this was still running")
async def tasks_that_nobody_holds(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)

    async def one(due):
        async with free:
            try:
                await request()
            except Exception:
                return None
        return now() - due

    tasks = []
    for number in range(rate * seconds):
        due = start + number / rate
        await asyncio.sleep(due - now())
        tasks.append(asyncio.create_task(one(due)))
    return [await task for task in tasks]


@told(ex.load_with, "holds the loop for 1.25 s: your latencies count from when a request was sent")
async def due_when_it_is_sent(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            await asyncio.sleep(start + number / rate - now())
            group.create_task(one(number, now()))
    return took


@told(ex.load_with, "caught that, as if the request had failed: `except Exception` lets CancelledError through")
async def a_cancellation_is_a_failure(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except (Exception, asyncio.CancelledError):
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "request 0 is due at the call, and it was sent 1 s later")
async def numbers_from_one(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + (number + 1) / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "You, or a `gather` of yours, cancelled one")
async def gather_alone(request, rate, seconds, connections):
    loop = asyncio.get_running_loop()
    start, free = loop.time(), asyncio.Semaphore(connections)

    async def one(due):
        await asyncio.sleep(due - loop.time())
        async with free:
            try:
                await request()
            except Exception:
                return None
        return loop.time() - due

    return await asyncio.gather(*(one(start + number / rate) for number in range(rate * seconds)))


@told(ex.load_with, "Send a request as soon as it is due and a connection is free")
async def due_by_the_wrong_sum(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number * rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "Send a request as soon as it is due and a connection is free")
async def asks_again_and_again_for_a_connection(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, busy = now(), 0
    took = [None] * (rate * seconds)

    async def one(number, due):
        nonlocal busy
        while busy >= connections:
            await asyncio.sleep(0.01)
        busy += 1
        try:
            await request()
            took[number] = now() - due
        except Exception:
            pass
        finally:
            busy -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


@told(ex.load_with, "it ended at 4 s, after 1 more request: cancel what is under way")
async def waits_for_all_when_cancelled(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free, tasks = now(), asyncio.Semaphore(connections), []

    async def one(due):
        async with free:
            try:
                await request()
            except Exception:
                return None
        return now() - due

    try:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            tasks.append(asyncio.create_task(one(due)))
        return await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        await asyncio.wait(tasks)
        raise


@told(ex.load_with, "it ended at 1.5 s: cancel what is under way")
async def waits_a_while_when_cancelled(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        try:
            for number in range(rate * seconds):
                due = start + number / rate
                await asyncio.sleep(due - now())
                group.create_task(one(number, due))
        except asyncio.CancelledError:
            await asyncio.sleep(0.25)
            raise
    return took


# guard


def refuse(status, why, headers=None):
    return web.json_response({"error": why}, status=status, headers=headers)


@told(ex.guard, "answer with `web.json_response")
async def no_answers_for_errors(request, handler, places, patience, seconds):
    async with places, asyncio.timeout(seconds):
        return await handler(request)


@told(ex.guard, "found no place within its patience, and its handler was called")
async def waits_for_ever_for_a_place(request, handler, places, patience, seconds):
    async with places:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await handler(request)
        except web.HTTPError as error:
            return refuse(error.status, error.reason)
        except web.HTTPException:
            raise
        except Exception:
            return refuse(504 if limit.expired() else 500, "sorry")


@told(ex.guard, "could have a place at")
async def refuses_at_once(request, handler, places, patience, seconds):
    if places.locked():
        return refuse(503, "no place", {"Retry-After": "1"})
    async with places:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await handler(request)
        except web.HTTPError as error:
            return refuse(error.status, error.reason)
        except web.HTTPException:
            raise
        except Exception:
            return refuse(504 if limit.expired() else 500, "sorry")


@told(ex.guard, "That was the handler's own exception, and not your limit")
async def every_timeout_is_the_limit(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds):
            return await handler(request)
    except TimeoutError:
        return refuse(504, "no answer in time")
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(500, "our mistake")
    finally:
        places.release()


@told(ex.guard, "given back. Give back what you have taken")
async def keeps_the_place_when_it_fails(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            response = await handler(request)
        places.release()
        return response
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")


@told(ex.guard, "found no place, and its answer is to have the header Retry-After")
async def does_not_say_when(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place")
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "A redirection is an HTTPException, too, and no error")
async def a_redirection_is_a_bug(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "read what was raised")
async def tells_all(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception as error:
        return refuse(504 if limit.expired() else 500, repr(error))
    finally:
        places.release()


@told(ex.guard, "who waits for a place uses none of them")
async def one_limit_for_both(request, handler, places, patience, seconds):
    taken = False
    try:
        async with asyncio.timeout(seconds) as limit:
            try:
                async with asyncio.timeout(patience):
                    await places.acquire()
                    taken = True
            except TimeoutError:
                return refuse(503, "no place", {"Retry-After": "1"})
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        if taken:
            places.release()


@told(ex.guard, "let CancelledError through")
async def answers_who_has_left(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except BaseException:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "return the response itself")
async def another_response(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            response = await handler(request)
        return web.Response(text=response.text, status=response.status)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


async def tells(request, handler, places, patience, seconds, refused):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception as error:
        return refuse(504, "sorry") if limit.expired() else refused(error)
    finally:
        places.release()


@told(ex.guard, "read what was raised")
async def tells_it_in_a_header(request, handler, places, patience, seconds):
    def refused(error):
        return refuse(500, "our mistake", {"X-Why": repr(error)})

    return await tells(request, handler, places, patience, seconds, refused)


@told(ex.guard, "read what was raised")
async def tells_its_class(request, handler, places, patience, seconds):
    def refused(error):
        return refuse(500, type(error).__name__)

    return await tells(request, handler, places, patience, seconds, refused)


@told(ex.guard, "The header Retry-After has the value 1: a header is a text, '1'")
async def a_number_for_a_header(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": 1})
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "a place was given back that was never taken")
async def gives_back_what_it_had_not(request, handler, places, patience, seconds):
    place = False
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
        place = True
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        if not place:
            return refuse(503, "no place", {"Retry-After": "1"})
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "and was to be answered at 2 s, and was at 2.251 s")
async def the_two_limits_swapped(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(seconds):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(patience) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "aiohttp makes a 504 of a TimeoutError that leaves your function: answer it with a 500")
async def passes_a_timeout_on(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as ours:
            return await handler(request)
    except TimeoutError:
        if not ours.expired():
            raise
        return refuse(504, "no answer in time")
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(500, "our mistake")
    finally:
        places.release()


@told(ex.guard, "aiohttp makes a 504 of a TimeoutError that leaves your function: answer it with a 503")
async def no_answer_for_who_waited(request, handler, places, patience, seconds):
    async with asyncio.timeout(patience):
        await places.acquire()
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.reason)
    except web.HTTPException:
        raise
    except Exception:
        return refuse(504 if limit.expired() else 500, "sorry")
    finally:
        places.release()


@told(ex.guard, "A place that was taken was not given back")
async def keeps_the_place_of_who_left(request, handler, places, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            response = await handler(request)
    except web.HTTPError as error:
        response = refuse(error.status, error.reason)
    except web.HTTPException:
        places.release()
        raise
    except Exception:
        response = refuse(504 if limit.expired() else 500, "sorry")
    places.release()
    return response


# stream_rows

KIND = "application/x-ndjson"


@told(ex.stream_rows, "write each row as it comes")
async def joins_them(request, rows):
    async with aclosing(rows):
        lines = [json.dumps(row) + "\n" async for row in rows]
    return web.Response(text="".join(lines), content_type=KIND)


@told(ex.stream_rows, "The content type was")
async def no_type(request, rows):
    response = web.StreamResponse()
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                await response.prepare(request)
            await response.write(json.dumps(row).encode() + b"\n")
    return response


@told(ex.stream_rows, "`prepare` when the first row has come")
async def prepares_at_once(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    await response.prepare(request)
    async with aclosing(rows):
        async for row in rows:
            await response.write(json.dumps(row).encode() + b"\n")
    return response


@told(ex.stream_rows, "ended as if those were all: let the exception leave your function")
async def hides_the_failure(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        try:
            async for row in rows:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(json.dumps(row).encode() + b"\n")
        except Exception:
            if not response.prepared:
                raise
    return response


@told(ex.stream_rows, "`rows` was not closed")
async def does_not_close(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async for row in rows:
        if not response.prepared:
            await response.prepare(request)
        await response.write(json.dumps(row).encode() + b"\n")
    return response


@told(ex.stream_rows, "`rows` was not closed")
async def closes_where_all_is_well(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async for row in rows:
        if not response.prepared:
            await response.prepare(request)
        await response.write(json.dumps(row).encode() + b"\n")
    await rows.aclose()
    return response


@told(ex.stream_rows, "a line of JSON for each")
async def no_lines(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                await response.prepare(request)
            await response.write(json.dumps(row).encode())
    return response


@told(ex.stream_rows, "a line of JSON for each")
async def pythons_words(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                await response.prepare(request)
            await response.write(f"{row}\n".encode())
    return response


@told(ex.stream_rows, "and its caller never had it")
async def drops_what_is_false(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                await response.prepare(request)
            if row:
                await response.write(json.dumps(row).encode() + b"\n")
    return response


@told(ex.stream_rows, "it returned: let CancelledError through")
async def returns_to_nobody(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        try:
            async for row in rows:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(json.dumps(row).encode() + b"\n")
        except asyncio.CancelledError:
            pass
    return response


@told(ex.stream_rows, "answered with a 500 of its own: let the exception leave your function")
async def its_own_500(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        try:
            async for row in rows:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(json.dumps(row).encode() + b"\n")
        except Exception:
            if response.prepared:
                raise
            return web.json_response({"error": "our mistake"}, status=500)
    return response


@told(ex.stream_rows, "There were no rows, and the content type was")
async def a_type_with_the_first_row(request, rows):
    response = web.StreamResponse()
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                response.content_type = KIND
                await response.prepare(request)
            await response.write(json.dumps(row).encode() + b"\n")
    return response


@told(ex.stream_rows, "and your function returned: let the exception leave your function")
async def breaks_off_by_hand(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        try:
            async for row in rows:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(json.dumps(row).encode() + b"\n")
        except Exception:
            if not response.prepared:
                raise
            request.transport.close()
    return response


@told(ex.stream_rows, "in its place: pass on the exception itself")
async def wraps_the_failure(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        try:
            async for row in rows:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(json.dumps(row).encode() + b"\n")
        except Exception as error:
            raise RuntimeError("the rows failed") from error
    return response


@told(ex.stream_rows, "left your function, but the answer had its end already: `write_eof` says that those were all")
async def ends_it_in_a_finally(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        try:
            async for row in rows:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(json.dumps(row).encode() + b"\n")
        finally:
            if response.prepared:
                await response.write_eof()
    return response


@told(ex.stream_rows, f"set `response.content_type` to {KIND}, before you prepare it")
async def a_type_after_the_head(request, rows):
    response = web.StreamResponse()
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                await response.prepare(request)
            response.content_type = KIND
            await response.write(json.dumps(row).encode() + b"\n")
    return response


@told(ex.stream_rows, "There were no rows, and the status was 204: it is a 200")
async def no_content(request, rows):
    response = None
    async with aclosing(rows):
        async for row in rows:
            if response is None:
                response = web.StreamResponse(headers={"Content-Type": KIND})
                await response.prepare(request)
            await response.write(json.dumps(row).encode() + b"\n")
    return response or web.Response(status=204)


@told(ex.stream_rows, "and its caller never had it; it had 1 line.")
async def returns_after_one(request, rows):
    response = web.StreamResponse(headers={"Content-Type": KIND})
    async with aclosing(rows):
        async for row in rows:
            await response.prepare(request)
            await response.write(json.dumps(row).encode() + b"\n")
            return response
    return response
