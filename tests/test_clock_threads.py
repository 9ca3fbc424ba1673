"""Threads of a simulation that wait for each other, or for the loop, do so in virtual time, and exactly."""

import asyncio
import concurrent.futures
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest

from course_lib.seeing import DeadlockError, RunawayError, record, simulate
from course_lib.seeing.clock import let_go
from course_lib.seeing.clock.workers import Workers

outside = threading.Lock()
real_sleep = time.sleep


def now() -> float:
    return time.monotonic()


def run(main):
    return simulate(main).result


def failing(main, kind, **kwargs):
    with pytest.raises(kind) as caught:
        simulate(main, **kwargs)
    return str(caught.value)


# Locks.


def make(kind: str):
    return getattr(threading, kind)()  # looked up while the simulation runs


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "Semaphore"])
def test_threads_wait_for_a_lock(kind):
    """Three threads that each hold a lock for a second take three seconds, in the order in which they came."""

    async def main():
        lock, log = make(kind), []

        def job(n):
            with lock:
                time.sleep(1)
                log.append((n, now()))

        await asyncio.gather(*(asyncio.to_thread(job, n) for n in range(3)))
        return log

    assert run(main) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_the_loop_waits_for_a_lock(kind):
    """A lock that a thread holds blocks the loop until it is released, and that is drawn as a block."""

    async def main():
        lock = make(kind)

        def job():
            with lock:
                time.sleep(2)

        task = asyncio.create_task(asyncio.to_thread(job))
        await asyncio.sleep(0.5)
        with lock:
            held = now()
        await task
        return held

    timeline = simulate(main)
    assert (timeline.result, timeline.blocks) == (2, [(0.5, 2)])


def test_a_lock_is_taken_again_by_who_holds_it():
    """A reentrant lock counts how often it is held, and others wait for the last release."""

    async def main():
        lock = threading.RLock()

        def job():
            with lock:
                with lock:
                    time.sleep(1)
                time.sleep(1)
            with lock:
                return now()

        return await asyncio.gather(asyncio.to_thread(job), asyncio.to_thread(job))

    assert run(main) == [2, 4]


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_lock_is_waited_for_no_longer_than_asked(kind):
    """acquire(timeout=2) gives up after two seconds, acquire(blocking=False) at once."""

    async def main():
        lock = make(kind)

        def job():
            with lock:
                time.sleep(5)

        task = asyncio.create_task(asyncio.to_thread(job))
        await asyncio.sleep(1)
        tried = [lock.acquire(blocking=False), lock.acquire(timeout=2), now()]
        tried += [lock.acquire(timeout=9), now()]
        lock.release()
        await task
        return tried

    assert run(main) == [False, False, 3, True, 5]


def test_a_lock_of_a_simulation_is_a_lock_afterwards():
    """A lock that outlives its simulation works in threads of real time."""

    async def main():
        return threading.Lock(), threading.RLock(), threading.Condition()

    lock, rlock, condition = run(main)
    with lock, rlock, rlock:
        assert lock.locked() and not lock.acquire(timeout=0.01)
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(rlock.acquire, False).result()
    with condition:
        threading.Timer(0.05, lambda: notify(condition)).start()
        assert condition.wait(5)
    assert not lock.locked()


def notify(condition):
    with condition:
        condition.notify()


def test_a_lock_made_outside_that_nobody_wants_meanwhile_is_no_matter():
    """A lock of the outside is taken and released as ever."""

    async def main():
        with outside:
            await asyncio.sleep(1)
        await asyncio.to_thread(lambda: outside.acquire() and outside.release())
        return now()

    assert run(main) == 1


@pytest.mark.parametrize("where", ["worker", "loop"])
def test_a_lock_made_outside_is_named(where):
    """A wait for a lock of the outside that a sleeping thread holds ends at the limit, with the line and the mend."""

    def job():
        with outside:
            time.sleep(2)

    async def main():
        task = asyncio.create_task(asyncio.to_thread(job))
        await asyncio.sleep(1)
        if where == "loop":
            job()
        await asyncio.to_thread(job)
        await task

    message = failing(main, RunawayError, limit=0.3)
    assert "of job: with outside:" in message
    assert "a lock that was made outside of main, or not as threading.Lock()? Make it so, inside." in message
    assert not outside.locked()


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_lock_that_an_interrupt_left_taken_is_let_go(times):
    """However often a thread holds a lock, after let_go another one can take it."""
    lock = threading.RLock()
    for _ in range(times):
        lock.acquire()
    let_go(lock)
    with ThreadPoolExecutor() as pool:
        assert pool.submit(lock.acquire, False).result()


# Conditions, and what is built on them.


def test_an_event_set_in_time_ends_the_wait():
    """to_thread(event.wait, 2) gives True at 0.1 s when the event is set then, and False at 2 s when it is not."""

    async def main():
        event = threading.Event()
        task = asyncio.create_task(asyncio.to_thread(event.wait, 2))
        await asyncio.sleep(0.1)
        event.set()
        first = await task, now()
        return first, (await asyncio.to_thread(threading.Event().wait, 2), now())

    assert run(main) == ((True, 0.1), (False, 2.1))


def test_an_event_made_outside_is_as_exact():
    """Conditions wait in virtual time wherever they were made."""
    event = threading.Event()

    async def main():
        asyncio.get_running_loop().call_later(3, event.set)
        return await asyncio.to_thread(event.wait), now()

    assert run(main) == (True, 3)


def test_a_barrier_waits_for_the_last():
    """Three threads that come one after another leave a barrier together; a barrier that is not full breaks on time."""

    async def main():
        barrier, left = threading.Barrier(3), []

        def job(n):
            time.sleep(n)
            barrier.wait()
            left.append(now())

        await asyncio.gather(*(asyncio.to_thread(job, n) for n in range(3)))
        with pytest.raises(threading.BrokenBarrierError):
            await asyncio.to_thread(threading.Barrier(2).wait, 3)
        return left, now()

    assert run(main) == ([2, 2, 2], 5)


def test_a_queue_joins_two_threads():
    """A full queue holds its producer, an empty one its consumer, and get(timeout=5) gives up after five seconds."""

    async def main():
        jobs: queue.Queue[int] = queue.Queue(maxsize=1)
        put, got = [], []

        def produce():
            for n in range(3):
                jobs.put(n)
                put.append(now())

        def consume():
            for _ in range(3):
                time.sleep(1)
                got.append((jobs.get(), now()))
            with pytest.raises(queue.Empty):
                jobs.get(timeout=5)
            return now()

        _, end = await asyncio.gather(asyncio.to_thread(produce), asyncio.to_thread(consume))
        return put, got, end

    assert run(main) == ([0, 1, 2], [(0, 1), (1, 2), (2, 3)], 8)


def test_a_wait_for_a_predicate_ends_with_its_time():
    """Condition.wait_for and Semaphore.acquire reckon what is left of their time on the virtual clock."""

    async def main():
        condition = threading.Condition()

        def job():
            with condition:
                return condition.wait_for(lambda: False, 3), now()

        loop = asyncio.get_running_loop()
        loop.call_later(1, notify, condition)
        loop.call_later(2, notify, condition)
        waited = await asyncio.to_thread(job)
        return waited, await asyncio.to_thread(threading.Semaphore(0).acquire, timeout=2), now()

    assert run(main) == ((False, 3), False, 5)


def test_a_condition_that_nobody_holds_is_refused():
    """Condition.wait raises what the real one raises without its lock."""

    async def main():
        with pytest.raises(RuntimeError, match="un-acquired lock"):
            threading.Condition().wait()

    simulate(main)


def test_a_worker_waits_for_the_loop():
    """run_coroutine_threadsafe(...).result() in a worker takes as long as the coroutine."""

    async def main():
        loop = asyncio.get_running_loop()

        def job():
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(2, "done"), loop).result(), now()

        return await asyncio.to_thread(job)

    assert run(main) == ("done", 2)


def test_the_loop_waits_for_a_future_of_a_pool():
    """result(), wait and as_completed on the loop block it for as long as the jobs take, and the exit of a pool too."""

    async def main():
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(time.sleep, 1) for _ in range(4)]
            futures[0].result()
            first = now()
            concurrent.futures.wait(futures)
            second = now()
            for future in concurrent.futures.as_completed([pool.submit(time.sleep, 1)]):
                future.result()
            third = now()
            with pytest.raises(TimeoutError):
                pool.submit(time.sleep, 3).result(timeout=0.5)
            assert list(pool.map(abs, [-1, -2])) == [1, 2]
        return first, second, third, now()

    timeline = simulate(main)
    assert (timeline.result, timeline.blocks) == ((1, 2, 3, 6), [(0, 6)])


# Threads of the program's own.


def test_a_thread_of_ones_own_is_part_of_the_simulation():
    """A plain thread sleeps in virtual time, wakes the loop by call_soon_threadsafe, and is joined."""

    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def job():
            time.sleep(2)
            loop.call_soon_threadsafe(event.set)
            time.sleep(1)

        thread = threading.Thread(target=job)
        thread.start()
        async with asyncio.timeout(5):
            await event.wait()
        woken = now()
        thread.join(timeout=0.5)
        alive = thread.is_alive()
        thread.join()
        return woken, alive, now(), thread.is_alive()

    assert run(main) == (2, True, 3, False)


def test_a_timer_rings_on_time():
    """threading.Timer(3, ...) calls its function at three seconds, and under a timeout of five."""

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        threading.Timer(3, lambda: loop.call_soon_threadsafe(future.set_result, now())).start()
        cancelled = threading.Timer(1, future.cancel)
        cancelled.start()
        cancelled.cancel()
        async with asyncio.timeout(5):
            return await future, now()

    assert run(main) == (3, 3)


def test_a_loop_in_a_worker_keeps_the_same_time():
    """asyncio.run in a worker is exact: its sleeps, its own workers, and its waits for the outer loop."""

    async def main():
        outer = asyncio.get_running_loop()

        async def inner():
            await asyncio.sleep(2)
            await asyncio.to_thread(time.sleep, 1)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(4), outer))
            return now(), asyncio.get_running_loop().time()

        async with asyncio.timeout(8):
            return await asyncio.to_thread(asyncio.run, inner()), now()

    assert run(main) == ((7, 7), 7)


def test_two_loops_talk_by_sockets():
    """A server on the simulation's loop and a client on that of a worker wait for each other's packets, as exactly."""

    async def main():
        async def answer(reader, writer):
            data = await reader.read(10)
            await asyncio.sleep(1)
            writer.write(data)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)

        async def ask():
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await asyncio.sleep(1)
            writer.write(b"hello")
            answered = await reader.read(10), now()
            writer.close()
            await writer.wait_closed()
            return answered

        async with server:
            return await asyncio.to_thread(lambda: [asyncio.run(ask()) for _ in range(5)])

    assert run(main) == [(b"hello", n) for n in (2, 4, 6, 8, 10)]


def test_anyios_threads_are_part_of_it():
    """anyio.to_thread takes virtual time, under a timeout too."""

    async def main():
        async with asyncio.timeout(5):
            await anyio.to_thread.run_sync(time.sleep, 2)
        return now()

    assert run(main) == 2


def test_a_pool_is_shut_down_while_its_jobs_are_cancelled():
    """Who shuts a pool down waits for the job that runs; those cancelled meanwhile are not waited for."""

    async def main():
        loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        jobs = [loop.run_in_executor(pool, time.sleep, 2) for _ in range(3)]
        await asyncio.sleep(1)
        for job in jobs:
            job.cancel()
        await asyncio.to_thread(pool.shutdown)
        return now()

    assert run(main) == 2


@pytest.mark.parametrize("repeat", range(20))
def test_the_loops_pool_is_shut_down(repeat):
    """shutdown_default_executor() waits for the jobs, in virtual time, every time."""

    async def main():
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, time.sleep, 2)
        await loop.shutdown_default_executor()
        return now()

    assert run(main) == 2


def test_jobs_that_a_thread_submits_begin_together(monkeypatch):
    """Time does not move while a thread submits its jobs, however long it takes for a job to be counted in."""
    counted_in = Workers.job_submitted

    def late(*args, **kwargs):
        real_sleep(0.05)  # in which a job that has been submitted can begin
        counted_in(*args, **kwargs)

    monkeypatch.setattr(Workers, "job_submitted", late)

    async def main():
        with ThreadPoolExecutor(2) as pool:
            await asyncio.to_thread(lambda: list(pool.map(time.sleep, [2, 2])))
        return now()

    assert run(main) == 2


def test_threads_that_wait_for_each_other_do_so_in_one_order():
    """What threads do under locks and queues comes in the same order in 20 runs of 20."""

    async def main():
        lock, jobs, log = threading.Lock(), queue.Queue(), []

        def job(n):
            for _ in range(3):
                with lock:
                    time.sleep(0.1)
                    log.append(n)
                jobs.put(n)
                log.append(-jobs.get())

        await asyncio.gather(*(asyncio.to_thread(job, n) for n in range(6)))
        return tuple(log), now()

    assert len({run(main) for _ in range(20)}) == 1


def test_a_thread_left_over_is_reported_and_ends():
    """A thread that still works when main ends is mentioned, one that waits for more to do is not; both are ended."""
    threads = []

    async def main():
        threads.append(threading.Thread(target=time.sleep, args=(100,)))
        threads.append(threading.Thread(target=threading.Event().wait))
        for thread in threads:
            thread.start()
        await asyncio.sleep(1)

    assert simulate(main).notes == ["a thread cannot be cancelled; still at work when main ended: 1"]
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


# Deadlocks.


def test_a_deadlock_of_threads_names_their_lines():
    """A thread that waits for a lock for ever, and a task that waits for it, are a deadlock, with both lines."""

    async def main():
        lock = threading.Lock()

        def job():
            lock.acquire()
            lock.acquire()

        await asyncio.sleep(1)
        await asyncio.to_thread(job)

    message = failing(main, DeadlockError)
    assert "deadlock at 1 s" in message
    assert "a worker thread waits at line" in message and "of job: lock.acquire()" in message
    assert "main waits at line" in message and "of main: await asyncio.to_thread(job)" in message


def test_a_deadlock_of_the_loops_thread_names_its_line():
    """A blocking wait on the loop for what only the loop could bring is a deadlock, and no reason to restart."""

    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

    message = failing(main, DeadlockError)
    assert "deadlock at 1 s" in message and "the loop's thread waits at line" in message
    assert "of main: asyncio.run_coroutine_threadsafe" in message


def test_two_threads_with_two_locks_are_a_deadlock():
    """Two threads that take two locks in opposite order are found, and both lines are named."""

    async def main():
        first, second = threading.Lock(), threading.Lock()

        def job(one, other):
            with one:
                time.sleep(1)
                with other:
                    pass

        await asyncio.gather(asyncio.to_thread(job, first, second), asyncio.to_thread(job, second, first))

    assert failing(main, DeadlockError).count("of job: with other:") == 2


def test_a_recording_inside_a_simulation_is_virtual():
    """record() on a simulation's loop says that its times are virtual, and they are exact."""

    async def main():
        async with record() as timeline:
            await asyncio.create_task(asyncio.sleep(1))
        return timeline.virtual, timeline.end

    assert run(main) == (True, 1)
