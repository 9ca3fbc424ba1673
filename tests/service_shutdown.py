"""A service that is shut down under load: python tests/service_shutdown.py [--rate 500] [--seconds 6] [--single]

Two processes of the service's HTTP side listen on one port, or with --single one. Crawls are submitted by POST (which
no client repeats by itself, as aiohttp's does GET) at a fixed rate, whatever the answers: half over connections that
are kept, half over new ones. Midway one process gets SIGTERM. Printed is what became of each request, and how long the
process took to end. Then workers do all that was accepted, and it is counted what was lost.

The exit status is 1 where a request failed (of a pair), or an accepted crawl was lost.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections import Counter

import aiohttp
import asyncpg
from aiohttp import web

from course_lib.lab.servers import private_postgres, private_redis
from course_lib.lab.web import LabServer
from course_lib.service.settings import Settings
from course_lib.service.shutdown import CLOSING, QUIET_AT_MOST

NONE = "1000000"  # refused for want of room: this is about shutdown
LIMIT = CLOSING + QUIET_AT_MOST + Settings.request_timeout + 1.0  # seconds for a process to end


def begin(variables: dict[str, str], *words: str) -> subprocess.Popen:
    """Start one process of the service."""
    return subprocess.Popen(
        [sys.executable, "-m", "course_lib.service", *words],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def listen(variables: dict[str, str], port: int) -> tuple[subprocess.Popen, int]:
    """Start a process of the HTTP side, and wait until it listens; return it and its port."""
    process = begin(variables, "--api", "--port", str(port), "--reuse-port", "--backlog", NONE, "--waiting", NONE)
    address = process.stdout.readline()
    return process, int(address.rpartition(":")[2])


async def page(request: web.BaseRequest, tail: str) -> web.Response:
    """a page without links"""
    return web.Response(text="<title>A page</title>", content_type="text/html")


class Load:
    """Requests at a fixed rate, and what became of each."""

    def __init__(self, port: int, target: str) -> None:
        self.target, self.base = target, f"http://127.0.0.1:{port}"
        self.outcomes: Counter[str] = Counter()
        self.accepted: dict[str, str] = {}  # crawl by key
        self.unanswered: list[str] = []  # keys
        self.late = 0.0

    async def run(self, rate: float, seconds: float) -> None:
        """Send them all, and wait for the last answer."""
        clock = asyncio.get_running_loop().time
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as kept,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as new,
            asyncio.TaskGroup() as group,
        ):
            began = clock()
            for number in range(int(rate * seconds)):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - clock()))
                self.late = max(self.late, clock() - due)
                group.create_task(self.post(new if number % 2 else kept))

    async def post(self, session: aiohttp.ClientSession) -> None:
        """Submit one crawl."""
        key = uuid.uuid4().hex
        question = {"url": f"{self.target}{key}", "depth": 0, "pages": 1, "seconds": 3600}
        try:
            async with session.post(f"{self.base}/crawls", json=question, headers={"Idempotency-Key": key}) as answer:
                if answer.status == 202:
                    self.accepted[key] = (await answer.json())["id"]
                self.outcomes[str(answer.status)] += 1
        except aiohttp.ClientConnectorError:
            self.outcomes["refused: nobody listens"] += 1
        except (aiohttp.ClientError, OSError) as error:
            self.outcomes[type(error).__name__] += 1
            self.unanswered.append(key)


async def drained(url: str, seconds: float) -> Counter[str]:
    """Wait until no crawl is unfinished, or the time is over; return how many are in which state."""
    connection = await asyncpg.connect(url)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await connection.fetchval("SELECT count(*) FROM service_crawls WHERE ended IS NULL"):
                    await asyncio.sleep(0.5)
        return Counter(dict(await connection.fetch("SELECT state, count(*) FROM service_crawls GROUP BY state")))
    finally:
        await connection.close()


async def states(url: str, crawls: list[str]) -> dict[str, str]:
    """Return the state of each of these crawls that there is."""
    connection = await asyncpg.connect(url)
    try:
        return dict(await connection.fetch("SELECT id, state FROM service_crawls WHERE id = ANY($1)", crawls))
    finally:
        await connection.close()


async def main(rate: float, seconds: float, drain: float, *, single: bool) -> int:
    """Do all of it, and print what came of it."""
    with private_postgres() as postgres, private_redis() as redis, LabServer() as lab:
        variables = {"SERVICE_DATABASE_URL": postgres.url, "SERVICE_REDIS_URL": redis.url}
        first, port = await asyncio.to_thread(listen, variables, 0)
        processes = [first]
        try:
            if not single:
                processes.append((await asyncio.to_thread(listen, variables, port))[0])
            load = Load(port, lab.mount("/page", page))
            running = asyncio.create_task(load.run(rate, seconds))
            await asyncio.sleep(seconds / 2)
            told = time.perf_counter()
            first.terminate()
            await asyncio.to_thread(first.wait)
            took = time.perf_counter() - told
            await running
            processes += [begin(variables, "--worker") for _ in range(2)]
            print(f"{sum(load.outcomes.values()):,} POSTs at {rate:g}/s, the last begun {load.late:.2f} s late or less")
            for outcome, count in load.outcomes.most_common():
                print(f"  {count:6,}  {outcome}")
            print(f"the process ended {took:.2f} s after SIGTERM (at most {LIMIT:g} s), status {first.returncode}")
            every = await drained(postgres.url, drain)
            found = await states(postgres.url, [*load.accepted.values()])
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                await asyncio.to_thread(process.wait)
        done = sum(state == "done" for state in found.values())
        lost = len(load.accepted) - done
        print(f"accepted: {len(load.accepted):,}; done by the workers: {done:,}; lost: {lost}")
        print(f"all crawls: {dict(every)}; no answer, so to be asked again: {len(load.unanswered)}")
        failed = 0 if single else sum(load.outcomes.values()) - load.outcomes["202"]
        return int(bool(lost or failed or took > LIMIT or first.returncode))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=6.0, help="of load")
    parser.add_argument("--drain", type=float, default=300.0, help="seconds for the workers to do it all")
    parser.add_argument("--single", action="store_true", help="one process, so that requests are refused")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.rate, given.seconds, given.drain, single=given.single)))
