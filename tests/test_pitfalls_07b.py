"""The pitfalls of lesson 7b: each faulty program of the notebook fails as it says, and the mended one does not."""

import asyncio
import gc
import tracemalloc

import asyncpg
import pytest
from pitfall_programs import definitions, programs

from course_lib.lab import servers, web
from course_lib.seeing import DeadlockError, every_order, simulate

NAME = "07b_shared_state_and_memory"
lesson = definitions(NAME)

HALF = 0.5  # of memory: a relation with a margin of 2


def test_a_seat_is_sold_twice_in_some_order():
    """Looked, waited, took: right in the usual order, and wrong in another."""
    assert simulate(lambda: lesson.two_buyers(lesson.looks_first)).result == 0
    assert every_order(lambda: lesson.two_buyers(lesson.looks_first), lesson.check).failures
    mended = every_order(lambda: lesson.two_buyers(lesson.one_at_a_time), lesson.check)
    assert mended.complete and not mended.failures


def test_an_update_is_lost():
    """`total += await price()` reads the total before it waits."""
    assert simulate(lambda: lesson.sum_of_prices(wait_first=False)).result == 10
    assert simulate(lambda: lesson.sum_of_prices(wait_first=True)).result == 30
    assert programs(NAME)["lost"].run("-X", "dev").text == "total: 10"  # and nothing else, in debug mode


def test_a_task_waits_for_its_own_lock():
    """A lock of asyncio cannot be taken twice by the same task."""
    with pytest.raises(DeadlockError) as caught:
        simulate(lambda: lesson.Account().pay_bills([10, 20]))
    assert "of withdraw" in caught.value.where
    assert simulate(lambda: lesson.MendedAccount().pay_bills([10, 20])).result == 70


def test_a_task_that_hangs_says_where():
    """The chain of coroutines leads to the one that waits."""

    async def main():
        hung = asyncio.create_task(lesson.Account().pay_bills([10, 20]))
        for _ in range(3):
            await asyncio.sleep(0)
        chain = lesson.where(hung)
        hung.cancel()
        await asyncio.wait([hung])
        return chain

    assert asyncio.run(main()) == "pay_bills > withdraw > __aenter__ > acquire"


def test_two_locks_in_two_orders_hang_in_some_order():
    """Two tasks that take two locks in two orders can wait for one another."""
    found = every_order(lambda: lesson.two_transfers(in_order=False))
    assert {each.kind for each in found.failures} == {"deadlock"}
    mended = every_order(lambda: lesson.two_transfers(in_order=True))
    assert mended.complete and not mended.failures


def test_join_waits_for_a_dead_worker():
    """A job that is never reported done keeps `queue.join()` waiting."""
    with pytest.raises(DeadlockError) as caught:
        simulate(lambda: lesson.work_through([1, 2, 0, 3, 4]))
    assert "of work_through; worker waits" in caught.value.where
    done = simulate(lambda: lesson.work_through([1, 2, 0, 3, 4], lesson.sound_worker)).result
    assert isinstance(done.pop(0), ZeroDivisionError)
    assert done == {1: 12.0, 2: 6.0, 3: 4.0, 4: 3.0}


def test_a_queue_without_a_limit_grows():
    """What a fast reader puts on a queue without limit piles up; with a limit it does not."""
    unlimited, limited = lesson.grown(lambda: lesson.copy(0)), lesson.grown(lambda: lesson.copy(4))
    assert unlimited[2] < HALF * unlimited[8]
    assert limited[8] < HALF * unlimited[8]


def test_finished_tasks_that_are_kept_grow():
    """A task holds its result as long as somebody holds the task."""
    kept, gone = (lesson.grown(lambda each=let_go: lesson.serve(each)) for let_go in (False, True))
    assert gone[8] < HALF * kept[8]


def test_the_line_that_grew_is_found():
    """Two snapshots name the line that made what became more."""
    tracemalloc.start()
    try:
        before = simulate(lambda: lesson.what_grew(lambda: lesson.serve(False))).result
    finally:
        tracemalloc.stop()
    assert before.startswith("30 blocks more")


def test_a_cycle_waits_for_the_collector():
    """An error that is kept in a variable holds the function's frame, and what is in it, until the collector comes."""
    gc.disable()
    try:
        never = lesson.grown(lambda: lesson.fetch_pages(False), seconds=4)
        now_and_then = lesson.grown(lambda: lesson.fetch_pages(False, 30), seconds=4)
        forgotten = lesson.grown(lambda: lesson.fetch_pages(True), seconds=4)
    finally:
        gc.enable()
    assert now_and_then[4] < HALF * never[4]
    assert forgotten[4] < HALF * now_and_then[4]


def test_a_semaphore_limits_work_and_not_tasks():
    """With a semaphore there is a task for each job; with workers there are as many as workers."""
    assert asyncio.run(lesson.one_task_each(1_000)) == 1_000
    assert asyncio.run(lesson.ten_workers(1_000)) == 10


def test_a_task_vanishes_from_a_weak_set():
    """A task that waits for what only itself holds is collected; one that sleeps is held by its timer."""
    assert programs(NAME)["weakly"].run().text.splitlines() == ["Task was destroyed but it is pending!", "left: sleeps"]


def test_a_limit_counts_the_wait_in_the_queue():
    """A limit around the wait for a slot strikes calls that a quick server would have answered."""
    assert simulate(lambda: lesson.eight(lesson.limit_around_all)).result == 4
    assert simulate(lambda: lesson.eight(lesson.limit_around_work)).result == 8


def test_a_row_is_lost_on_a_shared_connection():
    """What another task stores on the same connection belongs to the open transaction, and goes with it."""

    async def main():
        one, other = await asyncpg.connect(servers.postgres()), await asyncpg.connect(servers.postgres())
        try:
            return await lesson.both(one, one), await lesson.both(one, other)
        finally:
            await one.close()
            await other.close()

    assert asyncio.run(main()) == ("Ben: stored; rows in the table: 0", "Ben: stored; rows in the table: 1")


def test_a_generator_that_is_left_cleans_up_late(capsys):
    """After `break`, the generator's `finally` runs after the next line, in another task; `aclosing` mends both."""
    timeline = simulate(lesson.take_one)
    assert capsys.readouterr().out.splitlines() == ["the next line", "clean-up, in the same task: False"]
    assert "left open" in str(timeline)
    simulate(lesson.take_one_and_close)
    assert capsys.readouterr().out.splitlines() == ["clean-up, in the same task: True", "the next line"]


def test_a_session_that_is_forgotten_is_heard_of():
    """A session that was not closed is reported when it is thrown away, and one that was is not."""
    url = f"{web.start().url}/status/200"

    async def heard(way):
        messages = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: messages.append(context["message"]))
        assert await way(url) == 200
        gc.collect()
        return messages

    with pytest.warns(ResourceWarning):
        assert "Unclosed client session" in asyncio.run(heard(lesson.forgets))
    assert asyncio.run(heard(lesson.closes)) == []
