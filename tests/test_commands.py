"""A command from a coroutine: bounded in time and memory, ended with all it started, whatever happens meanwhile."""

import asyncio
import os
import signal
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from serving import lives

from course_lib.commands import CommandTimeout, run_command

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM, and the dead have no family there")

STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdout=sys.stdout, stderr=sys.stderr)
    print(child.pid, flush=True)
while True:
    sys.stdout.write("o" * 1000)
    sys.stderr.write("e" * 1000)
"""


@pytest.fixture
def run(tmp_path):
    """Call `run(main)` to run a coroutine function, which must leave no task, process, zombie or open file."""

    def files():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    async def watched(main):
        await run_command(*program("pass"), seconds=60)  # what the first one opens, for all that follow, is open now
        before = files()
        result = await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert files() <= before
        return result

    def call(main):
        known = set(psutil.Process().children())
        result = asyncio.run(watched(main))
        assert set(psutil.Process().children()) <= known
        return result

    return call


def program(source, *arguments):
    return sys.executable, "-c", source, *arguments


def test_what_it_wrote_and_how_it_ended_is_returned(run):
    """Both pipes, each for itself, and the exit status, which raises nothing."""
    source = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    ended = run(lambda: run_command(*program(source), seconds=60))
    assert (ended.out.split(), ended.err.split(), ended.status, ended.left_out) == ([b"out"], [b"err"], 3, 0)


def test_it_has_nothing_to_read(run):
    """A command that asks a question hears the end of its input, and does not wait for an answer."""
    ended = run(lambda: run_command(*program("import sys; print(repr(sys.stdin.read()))"), seconds=60))
    assert ended.out.split() == [b"''"]


def test_what_is_too_much_is_read_counted_and_dropped(run):
    """Who writes 40 MB ends as usual; a kilobyte of each pipe is kept, and no more is ever in memory."""
    source = """
import sys
for _ in range(20_000):
    sys.stdout.write("o" * 1000)
    sys.stderr.write("e" * 1000)
"""
    tracemalloc.start()
    try:
        ended = run(lambda: run_command(*program(source), seconds=60, keep=1000))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (ended.status, ended.out, ended.err) == (0, b"o" * 1000, b"e" * 1000)
    assert ended.left_out == 40_000_000 - 2000
    assert most < 10_000_000


def test_one_that_ignores_sigterm_floods_both_pipes_and_never_ends_is_ended(run, tmp_path):
    """With its child, which does the same; what was kept of its words is in the error, which is a TimeoutError."""
    path = tmp_path / "stubborn.py"
    path.write_text(STUBBORN)

    async def main():
        with pytest.raises(TimeoutError) as raised:
            await run_command(sys.executable, str(path), seconds=2, keep=1000, grace=0.2)
        return raised.value

    tracemalloc.start()
    begun = time.monotonic()
    try:
        error = run(main)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begun < 60
    assert most < 10_000_000
    assert isinstance(error, CommandTimeout)
    assert "had not ended after 2 s" in str(error) and "pass more seconds" in str(error)
    assert len(error.finished.out) <= 1000 and len(error.finished.err) <= 1000
    assert error.finished.status != 0
    if error.finished.out:  # under a heavy load it may have come to nothing
        assert not lives(int(error.finished.out.split()[0]))


@POSIX
def test_who_ends_when_asked_may_clean_up(run):
    """SIGTERM comes first, and what is written in the time after it is kept, too."""
    source = """
import signal, sys, time
def leave(*_):
    print("cleaned up", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""

    async def main():
        with pytest.raises(CommandTimeout) as raised:
            await run_command(*program(source), seconds=3, grace=60)
        return raised.value.finished

    ended = run(main)
    assert (ended.status, ended.out.split()) == (7, [b"ready", b"cleaned", b"up"])


@POSIX
def test_what_it_left_behind_is_ended_and_holds_no_pipe_open(run):
    """A command that ends at once, and leaves a child that has its pipes, is over at once, and so is the child."""
    source = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=sys.stdout)
print(child.pid)
"""
    ended = run(lambda: run_command(*program(source), seconds=300))
    assert ended.status == 0
    assert not lives(int(ended.out))


@POSIX
def test_what_got_away_holds_nothing_up(run):
    """Who went into a session of its own, and has the pipes, is not found, and not waited for either."""
    source = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(sleep, stdout=sys.stdout, start_new_session=True).pid)
"""
    ended = run(lambda: run_command(*program(source), seconds=300))
    os.kill(int(ended.out), signal.SIGKILL)
    assert ended.status == 0


HELPER = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **HOW)
path = pathlib.Path(sys.argv[1])
path.with_suffix(".new").write_text(str(child.pid))
os.replace(path.with_suffix(".new"), path)
time.sleep(600)
"""

NESTED = """
import asyncio, sys
from course_lib.commands import run_command
asyncio.run(run_command(sys.executable, "-c", SOURCE, sys.argv[1], seconds=300))
"""


async def written(path):
    """Wait until a program has written a file, which it puts there whole."""
    while not path.exists():
        await asyncio.sleep(0.01)
    return path.read_text()


@POSIX
@pytest.mark.parametrize("grace", [0, 60])
@pytest.mark.parametrize(
    "source",
    [
        HELPER.replace("HOW", "{'start_new_session': True}"),
        HELPER.replace("HOW", "{'process_group': 0}"),
        NESTED.replace("SOURCE", repr(HELPER.replace("HOW", "{}"))),
    ],
    ids=["session", "group", "nested"],
)
def test_what_a_living_command_has_started_ends_with_it_wherever_it_went(run, tmp_path, source, grace):
    """Also what is in a session or a group of its own, and does not end with its parent."""
    path = tmp_path / "pid"

    async def main():
        task = asyncio.create_task(run_command(*program(source, str(path)), seconds=300, grace=grace))
        pid = int(await written(path))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return pid

    assert not lives(run(main))


ASKED = """
import os, pathlib, signal, sys, time
def put(name):
    path = pathlib.Path(sys.argv[1], name)
    path.with_suffix(".new").write_text(str(os.getpid()))
    os.replace(path.with_suffix(".new"), path)
def leave(*_):
    put("asked")
    LEAVE
signal.signal(signal.SIGTERM, leave)
put("ready")
time.sleep(600)
"""


@POSIX
def test_its_family_may_clean_up_too(run, tmp_path):
    """A shell ends at once when it is asked to; what it has started is asked as well, and has the same grace."""
    worker = ASKED.replace("LEAVE", "time.sleep(0.2); put('cleaned'); sys.exit()")
    shell = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"

    async def main():
        task = asyncio.create_task(run_command(*program(shell, worker, str(tmp_path)), seconds=300, grace=60))
        await written(tmp_path / "ready")
        task.cancel()
        await asyncio.wait([task])
        assert (tmp_path / "cleaned").exists()

    run(main)


@pytest.mark.parametrize("grace", [0, 0.2])
def test_asyncio_run_may_end_at_any_moment_of_its_start(grace):
    """It cancels every task of the loop, asyncio's own too; the command ends all the same, without a complaint."""
    complaints, ended = [], []

    async def main(turns):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        sleeper = program("import time; time.sleep(600)")
        task = asyncio.create_task(run_command(*sleeper, seconds=300, grace=grace))
        task.add_done_callback(ended.append)
        for _ in range(turns):
            await asyncio.sleep(0 if turns < 10 else 0.002)

    known = set(psutil.Process().children())
    for turns in range(16):
        begun = time.monotonic()
        asyncio.run(main(turns))
        assert time.monotonic() - begun < 60
        assert set(psutil.Process().children()) <= known, f"after {turns} turns"
    assert complaints == []
    assert all(task.cancelled() for task in ended)


@POSIX
def test_asyncio_run_may_end_while_it_grants_the_grace(tmp_path):
    """The command, which takes its time, still has its grace, and is then killed."""
    source = ASKED.replace("LEAVE", "")  # sleeps on

    async def main():
        task = asyncio.create_task(run_command(*program(source, str(tmp_path)), seconds=300, grace=0.5))
        pid = int(await written(tmp_path / "ready"))
        task.cancel()
        await written(tmp_path / "asked")
        return pid

    known = set(psutil.Process().children())
    assert not lives(asyncio.run(main()))
    assert set(psutil.Process().children()) <= known


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_cancelled_at_any_moment_it_ends_what_it_started(run, again):
    """In each of the loop's first turns, and later: nothing runs on, and the cancellation is passed on."""

    known = set(psutil.Process().children())  # of other tests in this process

    async def main():
        for turns in range(45):
            task = asyncio.create_task(run_command(*program("import time; time.sleep(600)"), seconds=300, grace=0))
            for _ in range(turns):
                await asyncio.sleep(0 if turns < 25 else 0.002)
            task.cancel()
            if again:
                await asyncio.sleep(0)
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert set(psutil.Process().children()) <= known, f"after {turns} turns"

    run(main)


@POSIX
def test_a_cancelled_call_grants_the_grace_too(run, tmp_path):
    """Who is cancelled asks the command to end, and waits for its clean-up."""
    path = tmp_path / "cleaned"
    source = """
import pathlib, signal, sys, time
def leave(*_):
    time.sleep(0.1)
    pathlib.Path(sys.argv[1]).write_text("up")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
pathlib.Path(sys.argv[1]).write_text("not yet")
time.sleep(600)
"""

    async def main():
        task = asyncio.create_task(run_command(*program(source, str(path)), seconds=300, grace=60))
        while not path.exists() or not path.read_text():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main)
    assert path.read_text() == "up"


def test_it_needs_no_loop_that_can_start_processes():
    """It does so on one of its own, and holds up the caller's not even for the start."""

    class Plain(asyncio.SelectorEventLoop):
        async def subprocess_exec(self, *args, **options):
            raise NotImplementedError

    with asyncio.Runner(loop_factory=Plain) as runner:
        assert runner.run(run_command(*program("print('done')"), seconds=300)).out.split() == [b"done"]


def test_it_needs_no_thread_of_the_loops_own(run):
    """Where all of these are taken, and for long, a command is ended all the same."""

    async def main():
        release = threading.Event()
        asyncio.get_running_loop().set_default_executor(executor := ThreadPoolExecutor(1))
        taken = asyncio.get_running_loop().run_in_executor(None, release.wait)
        with pytest.raises(CommandTimeout):
            await run_command(*program("import time; time.sleep(600)"), seconds=0.1, grace=0)
        release.set()
        await taken
        executor.shutdown()

    run(main)


def test_a_command_that_cannot_be_started_says_so(run):
    """The system's own error comes out, and nothing is left."""

    async def main():
        with pytest.raises(FileNotFoundError):
            await run_command("there-is-no-such-program", seconds=1)

    run(main)


@pytest.mark.parametrize(
    ("command", "arguments", "hint"),
    [
        ([], {"seconds": 1}, "pass the program and its arguments"),
        (["git"], {"seconds": 0}, "seconds=0: a command needs some time, pass more than 0"),
        (["git"], {"seconds": float("nan")}, "seconds=nan"),
        (["git"], {"seconds": 1, "keep": -1}, "keep=-1: pass bytes to keep of each pipe"),
        (["git"], {"seconds": 1, "grace": -1}, "grace=-1: pass seconds, 0 to kill it at once"),
    ],
)
def test_arguments_without_sense_are_refused(command, arguments, hint):
    """The error names the argument, its value, and what to pass."""
    with pytest.raises(ValueError, match="pass") as raised:
        asyncio.run(run_command(*command, **arguments))
    assert hint in str(raised.value)
