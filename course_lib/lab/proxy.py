"""A TCP proxy: a cable between a program and a server that can be cut, pulled out and made long, and that counts.

with Proxy(redis_url) as cable:
    client = redis.asyncio.from_url(cable.url)    # the same URL, by way of the proxy
    cable.cut()                                   # this client has lost the server; others have not
    cable.restore()
"""

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65_536
PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379}  # of a URL that names none


class _Talk:
    """Who spoke last on one connection."""

    def __init__(self) -> None:
        self.asked = False  # by the client, and no answer has reached it yet

    def answer(self) -> None:
        self.asked = False


class Proxy:
    """Passes on what comes to a free port of 127.0.0.1 to the server at `target`, in a thread of its own.

    target: the server's URL, such as that of `redis()` or `postgres()`
    delay: seconds that everything takes on its way, in each direction; may be changed at any time
    url: `target` by way of this proxy
    round_trips: how often a client began to speak, at first or after something had reached it. All that it sends
        before is one with it; a large request is more, where the server answers before it has all
    Raises ValueError when `target` names no host, or no port and none is usual, or delay is no number of seconds;
    OSError when no socket can be had.
    """

    def __init__(self, target: str, *, delay: float = 0.0) -> None:
        parts = urlsplit(target if isinstance(target, str) else "")
        port = PORTS.get(parts.scheme) if parts.port is None else parts.port
        if not parts.hostname or not port:
            lacks = "port, and its scheme has no usual one" if parts.hostname and parts.port is None else "port"
            lacks = lacks if parts.hostname else "host"
            # A URL may hold a password, which no error repeats.
            raise ValueError(f"target names no {lacks}: give a URL such as redis://127.0.0.1:6379/0")
        self.delay = delay
        self.round_trips = 0
        self._target = (parts.hostname, port)
        self._cut = False
        self._connections: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="proxy", daemon=True)
        self._thread.start()
        login = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{login}{'@' if login else ''}127.0.0.1:{ready.result()}"))

    @property
    def delay(self) -> float:
        """How many seconds everything takes on its way; what is set counts for what comes from then on."""
        return self._delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"delay is {seconds!r}, but a delay is 0 or more seconds: set 0 for none")
        self._delay = seconds

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._connections) // 2

    def cut(self, *, silent: bool = False) -> None:
        """Cut the cable until `restore`; both raise RuntimeError once the proxy is closed.

        silent: False drops every connection, and each new one as soon as it is made, so that a client gets an error at
            once; True passes nothing on and says nothing, so that a client waits, as behind a dead switch
        """
        self._call(self._do_cut, silent)

    def restore(self) -> None:
        """Undo `cut`: new connections reach the server, and what a silent cut held back arrives."""
        self._call(self._do_restore)

    def close(self) -> None:
        """Drop every connection and end the thread; a second call does nothing."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Run a function in the proxy's thread and wait: after `cut` nothing more comes through."""
        if not self._thread.is_alive():
            raise RuntimeError("this proxy is closed, and its cable carries nothing any more: make a new one")

        async def call() -> None:
            function(*arguments)

        asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def _do_cut(self, silent: bool) -> None:
        self._cut = not silent
        if silent:
            self._flowing.clear()
            return
        for writer in self._connections:
            writer.transport.abort()  # close() would first send what is under way
        self._flowing.set()  # what an earlier silent cut held back goes nowhere now

    def _do_restore(self) -> None:
        self._cut = False
        self._flowing.set()

    def _run(self, ready: Future[int]) -> None:
        try:
            asyncio.run(self._serve(ready), debug=False)
        except OSError as error:
            ready.set_exception(error)

    async def _serve(self, ready: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        ready.set_result(listener.sockets[0].getsockname()[1])
        await self._closing.wait()
        listener.close()
        self._do_cut(silent=False)
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of ours: one that asyncio makes of a coroutine function, and that is cancelled when the proxy closes,
        # ends in a traceback on Python 3.11 and 3.12.
        carrier = self._loop.create_task(self._carry(reader, writer))
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carriers.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = {writer}
        self._connections |= mine
        try:
            if self._cut:
                return
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            mine.add(server_writer)
            self._connections |= mine
            if self._cut:
                return
            async with asyncio.TaskGroup() as both:
                talk = _Talk()
                both.create_task(self._pass_on(reader, server_writer, came=partial(self._asks, talk)))
                both.create_task(self._pass_on(server_reader, writer, arrives=talk.answer))
        except* OSError:
            pass  # one side is gone, or the server cannot be reached: the other side learns it below
        finally:
            for each in mine:
                each.transport.abort()
            self._connections -= mine

    def _asks(self, talk: "_Talk") -> None:
        if not talk.asked:
            talk.asked = True
            self.round_trips += 1

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        came: Callable[[], None] = lambda: None,
        arrives: Callable[[], None] = lambda: None,
    ) -> None:
        """Pass one direction on, in order, each piece `delay` after it came; a long cable is slow, not narrow."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=100)

        async def deliver() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - self._loop.time())
                await self._flowing.wait()
                if not data:
                    break
                arrives()
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

        async with asyncio.TaskGroup() as group:
            group.create_task(deliver())
            data = b"-"
            while data:
                data = await reader.read(CHUNK)
                if data:
                    came()
                await under_way.put((self._loop.time() + self.delay, data))
