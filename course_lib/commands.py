"""A command, run from a coroutine and bounded in time and memory: `await run_command("git", "log", seconds=10)`.

The promise: when `run_command` returns, raises or is cancelled, at whatever moment, the process that it started has
ended, and so has all that this has started. None of them is left as a zombie of ours, no pipe is open, and nothing has
held up the loop but the start itself, for some milliseconds. It takes `seconds`, `grace` and a few moments, whatever
the command does: it may ignore SIGTERM, write without end, or leave behind others that hold its pipes. Of either pipe
the first `keep` bytes are in memory, no more: the rest is read, counted and dropped, so that a command that talks too
much neither stands still nor fills the memory.

How it ends a command: SIGTERM, `grace` seconds to clean up, then SIGKILL for it and its whole family. Windows has no
SIGTERM; there it is killed at once.

What is not promised: that what went into a session of its own, and lost its parent, is found; on Windows, that what a
command left behind is found when it has ended by itself; anything, if this process itself is killed. Where this process
ignores SIGCHLD, nobody can know the exit status, and asyncio says 255.
"""

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE
from typing import Any

from course_lib.family import OWN_GROUP, end_family
from course_lib.lifecycle import finish

KEEP = 1_000_000  # bytes
GRACE = 2.0  # seconds
PATIENCE = 10.0  # seconds in which the system ends what is killed
LAST_WORDS = 1.0  # seconds for pipes to close when all that could be found has ended


@dataclass(frozen=True)
class Finished:
    """What a command wrote, and how it ended.

    Attributes:
        status: its exit status; on POSIX, minus the number of the signal that ended it.
        out: the beginning of what it wrote to its standard output, `keep` bytes at most.
        err: the same of its standard error.
        left_out: how many bytes it wrote besides these.
    """

    status: int
    out: bytes
    err: bytes
    left_out: int


class CommandTimeout(TimeoutError):
    """A command's time was up, and it was ended; `finished` is what it had written until then."""

    def __init__(self, sentence: str, finished: Finished) -> None:
        super().__init__(sentence)
        self.finished = finished


async def run_command(
    *command: str | os.PathLike[str], seconds: float, keep: int = KEEP, grace: float = GRACE
) -> Finished:
    """Run a command, with nothing to read, until it ends or its time is up; this module's docstring has the promise.

    Args:
        command: the program and its arguments; no shell sees them.
        seconds: for the command, more than 0.
        keep: bytes that are kept of each pipe, from 0.
        grace: seconds between the request to end and the end, from 0; a cancelled call grants them, too.

    Raises CommandTimeout, which is a TimeoutError, when its time is up; OSError where it cannot be started; ValueError
    for arguments without sense. An exit status other than 0 raises nothing: look at it.
    """
    if not command:
        raise ValueError("run_command() has no command: pass the program and its arguments, as 'git', 'log'")
    if not seconds > 0:
        raise ValueError(f"seconds={seconds!r}: a command needs some time, pass more than 0")
    if not grace >= 0:
        raise ValueError(f"grace={grace!r}: pass seconds, 0 to kill it at once")
    if not keep >= 0:
        raise ValueError(f"keep={keep!r}: pass bytes to keep of each pipe, 0 for none")
    # A task of its own: a start that is cancelled half-way would leave a process that nobody knows.
    starting = asyncio.create_task(_start(command, keep), name="start a command")
    cancellation = None
    in_time = False
    try:
        child = await asyncio.shield(starting)
        async with asyncio.timeout(seconds):
            await child.exited.wait()
        in_time = True
    except asyncio.CancelledError as error:
        cancellation = error
    except TimeoutError:
        if starting.exception():
            raise  # the system's: it could not be started
    try:
        child = await finish(_end(starting, grace), grace + PATIENCE, cancellation)
    finally:
        del cancellation  # its traceback leads to this frame
    if not in_time:
        raise CommandTimeout(
            f"{os.fspath(command[0])!r} had not ended after {seconds:g} s, and was ended with all it had started: pass "
            "more seconds, or look at what it wrote, in the `finished` of this error",
            child.finished(),
        )
    return child.finished()


class _Child(asyncio.SubprocessProtocol):
    """A process as the loop tells of it: it has written, it has ended, its pipes are closed."""

    transport: asyncio.SubprocessTransport

    def __init__(self, keep: int) -> None:
        self.exited, self.closed = asyncio.Event(), asyncio.Event()
        self._keep = keep
        self._kept = {1: bytearray(), 2: bytearray()}
        self._written = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # the loop gives a SubprocessTransport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self._kept[fd]
        kept += data[: self._keep - len(kept)]
        self._written += len(data)

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()

    def finished(self) -> Finished:
        out, err = map(bytes, self._kept.values())
        status = self.transport.get_returncode()
        assert status is not None
        return Finished(status, out, err, self._written - len(out) - len(err))


async def _start(command: tuple[Any, ...], keep: int) -> _Child:
    _, child = await asyncio.get_running_loop().subprocess_exec(
        lambda: _Child(keep), *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, **OWN_GROUP
    )
    return child


async def _end(starting: asyncio.Task[_Child], grace: float) -> _Child:
    """End a process that may not have been started yet, with its family, and wait until its pipes are closed."""
    child = await starting
    try:
        if not child.exited.is_set() and grace and sys.platform != "win32":
            _kill(child, signal.SIGTERM)
            await _at_most(grace, child.exited)
        with ThreadPoolExecutor(1) as thread:  # of our own: the loop's may all be taken
            in_thread = asyncio.get_running_loop().run_in_executor
            if sys.platform == "win32":
                await in_thread(thread, end_family, child.transport.get_pid())  # first: the dead have none there
                _kill(child, signal.SIGTERM)
            else:
                _kill(child, signal.SIGKILL)
                await in_thread(thread, end_family, child.transport.get_pid())
        await child.exited.wait()
        await _at_most(LAST_WORDS, child.closed)
    finally:
        child.transport.close()
    return child


def _kill(child: _Child, number: signal.Signals) -> None:
    if child.exited.is_set():
        return
    try:
        # Not transport.kill(), which first asks the system whether the process has ended. The answer is given once,
        # and where it is not asyncio that hears it, asyncio takes 255 for the exit status. On Windows, where SIGTERM
        # stands for the end at once, there is no such question.
        os.kill(child.transport.get_pid(), number)
    except OSError:
        pass  # it has just ended


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
