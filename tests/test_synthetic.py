import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urljoin, urlsplit

import pytest

from course_lib.lab import synthetic_server
from course_lib.lab.synthetic import SyntheticSite


class Client:
    """One kept connection a host."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack, self.connections = stack, {}

    def get(self, url: str, method: str = "GET") -> tuple[int, str]:
        parts = urlsplit(url)
        if parts.netloc not in self.connections:
            self.connections[parts.netloc] = http.client.HTTPConnection(parts.netloc, timeout=60)
            self.stack.callback(self.connections[parts.netloc].close)
        connection = self.connections[parts.netloc]
        connection.request(method, parts.path)
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.fixture
def client() -> Iterator[Client]:
    with ExitStack() as stack:
        yield Client(stack)


def links(url: str, page: str) -> list[str]:
    return [urljoin(url, link) for link in re.findall(r'href="([^"]+)"', page)]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process is about to do; only a failing test waits long."""
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "this never became true"
        time.sleep(0.005)


@contextmanager
def waiting(*urls: str) -> Iterator[None]:
    """Send requests, each on a connection of its own, and read nothing."""
    with ExitStack() as stack:
        for url in urls:
            parts = urlsplit(url)
            connection = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=60))
            connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: site\r\n\r\n".encode())
        yield


def answers(url: str) -> bool:
    try:
        socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=60).close()
    except OSError:
        return False
    return True


# The graph


@pytest.mark.parametrize("options", [{}, {"links": 1}, {"hosts": 3}, {"failure_rate": 0.3, "failures": None}])
def test_a_walk_along_the_links_finds_what_the_site_says(client: Client, options: dict) -> None:
    """The pages a breadth-first walk finds within each depth are those of reachable(depth)."""
    with SyntheticSite(pages=40, **{"links": 4, "size": 0} | options) as site:
        found = level = {site.url}
        depth = 0
        while level:
            assert found == site.reachable(depth)
            level = {link for url in level for link in links(url, client.get(url)[1])} - found
            found, depth = found | level, depth + 1
        assert found == site.reachable()
        if "failures" not in options:
            assert found == set(site.urls)


def test_a_page_has_its_title_links_and_size(client: Client) -> None:
    """Each page has as many links and bytes as asked for, and says which page it is."""
    with SyntheticSite(pages=30, links=7, size=5000) as site:
        for number, url in enumerate(site.urls):
            status, page = client.get(url)
            assert (status, len(page), len(links(url, page))) == (200, 5000, 7)
            assert f"<title>Page {number}</title>" in page


def test_links_are_never_cut_to_the_size(client: Client) -> None:
    """A page whose links take more than its size is longer, not broken."""
    with SyntheticSite(pages=3, links=50, size=100) as site:
        page = client.get(site.url)[1]
        assert len(page) > 100
        assert len(links(site.url, page)) == 50
        assert page.endswith("</html>\n")


def test_the_seed_decides(client: Client) -> None:
    """The same seed gives the same site at another address, another seed another one."""

    def content(seed: int) -> list[object]:
        with SyntheticSite(pages=50, links=4, failure_rate=0.2, seed=seed) as site:
            return [client.get(url) for url in site.urls] + [
                sorted(site.urls.index(url) for url in what) for what in (site.failing, site.reachable(2))
            ]

    assert content(3) == content(3) != content(4)


def test_twenty_thousand_pages_are_ready_at_once(client: Client) -> None:
    """A large site answers its last page like its first."""
    with SyntheticSite(pages=20_000) as site:
        assert [client.get(url)[0] for url in (site.url, site.urls[-1])] == [200, 200]
        assert len(site.reachable()) == 20_000


# Failures, latency, hosts


def test_a_failing_page_answers_after_its_failures(client: Client) -> None:
    """A share of the pages answers 503 as often as asked, then 200; after reset again; the start page never does."""
    with SyntheticSite(pages=20, failure_rate=0.25, failures=2) as site:
        assert len(site.failing) == 5
        assert site.url not in site.failing
        for _ in range(2):
            for url in site.urls:
                expected = [503, 503, 200] if url in site.failing else [200, 200, 200]
                assert [client.get(url)[0] for _ in range(3)] == expected
            site.reset()


def test_a_page_can_fail_always(client: Client) -> None:
    """With failures=None no number of tries helps, though every page but the first fails."""
    with SyntheticSite(pages=5, links=2, failure_rate=1, failures=None) as site:
        assert [client.get(site.urls[1])[0] for _ in range(5)] == [503] * 5
        assert len(site.failing) == 4
        assert site.reachable() == {site.url, *links(site.url, client.get(site.url)[1])}


def test_the_server_counts_what_is_in_flight() -> None:
    """Requests that wait for their latency are in flight together, on each host and in all."""
    with SyntheticSite(pages=8, hosts=2, latency=60) as site:
        with waiting(*site.urls[:5], site.urls[0]):
            until(lambda: site.seen().in_flight == 6)
            assert (site.seen().requests, site.seen().pages, site.seen().peak) == (6, 5, 6)
            assert (site.seen(0).peak, site.seen(1).peak) == (4, 2)
        site.reset()
        assert (site.seen().requests, site.seen().in_flight, site.seen().peak) == (0, 0, 0)


def test_an_answer_takes_its_latency(client: Client) -> None:
    """No page comes sooner than its latency, and the server's clock says so too."""
    with SyntheticSite(pages=3, latency=0.1) as site:
        begun = time.monotonic()
        assert client.get(site.url)[0] == 200
        assert time.monotonic() - begun > 0.05
        assert site.seen().seconds > 0.05


def test_one_host_can_be_slow(client: Client) -> None:
    """The slow host keeps its own requests waiting and nobody else's."""
    with SyntheticSite(pages=8, hosts=4, slow_host=2, slow_latency=60) as site, waiting(site.urls[2], site.urls[6]):
        until(lambda: site.seen(2).in_flight == 2)
        assert [client.get(site.urls[page])[0] for page in (0, 1, 3)] == [200] * 3
        assert [site.seen(host).in_flight for host in range(4)] == [0, 0, 2, 0]
        assert len(set(site.hosts)) == 4


def test_a_page_is_on_its_own_host_only(client: Client) -> None:
    """Asked of another host, a page is not found and not counted."""
    with SyntheticSite(pages=4, hosts=2) as site:
        assert client.get(f"{site.hosts[0]}/page/1")[0] == 404
        assert client.get(f"{site.hosts[1]}/page/1")[0] == 200
        assert site.seen().requests == 1


def test_where_only_one_address_is_set_up_the_hosts_are_ports_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without 127.0.0.2 the second host is another port of 127.0.0.1."""
    create = socket.create_server

    def only_the_first(address: tuple[str, int]) -> socket.socket:
        if address[0] != "127.0.0.1":
            raise OSError(49, "Can't assign requested address")
        return create(address)

    monkeypatch.setattr(socket, "create_server", only_the_first)
    with synthetic_server._listen(0) as first, synthetic_server._listen(1) as second:
        assert first.getsockname()[0] == second.getsockname()[0] == "127.0.0.1"
        assert first.getsockname() != second.getsockname()


def test_robots_may_come_in_and_wrong_paths_are_not_found(client: Client) -> None:
    """robots.txt forbids nothing, other paths and methods get 404, and none of that is counted as a page."""
    with SyntheticSite(pages=2) as site:
        assert client.get(f"{site.hosts[0]}/robots.txt") == (200, "User-agent: *\nDisallow:\n")
        assert [client.get(site.hosts[0] + path)[0] for path in ("/", "/page/2", "/page/1x")] == [404] * 3
        assert client.get(site.url, "HEAD") == (404, "")
        assert client.get(site.url)[0] == 200  # on a new connection, since the last one was closed
        assert site.seen().requests == 1


def test_a_request_may_come_in_pieces() -> None:
    """A request is answered once, however it is cut on the way, and two in one packet get two answers."""
    with SyntheticSite(pages=2, size=0) as site:
        parts = urlsplit(site.url)
        request = b"GET /page/1 HTTP/1.1\r\nHost: site\r\n\r\n"
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in request:
                connection.sendall(bytes([byte]))
            connection.sendall(request + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            with connection.makefile("rb") as file:
                assert file.read().count(b"HTTP/1.1 200 OK") == 3
        assert site.seen().requests == 3


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"pages": 0}, "pages is 0"),
        ({"links": 0}, "links is 0"),
        ({"failure_rate": 1.5}, "failure_rate is 1.5"),
        ({"latency": float("nan")}, "latency is nan"),
        ({"hosts": 5}, "hosts is 5, but must be from 1 to 4"),
        ({"hosts": 2, "slow_host": 2}, "slow_host is 2, but must be from 0 to 1"),
    ],
)
def test_a_number_that_makes_no_site_is_refused(wrong: dict, name: str) -> None:
    """The error names the parameter, its value and what is allowed."""
    with pytest.raises(ValueError, match=name):
        SyntheticSite(**wrong)


# The process


def test_stop_ends_the_server() -> None:
    """After stop nothing answers, a second stop does nothing, and a question gets a sentence."""
    site = SyntheticSite(pages=2)
    assert answers(site.url)
    site.stop()
    site.stop()
    assert not answers(site.url)
    with pytest.raises(ConnectionError, match="make a new SyntheticSite"):
        site.seen()


@pytest.mark.parametrize("end", ["sys.exit()", "os._exit(1)", "os.kill(os.getpid(), signal.SIGTERM)", "killed"])
def test_the_server_ends_with_its_owner(end: str) -> None:
    """However the owner ends, killed included, the server is gone soon after."""
    program = textwrap.dedent(f"""
        import os, signal, sys
        from course_lib.lab.synthetic import SyntheticSite
        site = SyntheticSite(pages=2)
        print(site.url, flush=True)
        sys.stdin.readline()
        {"" if end == "killed" else end}
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        url = owner.stdout.readline().strip()
        assert answers(url)
        if end == "killed":
            owner.kill()
        else:
            owner.stdin.write("\n")
            owner.stdin.flush()
        owner.wait()
        until(lambda: not answers(url))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only a system with fork can leave the pipe open in a child")
def test_the_server_ends_with_its_owner_though_a_forked_child_lives_on() -> None:
    """A child that the owner forked holds the pipe open, and still the server does not outlive the owner."""
    program = textwrap.dedent("""
        import os, sys
        from course_lib.lab.synthetic import SyntheticSite
        site = SyntheticSite(pages=2)
        if os.fork():
            print(site.url, flush=True)
            sys.stdin.readline()
            os._exit(0)
        sys.stdin.readline()  # the end of this test's `with`
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        url = owner.stdout.readline().strip()
        assert answers(url)
        owner.kill()
        owner.wait()
        until(lambda: not answers(url))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to a process")
def test_an_interrupt_does_not_end_the_server(client: Client) -> None:
    """Ctrl+C in the terminal, or Interrupt in Jupyter, is for the learner's code and not for the server."""
    with SyntheticSite(pages=2) as site:
        assert os.getpgid(site._process.pid) != os.getpgid(0)
        os.kill(site._process.pid, signal.SIGINT)
        assert client.get(site.url)[0] == 200
