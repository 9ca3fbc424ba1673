"""What a statement is: a read of known tables, something to be watched, or something that runs alone.

PostgreSQL's own parser says it, not a guess from the text. The statement is made the body of a function, which is
rolled back at once: what PostgreSQL keeps of such a body is the tree of what it has understood, with a number for each
table, function and operator, however they were written. Views, policies, domains and generated columns are kept as such
trees, too.

- A read calls no function but those of PostgreSQL's own that write nothing. It runs in a session that cannot write, and
  may be cached if its result depends on its parameters and tables alone.
- Every other statement that has a plan may write, whatever it looks like. It runs where it can, in a transaction that
  is asked what it has done (`witness.py`). It may be cached when all its functions are declared IMMUTABLE, or STABLE
  and you name the tables, and when it has written nothing.
- CREATE, CALL, VACUUM and the like may end a transaction, or refuse to run in one. They run alone, and stand for a
  write to all tables.

Source: the manual of PostgreSQL, "CREATE FUNCTION" (sql_body), "pg_proc" and "pg_rewrite".
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import asyncpg  # type: ignore[import-untyped]

from course_lib.database.naming import EVERYTHING, quote, resolve
from course_lib.database.session import roll_back

_REMEMBER = 60.0  # seconds
_MOST = 1000  # statements remembered


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known about a statement.

    way: how it is executed, see above
    tables: "schema.table" of each table that it reads
    obstacle: why its result must not be cached; empty when nothing is in the way
    schema: Redis's token of the schema, as it was before this was found out; None without Redis
    """

    way: Literal["read", "watched", "alone"] = "watched"
    tables: frozenset[str] = frozenset()
    obstacle: str = "it may write"
    schema: bytes | None = None


UNKNOWN = Statement()

# What a STABLE function of PostgreSQL's own may depend on besides its arguments and those settings that are part of
# every key: time, session, catalog, other tables.
_NOT_ITS_ARGUMENTS_ALONE = (
    "^(now|age|version|(statement|transaction)_timestamp|(pg|current|inet|txid|has|mxid)_.*|to_reg.*"
    "|reg(class|coll|conf|dict|names|oper|proc|role|type).*|(session|system)_user|getpgusername|get_current_ts_config"
    "|format_type|row_security_active|(col|obj|shobj)_description|jsonb?_(populate|to)_record.*|.*xml.*)$"
)
_OBSTACLES = {
    "SQLVALUEFUNCTION": "it uses CURRENT_DATE, CURRENT_USER or another such value",
    "TABLESAMPLECLAUSE": "it reads a sample, another one each time",
    "XMLEXPR": "it makes XML, in which times and settings may stand",
    "resulttype": "it makes a time of a text, which may say 'now'",
}
# Trees hold trees: a table's policies and columns, a view's query, a domain's checks. An inheriting table and an
# operator's function are put as a tree would name them.
_FOUND = r"""
WITH RECURSIVE trees AS (
    SELECT prosqlbody::text AS tree FROM pg_proc
    WHERE proname = 'course_statement' AND pronamespace = pg_my_temp_schema()
    UNION
    SELECT inner_tree FROM trees,
    LATERAL (SELECT m[1] AS kind, m[2]::oid AS oid
             FROM regexp_matches(tree, ':(relid|opno|resulttype|paramtype) (\d+)', 'g') AS m) AS named,
    LATERAL (
        SELECT ev_action::text FROM pg_rewrite
            WHERE kind = 'relid' AND ev_class = named.oid AND ev_class >= 16384 AND ev_type = '1'
        UNION ALL SELECT polqual::text FROM pg_policy WHERE kind = 'relid' AND polrelid = named.oid
        UNION ALL SELECT adbin::text FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
            WHERE kind = 'relid' AND adrelid = named.oid AND attgenerated = 'v'
        UNION ALL SELECT ':relid ' || inhrelid FROM pg_inherits WHERE kind = 'relid' AND inhparent = named.oid
        UNION ALL SELECT ':funcid ' || oprcode::oid FROM pg_operator WHERE kind = 'opno' AND pg_operator.oid = named.oid
        UNION ALL SELECT conbin::text FROM pg_constraint WHERE kind LIKE '%type' AND contypid = named.oid
        UNION ALL SELECT ':resulttype ' || typbasetype FROM pg_type
            WHERE kind LIKE '%type' AND pg_type.oid = named.oid AND typbasetype <> 0
    ) AS found(inner_tree)
    WHERE inner_tree IS NOT NULL),
named AS MATERIALIZED (
    SELECT DISTINCT coalesce(m[1], m[3], m[4]) AS kind, m[2]::oid AS oid FROM trees, regexp_matches(tree,
        ':(relid|funcid|aggfnoid|winfnoid|startInRangeFunc|endInRangeFunc|commandType) (\d+)'
        '|\{(SQLVALUEFUNCTION|TABLESAMPLECLAUSE|XMLEXPR|ROWMARKCLAUSE|NEXTVALUEEXPR)'
        '|:(resulttype) (?:1082|1083|1114|1184|1266) :resultcollid', 'g') AS m)
SELECT 'table' AS what, nspname || '.' || relname AS name, relkind::text AS kind, c.oid < 16384 AS of_system
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE c.oid = ANY (ARRAY(SELECT oid FROM named WHERE kind = 'relid'))
UNION ALL
SELECT 'function', proname, provolatile::text, oid < 16384 FROM pg_proc
WHERE oid = ANY (ARRAY(SELECT oid FROM named WHERE kind ~ '[fF]unc|fnoid'))
    AND (oid >= 16384 OR provolatile = 'v' OR (provolatile = 's' AND proname ~ $1))
UNION ALL
SELECT 'tag', concat_ws(' ', kind, CASE WHEN kind = 'commandType' THEN oid END), '', true
FROM named WHERE kind !~ 'relid|[fF]unc|fnoid'
"""

# The counters that the witness looks at would show the function that was rolled back, until they are flushed.
_END = "ROLLBACK; SELECT pg_stat_force_next_flush()"


class Analyst:
    """Finds out what statements are, and remembers it for a minute."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[float, Statement]] = {}
        self.changes = 0  # how often everything was forgotten

    def known(self, query: str, tables: Sequence[str] = ()) -> Statement | None:
        """Return what is known about a statement, None when PostgreSQL must be asked."""
        asked, statement = self._known.get((query, *tables), (-_REMEMBER, None))
        return statement if time.monotonic() - asked < _REMEMBER else None

    def forget(self) -> None:
        """Forget everything, also what is being found out now: the schema may have changed."""
        self._known.clear()
        self.changes += 1

    def forget_one(self, query: str, tables: Sequence[str]) -> None:
        """Forget what is known about a statement."""
        self._known.pop((query, *tables), None)

    def remember(self, query: str, tables: Sequence[str], statement: Statement) -> None:
        """Remember what a statement is when the caller names these tables."""
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[query, *tables] = (time.monotonic(), statement)

    async def ask(self, connection: Any, query: str, tables: Sequence[str], schema: bytes | None) -> Statement:
        """Ask PostgreSQL what a statement is, on a connection that is reset afterwards.

        Args:
            tables: those that the caller has named.
            schema: Redis's token, seen before this is called.

        Raises asyncpg.PostgresError when PostgreSQL does not accept the statement, ValueError when one of `tables` does
        not exist.
        """
        changes = self.changes
        named = await resolve(connection, tables)
        prepared = await connection.prepare(query)
        statement = replace(await _understand(connection, query, prepared.get_parameters(), named), schema=schema)
        if changes == self.changes:
            self.remember(query, tables, statement)
        return statement


async def _understand(connection: Any, query: str, parameters: Iterable[Any], named: frozenset[str]) -> Statement:
    arguments = ", ".join(_type(parameter) for parameter in parameters)
    end = _END if connection.get_server_version() >= (15,) else "ROLLBACK"
    try:
        # asyncpg's prepare leaves a transaction open until the next command. The line break ends a statement's comment.
        await connection.execute(
            f"ROLLBACK; BEGIN READ WRITE; CREATE FUNCTION pg_temp.course_statement({arguments}) RETURNS void "
            f"BEGIN ATOMIC {query}\n; END"
        )
        found = await connection.fetch(_FOUND, _NOT_ITS_ARGUMENTS_ALONE)
    except (asyncpg.FeatureNotSupportedError, asyncpg.PostgresSyntaxError):
        return Statement("alone", frozenset({EVERYTHING}))  # it is none that a function may have: it has no plan
    except asyncpg.PostgresError:
        return UNKNOWN  # no right to make a function, for example
    finally:
        await roll_back(connection, end)
    tags = {row["name"] for row in found if row["what"] == "tag"}
    functions = [row for row in found if row["what"] == "function"]
    tables = [row for row in found if row["what"] == "table"]
    if "commandType 1" not in tags:
        return UNKNOWN if tags else Statement("alone", frozenset({EVERYTHING}))
    if tags - {"commandType 1", *_OBSTACLES}:
        return UNKNOWN
    obstacle = _obstacle(tags, functions, tables, bool(named))
    known = all(row["of_system"] and row["kind"] != "v" for row in functions)
    read = frozenset(row["name"] for row in tables if row["kind"] != "v")
    return Statement("read" if known else "watched", read | named, obstacle)


def _obstacle(tags: set[str], functions: Sequence[Any], tables: Sequence[Any], named: bool) -> str:
    if any(row["of_system"] for row in tables):
        return "it reads PostgreSQL's own tables, which change without a statement of ours"
    if any(row["kind"] in "Sf" for row in tables):
        return "it reads a sequence or a foreign table, which changes without a statement that names it"
    for tag, obstacle in _OBSTACLES.items():
        if tag in tags:
            return obstacle
    for row in functions:
        if row["kind"] == "v" or (row["kind"] == "s" and (row["of_system"] or not named)):
            return f"it calls {row['name']}"
    return ""


def _type(parameter: Any) -> str:
    name = parameter.name.removesuffix("[]")
    return f"{quote(parameter.schema)}.{quote(name)}{parameter.name[len(name) :]}"
