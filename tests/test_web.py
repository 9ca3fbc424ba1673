import asyncio
import http.client
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web
from serving import listens

from course_lib.lab.web import LabServer, start


@pytest.fixture
def server() -> Iterator[LabServer]:
    with LabServer() as server:
        yield server


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do; only a failing test waits long."""
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "this never became true"
        time.sleep(0.001)


def port_of(server: LabServer) -> int:
    return int(server.url.rpartition(":")[2])


def connect(server: LabServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server)))


def ask(server: LabServer, path: str) -> socket.socket:
    """Send a request and read nothing."""
    connection = connect(server)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n".encode())
    return connection


def together(number: int) -> Callable[[web.BaseRequest, str], Any]:
    """A handler that answers when that many requests are waiting in it."""
    barrier = asyncio.Barrier(number)

    async def handler(request: web.BaseRequest, tail: str) -> web.Response:
        await barrier.wait()
        return web.Response(text="all here")

    return handler


# One server for the process


def test_start_returns_the_one_server_from_every_thread() -> None:
    """Threads that start the server at the same moment get the same one, and it answers."""
    with ThreadPoolExecutor(8) as pool:
        servers = set(pool.map(lambda _: start(), range(32)))
    assert servers == {start()}
    assert start().running


def test_start_after_stop_gives_a_server_that_answers(client: requests.Session) -> None:
    """A stopped server is not handed out again."""
    old = start()
    old.stop()
    new = start()
    assert not old.running
    assert new is not old
    assert client.get(f"{new.url}/status/200").text == "200\n"


def test_two_servers_live_side_by_side(server: LabServer, client: requests.Session) -> None:
    """Each server has its own address, counts and /flaky, and outlives the other's stop."""
    with LabServer() as other:
        assert other.url != server.url
        assert [client.get(f"{each.url}/flaky/1?key=a").status_code for each in (server, other)] == [503, 503]
        assert (server.total.requests, other.total.requests) == (1, 1)
    assert client.get(f"{server.url}/flaky/1?key=a").status_code == 200


def test_the_address_is_loopback_without_a_slash_at_the_end(server: LabServer) -> None:
    """A path can be put right behind the URL, and nobody outside this machine can reach it."""
    assert server.url.startswith("http://127.0.0.1:")
    assert not server.url.endswith("/")


# The routes


def test_the_front_page_lists_every_route(server: LabServer, client: requests.Session) -> None:
    """A learner who opens the server's address sees what can be asked for, mounted sites included."""
    server.mount("/site", together(1))
    page = client.get(server.url).text
    listed = [line.split()[0] for line in page.splitlines() if line.startswith("/")]
    routes = "/ /bytes /delay /drip /flaky /hang /redirect /redirect-loop /reset /site /status"
    assert listed == routes.split()


def test_an_unknown_path_is_not_found(server: LabServer, client: requests.Session) -> None:
    """A wrong path gets 404 and is told where to look; a route's name with letters behind it is a wrong path."""
    for path in ("/nothing", "/delayed", "/delay-0.1"):
        response = client.get(server.url + path)
        assert response.status_code == 404
        assert "see /" in response.text


def test_delay_waits_before_it_answers(server: LabServer, client: requests.Session) -> None:
    """/delay answers no sooner than asked."""
    begun = time.monotonic()
    assert client.get(f"{server.url}/delay/0.1").text == "waited 0.1 s\n"
    assert time.monotonic() - begun > 0.05


@pytest.mark.parametrize("code", [200, 204, 299, 304, 404, 418, 500, 599])
def test_status_answers_with_that_status(server: LabServer, client: requests.Session, code: int) -> None:
    """/status gives any final status, and the connection is still good for the next request."""
    assert [client.get(f"{server.url}/status/{code}").status_code for _ in range(2)] == [code, code]
    assert server.connections == 1


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_bytes_has_that_length(server: LabServer, client: requests.Session, size: int) -> None:
    """/bytes sends as many bytes as asked."""
    assert len(client.get(f"{server.url}/bytes/{size}").content) == size


def test_flaky_fails_the_stated_number_of_times_for_each_key(server: LabServer, client: requests.Session) -> None:
    """/flaky counts a key's failures for itself, and starts again after a reset."""

    def statuses(key: str) -> list[int]:
        return [client.get(f"{server.url}/flaky/2?key={key}").status_code for _ in range(4)]

    assert statuses("a") == [503, 503, 200, 200]
    assert statuses("b") == [503, 503, 200, 200]
    server.reset_flaky()
    assert statuses("a") == [503, 503, 200, 200]


@pytest.mark.parametrize("size", [0, 1, 7, 50, 1000])
def test_drip_sends_the_whole_body(server: LabServer, client: requests.Session, size: int) -> None:
    """/drip's pieces add up to the bytes asked for, and the connection is still good for the next request."""
    for _ in range(2):
        assert len(client.get(f"{server.url}/drip?bytes={size}&seconds=0.02").content) == size
    assert server.connections == 1


def test_drip_sends_its_head_first(server: LabServer, client: requests.Session) -> None:
    """/drip's status is there while its body is still on the way."""
    with client.get(f"{server.url}/drip?bytes=20&seconds=60", stream=True) as response:
        assert response.status_code == 200
        assert server.total.in_flight == 1


@pytest.mark.parametrize("path", ["/", "/bytes/10", "/drip?bytes=10&seconds=0", "/status/404", "/flaky/1"])
def test_head_requests_have_no_body(server: LabServer, path: str) -> None:
    """HEAD is answered with the head alone: a body would be taken for the start of the next answer."""
    with connect(server) as connection, connection.makefile("rb") as answer:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    assert body == b""


def test_hang_ends_when_its_client_leaves(server: LabServer, client: requests.Session) -> None:
    """/hang never answers, and its request is over once the client has given up."""
    with ask(server, "/hang") as connection:
        until(lambda: server.total.in_flight == 1)
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    until(lambda: server.total.in_flight == 0 and server.connections == 0)
    assert server.total.requests == 1


def test_reset_resets_the_connection(server: LabServer) -> None:
    """/reset is seen by the client as a reset, not as an end."""
    with ask(server, "/reset") as connection, pytest.raises(ConnectionResetError):
        connection.recv(100)
    until(lambda: server.total.in_flight == 0)


def test_redirect_takes_the_stated_number_of_hops(server: LabServer, client: requests.Session) -> None:
    """/redirect/3 arrives at the front page after three redirects."""
    response = client.get(f"{server.url}/redirect/3")
    assert response.url == f"{server.url}/"
    assert [hop.status_code for hop in response.history] == [302, 302, 302]


def test_a_redirect_loop_never_arrives(server: LabServer, client: requests.Session) -> None:
    """/redirect-loop sends a client round until it gives up."""
    with pytest.raises(requests.TooManyRedirects):
        client.get(f"{server.url}/redirect-loop")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/delay/soon", "seconds must be a number from 0 to 60, not 'soon': see / for an example.\n"),
        ("/delay/-1", "seconds must be a number from 0 to 60, not '-1': see / for an example.\n"),
        ("/delay/nan", "seconds must be a number from 0 to 60, not 'nan': see / for an example.\n"),
        ("/delay/60.1", "seconds must be a number from 0 to 60, not '60.1': see / for an example.\n"),
        ("/delay", "seconds must be a number from 0 to 60, not '': see / for an example.\n"),
        ("/status/199", "code must be a whole number from 200 to 599, not '199': see / for an example.\n"),
        ("/status/600", "code must be a whole number from 200 to 599, not '600': see / for an example.\n"),
        ("/status/20.5", "code must be a whole number from 200 to 599, not '20.5': see / for an example.\n"),
        ("/bytes/50000001", "n must be a whole number from 0 to 50000000, not '50000001': see / for an example.\n"),
        ("/flaky/-1", "times must be a whole number from 0 to 1000, not '-1': see / for an example.\n"),
        ("/drip?bytes=x", "bytes must be a whole number from 0 to 50000000, not 'x': see / for an example.\n"),
        ("/drip?seconds=inf", "seconds must be a number from 0 to 60, not 'inf': see / for an example.\n"),
        ("/redirect/0", "n must be a whole number from 1 to 100, not '0': see / for an example.\n"),
    ],
)
def test_a_number_out_of_bounds_is_refused(
    server: LabServer, client: requests.Session, path: str, sentence: str
) -> None:
    """A wrong number gets 400 and a sentence that names it, what is allowed and where to look."""
    response = client.get(server.url + path)
    assert (response.status_code, response.text) == (400, sentence)


# Counting


def test_a_count_sees_what_arrives_in_its_block(server: LabServer, client: requests.Session) -> None:
    """What arrived before the block, even if still under way, or after it is not counted; the total has it all."""
    with ask(server, "/hang"):
        until(lambda: server.total.in_flight == 1)
        with server.count() as seen:
            for path in ("/status/200?b", "/status/200?a", "/status/200?b"):
                client.get(server.url + path)
        client.get(f"{server.url}/status/201")
    assert (seen.requests, seen.peak, seen.in_flight) == (3, 1, 0)
    assert list(seen.paths.items()) == [("/status/200?b", 2), ("/status/200?a", 1)]
    assert (server.total.requests, server.total.peak) == (5, 2)


def test_a_connection_that_is_used_again_counts_once(server: LabServer, client: requests.Session) -> None:
    """Three requests of one session come on one connection, three single requests on one each."""
    with server.count() as kept:
        for _ in range(3):
            client.get(f"{server.url}/status/200")
    with server.count() as single:
        for _ in range(3):
            ask(server, "/status/200").close()
        until(lambda: single.requests == 3)
    assert (kept.connections, single.connections) == (1, 3)


def test_the_peak_is_the_most_at_once(server: LabServer) -> None:
    """Six requests in groups of three have a peak of three."""
    server.mount("/together", together(3))
    with server.count() as seen:
        for _ in range(2):
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(requests.get, [f"{server.url}/together"] * 3))
    assert (seen.requests, seen.peak, seen.in_flight) == (6, 3, 0)


def test_counts_overlap(server: LabServer, client: requests.Session) -> None:
    """Blocks that overlap without being nested each count their own stretch."""
    first, second = server.count(), server.count()
    one = first.__enter__()
    client.get(server.url)
    two = second.__enter__()
    client.get(server.url)
    first.__exit__(None, None, None)
    client.get(server.url)
    second.__exit__(None, None, None)
    assert (one.requests, two.requests) == (2, 2)


def test_a_long_body_is_in_flight_to_its_last_byte(server: LabServer) -> None:
    """A client that does not read its answer keeps the request in flight, until it leaves."""
    with ask(server, "/bytes/50000000") as connection:
        assert connection.recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK"
        assert server.total.in_flight == 1
    until(lambda: server.total.in_flight == 0)


# Mounting


def test_a_handler_is_mounted_while_the_server_runs(server: LabServer, client: requests.Session) -> None:
    """A mounted handler gets what follows its prefix, its requests are counted, and mounting again replaces it."""

    async def echo(request: web.BaseRequest, tail: str) -> web.Response:
        return web.Response(text=f"{request.method} {tail!r}")

    async def shout(request: web.BaseRequest, tail: str) -> web.Response:
        return web.Response(text=tail.upper())

    url = server.mount("/echo", echo)
    assert url == f"{server.url}/echo/"
    answers = [client.get(server.url + path).text for path in ("/echo", "/echo/", "/echo/a/b%20c/")]
    assert answers == ["GET ''", "GET ''", "GET 'a/b c/'"]
    assert client.get(f"{server.url}/echoes").status_code == 404
    server.mount("/echo/", shout)
    assert client.get(f"{url}abc").text == "ABC"
    assert server.total.requests == 5


def test_the_longest_prefix_gets_the_request(server: LabServer, client: requests.Session) -> None:
    """Of two mounts that fit a path the more exact one answers, whichever came first; so does any but the root's."""

    def says(word: str) -> Callable[[web.BaseRequest, str], Any]:
        async def handler(request: web.BaseRequest, tail: str) -> web.Response:
            return web.Response(text=f"{word} {tail}")

        return handler

    for prefix in ("/a/b", "/a", "/"):
        server.mount(prefix, says(prefix))
    answers = [client.get(server.url + path).text for path in ("/a/b/c", "/a/c", "/c", "/", "/status/200")]
    assert answers == ["/a/b c", "/a c", "/ c", "/ ", "200\n"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {
        "site/index.html": "<h1>front</h1>",
        "site/style.css": "h1 {}",
        "site/app.js": "1",
        "site/notes.txt": "ä",
        "site/deep/index.html": "deep",
        "site/deep/data.json": "{}",
        "site/odd.zzz": "odd",
        "site/empty/.keep": "",
        "site-secret.txt": "secret",
        "secret.txt": "secret",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "site"


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("", "text/html; charset=utf-8", "<h1>front</h1>"),
        ("index.html", "text/html; charset=utf-8", "<h1>front</h1>"),
        ("style.css", "text/css; charset=utf-8", "h1 {}"),
        ("app.js", "text/javascript; charset=utf-8", "1"),
        ("notes.txt", "text/plain; charset=utf-8", "ä"),
        ("deep/", "text/html; charset=utf-8", "deep"),
        ("deep/data.json", "application/json", "{}"),
        ("deep/../style.css", "text/css; charset=utf-8", "h1 {}"),
        ("odd.zzz", "application/octet-stream", "odd"),
    ],
)
def test_a_folder_is_served_with_its_types(
    server: LabServer, client: requests.Session, site: Path, path: str, kind: str, text: str
) -> None:
    """Files come with their types, text in UTF-8, and a folder as its index.html."""
    response = client.get(server.mount("/site", site) + path)
    assert (response.status_code, response.headers["Content-Type"], response.text) == (200, kind, text)


def test_a_folder_without_its_slash_is_redirected(server: LabServer, client: requests.Session, site: Path) -> None:
    """A page's relative links work, for its address ends with a slash."""
    url = server.mount("/site", str(site))
    assert client.get(url.rstrip("/")).url == url
    assert client.get(f"{url}deep").url == f"{url}deep/"


@pytest.mark.parametrize("path", ["nothing.html", "empty/", "style.css/", "a%00b", "deep/nothing/x"])
def test_a_missing_file_is_not_found(server: LabServer, client: requests.Session, site: Path, path: str) -> None:
    """What is no file in the folder gets 404."""
    assert client.get(server.mount("/site", site) + path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "..%5csecret.txt",
        "deep/../../secret.txt",
        "../site-secret.txt",
        "/{root}/secret.txt",
        "link.txt",
        "linked/secret.txt",
        "linked/",
        "linked",
        "empty/",
        "..",
    ],
)
def test_nothing_outside_the_folder_is_served(server: LabServer, site: Path, path: str) -> None:
    """Neither dots nor absolute paths nor links lead out of a mounted folder."""
    try:
        (site / "link.txt").symlink_to(site.parent / "secret.txt")
        (site / "linked").symlink_to(site.parent, target_is_directory=True)
        (site / "empty/index.html").symlink_to(site.parent / "secret.txt")
    except OSError:
        assert sys.platform == "win32"  # there links take a privilege; the other paths are still tried
    server.mount("/site", site)
    # http.client sends a path as it is, where requests would resolve the dots first.
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    connection.request("GET", "/site/" + path.format(root=str(site.parent).lstrip("/")))
    response = connection.getresponse()
    assert response.status == 404
    assert b"secret" not in response.read().replace(b"secret.txt", b"")
    connection.close()


def test_mounting_nonsense_says_what_to_do(server: LabServer, tmp_path: Path) -> None:
    """A prefix without a slash, a file and a missing folder are refused by name."""
    with pytest.raises(ValueError, match=r"prefix is 'site', but a path starts with a slash: write \"/site\""):
        server.mount("site", tmp_path)
    with pytest.raises(NotADirectoryError, match="gone', but there is no such folder: give one or a handler"):
        server.mount("/site", tmp_path / "gone")
    with pytest.raises(NotADirectoryError):
        server.mount("/site", __file__)


def test_a_failing_handler_answers_with_its_traceback(
    server: LabServer, client: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    """A bug in a mounted handler is told to its client, with 500; the server lives on and prints nothing."""

    async def broken(request: web.BaseRequest, tail: str) -> web.Response:
        return web.Response(text=str(1 // 0))

    response = client.get(server.mount("/broken", broken))
    assert response.status_code == 500
    assert "ZeroDivisionError" in response.text
    assert client.get(f"{server.url}/status/200").status_code == 200
    assert capfd.readouterr() == ("", "")


# Stopping, and clients that go away


def test_stop_drops_hanging_clients(server: LabServer) -> None:
    """Clients that wait, do not read, have sent half a request or nothing are all dropped, and the thread ends."""
    paths = ("/hang", "/delay/60", "/drip?bytes=20&seconds=60", "/bytes/50000000")
    clients = [ask(server, path) for path in paths]
    half, idle = connect(server), connect(server)
    half.sendall(b"GET /de")
    until(lambda: server.total.in_flight == 4 and server.connections == 6)
    assert listens(port_of(server))
    server.stop()
    assert not server.running
    assert server.total.in_flight == 0
    for client in (*clients, half, idle):
        client.settimeout(20)
        try:
            while client.recv(1_000_000):
                pass
        except ConnectionError:
            pass
        client.close()
    assert not listens(port_of(server))


def test_stop_twice_is_stop_once(server: LabServer) -> None:
    """A second stop, and a stop from several threads, do nothing."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: server.stop(), range(4)))
    server.stop()
    assert not server.running


@pytest.mark.parametrize(
    "path", ["/drip?bytes=20&seconds=0.2", "/bytes/50000000", "/delay/60", "/status/200", "/reset"]
)
def test_a_client_that_goes_away_leaves_no_trace(
    server: LabServer, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    """A client that leaves before or during its answer leaves no request in flight, no connection and no message."""
    for _ in range(5):
        ask(server, path).close()
    until(lambda: server.total.requests == 5 and server.total.in_flight == 0 and server.connections == 0)
    server.stop()
    assert capfd.readouterr() == ("", "")


def test_a_process_ends_in_silence_with_requests_under_way() -> None:
    """A process that does not stop its server ends all the same, and nothing complains: no task, no socket, no log."""
    script = """
        import asyncio, atexit, socket, time

        # What is registered first runs last: by then the server has been stopped.
        atexit.register(lambda: print("running:", server.running))
        from course_lib.lab.web import LabServer, start

        def ask(path):
            client = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
            client.sendall(f"GET {path} HTTP/1.1\\r\\nHost: lab\\r\\n\\r\\n".encode())
            return client

        async def broken(request, tail):
            raise KeyError(tail)

        async def with_a_pool(request, tail):
            await asyncio.to_thread(time.sleep, 0)
            await asyncio.sleep(60)

        server, private = start(), LabServer()
        server.mount("/broken", broken)
        server.mount("/pool", with_a_pool)
        for path in ("/broken", "/drip?bytes=20&seconds=60", "/bytes/50000000"):
            with ask(path) as client:
                assert client.recv(100)  # and leaves
        while server.total.in_flight:
            time.sleep(0.001)
        paths = ("/pool", "/hang", "/delay/60", "/drip?bytes=20&seconds=60", "/bytes/50000000")
        for path in paths:
            ask(path).detach()  # left open, for the process to end
        while server.total.in_flight < len(paths):
            time.sleep(0.001)
    """
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "running: False\n", "")


def test_a_synchronous_request_from_a_running_loop_is_answered(server: LabServer) -> None:
    """The server answers while the caller's own event loop stands still: it lives in another thread."""

    async def cell() -> str:
        return requests.get(f"{server.url}/status/200", timeout=300).text  # blocks this loop on purpose

    assert asyncio.run(cell()) == "200\n"
    assert server._thread is not threading.current_thread()


def test_it_is_reached_behind_a_proxy():
    """Where the environment names a proxy, a plain requests.get still goes straight to the process's own server."""
    program = """
import requests
from course_lib.lab import web
print(requests.get(web.start().url + "/delay/0", timeout=300).status_code)
"""
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "example.org"}
    environment = {**os.environ, **proxy}
    environment.pop("no_proxy", None)
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "200", run.stderr
