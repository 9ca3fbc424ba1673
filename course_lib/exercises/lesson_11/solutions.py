"""The reference tests of lesson 11, as a learner would write them."""
# mypy: ignore-errors
# (a learner changes what a name stands for, and writes no types)

import asyncio

import pytest


async def test_retry(retry):
    loop = asyncio.get_running_loop()
    times = []

    def fake(*answers):
        answers = list(answers)
        times.clear()

        async def call():
            times.append(loop.time() - start)
            await asyncio.sleep(1)
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    down = OSError("down")

    # Three failures, and an answer.
    start = loop.time()
    assert await retry(fake(down, down, down, "answer"), attempts=4, pause=2) == "answer"
    assert times == [0, 3, 8, 17]

    # Nothing but failures: the last one comes out, at once.
    start = loop.time()
    with pytest.raises(OSError, match="down"):
        await retry(fake(down, down, down), attempts=2, pause=2)
    assert [*times, loop.time() - start] == [0, 3, 4]

    # What is no failure of the line comes out at once.
    with pytest.raises(ValueError, match="no number"):
        await retry(fake(ValueError("no number"), "answer"), attempts=2, pause=2)

    # Cancelled during a call, and during a pause; until then, others run.
    for moment in (0.5, 1.5):
        start = loop.time()
        task = asyncio.create_task(retry(fake(down, "answer"), attempts=2, pause=2))
        await asyncio.sleep(moment)
        assert loop.time() == start + moment
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert times == [0]


async def test_limited(run_limited):
    loop = asyncio.get_running_loop()
    now = most = 0

    def call(seconds, answer):
        async def work():
            nonlocal now, most
            now += 1
            most = max(most, now)
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                await asyncio.sleep(1)  # it cleans up
                raise
            finally:
                now -= 1
            if isinstance(answer, Exception):
                raise answer
            return answer

        return work

    # As many as allowed, never idle, and the answers in order.
    start = loop.time()
    assert await run_limited([call(3, "a"), call(1, "b"), call(1, "c"), call(1, "d")], 2) == ["a", "b", "c", "d"]
    assert most == 2
    assert loop.time() == start + 3
    assert await run_limited([], 2) == []

    # One fails: the others are cancelled, and have ended when it comes out.
    start = loop.time()
    with pytest.raises(OSError, match="down"):
        await run_limited([call(9, "a"), call(1, OSError("down")), call(9, "c")], 2)
    assert now == 0
    assert loop.time() == start + 2

    # Cancelled: the same.
    task = asyncio.create_task(run_limited([call(9, "a"), call(9, "b")], 2))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert now == 0


async def test_share(share):
    loop = asyncio.get_running_loop()
    loads, answers = [], {"a": "apple", "b": 0, "c": OSError("down")}

    async def load(key):
        loads.append(key)
        await asyncio.sleep(1)
        if isinstance(answers[key], Exception):
            raise answers[key]
        return answers[key]

    get = share(load)
    start = loop.time()

    # One load a key, side by side, and kept.
    assert await asyncio.gather(get("a"), get("a"), get("b")) == ["apple", "apple", 0]
    assert await asyncio.gather(get("a"), get("b")) == ["apple", 0]
    assert loads == ["a", "b"]
    assert loop.time() == start + 1

    # A failure reaches all who wait, and is not kept.
    assert await asyncio.gather(get("c"), get("c"), return_exceptions=True) == [answers["c"]] * 2
    answers["c"] = "cherry"
    assert await get("c") == "cherry"
    assert loads == ["a", "b", "c", "c"]

    # Whoever is cancelled, the others get it.
    for number in range(2):
        key = f"key {number}"
        answers[key] = "value"
        askers = [asyncio.create_task(get(key)) for _ in range(2)]
        await asyncio.sleep(0.5)
        askers[number].cancel()
        await asyncio.wait(askers)
        assert askers[number].cancelled()
        assert askers[1 - number].result() == "value"
        assert loads.count(key) == 1


async def test_pool(make_pool):
    loop = asyncio.get_running_loop()
    opened, lent, fails = [], [], False

    async def connect():
        number = len(opened)
        opened.append(number)
        await asyncio.sleep(1)
        if fails:
            raise OSError("down")
        return number

    async def use(borrow, seconds, error=None):
        async with borrow() as connection:
            assert connection not in lent
            lent.append(connection)
            try:
                await asyncio.sleep(seconds)
                if error:
                    raise error
            finally:
                lent.remove(connection)

    # Three borrowers, two places: two connect side by side, the third waits.
    borrow = make_pool(connect, 2)
    start = loop.time()
    await asyncio.gather(use(borrow, 1), use(borrow, 9), use(borrow, 1))
    assert len(opened) == 2
    assert loop.time() == start + 10

    # However a block ends, its connection is for the next.
    with pytest.raises(ValueError, match="mine"):
        await use(borrow, 1, ValueError("mine"))
    tasks = [asyncio.create_task(use(borrow, 9)) for _ in range(2)]
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.gather(use(borrow, 1), use(borrow, 1))
    assert len(opened) == 2

    # Opened only when none is idle.
    opened.clear()
    borrow = make_pool(connect, 2)
    await use(borrow, 1)
    await use(borrow, 1)
    assert len(opened) == 1

    # Neither a failure nor a cancellation while connecting takes a place.
    borrow = make_pool(connect, 1)
    fails = True
    with pytest.raises(OSError, match="down"):
        await use(borrow, 1)
    fails = False
    tasks = [asyncio.create_task(use(borrow, 1)) for _ in range(2)]
    await asyncio.sleep(0.5)
    for task in tasks:  # one connects, one waits
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    await use(borrow, 1)
