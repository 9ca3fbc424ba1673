"""Hostile workloads: each ends with a clear result or error, and no process is left."""

import asyncio
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest
from serving import lives, until

from course_lib.comparison import Workload, launch, measure, waiting
from course_lib.paths import REPO

LIMIT = 60.0  # seconds; a hang guard, not a race
POSIX = sys.platform != "win32"


def measured(workload, model="sequential", **options):
    options = {"repeats": 1, "warm_up": False, "deadline": LIMIT, **options}
    return asyncio.run(measure(workload, model, **options))


def wait_until_gone(pids):
    until(lambda: not any(lives(pid) for pid in pids))


def noted(folder, count):
    """Return the numbers of processes that wrote themselves down, as soon as there are so many."""

    def names():
        return [file.name for file in folder.iterdir() if file.name.isdecimal()]

    until(lambda: len(names()) >= count)
    return [int(name) for name in names()]


def note(folder):
    (Path(folder) / str(os.getpid())).touch()


def never_ends(folder):
    (Path(folder) / "semaphores" / str(os.getpid())).write_text("\n".join(own_semaphores()))
    note(folder)
    while True:
        time.sleep(0.1)


def starts_another(folder):
    program = "import os, sys, time; open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close(); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", program, str(folder)])
    noted(Path(folder), 1)


def starts_one_apart(folder):
    program = "import os, sys, time; open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close(); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", program, str(folder)], start_new_session=True)
    time.sleep(600)


def kills_itself(folder):
    note(folder)
    os.kill(os.getpid(), signal.SIGKILL if POSIX else signal.SIGTERM)


def kills_its_parent(folder):
    note(folder)
    psutil.Process(os.getppid()).kill()
    time.sleep(600)


def own_semaphores():
    """Return the names of those of multiprocessing that this process uses; only Linux shows them."""
    try:
        used = Path("/proc/self/maps").read_text()
    except OSError:
        return set()
    return set(re.findall(r"/dev/shm/(sem\.mp-\S+)", used))


@pytest.fixture
def deadline_when(monkeypatch):
    """Let the deadline come when something has happened, not after some seconds: these are few on a busy machine."""

    def when(happened):
        class Rings(threading.Timer):
            def run(self):
                give_up = time.monotonic() + LIMIT
                while not happened() and time.monotonic() < give_up:
                    self.finished.wait(0.01)
                self.function()

        monkeypatch.setattr(launch, "Timer", Rings)

    return when


@pytest.mark.skipif(not POSIX, reason="Windows has no sessions")
def test_what_a_living_child_has_started_in_a_session_of_its_own_ends_too(tmp_path, deadline_when):
    """At the deadline its family is looked for before it is killed."""
    deadline_when(lambda: any(tmp_path.iterdir()))
    assert "had not ended" in measured(Workload.of(starts_one_apart, [tmp_path])).problem
    wait_until_gone(noted(tmp_path, 1))


@pytest.mark.parametrize(
    ("model", "workers", "start_method"), [("threads", 1, None), ("processes", 2, None), ("processes", 2, "spawn")]
)
def test_what_never_ends_is_ended(model, workers, start_method, tmp_path, deadline_when):
    """At the deadline the child ends, with its pool's workers and their semaphores; the problem says where it was."""
    (at_work := tmp_path / "at work").mkdir()
    (at_work / "semaphores").mkdir()
    deadline_when(lambda: len(list(at_work.iterdir())) > workers)
    workload = Workload.of(never_ends, [at_work] * 2)
    found = measured(workload, model, workers=workers, start_method=start_method)
    assert found.problem == "it had not ended after 60 s, and was ended with all it had started, in run 1 of 1"
    assert not found.runs
    wait_until_gone(noted(at_work, workers))
    used = {name for file in (at_work / "semaphores").iterdir() for name in file.read_text().split()}
    assert used or start_method != "spawn" or not sys.platform.startswith("linux")
    assert not [name for name in used if Path("/dev/shm", name).exists()]


def test_the_folder_of_a_killed_forkserver_goes_with_it(tmp_path, deadline_when, monkeypatch):
    """The sockets of a pool that could not clean up after itself are removed by who ended it."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("there is no forkserver on this system")
    (at_work := tmp_path / "at work").mkdir()
    (at_work / "semaphores").mkdir()
    deadline_when(lambda: len(list(at_work.iterdir())) > 2)
    with tempfile.TemporaryDirectory(prefix="t") as folder:  # short: the path of a socket has 100 characters at most
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        found = measured(Workload.of(never_ends, [at_work] * 2), "processes", workers=2, start_method="forkserver")
        assert "was ended with all it had started" in found.problem
        assert not list(Path(folder).iterdir())


def test_a_deadline_is_kept():
    """What has no end is ended after that many seconds, wherever it is then."""
    begun = time.monotonic()
    assert "it had not ended after 0.5 s" in measured(waiting(600, 1), deadline=0.5).problem
    assert 0.5 <= time.monotonic() - begun < LIMIT


def test_runs_that_ended_are_kept(tmp_path, deadline_when):
    """A deadline in the second run leaves the first one, and says that more was asked for."""
    source = """
import os, time
def f(folder):
    if os.path.exists(folder + "/first"):
        open(folder + "/second", "w").close()
        time.sleep(600)
    open(folder + "/first", "w").close()
"""
    space = {"__name__": "__main__"}
    exec(source, space)
    deadline_when((tmp_path / "second").exists)
    found = measured(Workload.of(space["f"], [str(tmp_path)]), repeats=3)
    assert len(found.runs) == 1
    assert found.problem.endswith("in run 2 of 3")
    assert "sequential: incomplete: " in str(found)


@pytest.mark.parametrize("start_method", [None, "spawn"])
def test_a_worker_that_is_killed(start_method, tmp_path):
    """A call that kills its worker process gives a problem, at once, and the other workers are gone."""
    found = measured(Workload.of(kills_itself, [tmp_path] * 4), "processes", workers=2, start_method=start_method)
    assert found.problem == "a worker process was killed, or crashed, in run 1 of 1"
    wait_until_gone(noted(tmp_path, 1))


@pytest.mark.skipif(not POSIX, reason="Windows has no signals to tell of")
def test_a_child_that_is_killed(tmp_path):
    """A call that kills the child itself gives a problem that names the signal."""
    found = measured(Workload.of(kills_itself, [tmp_path]))
    assert found.problem == "its process was killed by SIGKILL, in run 1 of 1"


def test_workers_whose_parent_is_killed(tmp_path):
    """When the child is killed by one of its workers, the workers go too, although nobody is their parent any more."""
    found = measured(Workload.of(kills_its_parent, [tmp_path] * 2), "processes", workers=2)
    assert found.problem
    assert "had not ended" not in found.problem
    wait_until_gone(noted(tmp_path, 1))


def test_what_a_call_starts_does_not_outlive_it(tmp_path):
    """A process that a call started and left is gone when the measurement is there."""
    assert measured(Workload.of(starts_another, [tmp_path])).ok
    wait_until_gone(noted(tmp_path, 1))


def leaves_a_thread(seconds):
    threading.Thread(target=time.sleep, args=(seconds,)).start()


def test_a_thread_that_never_ends_dies_with_the_child():
    """A thread that a call left behind does not hold up the measurement."""
    begun = time.monotonic()
    assert measured(Workload.of(leaves_a_thread, [600])).ok
    assert time.monotonic() - begun < LIMIT


def test_what_cannot_be_pickled_is_refused():
    """A function that holds a lock cannot be sent to a process: the error says what to do."""
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"cannot be sent to another process .*make it inside the function"):
        measured(Workload.of(lambda _: lock, [1]), "threads")


def test_a_result_that_cannot_be_pickled_is_an_error_of_the_call():
    """Threads may return a lock, processes cannot: that call has failed, and what it returned is blamed."""
    space = {"__name__": "__main__"}
    exec("import threading\ndef f(n):\n    return threading.Lock() if n else n", space)
    workload = Workload.of(space["f"], [0, 1])
    assert measured(workload, "threads").ok
    found = measured(workload, "processes")
    assert (found.errors, found.problem) == (1, "")
    assert re.match(r"TypeError: what the function returned cannot be sent .*cannot pickle.*; return what", found.error)
    assert measured(workload, "asyncio + processes").error == found.error


class Once:
    """Something that can be sent to another process, and not from there."""

    def __reduce__(self):
        return threading.Lock, ()


def test_an_item_that_cannot_be_sent_on_is_blamed_itself():
    """An item that gets into the measuring process and not into a worker is named as what it is."""
    found = measured(Workload.of(id, [Once()]), "processes")
    assert not found.ok
    assert "TypeError: an item cannot be sent to another process" in found.problem


def test_a_call_that_leaves_python():
    """sys.exit() in a call ends the child; in a pool's thread it is an error of the call."""
    for code in (3, 0):
        found = measured(Workload.of(sys.exit, [code]))
        assert found.problem == f"its process ended itself with exit code {code}, in run 1 of 1"
        assert not found.ok
    assert measured(Workload.of(sys.exit, [3]), "threads").error == "SystemExit: 3"


def test_a_module_that_the_child_lacks_is_named():
    """What cannot be imported in the child is named."""
    module = type(sys)("nowhere_to_be_found")
    exec("def f(_): pass", module.__dict__)
    sys.modules[module.__name__] = module
    try:
        found = measured(Workload.of(module.f, [1]))
    finally:
        del sys.modules[module.__name__]
    assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in found.problem


def test_a_cancellation_ends_the_child_and_goes_on(tmp_path):
    """Cancelling a measurement ends its child and the pool's workers before CancelledError goes on."""

    (tmp_path / "semaphores").mkdir()

    async def main():
        workload = Workload.of(never_ends, [tmp_path] * 2)
        task = asyncio.create_task(measure(workload, "processes", workers=2, warm_up=False))
        pids = await asyncio.to_thread(noted, tmp_path, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pids

    wait_until_gone(asyncio.run(main()))


def test_a_cancellation_at_once():
    """A measurement that is cancelled before its child has begun ends too."""

    async def main():
        task = asyncio.create_task(measure(waiting(600, 1), "sequential", warm_up=False))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("start_method", [None, "spawn"])
def test_no_process_outlives_a_killed_parent(start_method, tmp_path):
    """When the kernel is killed in the middle of a measurement, the child and its workers end themselves."""
    (tmp_path / "semaphores").mkdir()
    program = f"""
        import asyncio, sys
        sys.path[:0] = [{str(REPO)!r}, {str(REPO / "tests")!r}]
        from course_lib.comparison import Workload, measure
        from test_comparison_hostile import never_ends
        if __name__ == "__main__":
            workload = Workload.of(never_ends, [{str(tmp_path)!r}] * 2)
            asyncio.run(measure(workload, "processes", workers=2, warm_up=False, start_method={start_method!r}))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    try:
        pids = noted(tmp_path, 2)
    finally:
        parent.kill()
        parent.wait()
    wait_until_gone(pids)


def test_many_at_once():
    """Several measurements may be under way at once, each with its own child."""

    async def main():
        return await asyncio.gather(*(measure(waiting(0.1, 2), "threads", deadline=LIMIT) for _ in range(4)))

    assert all(found.ok for found in asyncio.run(main()))


@pytest.mark.skipif(not POSIX, reason="Windows has no signals to ignore")
def test_a_program_that_ignores_its_children_s_end():
    """Where SIGCHLD is ignored, as below some daemons, what works is measured, what was killed is no success."""
    program = """
        import os, signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        from course_lib.comparison import Workload, measure_blocking
        for model in ("sequential", "processes"):
            for function in (abs, os._exit):
                found = measure_blocking(Workload.of(function, [3, 3]), model, repeats=1, warm_up=False)
                print(model, found.ok, found.problem)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == [
        "sequential True ",
        "sequential False its process ended before its work; how cannot be told, since this program ignores SIGCHLD, "
        "in run 1 of 1",
        "processes True ",
        "processes False a worker process was killed, or crashed, in run 1 of 1",
    ]


def test_much_output_does_not_hang():
    """A child that prints megabytes ends, and the beginning is kept."""
    space = {"__name__": "__main__"}
    exec("def f(n):\n    print('x' * n)", space)
    found = measured(Workload.of(space["f"], [5_000_000]))
    assert found.ok
    assert found.output == "x" * 10_000
