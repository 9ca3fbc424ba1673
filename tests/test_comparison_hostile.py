"""Hostile workloads: each ends with a clear result or error, and no process is left."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from course_lib.comparison import Workload, measure, waiting
from course_lib.paths import REPO

LIMIT = 60.0  # seconds; a hang guard, not a race
POSIX = sys.platform != "win32"


def measured(workload, model="sequential", **options):
    options = {"repeats": 1, "warm_up": False, "deadline": LIMIT, **options}
    return asyncio.run(measure(workload, model, **options))


def gone(pid):
    """Return whether a process ends within the limit."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def noted(folder, count):
    """Return the numbers of processes that wrote themselves down, as soon as there are so many."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        found = [int(file.name) for file in folder.iterdir()]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"only {len(found)} of {count} processes began")


def note(folder):
    (Path(folder) / str(os.getpid())).touch()


def never_ends(folder):
    note(folder)
    while True:
        time.sleep(0.1)


def starts_another(folder):
    program = "import os, sys, time; open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close(); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", program, str(folder)])
    noted(Path(folder), 1)


def kills_itself(folder):
    note(folder)
    os.kill(os.getpid(), signal.SIGKILL if POSIX else signal.SIGTERM)


def kills_its_parent(folder):
    note(folder)
    psutil.Process(os.getppid()).kill()
    time.sleep(600)


def semaphores():
    """Return those of multiprocessing that are on the system; only Linux shows them."""
    return {file.name for file in Path("/dev/shm").glob("sem.mp-*")}


@pytest.mark.parametrize(
    ("model", "workers", "start_method"), [("threads", 1, None), ("processes", 2, None), ("processes", 2, "spawn")]
)
def test_what_never_ends_is_ended(model, workers, start_method, tmp_path):
    """At the deadline the child ends, with its pool's workers and their semaphores; the problem says where it was."""
    before = semaphores()
    workload = Workload.of(never_ends, [tmp_path] * 2)
    found = measured(workload, model, workers=workers, start_method=start_method, deadline=6 if start_method else 3)
    assert "had not ended after" in found.problem
    assert found.problem.endswith("in run 1 of 1")
    assert not found.runs
    assert all(gone(pid) for pid in noted(tmp_path, workers))
    assert not semaphores() - before


def test_runs_that_ended_are_kept(tmp_path):
    """A deadline in the second run leaves the first one, and says that more was asked for."""
    made = tmp_path / "made"
    source = "import os, time\ndef f(path):\n    if os.path.exists(path): time.sleep(600)\n    open(path, 'w')"
    space = {"__name__": "__main__"}
    exec(source, space)
    found = measured(Workload.of(space["f"], [str(made)]), repeats=3, deadline=3)
    assert len(found.runs) == 1
    assert found.problem.endswith("in run 2 of 3")
    assert "sequential: incomplete: " in str(found)


@pytest.mark.parametrize("start_method", [None, "spawn"])
def test_a_worker_that_is_killed(start_method, tmp_path):
    """A call that kills its worker process gives a problem, at once, and the other workers are gone."""
    found = measured(Workload.of(kills_itself, [tmp_path] * 4), "processes", workers=2, start_method=start_method)
    assert found.problem == "a worker process was killed, or crashed, in run 1 of 1"
    assert all(gone(pid) for pid in noted(tmp_path, 1))


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
    assert all(gone(pid) for pid in noted(tmp_path, 1))


def test_what_a_call_starts_does_not_outlive_it(tmp_path):
    """A process that a call started and left is gone when the measurement is there."""
    assert measured(Workload.of(starts_another, [tmp_path])).ok
    assert all(gone(pid) for pid in noted(tmp_path, 1))


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
    """Threads may return a lock, processes cannot: that call has failed, the others have not."""
    space = {"__name__": "__main__"}
    exec("import threading\ndef f(n):\n    return threading.Lock() if n else n", space)
    workload = Workload.of(space["f"], [0, 1])
    assert measured(workload, "threads").ok
    found = measured(workload, "processes")
    assert (found.errors, found.problem) == (1, "")
    assert "cannot pickle" in found.error


def test_a_call_that_leaves_python():
    """sys.exit() in a call ends the child; in a pool's thread it is an error of the call."""
    assert measured(Workload.of(sys.exit, [3])).problem == "its process ended itself with exit code 3, in run 1 of 1"
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

    async def main():
        workload = Workload.of(never_ends, [tmp_path] * 2)
        task = asyncio.create_task(measure(workload, "processes", workers=2, warm_up=False))
        pids = await asyncio.to_thread(noted, tmp_path, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pids

    assert all(gone(pid) for pid in asyncio.run(main()))


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
    assert all(gone(pid) for pid in pids)


def test_many_at_once():
    """Several measurements may be under way at once, each with its own child."""

    async def main():
        return await asyncio.gather(*(measure(waiting(0.1, 2), "threads", deadline=LIMIT) for _ in range(4)))

    assert all(found.ok for found in asyncio.run(main()))


def test_much_output_does_not_hang():
    """A child that prints megabytes ends, and the beginning is kept."""
    space = {"__name__": "__main__"}
    exec("def f(n):\n    print('x' * n)", space)
    found = measured(Workload.of(space["f"], [5_000_000]))
    assert found.ok
    assert found.output == "x" * 10_000
