"""The cable between a program and a server: cut, silent, long."""

import asyncio
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from serving import SOON, client, listens, sql, until

from course_lib.lab import servers
from course_lib.lab.proxy import Proxy


@pytest.fixture(scope="module")
def cache() -> Iterator[servers.Server]:
    """A Redis at the far end."""
    with servers.private_redis() as server:
        yield server


@pytest.fixture
def cable(cache: servers.Server) -> Iterator[Proxy]:
    """A whole cable to it."""
    with Proxy(cache.url) as cable:
        yield cable


def test_everything_passes_in_order(cable: Proxy, cache: servers.Server) -> None:
    """By way of the proxy a client sees the same server, large values too, and its URL is still private."""
    value = "0123456789" * 300_000
    with client(cable.url) as far, client(cache.url) as near:
        far.set("a", value)
        assert near.get("a") == value
        assert far.get("a") == value
        assert cable.connections == 1
    until(lambda: cable.connections == 0)
    assert servers.is_private(cable.url)
    assert cable.url != cache.url


def test_postgresql_passes_too() -> None:
    """Any protocol over TCP passes; the end of one side's stream reaches the other."""
    with servers.private_postgres() as server, Proxy(server.url) as cable:
        assert sql(cable.url, "SELECT 6 * 7") == 42


def test_round_trips_are_counted(cable: Proxy) -> None:
    """A question that waits for its answer is a round trip; a hundred that are sent in one go are one together."""
    with client(cable.url) as far:
        far.ping()  # connecting has its own
        before = cable.round_trips
        for _ in range(5):
            far.ping()
        assert cable.round_trips - before == 5
        with far.pipeline(transaction=False) as together:
            for _ in range(100):
                together.ping()
            assert together.execute() == [True] * 100
        assert cable.round_trips - before == 6


def test_what_is_sent_before_an_answer_has_come_is_one_round_trip() -> None:
    """An answer that is still on its way to the client ends no round trip: nobody can have waited for it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Proxy(f"redis://127.0.0.1:{server.getsockname()[1]}") as cable,
        socket.create_connection(("127.0.0.1", _port(cable.url))) as far,
    ):
        near, _ = server.accept()
        with near:
            far.sendall(b"A")
            assert near.recv(1) == b"A"
            for speaker in (near, far):
                cable.cut(silent=True)
                speaker.sendall(b"B")
                for _ in range(20):
                    cable.cut(silent=True)  # each is a turn of the cable's loop, which reads what is there
            cable.restore()
            assert (far.recv(1), near.recv(1)) == (b"B", b"B")
            assert cable.round_trips == 1
            far.sendall(b"C")
            assert near.recv(1) == b"C"
            assert cable.round_trips == 2


def test_a_cut_drops_who_is_connected_and_who_comes(cable: Proxy, cache: servers.Server) -> None:
    """While cut, clients by way of the proxy get errors at once, others notice nothing; restored, all is well."""
    with client(cable.url) as far, client(cache.url) as near:
        far.set("a", 1)
        cable.cut()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                far.get("a")
        assert near.get("a") == "1"
        cable.restore()
        assert far.get("a") == "1"


def test_a_silent_cut_lets_clients_wait_and_what_it_held_back_arrives(cable: Proxy, cache: servers.Server) -> None:
    """While cut silently nobody is told; restored, the command that was under way is done."""
    with client(cache.url) as near, socket.create_connection(("127.0.0.1", _port(cable.url))) as far:
        far.settimeout(0.1)
        cable.cut(silent=True)
        far.sendall(f"AUTH {cache.url[len('redis://:') :].partition('@')[0]}\r\nSET b 2\r\n".encode())
        with pytest.raises(TimeoutError):
            far.recv(1)
        assert near.get("b") is None
        cable.restore()
        until(lambda: near.get("b") == "2")


def test_a_silent_cut_can_become_a_loud_one(cable: Proxy) -> None:
    """A client that waits behind a silent cut gets its error when the cable is cut loudly."""
    with socket.create_connection(("127.0.0.1", _port(cable.url))) as far:
        far.sendall(b"PING\r\n")
        assert _line(far).startswith(b"-NOAUTH")
        cable.cut(silent=True)
        cable.cut()
        far.settimeout(SOON)
        try:
            assert far.recv(1) == b""
        except ConnectionResetError:
            pass


def test_a_delay_is_paid_once_by_what_travels_together(cable: Proxy) -> None:
    """A round trip takes the delay twice; fifty commands sent together take no longer than one, as on a long cable."""
    with client(cable.url) as far:
        far.ping()
        cable.delay = 0.1
        began = time.monotonic()
        far.ping()
        one = time.monotonic() - began
        began = time.monotonic()
        raw = far.connection_pool.get_connection()
        for _ in range(50):
            raw.send_command("PING")
        for _ in range(50):
            assert raw.read_response() == "PONG"
        fifty = time.monotonic() - began
        far.connection_pool.release(raw)
    assert one >= 0.2
    assert fifty < 50 * one / 2


def test_a_server_that_is_away_is_noticed(cable: Proxy, cache: servers.Server) -> None:
    """When the server itself is gone its clients are dropped, and served again once it is back."""
    with client(cable.url) as far:
        far.ping()
        cache.kill()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                far.ping()
        cache.start()
        assert far.ping()


def test_a_closed_proxy_leaves_no_thread_and_no_listener(cache: servers.Server) -> None:
    """After `close` the port is closed, open connections have ended, and a second call does nothing."""
    cable = Proxy(cache.url)
    with socket.create_connection(("127.0.0.1", _port(cable.url))) as far:
        far.sendall(b"PING\r\n")
        assert _line(far)
        assert listens(_port(cable.url))
        cable.close()
        cable.close()
        assert not cable._thread.is_alive()
        assert not listens(_port(cable.url))


@pytest.mark.parametrize("delay", [0.0, 60.0])
def test_a_proxy_ends_without_a_word(delay: float) -> None:
    """Closed while clients are connected, a proxy says nothing: no traceback of a conversation that was cancelled."""
    program = f"""
    import socket
    from course_lib.lab.proxy import Proxy
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Proxy(f"redis://127.0.0.1:{{server.getsockname()[1]}}/0") as cable:
            far = socket.create_connection(("127.0.0.1", int(cable.url.rpartition(":")[2].partition("/")[0])))
            far.sendall(b"PING")
            near, _ = server.accept()
            assert near.recv(1) == b"P"
            cable.delay = {delay}
            far.sendall(b"PING")
    assert not cable._thread.is_alive()
    """
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=3 * SOON,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_it_works_beside_a_running_loop(cable: Proxy) -> None:
    """A test's own loop can cut and restore: neither call waits for that loop."""

    async def main() -> bool:
        import redis.asyncio as client

        async with client.from_url(cable.url, socket_timeout=SOON) as far:
            cable.cut()
            with pytest.raises(redis.ConnectionError):
                await far.ping()
            cable.restore()
            return bool(await far.ping())

    assert asyncio.run(main())


@pytest.mark.parametrize(
    ("target", "delay", "told"),
    [
        ("cache://127.0.0.1/0", 0, "no port, and its scheme has no usual one: give a URL such as"),
        ("redis://127.0.0.1:0", 0, "target names no port: give a URL such as"),
        ("localhost:6379", 0, "target names no host: give a URL such as redis://"),
        (None, 0, "target names no host: give a URL such as redis://"),
        ("redis://127.0.0.1:6379/0", -1, "delay is -1, but a delay is 0 or more seconds"),
        ("redis://127.0.0.1:6379/0", float("nan"), "delay is nan, but"),
        ("redis://127.0.0.1:6379/0", float("inf"), "delay is inf, but"),
        ("redis://127.0.0.1:6379/0", "1", "delay is '1', but"),
    ],
)
def test_what_cannot_be_is_refused(target: str, delay: float, told: str) -> None:
    """A target without host or port, or a delay that is no time, gets a sentence with what is allowed."""
    with pytest.raises(ValueError, match=told):
        Proxy(target, delay=delay)


@pytest.mark.parametrize("delay", [-1, None, float("nan")])
def test_a_delay_that_cannot_be_changes_nothing(cable: Proxy, delay: Any) -> None:
    """What is no time is refused later, too, before it can harm who is connected."""
    with client(cable.url) as far:
        far.ping()
        with pytest.raises(ValueError, match="but a delay is 0 or more seconds: set 0 for none"):
            cable.delay = delay
        assert far.ping()
        assert cable.delay == 0


def test_a_closed_proxy_cannot_be_cut(cache: servers.Server) -> None:
    """What comes too late is told so, and leaves no coroutine behind."""
    cable = Proxy(cache.url)
    cable.close()
    for late in (cable.cut, cable.restore):
        with pytest.raises(RuntimeError, match="closed, and its cable carries nothing any more: make a new one"):
            late()


@pytest.mark.parametrize("target", ["postgresql://learner:word@localhost/course", "redis://localhost"])
def test_a_url_may_leave_its_port_out(target: str) -> None:
    """A class's server may be given without a port, which is then the usual one; the proxy has its own."""
    with Proxy(target) as cable:
        assert cable.url.startswith(target.partition("localhost")[0] + "127.0.0.1:")
        assert cable.url.endswith(target.partition("localhost")[2])


def _line(connection: socket.socket) -> bytes:
    """Read to the end of a line, in however many pieces it comes."""
    with connection.makefile("rb") as pieces:
        return pieces.readline()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])
