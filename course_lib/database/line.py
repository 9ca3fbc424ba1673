"""One connection to Redis, on which everybody's commands travel together.

A cache read is one small round trip, and the round trip is all its cost. So whoever wants something from Redis puts it
in a queue; when the answers to the last batch are in, everything that has gathered meanwhile is sent in one write. One
hundred concurrent reads are one MGET. Alone, a caller waits for nobody.

A caller who is cancelled leaves only the queue's answer unread: the batch itself is sent and read by a task of its own,
so that the connection never stops in the middle of a reply.
"""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from course_lib.database.breaker import Breaker
from course_lib.database.errors import CacheUnavailableError

Command = Sequence[Any]
"""A command's name and its arguments; a Key among them is completed when it is sent."""


class Key(str):
    """A key's name within one run of one Redis."""

    __slots__ = ()


@dataclass(slots=True)
class _Asked:
    answer: asyncio.Future[Any]
    keys: Sequence[Key] = ()  # to be read
    commands: Sequence[Command] = field(default=())  # to be carried out


class RedisLine:
    """Carries commands to Redis and their replies back.

    Args:
        url: redis://:password@host:port/0
        prefix: what all keys begin with.
        timeout: seconds for one batch, connecting included.
        breaker: told of every batch whether it went well.

    Every key also begins with Redis's run id, which is new whenever Redis starts, and which is asked for on every new
    connection: a connection cannot outlive the server's process. What an earlier run left, and a restart brought back
    from disk, is thereby out of reach.
    """

    def __init__(self, url: str, *, prefix: str, timeout: float, breaker: Breaker) -> None:
        # No time limits and no retries of redis-py's own: one limit for the batch, and one place that tries again.
        self._connections = ConnectionPool.from_url(
            url, protocol=2, socket_timeout=None, socket_connect_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        self._connection: AbstractConnection | None = None
        self._prefix = prefix
        self._run_prefix = ""
        self._timeout = timeout
        self._breaker = breaker
        self._queue: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()  # asked for once: on Python 3.11, every asking is a system call

    def get(self, keys: Sequence[Key]) -> asyncio.Future[list[bytes | None]]:
        """Ask for the value of each key; the future returned raises CacheUnavailableError when Redis fails."""
        return self._ask(_Asked(self._loop.create_future(), keys=keys))

    def send(self, *commands: Command) -> asyncio.Future[list[Any]]:
        """Queue commands; the future of their replies raises CacheUnavailableError when one of them fails."""
        return self._ask(_Asked(self._loop.create_future(), commands=commands))

    async def close(self) -> None:
        """Send what is queued, and close the connection."""
        while self._task is not None:
            await asyncio.wait({self._task})
        await self._disconnect()

    def _ask(self, asked: _Asked) -> asyncio.Future[Any]:
        self._queue.append(asked)
        if self._task is None:
            self._task = self._loop.create_task(self._send_batches(), name="redis")
        return asked.answer

    async def _send_batches(self) -> None:
        batch: list[_Asked] = []
        try:
            while self._queue:
                batch, self._queue = self._queue, []
                try:
                    async with asyncio.timeout(self._timeout):
                        await self._exchange(batch)
                    self._breaker.succeeded()
                except (RedisError, OSError) as error:  # TimeoutError is an OSError
                    self._breaker.failed()
                    await self._disconnect()
                    # Who queued meanwhile would only wait for the same failure.
                    batch, self._queue = batch + self._queue, []
                    _refuse(batch, error)
        finally:
            self._task = None
            _refuse(batch + self._queue, RuntimeError("the task that sends the batches was cancelled"))

    async def _exchange(self, batch: list[_Asked]) -> None:
        # The read comes last, so that it finds what the same batch stores.
        commands = [command for asked in batch for command in asked.commands]
        keys = list(dict.fromkeys(key for asked in batch for key in asked.keys))
        if keys:
            commands.append(("MGET", *keys))
        replies = await self._round_trip(commands)
        found: dict[Key, bytes | None] = {}
        if keys:
            values = replies.pop()
            if isinstance(values, ResponseError):
                raise values
            found = dict(zip(keys, values, strict=True))
        rest = iter(replies)
        for asked in batch:
            own = list(itertools.islice(rest, len(asked.commands))) if asked.commands else None
            if asked.answer.done():  # cancelled
                continue
            if own is None:
                asked.answer.set_result([found[key] for key in asked.keys])
            elif refused := [reply for reply in own if isinstance(reply, ResponseError)]:
                _refuse([asked], refused[0])
            else:
                asked.answer.set_result(own)

    async def _round_trip(self, commands: list[Command]) -> list[Any]:
        # is_connected: redis-py would connect again by itself, and nobody would ask for the new run's id.
        if self._connection is not None and self._connection.is_connected:
            try:
                return await self._write_and_read(self._connection, commands)
            except (RedisConnectionError, OSError):
                # An idle connection may have died with a Redis that is long back. Sent twice, a command here does
                # nothing but what it did the first time.
                await self._disconnect()
        return await self._write_and_read(await self._connect(), commands)

    async def _write_and_read(self, connection: AbstractConnection, commands: Iterable[Command]) -> list[Any]:
        # Keys are completed here and no earlier: between two tries, the connection, and with it the run, can change.
        packed = b"".join([_packed(command, self._run_prefix) for command in commands])
        await connection.send_packed_command(packed, check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response(disable_decoding=True))
            except ResponseError as refused:
                if isinstance(refused, RedisConnectionError):
                    raise
                replies.append(refused)
        return replies

    async def _connect(self) -> AbstractConnection:
        connection: AbstractConnection = self._connections.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO", "server")
            info = (await connection.read_response(disable_decoding=True)).decode()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        run_id = next((line[7:] for line in info.splitlines() if line.startswith("run_id:")), "")
        self._run_prefix = f"{self._prefix}{run_id[:16]}:"
        self._connection = connection
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


def _packed(command: Command, prefix: str) -> bytes:
    """Return a command as Redis reads it: how many parts, then each with its length in bytes."""
    packed = b"*%d\r\n" % len(command)
    data = [
        (prefix + part).encode() if type(part) is Key else part if type(part) is bytes else str(part).encode()
        for part in command
    ]
    return packed + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in data])


def _refuse(batch: list[_Asked], error: Exception) -> None:
    for asked in batch:
        if not asked.answer.done():
            unavailable = CacheUnavailableError(f"{type(error).__name__}: {error}")
            unavailable.__cause__ = error
            asked.answer.set_exception(unavailable)
            asked.answer.exception()  # no warning if nobody waits for this answer
