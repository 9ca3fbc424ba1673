"""What a statement does: which tables it reads or writes, and whether its result depends on these tables alone.

PostgreSQL knows, so PostgreSQL is asked, once a minute for each text. Its planner names the tables: EXPLAIN sees
through views, rules and WITH, and no comment misleads it. Its catalog says what functions, triggers and foreign keys
do. Whether a statement only reads is not left to this analysis: it runs in a read-only session, in which PostgreSQL
refuses to write, whatever the text looks like and whatever its functions do.

What nobody can know from outside:

- which tables a function of your own reads. A statement that calls one is cached only when it is IMMUTABLE, or when
  it is STABLE and you name the tables;
- what an operator, cast or aggregate of your own calls, and a function in a view's LIMIT or list of VALUES, which
  EXPLAIN does not show. What it changes, it can only change for 5 s.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from course_lib.database.cache import EVERYTHING

_REMEMBER = 60.0  # seconds: so long a process may take to notice that a view or a trigger was changed by another one
_MOST = 1000  # statements remembered


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known about a statement.

    writes: whether it needs a session that may write
    tables: "schema.table" of each table that it reads, or, when it writes, that it may change; "*" stands for all
    obstacle: why its result must not be cached; empty when nothing is in the way
    naming_helps: whether it may be cached all the same when the caller names the tables
    spotless: whether it has no way to leave something behind in its session
    """

    writes: bool = False
    tables: frozenset[str] = frozenset()
    obstacle: str = ""
    naming_helps: bool = False
    spotless: bool = False

    def naming(self, tables: frozenset[str]) -> "Statement":
        """Return the same with `tables` as the caller has named them."""
        return replace(self, tables=tables, obstacle="" if self.naming_helps else self.obstacle)


UNKNOWN = Statement(writes=True, tables=frozenset({EVERYTHING}), obstacle="it may write anything")

# What a STABLE function of PostgreSQL's own may depend on besides its arguments: time, session, catalog, other tables.
_NOT_ITS_ARGUMENTS_ALONE = (
    "^(now|age|(statement|transaction)_timestamp|(pg|current|inet|txid|has|to_reg)_.*|row_security_active|.*_to_xml.*)$"
)
_KEYWORDS = re.compile(r"\b(current_\w+|localtime|localtimestamp|session_user|user)\b", re.IGNORECASE)
_CALLS = re.compile(r'([^\W\d][\w$]*)"?\s*\(')
_COMMENTS = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)

_FUNCTIONS = """
SELECT proname, provolatile = 'v' AS volatile, pronamespace = 'pg_catalog'::regnamespace AS built_in FROM pg_proc
WHERE proname = ANY($1) AND provolatile <> 'i'
  AND (provolatile = 'v' OR pronamespace <> 'pg_catalog'::regnamespace OR proname ~ $2)
ORDER BY volatile DESC
"""
# A partition is found together with the tables above it: a write may name the one, and a read the other.
_TABLES = """
WITH RECURSIVE family AS (
    SELECT to_regclass(name)::oid AS oid FROM unnest($1::text[]) AS name
    UNION SELECT inhparent FROM pg_inherits JOIN family ON inhrelid = oid)
SELECT nspname || '.' || relname AS name, nspname ~ '^(pg_|information_schema$)' AS of_system,
    relkind IN ('S', 'f') AS changes_unseen,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
    OR EXISTS (SELECT FROM pg_constraint WHERE confrelid = c.oid AND contype = 'f'
               AND (confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r'))) AS reaches_further
FROM family JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = relnamespace
"""


class Analyst:
    """Finds out what statements do, and remembers it for a minute."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[float, Statement]] = {}

    def known(self, query: str, tables: Sequence[str] = ()) -> Statement | None:
        """Return what is known about a statement, None when PostgreSQL must be asked."""
        asked, statement = self._known.get((query, *tables), (-_REMEMBER, None))
        return statement if time.monotonic() - asked < _REMEMBER else None

    def forget(self) -> None:
        """Forget everything: the schema may have changed."""
        self._known.clear()

    def remember(self, query: str, tables: Sequence[str], statement: Statement) -> None:
        """Remember what a statement does when the caller names these tables."""
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[query, *tables] = (time.monotonic(), statement)

    async def ask(self, connection: Any, query: str, tables: Sequence[str] = ()) -> Statement:
        """Ask PostgreSQL what a statement does, on a connection that is reset afterwards.

        Raises asyncpg.PostgresError when PostgreSQL does not accept the statement, ValueError when one of `tables`,
        which the caller has named, does not exist.
        """
        prepared = await connection.prepare(query)
        # A plan that holds for every parameter: one made for NULL, or for false, may have left all the tables out; and
        # a plan for every parameter still leaves out, when it starts, the partitions that NULL cannot lie in.
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_partition_pruning = off")
        nulls = ", ".join(["NULL"] * len(prepared.get_parameters()))
        arguments = f"({nulls})" if nulls else ""
        statement = UNKNOWN
        try:
            explained = await connection.fetchval(
                f'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE "{prepared.get_name()}"{arguments}'
            )
            if nodes := list(_nodes(json.loads(explained))):
                statement = await _judge(connection, query, explained, nodes)
        except asyncpg.PostgresError:
            pass  # it has no plan: CREATE, SET, CALL ...
        if tables:
            statement = statement.naming(await resolve(connection, tables))
        self.remember(query, tables, statement)
        return statement


async def _judge(connection: Any, query: str, explained: str, nodes: list[dict[str, Any]]) -> Statement:
    kinds = {node.get("Node Type") for node in nodes}
    calls = await connection.fetch(_FUNCTIONS, _calls(query, explained), _NOT_ITS_ARGUMENTS_ALONE)
    if "ModifyTable" in kinds:
        # Of a MERGE or of a parent table, what is written stands in entries that are no nodes of the plan.
        targets = [node for node in nodes if node.get("Node Type", "ModifyTable") == "ModifyTable"]
        if any(call["volatile"] and call["proname"] not in _HARMLESS for call in calls):
            return UNKNOWN
        return Statement(writes=True, tables=await resolve(connection, _names(targets), written=True))
    if "LockRows" in kinds:  # which a read-only session refuses
        return Statement(writes=True)
    rows = await connection.fetch(_TABLES, _names(nodes))
    tables = frozenset(row["name"] for row in rows)
    obstacle, naming_helps = "", False
    if any(row["of_system"] for row in rows):
        obstacle = "it reads PostgreSQL's own tables, which change without a statement of ours"
    elif any(row["changes_unseen"] for row in rows):
        obstacle = "it reads a sequence or a foreign table, which changes without a statement that names it"
    elif "Sample Scan" in kinds:
        obstacle = "it reads a sample, another one each time"
    elif keyword := _KEYWORDS.search(query + explained):
        obstacle = f"it uses {keyword[0]}"
    elif calls:
        obstacle = f"it calls {calls[0]['proname']}"
        naming_helps = not any(call["volatile"] or call["built_in"] for call in calls)
    return Statement(False, tables, obstacle, naming_helps, spotless=not calls)


# Volatile, and often part of a write: none of them writes a table.
_HARMLESS = {"nextval", "random", "gen_random_uuid", "clock_timestamp", "uuidv4", "uuidv7", "setval", "currval"}


async def resolve(connection: Any, names: Iterable[str], *, written: bool = False) -> frozenset[str]:
    """Return "schema.table" for tables named as in SQL, and for those they are partitions of; "*" stays.

    written: whether they are written: then "*" is returned if a trigger or a cascade takes a write further

    Raises ValueError when there is no such table.
    """
    found: set[str] = set()
    for name in names:
        if name == EVERYTHING:
            return frozenset({EVERYTHING})
        rows = await connection.fetch(_TABLES, [name])
        if not rows:
            raise ValueError(
                f"there is no table {name!r} in this database: name it as in SQL, 'users' or 'public.users'"
            )
        if written and any(row["reaches_further"] for row in rows):
            return frozenset({EVERYTHING})
        found.update(row["name"] for row in rows)
    return frozenset(found)


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a plan in JSON: its nodes, and the entries of their lists of tables."""
    if isinstance(plan, list):
        for item in plan:
            yield from _nodes(item)
    elif isinstance(plan, dict):
        if "Node Type" in plan or "Relation Name" in plan:
            yield plan
        for value in plan.values():
            yield from _nodes(value)


def _names(nodes: Iterable[dict[str, Any]]) -> list[str]:
    tables = {(node.get("Schema", ""), node["Relation Name"]) for node in nodes if "Relation Name" in node}
    return [f"{quote(schema)}.{quote(name)}" for schema, name in tables]


def quote(name: str) -> str:
    """Return a name as SQL has it between quotes."""
    return '"' + name.replace('"', '""') + '"'


def _calls(query: str, explained: str) -> list[str]:
    """Return all names before a parenthesis, with and without comments, which may hide one or be quoted text."""
    texts = (query, _COMMENTS.sub(" ", query), explained)
    return sorted({name.lower() for text in texts for name in _CALLS.findall(text)})


_ALL_TABLES = """
SELECT nspname || '.' || relname AS name, relname::text AS short
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm', 'f') AND nspname !~ '^(pg_|information_schema$)'
"""


async def matching(connection: Any, pattern: str) -> frozenset[str]:
    """Return "schema.table" of all tables whose name, with or without its schema, `pattern` matches.

    Raises ValueError when there is none.
    """
    rows = await connection.fetch(_ALL_TABLES)
    found = {row["name"] for row in rows if fnmatchcase(row["name"], pattern) or fnmatchcase(row["short"], pattern)}
    if not found:
        known = ", ".join(sorted(row["name"] for row in rows)[:20])
        raise ValueError(f"pattern {pattern!r} matches no table: there are {known or 'none yet'}; '*' matches all")
    return frozenset(found)
