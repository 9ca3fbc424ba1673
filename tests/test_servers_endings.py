"""However the process that started servers ends, no server and no folder is left; an interrupt ends none."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import kernels
import psutil
import pytest
from serving import SOON, Starter, client, lives, open_folder, posix, sql, until

POSIX = os.name != "nt"

ENDINGS = {
    "the end of the program": "",
    "an exception": "raise ValueError('an error')",
    "sys.exit": "sys.exit(3)",
    "os._exit": "os._exit(3)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "os.kill(os.getpid(), getattr(signal, 'SIGKILL', 9))",
    "SIGKILL while a server is paused": "servers.process._servers['PostgreSQL'].pause(); os.kill(os.getpid(), 9)",
    "SIGKILL after a server was killed": "servers.process._servers['PostgreSQL'].kill(); os.kill(os.getpid(), 9)",
}
if POSIX:  # the child holds copies of all that its parent had open, the pipes to the supervisors too
    ENDINGS["SIGKILL while a forked child lives on"] = "os.fork() or time.sleep(600); os.kill(os.getpid(), 9)"


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[str, Starter]]:
    """One program for each way to end, all started at once: as in a classroom's hub, on two cores."""
    with ExitStack() as stack:
        programs = {}
        for how, more in ENDINGS.items():
            folder = stack.enter_context(open_folder())
            programs[how] = stack.enter_context(Starter(folder, f"sys.stdin.readline()\n{more}"))
        for program in programs.values():
            program.ready()
        yield programs


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where servers' folders are made."""
    with open_folder() as folder:
        yield folder


def test_processes_that_start_at_once_have_servers_of_their_own(programs: dict[str, Starter]) -> None:
    """Processes that start their servers at the same moment all get two that answer, and none another's."""
    assert len({url for program in programs.values() for url in program.urls}) == 2 * len(programs)
    for database, cache in (program.urls for program in programs.values()):
        assert sql(database, "SELECT 1") == 1
        with client(cache) as connection:
            assert connection.ping()


@pytest.mark.parametrize("how", ENDINGS)
def test_nothing_is_left(how: str, programs: dict[str, Starter]) -> None:
    """Servers, supervisors, folders and shared memory are gone soon after the process that asked for them."""
    program = programs[how]
    assert len(list(program.folder.glob("course-server-*"))) == 2
    assert len(program.started) > 4
    (database,) = (place.parent for place in program.folder.glob("course-server-*/data"))
    mine = shared_memory(database)
    program.process.stdin.write("go on\n")
    program.process.wait(SOON)
    until(program.nothing_left)
    assert not mine & segments()


def segments() -> set[str]:
    """The System V segments of this machine; none where it has no list of them."""
    table = Path("/proc/sysvipc/shm")
    return {line.split()[1] for line in table.read_text().splitlines()[1:]} if table.exists() else set()


def shared_memory(folder: Path) -> set[str]:
    """The one of the PostgreSQL that lives in `folder`."""
    mine = set((folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1:])
    assert mine & segments() or not segments()
    return mine


@posix
def test_what_killed_supervisors_left_is_gone_after_the_next_start(folder: Path) -> None:
    """Kernel and supervisors killed together leave servers; the next start ends these, and spares who lives."""
    with ExitStack() as stack:
        neighbour = stack.enter_context(Starter(folder)).ready()
        theirs = set(folder.glob("course-server-*"))
        program = stack.enter_context(Starter(folder)).ready()
        supervisors = psutil.Process(program.process.pid).children()
        servers = [process for process in program.started if process not in supervisors]
        (mine,) = (place for place in set(folder.glob("course-server-*")) - theirs if (place / "data").exists())
        segment = shared_memory(mine)
        for each in supervisors:
            each.suspend()  # so that none sees the other end, and none the kernel
        for each in (*supervisors, psutil.Process(program.process.pid)):
            each.kill()
        program.process.wait(SOON)
        assert all(map(lives, servers))
        following = stack.enter_context(Starter(folder)).ready()
        until(lambda: not any(map(lives, servers)) and len(list(folder.glob("course-server-*"))) == 4)
        assert not segment & segments()
        assert sql(following.urls[0], "SELECT 1") == sql(neighbour.urls[0], "SELECT 1") == 1
        assert theirs <= set(folder.glob("course-server-*"))


@posix
@pytest.mark.parametrize("after", [0, 2, 3])
def test_a_start_that_is_interrupted_leaves_nothing(folder: Path, after: int) -> None:
    """Interrupting the cell that starts the servers, at whatever moment, ends what it had started."""
    with Starter(folder) as program:
        me = psutil.Process(program.process.pid)
        until(lambda: len(me.children(recursive=True)) >= after)
        started = me.children(recursive=True)
        os.killpg(program.process.pid, signal.SIGINT)
        program.process.stdin.close()
        program.process.wait(SOON)
        until(lambda: not any(map(lives, started)) and not list(folder.glob("course-server-*")))


def test_a_kernel_s_interrupt_spares_its_servers_and_its_end_does_not(folder: Path) -> None:
    """In a real kernel: the servers outlive an interrupt, and neither a restart nor a SIGKILL leaves one."""
    start = (
        f"import json, os, tempfile, time\ntempfile.tempdir = {str(folder)!r}\n"
        "from course_lib.lab import servers\nprint(json.dumps(servers.start_all()))"
    )

    def urls(kernel: kernels.Kernel) -> tuple[str, str]:
        return tuple(json.loads(kernel.printed(start)))

    def started() -> list[psutil.Process]:
        return psutil.Process(kernel.pid).children(recursive=True)

    with kernels.start() as kernel:
        first = urls(kernel)
        assert kernel.interrupt_at("waiting", "print('waiting')\ntime.sleep(60)")[0] == ["KeyboardInterrupt"]
        assert sql(first[0], "SELECT 1") == 1
        assert urls(kernel) == first

        before = started()
        kernel.restart()
        until(lambda: not any(map(lives, before)))
        assert urls(kernel) != first
        assert len(list(folder.glob("course-server-*"))) == 2

        before = started()
        kernel.send(f"os.kill(os.getpid(), {9 if POSIX else 15})")
        until(lambda: not any(map(lives, before)) and not list(folder.glob("course-server-*")))


@posix
def test_a_supervisor_that_is_told_to_end_takes_its_server_along(folder: Path) -> None:
    """SIGTERM to a supervisor, as at a system's shutdown, leaves neither its server nor its folder."""
    with Starter(folder) as program:
        program.ready()
        for supervisor in psutil.Process(program.process.pid).children():
            supervisor.terminate()
        until(program.nothing_left)
