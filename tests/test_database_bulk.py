"""Inserting many rows by COPY."""

import asyncpg
import pytest
from database_lab import asynchronous, fresh_table, make_pool

from course_lib.database import bulk

COUNT = "SELECT count(*) AS n FROM things"


async def count(pool) -> int:
    return (await pool.execute_query(COUNT))[0]["n"]


@asynchronous
async def test_many_rows_arrive_in_chunks_with_progress(monkeypatch):
    """All records are there, from any iterable, and progress is told after each chunk."""
    monkeypatch.setattr(bulk, "CHUNK", 400)
    async with make_pool() as pool:
        await fresh_table(pool)
        assert await count(pool) == 0
        told = []
        records = ({"word": f"word {number}", "id": number} for number in range(1000))
        assert await pool.bulk_insert("things", records, progress=told.append) == 1000
        assert told == [400, 800, 1000]
        assert await count(pool) == 1000
        assert await pool.execute_query("SELECT word FROM things WHERE id = 999") == [{"word": "word 999"}]


@asynchronous
async def test_no_records_are_no_work():
    """An empty list inserts nothing and is no error."""
    async with make_pool() as pool:
        await fresh_table(pool)
        assert await pool.bulk_insert("things", []) == 0


@pytest.mark.parametrize(
    ("records", "error", "told"),
    [
        (
            [{"id": 1, "word": "a"}, {"id": 2}],
            ValueError,
            r"records\[1\] has no 'word', unlike records\[0\]: give all records the same columns \(None for NULL\)",
        ),
        ([{"id": 1}, {"id": 2, "word": "b"}], ValueError, r"records\[1\] has also 'word'"),
        ([{"id": 1}, {"word": "b"}], ValueError, r"records\[1\] has no 'id' and also 'word'"),
        ([{"id": 1}, (2,)], TypeError, r"records\[1\] is \(2,\): pass dicts"),
        ([(1, "a")], TypeError, r"records\[0\] is \(1, 'a'\): pass dicts, from column to value"),
        ([{}], ValueError, r"records\[0\] is \{\}: pass dicts, from column to value, with one column or more"),
        ([{"id": 1, "age": 2}], ValueError, "things has no column 'age': it has id, word"),
        ([{'id") VALUES (1); --': 1}], ValueError, "has no column"),
        ([{"id": 1, "word": "a"}] * 2, asyncpg.UniqueViolationError, "duplicate key"),
        ([{"id": "one"}], TypeError, "cannot be interpreted as an integer"),
    ],
)
@asynchronous
async def test_wrong_records_insert_nothing_and_are_named(records, error, told):
    """A ragged, unknown, duplicate or ill-typed record is named, and none of the others is inserted either."""
    async with make_pool() as pool:
        await fresh_table(pool)
        with pytest.raises(error, match=told):
            await pool.bulk_insert("things", records)
        assert await count(pool) == 0


@asynchronous
async def test_a_late_wrong_record_takes_back_the_chunks_before_it(monkeypatch):
    """When the last record is ragged, the chunks already sent are rolled back."""
    monkeypatch.setattr(bulk, "CHUNK", 10)
    async with make_pool() as pool:
        await fresh_table(pool)
        records = [{"id": number, "word": "x"} for number in range(25)] + [{"id": 25}]
        with pytest.raises(ValueError, match=r"records\[25\] has no 'word'"):
            await pool.bulk_insert("things", records)
        assert await count(pool) == 0


@asynchronous
async def test_conflicts_are_skipped_on_request(monkeypatch):
    """With skip_conflicts the rows that a unique index refuses are left out, and not counted."""
    monkeypatch.setattr(bulk, "CHUNK", 10)
    async with make_pool() as pool:
        await fresh_table(pool)
        await pool.bulk_insert("things", [{"id": number, "word": "old"} for number in range(0, 40, 2)])
        records = [{"id": number, "word": "new"} for number in range(25)] * 2
        assert await pool.bulk_insert("things", records, skip_conflicts=True) == 12
        assert await pool.execute_query("SELECT word, count(*) AS n FROM things GROUP BY 1 ORDER BY 1") == [
            {"word": "new", "n": 12},
            {"word": "old", "n": 20},
        ]


@asynchronous
async def test_names_are_quoted_and_checked():
    """A table is named as in SQL, with schema and quotes; what is no table is an error before anything is sent."""
    async with make_pool() as pool:
        await pool.execute_query('DROP TABLE IF EXISTS "Odd; name"')
        await pool.execute_query('CREATE TABLE "Odd; name" ("select" int, "a "" b" text)')
        assert await pool.bulk_insert('"Odd; name"', [{"select": 1, 'a " b': "x"}]) == 1
        assert await pool.bulk_insert('public."Odd; name"', [{"select": 2, 'a " b': "x"}], skip_conflicts=True) == 1
        await pool.execute_query('DROP TABLE "Odd; name"')
        for table in ("nowhere", "public.nowhere"):
            with pytest.raises(ValueError, match=f"there is no table '{table}'"):
                await pool.bulk_insert(table, [{"id": 1}])
        with pytest.raises((ValueError, asyncpg.PostgresError)):
            await pool.bulk_insert("things; DROP TABLE things", [{"id": 1}])
        await fresh_table(pool)
        await pool.execute_query("CREATE VIEW things_seen AS SELECT id, word || '' AS word FROM things")
        with pytest.raises(asyncpg.PostgresError, match="cannot copy to view"):
            await pool.bulk_insert("things_seen", [{"id": 1}])


@asynchronous
async def test_columns_left_out_get_their_defaults():
    """Only the columns of the records are written; identity and generated columns are the table's affair."""
    async with make_pool() as pool:
        await fresh_table(
            pool,
            columns="id int GENERATED ALWAYS AS IDENTITY, word text, size int DEFAULT 7, twice int "
            "GENERATED ALWAYS AS (size * 2) STORED",
        )
        assert await pool.bulk_insert("things", [{"word": "a"}, {"word": None}]) == 2
        rows = await pool.execute_query("SELECT * FROM things ORDER BY id")
        assert rows[1] == {"id": 2, "word": None, "size": 7, "twice": 14}
        with pytest.raises(ValueError, match="no column 'twice': it has id, word, size"):
            await pool.bulk_insert("things", [{"twice": 1}])
