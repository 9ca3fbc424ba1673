"""Processes of the service that a notebook holds, and a caller of theirs."""

import asyncio
import sys

import pytest
from database_lab import asynchronous
from service_lab import Site, serving, settings

from course_lib.lab.servers import has_redis, private_postgres, private_redis
from course_lib.service.client import Client, Reply
from course_lib.service.parts import Part, let_leases_pass

pytestmark = pytest.mark.skipif(sys.platform == "win32" or not has_redis(), reason="streams are a real Redis'")


@asynchronous
async def test_parts_are_started_heard_killed_and_ended():
    """A worker that was killed has its crawl begun anew by another one, and both ends say how they ended."""
    site = Site()
    site.closed.add("1")
    with private_postgres() as postgres, private_redis() as redis:
        api, killed = (Part(postgres.url, redis.url, word) for word in ("--api", "--worker"))
        async with Client(await api.hear("http://")) as client:
            reply = await client.send({"url": f"{site.url}0", "depth": 1}, "a key", request="followed")
            assert reply.status == 400, "a key has no spaces"
            reply = await client.send({"url": f"{site.url}0", "depth": 1}, "a-key", request="followed")
            await client.until(reply.id, state="running", pages=1)
            killed.kill()
            await let_leases_pass(redis.url)
            site.closed.clear()
            other = Part(postgres.url, redis.url, "--worker")
            assert (await client.until(reply.id, state="done"))["starts"] == 2
            assert "begun, start 2 of 3" in await other.hear("request=followed")
        assert [await other.end(), await api.end(), await api.end()] == [0, 0, 0]
    site.server.stop()


@asynchronous
async def test_who_listens_for_what_is_never_said_is_told_so():
    """A process that ends without the words is no wait without end: the error has its last line."""
    part = Part("postgresql://127.0.0.1:1/none", "redis://127.0.0.1:1", "--no-such-option")
    with pytest.raises(EOFError, match=r"did not say 'http://'.*--no-such-option"):
        await part.hear("http://")
    assert await part.end() == 2


@asynchronous
async def test_a_reply_says_when_to_ask_again():
    """Of a refusal, the client knows the status and the seconds; of an acceptance, the id."""
    async with serving(settings(backlog=1)) as (session, _), Client(str(session._base_url).rstrip("/")) as client:
        first = await client.send({"url": "http://127.0.0.1:1/"}, "one")
        assert first == await client.send({"url": "http://127.0.0.1:1/"}, "one")
        assert (first.status, bool(first.id), first.retry_after) == (202, True, None)
        assert await client.send({"url": "http://127.0.0.1:1/"}, "two") == Reply(429, "", 2.0)
        assert await client.ask("/healthz") == (200, {"alive": True})


@asynchronous
async def test_no_answer_is_a_connection_error():
    """Where nobody listens, or the connection breaks before the answer, the caller gets one kind of error."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Client(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ConnectionError, match="ask again, with its key"):
            await client.send({"url": "http://127.0.0.1:1/"})
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionError, match="ask again, with its key"):
            await client.send({"url": "http://127.0.0.1:1/"})
