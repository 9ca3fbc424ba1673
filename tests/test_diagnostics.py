"""Diagnostics of a program: each fault is told with its line, and the program is as it would be without."""

import asyncio
import gc
import itertools
import logging
import os
import re
import signal
import subprocess
import sys
import time
import warnings
import weakref
from contextlib import aclosing, suppress
from pathlib import Path

import aiohttp
import pytest

from course_lib.diagnostics import diagnose, load_ipython_extension
from course_lib.diagnostics.findings import Finding, Findings
from course_lib.monitor import EventLoopMonitor
from course_lib.paths import REPO
from course_lib.seeing import record

NEVER = 600  # seconds: no step of a test takes as long on any machine, so that nothing is told of slow steps


@pytest.fixture
def told(capsys):
    """Return what is told of a program, in lines without indent and without the text of the lines that are named."""

    def run(main, slow=NEVER, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that Python warns as well is another test's
            diagnose(main, slow=slow, **options)
        title, *lines = capsys.readouterr().err.splitlines() or ["asyncio diagnostics:"]
        assert title == "asyncio diagnostics:"
        return [re.sub(r"(, line \d+): .*", r"\1", row.strip()) for row in lines]

    return run


def line(mark):
    """Return how a line of this file is told: the one that ends with the comment `mark`."""
    for number, text in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), start=1):
        if text.endswith("  # " + mark):
            return f"{Path(__file__).name}, line {number}"
    raise LookupError(mark)


async def fails():
    await asyncio.sleep(0)
    raise ValueError("no such page")  # raised here


async def waits():
    await asyncio.Event().wait()  # for ever


async def ticks():
    yield 1  # stopped here
    yield 2


# Each fault.


def test_a_coroutine_that_nobody_awaits_is_told_with_the_line_that_made_it(told):
    """It is that line also where the coroutine is kept for a while, and goes on another line."""

    async def main():
        fails()  # bare
        kept = waits()  # kept
        await asyncio.sleep(0)
        kept = None
        return kept

    expected = [
        "never awaited: fails()",
        f"made at {line('bare')}",
        "never awaited: waits()",
        f"made at {line('kept')}",
    ]
    assert told(main) == expected


def test_a_coroutine_that_a_library_makes_is_told_with_the_line_that_drops_it(told):
    """Where a library's function made the coroutine, the user's line is the one that called it without await."""

    async def main():
        async with aiohttp.ClientSession() as session:
            session.get("http://127.0.0.1:9")  # no await

    what, made, dropped = told(main)
    assert what == "never awaited: _request()"
    assert made.startswith("made at aiohttp/client.py, line ")
    assert dropped == f"dropped at {line('no await')}"


def test_a_coroutine_of_another_thread_is_told_without_the_line_that_made_it(told):
    """Where it is defined and where it was dropped is known all the same."""

    def in_a_thread():
        made = fails()
        made = None  # dropped there
        return made

    async def main():
        await asyncio.to_thread(in_a_thread)

    what, defined, dropped = told(main)
    assert what == "never awaited: fails()"
    assert re.fullmatch(r"defined at test_diagnostics\.py, line \d+", defined)
    assert dropped == f"dropped at {line('dropped there')}"


def test_an_exception_that_nobody_asks_for_is_told_when_its_task_has_gone(told):
    """The lines are the one that raised it and the one that made the task."""

    async def main():
        await asyncio.wait([asyncio.create_task(fails())])  # lost

    expected = ["failed, nobody asked: task fails: ValueError: no such page", f"raised at {line('raised here')}"]
    assert told(main) == [*expected, f"made at {line('lost')}"]


def test_an_exception_that_may_yet_be_asked_for_is_no_fault(told):
    """What a held task failed with is told as not asked for so far, and no more once somebody has asked."""
    held = []

    async def main():
        held.append(asyncio.create_task(fails(), name="held"))
        await asyncio.wait(held)

    expected = "failed, nobody has asked so far: task held: ValueError: no such page"
    assert told(main) == [expected, f"raised at {line('raised here')}"]
    with pytest.raises(ValueError, match="no such page"):
        held.pop().result()

    async def asks():
        task = asyncio.create_task(fails())
        await asyncio.wait([task])
        return str(task.exception())

    assert told(asks) == []


def test_a_task_that_nobody_holds_is_told_when_it_has_gone(told):
    """Its line is the one that made it."""

    async def main():
        asyncio.get_running_loop().create_task(waits())  # held by nobody
        await asyncio.sleep(0)
        gc.collect()

    assert told(main) == ["gone in the middle, held by nobody: task waits", f"made at {line('held by nobody')}"]


def test_a_step_that_holds_the_loop_is_told_with_its_line(told):
    """Sleeping and computing are found on their very line, in the task whose step it was."""

    async def sleeps():
        time.sleep(0.3)  # asleep

    async def computes():
        end = time.perf_counter() + 0.3
        # On one line, whenever it is looked at.
        any(time.perf_counter() > end for _ in itertools.count())  # busy

    async def main():
        await asyncio.create_task(sleeps(), name="sleeper")
        await asyncio.create_task(computes())

    first, where, second, other = told(main, slow=0.1)
    assert re.fullmatch(r"held the loop ~\d\.\d\d s: task sleeper", first)
    assert where == f"at {line('asleep')}"
    assert re.fullmatch(r"held the loop ~\d\.\d\d s: task computes", second)
    assert other == f"at {line('busy')}"


def test_code_that_lets_nobody_look_is_told_between_two_lines(told):
    """A call into C that keeps the interpreter is not put on another line: its step and where that ended are told."""
    many = 1_000_000
    while True:
        begun = time.perf_counter()
        assert sum(range(many))
        if time.perf_counter() - begun > 0.3:
            break
        many *= 2

    async def computes():
        sum(range(many))
        await asyncio.sleep(0)  # next

    async def main():
        await asyncio.create_task(computes())

    first, where = told(main, slow=0.1)
    assert first.endswith("task computes")
    assert where.startswith(("between the beginning of the step and ", "at ")), where


STANDS_STILL = """
import asyncio, os, signal
from course_lib.diagnostics import diagnose, load_ipython_extension

async def stands_still():
    await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGSTOP)
    await asyncio.sleep(0)

async def main():
    await asyncio.create_task(stands_still())

diagnose(main, slow=0.3)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot stop a process")
def test_a_step_that_the_machine_had_no_time_for_is_not_told():
    """A process that stood still for a while did nothing wrong."""
    run = [sys.executable, "-c", STANDS_STILL]
    with subprocess.Popen(run, cwd=REPO, stderr=subprocess.PIPE, text=True) as child:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        time.sleep(0.6)  # nothing else lasts: the time is what is tested
        child.send_signal(signal.SIGCONT)
        assert "stands_still" not in child.communicate()[1]
    assert child.returncode == 0


def test_a_generator_left_in_the_middle_is_told(told):
    """A loop that breaks leaves it open; one that is closed, or goes to its end, is none."""

    async def main():
        async for _ in ticks():  # left
            break
        async with aclosing(ticks()) as closed:
            async for _ in closed:
                break
        async for _ in ticks():
            pass

    expected = ["left open: generator ticks()", f"iterated at {line('left')}", f"stopped at {line('stopped here')}"]
    assert told(main) == expected


def test_a_generator_that_is_still_held_is_no_fault(told):
    """It is told as still open."""
    held = ticks()

    async def main():
        await anext(held)  # held

    assert told(main) == ["still open: generator ticks()", f"iterated at {line('held')}"]


def test_a_task_that_still_runs_is_told_with_the_line_where_it_waits(told):
    """So a deadlock is told, too: a lock that a task waits for at the end, and will never get."""
    lock = asyncio.Lock()

    async def twice():
        async with lock, lock:  # never free
            pass

    async def main():
        task = asyncio.create_task(twice())
        await asyncio.sleep(0)
        return task

    assert told(main) == ["still running: task twice", f"waits at {line('never free')}"]


def test_a_task_that_a_library_made_is_the_librarys_affair(told):
    """What still runs is told of tasks that the user's own code made: a server's handlers, and readers, are not."""

    async def handle(reader, writer):
        await reader.read()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while len(asyncio.all_tasks()) < 2:
            await asyncio.sleep(0)
        server.close()
        return writer

    assert not [row for row in told(main) if row.startswith("still running")]


def test_a_cancellation_that_is_swallowed_is_told(told):
    """A task that was cancelled and returns is told with the line where it struck; one that passes it on is not."""

    async def swallows():
        try:
            await asyncio.sleep(600)  # struck
        except asyncio.CancelledError:
            return

    async def passes_on():
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0)

    async def main():
        tasks = [asyncio.create_task(swallows()), asyncio.create_task(passes_on())]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    assert told(main) == ["cancelled, and returned: task swallows", f"cancelled at {line('struck')}"]


def test_a_session_that_nobody_closes_is_told_with_the_line_that_made_it(told):
    """What aiohttp tells the loop is completed by what it does not know without debug mode."""

    async def main():
        aiohttp.ClientSession()  # never closed

    assert told(main) == ["Unclosed client session", f"made at {line('never closed')}"]


def callback():
    raise KeyError("page 3")  # in a callback


def test_a_callback_that_fails_is_told(told):
    """Whatever the loop's exception handler is told, is told on."""

    async def main():
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0)

    first, what, where = told(main)
    assert "callback() at test_diagnostics.py, line" in first
    assert what == "KeyError: 'page 3'"
    assert where == f"raised at {line('in a callback')}"


def test_nothing_is_told_where_all_is_well(told):
    """Groups, limits, cancellations passed on, threads, generators and queues of a program in order give no word."""

    async def worker(queue):
        while True:
            await queue.get()
            queue.task_done()

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
            group.create_task(asyncio.to_thread(sum, [1, 2]))
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(600)
        with suppress(TimeoutError):
            await asyncio.wait_for(waits(), 0.001)
        queue = asyncio.Queue()
        task = asyncio.create_task(worker(queue))
        await queue.put(1)
        await queue.join()
        task.cancel()
        results = await asyncio.gather(task, fails(), return_exceptions=True)
        return [number async for number in ticks()], results

    assert told(main) == []


def test_a_group_that_failed_was_no_swallowed_cancellation(told):
    """Where a TaskGroup fails, it cancels its own task, and up to 3.12 counts that for ever: nobody is blamed."""

    async def main():
        for _ in range(2):
            with suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(fails())
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(600)

    assert told(main) == []


def test_a_cancellation_that_is_swallowed_after_a_group_failed_is_told(told):
    """What a TaskGroup has counted hides no cancellation that comes later."""

    over = asyncio.Event()

    async def swallows():
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
        over.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(600)  # struck after a group

    async def main():
        task = asyncio.create_task(swallows())
        await over.wait()
        task.cancel()
        await task

    assert told(main) == ["cancelled, and returned: task swallows", f"cancelled at {line('struck after a group')}"]


def test_an_eager_task_is_watched(told):
    """A task that begins inside a step of another is told as any."""
    if not hasattr(asyncio, "eager_task_factory"):
        return  # Python 3.11 has none

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await asyncio.wait([asyncio.create_task(fails())])

    assert told(main)[0] == "failed, nobody asked: task fails: ValueError: no such page"


def test_a_recording_and_a_monitor_work_inside(told):
    """Tasks are drawn and counted as without, by their names, and told of as well."""

    async def main():
        async with EventLoopMonitor() as monitor, record(tick=60) as timeline:
            await asyncio.gather(fails(), asyncio.sleep(0), return_exceptions=True)
            await asyncio.wait([asyncio.create_task(fails(), name="lost one")])
        names.extend(lane.name for lane in timeline.lanes)
        return monitor.failed

    names: list[str] = []
    assert told(main)[0] == "failed, nobody asked: task lost one: ValueError: no such page"
    assert names == ["fails", "sleep", "lost one"]


# How it is told.


def test_what_is_told_is_bounded():
    """Equal findings are counted, ten are told, and of the rest the number; no line is longer than 76 columns."""
    findings = Findings()
    for number in range(5000):
        findings.add(Finding("never awaited", f"work_{number % 1000}()", where=("made at " + "x" * 100,)))
    text = findings.tell("asyncio diagnostics:", 0)
    assert len(text.splitlines()) == 1 + 10 * 2 + 1
    assert text.endswith("  and 4,950 more")
    assert "work_3() (5 times)" in text
    assert all(len(row) <= 76 for row in text.splitlines())
    assert findings.tell("asyncio diagnostics:", 0) == ""


def test_faults_come_before_what_is_none():
    """Where not all can be told, it is the faults that are."""
    findings = Findings()
    for number in range(20):
        findings.add(Finding("still running", f"task {number}", fault=False))
    findings.add(Finding("never awaited", "work()"))
    assert findings.tell("title", 0).splitlines()[1] == "  never awaited: work()"


def test_what_is_told_is_the_same_in_every_run(told):
    """No address, no number of asyncio's and no path of the machine stands in it."""

    async def fails_with(thing):
        raise LookupError(f"{thing!r} {asyncio.current_task().get_name()}")

    async def main():
        await asyncio.wait([asyncio.create_task(fails_with(object()))])

    (what, *places) = told(main)
    assert what == "failed, nobody asked: task fails_with: LookupError: <object object> Task"
    assert not any(str(REPO) in place for place in places)


# The program is as it would be without.


def hooks(loop):
    """Return all that could be changed of a loop, a thread and a process."""
    return {
        "loop": {name: value for name, value in vars(loop).items() if callable(value)},
        "handler": loop.get_exception_handler(),
        "factory": loop.get_task_factory(),
        "debug": loop.get_debug(),
        "generators": tuple(sys.get_asyncgen_hooks()),
        "depth": sys.get_coroutine_origin_tracking_depth(),
        "warned": warnings._warn_unawaited_coroutine,
        "filters": list(warnings.filters),
        "unraisable": sys.unraisablehook,
        "session": aiohttp.ClientSession.__init__,
        "gc": (gc.isenabled(), gc.get_threshold(), list(gc.callbacks)),
        "finders": list(sys.meta_path),
    }


@pytest.fixture
def watched():
    """Return a function that begins to watch the running loop, and gives what ends it."""
    from course_lib.diagnostics.around import cell_here
    from course_lib.diagnostics.watch import Watch

    def begin():
        watch = Watch(asyncio.get_running_loop(), NEVER)
        watch.start()
        watch.start_generators()
        cell_here.set(0)
        return watch

    return begin


def test_everything_is_put_back(watched):
    """Hooks, handlers, factories, depth, filters and threads are what they were."""

    async def main():
        loop = asyncio.get_running_loop()
        before = hooks(loop)
        watch = begin_and_see(before)
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))
        watch.stop()
        assert hooks(loop) == before

    def begin_and_see(before):
        watch = watched()
        seen = hooks(asyncio.get_running_loop())
        for untouched in ("handler", "factory", "debug", "filters", "unraisable", "gc", "finders"):
            assert seen[untouched] == before[untouched], untouched
        return watch

    asyncio.run(main())


def test_what_others_set_before_and_after_goes_on_working(watched):
    """A handler and a factory that are set meanwhile are called, are the ones that are got, and stay."""

    async def main():
        loop, heard = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda loop, context: heard.append("first"))
        watch = watched()
        loop.call_exception_handler({"message": "one"})

        def factory(loop, coro, **kwargs):
            heard.append("made")
            return asyncio.Task(coro, loop=loop, **kwargs)

        def second(loop, context):
            heard.append("second")

        loop.set_exception_handler(second)
        loop.set_task_factory(factory)
        await asyncio.wait([asyncio.create_task(fails())])
        assert (loop.get_exception_handler(), loop.get_task_factory()) == (second, factory)
        watch.stop()
        assert (loop.get_exception_handler(), loop.get_task_factory()) == (second, factory)
        loop.set_task_factory(None)
        assert heard == ["first", "made", "second"]
        text = watch.findings.tell("title", 0)
        assert "one" in text
        assert "failed, nobody asked: task fails" in text

    asyncio.run(main())


def test_what_is_put_on_top_stays_and_works_after_the_end(watched):
    """Somebody's own wrapper around a method, a hook or a constructor is left where it is."""

    async def main():
        loop, made = asyncio.get_running_loop(), []
        watch = watched()
        below, first = loop.create_task, sys.get_asyncgen_hooks().firstiter

        def on_top(coro, **kwargs):
            made.append(coro)
            return below(coro, **kwargs)

        def firstiter(generator):
            made.append(generator)
            first(generator)

        loop.create_task = on_top
        sys.set_asyncgen_hooks(firstiter=firstiter)
        watch.stop()
        assert loop.create_task is on_top
        assert sys.get_asyncgen_hooks().firstiter is firstiter
        task = asyncio.create_task(asyncio.sleep(0, "result"))
        assert await task == "result"
        assert [number async for number in ticks()] == [1, 2]
        assert len(made) == 2
        assert asyncio.iscoroutine(task.get_coro())
        assert type(task.get_coro()).__name__ == "coroutine"  # not wrapped any more

    asyncio.run(main())


def test_the_debug_mode_that_is_switched_on_meanwhile_puts_back_what_was_before(watched):
    """Its end gives the depth that there was without diagnostics, whichever ends first."""

    async def main():
        loop = asyncio.get_running_loop()
        for debug_first in (True, False):
            watch = watched()
            loop.set_debug(True)
            await asyncio.sleep(0)
            if debug_first:
                loop.set_debug(False)
                await asyncio.sleep(0)
                watch.stop()
            else:
                watch.stop()
                loop.set_debug(False)
                await asyncio.sleep(0)
            assert sys.get_coroutine_origin_tracking_depth() == 0

    asyncio.run(main())


PROGRAM = """
import asyncio, sys, warnings
async def work(): pass
async def main():
    work()
    kept = work()
    kept = None
    def inner():
        work()
    inner()
if len(sys.argv) > 1:
    from course_lib.diagnostics import diagnose, load_ipython_extension
    diagnose(main)
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("options", [[], ["-X", "dev"], ["-W", "error"]], ids=" ".join)
def test_python_warns_in_the_same_words_and_of_the_same_lines(tmp_path, options):
    """What Python says of a coroutine never awaited is what it says without, also in debug mode."""
    (tmp_path / "script.py").write_text(PROGRAM)

    def said(*arguments):
        run = [sys.executable, *options, "script.py", *arguments]
        done = subprocess.run(run, cwd=tmp_path, env={"PYTHONPATH": str(REPO)}, capture_output=True, text=True)
        text = done.stderr.split("asyncio diagnostics:")[0]
        rows = [row for row in text.splitlines() if row.startswith("RuntimeWarning") or "script.py" in row]
        # A busy machine makes steps slow, of which debug mode tells.
        return [row for row in rows if not row.startswith("Executing")]

    plain, diagnosed = said(), said("diagnosed")
    assert plain
    # The debug mode names who called, down to who started the loop, which here is another line.
    assert [row for row in diagnosed if "<module>" not in row] == [row for row in plain if "<module>" not in row]


def test_an_exception_is_not_marked_as_asked_for(watched, caplog):
    """Asyncio still logs that nobody asked."""

    async def main():
        watch = watched()
        held = asyncio.create_task(fails())
        await asyncio.wait([held])
        watch.look_around()
        watch.look_around(again=True)
        del held
        watch.stop()

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(main())
    (logged,) = caplog.records
    assert logged.exc_info[0] is ValueError


def test_nothing_lives_longer(watched):
    """A task, its coroutine, its result, its error, a generator and a session are gone as soon as they would be."""

    class Thing:
        pass

    async def gives(thing):
        await asyncio.sleep(0)
        return thing

    async def fails_with(thing):
        await asyncio.sleep(0)
        raise ValueError(thing)

    async def main():
        watch, alive = watched(), []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # a log would keep it
        for function in (gives, fails_with):
            thing = Thing()
            coro = function(thing)
            task = asyncio.create_task(coro)
            await asyncio.wait([task])
            watch.look_around()
            alive += [weakref.ref(thing), weakref.ref(coro), weakref.ref(task)]
            del thing, coro, task
        generator, session = ticks(), aiohttp.ClientSession()
        await anext(generator)
        await session.close()
        watch.look_around()
        alive += [weakref.ref(generator), weakref.ref(session)]
        del generator, session
        for _ in range(3):
            await asyncio.sleep(0)  # the loop closes the generator
        found = [reference() for reference in alive]
        watch.stop()
        assert found == [None] * 8

    gc.disable()  # what goes must go by itself
    try:
        asyncio.run(main())
    finally:
        gc.enable()


def test_errors_pass_without_a_line_of_the_diagnostics(watched):
    """A traceback has the lines that it would have, from a task and from a call that is refused."""

    async def main():
        watch = watched()
        loop = asyncio.get_running_loop()
        for make in (lambda: asyncio.create_task(fails()), lambda: asyncio.create_task("no coroutine")):
            try:
                await make()
            except (ValueError, TypeError) as error:
                traceback = error.__traceback__
                while traceback is not None:
                    assert "diagnostics" + "/" not in traceback.tb_frame.f_code.co_filename.replace("\\", "/")
                    traceback = traceback.tb_next
        assert loop.create_task
        watch.stop()

    asyncio.run(main())


def test_it_returns_and_raises_as_run_does(capsys):
    """The result of main is returned, and its exception raised, with what was found told all the same."""

    async def main(error=None):
        waits()
        if error is not None:
            raise error
        return 7

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert diagnose(main, slow=NEVER) == 7
        with pytest.raises(KeyError, match="mine"):
            diagnose(lambda: main(KeyError("mine")), slow=NEVER)
    assert capsys.readouterr().err.count("never awaited: waits()") == 2


def test_what_it_cannot_take_it_refuses_with_the_next_step():
    """A coroutine instead of its function, seconds that are none, and a loop that runs already are named."""

    async def main():
        with pytest.raises(RuntimeError, match=r"%load_ext course_lib\.diagnostics"):
            diagnose(main)

    asyncio.run(main())
    coro = main()
    with pytest.raises(TypeError, match=r"pass the function itself, diagnose\(main\)"):
        diagnose(coro)
    coro.close()
    for slow in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"slow=.*: pass seconds, more than 0"):
            diagnose(main, slow=slow)


def test_without_a_kernel_the_extension_says_what_to_call_instead():
    """Where no loop runs, as in a terminal's IPython, %load_ext names the call for programs."""
    with pytest.raises(RuntimeError, match=r"diagnose\(main\)"):
        load_ipython_extension(None)


def test_what_hides_in_a_circle_is_found_when_asked_for(told):
    """The collector is called on request only."""

    async def main():
        circle = [waits()]  # circle
        circle.append(circle)

    gc.disable()
    try:
        assert told(main) == []
        assert told(main, collect=True)[-2:] == ["never awaited: waits() (2 times)", f"made at {line('circle')}"]
    finally:
        gc.enable()


def test_a_line_is_told_with_its_text(capsys):
    """The text of the line stands behind its number."""

    async def main():
        waits()  # shown

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        diagnose(main, slow=NEVER)
    assert capsys.readouterr().err.endswith(f"    made at {line('shown')}: waits() # shown\n")
