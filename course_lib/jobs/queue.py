"""A queue of jobs: who has something to be done, and who wants to know how things stand."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool
from redis.commands.core import AsyncScript
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from course_lib.jobs import scripts
from course_lib.jobs.client import CancellableRedis
from course_lib.jobs.job import DeadLetter, packed, unpacked
from course_lib.lifecycle.checks import check_count, check_number

AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError)  # what a Redis that is away, or starts, is told by
PATIENCE = 5.0  # seconds for an answer; a blocking read waits for less
CONNECTIONS = 16
FIRST, LAST = 0.05, 1.0  # seconds between two attempts, doubled each time


class JobQueue:
    """Jobs in one Redis under one name; of the same name with the same settings in every process.

    Args:
        url: redis://:password@host:port/0
        name: of the queue; all its keys begin with it.
        lease: seconds after which a job whose worker has been silent is taken over. Long enough for what may hold up a
            worker's loop, short enough for how long a job of a killed worker may lie.
        starts: how often a job's work is begun before it is given up; once more, where a worker died at its last start
            that had other jobs in hand, too.
        pause: seconds after which a job whose handler raised is due again, a lease at most.
        backlog: how many jobs may be in the queue, those in hand included, before `enqueue` waits.
        remember: seconds for which the key of a job, done, given up or not, keeps it from being enqueued again.

    Connects at the first call. `async with` closes its connections. Raises TypeError and ValueError for arguments
    without sense.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        lease: float = 30.0,
        starts: int = 3,
        pause: float = 1.0,
        backlog: int = 10_000,
        remember: float = 86_400.0,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ValueError(f'name={name!r:.60}: pass a text that names the queue, such as "crawl"')
        check_number("lease", lease, 0.05, "seconds", "a worker renews it three times meanwhile")
        check_count("starts", starts, 1, "1 gives a job up when it fails once")
        check_number("pause", pause, 0, "seconds", "0 tries again at once")
        if pause > lease:
            raise ValueError(f"pause={pause!r} is longer than lease={lease!r}: what waits is taken over after a lease")
        check_count("backlog", backlog, 1, "pass how many jobs may wait")
        check_number("remember", remember, 0.001, "seconds", "a key is to outlive the producer's attempts")
        self.name, self.lease, self.starts, self.pause = name, lease, starts, pause
        self._backlog, self._remember = backlog, remember
        # Blocking, because the other kind raises when a hundred callers want a connection at once. Protocol 2, because
        # what a read of streams returns has another form in 3.
        pool = BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS, timeout=None, protocol=2, decode_responses=True, socket_timeout=PATIENCE
        )
        self.redis = CancellableRedis.from_pool(pool)
        self._scripts: dict[str, AsyncScript] = {}
        # In braces: a cluster keeps keys with the same text in braces on one node.
        self.stream = f"{{{name}}}:jobs"
        self.keys = [self.stream, *(f"{{{name}}}:{part}" for part in ("starts", "errors", "dead"))]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.redis.aclose()

    async def enqueue(self, body: Any, *, key: str | None = None) -> bool:
        """Add a job, when there is room for it; return False where its key is known, and the job with it.

        Waits while the queue is full or Redis is away: put a limit around it. After a limit, or a cancellation, nobody
        knows whether the job was added; with the same key it is safe to ask again.

        Args:
            body: what the handler gets: dicts, lists, texts, finite numbers, True, False, None.
            key: what names the job. Without one it is new each time: then only this call's own attempts are told apart.

        Raises TypeError or ValueError for a body that JSON cannot hold, TypeError for a key that is no text.
        """
        if key is not None and not isinstance(key, str):
            raise TypeError(f"key={key!r:.60}: pass a text, such as str({key!r:.20})")
        asking = uuid.uuid4().hex
        key = asking if key is None else key
        keys = [self.stream, f"{{{self.name}}}:key:{key}"]
        words = [key, packed(body), self._backlog, int(self._remember * 1000), asking]
        pause = FIRST
        while (added := await self.steadily(scripts.ENQUEUE, keys, words)) < 0:
            await asyncio.sleep(pause)  # asked again and again: the queue does not know who waits
            pause = min(2 * pause, LAST)
        return bool(added)

    async def size(self) -> int:
        """Return how many jobs are in the queue, those in hand included."""
        return int(await self.redis.xlen(self.stream))

    async def dead_letters(self, most: int = 100) -> list[DeadLetter]:
        """Return jobs that were given up, the oldest first."""
        letters: Any = await self.redis.xrange(self.keys[3], count=most)
        return [
            DeadLetter(entry, fields["key"], unpacked(fields["body"]), int(fields["starts"]), fields["reason"])
            for entry, fields in letters
        ]

    async def revive(self, letter: DeadLetter) -> bool:
        """Enqueue a job that was given up again, as a new one, in place of its letter; False if that is gone."""
        keys = [self.stream, self.keys[3], f"{{{self.name}}}:revived:{letter.id}"]
        words = [letter.id, letter.key, packed(letter.body), uuid.uuid4().hex, int(self._remember * 1000)]
        return bool(await self.steadily(scripts.REVIVE, keys, words))

    async def steadily(self, script: str, keys: list[str], words: list[Any]) -> Any:
        """Run a script, again and again while Redis is away; it must do no harm when it runs twice."""
        run = self.script(script)
        return await patiently(lambda: run(keys=keys, args=words))

    def script(self, text: str) -> AsyncScript:
        """Return a script, to be called with keys and arguments; its digest is worked out once, not for each job."""
        if text not in self._scripts:
            self._scripts[text] = self.redis.register_script(text)
        return self._scripts[text]


async def patiently(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask Redis, again and again while it is away."""
    pause = FIRST
    while True:
        try:
            return await ask()
        except (AuthenticationError, AuthorizationError):  # errors of a connection, to redis-py
            raise
        except AWAY:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST)
