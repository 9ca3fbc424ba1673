"""Processes that do not outlive who started them: begun without a gap for an interrupt, ended with all they started."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# How Popen begins a process that can be ended with its whole group, and that a Ctrl+C for this one does not reach.
OWN_GROUP: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    OWN_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}

ROUNDS = 20  # a process that is being killed may just have started another one
PATIENCE = 2.0  # seconds that are given to a resource tracker


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off an interrupt (Ctrl+C) to the end of the block, where it is raised.

    It may come at the very moment in which a process has been started and nobody knows it yet, who would have to end
    it. Outside the main thread, and where the interrupt is not Python's affair, it cannot come, and nothing is done.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def end_family(pid: int) -> None:
    """Kill what a process has started, and on POSIX its whole group: those, too, whose parent is gone.

    The process itself is left to the caller, and so is what went into a session of its own and lost its parent.
    multiprocessing's resource tracker is not killed: it ends by itself when those are gone whose semaphores it watches,
    and takes these off the system first. Killed with the others, it would leave them there until the next boot.
    """
    import psutil  # type: ignore[import-untyped]  # late: an interpreter of its own need not be able to import it

    for _ in range(ROUNDS):
        members = [member for member in _members(pid) if not _is_tracker(member)]
        if not members:
            break
        for member in members:
            try:
                member.kill()
            except psutil.Error:
                pass  # it has just ended
        psutil.wait_procs(members, timeout=0.1)


def wait_for_trackers(pid: int) -> None:
    """Wait until the resource tracker of a process that has ended has ended too."""
    import psutil

    _, left = psutil.wait_procs(list(_members(pid)), timeout=PATIENCE)
    for tracker in left:
        tracker.kill()


def _members(pid: int) -> Iterator[Any]:
    import psutil

    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        found = []  # it has ended; on Windows its workers notice that
    if sys.platform != "win32":
        found = {*found, *(process for process in psutil.process_iter() if _group(process.pid) == pid)}
    for member in found:
        try:
            if member.pid not in (pid, os.getpid()) and member.status() != psutil.STATUS_ZOMBIE:
                yield member
        except psutil.Error:
            pass


def _group(pid: int) -> int | None:
    if sys.platform == "win32":
        return None
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _is_tracker(process: Any) -> bool:
    import psutil

    try:
        return any("multiprocessing.resource_tracker" in argument for argument in process.cmdline())
    except psutil.Error:
        return False
