"""Processes of the service that a notebook holds, and a caller of theirs."""

import asyncio
import sys

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from database_lab import asynchronous
from service_lab import Site, serving, settings

from course_lib.lab.servers import has_redis, private_postgres, private_redis
from course_lib.service import DeadlineExceeded, parts, within
from course_lib.service import client as client_module
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
async def test_who_listens_too_long_to_a_living_process_is_told_so(monkeypatch):
    """What is never said by a process that lives is no wait without end either."""
    monkeypatch.setattr(parts, "PATIENCE", 0.0)
    part = Part("postgresql://127.0.0.1:1/none", "redis://127.0.0.1:1", "--worker")
    with pytest.raises(TimeoutError, match="did not say 'a poem'"):
        await part.hear("a poem")
    part.kill()


@asynchronous
async def test_a_queue_that_was_never_used_has_no_leases():
    """Who misspells the service's name is told so, not what Redis calls it."""
    with private_redis() as redis, pytest.raises(LookupError, match="no queue is named 'servce'"):
        await let_leases_pass(redis.url, "servce")


@asynchronous
async def test_a_reply_says_when_to_ask_again(monkeypatch):
    """Of a refusal, the client knows the status and the seconds; of an acceptance, the id."""
    async with serving(settings(backlog=1)) as (session, _), Client(str(session._base_url).rstrip("/")) as client:
        first = await client.send({"url": "http://127.0.0.1:1/"}, "one")
        assert first == await client.send({"url": "http://127.0.0.1:1/"}, "one")
        assert (first.status, bool(first.id), first.retry_after) == (202, True, None)
        assert await client.send({"url": "http://127.0.0.1:1/"}, "two") == Reply(429, "", 2.0)
        assert await client.ask("/healthz") == (200, {"alive": True})
        assert await client.end("nobody-knows-it") == "lost"
        assert await client.end(first.id, 0) == "lost", "nobody works, and it has not ended"
        with pytest.raises(LookupError, match="unknown"):
            await client.until("nobody-knows-it", state="done")
        monkeypatch.setattr(client_module, "PATIENCE", 0.0)
        with pytest.raises(TimeoutError, match=r"did not come to {'state': 'done'}: it stands at .*accepted"):
            await client.until(first.id, state="done")


@asynchronous
async def test_an_answer_that_is_not_the_services_keeps_its_status():
    """A proxy's page, a broken body or a date in Retry-After: what is known is the status, and a 202 has an id."""
    told, seen = {}, []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Request-Timeout"])
        return web.Response(**told)

    app = web.Application()
    app.router.add_post("/crawls", answer)
    async with TestServer(app) as server, Client(str(server.make_url("")).rstrip("/")) as client:
        for status, body, after in (
            (502, "<p>", "Wed, 21 Oct 2026 07:28:00 GMT"),
            (503, "[1]", "-1"),
            (500, "{", "1e3"),
        ):
            told.update(status=status, text=body, headers={"Retry-After": after})
            assert await client.send({}) == Reply(status, "", None)
        told.update(status=202, text="{}")
        with pytest.raises(ConnectionError, match="202 without an id"):
            await client.send({})
        told.update(status=202, text='{"id": "a"}')
        async with within(30):
            assert await client.send({}) == Reply(202, "a", None)
        async with within(0):
            with pytest.raises(DeadlineExceeded):
                await client.send({})
    assert client.sent == len(seen) == 5, "what was not sent is not counted"
    assert seen[:4] == ["60"] * 4
    assert 0 < float(seen[4]) <= 30, "the seconds that are left travel"


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
