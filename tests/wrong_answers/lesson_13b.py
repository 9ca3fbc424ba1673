"""Wrong answers to the exercises of lesson 13b, as learners write them: each must get its own sentence."""

import asyncio
import random
import time
import uuid
from itertools import count, cycle

from course_lib.exercises import lesson_13b as ex
from wrong_answers import told

# ask_again


@told(ex.ask_again, "2 tries had 2 keys: where the first was accepted and its answer lost, there are two crawls now")
async def a_key_for_each_try(send, question, seconds):
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await send(question, uuid.uuid4().hex)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            await asyncio.sleep(answer.retry_after)


def asks(key=lambda question: uuid.uuid4().hex, pause=lambda answer: answer.retry_after, lost=1.0, again=(429, 503)):
    """Return an answer that is right but for what is given."""

    async def ask_again(send, question, seconds):
        mine = key(question)
        async with asyncio.timeout(seconds):
            while True:
                try:
                    answer = await send(question, mine)
                except ConnectionError:
                    await asyncio.sleep(lost)
                    continue
                if answer.status == 202:
                    return answer.id
                if answer.status not in again:
                    raise ValueError(answer.status)
                await asyncio.sleep(pause(answer))

    return ask_again


told(ex.ask_again, "Two calls of your function used the same key, so the second got the first one's crawl")(
    asks(key=lambda question: question["url"])
)
told(ex.ask_again, "The key was UUID(")(asks(key=lambda question: uuid.uuid4()))
told(ex.ask_again, "The key was ' my key'")(asks(key=lambda question: " my key"))
told(ex.ask_again, "Two calls of your function used the same key")(asks(key=lambda question: str(id(question))))
numbers = count()
few = cycle(random.Random(1).sample(range(1000), 1000))  # drawn by chance, but no two alike in one check
for key in (lambda _: str(next(numbers)), lambda _: f"{next(few)}", lambda _: f"call-{next(numbers)}"):
    told(ex.ask_again, "another process may make the same ones. Draw the key by chance, long enough")(asks(key=key))
for clock_of in (lambda: asyncio.get_running_loop().time(), lambda: time.time_ns()):
    told(ex.ask_again, "Two calls of your function ran at once, and had the same key, such as one made of the time")(
        asks(key=lambda question, clock_of=clock_of: f"order-{clock_of()}")
    )
nanoseconds = count(1_764_416_072_123_456_789, 41_237)  # of a clock that is not virtual
told(ex.ask_again, "another process may make the same ones. Draw the key by chance, long enough")(
    asks(key=lambda question: str(next(nanoseconds)))
)
KEY = ""


@told(ex.ask_again, "Two calls of your function ran at once, and one used the other's key: keep the key in a local")
async def a_key_for_the_process(send, question, seconds):
    global KEY
    KEY = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await send(question, KEY)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            await asyncio.sleep(answer.retry_after)


def takes(raises, returns=lambda status: status == 202):
    """Return an answer that is right but for the statuses at which it raises, and at which it returns."""

    async def ask_again(send, question, seconds):
        key = uuid.uuid4().hex
        async with asyncio.timeout(seconds):
            while True:
                try:
                    answer = await send(question, key)
                except ConnectionError:
                    await asyncio.sleep(1)
                    continue
                if returns(answer.status):
                    return answer.id
                if raises(answer):
                    raise ValueError(answer.status)
                if answer.retry_after is None:
                    return answer.id
                await asyncio.sleep(answer.retry_after)

    return ask_again


told(ex.ask_again, "The answer was 408: only 429 and 503 say that asking again helps")(
    takes(lambda answer: answer.status in (400, 404, 422))
)
told(ex.ask_again, "The answer was 408: only 429 and 503 say that asking again helps")(
    takes(lambda answer: answer.status in (400, 404, 422) or answer.status < 400)
)
told(ex.ask_again, "The answer was 500: only 429 and 503 say that asking again helps")(
    takes(lambda answer: answer.status not in (429,) and answer.status < 500)
)
told(ex.ask_again, "The answer was 200, and you returned None: raise ValueError")(
    takes(lambda answer: answer.status not in (429, 503), lambda status: 200 <= status < 400)
)
told(ex.ask_again, "only 429 and 503 say that asking again helps")(takes(lambda answer: not answer.retry_after))
told(ex.ask_again, "said to ask again after 3 s; you asked after 1 s, earlier than that: wait `answer.retry_after`")(
    asks(pause=lambda answer: 1)
)
told(ex.ask_again, "No answer came, and you asked again after 0 s: wait one second")(asks(lost=0))
told(ex.ask_again, "The answer was 422: only 429 and 503 say that asking again helps")(
    asks(again=(429, 503, 422), pause=lambda answer: answer.retry_after or 1)
)
told(ex.ask_again, "After status 429 you raised ValueError: ask again, until the status is 202")(asks(again=(503,)))


@told(ex.ask_again, "`send` raised ConnectionError, and you passed it on: no answer came, so ask again")
async def does_not_catch(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while (answer := await send(question, key)).status != 202:
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            await asyncio.sleep(answer.retry_after)
        return answer.id


@told(ex.ask_again, "You had 30.1 s for all tries together, and ended after 30.25 s")
async def a_limit_for_each_try(send, question, seconds):
    key = uuid.uuid4().hex
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        try:
            async with asyncio.timeout(seconds):
                answer = await send(question, key)
            pause = answer.retry_after
        except ConnectionError:
            pause = 1
        else:
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
        await asyncio.sleep(min(pause, end - asyncio.get_running_loop().time()))
    raise TimeoutError


@told(ex.ask_again, "You had 40.1 s for all tries together, and had not ended after 60 s: one limit around all of them")
async def catches_the_limit(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await send(question, key)
                if answer.status == 202:
                    return answer.id
                if answer.status not in (429, 503):
                    raise ValueError(answer.status)
                await asyncio.sleep(answer.retry_after)
            except ValueError:
                raise
            except BaseException:
                await asyncio.sleep(1)


@told(ex.ask_again, "You had 40.1 s for all tries together, and had not ended after 60 s: one limit around all of them")
async def no_limit(send, question, seconds):
    key = uuid.uuid4().hex
    while True:
        try:
            answer = await send(question, key)
        except ConnectionError:
            await asyncio.sleep(1)
            continue
        if answer.status == 202:
            return answer.id
        if answer.status not in (429, 503):
            raise ValueError(answer.status)
        await asyncio.sleep(answer.retry_after)


@told(ex.ask_again, "After 40.1 s the time for all tries was over, and you returned '': raise TimeoutError")
async def hides_the_end(send, question, seconds):
    key = uuid.uuid4().hex
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    answer = await send(question, key)
                except ConnectionError:
                    await asyncio.sleep(1)
                    continue
                if answer.status == 202:
                    return answer.id
                if answer.status not in (429, 503):
                    raise ValueError(answer.status)
                await asyncio.sleep(answer.retry_after)
    except TimeoutError:
        return ""


def tries(most):
    async def ask_again(send, question, seconds):
        key = uuid.uuid4().hex
        async with asyncio.timeout(seconds):
            for _ in range(most):
                try:
                    answer = await send(question, key)
                except ConnectionError:
                    await asyncio.sleep(1)
                    continue
                if answer.status == 202:
                    return answer.id
                if answer.status not in (429, 503):
                    raise ValueError(answer.status)
                await asyncio.sleep(answer.retry_after)
            raise TimeoutError

    return ask_again


told(ex.ask_again, "you raised TimeoutError: ask again, until the status is 202")(tries(3))
told(ex.ask_again, "You gave up after 22.5 s of 40.1 s: there was time to ask again")(tries(10))


@told(ex.ask_again, "`send` raised LookupError, and you")
async def catches_everything(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await send(question, key)
            except Exception:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            await asyncio.sleep(answer.retry_after)


@told(ex.ask_again, "raised LookupError, and you returned 'crawl 1': only a ConnectionError means that no answer came")
async def retries_in_the_background(send, question, seconds):
    key = uuid.uuid4().hex

    async def ask():
        while True:
            try:
                answer = await send(question, key)
            except Exception:
                await asyncio.sleep(1)
                continue
            if answer.status in (429, 503):
                await asyncio.sleep(answer.retry_after)
                continue
            if answer.status != 202:
                raise ValueError(answer.status)
            return answer.id

    return await asyncio.wait_for(ask(), seconds)


@told(ex.ask_again, "`send(question, key)` gives a coroutine: `answer = await send(question, key)`")
async def forgets_to_await(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while (answer := send(question, key)).status != 202:
            await asyncio.sleep(answer.retry_after)
        return answer.id


@told(ex.ask_again, "You gave up after 20 s of 40.1 s: there was time to ask again")
async def as_many_tries_as_seconds(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        for _ in range(int(seconds)):
            try:
                answer = await send(question, key)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            await asyncio.sleep(answer.retry_after)
    raise TimeoutError


@told(ex.ask_again, "`send` raised TimeoutError, and you raised another TimeoutError: only a ConnectionError means")
async def words_the_end_anew(send, question, seconds):
    try:
        return await asks()(send, question, seconds)
    except TimeoutError:
        raise TimeoutError("no time is left") from None


@told(ex.ask_again, "The answer was 400, and you returned None: raise ValueError")
async def is_silent_about_a_mistake(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await send(question, key)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer.id
            if answer.status not in (429, 503):
                return None
            await asyncio.sleep(answer.retry_after)


@told(ex.ask_again, "return `answer.id`, the crawl's id")
async def returns_the_answer(send, question, seconds):
    key = uuid.uuid4().hex
    async with asyncio.timeout(seconds):
        while True:
            try:
                answer = await send(question, key)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if answer.status == 202:
                return answer
            if answer.status not in (429, 503):
                raise ValueError(answer.status)
            await asyncio.sleep(answer.retry_after)


# submit


def accepts(
    written=lambda database, key, question: database.insert(key, question),
    enqueue=lambda queue, key: asyncio.wait_for(queue.enqueue(key), 0.5),
    away=(ConnectionError, TimeoutError),
    other=422,
):
    """Return an answer that is right but for what is given."""

    async def submit(database, queue, key, question):
        try:
            if not await written(database, key, question) and await database.find(key) != question:
                return other
        except ConnectionError:
            return 503
        try:
            await enqueue(queue, key)
        except away:
            pass
        return 202

    return submit


async def looks_first(database, key, question):
    if await database.find(key) is not None:
        return False
    await database.insert(key, question)
    return True


told(ex.submit, "Two questions came at the same moment under one key; you returned [202, 202]")(
    accepts(written=looks_first)
)
told(
    ex.submit, "The queue was away, and ConnectionError left your function: it is written down, and the sweep enqueues"
)(accepts(away=(TimeoutError,)))
told(ex.submit, "The queue did not answer, and TimeoutError left your function: it is written down")(
    accepts(away=(ConnectionError,))
)
told(ex.submit, "The queue did not answer, and the caller waited 5.125 s for its answer: give the queue 0.5 s")(
    accepts(enqueue=lambda queue, key: asyncio.wait_for(queue.enqueue(key), 5))
)
told(ex.submit, "The queue took 0.44 s, and you did not wait for it: it has half a second")(
    accepts(enqueue=lambda queue, key: asyncio.wait_for(queue.enqueue(key), 0.25))
)
told(
    ex.submit,
    "`enqueue` raised LookupError, and you returned 202: only ConnectionError, and no answer in half a second",
)(accepts(away=(Exception,)))
told(ex.submit, "with another question, and you returned 202 instead of 422")(accepts(other=202))
told(ex.submit, "`enqueue` raised OSError, and you returned 202: only ConnectionError")(accepts(away=(OSError,)))
told(ex.submit, "`enqueue` raised ValueError, and you returned 202: only ConnectionError")(
    accepts(away=(ConnectionError, TimeoutError, ValueError))
)


@told(ex.submit, "with another question, and you returned 202 instead of 422")
async def compares_the_url(database, queue, key, question):
    try:
        if not await database.insert(key, question) and (await database.find(key))["url"] != question.get("url"):
            return 422
    except ConnectionError:
        return 503
    try:
        await asyncio.wait_for(queue.enqueue(key), 0.5)
    except (ConnectionError, TimeoutError):
        pass
    return 202


SEEN = {}


@told(
    ex.submit, "with the same question, and you returned 422 instead of 202: it is the same crawl, and another process"
)
async def remembers_instead_of_finding(database, queue, key, question):
    try:
        if await database.insert(key, question):
            SEEN[key] = question
        elif SEEN.get(key) != question:
            return 422
    except ConnectionError:
        return 503
    try:
        await asyncio.wait_for(queue.enqueue(key), 0.5)
    except (ConnectionError, TimeoutError):
        pass
    return 202


FIRST = {}


@told(ex.submit, "A new question came, and you returned 422 instead of 202: its key is not in this database")
async def remembers_before_it_inserts(database, queue, key, question):
    if FIRST.setdefault(key, question) != question:
        return 422
    try:
        if not await database.insert(key, question) and await database.find(key) != question:
            return 422
    except ConnectionError:
        return 503
    try:
        await asyncio.wait_for(queue.enqueue(key), 0.5)
    except (ConnectionError, TimeoutError):
        pass
    return 202


@told(
    ex.submit, "`find` raised LookupError, and you returned 503: only ConnectionError means that the database is away"
)
async def takes_any_failed_look_for_away(database, queue, key, question):
    try:
        new = await database.insert(key, question)
    except ConnectionError:
        return 503
    try:
        if not new and await database.find(key) != question:
            return 422
    except Exception:
        return 503
    try:
        await asyncio.wait_for(queue.enqueue(key), 0.5)
    except (ConnectionError, TimeoutError):
        pass
    return 202


@told(ex.submit, "The queue did not answer, and the caller still waited after 60 s: give the queue 0.5 s")
async def waits_for_the_queue(database, queue, key, question):
    if not await database.insert(key, question) and await database.find(key) != question:
        return 422
    try:
        await queue.enqueue(key)
    except ConnectionError:
        pass
    return 202


@told(ex.submit, "'k' was enqueued before it was written down: who is killed in between leaves a job that nobody knows")
async def enqueues_first(database, queue, key, question):
    await queue.enqueue(key)
    await database.insert(key, question)
    return 202


@told(ex.submit, "'k' was enqueued before it was written down")
async def does_both_at_once(database, queue, key, question):
    new, _ = await asyncio.gather(database.insert(key, question), queue.enqueue(key))
    return 202 if new or await database.find(key) == question else 422


@told(
    ex.submit, "The queue was away, and you returned 503 instead of 202: it is written down, and the sweep enqueues it"
)
async def one_error_for_both(database, queue, key, question):
    try:
        if not await database.insert(key, question) and await database.find(key) != question:
            return 422
        async with asyncio.timeout(0.5):
            await queue.enqueue(key)
    except (ConnectionError, TimeoutError):
        return 503
    return 202


@told(ex.submit, "The key was there, with the same question, and you returned 422 instead of 202: it is the same crawl")
async def takes_no_key_twice(database, queue, key, question):
    if not await database.insert(key, question):
        return 422
    await queue.enqueue(key)
    return 202


@told(ex.submit, "The database was away at `insert`, and ConnectionError left your function: return 503")
async def lets_the_database_fail(database, queue, key, question):
    if not await database.insert(key, question) and await database.find(key) != question:
        return 422
    try:
        async with asyncio.timeout(0.5):
            await queue.enqueue(key)
    except (ConnectionError, TimeoutError):
        pass
    return 202


@told(ex.submit, "You returned 202, and the key was enqueued never")
async def leaves_all_to_the_sweep(database, queue, key, question):
    return 202 if await database.insert(key, question) or await database.find(key) == question else 422


@told(ex.submit, "First `await database.insert(key, question)`, then `enqueue`")
async def forgets_to_await_the_database(database, queue, key, question):
    try:
        if not database.insert(key, question):
            return 422
    except ConnectionError:
        return 503
    try:
        await asyncio.wait_for(queue.enqueue(key), 0.5)
    except (ConnectionError, TimeoutError):
        pass
    return 202


told(ex.submit, "The queue did not answer, and the caller waited 0.725 s for its answer: give the queue 0.5 s")(
    accepts(enqueue=lambda queue, key: asyncio.wait_for(queue.enqueue(key), 0.6))
)


@told(ex.submit, "When it returned 202, this was still running")
async def enqueues_in_the_background(database, queue, key, question):
    if not await database.insert(key, question) and await database.find(key) != question:
        return 422
    enqueuing = asyncio.create_task(queue.enqueue(key), name="enqueue")
    return 202 if enqueuing else 503


# through


def clock():
    return asyncio.get_running_loop().time()


@told(
    ex.through, "Three failures in a row: at 0.75 s the circuit was open, and it returned 'ok': raise ConnectionError"
)
async def calls_and_counts(circuit, call):
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        raise
    circuit.failures = 0
    return result


@told(ex.through, "Three failures in a row: at 0.75 s the circuit was open, and it returned 'ok'")
async def always_calls(circuit, call):
    return await call()


@told(ex.through, "Its pause of 5 s was over: half-open, one may try")
async def never_closes(circuit, call):
    if circuit.failures >= 3:
        raise ConnectionError
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        raise
    except Exception:
        circuit.failures = 0
        raise
    circuit.failures = 0
    return result


@told(ex.through, "It opens after 3 failures in a row, not before")
async def opens_at_the_second(circuit, call):
    if circuit.failures >= 2 and clock() < circuit.until:
        raise ConnectionError
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    circuit.failures = 0
    return result


@told(ex.through, "the call was to be made, and you refused it")
async def counts_all_failures(circuit, call):
    if circuit.failures >= 3 and clock() < circuit.until:
        raise ConnectionError
    try:
        return await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise


@told(ex.through, "while it did another one was let through: until it is known how the first one ended")
async def lets_all_try(circuit, call):
    if circuit.failures >= 3 and clock() < circuit.until:
        raise ConnectionError
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    circuit.failures = 0
    return result


@told(ex.through, "who tried was cancelled, and after that nobody may try")
async def forgets_a_cancelled_try(circuit, call):
    tries = circuit.failures >= 3
    if tries and (circuit.trying or clock() < circuit.until):
        raise ConnectionError
    circuit.trying = tries
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        circuit.trying = False
        raise
    except Exception:
        circuit.failures = 0
        circuit.trying = False
        raise
    circuit.failures = 0
    circuit.trying = False
    return result


def breaker(failures=(OSError,), answers=(Exception,), at=clock):
    """Return a breaker that is right but for what it takes for a failure, for an answer, and from when it pauses."""

    async def through(circuit, call):
        began = clock()
        tries = circuit.failures >= 3
        if tries and (circuit.trying or clock() < circuit.until):
            raise ConnectionError
        circuit.trying = tries
        try:
            result = await call()
            circuit.failures = 0
            return result
        except failures:
            circuit.failures += 1
            circuit.until = (began if at is None else at()) + 5
            raise
        except answers:
            circuit.failures = 0
            raise
        finally:
            if tries:
                circuit.trying = False

    return through


told(ex.through, "at 5.625 s the circuit was open, and it returned 'ok'")(breaker(at=None))
told(ex.through, "A cancellation is no failure: it has told nothing, so the next one tries.")(
    breaker(failures=(OSError, asyncio.CancelledError))
)


@told(ex.through, "Closed, three calls came at once, and one was refused: nothing had failed")
async def one_at_a_time(circuit, call):
    opened = circuit.failures >= 3
    if circuit.trying or (opened and clock() < circuit.until):
        raise ConnectionError
    circuit.trying = True
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    else:
        circuit.failures = 0
        return result
    finally:
        circuit.trying = False


locks = {}


@told(ex.through, "Closed, three calls came at once, of 3, 1 and 2 s, and they took 6 s: all go through at once")
async def one_after_another(circuit, call):
    lock = locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    if circuit.failures >= 3 and (lock.locked() or clock() < circuit.until):
        raise ConnectionError
    async with lock:
        try:
            result = await call()
        except OSError:
            circuit.failures += 1
            circuit.until = clock() + 5
            raise
        except Exception:
            circuit.failures = 0
            raise
        circuit.failures = 0
        return result


@told(ex.through, "A call that had begun while the circuit was closed was cancelled, and another one was let through")
async def anybody_sets_trying_back(circuit, call):
    opened = circuit.failures >= 3
    if opened and (circuit.trying or clock() < circuit.until):
        raise ConnectionError
    circuit.trying = opened
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    else:
        circuit.failures = 0
        return result
    finally:
        circuit.trying = False


@told(ex.through, "Half-open, one tried, and while it did another one was let through")
async def holds_others_off_for_one_pause(circuit, call):
    tries = circuit.failures >= 3
    if tries and clock() < circuit.until:
        raise ConnectionError
    before = circuit.until
    if tries:
        circuit.until = clock() + 5
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    except BaseException:
        if tries:
            circuit.until = before
        raise
    circuit.failures = 0
    return result


failures, until = 0, 0.0


@told(ex.through, "Nothing had come through this circuit before: what you keep belongs in `circuit`")
async def keeps_it_in_globals(circuit, call):
    global failures, until
    if failures >= 3 and clock() < until:
        raise ConnectionError
    try:
        result = await call()
    except OSError:
        failures += 1
        until = clock() + 5
        raise
    except Exception:
        failures = 0
        raise
    failures = 0
    return result


@told(ex.through, "`call` returned 'value' at 0 s, and you returned a coroutine: `await call()`")
async def forgets_to_await_the_call(circuit, call):
    opened = circuit.failures >= 3
    if opened and (circuit.trying or clock() < circuit.until):
        raise ConnectionError
    return call()


@told(ex.through, "`circuit.trying` was still True, though who tried had ended: set it back, in a `finally`")
async def never_sets_trying_back(circuit, call):
    if circuit.failures >= 3:
        if circuit.trying or clock() < circuit.until:
            raise ConnectionError
        circuit.trying = True
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    circuit.failures = 0
    return result


@told(ex.through, "It runs from the last call's failure: a refusal is none")
async def each_refusal_prolongs_it(circuit, call):
    opened = circuit.failures >= 3
    try:
        if opened and (circuit.trying or clock() < circuit.until):
            raise ConnectionError
        circuit.trying = opened
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    else:
        circuit.failures = 0
        return result
    finally:
        if opened:
            circuit.trying = False


@told(ex.through, "Any result, here 0, closes it: the count begins at 0 again")
async def believes_only_what_is_true(circuit, call):
    opened = circuit.failures >= 3
    if opened and (circuit.trying or clock() < circuit.until):
        raise ConnectionError
    circuit.trying = opened
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    except Exception:
        circuit.failures = 0
        raise
    else:
        if result or opened:
            circuit.failures = 0
        return result
    finally:
        if opened:
            circuit.trying = False


told(ex.through, "Any answer, also an exception that is no OSError, closes it: the count begins at 0 again")(
    breaker(failures=(Exception,))
)
told(ex.through, "An exception that is no OSError: at 1 s the call was to be made, and you refused it. Any answer")(
    breaker(answers=())
)
told(ex.through, "A cancellation says nothing of the other side: no failure, and no success")(
    breaker(answers=(BaseException,))
)
told(ex.through, "the circuit was open, and it returned 'ok': raise ConnectionError at once")(breaker(at=lambda: 0))


@told(ex.through, "the circuit was open, and you returned None without a call: raise ConnectionError")
async def is_silent_when_open(circuit, call):
    if circuit.failures >= 3 and clock() < circuit.until:
        return None
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    circuit.failures = 0
    return result


@told(ex.through, "`call` raised OSError at 0 s, and it returned None: pass on what it gives")
async def swallows_the_failure(circuit, call):
    try:
        return await call()
    except OSError:
        circuit.failures += 1


@told(ex.through, "wait for nothing but `call`")
async def waits_while_open(circuit, call):
    if circuit.failures >= 3 and clock() < circuit.until:
        await asyncio.sleep(circuit.until - clock())
        raise ConnectionError
    try:
        result = await call()
    except OSError:
        circuit.failures += 1
        circuit.until = clock() + 5
        raise
    circuit.failures = 0
    return result


@told(ex.through, "`call` was called 2 times by one call of yours: once, or not at all")
async def tries_again_itself(circuit, call):
    try:
        return await call()
    except OSError:
        return await call()
