"""The whole service on one machine: a process for the API and some for workers, begun, watched and ended together."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE
from typing import Any

from course_lib.lifecycle import finish
from course_lib.tasks import TaskManager

END_WITHIN = 20.0  # seconds, after which a process that was told to end is killed
AGAIN = 0.5  # seconds before one that was killed is started again
APART: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}  # Ctrl+C reaches us alone


class ProcessFailed(Exception):
    """A process of the service ended by itself, with an error that it has printed."""


async def run_all(variables: Mapping[str, str], stopping: asyncio.Event, *, port: int, workers: int) -> None:
    """Run the API and workers until `stopping` is set, then end them in order; one that is killed is started again.

    Args:
        variables: their environment, with the two URLs.
        stopping: when it is set, all are told to end.
        port: for the API, 0 for any free one.
        workers: how many.

    Raises ProcessFailed when one ends by itself, having ended the others.
    """
    roles = [["--api", "--port", str(port or _free_port())], *([["--worker"]] * workers)]
    failures: list[ProcessFailed] = []

    def fail(task: asyncio.Task[Any], error: BaseException) -> None:
        stopping.set()
        if not isinstance(error, ProcessFailed):
            raise error
        failures.append(error)

    async with TaskManager(on_failure=fail) as tasks:
        for role in roles:
            tasks.add_task(_keep(role, variables, stopping), name=role[0][2:])
    if failures:
        raise failures[0]


async def _keep(role: list[str], variables: Mapping[str, str], stopping: asyncio.Event) -> None:
    """Have one process run until `stopping` is set."""
    while not stopping.is_set():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "course_lib.service",
            *role,
            "--child",
            stdin=PIPE,
            env={**variables, "PYTHONPATH": _path(variables)},
            **APART,
        )
        ended, told = asyncio.create_task(process.wait()), asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([ended, told], return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            await finish(_end(process, ended), END_WITHIN + 5)
        if stopping.is_set():
            return
        status = ended.result()
        if status >= 0:
            raise ProcessFailed(f"the process {role[0]} ended by itself, with status {status}: see what it printed")
        print(f"the process {role[0]} was killed by signal {-status}: it is started again", file=sys.stderr, flush=True)
        await asyncio.sleep(AGAIN)


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    assert process.stdin is not None
    process.stdin.close()  # which tells it
    await asyncio.wait([ended], timeout=END_WITHIN)
    if not ended.done():
        process.kill()
        await ended


def _path(variables: Mapping[str, str]) -> str:
    """Return a PYTHONPATH by which the processes find what we are, whatever folder they are in."""
    return os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), variables.get("PYTHONPATH", "")]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
