"""merge, batches and buffer: what comes, when, and that whoever leaves leaves nothing behind."""

import asyncio
import gc
import traceback
import weakref
from contextlib import aclosing

import pytest
from streams_model import compare
from test_lifecycle_cancel import cancelled_everywhere

import course_lib.streams
from course_lib.seeing import every_order, simulate, span
from course_lib.streams import batches, buffer, merge


class Source:
    """An asynchronous iterator that says when it was asked, and whether it was closed."""

    def __init__(self, gap, *items, close=0.0, error=None):
        self.gap, self.items, self.close, self.error = gap, list(items), close, error
        self.said = []
        self.closed = self.interrupted = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            await asyncio.sleep(self.gap)
        except asyncio.CancelledError:
            self.interrupted += 1
            raise
        if len(self.said) < len(self.items):
            self.said.append(self.items[len(self.said)])
            return self.said[-1]
        raise self.error or StopAsyncIteration

    async def aclose(self):
        await asyncio.sleep(self.close)
        self.closed += 1


async def told(gap, *items, log=None, error=None):
    """Say items, each after so many seconds; log when this is closed."""
    try:
        for item in items:
            await asyncio.sleep(gap)
            yield item
        if error is not None:
            raise error
    finally:
        if log is not None:
            log.append(f"closed at {now():g}")


def now():
    return asyncio.get_running_loop().time()


async def heard(stream, *, slow=0.0):
    """Return what a stream says and when, and the error it ends with."""
    found = []
    try:
        async with stream:
            async for item in stream:
                found.append((now(), item))
                await asyncio.sleep(slow)
    except OSError as error:
        found.append((now(), repr(error)))
    return found


def result(main):
    """Return what main returned; it has left no task, and nothing was reported."""

    async def alone():
        returned = await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return returned

    timeline = simulate(alone)
    assert timeline.notes == []
    return timeline.result


# merge


def test_merge_hands_out_items_as_they_come():
    """The items of all sources come when their source says them, and the stream ends with the last."""
    assert result(lambda: heard(merge(told(2, "a", "b"), told(3, 1, 2)))) == [(2, "a"), (3, 1), (4, "b"), (6, 2)]


def test_merge_of_nothing_is_empty():
    """Without sources there is nothing to wait for."""
    assert result(lambda: heard(merge())) == []


def test_merge_lets_a_source_run_ahead_by_one():
    """While the consumer is busy, each source says one item more, and no second."""

    async def main():
        sources = Source(1, *range(9)), Source(1, *range(9))
        async with merge(*sources) as items:
            await asyncio.sleep(50)
            before = [len(source.said) for source in sources]
            await anext(items)
            await asyncio.sleep(50)
            return before, [len(source.said) for source in sources]

    assert result(main) == ([1, 1], [2, 1])


def test_merge_lets_everybody_have_a_turn():
    """Sources that never wait come by turns, and a timer of the same loop strikes in time."""

    async def counting():
        number = 0
        while True:
            yield (number := number + 1)

    async def main():
        async with merge(counting(), counting()) as items:
            return [await anext(items) for _ in range(6)]

    assert result(main) == [1, 1, 2, 2, 3, 3]


def test_merge_fails_with_its_source():
    """At an error the others are stopped; what had come is handed out, and when all are closed, the error is raised."""
    log = []

    async def main():
        other = Source(1, "a", "b", "c", close=5)
        stream = merge(other, told(1, 1, error=OSError("lost"), log=log))
        return await heard(stream, slow=1.5), other.said, other.closed

    # At 1, "a" and 1; "a" is taken, then 1 at 2.5, and only then the second source can say that it failed.
    found, said, closed = result(main)
    assert found == [(1, "a"), (2.5, 1), (4, "b"), (7.5, "OSError('lost')")]
    assert (said, closed) == (["a", "b"], 1)
    assert log == ["closed at 2.5"]


def test_error_keeps_its_traceback():
    """What a source raised is raised, the same object, with the line that raised it."""
    error = OSError("lost")

    async def main():
        with pytest.raises(OSError, match="lost") as caught:
            async with batches(buffer(merge(told(1, error=error)), 3), size=2) as lists:
                await anext(lists)
        assert caught.value is error
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    frames = result(main)
    assert frames[-1] == "told"
    assert "main" in frames


def test_second_error_is_reported():
    """When a source fails and another fails to close, the first error is raised and the other one reported."""

    async def fails_to_close():
        try:
            await asyncio.sleep(9)
            yield
        finally:
            raise OSError("two")

    timeline = simulate(lambda: heard(merge(told(1, 1, error=OSError("one")), fails_to_close())))
    assert timeline.result == [(1, 1), (1, "OSError('one')")]
    (note,) = timeline.notes
    assert "OSError: two" in note


def test_merge_in_every_order():
    """In whatever order items come, each comes once, in the order of its source."""

    async def source(name):
        for number in (1, 2):
            with span(f"{name}{number}"):
                await asyncio.sleep(1)
            yield name, number

    async def main():
        async with merge(source("a"), source("b")) as items:
            return [item async for item in items]

    found = every_order(main)
    assert found.complete
    assert {tuple(name for name, _ in outcome.value) for outcome in found.outcomes} == {
        tuple(names) for names in ("aabb", "abab", "abba", "bbaa", "baba", "baab")
    }
    assert all(sorted(outcome.value) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)] for outcome in found.outcomes)
    assert all([n for name, n in outcome.value if name == "a"] == [1, 2] for outcome in found.outcomes)


# batches


def test_batches_are_full_late_or_last():
    """A list comes when it is full, when its first item has waited long enough, or at the end."""

    async def source():
        for gap, item in [(1, 1), (0, 2), (1, 3), (5, 4), (1, 5), (1, 6)]:
            await asyncio.sleep(gap)
            yield item

    assert result(lambda: heard(batches(source(), size=2, seconds=3))) == [
        (1, [1, 2]), (5, [3]), (8, [4, 5]), (9, [6]),
    ]  # fmt: skip


def test_batches_without_seconds_wait_until_they_are_full():
    """Without a time limit only the last list is short."""
    assert result(lambda: heard(batches(told(10, *range(5)), size=2))) == [(20, [0, 1]), (40, [2, 3]), (50, [4])]


def test_batch_that_is_due_does_not_disturb_the_source():
    """A source that is waited for goes on waiting when a batch is handed out for its time."""

    async def main():
        source = Source(4, 1, 2, 3)
        return await heard(batches(source, size=9, seconds=1)), source.interrupted

    assert result(main) == ([(5, [1]), (9, [2]), (13, [3])], 0)


def test_batches_gather_while_the_consumer_is_busy():
    """One batch is ready for a slow consumer, and the source waits until it is taken."""

    async def main():
        source = Source(1, *range(9))
        async with batches(source, size=3, seconds=0.5) as lists:
            await asyncio.sleep(50)
            return await anext(lists), now(), source.said

    assert result(main) == ([0, 1, 2], 50, [0, 1, 2])


def test_seconds_of_zero_take_what_has_come():
    """With seconds=0 a list has what its source said without waiting."""

    async def source():
        for item in range(5):
            if item in (0, 3):
                await asyncio.sleep(1)
            yield item

    assert result(lambda: heard(batches(source(), size=9, seconds=0))) == [(1, [0, 1, 2]), (2, [3, 4])]


def test_error_comes_after_the_items_before_it():
    """When the source fails, its items are handed out at once, and then the error is raised."""
    source = told(1, 1, 2, 3, error=OSError("lost"))
    assert result(lambda: heard(batches(source, size=2, seconds=60))) == [(2, [1, 2]), (3, [3]), (3, "OSError('lost')")]


def test_batches_in_every_order():
    """Whether a timer or an item is first, no item is lost, and no list is longer than it may be."""

    async def source():
        for number in range(4):
            with span(f"item {number}"):
                await asyncio.sleep(1)
            yield number

    async def main():
        async with batches(source(), size=2, seconds=2) as lists:
            return [each async for each in lists]

    found = every_order(main)
    assert found.complete
    assert len(found.outcomes) > 2
    for outcome in found.outcomes:
        assert [item for each in outcome.value for item in each] == [0, 1, 2, 3]
        assert all(1 <= len(each) <= 2 for each in outcome.value)


# buffer


def test_buffer_runs_ahead():
    """Source and consumer, one second each per item, overlap: ten items take eleven seconds, not twenty."""

    async def main():
        items = await heard(buffer(told(1, *range(10)), 2), slow=1)
        return [item for _, item in items], now()

    assert result(main) == (list(range(10)), 11)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_buffer_is_bounded(size):
    """The source says `size` items more than were taken, and waits."""

    async def main():
        source = Source(1, *range(99))
        async with buffer(source, size) as items:
            await asyncio.sleep(50)
            first = len(source.said)
            await anext(items)
            await asyncio.sleep(50)
            return first, len(source.said)

    assert result(main) == (size, size + 1)


def test_error_waits_in_the_buffer():
    """An error is raised when the items before it are taken."""
    source = told(1, 1, 2, error=OSError("lost"))
    assert result(lambda: heard(buffer(source, 5), slow=10)) == [(1, 1), (11, 2), (21, "OSError('lost')")]


# Opening and closing.


@pytest.fixture(params=["merge", "batches", "buffer"])
def over(request):
    """Return a function that makes a stream over a source."""
    return {
        "merge": lambda source: merge(source),
        "batches": lambda source: batches(source, size=1),
        "buffer": lambda source: buffer(source, 3),
    }[request.param]


def test_stream_that_is_not_open_is_refused(over):
    """Iterating without `async with` is refused, in words that say what to write; `aclosing` does not open it."""
    says_how = r"is not open: .*`async with .*\(\.\.\.\) as items:`"

    async def main():
        stream = over(told(1, 1))
        with pytest.raises(RuntimeError, match=says_how):
            aiter(stream)
        with pytest.raises(RuntimeError, match=says_how):
            await anext(stream)
        async with aclosing(stream):
            with pytest.raises(RuntimeError, match=says_how):
                [item async for item in stream]

    result(main)


def test_stream_that_is_closed_is_refused(over):
    """A closed stream can neither be iterated over nor be opened again."""

    async def main():
        async with over(told(1, 1)) as stream:
            pass
        with pytest.raises(RuntimeError, match="is closed"):
            await anext(stream)
        with pytest.raises(RuntimeError, match="make another one"):
            await stream.__aenter__()

    result(main)


def test_break_leaves_nothing(over):
    """After `break`, when the block is left, the source is closed, wholly, and no task is running."""

    async def main():
        source = Source(1, *range(9), close=5)
        async with over(source) as items:
            async for _ in items:
                break
            inside = source.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return inside, source.closed, now()

    assert result(main) == (0, 1, 6)


def test_error_of_the_block_is_raised(over):
    """What the block raises is raised, after the source is closed."""

    async def main():
        source = Source(1, *range(9))
        with pytest.raises(KeyError):
            async with over(source):
                raise KeyError
        return source.closed

    assert result(main) == 1


def test_error_that_nobody_received_is_raised_on_leaving(over):
    """A source that failed ahead of a consumer who left is not swallowed."""

    async def main():
        with pytest.raises(OSError, match="unseen"):
            async with over(told(0, error=OSError("unseen"))):
                await asyncio.sleep(9)

    result(main)


def test_error_that_comes_second_is_reported(over):
    """Where the block raises too, its error goes on, and the source's is given to the loop's exception handler."""

    async def leave():
        async with over(told(0, error=OSError("unseen"))):
            await asyncio.sleep(9)
            raise KeyError

    async def main():
        with pytest.raises(KeyError):
            await leave()

    (note,) = simulate(main).notes
    assert "OSError: unseen" in note


def test_error_while_closing_is_raised(over):
    """A source whose clean-up fails fails the leaving."""

    async def source():
        try:
            yield 1
            await asyncio.sleep(9)
        finally:
            raise OSError("not closed")

    async def main():
        with pytest.raises(OSError, match="not closed"):
            async with over(source()) as items:
                await anext(items)

    result(main)


def test_after_its_error_a_stream_is_at_its_end(over):
    """An error is raised once, as a generator does."""

    async def main():
        async with over(told(0, error=OSError("lost"))) as items:
            with pytest.raises(OSError, match="lost"):
                await anext(items)
            return [item async for item in items]

    assert result(main) == []


def test_source_that_had_begun_is_closed_even_if_the_block_does_nothing(over):
    """A generator that had been used before is closed, though its task took no step."""
    log = []

    async def main():
        source = told(0, 1, 2, log=log)
        await anext(source)
        async with over(source):
            pass
        return list(log)

    assert result(main) == ["closed at 0"]


async def slow_to_close(log, seconds=5):
    """Say one item, wait, and take seconds to clean up."""
    try:
        yield 1
        await asyncio.sleep(99)
    finally:
        await asyncio.sleep(seconds)
        log.append(f"closed at {now():g}")


def test_clean_up_is_not_stopped_twice():
    """A source that was stopped for another's error is left to clean up when the consumer leaves meanwhile."""
    log = []

    async def leave():
        async with merge(slow_to_close(log), told(1, 1, error=OSError("lost"))) as items:
            assert [await anext(items), await anext(items)] == [1, 1]
            await asyncio.sleep(2)

    async def main():
        with pytest.raises(OSError, match="lost"):
            await leave()

    result(main)
    assert log == ["closed at 6"]


def test_cancellation_reaches_a_clean_up(over):
    """Cancelled while a source cleans up, the consumer does not wait for the rest of it; what failed is reported."""
    log = []

    async def consume():
        async with merge(over(slow_to_close(log, 60)), told(0, error=OSError("unseen"))):
            await asyncio.sleep(1)

    async def main():
        task = asyncio.create_task(consume())
        asyncio.get_running_loop().call_later(5, task.cancel)
        await asyncio.wait([task])
        return task.cancelled(), now()

    timeline = simulate(main)
    assert timeline.result == (True, 5)
    assert log == []
    (note,) = timeline.notes
    assert "OSError: unseen" in note


def test_of_two_errors_that_nobody_received_one_is_raised():
    """On leaving, the first error is raised, and the other one reported."""

    async def main():
        with pytest.raises(OSError, match="one"):
            async with merge(Source(1, error=OSError("one")), Source(1, error=OSError("two"))):
                await asyncio.sleep(9)

    (note,) = simulate(main).notes
    assert "OSError: two" in note


def test_stream_that_is_open_can_be_built_upon(over):
    """A stream that was opened already, and used, is taken over with what is left, and closed."""

    async def main():
        source = Source(1, *range(3))
        async with over(source) as items:
            first = await anext(items)
            async with buffer(items, 1) as rest:
                return [first] + [item async for item in rest], source.closed

    found, closed = result(main)
    assert found in ([0, 1, 2], [[0], [1], [2]])
    assert closed == 1


def test_nothing_holds_a_stream_that_was_left():
    """The timer of a batch that was not taken goes with its stream."""

    async def main():
        stream = batches(told(1, *range(9)), size=9, seconds=3600)
        async with stream:
            await asyncio.sleep(2)
        left = weakref.ref(stream)
        del stream
        gc.collect()
        return left()

    assert result(main) is None


def test_impatient_consumer_loses_nothing(over):
    """A limit on `anext()` that strikes, at the very instant too, leaves item and stream as they were."""

    async def main():
        found = []
        async with over(told(1, *range(5))) as items:
            while len(found) < 5:
                try:
                    async with asyncio.timeout(0.25):
                        found.append(await anext(items))
                except TimeoutError:
                    pass
        return found

    found = result(main)
    assert found in ([0, 1, 2, 3, 4], [[0], [1], [2], [3], [4]])


def test_tasks_share_a_stream(over):
    """Of two tasks that take from one stream, each item goes to one."""

    async def main():
        found = []

        async def worker(items):
            async for item in items:
                found.extend(item if isinstance(item, list) else [item])
                await asyncio.sleep(2)

        async with over(told(1, *range(6))) as items, asyncio.TaskGroup() as group:
            group.create_task(worker(items))
            group.create_task(worker(items))
        return sorted(found), now()

    assert result(main) == (list(range(6)), 8)


def test_task_that_waits_while_the_stream_is_closed_is_told(over):
    """Whoever waits for an item when somebody else closes the stream gets an error that says so."""

    async def main():
        async with over(told(9, 1)) as items:
            task = asyncio.create_task(anext(items))
            await asyncio.sleep(1)
            await items.aclose()
            with pytest.raises(RuntimeError, match="is closed"):
                await task
            await items.aclose()
            return now()

    assert result(main) == 1


def test_cancellation_of_a_source_is_passed_on(over):
    """A source that waits for a cancelled task ends the stream with CancelledError, as it would without one."""

    async def source(task):
        yield await task

    async def main():
        task = asyncio.create_task(asyncio.sleep(9))
        task.cancel()
        async with over(source(task)) as items:
            with pytest.raises(asyncio.CancelledError):
                await anext(items)

    result(main)


def test_cancellation_of_a_source_that_nobody_received_gives_way(over):
    """Where the block raises, a source that was cancelled meanwhile, by itself, is not heard of."""

    async def source():
        raise asyncio.CancelledError
        yield

    async def leave():
        async with over(source()):
            await asyncio.sleep(1)
            raise KeyError

    async def main():
        with pytest.raises(KeyError):
            await leave()

    result(main)


def test_source_that_swallows_its_cancellation_is_closed(over):
    """A source that goes on after it was cancelled is asked for nothing more, and closed."""
    log = []

    async def stubborn():
        try:
            while True:
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    log.append("swallowed")
                yield 1
        finally:
            log.append("closed")

    async def main():
        async with over(stubborn()) as items:
            await anext(items)
            await asyncio.sleep(0.5)

    result(main)
    assert log == ["swallowed", "closed"]


def test_source_may_use_limits_and_groups_of_its_own(over):
    """A source has one task for its life, so a group and a limit that are open between its items strike only there."""

    async def source():
        async with asyncio.timeout(2.5), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(1))
            for number in range(9):
                await asyncio.sleep(1)
                yield number

    async def consume(found):
        async with over(source()) as items:
            async for item in items:
                found.append(item)

    async def main():
        found = []
        with pytest.raises(TimeoutError):
            await consume(found)
        return len(found), now()

    assert result(main) == (2, 2.5)


def test_streams_stand_on_one_another():
    """One `async with` opens a stream and the streams it is made of, and closes them, the innermost first."""
    log = []

    async def main():
        many = (told(gap, *range(9), log=log) for gap in (1, 2))
        async with batches(buffer(merge(*many), 2), size=3, seconds=10) as lists:
            async for each in lists:
                return each, list(log)

    assert result(main) == ([0, 0, 1], [])
    assert len(log) == 2


# What is refused.


async def coroutine():
    """Be called by mistake."""


@pytest.mark.parametrize(
    ("make", "error", "hint"),
    [
        (lambda: merge(told(1), [1, 2]), TypeError, r"sources\[1\]=\[1, 2\] .* write an asynchronous generator"),
        (lambda: merge(told), TypeError, "call it"),
        (lambda: buffer(coroutine(), 1), TypeError, "await it"),
        (lambda: batches(None, size=1), TypeError, "source=None"),
        (lambda: merge(*2 * [told(1)]), ValueError, r"sources\[1\].* given twice.* make two iterators"),
        (lambda: buffer(told(1), 0), ValueError, "size=0: .* iterate over the source itself"),
        (lambda: buffer(told(1), 2.0), TypeError, r"size=2\.0: pass a whole number"),
        (lambda: batches(told(1), size=True), TypeError, "size=True"),
        (lambda: batches(told(1), size=-1), ValueError, "size=-1: pass 1 or more"),
        (lambda: batches(told(1), size=1, seconds="2"), TypeError, "seconds='2': pass a number of seconds"),
        (lambda: batches(told(1), size=1, seconds=-1), ValueError, "seconds=-1: .*leave it out"),
        (lambda: batches(told(1), size=1, seconds=float("nan")), ValueError, "finite"),
        (lambda: batches(told(1), size=1, seconds=float("inf")), ValueError, "leave it out"),
    ],
)
def test_arguments_without_sense_are_refused(make, error, hint):
    """The error names the parameter, what it was, and what to pass or do instead."""
    with pytest.raises(error, match=f"(?s){hint}"):
        make()


# Cancelled anywhere.


async def merging(world):
    async with merge(world.stream(), world.stream()) as items:
        assert sorted([item async for item in items]) == [0, 0, 1, 1, 2, 2]


async def batching(world):
    async with batches(world.stream(), size=2, seconds=1.5) as lists:
        assert [each async for each in lists] == [[0, 1], [2]]


async def buffering(world):
    async with buffer(world.stream(), 2) as items:
        async for _ in items:
            await asyncio.sleep(2)


async def left(world):
    async with merge(world.stream(), world.stream()) as items:
        await anext(items)


async def closed(world):
    async with buffer(world.stream(), 1) as items:
        await anext(items)
        await items.aclose()


async def failing(world):
    loop = asyncio.get_running_loop()
    reports = loop.get_exception_handler()

    def report(loop, context):
        if str(context["exception"]) != "lost":  # which, when a cancellation overtakes it, is reported, as it should be
            reports(loop, context)

    loop.set_exception_handler(report)
    await heard(merge(world.stream(), told(2.5, 1, error=OSError("lost"))))


async def upon_one_another(world):
    async with batches(merge(buffer(world.stream(), 2), world.stream()), size=2, seconds=1.5) as lists:
        async for _ in lists:
            await asyncio.sleep(0.5)


SCENARIOS = [merging, batching, buffering, left, closed, failing, upon_one_another]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_cancelled_anywhere(scenario):
    """Cancelled at any moment, and again as it cleans up, a consumer ends cancelled and leaves nothing open."""
    assert cancelled_everywhere(scenario).opened > 0


def test_every_public_function_is_cancelled():
    """No function of the package is missing from these scenarios."""
    used = {name for scenario in SCENARIOS for name in scenario.__code__.co_names}
    assert {*course_lib.streams.__all__} - {"Stream"} <= used


# Against plain lists.


def test_random_streams_are_as_the_lists_say():
    """300 random streams say what their model says; `python tests/streams_model.py 10000` compares more."""
    assert compare(300).total() == 300
