"""A child process with a deadline, and none of it left afterwards: the parent's side.

The child is Python again, running `course_lib.comparison.child`. What it shall do arrives on its stdin, pickled by
cloudpickle, so that a function written in a notebook comes along on every system; what it finds comes back on its
stdout; what the code itself prints goes to its stderr, and is kept apart. stdin stays open: when it closes, this
process is gone, and the child ends itself.
"""

import asyncio
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any

import cloudpickle  # type: ignore[import-untyped]

from course_lib.family import OWN_GROUP, Family, wait_for_trackers
from course_lib.lifecycle.resources import uninterrupted

OUTPUT = 10_000  # bytes that are kept of what the child prints
LENGTH = struct.Struct("!Q")  # before each message: how many bytes it has
ROOT = Path(__file__).parents[2]  # the folder that holds course_lib

Send = Callable[[Any], None]


@dataclass(frozen=True)
class End:
    """How a child ended.

    messages: what it sent
    output: the beginning of what the code printed
    said: how it ended, in words, empty when it came to its end
    error: "BrokenProcessPool: ..." if the work itself raised
    """

    messages: list[Any]
    output: str
    said: str
    error: str = ""


@dataclass(frozen=True)
class Failed:
    """A child's message that its work raised."""

    error: str


@dataclass(frozen=True)
class Finished:
    """A child's last message: its work came to its end."""


async def run_async(
    work: Callable[..., None], args: tuple[Any, ...], *, deadline: float, environment: Mapping[str, str] | None = None
) -> End:
    """Call `work(send, *args)` in a child process, without holding up the loop; a cancellation ends the child first.

    work, args: what to call, anything that cloudpickle can carry
    deadline: seconds after which the child is ended, with every process it has started
    environment: variables for the child, on top of this process's own
    Raises TypeError when cloudpickle cannot carry it.
    """
    child = Child(work, args, deadline, environment or {})
    waiting = asyncio.get_running_loop().run_in_executor(None, child.run)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError as cancellation:
        child.stop()
        # Only when the thread has seen the end of it is nothing left; then the cancellation goes on.
        return await uninterrupted(waiting, cancellation)
    finally:
        del waiting  # it holds the error, whose traceback leads to this frame


def run(
    work: Callable[..., None], args: tuple[Any, ...], *, deadline: float, environment: Mapping[str, str] | None = None
) -> End:
    """Do the same in a program without a loop, and wait for it."""
    return Child(work, args, deadline, environment or {}).run()


class Child:
    """One child process; `run` starts it and sees it to its end, `stop` ends it from another thread."""

    def __init__(
        self, work: Callable[..., None], args: tuple[Any, ...], deadline: float, environment: Mapping[str, str]
    ) -> None:
        self._work = packed((work, args))
        self._deadline = deadline
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self._environment = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **environment}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = self._late = False

    def run(self) -> End:
        """Start the child, wait until it has ended, and leave nothing of it."""
        # For the sockets of multiprocessing: who is killed cannot remove the folder that they are in.
        with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as folder:
            return self._run(folder)

    def _run(self, folder: str) -> End:
        with self._lock:
            if self._stopped:
                return End([], "", "it was stopped before it began")
            self._process = process = _start(self._environment)
        assert process.stdin and process.stdout and process.stderr
        messages: list[Any] = []
        output = bytearray()
        readers = [
            threading.Thread(target=_read_messages, args=(process.stdout, messages), daemon=True),
            threading.Thread(target=_read_output, args=(process.stderr, output), daemon=True),
        ]
        timer = Timer(self._deadline, self._time_is_up)
        timer.daemon = True
        try:
            for thread in (*readers, timer):
                thread.start()
            with suppress(OSError):  # it has ended already: what became of it is seen below
                process.stdin.write(_orders(self._work, folder))
                process.stdin.flush()
            code = process.wait()
        finally:
            timer.cancel()
            _kill(process)  # whatever the child started and left, and on Ctrl-C the child too
            process.wait()
            wait_for_trackers(process.pid)
            with suppress(OSError):
                process.stdin.close()
            for reader, pipe in zip(readers, (process.stdout, process.stderr), strict=True):
                reader.join(timeout=1)  # bounded: a process that went into a session of its own may hold the pipe
                if not reader.is_alive():
                    pipe.close()
        failures = [message.error for message in messages if isinstance(message, Failed)]
        finished = any(isinstance(message, Finished) for message in messages)
        found = [message for message in messages if not isinstance(message, Failed | Finished)]
        return End(found, bytes(output).decode(errors="replace"), self._said(code, finished), *failures)

    def stop(self) -> None:
        """End the child and every process it has started; `run` then returns."""
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.returncode is None:
                _kill(self._process)

    def _time_is_up(self) -> None:
        self._late = True
        self.stop()

    def _said(self, code: int, finished: bool) -> str:
        if self._late:
            return f"it had not ended after {self._deadline:g} s, and was ended with all it had started"
        if self._stopped:
            return "it was stopped"
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        if finished:
            return ""
        if code == 0 and sys.platform != "win32" and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            # Then the system throws away how a child ended, and Popen says 0 for it.
            return "its process ended before its work; how cannot be told, since this program ignores SIGCHLD"
        return f"its process ended itself with exit code {code}"


def packed(value: Any, what: str = "this workload", mend: str = "make it inside the function") -> bytes:
    """Pickle a value, with the functions and classes in it that only this process knows.

    what, mend: for the error: what the value is, and what to do instead
    Raises TypeError, with what to do, for what cannot be pickled.
    """
    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:
        raise TypeError(
            f"{what} cannot be sent to another process ({type(error).__name__}: {error}): a lock, an open file, "
            f"a connection or a session stays where it was made; {mend}"
        ) from error


def _orders(work: bytes, folder: str) -> bytes:
    # In two layers: the inner one can be read only where the modules it names are found.
    orders = pickle.dumps((sys.path, folder, work))
    return LENGTH.pack(len(orders)) + orders


def _start(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "course_lib.comparison.child"]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(environment), **OWN_GROUP)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a child with all it has started, whether or not it has ended itself."""
    # The child first, so that it starts nothing more, but after a look at its family: the dead have none on Windows,
    # and elsewhere none in a session of its own.
    family = Family(process.pid)
    with suppress(OSError):
        process.kill()
    family.end()


def _read_messages(pipe: IO[bytes], messages: list[Any]) -> None:
    while len(head := pipe.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if len(body := pipe.read(length)) < length:
            return  # it was killed as it wrote
        messages.append(pickle.loads(body))


def _read_output(pipe: IO[bytes], output: bytearray) -> None:
    while piece := pipe.read1(65536):  # type: ignore[attr-defined]  # which a pipe's reader has and IO lacks
        output.extend(piece[: OUTPUT - len(output)])
