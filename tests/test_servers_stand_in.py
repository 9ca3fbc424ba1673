"""The stand-in for Redis, where there is none: it says what it is, and the lessons run on it."""

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
import redis
from database_lab import asynchronous, fresh_table, make_pool
from serving import SOON, client, lives, until

from course_lib.cli import doctor
from course_lib.lab.servers import Server, ServerError, finding, has_redis, private_redis


@pytest.fixture(scope="module", autouse=True)
def no_redis() -> Iterator[None]:
    """A machine without Redis."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_REDIS_URL", raising=False)
        patch.setattr(finding, "_redis_candidates", lambda: iter(()))
        finding.redis_program.cache_clear()
        yield
    finding.redis_program.cache_clear()


@pytest.fixture
def server() -> Iterator[Server]:
    """A stand-in that keeps its values."""
    with private_redis(persistent=True) as server:
        yield server


def test_it_says_that_it_is_no_real_redis_and_how_to_get_one(server: Server) -> None:
    """`doctor`, the server itself and INFO name it for what it is; doctor says what to do for a real one."""
    told = doctor.redis()
    assert not has_redis()
    assert told.startswith("a stand-in for Redis, not a real one, from the course, was ready in")
    assert "The lessons run on it, save 9b and 13b" in told
    assert "put it on PATH" in told
    assert "set COURSE_REDIS_URL" in told
    assert server.version == "a stand-in for Redis, not a real one"
    with client(server.url) as connection:
        assert connection.info("server")["server_name"] == "the course's stand-in: not a real Redis"


@pytest.mark.parametrize("protocol", [2, 3])
def test_strings_are_as_in_redis(server: Server, protocol: int) -> None:
    """What is stored is found, counted and forgotten; NX and XX look first; what is not there is None."""
    url = f"{server.url}?protocol={protocol}"
    with redis.Redis.from_url(url, socket_timeout=SOON, retry=None) as connection:
        assert connection.get("a") is None
        assert connection.set("a", b"\r\n\0", xx=True) is None
        assert connection.set("a", b"\r\n\0", nx=True) is True
        assert connection.set("a", "other", nx=True) is None
        assert connection.mget("a", "b") == [b"\r\n\0", None]
        assert connection.pipeline(transaction=False).set("b:1", 1).get("b:1").execute() == [True, b"1"]
        assert (connection.keys("[^a]:?"), list(connection.scan_iter("a*"))) == ([b"b:1"], [b"a"])
        assert (connection.pttl("a"), connection.pttl("none")) == (-1, -2)
        assert connection.delete("a", "b:1", "none") == 2
        assert connection.keys() == []


def test_what_has_expired_is_gone(server: Server) -> None:
    """A value lives as long as it was told to; a length that is no number is refused."""
    with client(server.url) as connection:
        connection.set("a", 1, px=100_000)
        assert 0 < connection.pttl("a") <= 100_000
        connection.set("a", 1, px=1)
        until(lambda: connection.get("a") is None)
        assert connection.delete("a") == 0
        for wrong in (0, "x"):
            with pytest.raises(redis.ResponseError, match="not an integer or out of range"):
                connection.execute_command("SET", "a", 1, "EX", wrong)


@pytest.mark.parametrize("login", ["", ":wrong@"])
@pytest.mark.parametrize("protocol", [2, 3])
def test_nobody_gets_in_without_the_password(server: Server, login: str, protocol: int) -> None:
    """Without the password nothing is read, in either protocol."""
    url = f"redis://{login}127.0.0.1:{server.port}/0?protocol={protocol}"
    with redis.Redis.from_url(url, retry=None) as connection, pytest.raises(redis.AuthenticationError):
        connection.get("a")


def test_what_it_has_not_it_says_and_goes_on(server: Server) -> None:
    """An unknown command, one too short or an option that it lacks is an error, and the connection stays."""
    with client(server.url) as connection:
        raw = connection.connection_pool.get_connection()
        for words, told in (
            (["LPUSH", "a", "1"], "unknown command 'lpush'.*not a real Redis.*doctor says how to get one"),
            (["GET"], "wrong number of arguments for 'get'"),
            (["SET", "a", "1", "KEEPTTL"], "syntax error"),
            (["CONFIG", "SET", "maxclients", "1"], "can set maxmemory"),
        ):
            raw.send_command(*words)
            with pytest.raises(redis.ResponseError, match=told):
                raw.read_response()
        raw.send_command("PING")
        assert raw.read_response() == "PONG"


def test_commands_may_come_in_pieces_and_nonsense_ends_the_connection(server: Server) -> None:
    """A command whose bytes arrive one by one is carried out; who speaks another language is sent away."""
    password = server.url.partition("@")[0].rpartition(":")[2]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(SOON)
        for byte in f"AUTH {password}\r\n*1\r\n$4\r\nPING\r\n*x\r\n".encode():
            connection.sendall(bytes([byte]))
        told = b"".join(iter(lambda: connection.recv(100), b""))
        assert told == b"+OK\r\n+PONG\r\n-ERR Protocol error\r\n"


def test_its_values_survive_a_crash_when_it_was_made_persistent(server: Server) -> None:
    """After a kill the same values are there, save what came after `appendonly no`; the run id is new."""
    with client(server.url) as connection:
        connection.set("a", 1)
        before = connection.info()["run_id"]
        connection.config_set("appendonly", "no")
        connection.set("b", 1)
        server.kill()
        server.start()
        assert connection.mget("a", "b") == ["1", None]
        assert connection.info()["run_id"] != before
    with private_redis() as other, client(other.url) as connection:
        connection.set("a", 1)
        other.stop()
        other.start()
        assert connection.get("a") is None


def test_a_full_one_refuses_values_and_still_forgets(server: Server) -> None:
    """Beyond maxmemory SET is refused, DEL is not."""
    with client(server.url) as connection:
        connection.set("a", 1)
        connection.config_set("maxmemory", 1)
        assert connection.config_get("maxmemory") == {"maxmemory": "1"}
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            connection.set("a", 2)
        assert connection.delete("a") == 1


def test_a_port_that_was_taken_is_named(server: Server) -> None:
    """`start` after `stop` names the port when another program has it."""
    server.stop()
    with (
        socket.create_server(("127.0.0.1", server.port)),
        pytest.raises(ServerError, match=f"port {server.port} is in use"),
    ):
        server.start()


def test_it_ends_with_the_process_that_asked_for_it() -> None:
    """However that ends, it is gone soon after."""
    program = """
    import os
    from course_lib.lab.servers import finding, private_redis
    finding._redis_candidates = lambda: iter(())
    server = private_redis()
    print(server.version, server.pid, sep=": ", flush=True)
    os._exit(3)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=3 * SOON,
        env=os.environ,
        check=False,
    )
    version, _, pid = ran.stdout.partition(": ")
    assert version.startswith("a stand-in")
    until(lambda: not lives(int(pid)))


@asynchronous
async def test_the_pool_of_the_lessons_caches_in_it(server: Server) -> None:
    """Hits, invalidation, a kill and a restart: as with a real Redis."""
    async with make_pool(redis_url=server.url) as pool:
        await fresh_table(pool)
        await pool.execute_query("INSERT INTO things VALUES (1, 'old')")
        for hits in (0, 1):
            assert await pool.execute_query("SELECT word FROM things") == [{"word": "old"}]
            assert pool.stats["cache_hits"] == hits
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await pool.execute_query("UPDATE things SET word = 'new'")
        while pool.stats["cache_hits"] == 1:
            assert await pool.execute_query("SELECT word FROM things") == [{"word": "new"}]
        assert pool.stats["lease_waits"] == 0
