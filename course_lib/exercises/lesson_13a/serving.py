"""A server and its client, over real connections on the virtual clock."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from course_lib.exercises.framework import Answer, Wrong
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_silent = logging.getLogger(__name__)
_silent.disabled = True  # handlers fail here on purpose
READ_AHEAD = 2**10  # bytes that the client reads before it is asked


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[ClientSession, str]]:
    """Serve a handler, which is cancelled when its caller leaves; give a client's session and the address."""
    app = web.Application()
    app.router.add_route("*", "/{name}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, logger=_silent, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with ClientSession(read_bufsize=READ_AHEAD) as session:
            yield session, f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def check_response(function: Answer, response: object) -> None:
    """Raise Wrong unless a handler of the learner's gave a response."""
    if response is None:
        raise Wrong(returned_none(function))
    if not isinstance(response, web.StreamResponse):
        raise Wrong(f"Return a response of aiohttp's; your function returned {shown(response, 60)}.")
    for name, value in response.headers.items():
        if not isinstance(value, str):
            raise Wrong(f"The header {name} has the value {shown(value, 40)}: a header is a text, {str(value)!r:.40}.")
