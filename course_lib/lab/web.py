"""A web server for the lessons: real HTTP, no network, in a thread of its own.

The thread is the point. A notebook cell that makes a synchronous request blocks the kernel's event loop; a server
living on that same loop could then never answer, and the cell would wait for ever.

    server = start()                                  # the one server of this process
    with server.count() as seen:
        results = await async_fetch_multiple([f"{server.url}/delay/0.1"] * 5)
    print(seen.requests, seen.peak)                   # 5 5: all were in flight together
"""

import asyncio
import atexit
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from course_lib.lab.routes import Flaky, Handler, built_in, folder

_silent = logging.getLogger(__name__)
_silent.disabled = True  # aiohttp would tell of every client that goes away, and lessons send clients away all the time


@dataclass(eq=False, slots=True)
class Count:
    """What the server saw of the requests it counts; only the server's thread writes it.

    requests: how many arrived
    in_flight: how many of these are not finished now
    peak: the most that were in flight at once
    paths: how often each path, with its query, was asked for; in order of first arrival
    connections: how many connections were opened; fewer than requests where clients use theirs again
    """

    requests: int = 0
    in_flight: int = 0
    peak: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    connections: int = 0

    def _arrived(self, path: str) -> None:
        self.requests += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.paths[path] += 1


class LabServer:
    """A web server on 127.0.0.1 and a free port, answering as soon as it is made; `GET /` lists its routes.

    Lessons share one, see `start`; a private one is a context manager. It ends with `stop` or with the process.

    url: where it is, without a slash at the end
    total: the `Count` of all its requests
    Raises OSError when no socket can be had.
    """

    def __init__(self) -> None:
        self.total = Count()
        self._counts = [self.total]
        self._mounts: dict[str, Handler] = {}
        for prefix, handler in {**built_in(), "/": self._index}.items():
            self._mount(prefix, handler)
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="lab web server", daemon=True)
        self._thread.start()
        ready.result()
        # The process cuts a daemon thread off wherever it stands; stopping it first closes sockets and tasks in order.
        atexit.register(self.stop)

    @property
    def running(self) -> bool:
        """Whether it answers: not after `stop`, nor in a forked child, which inherits no threads."""
        return self._thread.is_alive()

    @property
    def connections(self) -> int:
        """How many connections clients hold open now, idle ones included."""
        return len(self._server.connections)

    def stop(self) -> None:
        """Drop every connection, hanging requests included, and end the thread; a second call does nothing."""
        if self.running:
            with suppress(RuntimeError):  # another thread was quicker, and the loop is closed already
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=5)  # bounded: a mounted handler can block the loop, and the thread is a daemon
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def count(self) -> Iterator[Count]:
        """Count the requests that arrive during the block; any number of blocks may be open at once, in any thread."""
        count = Count()
        self._counts.append(count)
        try:
            yield count
        finally:
            self._counts.remove(count)

    def mount(self, prefix: str, what: Handler | Path | str) -> str:
        """Serve a folder or a handler under a path and return its URL; mounting there again replaces it.

        prefix: where, such as "/site"; of several that fit a request's path the longest gets it
        what: a folder of files, or `async (request, tail) -> aiohttp.web.Response`; `tail` is the path after the prefix
        Raises ValueError when the prefix does not start with a slash, NotADirectoryError when there is no such folder.
        """
        if not prefix.startswith("/"):
            raise ValueError(f'prefix is {prefix!r}, but a path starts with a slash: write "/{prefix}"')
        if not callable(what):
            if not Path(what).is_dir():
                raise NotADirectoryError(f"what is {str(what)!r}, but there is no such folder: give one or a handler")
            what = folder(Path(what))
        self._mount(prefix, what)
        return f"{self.url}{prefix.rstrip('/')}/"

    def reset_flaky(self) -> None:
        """Make every key of /flaky fail again from the start."""
        self._mount("/flaky", Flaky())

    def _mount(self, prefix: str, handler: Handler) -> None:
        mounts = self._mounts | {prefix.rstrip("/"): handler}
        # Longest first. A new dict takes the old one's place: the server's thread never sees one that is half changed.
        self._mounts = {known: mounts[known] for known in sorted(mounts, key=len, reverse=True)}

    def _run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready), debug=False)  # PYTHONASYNCIODEBUG is meant for the learner's loop
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            # At exit Python 3.12 starts no threads, not even the one by which asyncio ends the pool of to_thread.
            elif not self._stopping.is_set():
                raise

    async def _serve(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_ignore_lost_clients)
        self._stopping = asyncio.Event()
        # aiohttp's low-level server: an Application's routes are frozen when it runs, and lessons mount sites later.
        # Cancelling a handler when its client has left ends /hang; `debug` puts a handler's traceback in the answer.
        self._server = web.Server(self._handle, handler_cancellation=True, access_log=None, logger=_silent, debug=True)
        # The backlog holds a thousand clients that connect at once; with a short one some of them wait a second.
        listener = await self._loop.create_server(self._connected, "127.0.0.1", 0, backlog=2048)
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        ready.set_result(None)
        await self._stopping.wait()
        for _ in range(10):  # turns for a connection that is being accepted: asyncio loses it when the server is closed
            await asyncio.sleep(0)
        listener.close()
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()  # close() would first send what a stalled client does not read
        # asyncio.run now cancels the handlers that are left, and its last turns of the loop close the aborted sockets.

    def _connected(self) -> asyncio.BaseProtocol:
        for count in list(self._counts):
            count.connections += 1
        return self._server()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        counts = list(self._counts)
        for count in counts:
            count._arrived(request.path_qs)
        try:
            prefix = next((known for known in self._mounts if f"{request.path}/".startswith(f"{known}/")), "")
            response = await self._mounts[prefix](request, request.path[len(prefix) + 1 :])
            # Sent here, where aiohttp would do it after the return: a long body is in flight until its last byte.
            await response.prepare(request)
            await response.write_eof()
            return response
        finally:
            for count in counts:
                count.in_flight -= 1

    async def _index(self, request: web.BaseRequest, tail: str) -> web.Response:
        """this page"""
        if request.path != "/":
            raise web.HTTPNotFound(text=f"There is nothing at {request.path}: see / for what there is.\n")
        page = "The lab's web server.\n\n"
        for prefix, handler in sorted(self._mounts.items()):
            about = (handler.__doc__ or "").partition("\n")[0]
            page += f"{prefix or '/':<16} {about}\n"
        return web.Response(text=page)


def _ignore_lost_clients(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


_lock = threading.Lock()
_server: LabServer | None = None


def start() -> LabServer:
    """Return the one server of this process, starting it at the first call, after a `stop`, and in a forked child.

    This machine's own addresses are added to NO_PROXY, for behind a proxy `requests.get` would ask it for them.
    Raises OSError when no socket can be had.
    """
    global _server
    with _lock:
        for name in ("NO_PROXY", "no_proxy"):  # of the two, which one counts depends on the system and the client
            hosts = os.environ.get(name, "")
            if "127.0.0.1" not in hosts:
                os.environ[name] = ",".join([hosts, "127.0.0.1", "localhost"] if hosts else ["127.0.0.1", "localhost"])
        if _server is None or not _server.running:
            _server = LabServer()
        return _server


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # another thread may have held the old one at the moment of the fork


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_lock)
