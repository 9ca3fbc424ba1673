"""What keeps one failure from becoming everybody's: deadline, bulkhead, circuit breaker, idempotency key."""

import asyncio

import pytest

from course_lib.service import (
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    DeadlineExceeded,
    time_left,
    within,
)
from course_lib.service.idempotency import KeyReused, check_same, fingerprint, id_for
from course_lib.testing import in_virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


# --- deadline


@in_virtual_time
async def test_all_calls_share_one_deadline():
    """Three calls of 0.75 seconds, each within its own limit, get two seconds together, and not three."""
    began, done = now(), 0

    async def request():
        nonlocal done
        async with within(2.0):
            for _ in range(3):
                async with within(1.5):
                    await asyncio.sleep(0.75)
                done += 1

    with pytest.raises(DeadlineExceeded, match="give it more seconds"):
        await request()
    assert (now() - began, done) == (2.0, 2)


@in_virtual_time
async def test_what_is_passed_on_is_what_is_left():
    """A call's own limit is cut to what is left of the request's, also in a task that the request starts."""
    assert time_left(10) == 10
    async with within(2.0):
        assert time_left(0.5) == 0.5
        await asyncio.sleep(0.5)
        assert time_left(10) == 1.5
        async with within(5):
            assert time_left(10) == 1.5, "an inner block cannot have more than the outer one"

        async def elsewhere() -> float:
            return time_left(10)

        assert await asyncio.create_task(elsewhere()) == 1.5
    assert time_left(10) == 10, "after the block there is no deadline"


@in_virtual_time
async def test_nothing_is_asked_for_when_nothing_is_left():
    """Where the time is over, there is nothing to pass on, and that is an error and not a limit of 0."""
    with pytest.raises(DeadlineExceeded):
        async with within(0):
            time_left(10)


@in_virtual_time
async def test_a_timeout_of_the_blocks_own_is_not_the_deadline():
    """A call that runs out of its own time raises TimeoutError, while the request may go on."""
    async with within(2.0):
        with pytest.raises(TimeoutError) as found:
            async with asyncio.timeout(0.5):
                await asyncio.sleep(1)
        assert not isinstance(found.value, DeadlineExceeded)
        assert time_left(10) == 1.5


@in_virtual_time
async def test_a_cancelled_request_is_cancelled():
    """A cancellation comes out as one, and not as a deadline."""

    async def request():
        async with within(2.0):
            await asyncio.sleep(1)

    task = asyncio.create_task(request())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- bulkhead


@in_virtual_time
async def test_one_kind_of_work_leaves_the_others_their_places():
    """While submissions stand still and are refused, reads go on."""
    submissions, reads = Bulkhead("submissions", 2), Bulkhead("reads", 2)
    forever = asyncio.Event()

    async def stuck():
        async with submissions.place():
            await forever.wait()

    tasks = [asyncio.create_task(stuck()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull, match=r"submissions: 2 at once, and 0 waiting.* ask again in 1 s") as found:
        async with submissions.place():
            pass
    assert found.value.retry_after == 1.0
    async with reads.place():
        assert reads.running == 1
    forever.set()
    await asyncio.gather(*tasks)


@in_virtual_time
async def test_who_waits_is_served_in_turn_and_too_many_are_refused():
    """Never more than the places are taken; those that may wait are served as they came; the rest are told at once."""
    bulkhead, order, most, refused = Bulkhead("work", 2, waiting=3), [], 0, []

    async def work(number: int):
        nonlocal most
        try:
            async with bulkhead.place():
                order.append(number)
                most = max(most, bulkhead.running)
                await asyncio.sleep(1)
        except BulkheadFull:
            refused.append((number, now()))

    began = now()
    await asyncio.gather(*(work(number) for number in range(8)))
    assert (order, most) == ([0, 1, 2, 3, 4], 2)
    assert refused == [(5, began), (6, began), (7, began)]
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)


@in_virtual_time
async def test_who_comes_as_a_place_comes_free_may_wait():
    """One who was given a place, and has not run since, does not count as waiting: there is room for another one."""
    bulkhead, order = Bulkhead("work", 1, waiting=1), []

    async def work(name: str):
        async with bulkhead.place():
            order.append(name)
            await asyncio.sleep(1)

    async def one_after_another():
        await work("first")
        await work("third")  # in the very step in which the first one's place came free

    async with asyncio.TaskGroup() as group:
        group.create_task(one_after_another())
        group.create_task(work("second"))
    assert order == ["first", "second", "third"]


@in_virtual_time
async def test_a_place_comes_back_whatever_happens():
    """After a failure, a cancellation while running and one while waiting, all places are free again."""
    bulkhead = Bulkhead("work", 1, waiting=1)

    async def hold():
        async with bulkhead.place():
            await asyncio.sleep(1)

    running, waiting = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(0.5)
    waiting.cancel()
    running.cancel()
    await asyncio.wait([running, waiting])
    with pytest.raises(KeyError):
        async with bulkhead.place():
            raise KeyError
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)
    async with bulkhead.place():
        pass


# --- circuit breaker


async def use(breaker: CircuitBreaker, seconds: float = 0.0, error: BaseException | None = None):
    async with breaker.guard():
        await asyncio.sleep(seconds)
        if error is not None:
            raise error


async def fail(breaker: CircuitBreaker, times: int = 1):
    for _ in range(times):
        with pytest.raises(OSError, match="away"):
            await use(breaker, error=OSError("away"))


@in_virtual_time
async def test_it_opens_after_so_many_failures_in_a_row():
    """Two failures and a success leave it closed; three in a row open it, and then nobody waits."""
    breaker = CircuitBreaker("Redis", failures=3, pause=2)
    await fail(breaker, 2)
    await use(breaker)
    await fail(breaker, 2)
    assert breaker.state == "closed"
    await fail(breaker)
    assert breaker.state == "open"
    began = now()
    with pytest.raises(CircuitOpen, match="Redis has just failed, and is left alone for 2 s") as found:
        await use(breaker, 60)
    assert (found.value.retry_after, now()) == (2.0, began)


@in_virtual_time
async def test_after_the_pause_one_tries_and_the_others_do_not_wait():
    """Half-open, exactly one is let through; its success closes it for all."""
    breaker = CircuitBreaker("Redis", failures=1, pause=2)
    await fail(breaker)
    await asyncio.sleep(2)
    assert breaker.state == "half-open"
    results = await asyncio.gather(*(use(breaker, 1) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] + [CircuitOpen] * 4
    assert breaker.state == "closed"
    await use(breaker)


@in_virtual_time
async def test_a_failed_try_opens_it_again():
    """One failure of the one that tries is enough, and the pause begins anew."""
    breaker = CircuitBreaker("Redis", failures=3, pause=2)
    await fail(breaker, 3)
    await asyncio.sleep(2)
    await fail(breaker)
    assert breaker.state == "open"
    await asyncio.sleep(1.9)
    with pytest.raises(CircuitOpen):
        await use(breaker)


@in_virtual_time
async def test_a_cancelled_try_tells_nothing():
    """When the one that tries is cancelled, the next may try, and is not shut out for ever."""
    breaker = CircuitBreaker("Redis", failures=1, pause=2)
    await fail(breaker)
    await asyncio.sleep(2)
    trying = asyncio.create_task(use(breaker, 60))
    await asyncio.sleep(0)
    trying.cancel()
    await asyncio.wait([trying])
    await use(breaker)
    assert breaker.state == "closed"


@in_virtual_time
async def test_an_error_that_is_an_answer_is_no_failure():
    """What the thing itself answers, even in the negative, says that it works."""
    breaker = CircuitBreaker("PostgreSQL", failures=1)
    with pytest.raises(KeyError):
        await use(breaker, error=KeyError("no such row"))
    assert breaker.state == "closed"


@in_virtual_time
async def test_old_news_change_nothing():
    """What began before it opened, and ends afterwards, neither closes it nor lengthens its pause."""
    breaker = CircuitBreaker("Redis", failures=1, pause=2)
    slow_success = asyncio.create_task(use(breaker, 1))
    slow_failure = asyncio.create_task(use(breaker, 1.5, OSError("late")))
    await asyncio.sleep(0)
    await fail(breaker)
    await asyncio.wait([slow_success])
    assert breaker.state == "open"
    await asyncio.wait([slow_failure])
    slow_failure.exception()
    await asyncio.sleep(0.5)
    assert breaker.state == "half-open", "two seconds after it opened"


# --- idempotency


def test_the_same_key_is_the_same_job():
    """One key makes one id, another key another, and no key a new one each time."""
    assert id_for("a") == id_for("a") != id_for("b")
    assert id_for(None) != id_for(None)


@pytest.mark.parametrize("key", ["", "two words", "ü", "line\nbreak", "x" * 201])
def test_a_key_that_would_be_hard_to_send_again_is_refused(key):
    """The hint says what a key looks like."""
    with pytest.raises(ValueError, match=r"1 to 200 printable characters .* random UUID"):
        id_for(key)


def test_the_same_question_in_another_order_is_the_same():
    """Names of an object have no order; a value that differs makes another question, and that is told."""
    one, other = fingerprint({"url": "x", "depth": 1}), fingerprint({"depth": 1, "url": "x"})
    check_same("k", one, other)
    with pytest.raises(KeyReused, match="'k' was used for another question: take a new key"):
        check_same("k", one, fingerprint({"url": "x", "depth": 2}))


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Bulkhead("x", 0), "at_once=0: pass 1 or more"),
        (lambda: Bulkhead("x", 1, -1), "waiting=-1: pass 0 or more"),
        (lambda: time_left(-1), "most=-1: pass a finite number of seconds, 0 or more"),
        (lambda: CircuitBreaker("x", failures=0), "failures=0: pass 1 or more"),
        (lambda: CircuitBreaker("x", pause=0), "pause=0: pass a finite number of seconds"),
    ],
)
def test_arguments_without_sense_are_refused(make, hint):
    """The error names the argument, its value, and what would do."""
    with pytest.raises(ValueError, match=hint):
        make()
