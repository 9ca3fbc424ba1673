"""A command, run from a coroutine and bounded in time and memory: `await run_command("git", "log", seconds=10)`.

The promise: when `run_command` returns, raises or is cancelled, at whatever moment, also because `asyncio.run` ends,
the process that it started has ended, and so has all that this has started. None of them is left as a zombie of ours,
no pipe is open, and the loop has not been held up: the work is done in a thread. It takes `seconds`, `grace` and a few
moments, whatever the command does: it may ignore SIGTERM, write without end, or leave behind others that hold its
pipes. Of either pipe the first `keep` bytes are in memory, no more: the rest is read, counted and dropped, so that a
command that talks too much neither stands still nor fills the memory. The first, because what is read by a program is
read from its beginning; where the last ones tell (the error of a long build), pass a `keep` that is large enough.

How it ends a command: SIGTERM for it and all it has started, `grace` seconds for all of them to clean up, then SIGKILL
for who is left. When the command ends by itself, with whatever status, what it has left behind is killed at once, also
a service that it was to start: start that elsewhere. Windows has no SIGTERM; there all are killed at once.

What is not promised: that what went into a session of its own, and lost its parent, is found, unless it was seen
before: looked for is when the time is up, and then each 0.05 s. On Windows, that what a command left behind is found
when it has ended by itself. Anything, if this process itself is killed. That the system ends what is killed: after 10 s
of waiting for that, a TimeoutError says so. Where this process ignores SIGCHLD, nobody can know the exit status, and
asyncio says 255.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE
from typing import Any

from course_lib.family import OWN_GROUP, Family
from course_lib.lifecycle.resources import uninterrupted

KEEP = 1_000_000  # bytes
GRACE = 2.0  # seconds
PATIENCE = 10.0  # seconds in which the system ends what is killed
LOOK = 0.05  # seconds between two looks at the family, while it cleans up
LOOP: Callable[[], asyncio.AbstractEventLoop] = asyncio.SelectorEventLoop
if sys.platform == "win32":
    LOOP = asyncio.ProactorEventLoop  # the one that can start processes there
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
    for arguments without sense; TimeoutError when the system does not end what was killed. An exit status other than 0
    raises nothing: look at it.
    """
    if not command:
        raise ValueError("run_command() has no command: pass the program and its arguments, as 'git', 'log'")
    if not seconds > 0:
        raise ValueError(f"seconds={seconds!r}: a command needs some time, pass more than 0")
    if not grace >= 0:
        raise ValueError(f"grace={grace!r}: pass seconds, 0 to kill it at once")
    if not keep >= 0:
        raise ValueError(f"keep={keep!r}: pass bytes to keep of each pipe, 0 for none")
    stop: Future[None] = Future()
    # On a loop of its own, in a thread of its own. When `asyncio.run` ends, every task of this loop is cancelled, those
    # also in which asyncio starts a process: what had just been started, nobody would know.
    thread = ThreadPoolExecutor(1, "run_command")
    running = asyncio.get_running_loop().run_in_executor(thread, _run_here, command, seconds, keep, grace, stop)
    try:
        await asyncio.wait({running})
        return running.result()
    except asyncio.CancelledError as cancellation:
        stop.cancel()
        return await uninterrupted(running, cancellation)
    finally:
        # Both have been done, save where the loop is gone, and this coroutine is closed: it waits here, then.
        stop.cancel()
        thread.shutdown()
        del running  # it holds the error, whose traceback leads to this frame


def _run_here(
    command: tuple[str | os.PathLike[str], ...], seconds: float, keep: int, grace: float, stop: Future[None]
) -> Finished:
    with asyncio.Runner(loop_factory=LOOP) as runner:
        return runner.run(_run(command, seconds, keep, grace, stop))


async def _run(
    command: tuple[str | os.PathLike[str], ...], seconds: float, keep: int, grace: float, stop: Future[None]
) -> Finished:
    """Run a command to its end, or until its time is up or `stop` is cancelled; nobody cancels this."""
    stopped = asyncio.wrap_future(stop)
    words: tuple[Any, ...] = command
    transport, child = await asyncio.get_running_loop().subprocess_exec(
        lambda: _Child(keep), *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, **OWN_GROUP
    )
    try:
        await asyncio.wait({child.exited, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        in_time = child.exited.done()
        await _end(child, transport.get_pid(), grace)
        await asyncio.wait({child.closed}, timeout=LAST_WORDS)
    finally:
        transport.close()
        stopped.cancel()
    name = repr(os.fspath(command[0]))
    status = transport.get_returncode()
    if status is None:
        raise TimeoutError(
            f"{name} was killed, and had not ended {PATIENCE:g} s later: the system does not let go of it, as in a "
            "read from a disk that does not answer; look for that"
        )
    if not in_time and not stop.cancelled():
        raise CommandTimeout(
            f"{name} had not ended after {seconds:g} s, and was ended with all it had started: pass more seconds, or "
            "look at what it wrote, in the `finished` of this error",
            child.finished(status),
        )
    return child.finished(status)


async def _end(child: "_Child", pid: int, grace: float) -> None:
    """End a process that may have ended by itself, with its family."""
    family = Family(pid)
    if not child.exited.done() and sys.platform != "win32":
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        if grace:
            _kill(child, pid, signal.SIGTERM)
            family.ask()
        # No event tells of the end of another's child.
        while loop.time() < until and (not child.exited.done() or family.look()):  # noqa: ASYNC110
            await asyncio.sleep(LOOK)
    family.look()
    _kill(child, pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    family.end()
    await asyncio.wait({child.exited}, timeout=PATIENCE)
    family.wait_for_trackers()


class _Child(asyncio.SubprocessProtocol):
    """A process as the loop tells of it: it has written, it has ended, its pipes are closed."""

    def __init__(self, keep: int) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._keep = keep
        self._kept = {1: bytearray(), 2: bytearray()}
        self._written = 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self._kept[fd]
        kept += data[: self._keep - len(kept)]
        self._written += len(data)

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)

    def finished(self, status: int) -> Finished:
        out, err = map(bytes, self._kept.values())
        return Finished(status, out, err, self._written - len(out) - len(err))


def _kill(child: _Child, pid: int, number: signal.Signals) -> None:
    if child.exited.done():
        return
    try:
        # Not transport.kill(), which first asks the system whether the process has ended. The answer is given once,
        # and where it is not asyncio that hears it, asyncio takes 255 for the exit status. On Windows, where SIGTERM
        # stands for the end at once, there is no such question.
        os.kill(pid, number)
    except OSError:
        pass  # it has just ended
