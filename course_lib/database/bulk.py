"""Many rows at once, by COPY: one statement and one stream, instead of a round trip for each row."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from course_lib.database.sql import quote

Record = Mapping[str, Any]
Progress = Callable[[int], None]

CHUNK = 20_000
"""Rows between two breaths: asyncpg encodes without giving way to other tasks, for 40 ms with so many."""

_TARGET = """
SELECT nspname AS schema, relname AS name, array_agg(attname::text ORDER BY attnum) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
WHERE c.oid = to_regclass($1) GROUP BY 1, 2
"""


async def copy(
    connection: Any, table: str, records: Iterable[Record], *, skip_conflicts: bool, progress: Progress | None
) -> int:
    """Insert records by COPY, inside the transaction of `connection`, and return how many rows were inserted.

    The arguments are those of `AsyncDatabasePool.bulk_insert`, and so is what it raises.
    """
    rows = iter(records)
    first = next(rows, None)
    if first is None:
        return 0
    columns = _columns(first)
    target = await connection.fetchrow(_TARGET, table)
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
    tuples = _tuples(itertools.chain([first], rows), columns)
    sent = 0

    async def in_chunks(chunk: list[tuple[Any, ...]]) -> AsyncIterator[tuple[Any, ...]]:
        nonlocal sent
        while chunk:
            for row in chunk:
                yield row
            sent += len(chunk)
            if progress:
                progress(sent)
            await asyncio.sleep(0)
            chunk = list(itertools.islice(tuples, CHUNK))

    # One COPY for all: between two of them, PostgreSQL would have nothing to do.
    head = list(itertools.islice(tuples, CHUNK))
    if len(head) == CHUNK:
        await connection.copy_records_to_table(**into, columns=columns, records=in_chunks(head))
    else:  # a list takes a sixth less time than an asynchronous generator
        await connection.copy_records_to_table(**into, columns=columns, records=head)
        sent = len(head)
        if progress:
            progress(sent)
    if not skip_conflicts:
        return sent
    status = await connection.execute(
        f"INSERT INTO {full_name} ({names}) SELECT {names} FROM bulk_insert_stage ON CONFLICT DO NOTHING"
    )
    return int(status.split()[-1])


def _columns(first: Any) -> Sequence[str]:
    if not isinstance(first, Mapping):
        raise TypeError(f"records[0] is {first!r:.60}: pass dicts, from column to value")
    if not first or not all(isinstance(column, str) for column in first):
        raise ValueError(f"records[0] is {first!r:.60}: pass dicts, from column to value, with one column or more")
    return list(first)


def _tuples(records: Iterator[Record], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each record, in the order of the columns; raise when one has others than the first."""
    values: Callable[[Record], tuple[Any, ...]] = itemgetter(*columns)
    width = len(columns)
    for index, record in enumerate(records):
        # Both checks cost less than comparing the keys: as many as the first has, and none of the first's missing.
        try:
            row = values(record)
            ragged = len(record) != width
        except (KeyError, TypeError):
            ragged = True
        if ragged:
            raise _ragged(index, record, columns)
        yield row if width > 1 else (row,)


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
