"""What the service promises when a worker, Redis or PostgreSQL fails under load."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest
from database_lab import asynchronous
from service_lab import Site, ended, serving, settings, working
from service_shutdown import begin, states

from course_lib.lab.servers import has_redis, private_postgres, private_redis
from course_lib.service.processes import run_all

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not has_redis(), reason="SIGKILL is POSIX's, streams a real Redis'"
)


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.server.stop()


@asynccontextmanager
async def servers(*, persistent: bool = False):
    """Give a PostgreSQL and a Redis of the test's own."""
    postgres, redis = await asyncio.gather(
        asyncio.to_thread(private_postgres), asyncio.to_thread(lambda: private_redis(persistent=persistent))
    )
    with postgres, redis:
        yield postgres, redis


async def insist(client: aiohttp.ClientSession, url: str, key: str) -> str:
    """Submit a crawl as a caller should: with a key, and again until it is accepted."""
    while True:
        try:
            question = {"url": url, "depth": 1, "seconds": 600}
            async with client.post("/crawls", json=question, headers={"Idempotency-Key": key}) as answer:
                if answer.status == 202:
                    return str((await answer.json())["id"])
                assert answer.status in (429, 503), await answer.text()
                assert answer.headers["Retry-After"]
        except (aiohttp.ClientError, ConnectionError):
            pass
        await asyncio.sleep(0.1)


async def all_done(client: aiohttp.ClientSession, url: str, crawls: list[str]) -> None:
    """Wait until each of these crawls is done with its two pages, and see that there is one for each key."""
    assert len(set(crawls)) == len(crawls)
    while set((found := await states(url, crawls)).values()) != {"done"}:
        assert "failed" not in found.values()
        await asyncio.sleep(0.05)
    assert len(found) == len(crawls)
    for crawl in crawls:
        assert (await ended(client, crawl))["pages"] == 2


@asynchronous
async def test_a_killed_worker_takes_no_crawl_with_it(site):
    """Worker processes are killed in the middle of crawls; others begin these anew, and each is done."""
    async with servers() as (postgres, redis):
        variables = {"SERVICE_DATABASE_URL": postgres.url, "SERVICE_REDIS_URL": redis.url}
        given = settings(database_url=postgres.url, redis_url=redis.url)
        variables["SERVICE_NAME"] = given.name
        async with serving(given) as (client, _):
            site.closed.add("1")
            worker = begin(variables, "--worker")
            try:
                crawls = [await insist(client, f"{site.url}0", str(number)) for number in range(8)]
                while "running" not in (await states(postgres.url, crawls)).values():
                    await asyncio.sleep(0.02)
            finally:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
            site.closed.clear()
            async with working(given):
                await all_done(client, postgres.url, crawls)
            assert max([(await ended(client, crawl))["starts"] for crawl in crawls]) == 2


@asynchronous
async def test_redis_restarts_empty_under_load(site):
    """Redis is killed, and comes back having lost all; what was accepted before, meanwhile and after is done."""
    async with servers() as (postgres, redis):
        given = settings(database_url=postgres.url, redis_url=redis.url)
        async with serving(given) as (client, _), working(given):
            crawls = [await insist(client, f"{site.url}0", f"before-{number}") for number in range(10)]
            await asyncio.to_thread(redis.kill)
            crawls += [await insist(client, f"{site.url}0", f"meanwhile-{number}") for number in range(10)]
            await asyncio.to_thread(redis.start)
            crawls += [await insist(client, f"{site.url}0", f"after-{number}") for number in range(10)]
            await all_done(client, postgres.url, crawls)


@asynchronous
async def test_postgresql_restarts_under_load(site):
    """While PostgreSQL is away callers are told to ask again; what was accepted is done, and once."""
    async with servers() as (postgres, redis):
        given = settings(database_url=postgres.url, redis_url=redis.url)
        async with serving(given) as (client, _), working(given):
            crawls = [await insist(client, f"{site.url}0", f"before-{number}") for number in range(10)]
            asking = [
                asyncio.create_task(insist(client, f"{site.url}0", f"meanwhile-{number}")) for number in range(10)
            ]
            await asyncio.to_thread(postgres.kill)
            async with client.post("/crawls", json={"url": site.url}) as answer:
                assert (answer.status, bool(answer.headers["Retry-After"])) == (503, True)
            async with client.get("/readyz") as answer:
                assert (answer.status, (await answer.json())["postgres"]) == (503, False)
            await asyncio.to_thread(postgres.start)
            crawls += await asyncio.gather(*asking)
            await all_done(client, postgres.url, crawls)


@asynchronous
async def test_what_is_killed_is_started_again_and_all_ends_together(site):
    """A worker that is killed is replaced; when the service is told to end, none of its processes is left."""
    import psutil

    async with servers() as (postgres, redis):
        variables = {**os.environ, "SERVICE_DATABASE_URL": postgres.url, "SERVICE_REDIS_URL": redis.url}
        stopping, before = asyncio.Event(), set(psutil.Process().children())
        task = asyncio.create_task(run_all(variables, stopping, port=0, workers=1))

        def workers() -> list[psutil.Process]:
            found = []
            for child in psutil.Process().children():
                try:
                    if child not in before and "--worker" in child.cmdline():
                        found.append(child)
                except psutil.Error:
                    pass  # it has just ended
            return found

        while not workers():
            await asyncio.sleep(0.02)
        (first,) = workers()
        first.kill()
        while not workers() or first in workers():
            await asyncio.sleep(0.02)
        stopping.set()
        await task
        assert set(psutil.Process().children()) <= before


@asynchronous
async def test_a_worker_needs_the_two_urls_alone(site, tmp_path):
    """Started in another folder, with an environment that has nothing but the URLs, a worker does what was accepted."""
    async with servers() as (postgres, redis):
        given = settings(database_url=postgres.url, redis_url=redis.url)
        alone = {"SERVICE_DATABASE_URL": postgres.url, "SERVICE_REDIS_URL": redis.url, "SERVICE_NAME": given.name}
        async with serving(given) as (client, _):
            crawl = await insist(client, f"{site.url}0", "k")
            worker = subprocess.Popen(
                [sys.executable, "-m", "course_lib.service", "--worker"],
                cwd=tmp_path,
                env=alone,
                stderr=subprocess.DEVNULL,
            )
            try:
                await all_done(client, postgres.url, [crawl])
            finally:
                worker.terminate()
                worker.wait()
        connection = await asyncpg.connect(postgres.url)
        assert await connection.fetchval("SELECT count(*) FROM service_crawls") == 1
        await connection.close()
