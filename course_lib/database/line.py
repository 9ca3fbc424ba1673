"""One connection to Redis, on which everybody's commands travel together.

A cache read is one small round trip, and the round trip is all its cost. So whoever wants something from Redis puts it
in a queue; when the answers to the last batch are in, everything that has gathered meanwhile is sent in one write. One
hundred concurrent reads are one MGET. Alone, a caller waits for nobody: his command is written before he waits.

A caller who is cancelled leaves only the queue's answer unread: nobody else is disturbed, and the connection never
stops in the middle of a reply. No task is needed for a batch, only to connect.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from course_lib.database.breaker import Breaker
from course_lib.database.connecting import Connection, Replies, connect
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
    commands: Sequence[Command] = ()  # to be carried out


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
        self._url = url
        self._prefix = prefix
        self._timeout = timeout
        self._breaker = breaker
        self._queue: list[_Asked] = []
        self._batch: list[_Asked] = []  # what is under way
        self._keys: list[Key] = []  # what the batch reads, each once
        self._busy = False  # with a batch, or about to send one
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[Connection] | None = None
        self._deadline = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()  # asked for once: on Python 3.11, every asking is a system call

    def get(self, keys: Sequence[Key]) -> asyncio.Future[list[bytes | None]]:
        """Ask for the value of each key; the future returned raises CacheUnavailableError when Redis fails."""
        return self._ask(_Asked(self._loop.create_future(), keys))

    def send(self, *commands: Command) -> asyncio.Future[list[Any]]:
        """Queue commands; the future of their replies raises CacheUnavailableError when one of them fails."""
        return self._ask(_Asked(self._loop.create_future(), commands=commands))

    async def close(self) -> None:
        """Send what is queued, and close the connection."""
        while self._busy:
            await asyncio.wait({self.send(("PING",))})  # what is asked last is answered last
        if self._watchdog:
            self._watchdog.cancel()
            self._watchdog = None
        if self._connection:
            self._connection.abort()
            await asyncio.sleep(0)  # the loop closes the socket

    def _ask(self, asked: _Asked) -> asyncio.Future[Any]:
        self._queue.append(asked)
        if not self._busy:
            self._send()
        return asked.answer

    def _send(self) -> None:
        """Send all that has gathered."""
        self._batch, self._queue = self._queue, []
        self._busy = bool(self._batch)
        if not self._busy:
            return
        self._deadline = self._loop.time() + self._timeout
        if self._connection:
            self._write(self._connection)
        else:
            self._connect()

    def _connect(self) -> None:
        self._connection = None
        self._connecting = self._loop.create_task(connect(self._url, self._deadline), name="redis")
        self._connecting.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[Connection]) -> None:
        self._connecting = None
        if task.cancelled():
            self._fail(RuntimeError("the task that connects was cancelled"))
        elif error := task.exception():
            self._fail(error)
        else:
            self._connection = task.result()
            self._write(self._connection, again=False)

    def _write(self, connection: Connection, *, again: bool = True) -> None:
        # Keys are completed here and no earlier: between two tries, the connection, and with it the run, can change.
        prefix = f"{self._prefix}{connection.run_id[:16]}:"
        commands = [
            tuple([prefix + part if type(part) is Key else part for part in command])
            for asked in self._batch
            for command in asked.commands
        ]
        # The read comes last, so that it finds what the same batch stores.
        self._keys = list(dict.fromkeys([key for asked in self._batch for key in asked.keys]))
        if self._keys:
            commands.append(("MGET", *[prefix + key for key in self._keys]))
        connection.exchange(commands, self._arrived_again if again else self._arrived)
        # One timer looks after whichever batch is under way when it is due: most batches begin and end without any.
        if self._watchdog is None:
            self._watchdog = self._loop.call_at(self._deadline, self._watch)

    def _watch(self) -> None:
        self._watchdog = None
        if not self._batch or self._connecting:  # which has its own time limit
            return
        if self._loop.time() < self._deadline:
            self._watchdog = self._loop.call_at(self._deadline, self._watch)
        else:
            self._fail(TimeoutError(f"no answer in {self._timeout:g} s"))

    def _arrived_again(self, replies: Replies) -> None:
        if isinstance(replies, RedisConnectionError | OSError):
            # An idle connection may have died with a Redis that is long back. Sent twice, a command here does nothing
            # but what it did the first time.
            self._connect()
        else:
            self._arrived(replies)

    def _arrived(self, replies: Replies) -> None:
        found: dict[Key, bytes | None] = {}
        if self._keys and not isinstance(replies, Exception):
            values = replies.pop()
            if isinstance(values, list) and len(values) == len(self._keys):
                found = dict(zip(self._keys, values, strict=True))
            else:
                replies = values if isinstance(values, ResponseError) else InvalidResponse("no values for MGET")
        if isinstance(replies, Exception):
            self._fail(replies)
            return
        self._breaker.succeeded()
        batch, self._batch = self._batch, []
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
        if len(batch) == 1:
            self._send()
        else:  # whoever has an answer now will ask again in this turn of the loop, and may come along
            self._loop.call_soon(self._send)

    def _fail(self, error: BaseException) -> None:
        self._breaker.failed()
        if self._connection:
            self._connection.abort()
        # Who queued meanwhile would only wait for the same failure.
        batch, self._batch, self._queue = self._batch + self._queue, [], []
        self._busy = False
        _refuse(batch, error)


def _refuse(batch: list[_Asked], error: BaseException) -> None:
    for asked in batch:
        if not asked.answer.done():
            unavailable = CacheUnavailableError(f"{type(error).__name__}: {error}")
            unavailable.__cause__ = error
            asked.answer.set_exception(unavailable)
            asked.answer.exception()  # no warning if nobody waits for this answer
