"""Tables that a caller names: which they are, and how far a write to them may reach."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

EVERYTHING = "*"
"""The name that stands for all tables: every value carries a token of it, too."""

# A partition is found together with the tables above it: a write may name the one, and a read the other.
_NAMED = """
WITH RECURSIVE family AS (
    SELECT given, to_regclass(given)::oid AS oid FROM unnest($1::text[]) AS given
    UNION SELECT given, inhparent FROM pg_inherits JOIN family ON inhrelid = oid)
SELECT given, nspname || '.' || relname AS name
FROM family JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = relnamespace
"""

# What belongs to a table depends on it in the catalog; and what is not PostgreSQL's own stands there as well. So the
# functions are found that triggers, defaults, checks, policies, indexes, operators and domains call.
_REACHED = """
WITH RECURSIVE above AS (
    SELECT to_regclass(given)::oid AS oid FROM unnest($1::text[]) AS given
    UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = oid),
below AS (
    SELECT to_regclass(given)::oid AS oid FROM unnest($1::text[]) AS given
    UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = oid),
family AS (SELECT oid FROM above UNION SELECT oid FROM below),
parts AS (
    SELECT 'pg_class'::regclass::oid AS class, oid FROM family
    UNION SELECT classid, objid FROM pg_depend JOIN family ON refobjid = oid
    WHERE refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION SELECT 'pg_constraint'::regclass, k.oid FROM family JOIN pg_attribute ON attrelid = family.oid
    JOIN pg_constraint k ON contypid = atttypid WHERE contypid <> 0)
SELECT nspname || '.' || relname AS name, relkind NOT IN ('r', 'p')
    OR EXISTS (SELECT FROM parts WHERE class = 'pg_rewrite'::regclass)
    OR EXISTS (SELECT FROM parts JOIN pg_depend ON (classid, objid) = (class, parts.oid)
               WHERE refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
    OR EXISTS (SELECT FROM family JOIN pg_constraint ON confrelid = family.oid AND contype = 'f'
               WHERE confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r')) AS reaches_further
FROM family JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = relnamespace
"""

_ALL_TABLES = """
SELECT format('%I.%I', nspname, relname) AS quoted, nspname || '.' || relname AS name, relname::text AS short
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm', 'f') AND nspname !~ '^(pg_|information_schema$)'
"""


async def resolve(connection: Any, names: Iterable[str]) -> frozenset[str]:
    """Return "schema.table" for tables named as in SQL, and for those they are partitions of; "*" stays.

    Raises ValueError when there is no such table.
    """
    given = list(names)
    if not given:
        return frozenset()
    rows = await connection.fetch(_NAMED, [name for name in given if name != EVERYTHING])
    if unknown := [name for name in given if name not in {EVERYTHING, *(row["given"] for row in rows)}]:
        raise ValueError(
            f"there is no table {unknown[0]!r} in this database: name it as in SQL, 'users' or 'public.users'"
        )
    return frozenset({EVERYTHING}) if EVERYTHING in given else frozenset(row["name"] for row in rows)


async def reached(connection: Any, names: Iterable[str]) -> frozenset[str]:
    """Return the tables that a write to these may change, partitions included; "*" when they are not all known.

    That is so for a view, and for a table with a rule, with a cascade, or with a function of your own in a trigger, a
    default, a check, a policy, an index or a domain.

    Raises ValueError when there is no such table.
    """
    found = await resolve(connection, given := list(names))
    if not found or EVERYTHING in found:
        return found
    rows = await connection.fetch(_REACHED, given)
    if any(row["reaches_further"] for row in rows):
        return frozenset({EVERYTHING})
    return frozenset(row["name"] for row in rows)


async def matching(connection: Any, pattern: str) -> list[str]:
    """Return, named as in SQL, all tables whose name, with or without its schema, `pattern` matches.

    Raises ValueError when there is none.
    """
    rows = await connection.fetch(_ALL_TABLES)
    found = [row for row in rows if fnmatchcase(row["name"], pattern) or fnmatchcase(row["short"], pattern)]
    if not found:
        known = ", ".join(sorted(row["name"] for row in rows)[:20])
        raise ValueError(f"pattern {pattern!r} matches no table: there are {known or 'none yet'}; '*' matches all")
    return [row["quoted"] for row in found]


def quote(name: str) -> str:
    """Return a name as SQL has it between quotes."""
    return '"' + name.replace('"', '""') + '"'
