"""Across the border between plain and asynchronous code: what was promised comes out, and nothing stays behind."""

import asyncio
import concurrent.futures
import gc
import signal
import sqlite3
import sys
import threading
import time
import warnings
from contextlib import aclosing, closing
from contextvars import ContextVar

import pytest
from interop_model import PATIENCE, check_threads, compare

from course_lib.interop import LoopThread, iterate_in_thread, iterate_sync, loops, run_sync
from course_lib.seeing import DeadlockError, simulate, span

who = ContextVar("who", default="nobody")
needs_signals = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to a thread on Windows")


@pytest.fixture(autouse=True)
def nothing_left():
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.disable()  # what an interrupt raises in a finalizer is dropped
        yield
        gc.enable()
        gc.collect()  # a coroutine that nobody awaited warns here
    check_threads(before)


async def add(a, b):
    await asyncio.sleep(0)
    return a + b


async def fail(error):
    await asyncio.sleep(0)
    raise error


async def for_ever(log, begun=int):
    begun()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        log.append("cleaned up")


def interrupt():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def without_a_loop(function, *args):
    return function(*args)


def run_in_a_thread(function, *args):
    with LoopThread() as loop:
        return loop.run(function, *args)


def in_a_coroutine(function, *args):
    async def main():
        return function(*args)

    return asyncio.run(main())


def in_another_thread(function, *args):
    async def main():
        return await asyncio.to_thread(function, *args)

    return asyncio.run(main())


def in_a_simulation(function, *args):
    async def main():
        return function(*args)

    return simulate(main).result


anywhere = pytest.mark.parametrize(
    "call", [without_a_loop, in_a_coroutine, in_another_thread, in_a_simulation], ids=lambda call: call.__name__
)


# run_sync


@anywhere
def test_a_result_comes_out(call):
    """A coroutine function with its arguments, a coroutine, and a function that returns one give their result."""
    assert call(run_sync, add, 1, 2) == 3
    assert call(lambda: run_sync(add(3, 4))) == 7
    assert call(run_sync, lambda: add(5, 6)) == 11


ERRORS = [ValueError("no"), TimeoutError(), concurrent.futures.CancelledError(), ExceptionGroup("two", [OSError()])]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def raised_by(function, *args):
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001  # which one is what is asked
        return error


@anywhere
@each_error
def test_an_exception_comes_out_as_it_is(call, error):
    """What the work raises is raised, the same object, and also one that is named like a cancellation or a limit."""
    assert call(raised_by, run_sync, fail, error) is error


@anywhere
def test_work_that_ends_cancelled_is_told_so(call):
    """Work that is cancelled in there comes out as asyncio's CancelledError, as from asyncio.run."""

    async def give_up():
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    def asked():
        try:
            run_sync(give_up)
        except asyncio.CancelledError:
            return "cancelled"

    assert call(asked) == "cancelled"


@anywhere
def test_context_variables_go_in_and_do_not_come_back(call):
    """The work sees the caller's context variables; what it sets, the caller does not see."""

    async def rename():
        before = who.get()
        who.set("Ben")
        return before

    def ask():
        token = who.set("Ann")
        try:
            return run_sync(rename), who.get()
        finally:
            who.reset(token)

    assert call(ask) == ("Ann", "Ann")


@anywhere
def test_what_the_work_has_started_ends_with_it(call):
    """Tasks and async generators that are left on the work's loop are ended and cleaned up before run_sync returns."""
    log = []

    async def items():
        try:
            yield 1
        finally:
            log.append("closed")

    async def leave():
        left = items()
        await anext(left)
        task = asyncio.create_task(for_ever(log))
        await asyncio.sleep(0)
        return left, task

    call(run_sync, leave)
    assert sorted(log) == ["cleaned up", "closed"]


def test_the_callers_loop_goes_on_afterwards():
    """The loop of the caller is the running one after the call, and its tasks go on."""

    async def main():
        loop = asyncio.get_running_loop()
        other = asyncio.create_task(add(1, 2))
        assert run_sync(add, 1, 1) == 2
        assert asyncio.get_running_loop() is loop
        return await other

    assert asyncio.run(main()) == 3


def test_it_may_stand_within_itself():
    """Work may call a plain function that calls run_sync again, thirty levels deep."""

    async def level(number):
        return number if number == 30 else run_sync(level, number + 1)

    assert run_sync(level, 0) == 30


def test_the_callers_loop_stands_still_meanwhile():
    """In a simulation that is seen: the work takes its two seconds, and the loop is blocked for them."""

    async def main():
        run_sync(asyncio.sleep, 2)
        return time.monotonic()

    timeline = simulate(main)
    assert (timeline.result, timeline.blocked) == (2, 2)


def test_a_future_of_the_callers_loop_cannot_be_awaited_in_there():
    """What belongs to the caller's loop raises RuntimeError in there, and does not hang."""

    async def main():
        future = asyncio.get_running_loop().create_future()

        async def wait():
            await future

        with pytest.raises(RuntimeError):
            run_sync(wait)

    asyncio.run(main())


def test_waiting_in_there_for_what_the_caller_is_to_do_is_found_in_a_simulation():
    """An event that a task of the caller's loop would set is waited for in vain: simulate says where."""

    async def main():
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(1, event.set)
        run_sync(event.wait)

    with pytest.raises(DeadlockError):
        simulate(main)


@pytest.mark.parametrize(
    ("work", "args", "hint"),
    [
        (3, (), "neither a coroutine nor a coroutine function"),
        (lambda: 3, (), "which cannot be awaited"),
        (len, ("abc",), "what len returned is 3, which cannot be awaited"),
    ],
)
def test_what_is_no_coroutine_is_refused(work, args, hint):
    """What cannot be run as a coroutine is refused with a sentence that says what to pass."""
    for call in (without_a_loop, in_a_coroutine):
        with pytest.raises(TypeError, match=hint):
            call(run_sync, work, *args)


def test_a_coroutine_with_arguments_and_a_task_are_refused():
    """Arguments for a coroutine that is called already, and a task, which belongs to a loop, are refused."""
    with pytest.raises(TypeError, match="pass the function"):
        run_sync(add(1, 2), 3)

    async def main():
        task = asyncio.create_task(add(1, 2))
        with pytest.raises(TypeError, match="await it there"):
            run_sync(task)
        return await task

    assert asyncio.run(main()) == 3


# An interrupt, as by Ctrl+C or a notebook's button.


@needs_signals
@pytest.mark.parametrize("slice_", [60, 0.001], ids=["", "in slices"])
def test_an_interrupt_cancels_the_work_and_waits_for_its_clean_up(monkeypatch, slice_):
    """A KeyboardInterrupt in the thread that waits cancels the work, and is raised when that has cleaned up."""
    monkeypatch.setattr(loops, "SLICE", slice_)
    log = []

    def interrupted():
        try:
            run_sync(for_ever, log, interrupt)
        except KeyboardInterrupt:
            return list(log)

    async def main():  # not asyncio.run, which would take the first interrupt for its own
        return interrupted()

    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(main()) == ["cleaned up"]
    finally:
        loop.close()


@needs_signals
def test_a_loop_in_a_thread_outlives_an_interrupted_call():
    """An interrupted run cancels its own work only: the loop takes the next call, and other work on it goes on."""
    log = []
    with LoopThread() as loop:
        other = loop.submit(asyncio.Event().wait)
        with pytest.raises(KeyboardInterrupt):
            loop.run(for_ever, log, interrupt)
        assert log == ["cleaned up"]
        assert loop.run(add, 1, 2) == 3
        assert not other.done()
    assert other.cancelled()


@needs_signals
def test_a_clean_up_that_fails_after_an_interrupt_is_reported():
    """The interrupt is raised, and what the clean-up raised goes to the exception handler of its loop."""
    told = []

    async def breaks():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        interrupt()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("disk full")

    with LoopThread() as loop, pytest.raises(KeyboardInterrupt):
        loop.run(breaks)
    assert [str(error) for error in told] == ["disk full"]


@needs_signals
def test_a_second_interrupt_stops_the_waiting():
    """Work that does not end when it is cancelled holds an interrupted caller until it is interrupted again."""
    may_end = threading.Event()

    async def stubborn():
        interrupt()
        try:
            await asyncio.Event().wait()
        finally:
            interrupt()
            await asyncio.to_thread(may_end.wait)

    with LoopThread() as loop:
        with pytest.raises(KeyboardInterrupt):
            loop.run(stubborn)
        may_end.set()


def interrupted_at(number, function):
    """Call a function, and interrupt this thread before its `number`-th line from `_send` on; say if there was one.

    A line of the waiting itself, in Python's modules too: that is where an interrupt can leave something half done.
    """
    lines = iter(range(number))

    def on_line(frame, event, arg):
        if "weakref" in frame.f_code.co_filename:
            return None  # called by the garbage collection: Python drops what is raised in there
        if event == "line" and next(lines, None) is None:
            sys.settrace(None)
            raise KeyboardInterrupt
        return on_line

    def on_call(frame, event, arg):
        if frame.f_code.co_name == "_send":
            sys.settrace(on_line)
            return on_line
        return None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_may_come_at_any_moment():
    """Wherever in `run` it strikes, the call ends, what it had begun too, and the loop takes the next one."""
    begun, ended = [], []

    async def work():
        begun.append("begun")
        try:
            await asyncio.sleep(0.001)
        finally:
            ended.append("ended")

    watchdog = threading.Timer(PATIENCE, interrupt)  # of the test's: without it a deadlock would never fail
    watchdog.start()
    with LoopThread() as loop:
        number = 0
        while interrupted_at(number, lambda: loop.run(work)):
            assert loop.run(add, 1, 2) == 3
            assert len(begun) == len(ended)
            number += 1
    assert watchdog.is_alive(), "the interrupted call has hung"
    watchdog.cancel()
    watchdog.join()
    assert number > 10


@needs_signals
@pytest.mark.parametrize("call", [run_sync, run_in_a_thread], ids=["run_sync", "LoopThread"])
def test_an_interrupt_that_wakes_nobody_is_heard_all_the_same(call):
    """Ctrl+C may come the moment before the wait, which it then does not end; here it comes to another thread."""
    log = []

    async def main():  # not asyncio.run, which would take the interrupt for its own
        return call(for_ever, log, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))

    loop = asyncio.new_event_loop()
    with closing(loop), pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(main())
    assert log == ["cleaned up"]


@needs_signals
def test_an_interrupt_between_items_ends_the_source():
    """An interrupt while an item is waited for cancels the source, and is raised when that has cleaned up."""
    log = []

    async def items():
        yield 1
        await for_ever(log, interrupt)

    with pytest.raises(KeyboardInterrupt):
        list(iterate_sync(items()))
    assert log == ["cleaned up"]


# LoopThread


def test_a_loop_in_a_thread_goes_on_between_calls():
    """What was begun in one call has its turns while plain code does something else."""

    async def beat(beats):
        while True:
            await asyncio.sleep(1)
            beats.append(time.monotonic())

    def program():
        beats = []
        with LoopThread() as loop:
            loop.submit(beat, beats)
            time.sleep(3.5)
        return beats

    assert simulate(lambda: asyncio.to_thread(program)).result == [1, 2, 3]


def test_leaving_the_block_cancels_what_is_left_and_waits_for_it():
    """Submitted work ends cancelled, after its clean-up, which may take its time and may hand work to the loop."""
    log = []

    def program():
        async def cleans_up():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(2)
                log.append(await asyncio.to_thread(int, "2"))

        with LoopThread() as loop:
            left = loop.submit(cleans_up)
            loop.run(asyncio.sleep, 1)
        return left.cancelled(), time.monotonic()

    assert simulate(lambda: asyncio.to_thread(program)).result == (True, 3)
    assert log == [2]


def test_a_submitted_coroutine_gives_a_future():
    """The future has the result or the exception, and cancelling it cancels the work, which cleans up."""
    log = []
    cleaned_up = threading.Event()

    async def work(begun):
        try:
            await for_ever(log, begun)
        finally:
            cleaned_up.set()

    with LoopThread() as loop:
        assert loop.submit(add, 1, 2).result(PATIENCE) == 3
        error = OSError()
        assert loop.submit(fail, error).exception(PATIENCE) is error
        begun = threading.Event()
        future = loop.submit(work, begun.set)
        assert begun.wait(PATIENCE)
        assert future.cancel()
        assert cleaned_up.wait(PATIENCE)
        assert concurrent.futures.wait([future], PATIENCE).done
    assert log == ["cleaned up"]


def test_work_that_is_cancelled_before_it_began_never_begins():
    """A future that is cancelled at once leaves a coroutine that never ran, and nobody misses its await."""
    log = []
    with LoopThread() as loop:
        busy = threading.Event()

        async def hold():
            busy.wait(PATIENCE)

        held = loop.submit(hold)
        future = loop.submit(for_ever, log)
        assert future.cancel()
        busy.set()
        held.result(PATIENCE)
        assert concurrent.futures.wait([future], PATIENCE).done
    assert log == []


def test_many_threads_may_use_one_loop():
    """Calls from eight threads at once come out where they went in, each with its thread's context."""

    async def asked(number):
        await asyncio.sleep(0)
        return number, who.get()

    def ask(numbers):
        who.set(f"caller of {numbers[0]}")
        return [loop.run(asked, number) for number in numbers]

    rows = [range(first, first + 50) for first in range(0, 400, 50)]
    with LoopThread() as loop, concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, rows))
    assert answers == [[(number, f"caller of {row[0]}") for number in row] for row in rows]


def test_what_comes_while_the_block_ends_is_refused_or_ends():
    """While it ends, a submit raises RuntimeError, or its future ends: nobody waits for ever."""
    for _ in range(20):
        futures, started = [], threading.Barrier(5)

        def submit(loop=None, futures=futures, started=started):
            started.wait(PATIENCE)
            while True:
                try:
                    futures.append(loop.submit(asyncio.sleep, 1000))
                except RuntimeError:
                    return

        with LoopThread() as loop:
            threads = [threading.Thread(target=submit, args=(loop,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            started.wait(PATIENCE)
        for thread in threads:
            thread.join(PATIENCE)
        assert not concurrent.futures.wait(futures, PATIENCE).not_done


def test_what_comes_between_the_loops_last_turn_and_its_close_ends_too(monkeypatch):
    """A call that is handed over when the loop will not run again is given up, and its coroutine closed."""
    new, handing, last_turn_over, handed = asyncio.new_event_loop, *(threading.Event() for _ in range(3))

    def new_loop():
        loop = new()
        call_soon, close = loop.call_soon_threadsafe, loop.close

        def call_late(callback, *args, **kwargs):
            if threading.current_thread() is late:
                handing.set()
                assert last_turn_over.wait(PATIENCE)
            handle = call_soon(callback, *args, **kwargs)
            if threading.current_thread() is late:
                handed.set()
            return handle

        def close_late():
            last_turn_over.set()
            assert handed.wait(PATIENCE)
            close()

        loop.call_soon_threadsafe, loop.close = call_late, close_late
        return loop

    monkeypatch.setattr(asyncio, "new_event_loop", new_loop)
    futures = []
    late = threading.Thread(target=lambda: futures.append(loop.submit(asyncio.sleep, 1000)))
    with LoopThread() as loop:
        late.start()
        assert handing.wait(PATIENCE)
    late.join(PATIENCE)
    assert [future.cancelled() for future in futures] == [True]


def test_what_is_left_when_a_task_ends_the_loop_never_begins():
    """Work that was handed over in the step that raises SystemExit does not begin on a loop that is ending."""
    log, futures = [], []

    async def exits():
        futures.append(loop.submit(for_ever, log, lambda: log.append("begun")))
        raise SystemExit

    with pytest.raises(SystemExit), LoopThread() as loop:
        loop.run(exits)
    assert (log, futures[0].cancelled()) == ([], True)


def test_what_fails_after_its_future_was_cancelled_is_reported():
    """Nobody waits any more for work whose future was cancelled: its exception goes to the loop's handler."""
    told, begun = [], threading.Event()

    async def breaks():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("disk full")

    with LoopThread() as loop:
        future = loop.submit(breaks)
        assert begun.wait(PATIENCE)
        future.cancel()
    assert [str(error) for error in told] == ["disk full"]


def test_where_there_is_no_loop_to_use_says_so():
    """Before its block, after it, in its own thread, and a second time, it is refused, and the coroutine closed."""
    loop = LoopThread()
    with pytest.raises(RuntimeError, match="inside its block"):
        loop.run(add, 1, 2)

    async def itself():
        with pytest.raises(RuntimeError, match="await the coroutine"):
            loop.run(add, 1, 2)
        return await asyncio.wrap_future(loop.submit(add, 1, 2))

    with loop:
        assert loop.run(itself) == 3
    for call in (loop.run, loop.submit):
        with pytest.raises(RuntimeError, match="make another one"):
            call(add, 1, 2)
    with pytest.raises(RuntimeError, match="make a new one"), loop:
        pass


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_a_program_ends_the_loop(kind):
    """A task that raises SystemExit ends the loop, as with asyncio.run; who waits for it, or the block, raises it."""

    async def exits():
        raise kind

    async def lets_another_exit():
        task = asyncio.create_task(exits())
        await asyncio.wait([task])

    with pytest.raises(kind), LoopThread() as loop:
        loop.run(exits)
    with pytest.raises(kind), LoopThread() as loop:
        concurrent.futures.wait([loop.submit(lets_another_exit)], PATIENCE)
    with pytest.raises(kind):
        in_a_coroutine(run_sync, lets_another_exit)


def test_a_thread_that_cannot_be_started_leaves_no_loop(monkeypatch):
    """Where the system has no more threads, that is what is raised, and the loop is closed."""
    made = []
    new = asyncio.new_event_loop

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(asyncio, "new_event_loop", lambda: made.append(new()) or made[-1])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"), LoopThread():
        pass
    assert [loop.is_closed() for loop in made] == [True]


# iterate_in_thread


def rows(log, count=3, seconds=1.0, error=None):
    """Give numbers from 1, each after so many seconds; then raise the error, if there is one."""
    log.append(("begun", threading.current_thread(), who.get()))
    try:
        for number in range(1, count + 1):
            time.sleep(seconds)
            yield number
        if error:
            raise error
    finally:
        time.sleep(0.5)
        log.append(("closed", threading.current_thread(), who.get()))


async def numbers(source, log, after=0.0):
    async with aclosing(iterate_in_thread(source)) as items:
        async for item in items:
            log.append((item, time.monotonic()))
            await asyncio.sleep(after)


def now():
    return time.monotonic()


def test_items_come_while_the_loop_goes_on():
    """Each item is fetched when it is wanted, and meanwhile others on the loop have their turns."""

    async def main():
        beats, got = [], []

        async def beat():
            while True:
                await asyncio.sleep(0.75)
                beats.append(now())

        beating = asyncio.create_task(beat())
        await numbers(rows([]), got, after=0.5)
        beating.cancel()
        return got, beats

    timeline = simulate(main)
    assert timeline.result == ([(1, 1), (2, 2.5), (3, 4)], [0.75, 1.5, 2.25, 3, 3.75, 4.5])
    assert timeline.blocked == 0


@pytest.mark.parametrize("real", [False, True], ids=["simulated", "in real time"])
def test_one_thread_and_one_context_serve_it_from_beginning_to_end(real):
    """The iterator is made, asked and closed in one thread, not the loop's, with the caller's context variables."""
    log = []

    async def main():
        who.set("Ann")
        await numbers(lambda: rows(log, seconds=0), [])
        return threading.current_thread()

    loops_thread = asyncio.run(main()) if real else simulate(main).result
    (_, first, name), (_, last, other) = log
    assert first is last is not loops_thread
    assert name == other == "Ann"


def test_what_the_iterator_sets_it_sees_again():
    """A context variable that a generator sets is set when it goes on, and the consumer does not see it."""

    def names():
        who.set("Ben")
        yield 1
        yield who.get()

    async def main():
        return [item async for item in iterate_in_thread(names())], who.get()

    assert asyncio.run(main()) == ([1, "Ben"], "nobody")


@each_error
def test_the_sources_exception_is_raised_after_its_items(error):
    """What the source raises comes out as it is, after the items before it, and the source is closed."""
    log, got = [], []

    async def main():
        try:
            await numbers(rows(log, 2, error=error), got)
        except Exception as raised:  # noqa: BLE001  # which one is what is asked
            return raised, now()

    assert simulate(main).result == (error, 2.5)
    assert [item for item, _ in got] == [1, 2]
    assert [what for what, *_ in log] == ["begun", "closed"]


@pytest.mark.parametrize(
    ("cancel_at", "end"), [(0, 1.5), (0.5, 1.5), (1, 1.5), (1.5, 2.5), (2, 2.5), (2.5, 3.5), (3, 3.5), (3.25, 3.5)]
)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_cancellation_waits_for_next_and_closes_the_iterator(cancel_at, end, times):
    """Whenever it is cancelled, once or more, no second `next` runs, the iterator is closed, and it ends cancelled."""
    log = []

    async def main():
        task = asyncio.create_task(numbers(rows(log), []))
        for time_ in range(times):
            asyncio.get_running_loop().call_later(cancel_at + time_ / 8, task.cancel)
        await asyncio.wait([task])
        return task.cancelled(), now()

    # At 1, 2 and 3 s the item was there already, and the next one was not wanted any more.
    assert simulate(main).result == (True, end)
    assert [what for what, *_ in log] == ["begun", "closed"]


def test_an_error_that_nobody_waits_for_any_more_is_reported():
    """An exception of a `next` whose consumer was cancelled goes to the loop's exception handler."""
    told, error = [], OSError("no line")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.25):
                await numbers(rows([], 0, error=error), [])

    simulate(main)
    assert told == [error]


def test_a_clean_up_that_fails_is_raised():
    """What a generator raises while it is closed comes out of aclose."""

    def broken():
        try:
            yield 1
        finally:
            raise OSError("disk full")

    async def main():
        async with aclosing(iterate_in_thread(broken())) as items:
            await anext(items)

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(main())


class Plain:
    """An iterator by hand, which gives one item and can or cannot be closed."""

    def __init__(self):
        self.left = ["item"]

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        return self.left.pop()


@pytest.mark.parametrize("source", [Plain, Plain(), lambda: ["item"], ["item"], {"item": 1}, ("item",)])
def test_any_iterable_will_do(source):
    """Classes, functions, iterators by hand, lists and dicts are gone through, None and other falsy items too."""

    async def main():
        return [item async for item in iterate_in_thread(source)]

    assert asyncio.run(main()) == ["item"]


def test_falsy_items_are_items():
    """None, 0 and an exception object are items like others."""
    items = [None, 0, "", StopIteration(), ValueError]

    async def main():
        return [item async for item in iterate_in_thread(iter(items))]

    assert asyncio.run(main()) == items


def test_a_source_that_lives_in_one_thread_is_opened_used_and_closed_there(tmp_path):
    """A database that refuses other threads, and a file, are made by a function, which runs in the thread."""
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\n")
    opened = []

    def from_database():
        connection = sqlite3.connect(":memory:")
        try:
            yield from connection.execute("select 1 union select 2")
        finally:
            connection.close()

    def file():
        opened.append(open(path))  # noqa: SIM115  # it is closed by who goes through it
        return opened[0]

    async def main():
        return [[item async for item in iterate_in_thread(source)] for source in (from_database, file)]

    assert asyncio.run(main()) == [[(1,), (2,)], ["one\n", "two\n"]]
    assert opened[0].closed


class NeverAnIterator:
    """A source that raises StopIteration as it is asked for its iterator."""

    def __iter__(self):
        raise StopIteration


class EndsTwice(Plain):
    """An iterator whose close raises StopIteration."""

    def close(self):
        raise StopIteration


def stops():
    """Raise StopIteration where an iterable was to be returned."""
    raise StopIteration


@pytest.mark.parametrize("source", [stops, NeverAnIterator(), EndsTwice()], ids=["function", "iter", "close"])
def test_stop_iteration_outside_of_next_does_not_hang(source):
    """StopIteration that says of no item that there is none, which no future carries, comes out as RuntimeError."""

    async def main():
        async for _ in iterate_in_thread(source):
            pass

    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        simulate(main)
    assert type(raised.value) is RuntimeError


def test_what_cannot_be_gone_through_is_refused():
    """What is asynchronous already, what is no iterable, and a function that returns none are refused."""

    async def stream():
        yield 1

    with pytest.raises(TypeError, match="async for item in source"):
        iterate_in_thread(stream())
    with pytest.raises(TypeError, match="a function that returns one"):
        iterate_in_thread(3)

    async def main():
        await anext(iterate_in_thread(lambda: 3))

    with pytest.raises(TypeError):
        asyncio.run(main())


def test_what_is_never_asked_is_never_made():
    """An iteration that nobody begins starts no thread and calls nothing."""
    log = []

    async def main():
        iterate_in_thread(lambda: log.append("made"))
        await iterate_in_thread(rows(log)).aclose()

    asyncio.run(main())
    assert log == []


def test_an_iteration_that_is_dropped_is_closed_by_the_loops_end():
    """Broken off without aclosing, it is closed when asyncio finalises it, its thread too."""
    log = []

    async def main():
        async for _ in iterate_in_thread(rows(log, seconds=0)):
            break

    asyncio.run(main())
    assert [what for what, *_ in log] == ["begun", "closed"]


# iterate_sync


async def pages(log, count=3, error=None):
    """Give numbers from 1, each after a second; then raise the error, if there is one."""
    try:
        for number in range(1, count + 1):
            log.append(f"fetch {number}")
            await asyncio.sleep(1)
            yield number
        if error:
            raise error
    finally:
        await asyncio.sleep(0.5)
        log.append("closed")


@pytest.mark.parametrize("beside", [True, False], ids=["in a thread", "in a coroutine"])
def test_plain_code_goes_through_an_async_iterable(beside):
    """Items come in order, each fetched when it is asked for, and the source is closed at the end."""

    def program():
        log = []
        for number in iterate_sync(pages(log)):
            log.append((number, now()))
        return log, now()

    async def in_a_coroutine():
        return program()

    main = (lambda: asyncio.to_thread(program)) if beside else in_a_coroutine
    fetched = ["fetch 1", (1, 1), "fetch 2", (2, 2), "fetch 3", (3, 3), "closed"]
    assert simulate(main).result == (fetched, 3.5)


def test_break_closes_the_source():
    """A loop that is left asks for no further item, and the source is closed before the next line."""

    def program():
        log = []
        for _ in iterate_sync(pages(log)):
            break
        return log, now()

    assert simulate(lambda: asyncio.to_thread(program)).result == (["fetch 1", "closed"], 1.5)


def test_an_exception_in_the_plain_loop_closes_the_source():
    """What the loop's body raises goes on, after the source has been closed."""
    log = []

    def program():
        with closing(iterate_sync(pages(log, 1))) as items:
            for _ in items:
                raise OSError("disk full")

    assert str(raised_by(simulate, lambda: asyncio.to_thread(program))) == "disk full"
    assert log == ["fetch 1", "closed"]


@each_error
def test_an_async_sources_exception_is_raised_after_its_items(error):
    """What the source raises comes out as it is, after the items before it."""
    got = []

    async def broken():
        yield 1
        raise error

    def program():
        for item in iterate_sync(broken()):
            got.append(item)

    assert raised_by(program) is error
    assert got == [1]


def test_an_async_clean_up_that_fails_is_raised():
    """What the source raises while it is closed comes out of the generator's close."""

    async def broken():
        try:
            yield 1
        finally:
            raise OSError("disk full")

    items = iterate_sync(broken())
    assert next(items) == 1
    with pytest.raises(OSError, match="disk full"):
        items.close()


def test_a_limit_around_a_yield_holds_across_items():
    """A time limit within the source is one for the whole source, since all of it runs in one task."""

    async def limited():
        async with asyncio.timeout(2.5):
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(asyncio.sleep(100))
                for number in (1, 2, 3):
                    await asyncio.sleep(1)
                    yield number
                beating.cancel()

    def program():
        got = []
        try:
            for number in iterate_sync(limited()):
                got.append(number)
        except TimeoutError:
            return got, now()

    assert simulate(lambda: asyncio.to_thread(program)).result == ([1, 2], 2.5)


def test_what_the_source_has_started_goes_on_between_items():
    """A task of the source has its turns while plain code works on an item."""

    async def read_ahead():
        queue = asyncio.Queue()

        async def fill():
            for number in (1, 2, 3):
                await asyncio.sleep(1)
                await queue.put((number, now()))

        filling = asyncio.create_task(fill())
        for _ in range(3):
            yield await queue.get()
        await filling

    def program():
        got = []
        for item in iterate_sync(read_ahead()):
            got.append((*item, now()))
            time.sleep(5)
        return got

    assert simulate(lambda: asyncio.to_thread(program)).result == [(1, 1, 1), (2, 2, 6), (3, 3, 11)]


def test_the_source_sees_the_callers_context_and_keeps_its_own():
    """Context variables go in; what the source sets it sees again, and the caller does not."""

    async def names():
        yield who.get()
        who.set("Ben")
        yield "second"
        yield who.get()

    token = who.set("Ann")
    try:
        assert list(iterate_sync(names())) == ["Ann", "second", "Ben"]
        assert who.get() == "Ann"
    finally:
        who.reset(token)


def test_an_async_iterator_by_hand_needs_no_aclose():
    """An iterator without aclose is gone through, and left, like any other."""

    class Twice:
        left = 2

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return None

    assert list(iterate_sync(Twice())) == [None, None]
    for _ in iterate_sync(Twice()):
        break


def test_a_plain_iterable_is_refused():
    """What is not asynchronous is refused, at the call, with what to do instead."""
    with pytest.raises(TypeError, match="iterate over this one with for"):
        iterate_sync([1])


def test_what_nobody_goes_through_is_never_begun():
    """A generator that is dropped before its first item starts no thread and nothing else."""
    log = []
    source = pages(log)
    iterate_sync(source)
    assert log == []
    with span("nothing"):
        run_sync(source.aclose)


# Both ways, at random.


def test_random_calls_across_the_border_are_as_they_must():
    """150 random trees of calls lose nothing and leave nothing; `python tests/interop_model.py 1000` draws more."""
    assert compare(150).total() == 150
