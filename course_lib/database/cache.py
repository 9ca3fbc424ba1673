"""Results in Redis, each bound to tokens of the tables it was made from: the protocol of the package's docstring."""

import asyncio
import functools
import hashlib
import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from course_lib.database.breaker import Breaker
from course_lib.database.codec import Row, decode, encode
from course_lib.database.errors import CacheUnavailableError, UncacheableError
from course_lib.database.line import Key, RedisLine
from course_lib.database.naming import EVERYTHING
from course_lib.database.statistics import Statistics

LEASE = 5.0
"""Seconds that no cached value outlives, in any pool: a write that cannot reach Redis waits so long before it returns.

So short is enough where a cache pays: of a value that is read 4 times a second, about 9 reads in 10 are hits.
"""

_SHARDS = 16
_LARGEST = 1_000_000  # bytes: while a larger value travels, everybody else's reads would wait behind it
_TRY_AGAIN = 0.1  # seconds between two tries to reach Redis with an invalidation

_NO_KEY = Key()
_SCHEMA = Key("schema")  # its token is deleted by whoever may have changed what statements mean


@dataclass(slots=True)
class Look:
    """What a look into the cache found.

    rows: the result, None on a miss
    key: under which a result may be stored
    seal: the tokens that were in Redis when this look asked for them; None when nothing may be stored
    schema: the token of the schema, seen together with them
    """

    rows: list[Row] | None = None
    key: Key = _NO_KEY
    seal: bytes | None = None
    schema: bytes | None = None


class Cache:
    """Looks up, stores and invalidates results.

    Args:
        line: to Redis.
        ttl: seconds a value is kept at most; it lives a part of it, by chance, so that not all values end together.
    """

    def __init__(self, line: RedisLine, breaker: Breaker, ttl: float, statistics: Statistics) -> None:
        self._line = line
        self._breaker = breaker
        self._ttl = ttl
        self._counts = statistics.counts

    async def look(self, identity: str, tables: frozenset[str]) -> Look:
        """Look for the result of the statement called `identity`, which reads `tables`. Raises nothing of Redis'."""
        if not self._breaker.lets_through():
            self._counts["cache_bypassed"] += 1
            return Look()
        digest = hashlib.blake2b(identity.encode(), digest_size=16).digest()
        key = Key(f"value:{digest.hex()}")
        # A table has several tokens, each for a part of the keys, so that only a part of its values ends with one.
        tokens = (_SCHEMA, *_token_keys(tables, digest[0] % _SHARDS))
        try:
            value, *current = await self._line.get((key, *tokens))
            if None in current:
                current = await self._make(tokens, current)
        except CacheUnavailableError:
            self._counts["cache_errors"] += 1
            return Look()
        schema, *rest = current
        seal = b",".join(rest) + b"\n"  # type: ignore[arg-type]  # none of them is None any more
        rows = decode(value[len(seal) :]) if value is not None and value.startswith(seal) else None
        return Look(rows, key, seal, schema)

    async def schema(self) -> bytes | None:
        """Return the token of the schema; None when Redis fails."""
        if not self._breaker.lets_through():
            return None
        try:
            current = await self._line.get((_SCHEMA,))
            return (current if current[0] is not None else await self._make((_SCHEMA,), current))[0]
        except CacheUnavailableError:
            self._counts["cache_errors"] += 1
            return None

    async def _make(self, tokens: Sequence[Key], current: Sequence[bytes | None]) -> list[bytes | None]:
        """Give the tables that have no token a new one, unless another reader was faster; return the tokens.

        Raises CacheUnavailableError when a full Redis refuses them.
        """
        # The lease is the token's, and Redis' clock alone measures it, from the token's making, which comes before any
        # query whose result is bound to it. Random, not counted: a counter that was lost would come by its old numbers.
        lease = int(1000 * self._ttl * random.uniform(0.75, 0.95))
        *_, now = await self._line.send(
            *(
                ("SET", token, secrets.token_hex(8), "NX", "PX", lease)
                for token, known in zip(tokens, current, strict=True)
                if known is None
            ),
            ("MGET", *tokens),
        )
        if None in now:
            raise CacheUnavailableError("a token was lost as soon as it was made: Redis evicts")
        return list(now)

    async def store(self, look: Look, rows: list[Row]) -> None:
        """Store what was read after `look`; a type that cannot be kept, or a Redis that fails, is counted only."""
        try:
            value = encode(rows)
        except UncacheableError:
            self._counts["not_cacheable"] += 1
            return
        if look.seal is None or len(value) > _LARGEST:
            return
        try:
            await self._line.send(("SET", look.key, look.seal + value, "PX", int(1000 * self._ttl)))
        except CacheUnavailableError:
            self._counts["cache_errors"] += 1

    async def invalidate(self, tables: Collection[str], *, patient: bool = True) -> bool:
        """Make all values of `tables` invalid; return whether Redis confirmed it.

        If Redis does not, this tries again until every token that was alive at the beginning has come to its end; or,
        when it is not patient, not at all.
        """
        keys = [_token_key(table, shard) for table in tables for shard in range(_SHARDS)]
        if not keys:
            return True
        if EVERYTHING in tables:
            keys.append(_SCHEMA)
        self._counts["invalidations"] += 1
        clock = asyncio.get_running_loop().time
        end = clock() + LEASE
        while True:
            try:
                # DEL, and nothing that stores: a full Redis still carries it out.
                await self._line.send(("DEL", *keys))
                return True
            except CacheUnavailableError:
                if not patient or (left := end - clock()) <= 0:
                    break
                await asyncio.sleep(min(_TRY_AGAIN, left))
        self._counts["lease_waits"] += patient
        return False


def _token_key(table: str, shard: int) -> Key:
    return Key(f"token:{table}:{shard}")


@functools.lru_cache(maxsize=4096)
def _token_keys(tables: frozenset[str], shard: int) -> tuple[Key, ...]:
    return tuple(_token_key(table, shard) for table in (EVERYTHING, *sorted(tables)))
