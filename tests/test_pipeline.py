"""Stages joined by bounded queues."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pipeline_model import compare

from course_lib.pipeline import Failure, pipeline, stage
from course_lib.seeing import Timeline, simulate, span
from course_lib.testing import cancel_everywhere


async def double(number: int) -> int:
    await asyncio.sleep(1)
    return 2 * number


async def as_long_as_its_number(number: int) -> int:
    await asyncio.sleep(number)
    return number


def collected(run: Callable[[], Any]) -> Timeline:
    """Simulate a loop over the results without a block; they are the timeline's result."""

    async def main() -> list[Any]:
        return [result async for result in run()]

    return simulate(main)


def test_each_item_goes_through_all_stages() -> None:
    """What one stage returns, the next one gets, whether it is written with async or not."""
    assert collected(lambda: pipeline(double, str)([1, 2, 3])).result == ["2", "4", "6"]


def test_stages_work_at_the_same_time() -> None:
    """While one item is in the second stage, the next is in the first: four items and two stages take five seconds."""
    timeline = collected(lambda: pipeline(double, double)(range(4)))
    assert timeline.result == [0, 4, 8, 12]
    assert timeline.end == 5


def test_a_stage_works_on_as_many_items_as_it_is_told() -> None:
    """Six waits of a second, three at once, take two seconds."""
    assert collected(lambda: pipeline(stage(double, at_once=3))(range(6))).end == 2


def test_results_keep_the_order_of_their_items() -> None:
    """An early result waits for those before it."""
    timeline = collected(lambda: pipeline(stage(as_long_as_its_number, at_once=3))([3, 1, 2]))
    assert timeline.result == [3, 1, 2]
    assert timeline.end == 3


def test_results_come_as_they_are_ready_where_order_does_not_matter() -> None:
    """ordered=False passes an early result on at once."""
    run = pipeline(stage(as_long_as_its_number, at_once=3, ordered=False))
    assert collected(lambda: run([3, 1, 2])).result == [1, 2, 3]


def test_a_pipeline_can_run_again_and_runs_do_not_meet() -> None:
    """Each call is a run of its own, also at the same time."""

    async def main() -> list[list[int]]:
        doubled = pipeline(stage(double, at_once=2))

        async def results(source: range) -> list[int]:
            return [result async for result in doubled(source)]

        return await asyncio.gather(results(range(3)), results(range(10, 12)))

    assert simulate(main).result == [[0, 2, 4], [20, 22]]


async def numbers(closed: list[float], count: int = 100) -> AsyncIterator[int]:
    try:
        for number in range(count):
            yield number
    finally:
        await asyncio.sleep(0.5)
        closed.append(asyncio.get_running_loop().time())


def plain_numbers(closed: list[float]) -> Iterator[int]:
    try:
        yield from range(100)
    finally:
        closed.append(asyncio.get_running_loop().time())


@pytest.mark.parametrize(("source", "late"), [(numbers, 0.5), (plain_numbers, 0)])
def test_who_leaves_the_block_has_closed_the_source(source: Any, late: float) -> None:
    """After `break` the source is closed, and no task runs, before the next line."""
    closed: list[float] = []

    async def main() -> float:
        async with pipeline(stage(double, at_once=2))(source(closed)) as results:
            async for _ in results:
                break
        return asyncio.get_running_loop().time()

    timeline = simulate(main)
    assert closed == [timeline.result] == [1 + late]
    assert not timeline.leaked


def test_a_loop_without_a_block_that_is_left_ends_soon() -> None:
    """Python finalises the iterator, which ends the run: nothing goes on in the background."""
    closed: list[float] = []

    async def main() -> None:
        async for _ in pipeline(double)(numbers(closed)):
            break
        await asyncio.sleep(5)

    assert all(lane.end <= 1.5 for lane in simulate(main) if lane.name != "main")
    assert closed == [1.5]


def test_a_slow_consumer_holds_up_the_source() -> None:
    """Nobody works ahead by more than the limits: here one waits at the source, one before the stage, one in it."""
    asked: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    async def main() -> None:
        async with pipeline(double)(source()) as results:
            async for result in results:
                if result == 6:
                    return
                await asyncio.sleep(100)

    simulate(main)
    assert asked == [0, 1, 2, 3, *(4, 5, 6)]  # the first four have been taken


def test_a_failure_ends_the_run_after_what_came_before_it() -> None:
    """The results of earlier items come, also those that take longer; then the error is raised, once."""

    async def fails_on_two(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        await asyncio.sleep(3 - number)
        return number

    async def main() -> list[Any]:
        seen: list[Any] = []
        async with pipeline(stage(fails_on_two, at_once=4))(range(10)) as results:
            try:
                async for result in results:
                    seen.append(result)
            except ValueError as error:
                seen.append(str(error))
            seen += [result async for result in results]
        return seen

    timeline = simulate(main)
    assert timeline.result == [0, 1, "two"]
    assert not timeline.notes


def test_a_failed_item_can_be_set_aside() -> None:
    """on_failure is told the stage, the item as the stage got it, and the error; the others go on."""

    async def halve(number: int) -> float:
        return 1 / (number - 2)

    failures: list[Failure] = []
    timeline = collected(lambda: pipeline(double, halve, on_failure=failures.append)(range(3)))
    assert timeline.result == [-0.5, 0.5]
    (failure,) = failures
    assert (failure.stage, failure.item, type(failure.error)) == ("halve", 2, ZeroDivisionError)


def test_what_on_failure_raises_ends_the_run() -> None:
    """A hook that gives up stops the pipeline as a failed stage does."""

    def give_up(failure: Failure) -> None:
        raise RuntimeError("too many failures")

    async def fail(_: int) -> None:
        raise ValueError

    with pytest.raises(RuntimeError, match="too many failures"):
        collected(lambda: pipeline(fail, on_failure=give_up)([1]))


def test_a_stage_cannot_end_the_results_without_a_word() -> None:
    """A StopAsyncIteration of a stage is a failure of the run, and not its end, with a block and without."""

    async def is_out_of_items(number: int) -> int:
        if number == 2:
            raise StopAsyncIteration
        return number

    async def in_a_block() -> list[int]:
        async with pipeline(is_out_of_items)([1, 2, 3]) as results:
            return [number async for number in results]

    with pytest.raises(RuntimeError, match="the stage is_out_of_items raised StopAsyncIteration") as raised:
        collected(lambda: pipeline(is_out_of_items)([1, 2, 3]))
    assert isinstance(raised.value.__cause__, StopAsyncIteration)
    with pytest.raises(RuntimeError, match="catch it in the stage"):
        simulate(in_a_block)


def test_a_failing_source_ends_the_run() -> None:
    """What it gave before goes through, and then its error is raised."""

    async def source() -> AsyncIterator[int]:
        yield 1
        raise OSError("the line is dead")

    async def main() -> list[Any]:
        seen: list[Any] = []
        try:
            async for result in pipeline(double)(source()):
                seen.append(result)
        except OSError as error:
            seen.append(str(error))
        return seen

    assert simulate(main).result == [2, "the line is dead"]


def test_a_second_error_is_reported() -> None:
    """Where two stages fail, the one on the earlier item is raised; the loop's exception handler gets the other."""
    reported: list[str] = []

    async def first(number: int) -> int:
        await asyncio.sleep(1)
        if number == 1:
            raise ValueError("one")
        return number

    async def second(number: int) -> int:
        await asyncio.sleep(1.5)
        raise ValueError("zero")

    async def main() -> None:
        handle = asyncio.get_running_loop().set_exception_handler
        handle(lambda _, context: reported.append(str(context["exception"])))
        async for _ in pipeline(first, second)(range(5)):
            pass

    with pytest.raises(ValueError, match="zero"):
        simulate(main)
    assert reported == ["one"]


def test_a_stage_whose_own_task_was_cancelled_has_failed() -> None:
    """A cancellation that nobody asked the pipeline for is no end of its results, but an error."""

    async def cancelled(_: int) -> None:
        raise asyncio.CancelledError

    async def main() -> str:
        try:
            async for _ in pipeline(cancelled)([1]):
                pass
        except asyncio.CancelledError:
            return "raised"
        return "lost"

    assert simulate(main).result == "raised"


def test_a_cancelled_consumer_ends_the_run_and_is_cancelled() -> None:
    """The stages get the cancellation, clean up, and then it is passed on."""
    cleaned: list[float] = []

    async def careful(number: int) -> int:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(1)
            cleaned.append(asyncio.get_running_loop().time())
        return number

    async def consume() -> None:
        async for _ in pipeline(stage(careful, at_once=2))(range(5)):
            pass

    async def main() -> bool:
        task = asyncio.create_task(consume())
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    timeline = simulate(main)
    assert timeline.result
    assert cleaned == [3, 3]
    assert not timeline.leaked


class Careful:
    """A source and a stage that take time to clean up, and count who has not."""

    def __init__(self) -> None:
        self.open = 0

    async def source(self) -> AsyncIterator[int]:
        self.open += 1
        try:
            for number in range(4):
                await asyncio.sleep(1)
                yield number
        finally:
            await self.close()

    async def work(self, number: int) -> int:
        self.open += 1
        try:
            await asyncio.sleep(2)
            return number
        finally:
            await self.close()

    async def close(self) -> None:
        try:
            await asyncio.sleep(1)
        finally:  # this, too, may be cancelled
            self.open -= 1

    def is_closed(self) -> bool:
        return self.open == 0


def test_cancelled_anywhere() -> None:
    """Cancelled at any moment, a run ends cancelled, with its source closed and every stage cleaned up."""

    async def consume(careful: Careful) -> None:
        async with pipeline(stage(careful.work, at_once=2), str)(careful.source()) as results:
            async for _ in results:
                await asyncio.sleep(0.5)

    cancel_everywhere(consume, Careful.is_closed, make=Careful)


def test_a_limit_on_the_next_result_loses_nothing() -> None:
    """An anext() that times out leaves the result for the next one."""

    async def main() -> list[Any]:
        seen: list[Any] = []
        async with pipeline(double)(range(2)) as results:
            while len(seen) < 5:
                try:
                    async with asyncio.timeout(0.4):
                        seen.append(await anext(results))
                except TimeoutError:
                    seen.append("late")
        return seen

    assert simulate(main).result == ["late", "late", 0, "late", "late"]


def test_several_may_take_from_one_run() -> None:
    """Each result goes to one of them, and all of them hear the end."""

    async def main() -> list[list[int]]:
        async with pipeline(stage(double, at_once=2))(range(5)) as results:

            async def take() -> list[int]:
                return [result async for result in results]

            return await asyncio.gather(take(), take())

    first, second = simulate(main).result
    assert sorted(first + second) == [0, 2, 4, 6, 8]


def test_a_run_can_be_the_source_of_another() -> None:
    """Results are an asynchronous iterable like any other, and closed with the run that they feed."""
    assert collected(lambda: pipeline(str)(pipeline(double)(range(3)))).result == ["0", "2", "4"]


def test_the_timeline_shows_how_many_wait() -> None:
    """Each queue has a gauge: the slow stage's is full, and those after it are empty."""
    run = pipeline(stage(double, name="slow", waiting=3), stage(str, name="fast"))
    timeline = collected(lambda: run(range(9)))
    assert {name: gauge.most for name, gauge in timeline.gauges.items()} == {
        "before slow": 3,
        "before fast": 0,
        "results": 0,
    }
    assert [lane.name for lane in timeline] == ["main", "source", "slow", "fast"]


def test_spans_of_a_stage_lie_in_its_lanes() -> None:
    """A stage's function may name what it does."""

    async def named(number: int) -> int:
        with span(f"item {number}"):
            return await double(number)

    timeline = collected(lambda: pipeline(stage(named, at_once=2))(range(2)))
    assert timeline.peak("item") == 2


def test_memory_stays_flat() -> None:
    """Twenty thousand items take no more memory at a time than a few hundred do."""

    async def run(count: int) -> int:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        async for _ in pipeline(stage(abs, waiting=10), abs)(range(count)):
            pass
        return tracemalloc.get_traced_memory()[1] - before

    async def main() -> tuple[int, int]:
        gc.collect()
        return await run(200), await run(20_000)

    tracemalloc.start()
    try:
        few, many = asyncio.run(main())
    finally:
        tracemalloc.stop()
    assert many < 2 * few


def test_a_run_leaves_no_cycle() -> None:
    """Nothing waits for the garbage collector after a run that failed: an error holds what it passed through."""

    class Item:
        pass

    async def fail(item: Item) -> None:
        raise ValueError

    async def main() -> int:
        source = [Item()]
        try:
            async with pipeline(fail)(source) as results:
                async for _ in results:
                    pass
        except ValueError:
            pass
        del results
        source.clear()
        await asyncio.sleep(0)
        return sum(isinstance(each, Item) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()) == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("wrong", "error", "hint"),
    [
        (lambda: pipeline(), ValueError, "pass one function or more"),
        (lambda: pipeline(5), TypeError, "pass the function itself"),  # type: ignore[arg-type]
        (lambda: stage(double, at_once=0), ValueError, "1 works on one item after another"),
        (lambda: stage(double, at_once=2.5), TypeError, "pass a whole number"),  # type: ignore[arg-type]
        (lambda: stage(double, waiting=0), ValueError, "leave it out"),
        (lambda: stage(numbers), TypeError, "is a generator function"),
        (lambda: pipeline(double, on_failure=double), TypeError, "use plain def"),
        (lambda: pipeline(double)("abc"), TypeError, "is one text"),
        (lambda: pipeline(double)(5), TypeError, "cannot be iterated over"),  # type: ignore[arg-type]
        (lambda: pipeline(double)(numbers), TypeError, "call it"),  # type: ignore[arg-type]
    ],
)
def test_arguments_without_sense_are_refused(wrong: Callable[[], object], error: type[Exception], hint: str) -> None:
    """The message names the argument and says what to pass."""
    with pytest.raises(error, match=hint):
        wrong()


def test_results_are_taken_once_and_inside() -> None:
    """After its block a run gives no more, and says how to take results; it does not begin again."""

    async def main() -> None:
        run = pipeline(double)([1])
        with pytest.raises(RuntimeError, match="take them inside of"):
            await anext(run)
        async with run as results:
            assert await anext(results) == 2
        with pytest.raises(RuntimeError, match="are closed: take them inside of"):
            await anext(results)
        with pytest.raises(RuntimeError, match="call the pipeline again"):
            async with run:
                pass

    simulate(main)


def test_random_pipelines_do_as_a_plain_loop() -> None:
    """500 random pipelines say what their loop says; `python tests/pipeline_model.py 10000` compares more."""
    assert compare(500).total() == 500
