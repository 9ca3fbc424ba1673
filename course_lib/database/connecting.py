"""A connection to Redis: bytes out, as many replies back as there were commands.

Not redis.asyncio's: there every command costs a wait of its own, a time limit and a walk through a stream. Here the
event loop calls `buffer_updated`, and whoever waits has his answer in that very call. redis-py still reads the URL, and
hiredis the replies, with redis-py's exceptions.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import AuthenticationError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

Replies = list[Any] | Exception
"""A reply to each command, a ResponseError where Redis refuses it; or why there are none."""

CLOSED = "Redis has closed the connection"


class Connection(asyncio.BufferedProtocol):
    """Carries one exchange at a time.

    is_open: whether it can carry another
    run_id: of the server, new whenever that starts
    """

    def __init__(self) -> None:
        self.is_open = False
        self.run_id = ""
        # A Protocol would be given bytes for which asyncio reserves 256 KB each time: more work than all the rest here.
        self._buffer: Any = bytearray(65_536)
        self._reader = hiredis.Reader(replyError=ResponseError, protocolError=InvalidResponse)
        self._replies: list[Any] = []
        self._expected = 0
        self._done: Callable[[Replies], None] | None = None

    def exchange(self, commands: Sequence[tuple[Any, ...]], done: Callable[[Replies], None]) -> None:
        """Write commands, and call `done` once: when all replies are in, or when the connection is lost."""
        if not self.is_open:
            done(RedisConnectionError(CLOSED))
            return
        self._expected, self._replies, self._done = len(commands), [], done
        self._transport.write(b"".join([hiredis.pack_command(command) for command in commands]))

    def abort(self, error: Exception | None = None) -> None:
        """Close it at once; who waits for replies gets the error, or hears no more if there is none."""
        self._transport.abort()
        self._end(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport: Any = transport
        self.is_open = True

    def get_buffer(self, sizehint: int) -> Any:
        """Say where the event loop may put what arrives."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read what has arrived: perhaps a piece of a reply, perhaps the last one."""
        try:
            self._reader.feed(self._buffer, 0, nbytes)
            while (reply := self._reader.gets()) is not False:  # which is no reply, but says that none is complete
                self._replies.append(reply)
        except InvalidResponse as error:
            self.abort(error)
            return
        missing = self._expected - len(self._replies)
        if missing < 0 or not self._done or (not missing and self._reader.has_data()):
            self.abort(InvalidResponse("Redis sent more than it was asked for"))
        elif not missing:
            done, self._done = self._done, None
            done(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that there will be no replies."""
        self._end(exc or RedisConnectionError(CLOSED))

    def _end(self, error: Exception | None) -> None:
        self.is_open, done, self._done = False, self._done, None
        if done and error:
            done(error)


async def connect(url: str, deadline: float) -> Connection:
    """Return a connection that is logged in and knows the server's run id.

    Args:
        deadline: in seconds of the loop's clock.

    Raises OSError or redis-py's ConnectionError when Redis cannot be reached in time, AuthenticationError when it
    refuses the user or the password, ResponseError when it refuses anything else.
    """
    loop = asyncio.get_running_loop()
    told: Any = ConnectionPool.from_url(url, protocol=2).make_connection()  # type: ignore[no-untyped-call]
    commands: list[tuple[Any, ...]] = []
    if told.username or told.password:
        commands.append(("AUTH", *filter(None, [told.username]), told.password or ""))
    if told.db:
        commands.append(("SELECT", told.db))
    commands.append(("INFO", "server"))
    async with asyncio.timeout_at(deadline):
        if isinstance(told, UnixDomainSocketConnection):
            _, connection = await loop.create_unix_connection(Connection, told.path)
        else:
            tls = told.ssl_context.get() if isinstance(told, SSLConnection) else None
            _, connection = await loop.create_connection(Connection, told.host, told.port, ssl=tls)
        try:
            replies = await _ask(connection, commands)
        except BaseException:
            connection.abort()
            raise
    lines = replies[-1].decode().splitlines()
    connection.run_id = next((line[7:] for line in lines if line.startswith("run_id:")), "")
    return connection


async def _ask(connection: Connection, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    answered: asyncio.Future[Replies] = asyncio.get_running_loop().create_future()
    connection.exchange(commands, partial(_answer, answered))
    replies = await answered
    if isinstance(replies, Exception):
        try:
            raise replies
        finally:
            del answered, replies  # its traceback leads to this frame
    for reply in replies:
        if isinstance(reply, ResponseError):
            stranger = str(reply).startswith(("WRONGPASS", "NOAUTH", "ERR AUTH"))
            raise (AuthenticationError if stranger else ResponseError)(str(reply))  # not the one the connection holds
    return replies


def _answer(answered: asyncio.Future[Replies], replies: Replies) -> None:
    if not answered.done():
        answered.set_result(replies)
