"""simulate(): what it tells of a program, how it ends one that does not end, and that it leaves no trace."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import tracemalloc
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from time import sleep as escaped_sleep

import pytest

from course_lib.seeing import DeadlockError, Outcome, RunawayError, SimulationError, simulate, span
from course_lib.seeing.clock import SimulationStopped
from course_lib.seeing.clock.functions import REPLACEMENTS

MINE = os.path.basename(__file__)


def everything_replaced():
    return [vars(owner).get(name) for owner, name, _ in REPLACEMENTS]


REAL = everything_replaced()

SOON = 60.0  # seconds: what has not ended by then hangs; on a quiet machine all this takes less than one


@pytest.fixture(autouse=True)
def leaves_no_trace():
    before = threading.active_count()
    yield
    assert [now is real for now, real in zip(everything_replaced(), REAL, strict=True)] == [True] * len(REAL)
    assert "connect" not in vars(socket.socket)
    deadline = time.monotonic() + SOON
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # a worker of a simulation that just ended is on its way out
    assert threading.active_count() <= before


def failing(main, kind, **kwargs):
    """Run a simulation that must fail, and return its error."""
    with pytest.raises(kind) as caught:
        simulate(main, **kwargs)
    return caught.value


async def fetch(seconds):
    await asyncio.sleep(seconds)
    return seconds


# What comes back.


def test_the_result_and_the_lanes():
    """A timeline holds main's result and one lane for every task, with its times and how it ended."""

    async def main():
        tasks = [asyncio.create_task(fetch(n), name=f"fetch {n}") for n in (1, 2, 3)]
        await asyncio.sleep(1.5)
        tasks[2].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    timeline = simulate(main)
    assert timeline.result[:2] == [1, 2]
    assert isinstance(timeline.result[2], asyncio.CancelledError)
    assert [(lane.name, lane.start, lane.end, lane.outcome) for lane in timeline] == [
        ("main", 0, 2, Outcome.DONE),
        ("fetch 1", 0, 1, Outcome.DONE),
        ("fetch 2", 0, 2, Outcome.DONE),
        ("fetch 3", 0, 1.5, Outcome.CANCELLED),
    ]
    assert (timeline.virtual, timeline.notes, timeline.leaked) == (True, [], [])


def test_spans_name_stretches_of_code():
    """span() gives a stretch its own lane: in a task, in a thread, and in code that waits for nothing."""

    async def main():
        for n in (1, 2):
            with span(f"page {n}"):
                await asyncio.sleep(n)

        def job():
            with span("in a thread"):
                time.sleep(1)

        await asyncio.to_thread(job)
        with span("blocking"):
            time.sleep(0.5)

    timeline = simulate(main)
    times = {lane.name: (lane.start, lane.end) for lane in timeline if not lane.is_task}
    assert times == {"page 1": (0, 1), "page 2": (1, 3), "in a thread": (3, 4), "blocking": (4, 4.5)}
    assert timeline["blocking"].blocked == 0.5
    assert timeline["in a thread"].blocked == 0


def test_output_goes_where_the_caller_prints(capsys):
    """print() inside a simulation, its threads included, writes to the caller's stdout."""

    async def main():
        print("from main")
        await asyncio.to_thread(print, "from a thread")

    simulate(main)
    assert capsys.readouterr() == ("from main\nfrom a thread\n", "")


def test_numbered_task_names_never_show():
    """asyncio's own numbers ("Task-7"), which differ in each run, and addresses are kept out of the text."""

    async def main():
        async def fails():
            raise RuntimeError(f"{asyncio.current_task()!r} and {object()!r}")

        asyncio.create_task(fetch(1))  # noqa: RUF006  # nobody holds it
        asyncio.create_task(fails())  # noqa: RUF006  # nobody holds it
        asyncio.create_task(fetch(99))  # noqa: RUF006  # nobody holds it
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        asyncio.get_running_loop().call_exception_handler({"message": repr(asyncio.current_task())})
        await asyncio.sleep(2)

    text = simulate(main).text(lanes=50)
    assert "Task-" not in text and " at 0x" not in text
    assert "fetch #1" in text and "fetch #2" in text
    assert "ZeroDivisionError" in text


def test_simulations_nest():
    """A simulated program may simulate another: each has its own clock."""

    async def inner():
        await asyncio.sleep(5)
        return time.time()

    async def main():
        await asyncio.sleep(1)
        return simulate(inner).result, time.time()

    assert simulate(main).result == (5, 1)


def test_an_error_of_an_inner_simulation_keeps_its_words():
    """A deadlock inside a simulation inside a simulation is reported as what it is."""

    async def inner():
        await asyncio.Event().wait()

    async def main():
        await asyncio.sleep(1)
        simulate(inner)

    error = failing(main, DeadlockError)
    assert "deadlock at 0 s" in str(error) and "of inner" in str(error)
    assert error.timeline.end == 1


def test_it_works_inside_a_running_loop():
    """simulate() may be called from a coroutine, and the caller's loop is still the running one afterwards."""

    async def caller():
        loop, factory = asyncio.get_running_loop(), asyncio.get_running_loop().get_task_factory()
        timeline = simulate(lambda: fetch(3))
        assert asyncio.get_running_loop() is loop and loop.get_task_factory() is factory
        await asyncio.sleep(0)
        return timeline.end

    assert asyncio.run(caller()) == 3


def test_two_threads_simulate_at_once():
    """Simulations in several threads run side by side, each with exact times of its own."""

    def one(seconds):
        async def main():
            for _ in range(50):
                await asyncio.to_thread(time.sleep, seconds)
            return time.time()

        return simulate(main).result

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one, (0.1, 1, 10))) == [5, 50, 500]


def test_warnings_filters_stay():
    """The warnings filters are the caller's, before and after."""
    before = list(warnings.filters)
    simulate(lambda: fetch(1))
    assert warnings.filters == before


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_do_not_break():
    """A program that installs the eager task factory runs as usual; tasks made by it are simply not drawn."""

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return await asyncio.gather(fetch(1), fetch(2), fetch(0)), asyncio.get_running_loop().time()

    assert simulate(main).result == ([1, 2, 0], 2)


def test_a_factory_that_takes_no_name_does_not_break():
    """What the simulation itself does at the end is not made by a program's own task factory, which may take little."""
    made = []

    def narrow(loop, coro):
        made.append(coro.__name__)
        return asyncio.Task(coro, loop=loop)

    async def main():
        asyncio.get_running_loop().set_task_factory(narrow)
        return await asyncio.create_task(fetch(1))

    assert simulate(main).result == 1
    assert made == ["fetch"]


def test_wrong_arguments_say_what_to_pass():
    """A coroutine, a plain function, nothing, and a limit of nothing each get a sentence of their own."""
    with pytest.raises(TypeError, match=r"simulate\(main\) not simulate\(main\(\)\)"):
        simulate(fetch(1))
    with pytest.raises(TypeError, match="async def"):
        simulate(None)
    with pytest.raises(TypeError, match=r"plain\(\) gave 5, not a coroutine: write it with async def"):
        simulate(plain)
    for limit in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="more than 0"):
            simulate(lambda: fetch(1), limit=limit)


def plain():
    return 5


# Errors.


@pytest.mark.parametrize("error", [ValueError("no such page"), ExceptionGroup("two", [OSError(), KeyError("x")])])
def test_an_exception_is_raised_again_with_the_timeline(error):
    """What main raises is raised by simulate, the same object, with what had happened until then."""

    async def main():
        await asyncio.sleep(2)
        raise error

    raised = failing(main, type(error))
    assert raised is error
    assert raised.timeline.end == 2
    assert raised.timeline["main"].outcome is Outcome.FAILED


def test_a_traceback_holds_the_programs_own_lines():
    """A traceback shows the call of simulate and then only the program, groups and causes included."""

    async def broken():
        await asyncio.sleep(1)
        raise ValueError("no such page")

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(broken())

    error = failing(main, ExceptionGroup)
    frames = [(os.path.basename(frame.filename), frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    assert frames == [(MINE, "failing"), ("simulation.py", "simulate"), (MINE, "main")]
    inner = traceback.extract_tb(error.exceptions[0].__traceback__)
    assert [(os.path.basename(frame.filename), frame.name) for frame in inner] == [(MINE, "broken")]

    async def chained():
        try:
            await broken()
        except ValueError as cause:
            raise RuntimeError("the page is missing") from cause

    async def awaits():
        await asyncio.create_task(chained())

    error = failing(awaits, RuntimeError)
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["failing", "simulate", "awaits", "chained"]
    assert [frame.name for frame in traceback.extract_tb(error.__cause__.__traceback__)] == ["chained", "broken"]


def test_an_error_inside_a_library_ends_at_the_programs_line():
    """Of an error that a library raises, the traceback keeps the line that called the library."""

    async def main():
        await asyncio.sleep("a second")

    error = failing(main, TypeError)
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["failing", "simulate", "main"]


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_would_end_the_caller_becomes_an_error(kind):
    """A program that leaves with SystemExit, or is cancelled, does not take the notebook with it."""

    async def main():
        await asyncio.sleep(1)
        raise kind

    error = failing(main, SimulationError)
    assert str(error) == f"main ended with {kind.__name__}"
    assert isinstance(error.__cause__, kind)
    assert error.timeline.end == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_ends_it_from_a_task_too(kind):
    """SystemExit in any task ends the simulation, as it ends asyncio.run."""

    async def leave():
        await asyncio.sleep(1)
        raise kind

    async def main():
        asyncio.create_task(leave())  # noqa: RUF006  # nobody holds it
        await asyncio.sleep(5)

    error = failing(main, SimulationError)
    assert str(error) == f"main ended with {kind.__name__}"
    assert error.timeline.end == 1


def test_an_exception_of_a_task_reaches_who_awaits_it():
    """An exception stays with its task until somebody awaits it."""

    async def main():
        task = asyncio.create_task(asyncio.wait_for(fetch(5), 1))
        await asyncio.sleep(3)
        with pytest.raises(TimeoutError):
            await task
        return asyncio.get_running_loop().time()

    timeline = simulate(main)
    assert timeline.result == 3
    assert timeline.notes == []


def test_exceptions_nobody_asked_for_are_named():
    """A task that failed unseen is in the notes, whether it still exists or is long gone; nothing goes to a log."""

    async def fails():
        raise ValueError("unseen")

    kept = []

    async def main():
        kept.append(asyncio.create_task(fails(), name="kept"))
        asyncio.create_task(fails(), name="gone")  # noqa: RUF006  # nobody holds it
        await asyncio.sleep(1)
        gc.collect()

    assert sorted(simulate(main).notes) == [
        "nobody asked for the exception of gone: ValueError: unseen",
        "nobody asked for the exception of kept: ValueError: unseen",
    ]


# Deadlocks, and programs that never end.


def test_a_deadlock_names_the_tasks_and_their_lines():
    """When every task waits for another, the error says which, and at which line of their own code."""

    async def worker(queue):
        await queue.get()

    async def main():
        queue = asyncio.Queue()
        task = asyncio.create_task(worker(queue), name="worker 1")
        await asyncio.sleep(2)
        await asyncio.gather(task)

    error = failing(main, DeadlockError)
    assert "deadlock at 2 s" in str(error)
    assert "worker 1 waits at line" in str(error) and "of worker: await queue.get()" in str(error)
    assert "main waits at line" in str(error) and "of main: await asyncio.gather(task)" in str(error)
    assert "use record()" in str(error)
    assert error.timeline["worker 1"].outcome is Outcome.LEFT


def test_a_deadlock_of_a_crowd_names_a_few():
    """A deadlock of a thousand tasks is still a readable sentence."""

    async def wait():
        await asyncio.Event().wait()

    async def main():
        await asyncio.gather(*(wait() for _ in range(1000)))

    message = str(failing(main, DeadlockError))
    assert "and 996 more" in message and len(message) < 1000


async def spins():
    while True:
        pass


async def yields():
    while True:
        await asyncio.sleep(0)


async def ticks():
    while True:
        await asyncio.sleep(1)


async def catches_everything():
    while True:
        try:
            await asyncio.sleep(1)
        except BaseException:  # noqa: BLE001  # that is what it is about
            pass


async def blocks():
    while True:
        time.sleep(1)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("program", "place"),
    [
        (spins, "of spins: "),
        (yields, "main waits at line"),
        (ticks, "of ticks: await asyncio.sleep(1)"),
        (catches_everything, "of catches_everything: await asyncio.sleep(1)"),
        (blocks, "of blocks: "),
    ],
)
def test_a_program_that_never_ends_is_stopped(program, place, capfd):
    """A loop without an end is stopped at the limit, with the line it is at, in silence, whatever it catches."""
    started = time.monotonic()
    error = failing(program, RunawayError, limit=0.2)
    assert time.monotonic() - started < SOON
    assert "after 0.2 s of real time" in str(error) and place in str(error)
    assert "Give it an end" in str(error)
    assert error.timeline["main"].outcome is Outcome.LEFT
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_turns_without_time_are_explained():
    """A program that waits with sleep(0) for a time that cannot come is told so."""

    async def main():
        task = asyncio.create_task(fetch(1))
        while not task.done():
            await asyncio.sleep(0)

    assert "Time stands still while a task goes round with asyncio.sleep(0)" in str(
        failing(main, RunawayError, limit=0.2)
    )
    assert "Time stands still" not in str(failing(ticks, RunawayError, limit=0.2))


def test_a_thread_that_never_ends_is_stopped():
    """An endless loop in a worker thread is stopped too, and the error names its line."""

    def endless():
        while True:
            pass

    async def main():
        await asyncio.to_thread(endless)

    message = str(failing(main, RunawayError, limit=0.2))
    assert "a worker thread is at line" in message and "of endless: " in message
    assert "main waits at line" in message


def test_a_thread_that_catches_everything_does_not_burn():
    """A worker that swallows its end and sleeps on is left with a real sleep between its rounds."""
    rounds, go = [], threading.Event()

    def stubborn():
        sleep = time.sleep  # the simulation's, for good
        while not go.is_set():
            try:
                sleep(1)
            except BaseException:  # noqa: BLE001  # that is what it is about
                rounds.append(time.thread_time())

    async def main():
        task = asyncio.create_task(asyncio.to_thread(stubborn))
        await asyncio.sleep(10)
        task.cancel()

    simulate(main)
    while len(rounds) < 4:
        time.sleep(0.01)
    go.set()
    assert rounds[-1] - rounds[0] < 0.1


def test_a_runaway_loop_does_not_fill_the_memory():
    """A loop of sleep(0), or of blocking calls, keeps no record of every turn."""
    for program in (yields, blocks):
        tracemalloc.start()
        failing(program, RunawayError, limit=0.3)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2_000_000


def test_a_stop_that_arrives_while_the_loop_ends_its_run_leaves_nothing_undone(monkeypatch):
    """An exception from another thread may strike between any two lines, also those with which asyncio ends a run."""
    real, struck, ended = asyncio.events._set_running_loop, [], []

    def strike(loop):
        if loop is None and not struck and threading.current_thread().name == "simulation":
            struck.append(True)
            raise SimulationStopped
        real(loop)

    async def main():
        try:
            while True:
                await asyncio.sleep(1)
        finally:
            ended.append(True)

    monkeypatch.setattr(asyncio.events, "_set_running_loop", strike)
    failing(main, RunawayError, limit=0.1)
    assert (struck, ended) == ([True], [True])


STUCK = """
    import asyncio, sys, threading, time
    from course_lib.seeing import RunawayError, simulate

    lock = threading.Lock()
    lock.acquire()

    async def main():
        await asyncio.sleep(1)
        {}

    started = time.monotonic()
    try:
        simulate(main, limit=0.3)
    except RunawayError as error:
        print(error)
        print("in time:", time.monotonic() - started < 20)
        print("real again:", time.time() > 1e9)
        print(error.timeline["main"].end)
"""


def run_script(script, *, code=0):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=SOON, check=False
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize("step", ["time.sleep(1)", "sum(range(100))"])
def test_a_loop_that_catches_everything_is_left_in_time(step):
    """A blocking loop that swallows every exception is stopped or given up in time, with its line.

    Where it asks the clock it does not go on burning either: the computer is idle afterwards.
    """
    script = f"""
    import time
    from course_lib.seeing import RunawayError, simulate

    async def main():
        while True:
            try:
                {step}
            except BaseException:
                pass

    started = time.monotonic()
    try:
        simulate(main, limit=0.2)
    except RunawayError as error:
        print("stopped" in str(error), "of main" in str(error), time.monotonic() - started < 20)
    used = time.process_time()
    if "{step}".startswith("time"):
        time.sleep(0.5)
    print(time.process_time() - used < 0.25)
    """
    assert run_script(script) == "True True True\nTrue\n"


def test_a_call_that_cannot_be_interrupted_is_given_up():
    """A wait for a real lock on the loop cannot be stopped: simulate returns all the same, and says what to do."""
    out = run_script(STUCK.format("lock.acquire()"))
    assert "cannot be stopped" in out and "of main" in out and "Restart the kernel" in out
    assert out.endswith("in time: True\nreal again: True\n1.0\n")


def test_a_thread_that_waits_for_ever_does_not_hold_python():
    """A worker that waits for a real lock is reported, and Python can still exit."""
    out = run_script(STUCK.format("await asyncio.to_thread(lock.acquire)"))
    assert "main waits at line 10 of main" in out
    assert out.endswith("in time: True\nreal again: True\n1.0\n")


def test_an_interrupt_ends_the_simulation_at_once():
    """KeyboardInterrupt in the caller stops the simulation, and everything is as it was found."""
    out = run_script(
        """
        import _thread, asyncio, signal, threading, time
        from course_lib.seeing import simulate

        # A shell lets what it starts in the background ignore interrupts, and a test suite may be among it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        real_sleep, real_time = time.sleep, time.time
        cleaned = []

        async def main():
            threading.Timer(0.2, _thread.interrupt_main).start()
            try:
                while True:
                    await asyncio.sleep(1)
            finally:
                cleaned.append(True)

        for program in (main, lambda: main()):
            try:
                simulate(program)
            except KeyboardInterrupt as error:
                print("interrupted", cleaned, time.sleep is real_sleep, time.time is real_time)
        print([thread.name for thread in threading.enumerate() if thread.name.startswith("simula")])
        """
    )
    assert out == "interrupted [True] True True\ninterrupted [True, True] True True\n[]\n"


# What is left over.


def test_tasks_left_over_are_reported_and_cancelled():
    """A task that still runs when main ends is drawn, named as leaked and cancelled, and may clean up."""
    cleaned = []

    async def background():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            cleaned.append("up")

    async def main():
        asyncio.create_task(background(), name="ticker")  # noqa: RUF006  # nobody holds it
        await asyncio.sleep(1)

    timeline = simulate(main)
    assert timeline.leaked == ["ticker"] and cleaned == ["up"]
    assert timeline.notes == ["ticker was still running when main ended, and was cancelled then"]
    assert (timeline["ticker"].outcome, timeline["ticker"].end) == (Outcome.LEFT, 1)


def test_a_task_that_was_cancelled_and_not_waited_for_is_told_apart():
    """To cancel a task is not to have waited for its end: the note says which of the two is missing."""

    async def tidy():
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(1)

    async def main():
        tasks = [asyncio.create_task(tidy()) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[1].cancel()
        await asyncio.sleep(0.5)

    timeline = simulate(main)
    assert timeline.leaked == ["tidy #1", "tidy #2", "tidy #3"]
    assert timeline.cancelled_late == ["tidy #2"]
    assert timeline.notes[1] == "tidy #2 was cancelled, but had not yet ended, when main ended"
    assert timeline.notes[2] == "tidy #3 was still running when main ended, and was cancelled then"


def test_a_task_that_ignores_its_cancellation_is_reported(capfd):
    """A leaked task that swallows its cancellation does not keep simulate from returning main's result."""

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                pass

    async def main():
        asyncio.create_task(stubborn())  # noqa: RUF006  # nobody holds it
        await asyncio.sleep(3)
        return "done"

    started = time.monotonic()
    timeline = simulate(main)
    assert time.monotonic() - started < SOON
    assert timeline.result == "done"
    assert timeline.notes[-1] == "stubborn did not end when it was cancelled"
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_open_async_generators_are_reported():
    """An async generator that was begun and not finished is named, whether it was dropped or is still held."""
    held = []

    async def pages():
        yield 1
        yield 2

    async def lines():
        yield 1
        yield 2

    async def main():
        async for _ in pages():
            break
        held.append(lines())
        await anext(held[0])
        async for _ in lines():
            pass

    timeline = simulate(main)
    assert timeline.leaked == ["pages", "lines"]
    assert timeline.notes[-2:] == ["the async generator pages was left open", "the async generator lines was left open"]


def test_threads_at_work_are_reported(caplog, capfd):
    """A job that outlives main is mentioned, and ends without a word to a log."""

    async def main():
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 100)
        await asyncio.sleep(1)

    timeline = simulate(main)
    assert timeline.notes == ["a thread cannot be cancelled; still at work when main ended: 1"]
    assert timeline.end == 1
    gc.collect()
    assert caplog.records == [] and capfd.readouterr() == ("", "")


def test_tasks_are_not_kept_alive():
    """A finished simulation keeps no task; only main's result lives on in the timeline."""
    seen = []

    async def main():
        task = asyncio.create_task(fetch(1))
        seen.append(weakref.ref(task))
        await task

    timeline = simulate(main)
    gc.collect()
    assert seen[0]() is None and timeline.end == 1


# What the clock cannot see.


def test_blocking_that_takes_real_time_is_noted_with_its_line():
    """A sleep taken before the simulation and a computation are named with their lines, in a task and in a callback."""

    def computes():
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass

    async def main():
        escaped_sleep(0.2)
        asyncio.get_running_loop().call_soon(computes)
        await asyncio.sleep(0)

    timeline = simulate(main)
    first, second = timeline.blocking_lines
    assert first.endswith("of main: escaped_sleep(0.2)")
    assert " of computes: " in second
    assert timeline.end == 0 and timeline.blocks == []
    assert timeline.notes[0].startswith(
        "took real time, which the virtual clock cannot see, and blocked the loop: line"
    )


def test_many_short_steps_are_no_blocking():
    """A long row of short steps, of tasks or of callbacks in one round, is not taken for one long step."""

    async def short():
        for _ in range(3):
            await asyncio.sleep(0)

    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(short() for _ in range(10_000)))
        for _ in range(100_000):
            loop.call_soon(int)
        await asyncio.sleep(0)

    timeline = simulate(main, limit=60)  # beside a busy process, the usual ten seconds are no guard but a race
    # Only main's own loops, which make so many, may be long steps.
    assert all(" of main: " in line or " of <genexpr>: " in line for line in timeline.blocking_lines)


def test_short_steps_that_each_schedule_another_are_no_blocking():
    """Where as many wait after each short step as before it, the steps are told apart nevertheless."""

    def short():
        until = time.thread_time() + 0.015
        while time.thread_time() < until:
            pass
        asyncio.get_running_loop().call_soon(int)

    async def main():
        for _ in range(20):
            asyncio.get_running_loop().call_soon(short)
        await asyncio.sleep(0)

    assert simulate(main, limit=60).blocking_lines == []


@pytest.mark.parametrize("program", ["async def main():\n    pass", "async def main():\n    while True:\n        pass"])
def test_debuggers_and_profilers_work_afterwards(program):
    """sys.settrace, which debuggers and coverage use, works after a simulation, also one that was stopped."""
    script = f"""
import sys
from course_lib.seeing import RunawayError, simulate
{program}
try:
    simulate(main, limit=0.2)
except RunawayError:
    pass
lines = []
def trace(frame, event, arg):
    lines.append(event)
    return trace
def traced():
    return 1
sys.settrace(trace)
traced()
sys.settrace(None)
print(lines)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "['call', 'line', 'return']", run.stderr


def test_python_ends_although_a_task_catches_everything():
    """A task that ignores its cancellation, and would ignore being closed, does not keep Python from ending."""
    script = """
import asyncio
from course_lib.seeing import simulate
async def stubborn():
    while True:
        try:
            await asyncio.sleep(1)
        except BaseException:
            continue
async def main():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(1)
print(simulate(main).notes[-1])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "stubborn did not end when it was cancelled", run.stderr
    assert run.returncode == 0
