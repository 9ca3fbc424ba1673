"""Ways to write the rows that tests/consistency.py reads: plain ones, and those whose text says nothing of it.

Each way writes a number into a row of consistency_rows, by a pool. The sources beside them are chapters and commands of
PostgreSQL's manual.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from course_lib.database import AsyncDatabasePool

SCHEMA = """
DROP SCHEMA IF EXISTS consistency CASCADE;
CREATE SCHEMA consistency;
CREATE TABLE consistency.parents (id int, version bigint, UNIQUE (id, version));
CREATE TABLE consistency.rows (
    id int, version bigint NOT NULL, parent int, cascaded bigint,
    FOREIGN KEY (parent, cascaded) REFERENCES consistency.parents (id, version) ON UPDATE CASCADE
) PARTITION BY RANGE (id);
CREATE TABLE consistency.leaf_1 PARTITION OF consistency.rows FOR VALUES FROM (0) TO (6);
CREATE TABLE consistency.leaf_2 PARTITION OF consistency.rows FOR VALUES FROM (6) TO (1000);
CREATE INDEX ON consistency.rows (id);
CREATE VIEW consistency."Seen" AS SELECT id, version FROM consistency.rows;

CREATE FUNCTION consistency.put(int, bigint) RETURNS bigint LANGUAGE sql AS
  'UPDATE consistency.rows SET version = $2 WHERE id = $1 RETURNING version';
CREATE FUNCTION consistency."Put Ä"(int, bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN RETURN consistency.put($1, $2); END $$;
CREATE FUNCTION consistency."putStable"(int, bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS
  $$ BEGIN RETURN consistency."Put Ä"($1, $2); END $$;
CREATE FUNCTION consistency.put_or_hide(int, bigint) RETURNS bigint LANGUAGE plpgsql AS
  $$ BEGIN RETURN consistency.put($1, $2); EXCEPTION WHEN read_only_sql_transaction THEN RETURN 0; END $$;
CREATE FUNCTION consistency.put_or_hide_stable(int, bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS
  $$ BEGIN RETURN consistency.put_or_hide($1, $2); END $$;
CREATE FUNCTION consistency.allowed(int, bigint) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN PERFORM consistency.put($1, $2); RETURN true; END $$;
CREATE FUNCTION consistency.on_insert() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM consistency.put(NEW.id, NEW.version); RETURN NULL; END $$;
CREATE FUNCTION consistency.instead() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM consistency.put(NEW.id, NEW.version); RETURN NEW; END $$;
CREATE OPERATOR consistency.<~ (LEFTARG = int, RIGHTARG = bigint, FUNCTION = consistency.put);
CREATE VIEW consistency.door AS SELECT 1 AS id, 1::bigint AS version;
CREATE TRIGGER open INSTEAD OF INSERT ON consistency.door FOR EACH ROW EXECUTE FUNCTION consistency.instead();
CREATE TABLE consistency.inbox (id int, version bigint) PARTITION BY RANGE (id);
CREATE TABLE consistency.inbox_1 PARTITION OF consistency.inbox FOR VALUES FROM (0) TO (1000);
CREATE TRIGGER leaf AFTER INSERT ON consistency.inbox_1 FOR EACH ROW EXECUTE FUNCTION consistency.on_insert();
CREATE TABLE consistency.late (id int, version bigint);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON consistency.late DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION consistency.on_insert();
CREATE TABLE consistency.ruled (id int, version bigint);
CREATE RULE also AS ON INSERT TO consistency.ruled DO INSTEAD
  UPDATE consistency.rows SET version = NEW.version WHERE id = NEW.id;
CREATE TABLE consistency.checked (id int, version bigint, CHECK (consistency.allowed(id, version)));
CREATE TABLE consistency.wanted (id int, version bigint);
CREATE FUNCTION consistency.put_wanted() RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE want consistency.wanted;
  BEGIN DELETE FROM consistency.wanted RETURNING * INTO want; RETURN consistency.put(want.id, want.version); END $$;
CREATE TABLE consistency.defaulted (id int, version bigint DEFAULT consistency.put_wanted());
CREATE DOMAIN consistency.pair AS bigint[] CHECK (consistency.allowed(VALUE[1]::int, VALUE[2]));
CREATE PROCEDURE consistency.put_twice(int, bigint) LANGUAGE plpgsql AS
  $$ BEGIN PERFORM consistency.put($1, -$2); PERFORM consistency.put($1, $2); END $$;
CREATE PROCEDURE consistency.put_and_commit(int, bigint) LANGUAGE plpgsql AS
  $$ BEGIN PERFORM consistency.put($1, $2); COMMIT; PERFORM 1; COMMIT; END $$;
"""
ROWS = "INSERT INTO consistency.rows SELECT n, 0, n, 0 FROM generate_series(0, $1::int - 1) n"
PARENTS = "INSERT INTO consistency.parents SELECT n, 0 FROM generate_series(0, $1::int - 1) n"

NUMBER = "CASE WHEN version < 0 THEN version ELSE greatest(version, cascaded) END"
SET = "UPDATE consistency.rows SET version = $2 WHERE id = $1"
TABLE = "consistency.rows"
Way = Callable[[AsyncDatabasePool, int, int], Awaitable[object]]


async def prepare(dsn: str, rows: int) -> None:
    """Make the tables, functions and triggers anew, with so many rows."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(SCHEMA)
    for fill in (PARENTS, ROWS):
        await connection.execute(fill, rows)
    await connection.close()


def query(text: str, **options: object) -> Way:
    """Return the way that executes one statement with row and number."""
    return lambda pool, row, number: pool.execute_query(text, row, number, **options)


def transaction(text: str, **options: object) -> Way:
    """Return the way that executes it in a transaction."""
    return lambda pool, row, number: pool.execute_transaction([(text, (row, number))], **options)


def pasted(text: str) -> Way:
    """Return the way that executes a statement which takes no parameters."""
    return lambda pool, row, number: pool.execute_query(text.format(row=row, number=number))


def lent(table: str, text: str = SET) -> Way:
    """Return the way that borrows a connection, and names `table`."""

    async def write(pool: AsyncDatabasePool, row: int, number: int) -> None:
        async with pool.acquire_pg_connection(writes=table) as connection:
            await connection.execute(text, row, number)

    return write


def inserted(table: str, **options: object) -> Way:
    """Return the way that inserts by COPY."""
    return lambda pool, row, number: pool.bulk_insert(table, [{"id": row, "version": number}], **options)


async def twice(pool: AsyncDatabasePool, row: int, number: int) -> None:
    await pool.execute_transaction([(SET, (row, -number)), (SET, (row, number))])


async def rolled_back(pool: AsyncDatabasePool, row: int, number: int) -> None:
    try:
        await pool.execute_transaction([(SET, (row, -number)), ("SELECT 1 / 0", ())])
    except asyncpg.DivisionByZeroError:
        pass
    await pool.execute_query(f"/* */ WITH written AS ({SET} RETURNING 1) SELECT * FROM written", row, number)


async def in_a_script(pool: AsyncDatabasePool, row: int, number: int) -> None:
    script = f"SELECT 1; UPDATE consistency.rows SET version = {number} WHERE id = {row}; COMMIT; SELECT 2"
    await pool.execute_transaction([(script, ())])


async def cascade(pool: AsyncDatabasePool, row: int, number: int) -> None:
    await pool.execute_query("UPDATE consistency.parents SET version = $2 WHERE id = $1", row, number)


async def cascade_named(pool: AsyncDatabasePool, row: int, number: int) -> None:
    text = "UPDATE consistency.parents SET version = $2 WHERE id = $1"
    await pool.execute_transaction([(text, (row, number))], tables="consistency.parents")


async def default(pool: AsyncDatabasePool, row: int, number: int) -> None:
    await pool.execute_transaction(
        [
            ("INSERT INTO consistency.wanted VALUES ($1, $2)", (row, number)),
            ("INSERT INTO consistency.defaulted (id) VALUES ($1)", (row,)),
        ]
    )


async def default_named(pool: AsyncDatabasePool, row: int, number: int) -> None:
    async with (
        pool.acquire_pg_connection(writes=["consistency.defaulted", "consistency.wanted"]) as connection,
        connection.transaction(),
    ):
        await connection.execute("INSERT INTO consistency.wanted VALUES ($1, $2)", row, number)
        await connection.execute("INSERT INTO consistency.defaulted (id) VALUES ($1)", row)


async def past_the_pool(pool: AsyncDatabasePool, row: int, number: int) -> None:
    connection = await asyncpg.connect(pool.postgres_dsn)
    await connection.execute('UPDATE consistency."Seen" SET version = $2 WHERE id = $1', row, number)
    await connection.close()
    await pool.invalidate('consistency."Seen"')


async def moved_partition(pool: AsyncDatabasePool, row: int, number: int) -> None:
    """Put the row into a partition of its own, attached meanwhile, and write it there by the partition's name."""
    leaf = f"consistency.leaf_of_{row}"
    bounds = f"FOR VALUES FROM ({1000 + row}) TO ({1001 + row})"
    await pool.execute_query(f"CREATE TABLE IF NOT EXISTS {leaf} (LIKE consistency.rows)")
    await pool.execute_transaction(
        [
            (f"TRUNCATE {leaf}", ()),
            (f"INSERT INTO {leaf} SELECT {1000 + row}, 0 FROM consistency.rows WHERE id = {row}", ()),
            (f"ALTER TABLE consistency.rows ATTACH PARTITION {leaf} {bounds}", ()),
        ]
    )
    await pool.execute_query(f"WITH a AS (UPDATE {leaf} SET version = 1) {SET}", row, number)
    await pool.execute_query(f"ALTER TABLE consistency.rows DETACH PARTITION {leaf}")


async def cancelled(pool: AsyncDatabasePool, row: int, number: int) -> None:
    """Cancel a write of an older number somewhere, then write."""
    for turns in (number % 7, number % 31):
        task = asyncio.ensure_future(query("SELECT consistency.put($1, $2)")(pool, row, number))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await query(SET)(pool, row, number)


WAYS: dict[str, Way] = {
    "an UPDATE that returns rows": query(SET + " RETURNING id"),
    "a transaction": twice,
    "a connection": lent(TABLE),
    "after a rollback": rolled_back,
    "a serializable transaction": transaction(SET, isolation="serializable"),
    "a function, CREATE FUNCTION": query("SELECT consistency.put($1, $2)"),
    "a function in a transaction": transaction("SELECT consistency.put($1, $2)"),
    "a quoted function, SECURITY DEFINER": query('SELECT consistency."Put Ä"($1, $2)'),
    "a function under FOR UPDATE": query(
        'SELECT consistency."Put Ä"(id, $2) FROM consistency.rows WHERE id = $1 FOR UPDATE'
    ),
    "a STABLE function of named tables, 36.7": query('SELECT consistency."putStable"($1, $2)', tables=TABLE),
    "a function that hides its failure": query("SELECT consistency.put_or_hide($1, $2)"),
    "a STABLE function that hides it": query(
        "SELECT consistency.put_or_hide_stable($1, $2)", tables="consistency.late"
    ),
    "an operator, CREATE OPERATOR": query("SELECT $1::int OPERATOR(consistency.<~) $2::bigint"),
    "a view, CREATE VIEW": query('UPDATE consistency."Seen" SET version = $2 WHERE id = $1'),
    "a view, named": lent('consistency."Seen"', 'UPDATE consistency."Seen" SET version = $2 WHERE id = $1'),
    "a view with an INSTEAD OF trigger": query("INSERT INTO consistency.door VALUES ($1, $2)"),
    "a view with an INSTEAD OF trigger, by COPY": inserted("consistency.door"),
    "a default, CREATE TABLE": default,
    "a default, named": default_named,
    "a trigger on a leaf, CREATE TRIGGER": query("INSERT INTO consistency.inbox VALUES ($1, $2)"),
    "a trigger on a leaf, named": lent("consistency.inbox", "INSERT INTO consistency.inbox VALUES ($1, $2)"),
    "a trigger on a leaf, by COPY": inserted("consistency.inbox"),
    "a deferred trigger, SET CONSTRAINTS": query("INSERT INTO consistency.late VALUES ($1, $2)"),
    "a deferred trigger in a transaction": transaction("INSERT INTO consistency.late VALUES ($1, $2)"),
    "a deferred trigger, by COPY": inserted("consistency.late", skip_conflicts=True),
    "a deferred trigger, serializable": transaction(
        "INSERT INTO consistency.late VALUES ($1, $2)", isolation="serializable"
    ),
    "a rule, CREATE RULE": query("INSERT INTO consistency.ruled VALUES ($1, $2)"),
    "a rule, named": lent("consistency.ruled", "INSERT INTO consistency.ruled VALUES ($1, $2)"),
    "a cascade, CREATE TABLE": cascade,
    "a cascade, named": cascade_named,
    "a check, CREATE TABLE": query("INSERT INTO consistency.checked VALUES ($1, $2)"),
    "a check, named": lent("consistency.checked", "INSERT INTO consistency.checked VALUES ($1, $2)"),
    "a domain, CREATE DOMAIN": query("SELECT ARRAY[$1::bigint, $2]::consistency.pair"),
    "DO": pasted("DO 'BEGIN PERFORM consistency.put({row}, {number}); END'"),
    "CALL": query("CALL consistency.put_twice($1, $2)"),
    "CALL, tables named": query("CALL consistency.put_twice($1, $2)", tables="consistency.late"),
    "CALL that commits": query("CALL consistency.put_and_commit($1, $2)"),
    "CALL in a transaction": transaction("CALL consistency.put_twice($1, $2)"),
    "a script of several statements": in_a_script,
    "MERGE": query(
        "MERGE INTO consistency.rows r USING (SELECT $1::int AS id, $2::bigint AS version) n ON r.id = n.id "
        "WHEN MATCHED THEN UPDATE SET version = n.version"
    ),
    "a partition attached meanwhile, ALTER TABLE": moved_partition,
    "a write past the pool, by a view": past_the_pool,
    "a write that was cancelled": cancelled,
}
READS = {
    "a row": f"SELECT {NUMBER} AS version FROM consistency.rows WHERE id = $1",
    "all": f"SELECT sum({NUMBER})::bigint AS version FROM consistency.rows WHERE id < 1000",
}
