"""Processes that do not outlive who started them: begun without a gap for an interrupt, ended with all they started."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
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


class Family:
    """What a process has started, as far as it can be found; the process itself is left to who ends it.

    Found are its children and theirs, and on POSIX its group and its session: those, too, whose parent is gone. Who was
    found once stays known until it ends. So make this before you end the process: what is in a session of its own, and
    then loses its parent, can no longer be found. On Windows that goes for all.

    multiprocessing's resource tracker does not count: it ends by itself when those are gone whose semaphores it
    watches, and takes these off the system first. Killed with the others, it would leave them until the next boot.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: set[Any] = set()  # psutil's, which tell a process from a later one with the same number
        self.look()

    def look(self) -> list[Any]:
        """Return those who live now, as psutil's processes."""
        found = self._known | _members(self._pid, self._known)
        self._known = {each for each in found if each.pid not in (self._pid, os.getpid()) and _lives(each)}
        return [each for each in self._known if not _is_tracker(each)]

    def ask(self) -> None:
        """Send SIGTERM to those who live; on Windows that would be their end."""
        _each(self.look(), "terminate")

    def end(self) -> None:
        """Kill those who live, and what they start meanwhile."""
        import psutil  # type: ignore[import-untyped]  # late: an interpreter of its own need not be able to import it

        for _ in range(ROUNDS):
            if not (members := self.look()):
                break
            _each(members, "kill")
            psutil.wait_procs(members, timeout=0.1)

    def wait_for_trackers(self) -> None:
        """Wait, when all others have ended, until a resource tracker has ended, too."""
        import psutil

        _, left = psutil.wait_procs(list(self._known), timeout=PATIENCE)
        _each(left, "kill")


def end_family(pid: int) -> None:
    """Kill what a process has started; the process itself is left to the caller."""
    Family(pid).end()


def wait_for_trackers(pid: int) -> None:
    """Wait until the resource tracker of a process that has ended has ended too."""
    Family(pid).wait_for_trackers()


def _each(members: list[Any], deed: str) -> None:
    import psutil

    for member in members:
        try:
            getattr(member, deed)()
        except psutil.Error:
            pass  # it has just ended


def _members(pid: int, known: Iterable[Any]) -> set[Any]:
    """Find the family of a process, and of known members of it; some may have ended."""
    import psutil

    numbers = [pid, *(each.pid for each in known)]
    found: set[Any] = set()
    for number in numbers:
        if all(number != each.pid for each in found):  # as a rule all descend from the first: one look at the system
            try:
                found.update(psutil.Process(number).children(recursive=True))
            except psutil.Error:
                pass  # it has ended; on Windows its workers notice that
    if sys.platform != "win32":
        for number in psutil.pids():
            if not _leaders(number).isdisjoint(numbers):
                try:
                    found.add(psutil.Process(number))
                except psutil.Error:
                    pass
    return found


def _leaders(pid: int) -> set[int]:
    """Return the numbers of a process' group and session."""
    if sys.platform == "win32":
        return set()
    try:
        return {os.getpgid(pid), os.getsid(pid)}
    except OSError:
        return set()


def _lives(process: Any) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _is_tracker(process: Any) -> bool:
    import psutil

    try:
        return any("multiprocessing.resource_tracker" in argument for argument in process.cmdline())
    except psutil.Error:
        return False
