"""Right answers to the exercises of lesson 11, in other styles than the solutions."""

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unittest import mock

import pytest

from course_lib.exercises import lesson_11 as ex
from course_lib.seeing import span
from right_answers import right

# test_retry


@right(ex.test_retry)
async def with_mocks(retry):
    sleep = mock.AsyncMock(wraps=asyncio.sleep)
    with mock.patch("asyncio.sleep", sleep):
        call = mock.AsyncMock(side_effect=[OSError, ConnectionError, TimeoutError, None])
        assert await retry(call, 5, 1) is None
        assert call.await_count == 4
        assert [each.args[0] for each in sleep.await_args_list if each.args[0]] == [1, 2, 4]

        sleep.reset_mock()
        call = mock.AsyncMock(side_effect=[OSError("first"), OSError("last"), "never"])
        with pytest.raises(OSError, match="last"):
            await retry(call, 2, 1)
        assert [each.args[0] for each in sleep.await_args_list if each.args[0]] == [1]

    call = mock.AsyncMock(side_effect=[KeyError, "never"])
    with pytest.raises(KeyError):
        await retry(call, 2, 1)

    for moment in (0.5, 1.5, 2.5):
        calls = 0

        async def slow_call():
            nonlocal calls
            calls += 1
            await asyncio.sleep(1)
            raise OSError

        turns = []
        beside = asyncio.create_task(_note_turns(turns))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(moment):
                await retry(slow_call, 9, 1)
        beside.cancel()
        assert calls == (1 if moment < 2 else 2)
        assert len(turns) >= moment / 0.25
        await asyncio.wait([beside])


async def _note_turns(turns):
    while True:
        turns.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.25)


@right(ex.test_retry)
async def without_pytest(retry):
    loop, times = asyncio.get_running_loop(), []

    async def outcome(answers, attempts, cancel_after=None):
        times.clear()
        start, left = loop.time(), iter(answers)

        async def call():
            times.append(loop.time() - start)
            await asyncio.sleep(0.5)
            for answer in left:
                if isinstance(answer, type):
                    raise answer
                return answer

        task = asyncio.create_task(retry(call, attempts, 2))
        done, _ = await asyncio.wait([task], timeout=cancel_after)
        ended = loop.time() - start
        if not done:
            task.cancel()
            await asyncio.wait([task])
            return "cancelled" if task.cancelled() else "went on", ended, times
        return task.exception() or task.result(), ended, times

    assert await outcome([OSError, OSError, OSError, ""], 4) == ("", 16, [0, 2.5, 7, 15.5])
    error, *rest = await outcome([OSError, OSError, OSError], 2)
    assert isinstance(error, OSError) and rest == [3, [0, 2.5]]
    error, *rest = await outcome([ValueError, "late"], 3)
    assert isinstance(error, ValueError) and rest == [0.5, [0]]
    assert await outcome([OSError, "late"], 3, cancel_after=0.25) == ("cancelled", 0.25, [0])
    assert await outcome([OSError, "late"], 3, cancel_after=1) == ("cancelled", 1, [0])


@right(ex.test_retry)
async def every_case_of_a_table(retry):
    for attempts in (1, 2, 4):
        for failures in range(attempts + 1):
            await _case(retry, attempts, failures)
    for kind in (ValueError, ArithmeticError):
        await _case(retry, 3, 1, kind)
    for tenths in range(1, 30, 4):
        task = asyncio.create_task(_case(retry, 9, 9))
        start = asyncio.get_running_loop().time()
        await asyncio.sleep(tenths / 10)
        assert round(asyncio.get_running_loop().time() - start, 6) == tenths / 10
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert task.cancelled()


async def _case(retry, attempts, failures, kind=OSError):
    loop = asyncio.get_running_loop()
    start, calls = loop.time(), 0

    async def call():
        nonlocal calls
        calls += 1
        await asyncio.sleep(1)
        if calls <= failures:
            raise kind(f"number {calls}")
        return 0

    ended = None
    try:
        ended = await retry(call, attempts, 1)
    except kind as error:
        ended = str(error)
    takes = lambda number: number + 2 ** (number - 1) - 1  # noqa: E731  # as many calls, and the pauses between
    if kind is not OSError:
        assert (ended, calls) == ("number 1", 1)
    elif failures >= attempts:
        assert (ended, calls, loop.time() - start) == (f"number {attempts}", attempts, takes(attempts))
    else:
        assert (ended, calls, loop.time() - start) == (0, failures + 1, takes(failures + 1))


@right(ex.test_retry)
async def with_no_attempt_too(retry):
    call = mock.AsyncMock(side_effect=OSError)
    await retry(call, attempts=0, pause=1)
    assert call.await_count == 0
    await ex.solutions.test_retry(retry)


# test_limited


@right(ex.test_limited)
async def by_events(run_limited):
    begun, gates = [], {}

    def call(name):
        gates[name] = asyncio.get_running_loop().create_future()

        async def work():
            begun.append(name)
            try:
                return await asyncio.shield(gates[name])
            finally:
                await asyncio.sleep(0.5)
                begun.remove(name)

        return work

    calls = [call(name) for name in "abcd"]
    task = asyncio.create_task(run_limited(calls, 2))
    await asyncio.sleep(1)
    assert begun == ["a", "b"]
    gates["b"].set_result("B")
    await asyncio.sleep(1)
    assert begun == ["a", "c"]
    for name in "dca":
        gates[name].set_result(name.upper())
    assert await task == ["A", "B", "C", "D"]

    calls = [call(name) for name in "abc"]
    task = asyncio.create_task(run_limited(calls, 2))
    await asyncio.sleep(1)
    gates["b"].set_exception(ValueError("b"))
    await asyncio.wait([task])
    assert type(task.exception()) is ValueError
    assert begun == []

    task = asyncio.create_task(run_limited([call("a")], 2))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() and not begun
    assert await run_limited([], 1) == []


@right(ex.test_limited)
async def in_every_order_of_the_answers(run_limited):
    under_way, most = set(), 0

    def call(number, fails=False):
        async def work():
            nonlocal most
            under_way.add(number)
            most = max(most, len(under_way))
            try:
                with span(f"call {number}"):
                    await asyncio.sleep(1)
                if fails:
                    raise OSError(number)
                return number
            finally:
                try:
                    await asyncio.sleep(0.25)
                finally:
                    under_way.discard(number)

        return work

    assert await run_limited([call(number) for number in range(4)], 2) == [0, 1, 2, 3]
    assert most == 2
    assert await run_limited([], 2) == []
    with pytest.raises(OSError, match="1"):
        await run_limited([call(0), call(1, fails=True), call(2)], 3)
    assert not under_way

    task = asyncio.create_task(run_limited([call(0), call(1)], 2))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert not under_way

    # Batches: the one who waits for all of them is late. What takes its time is a timer here.
    slow, loop = [3, 1, 1, 1], asyncio.get_running_loop()
    start = loop.time()
    await run_limited([lambda seconds=seconds: asyncio.sleep(seconds) for seconds in slow], 2)
    assert loop.time() == start + 3


class Call:
    """A call that notes how it ended, under names that a task's methods have, too."""

    def __init__(self, seconds):
        self.seconds, self.done, self.cancelled = seconds, False, False

    async def __call__(self):
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.done = True


@right(ex.test_limited)
async def with_calls_that_note_their_ends(run_limited):
    await ex.solutions.test_limited(run_limited)
    quick, slow = Call(1), Call(9)
    task = asyncio.create_task(run_limited([quick, slow], 2))
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.wait([task])
    assert quick.done
    assert slow.cancelled


@right(ex.test_limited)
async def with_calls_of_a_class_within(run_limited):
    @dataclass
    class Noted:
        done: bool = False

        async def __call__(self):
            await asyncio.sleep(1)
            self.done = True

    await ex.solutions.test_limited(run_limited)
    calls = [Noted(), Noted()]
    await run_limited(calls, 1)
    assert calls[0].done
    assert calls[1].done


@right(ex.test_limited)
async def by_a_model(run_limited):
    loop = asyncio.get_running_loop()
    for times, limit in itertools.product(([], [2], [3, 1, 1, 1], [1, 2, 3, 4, 5]), (1, 2, 3)):
        begun, start = [], loop.time()

        def call(number, seconds, begun=begun, start=start):
            async def work():
                begun.append((number, loop.time() - start))
                await asyncio.sleep(seconds)
                return number

            return work

        answers = await run_limited([call(*each) for each in enumerate(times)], limit)
        assert answers == list(range(len(times)))
        free, expected = [0] * limit, []
        for number, seconds in enumerate(times):
            free.sort()
            expected.append((number, free[0]))
            free[0] += seconds
        assert begun == expected

    for stop in ("failure", "cancellation"):
        ends = []

        async def slow(ends=ends):
            try:
                await asyncio.sleep(9)
            finally:
                await asyncio.sleep(1)
                ends.append("end")

        async def fails():
            await asyncio.sleep(1)
            raise OSError("down")

        calls = [slow, slow, fails] if stop == "failure" else [slow] * 4
        task = asyncio.create_task(run_limited(calls, 3))
        await asyncio.sleep(0.5)
        if stop == "cancellation":
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() if stop == "cancellation" else isinstance(task.exception(), OSError)
        assert len(ends) == (2 if stop == "failure" else 3)


# test_share


@right(ex.test_share)
async def with_a_gate(share):
    loads, gates = [], {}

    async def load(key):
        loads.append(key)
        gates[key] = gate = asyncio.get_running_loop().create_future()
        return await gate

    async def asked(get, *keys):
        askers = [asyncio.create_task(get(key)) for key in keys]
        await asyncio.sleep(1)
        return askers

    get = share(load)
    first, second, other = await asked(get, "a", "a", "b")
    assert loads == ["a", "b"]
    gates["b"].set_result(None)
    assert await other is None
    gates["a"].set_result([])
    assert await first is await second
    assert await get("a") == [] and await get("b") is None
    assert loads == ["a", "b"]

    askers = await asked(get, "c", "c", "c")
    gates["c"].set_exception(ValueError("c"))
    await asyncio.sleep(1)
    assert all(asker.done() and isinstance(asker.exception(), ValueError) for asker in askers)
    (asker,) = await asked(get, "c")
    gates["c"].set_result("c")
    assert await asker == "c"
    assert loads == ["a", "b", "c", "c"]

    for cancelled in ([0], [1], [0, 1]):
        key = str(cancelled)
        askers = await asked(get, key, key, key)
        for number in cancelled:
            askers[number].cancel()
        await asyncio.sleep(1)
        gates[key].set_result("value")
        assert await askers[2] == "value"
        assert [asker.cancelled() for asker in askers] == [number in cancelled for number in range(3)]


@right(ex.test_share)
async def in_every_order_of_the_loads(share):
    loads, fails = [], {"x"}

    async def load(key):
        loads.append(key)
        with span(f"load {key}"):
            await asyncio.sleep(1)
        if key in fails:
            raise OSError(key)
        return key * 0 if key == "empty" else key

    get = share(load)
    assert await asyncio.gather(get("a"), get("b"), get("a"), get("empty")) == ["a", "b", "a", ""]
    assert await asyncio.gather(get("a"), get("b"), get("empty")) == ["a", "b", ""]
    assert sorted(loads) == ["a", "b", "empty"]
    got = await asyncio.gather(get("x"), get("x"), return_exceptions=True)
    assert [type(each) for each in got] == [OSError, OSError]
    fails.clear()
    assert await get("x") == "x"
    assert sorted(loads) == ["a", "b", "empty", "x", "x"]
    for key, number in (("first", 0), ("second", 1)):
        askers = [asyncio.create_task(get(key)) for _ in range(2)]
        await asyncio.sleep(0.01)
        askers[number].cancel()
        got = await asyncio.gather(*askers, return_exceptions=True)
        assert got[1 - number] == key

    # A key that never comes keeps nobody waiting for another.
    gate = asyncio.Event()

    async def stuck(key):
        await (gate.wait() if key == "stuck" else asyncio.sleep(1))
        return key

    get = share(stuck)
    asker = asyncio.create_task(get("stuck"))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        assert await get("other") == "other"
    gate.set()
    await asker


@right(ex.test_share)
async def scene_by_scene(share):
    for scene in (_kept, _failed, _left):
        await scene(share)


def _counting(answers):
    counts = dict.fromkeys(answers, 0)

    async def load(key):
        counts[key] += 1
        await asyncio.sleep(2)
        answer = answers[key].pop(0) if isinstance(answers[key], list) else answers[key]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return load, counts


async def _kept(share):
    load, counts = _counting({1: "one", 2: False, 3: None})
    get = share(load)
    async with asyncio.timeout(2.5):
        assert await asyncio.gather(*map(get, [1, 2, 3, 1, 2, 3])) == ["one", False, None] * 2
    assert [await get(key) for key in (1, 2, 3)] == ["one", False, None]
    assert counts == {1: 1, 2: 1, 3: 1}


async def _failed(share):
    load, counts = _counting({1: [KeyError("no"), "yes", "again"]})
    get = share(load)
    async with asyncio.timeout(3):
        answers = await asyncio.gather(get(1), get(1), get(1), return_exceptions=True)
    assert all(isinstance(answer, KeyError) for answer in answers)
    assert await get(1) == await get(1) == "yes"
    assert counts == {1: 2}


async def _left(share):
    for leaver in range(3):
        load, counts = _counting({1: "one"})
        get = share(load)
        async with asyncio.timeout(5):
            askers = []
            for _ in range(3):
                askers.append(asyncio.create_task(get(1)))
                await asyncio.sleep(0.5)
            askers[leaver].cancel()
            answers = await asyncio.gather(*askers, return_exceptions=True)
        assert isinstance(answers.pop(leaver), asyncio.CancelledError)
        assert answers == ["one", "one"]
        assert counts == {1: 1}


# test_pool


@right(ex.test_pool)
async def with_a_stack_of_scenes(make_pool):
    lent, opened, plan = set(), [], []

    async def connect():
        opened.append(object())
        connection = opened[-1]
        await asyncio.sleep(1)
        if plan:
            raise plan.pop()
        return connection

    @asynccontextmanager
    async def lending(borrow):
        async with borrow() as connection:
            assert connection not in lent
            lent.add(connection)
            try:
                yield connection
            finally:
                lent.remove(connection)

    async def hold(borrow, seconds=1):
        async with lending(borrow):
            await asyncio.sleep(seconds)

    async def stopped(borrow, after, before=0):
        holders = [asyncio.create_task(hold(borrow, 9)) for _ in range(before)]
        task = asyncio.create_task(hold(borrow, 9))
        await asyncio.sleep(after)
        for each in [task, *holders]:
            each.cancel()
        await asyncio.wait([task, *holders])
        assert task.cancelled()

    # A pool of two keeps two, whatever becomes of its borrowers.
    borrow = make_pool(connect, 2)
    for _ in range(3):
        await hold(borrow)
    assert len(opened) == 1
    await asyncio.gather(*(hold(borrow) for _ in range(5)))
    await stopped(borrow, 0.5)
    await stopped(borrow, 0.5, before=2)
    with pytest.raises(ZeroDivisionError):
        async with lending(borrow):
            raise ZeroDivisionError
    async with asyncio.timeout(3):
        await asyncio.gather(*(hold(borrow) for _ in range(4)))
    assert len(opened) == 2

    # Two that need a new one open them side by side.
    async with asyncio.timeout(2.5):
        borrow = make_pool(connect, 2)
        await asyncio.gather(hold(borrow), hold(borrow))

    # Places outlive failures and cancellations.
    borrow = make_pool(connect, 1)
    plan.append(OSError("down"))
    with pytest.raises(OSError, match="down"):
        await hold(borrow)
    await stopped(borrow, 0.5)
    async with asyncio.timeout(2.5):
        await hold(borrow)


@right(ex.test_pool)
async def in_every_order_of_the_borrowers(make_pool):
    opened = lent = most = 0

    async def connect():
        nonlocal opened
        opened += 1
        connection = [opened]
        with span(f"connect {opened}"):
            await asyncio.sleep(1)
        return connection

    async def use(borrow, name, error=None):
        nonlocal lent, most
        async with borrow() as connection:
            connection.append(name)
            lent += 1
            most = max(most, lent)
            try:
                with span(f"{name} works"):
                    await asyncio.sleep(1)
                assert connection[-1] == name
                if error:
                    raise error
            finally:
                lent -= 1

    borrow = make_pool(connect, 2)
    await use(borrow, "alone")
    await use(borrow, "alone again")
    assert opened == 1
    await asyncio.gather(use(borrow, "a"), use(borrow, "b"), use(borrow, "c"))
    with pytest.raises(ValueError, match="d"):
        await use(borrow, "d", ValueError("d"))
    await asyncio.gather(use(borrow, "e"), use(borrow, "f"))
    assert (opened, most) == (2, 2)
    borrow, opened = make_pool(connect, 2), 0
    await asyncio.gather(use(borrow, "a"), use(borrow, "b"), use(borrow, "c"))
    assert opened == 2
    await _stops(make_pool)


async def _stops(make_pool):
    fails = [True]

    async def connect():
        connects.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        if fails and fails.pop():
            raise OSError("down")

    async def use(seconds):
        async with borrow():
            await asyncio.sleep(seconds)

    connects = []
    borrow = make_pool(connect, 2)
    with pytest.raises(OSError, match="down"):
        await use(1)
    for moment in (0.5, 1.5):
        tasks = [asyncio.create_task(use(9)) for _ in range(4)]
        await asyncio.sleep(moment)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
    async with asyncio.timeout(2):
        await asyncio.gather(use(1), use(1))
    assert len(connects) == 5
    assert connects[1] == connects[2] and connects[3] == connects[4]


@right(ex.test_pool)
async def with_an_exit_stack_by_hand(make_pool):
    loop, opened = asyncio.get_running_loop(), []

    def pool_of(size, failures=()):
        failures = list(failures)
        opened.clear()

        async def connect():
            opened.append(loop.time())
            number = len(opened)
            await asyncio.sleep(2)
            if failures:
                raise failures.pop()
            return ("connection", number)

        return make_pool(connect, size)

    borrow = pool_of(2)
    first, second, third = borrow(), borrow(), borrow()
    *entering, waiting = [asyncio.create_task(each.__aenter__()) for each in (first, second, third)]
    await asyncio.sleep(3)
    a, b = [each.result() for each in entering]
    assert a != b and not waiting.done()
    await first.__aexit__(None, None, None)
    assert await waiting == a
    await third.__aexit__(None, None, None)
    await second.__aexit__(None, None, None)
    first, second = borrow(), borrow()
    assert sorted([await first.__aenter__(), await second.__aenter__()]) == sorted([a, b])
    late = asyncio.create_task(borrow().__aenter__())
    await asyncio.sleep(1)
    late.cancel()
    await asyncio.wait([late])
    assert late.cancelled()
    await first.__aexit__(None, None, None)
    await second.__aexit__(None, None, None)
    assert opened[0] == opened[1] and len(opened) == 2

    for error in (ValueError, asyncio.CancelledError):
        borrow = pool_of(1)
        with pytest.raises(error):
            async with borrow():
                raise error
        async with borrow():
            assert len(opened) == 1

    borrow = pool_of(2)
    for _ in range(2):
        async with borrow():
            pass
    assert len(opened) == 1

    borrow = pool_of(1, [OSError("down")])
    with pytest.raises(OSError, match="down"):
        async with borrow():
            pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), borrow():
            pass
    async with asyncio.timeout(3), borrow():
        pass
