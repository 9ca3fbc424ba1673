"""What the tests of the servers share: questions to a server, and a program that starts both and lives until told."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import redis

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no shell scripts and no signals")

SOON = 60.0
"""Seconds until a wait is given up: the guard of a hang, not a race."""


def until(condition: Callable[[], bool], seconds: float = SOON) -> None:
    """Wait for what another process is about to do; only a failing test waits long."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "this never became true"
        time.sleep(0.005)


def sql(url: str, *statements: str | Callable[[], object]) -> Any:
    """Run statements (and functions, between them) on one connection; return the first value of the last answer."""

    async def main() -> Any:
        connection = await asyncpg.connect(url, timeout=SOON)
        try:
            for statement in statements:
                value = await connection.fetchval(statement) if isinstance(statement, str) else statement()
        finally:
            await connection.close(timeout=SOON)
        return value

    return asyncio.run(main())


@contextmanager
def client(url: str) -> Iterator[redis.Redis]:
    """A synchronous client that does not try again."""
    with redis.Redis.from_url(url, socket_timeout=SOON, retry=None, decode_responses=True) as connection:
        yield connection


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that everybody may enter, as the server's user must: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="course-test-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def lives(process: psutil.Process | int) -> bool:
    """Whether a process, or the one with this pid, lives; one that waits to be reaped does not."""
    try:
        process = psutil.Process(process) if isinstance(process, int) else process
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def listens(port: int) -> bool:
    """Whether this process listens on a port; a client that knocked could meet whoever was given the port meanwhile."""
    connections = psutil.Process().net_connections("tcp")
    return any(each.laddr.port == port and each.status == psutil.CONN_LISTEN for each in connections)


STARTS_BOTH = """
import json, os, signal, sys, time
from course_lib.lab import servers
print(json.dumps(servers.start_all()), flush=True)
"""


class Starter:
    """A program that starts both servers in `folder` and then does what `more` says; urls: of PostgreSQL and Redis."""

    def __init__(self, folder: Path, more: str = "sys.stdin.read()", prefix: tuple[str, ...] = (), **env: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", STARTS_BOTH + textwrap.dedent(more)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | {"TMPDIR": str(folder)} | env,
            start_new_session=True,  # a terminal's interrupt goes to its group, and so can the test's
        )

    def ready(self) -> "Starter":
        """Wait until both are ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.urls: tuple[str, str] = tuple(json.loads(line))
        self.started = psutil.Process(self.process.pid).children(recursive=True)
        return self

    def nothing_left(self) -> bool:
        """Whether everything that it started is gone, folders too."""
        return not any(map(lives, self.started)) and not list(self.folder.glob("course-server-*"))

    def __enter__(self) -> "Starter":
        return self

    def __exit__(self, *_: object) -> None:
        if os.name != "nt":
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # what it forked too
        self.process.kill()
        self.process.wait(SOON)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()
