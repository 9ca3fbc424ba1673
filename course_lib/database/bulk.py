"""Many rows at once, by COPY: one statement and one stream, instead of a round trip for each row."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from course_lib.database.naming import quote, resolve

Record = Mapping[str, Any]
Row = tuple[Any, ...]
Progress = Callable[[int], None]
T = TypeVar("T")

CHUNK = 100_000
"""Rows between two breaths: asyncpg encodes a list without giving way to other tasks, for 0.12 s with so many.

PostgreSQL has nothing to do while the first rows of a chunk are encoded: with smaller chunks, and indexes to be filled,
that takes a fifth of the time with 30,000, and a tenth with 50,000.
"""

_TARGET = """
SELECT nspname AS schema, relname AS name, array_agg(attname::text ORDER BY attnum) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
WHERE c.oid = to_regclass($1) GROUP BY 1, 2
"""


async def copy(
    connection: Any,
    table: str,
    records: Iterable[Record],
    *,
    skip_conflicts: bool,
    progress: Progress | None,
) -> int:
    """Insert records by COPY, inside the transaction of `connection`, and return how many rows were inserted.

    The other arguments are those of `AsyncDatabasePool.bulk_insert`, and so is what it raises.
    """
    rows = iter(records)
    first = next(rows, None)
    if first is None:
        await resolve(connection, [table])
        return 0
    columns = _columns(first)
    chunks = _chunks(itertools.chain([first], rows), columns)

    async def look_up() -> Any:
        return await connection.fetchrow(_TARGET, table) or await resolve(connection, [table])

    async def next_chunk() -> list[Row]:
        return next(chunks, [])

    target, chunk = await _both(look_up(), next_chunk())
    if unknown := [column for column in columns if column not in target["columns"]]:
        raise ValueError(f"{table} has no column {unknown[0]!r}: it has {', '.join(target['columns'])}")
    into = {"table_name": target["name"], "schema_name": target["schema"]}
    names = ", ".join(map(quote, columns))
    full_name = f"{quote(target['schema'])}.{quote(target['name'])}"
    if skip_conflicts:  # which COPY cannot: so it goes through a table of this transaction's own
        into = {"table_name": "bulk_insert_stage"}
        await connection.execute(
            f"CREATE TEMPORARY TABLE bulk_insert_stage ON COMMIT DROP AS SELECT {names} FROM {full_name} WITH NO DATA"
        )
    sent = 0
    while chunk:
        # A COPY for each chunk: one for all would need an asynchronous generator, which takes a tenth more time.
        copying = connection.copy_records_to_table(**into, columns=columns, records=chunk)
        sent += len(chunk)
        _, chunk = await _both(copying, next_chunk())
        if progress:
            progress(sent)
    if not skip_conflicts:
        return sent
    status = await connection.execute(
        f"INSERT INTO {full_name} ({names}) SELECT {names} FROM bulk_insert_stage ON CONFLICT DO NOTHING"
    )
    return int(status.split()[-1])


async def _both(on_connection: Coroutine[Any, Any, T], ready: Coroutine[Any, Any, list[Row]]) -> tuple[T, list[Row]]:
    """Make the next rows ready while PostgreSQL works.

    It waits for both even if one fails or this is cancelled, so that nothing uses the connection afterwards. Of two
    errors, it raises the one of the connection, which is about earlier rows.
    """
    result, rows = await asyncio.gather(on_connection, ready, return_exceptions=True)
    try:
        if isinstance(result, BaseException):
            raise result
        if isinstance(rows, BaseException):
            raise rows
        return result, rows
    finally:
        del result, rows  # an error's traceback leads to this frame


def _columns(first: Any) -> Sequence[str]:
    if not isinstance(first, Mapping):
        raise TypeError(f"records[0] is {first!r:.60}: pass dicts, from column to value")
    if not first or not all(isinstance(column, str) for column in first):
        raise ValueError(f"records[0] is {first!r:.60}: pass dicts, from column to value, with one column or more")
    return list(first)


def _chunks(records: Iterator[Record], columns: Sequence[str]) -> Iterator[list[Row]]:
    """Yield the values of each record, in the order of the columns; raise when one has others than the first."""
    values: Callable[[Record], Any] = itemgetter(*columns)
    done = 0
    while chunk := list(itertools.islice(records, CHUNK)):
        # Checked without a loop in Python: none of the first's columns is missing, and there are as many. Only when
        # something is wrong, it is looked for.
        try:
            rows = list(map(values, chunk))
            even = set(map(len, chunk)) == {len(columns)}
        except (KeyError, TypeError):
            even = False
        if not even:
            raise _first_ragged(done, chunk, columns)
        yield rows if len(columns) > 1 else list(zip(rows))  # itemgetter gives one value bare
        done += len(chunk)


def _first_ragged(done: int, chunk: Iterable[Any], columns: Sequence[str]) -> Exception:
    return next(
        _ragged(index, record, columns)
        for index, record in enumerate(chunk, done)
        if not isinstance(record, Mapping) or set(record) != set(columns)
    )


def _ragged(index: int, record: Any, columns: Sequence[str]) -> Exception:
    if not isinstance(record, Mapping):
        return TypeError(f"records[{index}] is {record!r:.60}: pass dicts, from column to value")
    missing = [column for column in columns if column not in record]
    extra = [column for column in record if column not in columns]
    found = " and ".join(
        f"{what} {', '.join(map(repr, names))}" for what, names in (("no", missing), ("also", extra)) if names
    )
    return ValueError(
        f"records[{index}] has {found}, unlike records[0]: give all records the same columns (None for NULL)"
    )
