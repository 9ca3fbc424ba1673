"""Writes whose text says nothing of it: PostgreSQL is asked what was done, and the next read sees it."""

import pytest
from database_lab import asynchronous, make_pool
from hidden_writers import READS, WAYS, prepare

ROWS = 12


@pytest.mark.parametrize("way", WAYS)
@asynchronous
async def test_a_hidden_write_is_seen_by_the_next_read(way):
    """Whatever the way, the write has happened when it returns, and no pool serves what was cached before."""
    async with make_pool() as one, make_pool() as other:
        await prepare(one.postgres_dsn, ROWS)
        await one.invalidate("*")  # these tables are new, and were made past the pool
        for number in (1, 2):
            for pool in (one, other):
                for read in (("a row", 3), ("a row", 4), ("all",)):
                    await pool.execute_query(READS[read[0]], *read[1:])
            await WAYS[way](one, 3, number)
            for pool in (other, one):
                assert await pool.execute_query(READS["a row"], 3) == [{"version": number}]
                assert await pool.execute_query(READS["all"]) == [{"version": number}]
                assert await pool.execute_query(READS["a row"], 4) == [{"version": 0}]
