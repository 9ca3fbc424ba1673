"""What a transaction did: PostgreSQL says it, by the locks that the transaction holds until its end.

Whatever writes a table takes a lock on it first: a statement, a trigger, a cascade, a rule, a view, a function in
whatever disguise. So the own locks are asked for when all work is done, and before COMMIT. Only deferred triggers work
later: if a table that was written has some that can be deferred, they are run first.

Source: the manual of PostgreSQL, "Explicit Locking" and "pg_locks".
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from course_lib.database.naming import EVERYTHING
from course_lib.database.session import roll_back

Isolation = Literal["read_committed", "repeatable_read", "serializable"]

# A partition is found together with the tables above it: a write may name the one, and a read the other. A temporary
# table is nobody else's, and nothing is cached of a sequence. What is not in the catalog any more, or not yet in the
# part that this transaction sees, stays without a name. A new function or operator locks no table: its catalog's
# counters show it, and, for a second afterwards, show it again.
_DONE = """
WITH RECURSIVE held AS (
    SELECT relation AS oid, bool_or(mode NOT IN ('AccessShareLock', 'RowShareLock')) AS written,
        bool_or(mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')) AS altered
    FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND relation >= 16384
    GROUP BY 1),
family AS (
    SELECT * FROM held
    UNION SELECT inhparent, written, false FROM family JOIN pg_catalog.pg_inherits ON inhrelid = oid WHERE written)
SELECT CASE WHEN c.oid IS NOT NULL THEN nspname || '.' || relname END AS name,
    altered OR (written AND relkind IS DISTINCT FROM 'S') AS written, altered,
    pg_catalog.current_setting('transaction_isolation') = 'read committed' AS up_to_date,
    EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND tgdeferrable) AS deferrable
FROM family LEFT JOIN pg_catalog.pg_class c USING (oid) LEFT JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
WHERE c.oid IS NULL OR (relpersistence <> 't' AND (relkind IN ('r', 'p', 'm', 'f', 'S') OR (altered AND relkind = 'v')))
UNION ALL
SELECT NULL, true, true, true, false FROM unnest(ARRAY['pg_proc', 'pg_operator', 'pg_cast']::regclass[]) AS catalog
WHERE pg_catalog.pg_stat_get_xact_tuples_inserted(catalog) + pg_catalog.pg_stat_get_xact_tuples_updated(catalog)
    + pg_catalog.pg_stat_get_xact_tuples_deleted(catalog) > 0
"""


@dataclass(slots=True)
class Deeds:
    """What a transaction has done: "schema.table" of each table; "*" stands for all, where they are not all known.

    written: empty when it only read
    read: what it wrote among it
    """

    written: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset({EVERYTHING})


@contextlib.asynccontextmanager
async def watched(connection: Any, changed: set[str], isolation: Isolation | None = None) -> AsyncIterator[Deeds]:
    """Run a block in a transaction that may write, and commit; before that, add what it has written to `changed`.

    Args:
        connection: a Session; afterwards it is as it was before.
        changed: gets the tables, whether the COMMIT then succeeds or not.
        isolation: PostgreSQL's default if None. In the stricter two a transaction sees the catalog as it was when it
            began, so that the tables it has written are not all known: that is "*".

    Raises what PostgreSQL raises, a deferred constraint's error included, and then has rolled back.
    """
    if isolation not in (None, "read_committed", "repeatable_read", "serializable"):
        raise ValueError(
            f"isolation={isolation!r}: pass 'read_committed', 'repeatable_read', 'serializable', or None for the "
            "server's default"
        )
    level = f" ISOLATION LEVEL {isolation.replace('_', ' ')}" if isolation else ""
    deeds = Deeds()
    try:
        await connection.execute(f"BEGIN{level} READ WRITE")
        yield deeds
        rows = await connection.fetch(_DONE)
        if any(row["deferrable"] or not row["up_to_date"] for row in rows if row["written"]):
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            rows = await connection.fetch(_DONE)
        deeds.written = _names(row for row in rows if row["written"])
        deeds.read = _names(rows)
        changed |= deeds.written
        await connection.commit()
    except BaseException:
        await roll_back(connection)
        raise


def _names(rows: Any) -> frozenset[str]:
    found = list(rows)
    if any(row["name"] is None or row["altered"] or not row["up_to_date"] for row in found):
        return frozenset({EVERYTHING})
    return frozenset(row["name"] for row in found)
