"""Processes of the service in somebody's hands: each started, listened to, told to end, or killed, one by one.

`processes.py` keeps the service's processes alive; this is for who wants to see what happens when they are not.
"""

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any

from redis.exceptions import ResponseError

from course_lib.jobs import JobQueue
from course_lib.jobs.scripts import GROUP
from course_lib.service.settings import LEASE, Settings

EVERY = 0.02  # seconds between two looks at what a process has printed
PATIENCE = 60.0  # seconds for a line: a process starts in one, and in some ten on a busy machine


class Part:
    """One process of the service, begun at once; it ends at the latest with the process that made it.

    `lines` is what it has printed so far: its log, and the address of the HTTP side.

    Args:
        database_url, redis_url: where the servers are.
        words: what `python -m course_lib.service` is told, such as "--api" or "--worker".

    Raises OSError where no process can be had, TypeError for URLs that are no text.
    """

    def __init__(self, database_url: str, redis_url: str, *words: str) -> None:
        urls = {"SERVICE_DATABASE_URL": database_url, "SERVICE_REDIS_URL": redis_url}
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.service", *words, "--child"],  # which ends with its standard input
            env={**os.environ, **urls},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        # Always, or it would stand still as soon as the pipe is full.
        self._reader = threading.Thread(target=self._read, name=f"hears {' '.join(words)}", daemon=True)
        self._reader.start()

    async def hear(self, words: str) -> str:
        """Wait for a line with these words, and return the first one, also if it was printed before.

        Raises EOFError, with the last line, when the process has ended without one, and TimeoutError, with it, after
        `PATIENCE` seconds.
        """
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            ended = not self._reader.is_alive()
            for line in list(self.lines):
                if words in line:
                    return line
            last = self.lines[-1] if self.lines else "none"
            if ended:
                raise EOFError(f"the process has ended, and did not say {words!r}: see its `lines`; the last: {last}")
            if asyncio.get_running_loop().time() >= end:
                raise TimeoutError(f"for {PATIENCE:g} s it did not say {words!r}: see its `lines`; the last: {last}")
            await asyncio.sleep(EVERY)

    async def end(self) -> int:
        """Tell it to end, as SIGTERM does, and wait until it has; return its exit status. A second call is the same."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while True:
            if self._process.poll() is not None:
                return self._gone()
            await asyncio.sleep(EVERY)

    def kill(self) -> None:
        """End it on the spot, as SIGKILL does: no `finally` of its runs. Returns when it has ended."""
        self._process.kill()
        self._gone()

    def _gone(self) -> int:
        status = self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        return status

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))


async def let_leases_pass(redis_url: str, name: str = Settings.name) -> None:
    """Make Redis believe that the leases of all jobs in hand are over, as they are some seconds after a kill.

    Raises LookupError where nothing was ever enqueued under that name.
    """
    async with JobQueue(redis_url, name) as queue:
        try:
            pending: Any = await queue.redis.xpending_range(queue.stream, GROUP, "-", "+", 1000)
        except ResponseError as error:
            raise LookupError(f"no queue is named {name!r:.60}: pass the service's name, or enqueue first") from error
        for each in pending:
            owner, entries, idle = each["consumer"], [each["message_id"]], int(LEASE * 1000)
            await queue.redis.xclaim(queue.stream, GROUP, owner, 0, entries, idle=idle, justid=True)  # no delivery
