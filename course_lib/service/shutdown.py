"""How a process of the service begins to listen, and how it ends under load without an answer that is lost.

1. It says that it is ending: readiness is 503, so whoever shares out requests sends them to others.
2. For `CLOSING` seconds it goes on as before, but closes each connection after its answer. A client that keeps
   connections would otherwise send its next request into one that is being closed.
3. It takes the connections that wait to be accepted, and stops listening. Where another process listens on the same
   port, new connections go there.
4. It waits until nothing was answered for `QUIET` seconds, `QUIET_AT_MOST` at most: what was just opened is about to be
   used.
5. It waits until the requests in hand are answered, as long as they may take, closes what is left, and ends.
"""

import asyncio
import logging
import socket
import sys
from contextlib import AsyncExitStack

from aiohttp import web

from course_lib.monitor import EventLoopMonitor
from course_lib.service.accepting import open_submissions
from course_lib.service.api import Api
from course_lib.service.connecting import connected
from course_lib.service.settings import Settings

CLOSING = 1.0  # seconds
QUIET = 0.5  # seconds
QUIET_AT_MOST = 2.0  # seconds
BACKLOG = 1024  # connections that may wait to be accepted
TURNS = 10  # of the loop, for connections that it is accepting: asyncio loses these when a server is closed

_log = logging.getLogger(__name__)


async def serve(settings: Settings, stopping: asyncio.Event, *, port: int = 0, reuse_port: bool = False) -> None:
    """Serve the API on 127.0.0.1 until `stopping` is set; print the address as soon as it answers.

    Args:
        settings: of the service.
        stopping: when it is set, it ends as this module says, within `CLOSING + QUIET_AT_MOST + request_timeout`
            seconds and a moment.
        port: to listen on; 0 for any free one.
        reuse_port: whether others may listen on it, too; not on Windows.

    Waits for PostgreSQL before it listens. Raises OSError where it cannot listen there.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_listener(port, reuse_port=reuse_port))
        crawls, queue = await stack.enter_async_context(connected(settings, settings.reads))
        accepted = await stack.enter_async_context(open_submissions(settings.database_url, settings.submissions))
        monitor = await stack.enter_async_context(EventLoopMonitor())
        api = Api(settings, accepted, crawls, queue, monitor)
        app, ending = api.application(), Ending()
        app.on_response_prepare.append(ending.prepare)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.request_timeout)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.SockSite(runner, listener, backlog=BACKLOG)
        await site.start()
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        await stopping.wait()
        _log.info("ending: no connection is kept any more")
        api.ready, ending.begun = False, True
        await asyncio.sleep(CLOSING)
        await _stop_listening(listener, runner, site)
        await ending.quiet()
        _log.info("ending: what is in hand is answered")


class Ending:
    """What every answer goes through: once it has begun, connections are closed after their answers."""

    def __init__(self) -> None:
        self.begun = False
        self._last = 0.0

    async def prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Do that, and remember when it was; aiohttp calls this before it sends the head of an answer."""
        self._last = asyncio.get_running_loop().time()
        if self.begun:
            response.force_close()
            response.headers["Connection"] = "close"  # aiohttp has looked at the former before it comes here

    async def quiet(self) -> None:
        """Wait until nothing was answered for a while."""
        clock = asyncio.get_running_loop().time
        self._last = began = clock()
        while True:
            left = min(self._last + QUIET, began + QUIET_AT_MOST) - clock()
            if left <= 0:
                return
            await asyncio.sleep(left)


def _listener(port: int, *, reuse_port: bool) -> socket.socket:
    """Return a socket at the port. It does not listen yet: nobody is to wait in it until we are connected."""
    listener = socket.socket()
    try:
        if sys.platform != "win32":  # there it would let two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            if not hasattr(socket, "SO_REUSEPORT"):
                raise OSError("this system lets one process listen on a port: leave out --reuse-port")
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
    except BaseException:
        listener.close()
        raise
    return listener


async def _stop_listening(listener: socket.socket, runner: web.AppRunner, site: web.SockSite) -> None:
    """Stop listening, with as few connections as can be that the system has accepted and nobody takes."""
    loop, late = asyncio.get_running_loop(), []
    if sys.platform != "win32":  # where no other process has the port, so that nothing is gained
        loop.remove_reader(listener)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        while True:
            try:
                late.append(listener.accept()[0])
            except OSError:  # none is left
                break
    await site.stop()  # which closes the socket before anything else runs
    for connection in late:
        connection.setblocking(False)
        assert runner.server is not None
        await loop.connect_accepted_socket(runner.server, connection)
