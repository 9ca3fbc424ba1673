"""A process of the service ends under load: nobody is left without an answer, and what was accepted is there."""

import asyncio
import os
import subprocess
import sys

import pytest
from database_lab import asynchronous
from service_shutdown import Load, begin, listen, states

from course_lib.lab.servers import has_redis, private_postgres, private_redis
from course_lib.service.shutdown import QUIET, QUIET_AT_MOST, Ending
from course_lib.testing import in_virtual_time

real = pytest.mark.skipif(
    sys.platform == "win32" or not has_redis(), reason="SIGTERM and reuse_port are POSIX's, streams a real Redis'"
)


@pytest.fixture(scope="module")
def variables():
    with private_postgres() as postgres, private_redis() as redis:
        yield {"SERVICE_DATABASE_URL": postgres.url, "SERVICE_REDIS_URL": redis.url}


async def under_load(variables, *, pair: bool) -> Load:
    """Let one process, or one of a pair, end in the middle of a load; return what became of it."""
    first, port = await asyncio.to_thread(listen, variables, 0)
    processes = [first]
    try:
        if pair:
            processes.append((await asyncio.to_thread(listen, variables, port))[0])
        load = Load(port, "http://127.0.0.1:1/")
        running = asyncio.create_task(load.run(40, 5))
        await asyncio.sleep(1)
        first.terminate()
        await running
        assert await asyncio.to_thread(first.wait) == 0
        return load
    finally:
        for process in processes:
            process.terminate()
            await asyncio.to_thread(process.wait)


@real
@asynchronous
async def test_one_of_a_pair_ends_and_nobody_notices(variables):
    """On one port, every POST over new and kept connections gets an answer, and what was accepted is written down."""
    load = await under_load(variables, pair=True)
    assert load.unanswered == []
    assert sum(load.outcomes.values()) == 200
    assert set(load.outcomes) <= {"202", "503"}, "503: a machine so busy that the time was over; ask again"
    assert len(await states(variables["SERVICE_DATABASE_URL"], [*load.accepted.values()])) == len(load.accepted)


@real
@asynchronous
async def test_a_single_process_refuses_and_loses_nothing(variables):
    """When the only process ends, later requests are refused, and all that were accepted are written down."""
    load = await under_load(variables, pair=False)
    assert load.outcomes["refused: nobody listens"]
    assert load.accepted
    assert len(await states(variables["SERVICE_DATABASE_URL"], [*load.accepted.values()])) == len(load.accepted)


@in_virtual_time
async def test_it_waits_until_nothing_is_answered():
    """What is still answered puts the end off, but not for ever."""
    clock = asyncio.get_running_loop().time
    ending, began = Ending(), clock()
    await ending.quiet()
    assert clock() - began == QUIET

    async def answers():
        while True:
            ending._last = clock()
            await asyncio.sleep(QUIET / 2)

    began, busy = clock(), asyncio.create_task(answers())
    await ending.quiet()
    assert clock() - began == QUIET_AT_MOST
    busy.cancel()
    await asyncio.wait([busy])


@real
def test_who_holds_a_process_by_its_standard_input_ends_it_by_letting_go(variables):
    """It ends in order when its standard input does, however its parent ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "course_lib.service", "--worker", "--child"],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--worker"], "set both SERVICE_DATABASE_URL and SERVICE_REDIS_URL"),
        (["--workers", "0"], "pass --workers and --backlog from 1"),
        (["--api", "--worker"], "not allowed with"),
    ],
)
def test_options_without_sense_are_refused(words, hint):
    """The command says what would do, and ends with 2."""
    ended = subprocess.run(
        [sys.executable, "-m", "course_lib.service", *words],
        env={name: value for name, value in os.environ.items() if not name.startswith("SERVICE_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert hint in ended.stderr


@real
def test_a_port_that_is_taken_is_told(variables):
    """A second process without --reuse-port says that the port is taken, and ends with 1."""
    first, port = listen(variables, 0)
    try:
        second = begin(variables, "--api", "--port", str(port))
        assert second.wait(60) == 1
    finally:
        first.terminate()
        first.wait()
