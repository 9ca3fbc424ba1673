"""A hostile web server, in a thread of its own: what a crawler meets on the open web, and must survive.

`hostile_answers.py` has the answers, by name; a server of this kind gives all of them.

    with HostileServer() as server:
        await AsyncWebCrawler().crawl_recursive(f"{server.url}/gzip-bomb")
        await AsyncWebCrawler().crawl_recursive(server.url)  # links to every answer
"""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from course_lib.lab.hostile_answers import ANSWERS, Answer, Client, head, page

_CERTIFICATE = Path(__file__).with_name("hostile_test_certificate.pem")
_NOT_FOUND = head("404 Not Found", Content_Length=0)


class HostileServer:
    """A server on 127.0.0.1 and a free port that answers `/NAME` with the answer of that name; a context manager.

    robots: the name of the answer that robots.txt gets; None for an empty one
    extra: more pages, as HTML, by name

    url: where it is, without a slash at the end; its start page links to every answer
    tls_url: the same by https, with a certificate that no client shall trust
    asked: how often each path was asked for; only the server's thread writes it
    Raises ValueError for an answer that there is not, OSError when no socket can be had.
    """

    def __init__(self, *, robots: str | None = None, extra: Mapping[str, bytes] | None = None) -> None:
        if robots is not None and robots not in ANSWERS:
            raise ValueError(f"robots is {robots!r}, but there is no such answer: give one of {', '.join(ANSWERS)}")
        links = "".join(f'<li><a href="/{name}">{name}</a>\n' for name in ANSWERS)
        self._answers: dict[str, Answer] = {name: page(body) for name, body in (extra or {}).items()}
        self._answers |= {**ANSWERS, "": page(f"<title>Hostile</title><ul>\n{links}</ul>\n".encode())}
        self._answers["robots.txt"] = page(b"", "text/plain") if robots is None else ANSWERS[robots]
        self.asked: Counter[str] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="hostile server", daemon=True)
        self._thread.start()
        ready.result()

    def stop(self) -> None:
        """Drop every connection and end the thread; a second call does nothing."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready), debug=False)
        except OSError as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_ignore_the_usual)
        self._stopping = asyncio.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_CERTIFICATE)
        plain = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        secure = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context)
        self.url, self.tls_url = (
            f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for scheme, server in (("http", plain), ("https", secure))
        )
        ready.set_result(None)
        await self._stopping.wait()
        for _ in range(10):  # turns for a connection that is being accepted: asyncio loses it when the server is closed
            await asyncio.sleep(0)
        plain.close()
        secure.close()
        for writer in self._writers:
            writer.transport.abort()  # close() would first send what a stalled client does not read
        # asyncio.run now cancels the conversations that are left, and its last turns of the loop close the sockets.

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        self._writers.add(writer)
        try:
            while client.keep:
                request = await reader.readuntil(b"\r\n\r\n")
                await self._answer(client, request.split(b" ", 2)[1].decode("ascii", "replace"))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass  # the client is gone, or speaks no HTTP
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, client: Client, path: str) -> None:
        self.asked[path] += 1
        name, _, tail = path[1:].partition("/")
        answer = self._answers.get(name, _NOT_FOUND)
        if isinstance(answer, bytes):
            client.keep = False
            await client.send(answer)
        else:
            await answer(client, tail)


def _ignore_the_usual(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # CancelledError: Python 3.11 asks a conversation that was cancelled, at the end, what went wrong with it.
    if not isinstance(context.get("exception"), OSError | asyncio.CancelledError):
        loop.default_exception_handler(context)
