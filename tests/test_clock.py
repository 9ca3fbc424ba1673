"""Virtual time is exact: for the loop, for what asyncio builds on it, and for the threads that sleep."""

import asyncio
import contextvars
import datetime
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from course_lib.seeing import DeadlockError, State, simulate

YEAR = 365 * 24 * 3600


def now() -> float:
    return asyncio.get_running_loop().time()


def run(main):
    return simulate(main).result


@pytest.mark.parametrize("seconds", [1e-9, 0.1, 1, 3600, YEAR, 100 * YEAR])
def test_a_sleep_takes_exactly_as_long_as_asked(seconds):
    """A sleep ends at its exact time, be it a nanosecond, a year or longer than a selector may wait."""

    async def main():
        await asyncio.sleep(seconds)
        return now()

    timeline = simulate(main)
    assert timeline.result == timeline.end == timeline["main"].end == seconds


@pytest.mark.parametrize("power", range(19, 28))
def test_short_sleeps_end_in_a_far_future(power):
    """However coarse floats have become, from six days to four years on, no timer is ever just ahead of its time."""

    async def main():
        await asyncio.sleep(2**power - 0.05)
        for _ in range(300):
            for seconds in (0.1, 7, 0.001):
                before = now()
                await asyncio.sleep(seconds)
                assert abs(now() - before - seconds) < 1e-6

    assert simulate(main).end == pytest.approx(2**power + 300 * 7.101 - 0.05)


def test_ten_sleeps_of_a_tenth_make_a_second():
    """Times stay whole nanoseconds, so no rounding error adds up."""

    async def main():
        for _ in range(10):
            await asyncio.sleep(0.1)
        return now()

    assert run(main) == 1.0


def test_waits_overlap_only_if_they_were_started():
    """Awaiting one after another adds the delays, gathering takes the longest."""

    async def main():
        for delay in (1, 2, 3):
            await asyncio.sleep(delay)
        first = now()
        results = await asyncio.gather(*(asyncio.sleep(delay, delay) for delay in (1, 2, 3)))
        return first, now() - first, results

    assert run(main) == (6, 3, [1, 2, 3])


def test_a_task_group_takes_as_long_as_its_longest_task():
    """A TaskGroup ends with the last of its tasks."""

    async def main():
        async with asyncio.TaskGroup() as group:
            for delay in (0.25, 0.75, 0.5):
                group.create_task(asyncio.sleep(delay))
        return now()

    assert run(main) == 0.75


def test_timeouts_expire_on_time():
    """asyncio.timeout and wait_for cancel at their exact deadline, and not at all when the work ends first."""

    async def main():
        seen = []
        try:
            async with asyncio.timeout(2.5):
                await asyncio.sleep(5)
        except TimeoutError:
            seen.append(now())
        try:
            await asyncio.wait_for(asyncio.sleep(5), 0.5)
        except TimeoutError:
            seen.append(now())
        async with asyncio.timeout(2):
            await asyncio.sleep(1.9)
        seen.append(await asyncio.wait_for(asyncio.sleep(1, "in time"), 1.1))
        return seen, now()

    assert run(main) == ([2.5, 3.0, "in time"], 5.9)


def test_a_timeout_reaches_through_a_blocked_loop():
    """A deadline that passes while the loop is blocked is noticed when the block ends, not earlier."""

    async def main():
        try:
            async with asyncio.timeout(1):
                time.sleep(3)
                await asyncio.sleep(1)
        except TimeoutError:
            return now()

    assert run(main) == 3


def test_a_queue_keeps_three_workers_busy():
    """Nine jobs of a second on three workers take three seconds."""

    async def main():
        queue: asyncio.Queue[int] = asyncio.Queue()
        for n in range(9):
            queue.put_nowait(n)

        async def work():
            while True:
                await queue.get()
                await asyncio.sleep(1)
                queue.task_done()

        workers = [asyncio.create_task(work()) for _ in range(3)]
        await queue.join()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return now()

    assert run(main) == 3


def test_a_full_queue_holds_its_producer():
    """put() on a full queue waits until somebody takes something out."""

    async def main():
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)

        async def consume():
            for _ in range(3):
                await asyncio.sleep(1)
                await queue.get()

        async with asyncio.TaskGroup() as group:
            group.create_task(consume())
            times = []
            for n in range(3):
                await queue.put(n)
                times.append(now())
        return times

    assert run(main) == [0, 1, 2]


def test_a_lock_and_a_semaphore_let_through_what_they_should():
    """Six seconds of work take six seconds under a lock and three under a semaphore of two."""

    async def main():
        async def hold(guard):
            async with guard:
                await asyncio.sleep(1)

        await asyncio.gather(*(hold(lock) for lock in [asyncio.Lock()] * 6))
        first = now()
        await asyncio.gather(*(hold(semaphore) for semaphore in [asyncio.Semaphore(2)] * 6))
        return first, now() - first

    assert run(main) == (6, 3)


def test_events_and_conditions_wake_their_waiters_at_once():
    """Who waits for an event or a condition goes on at the instant that it is set."""

    async def main():
        event, condition, times = asyncio.Event(), asyncio.Condition(), []

        async def wait_for_event():
            await event.wait()
            times.append(now())

        async def wait_for_condition():
            async with condition:
                await condition.wait()
            times.append(now())

        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for_event())
            group.create_task(wait_for_condition())
            await asyncio.sleep(1.5)
            event.set()
            await asyncio.sleep(1.5)
            async with condition:
                condition.notify()
        return times

    assert run(main) == [1.5, 3]


def test_callbacks_run_at_their_time_and_in_order():
    """call_later and call_at run at exact times, equal times in order of scheduling, and never when cancelled."""

    async def main():
        loop, seen = asyncio.get_running_loop(), []
        loop.call_later(2, lambda: seen.append(("later", now())))
        loop.call_at(1, lambda: seen.append(("at", now())))
        for name in "abc":
            loop.call_later(3, seen.append, name)
        loop.call_later(2.5, seen.append, "never").cancel()
        await asyncio.sleep(4)
        return seen

    assert run(main) == [("at", 1), ("later", 2), "a", "b", "c"]


def drained_in_floats():
    """Wait until a bucket is empty, as a rate limiter does: the rest is so small that `now + rest` is now."""
    loop = asyncio.get_running_loop()
    empty, last, level = loop.create_future(), loop.time(), 1e-18

    def drip():
        nonlocal last, level
        last, level = loop.time(), level - (loop.time() - last)
        if level > 0:
            loop.call_at(last + level, drip)
        else:
            empty.set_result(None)

    drip()
    return empty


def test_a_timer_set_for_now_again_and_again_lets_time_pass():
    """Who waits for a time that is no later than now, in floats, waits for the clock to move: it does, by 2 ns."""

    async def main():
        await asyncio.sleep(1)
        await drained_in_floats()

    assert simulate(main).end == 1.000000002


def test_what_is_due_at_one_moment_stays_there():
    """Sleeps of no time, and timers that are due now, end at the moment they were set, also when they are many."""

    async def main():
        await asyncio.gather(*(asyncio.sleep(0 if number % 2 else 1e-12) for number in range(1000)))
        for _ in range(1000):
            await asyncio.sleep(0)

    assert simulate(main).end == 0


def test_a_sleep_for_ever_is_no_time():
    """A sleep of infinite length does not drag the clock along, and alone it is a deadlock."""

    async def main():
        forever = asyncio.create_task(asyncio.sleep(float("inf")))
        await asyncio.sleep(1)
        forever.cancel()
        return now()

    assert run(main) == 1
    with pytest.raises(DeadlockError):
        simulate(lambda: asyncio.sleep(float("inf")))


# Blocking calls and worker threads.


def test_time_sleep_freezes_the_whole_loop():
    """time.sleep(1) on the loop delays everybody by exactly one second, and is drawn as blocking."""

    async def bad():
        time.sleep(1)

    async def main():
        other = asyncio.create_task(asyncio.sleep(0.5), name="other")
        await asyncio.sleep(0.25)
        await asyncio.create_task(bad())
        await other

    timeline = simulate(main)
    assert timeline.blocks == [(0.25, 1.25)]
    assert timeline.blocked == timeline["bad"].blocked == 1
    assert timeline["other"].end == 1.25
    assert [span.state for span in timeline["bad"].spans] == [State.BLOCKING]


def test_to_thread_mends_it_as_exactly():
    """time.sleep(1) in a thread takes exactly one second and delays nobody."""

    async def main():
        other = asyncio.create_task(asyncio.sleep(0.5), name="other")
        await asyncio.sleep(0.25)
        await asyncio.to_thread(time.sleep, 1)
        await other

    timeline = simulate(main)
    assert (timeline.end, timeline["other"].end, timeline.blocks) == (1.25, 0.5, [])


def test_forty_jobs_share_thirty_two_workers():
    """The pool has 32 threads, so 40 jobs of a second take two seconds: 32 end at 1, eight at 2."""

    async def job():
        await asyncio.to_thread(time.sleep, 1)
        return now()

    async def main():
        return await asyncio.gather(*(job() for _ in range(40)))

    assert sorted(run(main)) == [1.0] * 32 + [2.0] * 8


def test_jobs_run_in_one_order_every_time():
    """Threads take turns in order of time and then of submission, in 50 runs out of 50."""

    async def main():
        log: list[tuple[float, int]] = []

        def job(n: int) -> None:
            log.append((time.monotonic(), n))
            time.sleep(n % 3)
            log.append((time.monotonic(), n))
            time.sleep(0.5)
            log.append((time.monotonic(), n))

        await asyncio.gather(*(asyncio.to_thread(job, n) for n in range(12)))
        return tuple(log), now()

    seen = {run(main) for _ in range(50)}
    assert len(seen) == 1
    log, end = seen.pop()
    assert end == 2.5
    assert log[:12] == tuple((0, n) for n in range(12)), "all begin before the first sleep ends"
    assert [time for time, _ in log] == sorted(time for time, _ in log)


def test_a_job_that_does_not_sleep_takes_no_time():
    """A job that only computes ends at the instant it began; work takes no virtual time."""

    async def main():
        total = await asyncio.to_thread(sum, range(1000))
        return total, now()

    assert run(main) == (499500, 0)


def test_a_job_sleeps_again_and_again():
    """Each sleep of a job moves its own time on, beside the loop's timers."""

    async def main():
        def job() -> list[float]:
            times = []
            for delay in (0.1, 0.2, 0, 0.3):
                time.sleep(delay)
                times.append(time.time())
            return times

        return await asyncio.gather(asyncio.to_thread(job), asyncio.to_thread(job), asyncio.sleep(0.45))

    assert run(main) == [[0.1, 0.3, 0.3, 0.6]] * 2 + [None]


def test_a_sleep_on_the_loop_wakes_the_threads_meanwhile():
    """While time.sleep blocks the loop, the threads go on at their own times."""

    async def main():
        times = []

        def job() -> None:
            for _ in range(3):
                time.sleep(1)
                times.append(time.perf_counter())

        task = asyncio.create_task(asyncio.to_thread(job))
        await asyncio.sleep(0.5)
        time.sleep(2)
        woken = list(times)
        await task
        return woken, times

    assert run(main) == ([1, 2], [1, 2, 3])


def test_a_cancelled_job_goes_on_but_nobody_waits():
    """Cancelling the await of a running job ends the wait at once; the thread sleeps to its end."""

    async def main():
        ended = []

        def job() -> None:
            time.sleep(2)
            ended.append(time.monotonic())

        task = asyncio.create_task(asyncio.to_thread(job))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        cancelled = now()
        await asyncio.sleep(5)
        return cancelled, ended

    assert run(main) == (1, [2])


def test_a_job_cancelled_before_its_turn_never_runs():
    """A job that still waits for a free thread is dropped when it is cancelled."""

    async def main():
        loop, ran = asyncio.get_running_loop(), []
        with ThreadPoolExecutor(1) as pool:
            first = loop.run_in_executor(pool, time.sleep, 1)
            second = loop.run_in_executor(pool, ran.append, "second")
            third = loop.run_in_executor(pool, ran.append, "third")
            await asyncio.sleep(0.5)
            second.cancel()
            await asyncio.gather(first, third)
            return ran, now()

    assert run(main) == (["third"], 1)


def test_a_pool_of_two_runs_two_at_a_time():
    """A program's own ThreadPoolExecutor(2) takes three seconds for five jobs of one."""

    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as pool:
            await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 1) for _ in range(5)))
        return now()

    assert run(main) == 3


def test_leaving_a_pool_waits_for_its_jobs_and_blocks():
    """A `with` block of a thread pool blocks the loop until its last job ends, as it does in real time."""

    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as pool:
            loop.run_in_executor(pool, time.sleep, 5)
            await asyncio.sleep(1)
        return now()

    timeline = simulate(main)
    assert (timeline.result, timeline.blocks) == (5, [(1, 5)])


def test_a_default_executor_of_ones_own_is_used():
    """set_default_executor changes how many jobs to_thread runs at once."""

    async def main():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 1) for _ in range(3)))
        return now()

    assert run(main) == 3


def test_the_error_of_a_job_reaches_who_awaits_it():
    """An exception in a thread is raised by the await, at its time."""

    async def main():
        def job() -> None:
            time.sleep(1)
            raise ValueError("no such page")

        with pytest.raises(ValueError, match="no such page"):
            await asyncio.to_thread(job)
        return now()

    assert run(main) == 1


def test_a_pool_that_was_shut_down_does_not_stop_the_clock():
    """Submitting to a pool that has ended raises, and time goes on."""

    async def main():
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        with pytest.raises(RuntimeError, match="shutdown"):
            asyncio.get_running_loop().run_in_executor(pool, time.sleep, 1)
        await asyncio.sleep(1)
        return now()

    assert run(main) == 1


def test_polling_with_sleep_zero_sees_a_job_end():
    """A loop of sleep(0) lets a computing thread finish instead of running away from it."""

    async def main():
        def job() -> int:
            return sum(range(100_000))

        task = asyncio.create_task(asyncio.to_thread(job))
        while not task.done():
            await asyncio.sleep(0)
        return task.result(), now()

    assert run(main) == (4999950000, 0)


def test_every_function_that_tells_the_time_tells_the_same():
    """time, monotonic, perf_counter and their _ns forms agree with the loop, in the loop and in a thread."""

    def read() -> list[float]:
        return [
            time.time(),
            time.monotonic(),
            time.perf_counter(),
            time.time_ns() / 1e9,
            time.monotonic_ns() / 1e9,
            time.perf_counter_ns() / 1e9,
        ]

    async def main():
        await asyncio.sleep(1.5)
        here = read()

        def job() -> list[float]:
            time.sleep(1)
            return read()

        return here, await asyncio.to_thread(job)

    assert run(main) == ([1.5] * 6, [2.5] * 6)


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_sleep_of_a_wrong_length_is_refused(seconds):
    """time.sleep refuses what the real one refuses, on the loop and in a thread."""

    async def main():
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(seconds)
        with pytest.raises(ValueError, match="non-negative"):
            await asyncio.to_thread(time.sleep, seconds)

    simulate(main)


def test_other_threads_keep_real_time():
    """While a simulation runs, a thread outside of it reads the real clock."""
    look, seen = threading.Event(), []

    def outside() -> None:
        look.wait()
        seen.append(time.time())

    thread = threading.Thread(target=outside)
    thread.start()

    async def main():
        await asyncio.sleep(5)
        look.set()
        thread.join()

    before = time.time()
    simulate(main)
    assert before <= seen[0] <= time.time()
    assert seen[0] > datetime.datetime(2020, 1, 1).timestamp()


def test_context_variables_pass_into_the_simulation_and_its_threads():
    """A context variable of the caller is seen by main, by its tasks and by to_thread; changes stay inside."""
    who = contextvars.ContextVar("who", default="nobody")
    who.set("the caller")

    async def main():
        seen = who.get(), await asyncio.to_thread(who.get)
        who.set("main")
        return *seen, await asyncio.create_task(ask())

    async def ask():
        return who.get()

    assert run(main) == ("the caller", "the caller", "main")
    assert who.get() == "the caller"
