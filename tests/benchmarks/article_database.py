"""The article's pool, rewritten small on redis.asyncio: its cache, its invalidation and its inserts, defects and all.

`mended` makes its invalidation match, by deleting every cached result: the obvious repair, which leaves the race
between a write and a reader that queried before it and stores after it.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
from redis.asyncio import Redis


class ArticlePool:
    def __init__(self, dsn: str, redis_url: str, size: int = 10, *, mended: bool = False) -> None:
        self.dsn, self.redis_url, self.size, self.mended = dsn, redis_url, size, mended
        self.queries = 0

    async def __aenter__(self) -> "ArticlePool":
        self.pg = await asyncpg.create_pool(self.dsn, min_size=self.size, max_size=self.size, command_timeout=60)
        self.redis = Redis.from_url(self.redis_url, encoding="utf-8", decode_responses=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pg.close()
        await self.redis.aclose()

    async def execute_query(self, query: str, *params: Any, use_cache: bool = True) -> list[dict[str, Any]]:
        key = f"query:{hashlib.md5(f'{query}:{params}'.encode()).hexdigest()}"
        if use_cache and (cached := await self.redis.get(key)):
            return json.loads(cached)
        self.queries += 1
        async with self.pg.acquire() as connection:
            rows = [dict(row) for row in await connection.fetch(query, *params)]
        if use_cache and rows:
            await self.redis.set(key, json.dumps(rows, default=str), ex=300)
        return rows

    async def write(self, table: str, operations: Sequence[tuple[str, Sequence[Any]]]) -> None:
        async with self.pg.acquire() as connection, connection.transaction():
            for query, params in operations:
                await connection.execute(query, *params)
        await self.invalidate(table)

    async def bulk_insert(self, table: str, records: list[dict[str, Any]]) -> int:
        columns = list(records[0])
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        query = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        async with self.pg.acquire() as connection, connection.transaction():
            for record in records:
                await connection.execute(query, *[record[column] for column in columns])
        await self.invalidate(table)
        return len(records)

    async def invalidate(self, table: str) -> None:
        pattern = "query:*" if self.mended else f"query:*{table}*"
        keys = [key async for key in self.redis.scan_iter(match=pattern)]
        if keys:
            await self.redis.delete(*keys)
