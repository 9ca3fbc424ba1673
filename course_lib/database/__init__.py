"""A pool of PostgreSQL connections with a cache in Redis that tells the truth (article, section "Asynchronous database
connection pool").

**The promise.** A read by `execute_query` of any pool that begins after a write by any pool has returned sees that
write; the pools may be in any number of processes, as long as all use the same PostgreSQL and the same Redis.

- A write by a pool is all that one call of `execute_query`, `execute_transaction` or `bulk_insert` has committed in
  PostgreSQL's tables, by whatever functions, triggers, rules, views and cascades; and what the block of an
  `acquire_pg_connection(writes=...)` has committed in the tables that it names and in those that a write to them may
  change, as the schema is when the block begins. A change of the schema by a statement of its own is a write, too.
- Whatever nobody could wait for, a write that went past the pools, or whose call was cancelled, ran out of time or lost
  its connection, or whose process died before it returned, is seen at most five seconds (`LEASE`) after its commit.
- A write that has failed, or was rolled back, is never seen.
- When Redis fails, reads come from PostgreSQL; a write that cannot reach Redis returns up to five seconds late.
- A call that is cancelled raises CancelledError, and one whose statement runs out of time TimeoutError, whatever the
  server does meanwhile; PostgreSQL has two seconds (`PATIENCE` in `session.py`) to end the statement and roll back. If
  it does not, the connection is closed, and the pool opens another in its place when it needs one.

**Three rules** where something is not known. A read whose tables or functions are not all known is not cached. A write
whose tables are not all known counts as one to all tables, `"*"`. A statement that may write never runs where it
cannot. PostgreSQL is who knows: its parser says what a statement calls (`sql.py`), and the locks of a transaction say
what it has done (`witness.py`).

**The protocol.** For each table Redis holds a token, a random text.

1. A reader asks for the value it wants and for the tokens of the tables that it reads, in one MGET. A value is valid
   when it is sealed with exactly these tokens.
2. If a token is missing, the reader makes one, with SET NX, and with a time to live shorter than the lease; it may be
   another reader who is faster. Only then does it query PostgreSQL, and store the result sealed with the tokens that it
   had seen before it queried.
3. A writer writes, asks PostgreSQL which tables that were, commits, and deletes their tokens. Then it returns. If Redis
   does not confirm the deletion, it tries again, and returns when it is confirmed or a lease has passed since the
   commit.
4. The schema has a token, too, which is deleted with all others. A reader takes it before it asks what a statement
   reads, and sees it again together with the tables' tokens; or else it asks anew.

The one thing to check: a value is served only while the token that was there before its query is still there. So no
value is served that was queried before a commit, once the tokens of that time are gone; and they are gone when they are
deleted, or when their time is over.

**What can go wrong, and does not:**

- A reader queries before a write and stores after it: its seal names a token that is gone. Nobody is served the value.
- Two readers share a query in progress only when both have seen the same tokens (`flights.py`).
- Rollback: others never see what was not committed, and a token deleted in vain costs one query.
- A view is replaced, or a partition attached, while a reader finds out what it reads: the schema's token is gone.
- A deferred trigger would write during COMMIT, after the question: it is run before (SET CONSTRAINTS ALL IMMEDIATE).
- CALL, VACUUM and the like may commit on their own, or refuse a transaction: they run without one, and are `"*"`.
- A request to end a statement comes before the statement, and has no effect: it is made again (`session.py`).
- A database is dropped and made again under its name: its oid, which is new, is part of every key.
- A writer cut off from Redis while others are not: it waits until Redis itself has ended every token of that time.
- A process killed between commit and deletion: the same, without anybody's waiting.
- Redis restarted empty: tokens and values are gone together, and new tokens are random: none repeats an old one. With a
  counter in the token's place, old values would become valid again.
- Redis restarted with old tokens and old values: all keys begin with Redis's run id, new at every start (`line.py`).
- Redis full: it refuses SET, so nothing new is cached, and accepts DEL. Redis evicts a key: token or value, a miss.
- Redis slow: a read waits `redis_timeout` once, then a breaker lets reads pass it by. A command that arrives late does
  no harm: a late DEL costs a query, a late value has the seal it was made with, a late token is younger than it seems.
- Clocks: nobody compares two machines' clocks. Redis measures a token's life, the writer its own wait.

**What is not promised:**

- Two reads are not one snapshot; use a transaction.
- What you declare is believed: that a function is IMMUTABLE; and, when you call a STABLE one and name its tables, that
  its result depends on its arguments and on tables alone. Which tables these are, PostgreSQL is asked.
- Five seconds hold for: tables that a block writes and has not named; what is written by another session (dblink, a
  foreign table), by a deferred trigger that defers once more what it sets off, or by a function in C that takes no
  lock; rights that a function grants or takes away.
- Without Redis, and for what is not cached, what a statement is stays known for a minute: if another process meanwhile
  has a view call a function that writes, and that hides being refused, this write does not happen.
- A statement that PostgreSQL could not be got to end, and whose connection was closed, goes on there, with its locks,
  until PostgreSQL notices (`client_connection_check_interval`) or the statement ends. Then its transaction is rolled
  back; what runs without one, such as CALL, may still be carried out, and so may a COMMIT that was under way.
- Replicas of PostgreSQL lag, and take no writes; a cluster or a replica of Redis may lose a deletion that it has
  confirmed: use one of each. If Redis's clock is set back, tokens live so much longer.
- Who lifts the read-only mode of a borrowed connection by hand is on his own.

The article's defects, and what is done here instead:

- `aioredis` does not import on Python 3.11: redis.asyncio
- keys are digests, so that its invalidation by pattern never matches, and reads are stale for 300 s: the above
- a hit returns texts where the miss returned datetime or Decimal (`codec.py`)
- 50 misses at the same time make 50 queries (`flights.py`); empty results are never cached: they are
- `UPDATE ... RETURNING` is cached, so that the second call does nothing: PostgreSQL says what writes (`witness.py`)
- it waits for a connection for ever, and nobody knows who has them (`sessions.py`)
- an INSERT for each row, and names pasted into SQL (`bulk.py`)
- hits are left out of the time, but divide it (`statistics.py`)
"""

from course_lib.database.cache import LEASE
from course_lib.database.errors import NestedAcquireError, PoolClosedError, PoolExhaustedError
from course_lib.database.naming import EVERYTHING
from course_lib.database.pool import AsyncDatabasePool

__all__ = [
    "EVERYTHING",
    "LEASE",
    "AsyncDatabasePool",
    "NestedAcquireError",
    "PoolClosedError",
    "PoolExhaustedError",
]
