"""Other processes, as a supervisor sees them: started out of a signal's reach, read, counted, waited for."""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

import psutil  # type: ignore[import-untyped]


class Output:
    """Reads what a program writes, for as long as it lives: a full pipe would stop it."""

    def __init__(self, process: subprocess.Popen[bytes], marker: str = "") -> None:
        self.process = process
        self.marker = marker
        self.ready = False
        self.event = threading.Event()
        self.lines: deque[str] = deque(maxlen=20)
        assert process.stdout is not None
        self.thread = threading.Thread(target=self.read, args=(process.stdout,), daemon=True)
        self.thread.start()

    def read(self, pipe: IO[bytes]) -> None:
        """Keep the last lines; set `event` at the marker or at the end."""
        for line in pipe:
            text = line.decode(errors="replace").rstrip()
            self.lines.append(text)
            if self.marker and self.marker in text:
                self.ready = True
                self.event.set()
        self.event.set()

    def tail(self) -> str:
        """Return the last lines of a program that has ended."""
        self.thread.join(1)
        return "\n".join(self.lines) or "it wrote nothing"


def apart(user: str | None) -> dict[str, Any]:
    """Return how Popen starts a program that a terminal's signals do not reach, as `user` if one is given."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    import pwd

    who = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": ()} if user else {}
    return {"process_group": 0, **who}


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its children, theirs too; nothing when it is gone."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def ended(process: psutil.Process, timeout: float) -> bool:
    """Wait up to `timeout` seconds for a child of ours and return whether it has ended."""
    try:
        process.wait(timeout)
    except psutil.TimeoutExpired:
        return False
    return True


def lives(process: psutil.Process) -> bool:
    """Return whether a process that need not be our child lives; one that waits to be reaped does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def halt(process: psutil.Process, timeout: float) -> None:
    """Suspend a process that may be gone, and wait until it stands still: a signal takes effect a moment later."""
    attempt(process.suspend)
    give_up = time.monotonic() + timeout
    try:
        while process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE) and time.monotonic() < give_up:
            time.sleep(0.001)
    except psutil.NoSuchProcess:
        pass


def attempt(action: Callable[[], object]) -> None:
    """Do what may come too late."""
    try:
        action()
    except (psutil.Error, OSError):
        pass  # it ended by itself, or there is no such tool
