"""The process that serves a synthetic site: raw HTTP/1.1 from pages made beforehand. `SyntheticSite` starts it.

Its first line of input is the plan of the site, each later one a question; each gets one line of JSON for an answer.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from collections import Counter
from dataclasses import asdict
from functools import partial
from time import perf_counter

from course_lib.lab.synthetic import Plan, Seen

_HTML = b"Content-Type: text/html; charset=utf-8\r\n"
_TOP = b'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
_PARAGRAPH = b"<p>A paragraph of <b>plain</b> text, as long as the others, which a parser reads like any text.</p>\n"
_BOTTOM = b"</html>\n"
_ROBOTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\nUser-agent: *\nDisallow:\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\n%sContent-Length: 13\r\n\r\nunavailable\r\n" % _HTML


class _Count:
    """What was seen of one host's pages, or of all."""

    def __init__(self) -> None:
        self.requests = self.in_flight = self.peak = 0
        self.pages: set[int] = set()
        self.first = self.last = 0.0

    def arrived(self, page: int) -> None:
        if not self.requests:
            self.first = self.last = perf_counter()
        self.requests += 1
        self.pages.add(page)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def answered(self) -> None:
        self.in_flight -= 1
        self.last = perf_counter()

    def seen(self) -> Seen:
        return Seen(self.requests, len(self.pages), self.in_flight, self.peak, self.last - self.first)


class _Server:
    """The pages, made before the first request so that an answer costs no more than a look-up, and the counts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        graph, self.failing = plan.graph()
        self.sockets = [_listen(host) for host in range(plan.hosts)]
        self.urls = ["http://{}:{}".format(*listener.getsockname()) for listener in self.sockets]
        self.numbers = {f"/page/{page}".encode(): page for page in range(plan.pages)}
        lists = [self._list(page, links) for page, links in enumerate(graph)]
        # All pages share their end: only what differs is kept for each, so 20,000 pages take 30 MB and not 200.
        width = max(map(len, lists))
        fill = max(0, plan.size - width - len(_TOP) - len(_BOTTOM))
        self.end = (_PARAGRAPH * (fill // len(_PARAGRAPH))).ljust(fill) + _BOTTOM
        head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (_HTML, len(_TOP) + width + len(self.end))
        self.starts = [head + _TOP + each.ljust(width) for each in lists]
        self.reset()

    def reset(self) -> None:
        self.total, self.counts = _Count(), [_Count() for _ in self.urls]
        self.asked: Counter[int] = Counter()

    def answer(self, page: int) -> bytes:
        """Return the next answer for a page: of one that fails, the first ones are failures."""
        if page in self.failing:
            self.asked[page] += 1
            if self.plan.failures is None or self.asked[page] <= self.plan.failures:
                return _UNAVAILABLE
        return self.starts[page] + self.end

    def latency(self, host: int) -> float:
        return self.plan.slow_latency if host == self.plan.slow_host else self.plan.latency

    def _list(self, page: int, links: list[int]) -> bytes:
        hosts = self.plan.hosts
        items = (
            f'<li><a href="{"" if (link - page) % hosts == 0 else self.urls[link % hosts]}/page/{link}">{link}</a></li>'
            for link in links
        )
        return f"<title>Page {page}</title>\n<h1>Page {page}</h1>\n<ul>{''.join(items)}</ul>\n".encode()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as a crawler speaks it: GET, with or without keep-alive."""

    def __init__(self, server: _Server, host: int) -> None:
        self.server, self.host, self.latency = server, host, server.latency(host)
        self.rest = b""
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self.rest = (self.rest + data).split(b"\r\n\r\n")
        for request in requests:
            self.asked(request)
        if len(self.rest) > 65_536:
            self.transport.abort()  # no request is that long

    def asked(self, request: bytes) -> None:
        method, _, after = request.partition(b" ")
        path = after.partition(b" ")[0]
        page = self.server.numbers.get(path)
        last = method != b"GET" or b"connection: close" in request.lower()
        if method != b"GET" or page is None or page % len(self.server.urls) != self.host:
            self.send(_ROBOTS if path == b"/robots.txt" else _NOT_FOUND, last)
            return
        counts = self.server.total, self.server.counts[self.host]
        for count in counts:
            count.arrived(page)
        # The counts travel with the request: after a reset it is still the old ones that it leaves.
        if self.latency:
            self.loop.call_later(self.latency, self.finish, page, counts, last)
        else:
            self.finish(page, counts, last)

    def finish(self, page: int, counts: tuple[_Count, ...], last: bool) -> None:
        for count in counts:
            count.answered()
        self.send(self.server.answer(page), last)

    def send(self, answer: bytes, last: bool) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if last else answer)
            if last:
                self.transport.close()


def _listen(host: int) -> socket.socket:
    try:
        return socket.create_server((f"127.0.0.{host + 1}", 0))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


async def _serve() -> None:
    owner = os.getppid()  # before anything is answered: the owner waits for that, so it is still this one
    loop = asyncio.get_running_loop()
    server = _Server(Plan(**json.loads(sys.stdin.readline())))
    for host, listener in enumerate(server.sockets):
        await loop.create_server(partial(_Connection, server, host), sock=listener, backlog=2048)
    print(json.dumps(server.urls), flush=True)

    def reply(question: str) -> None:
        if question == "reset":
            server.reset()
        print(json.dumps([asdict(count.seen()) for count in (server.total, *server.counts)]), flush=True)

    def listen() -> None:
        for question in sys.stdin:
            loop.call_soon_threadsafe(reply, question.strip())
        os._exit(0)  # the owner has stopped the site or is gone; from here, whatever the loop is doing

    # A thread, for Windows has no way to wait for a pipe on the loop.
    threading.Thread(target=listen, daemon=True).start()
    # A process that the owner forked can hold the pipe open longer than the owner lives; its death tells nobody.
    while os.getppid() == owner:  # noqa: ASYNC110
        await asyncio.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve(), debug=False)
