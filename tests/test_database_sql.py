"""What the pool finds out about a statement: does it write, which tables does it touch, can it be cached?

The names in the comments are chapters of PostgreSQL's manual.
"""

import asyncio

import asyncpg
import pytest
from database_lab import Gate, asynchronous, fresh_table, make_pool

from course_lib.database.cache import Cache
from course_lib.database.sql import Analyst

SCHEMA = """
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;
CREATE TABLE shop.users (id int PRIMARY KEY, name text);
CREATE TABLE shop.orders (id int PRIMARY KEY, user_id int REFERENCES shop.users ON DELETE CASCADE, day date);
CREATE TABLE shop.log (note text);
CREATE TABLE shop."My ""odd"" one" (id int);
CREATE TABLE shop.events (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE shop.events_2026 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.stock (place int, n int) PARTITION BY LIST (place);
CREATE TABLE shop.stock_1 PARTITION OF shop.stock FOR VALUES IN (1);
CREATE TABLE shop.stock_2 PARTITION OF shop.stock FOR VALUES IN (2);
CREATE VIEW shop.buyers AS SELECT u.* FROM shop.users u JOIN shop.orders o ON o.user_id = u.id;
CREATE FUNCTION shop.write() RETURNS int LANGUAGE sql AS 'INSERT INTO shop.log VALUES (''x'') RETURNING 1';
CREATE FUNCTION shop.count_users() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM shop.users';
CREATE FUNCTION shop.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE FUNCTION shop.log_it() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO shop.log VALUES ('changed'); RETURN NULL; END $$;
CREATE TABLE shop.watched (id int);
CREATE TRIGGER watch AFTER INSERT ON shop.watched EXECUTE FUNCTION shop.log_it();
CREATE RULE also AS ON INSERT TO shop.log DO ALSO INSERT INTO shop.events VALUES ('2026-01-01', 1);
CREATE FUNCTION shop."Größe"() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM shop.users';
CREATE FUNCTION shop."getTotal"() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM shop.users';
CREATE FUNCTION shop.bigger(int, text) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 > count(*) FROM shop.orders';
CREATE OPERATOR shop.>> (LEFTARG = int, RIGHTARG = text, FUNCTION = shop.bigger);
CREATE AGGREGATE shop.all_of(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION shop.even(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 % 2 = 0';
CREATE DOMAIN shop.even_number AS int CHECK (shop.even(VALUE));
CREATE DOMAIN shop.small_one AS shop.even_number CHECK (VALUE < 9);
CREATE TYPE shop.meters AS (n int);
CREATE FUNCTION shop.to_meters(int) RETURNS shop.meters LANGUAGE sql STABLE AS 'SELECT ROW($1)::shop.meters';
CREATE CAST (int AS shop.meters) WITH FUNCTION shop.to_meters(int);
CREATE VIEW shop.few AS SELECT id FROM shop.users LIMIT (random() * 3)::int;
CREATE VIEW shop.listed AS VALUES (shop."getTotal"()), (1);
CREATE VIEW shop.deep AS SELECT * FROM (SELECT shop."Größe"() AS n) AS inner_one;
CREATE TABLE shop.secrets (id int, tenant text);
ALTER TABLE shop.secrets ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION shop."currentTenant"() RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT current_setting('shop.tenant', true) $$;
CREATE POLICY own ON shop.secrets USING (tenant = shop."currentTenant"());
CREATE VIEW shop.all_secrets AS SELECT * FROM shop.secrets;
"""

USERS, ORDERS = "shop.users", "shop.orders"
STOCK = {"shop.stock", "shop.stock_1", "shop.stock_2"}
EVENTS = {"shop.events", "shop.events_2026"}

READS = {
    "SELECT * FROM shop.users": {USERS},
    "select * from shop.users where id = $1 and name <> $2": {USERS},
    "-- DELETE FROM shop.orders\nSELECT /* INSERT */ 'UPDATE shop.log' FROM shop.users": {USERS},
    "SELECT * FROM shop.users WHERE id IN (SELECT user_id FROM shop.orders)": {USERS, ORDERS},
    "SELECT (SELECT count(*) FROM shop.orders), (SELECT max(id) FROM shop.users)": {USERS, ORDERS},
    "WITH few AS MATERIALIZED (SELECT * FROM shop.orders) SELECT * FROM few": {ORDERS},
    "SELECT * FROM shop.buyers": {USERS, ORDERS},
    "SELECT * FROM shop.users WHERE $1": {USERS},
    'SELECT * FROM shop."My ""odd"" one"': {'shop.My "odd" one'},
    "SELECT * FROM shop.events": {"shop.events", "shop.events_2026"},
    "SELECT * FROM shop.events WHERE day = '2026-05-05'": {"shop.events", "shop.events_2026"},
    "SELECT * FROM shop.stock WHERE place = $1": STOCK,
    "SELECT * FROM shop.users LEFT JOIN shop.stock ON place = $1": {USERS, *STOCK},
    "SELECT (SELECT sum(n) FROM shop.stock WHERE place = $1) FROM shop.users": {USERS, *STOCK},
    "SELECT lower(name), count(*) FROM shop.users GROUP BY 1": {USERS},
    "SELECT * FROM shop.users -- and no more": {USERS},
    "SELECT 'shop.write()', 'now()' FROM shop.users;": {USERS},
    "SELECT to_char(day, 'YYYY'), day::timestamptz + interval '1 day' FROM shop.orders": {ORDERS},
    "TABLE shop.users": {USERS},
    "VALUES (1), (2)": set(),
}

NOT_CACHEABLE = {
    "SELECT now()": "now",
    "SELECT * FROM shop.orders WHERE day = CURRENT_DATE": "current_date",
    "SELECT random() FROM shop.users": "random",
    "SELECT random /* hidden */ () FROM shop.users": "random",
    "SELECT '--' || random()": "random",
    "SELECT id FROM shop.users ORDER BY id LIMIT (random() * 3)::int": "random",
    "VALUES (random()), (1)": "random",
    "SELECT current_setting('timezone')": "current_setting",
    "SELECT nextval('shop.numbers')": "nextval",
    "SELECT pg_advisory_lock(1)": "pg_advisory_lock",
    "SELECT set_config('a.b', 'c', false)": "set_config",
    "SELECT shop.count_users()": "count_users",
    "SELECT shop.write()": "write",
    "SELECT last_value FROM shop.numbers": "a sequence",
    "SELECT count(*) FROM shop.users TABLESAMPLE BERNOULLI (50)": "a sample",
    "SELECT relname FROM pg_class": "PostgreSQL's own tables",
    "SELECT * FROM information_schema.tables": "PostgreSQL's own tables",
    "SELECT now(), shop.count_users()": "it calls",
    # SQL Syntax, Identifiers: quoted, capitals, letters beyond ASCII, escapes
    'SELECT shop."Größe"()': "größe",
    'SELECT shop."getTotal"()': "gettotal",
    'SELECT shop.U&"get\\0054otal"()': "gettotal",
    'SELECT "now"()': "now",
    # CREATE VIEW: in its LIMIT, its VALUES, a subquery, a view of a view
    "SELECT * FROM shop.few": "random",
    "SELECT * FROM shop.listed": "gettotal",
    "SELECT * FROM shop.deep": "größe",
    # CREATE POLICY
    "SELECT * FROM shop.secrets": "currenttenant",
    "SELECT count(*) FROM shop.all_secrets": "currenttenant",
    # CREATE OPERATOR, CREATE DOMAIN, CREATE CAST
    "SELECT id OPERATOR(shop.>>) name FROM shop.users": "bigger",
    "SELECT id::shop.even_number FROM shop.users": "even",
    "SELECT $1::shop.even_number": "even",
    "SELECT id::shop.small_one FROM shop.users": "even",
    "SELECT id::shop.meters FROM shop.users": "to_meters",
    # Date/Time Input: 'now' is a time, too; Object Identifier Types; XML Functions
    "SELECT $1::text::timestamptz": "of a text",
    "SELECT 'shop.users'::text::regclass": "regclass",
    "SELECT table_to_xml('shop.users', true, true, '')": "table_to_xml",
}
NAMING_HELPS = {
    query for query, told in NOT_CACHEABLE.items() if told in {"count_users", "größe", "bigger", "even"}
} | {
    "SELECT id::shop.meters FROM shop.users",
    "SELECT * FROM shop.secrets",
    "SELECT count(*) FROM shop.all_secrets",
}

WRITES = {
    "INSERT INTO shop.events VALUES ('2026-02-02', 1)": EVENTS,
    "INSERT INTO shop.events_2026 VALUES ('2026-02-02', 1)": EVENTS,
    "INSERT INTO shop.orders SELECT n, NULL, day FROM shop.events ON CONFLICT DO NOTHING": {ORDERS},
    "/* SELECT */ UPDATE shop.orders SET day = NULL RETURNING *": {ORDERS},
    "WITH gone AS (DELETE FROM shop.orders RETURNING *) SELECT * FROM gone": {ORDERS},
    "WITH a AS (DELETE FROM shop.orders RETURNING 1), b AS (UPDATE shop.events SET n = 1) SELECT 1": {ORDERS, *EVENTS},
    "MERGE INTO shop.events e USING shop.users u ON e.n = u.id WHEN MATCHED THEN DELETE": EVENTS,
    "INSERT INTO shop.log VALUES ('a rule writes elsewhere, too')": {"shop.log", *EVENTS},
    "INSERT INTO shop.users VALUES (1)": {USERS},
    "INSERT INTO shop.orders VALUES (1, 1)": {ORDERS},
    "UPDATE shop.orders SET id = 2 WHERE shop.write() = 1": {ORDERS, "shop.log", *EVENTS},
    "DELETE FROM shop.users": {USERS, ORDERS},
    "INSERT INTO shop.watched VALUES (1)": {"shop.watched", "shop.log", *EVENTS},
    "SELECT shop.write()": {"shop.log", *EVENTS},
    "SELECT * FROM shop.users FOR UPDATE": set(),
    "SELECT random(), clock_timestamp(), pg_advisory_lock(1)": set(),
    "SELECT nextval('shop.numbers')": set(),
    # where more may be changed than can be seen, everything is invalidated
    "CREATE TABLE shop.more ()": {"*"},
    "TRUNCATE shop.orders": {"*"},
    "DO 'BEGIN DELETE FROM shop.orders; END'": {"*"},
    "SET statement_timeout = 0": {"*"},
    "SELECT shop.new_function()": {"*"},
    "VACUUM shop.orders": {"*"},
    "END": {"*"},
}


@asynchronous
async def test_statements_are_seen_through():
    """Tables and functions are found in views, subqueries, policies and operators; texts mislead nobody."""
    async with make_pool() as pool:
        async with pool.acquire_pg_connection(writes="*") as connection:
            await connection.execute(SCHEMA + "CREATE SEQUENCE shop.numbers;")

        async def statement(query, tables=()):
            return await pool._ask(query, tables)

        for query, tables in READS.items():
            found = await statement(query)
            assert (found.way, found.tables, found.obstacle) == ("read", tables, ""), query
        for query, reason in NOT_CACHEABLE.items():
            found = await statement(query)
            assert reason in found.obstacle.lower().replace("postgresql", "PostgreSQL"), (query, found)
            found = await statement(query, (USERS,))
            assert (found.obstacle == "") == (query in NAMING_HELPS), (query, found)
        for query, helps in {
            "SELECT shop.twice(id) FROM shop.users": "",
            "SELECT shop.all_of(id) FROM shop.users": "",
        }.items():
            found = await statement(query)
            assert (found.way, found.tables, found.obstacle) == ("watched", {USERS}, helps), query


@asynchronous
async def test_what_a_statement_has_written_is_told_by_its_locks(monkeypatch):
    """After any statement, exactly the tables that it has written are invalidated, or, unless they are known, all."""
    told = []
    invalidate = Cache.invalidate

    async def noted(self, tables, **options):
        told.append(set(tables))
        return await invalidate(self, tables, **options)

    async with make_pool() as pool:
        async with pool.acquire_pg_connection(writes="*") as connection:
            await connection.execute(
                SCHEMA
                + "CREATE SEQUENCE shop.numbers; CREATE FUNCTION shop.new_function() RETURNS void LANGUAGE plpgsql AS "
                "$$ BEGIN CREATE OR REPLACE FUNCTION shop.other() RETURNS int LANGUAGE sql AS 'SELECT 1'; END $$"
            )
        monkeypatch.setattr(Cache, "invalidate", noted)
        for query, tables in WRITES.items():
            del told[:]
            await pool.execute_query(query)
            assert told == [tables], query


@asynchronous
async def test_a_write_is_seen_by_a_read_of_a_partition_that_a_parameter_names():
    """A cached read of a partitioned table, by a parameter, is invalidated by a write to it."""
    async with make_pool() as pool:
        async with pool.acquire_pg_connection(writes="*") as connection:
            await connection.execute(SCHEMA + "INSERT INTO shop.stock VALUES (1, 5), (2, 5)")
        read = ("SELECT n FROM shop.stock WHERE place = $1", 1)
        assert await pool.execute_query(*read) == [{"n": 5}]
        await pool.execute_query("UPDATE shop.stock SET n = 4 WHERE place = $1", 1)
        assert await pool.execute_query(*read) == [{"n": 4}]


@asynchronous
async def test_a_function_that_writes_is_found_out_by_postgresql():
    """Where the text does not show that a statement writes, it runs where it can, and PostgreSQL says what it did.

    It writes once for each call, nothing of it is cached, and everybody sees what it wrote.
    """
    async with make_pool() as pool:
        await fresh_table(pool, "numbers", "n int")
        await pool.execute_query(
            "CREATE OR REPLACE FUNCTION add_one() RETURNS bigint LANGUAGE sql AS "
            "'INSERT INTO numbers VALUES (1); SELECT count(*) FROM numbers'"
        )
        count = "SELECT count(*) AS n FROM numbers"
        for number in range(1, 4):
            assert await pool.execute_query("SELECT add_one() AS n") == [{"n": number}]
            assert await pool.execute_query(count) == [{"n": number}]


@asynchronous
async def test_a_read_that_writes_in_a_disguise_of_stability_is_never_cached():
    """A function that calls itself STABLE and writes by way of another writes each time, and is not stored."""
    async with make_pool() as pool:
        await fresh_table(pool, "numbers", "n int")
        await pool.execute_query(
            "CREATE OR REPLACE FUNCTION add_two() RETURNS bigint LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO numbers VALUES (2); RETURN (SELECT count(*) FROM numbers); END $$"
        )
        await pool.execute_query(
            "CREATE OR REPLACE FUNCTION harmless() RETURNS bigint LANGUAGE plpgsql STABLE AS "
            "$$ BEGIN RETURN add_two(); END $$"
        )
        for number in range(1, 4):
            rows = await pool.execute_query("SELECT harmless() AS n", tables="numbers")
            assert rows == [{"n": number}]


@asynchronous
async def test_a_stable_function_is_cached_when_its_tables_are_named():
    """What a function of one's own reads, nobody sees: named by the caller, the result is cached, and invalidated."""
    async with make_pool() as pool:
        await fresh_table(pool, "numbers", "n int")
        await pool.execute_query(
            "CREATE OR REPLACE FUNCTION how_many() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM numbers'"
        )
        query = "SELECT how_many() AS n"
        for _ in range(2):
            await pool.execute_query(query)
        assert pool.stats["cache_hits"] == 0
        for _ in range(2):
            await pool.execute_query(query, tables=["numbers"])
        assert pool.stats["cache_hits"] == 1
        await pool.execute_query("INSERT INTO numbers VALUES (1)")
        assert await pool.execute_query(query, tables=["numbers"]) == [{"n": 1}]
        with pytest.raises(ValueError, match="no table 'nombers' in this database: name it as in SQL"):
            await pool.execute_query(query, tables="nombers")


@asynchronous
async def test_the_first_parameters_do_not_decide_what_is_found():
    """A statement first run with a parameter that makes it empty is found to read its table all the same."""
    async with make_pool() as pool:
        await fresh_table(pool)
        query = "SELECT * FROM things WHERE id = $1"
        assert await pool.execute_query(query, None) == []
        assert await pool.execute_query(query, 1) == []
        await pool.execute_query("INSERT INTO things VALUES (1, 'one')")
        assert await pool.execute_query(query, 1) == [{"id": 1, "word": "one"}]


@asynchronous
async def test_a_wrong_statement_raises_what_postgresql_says():
    """A mistake in a statement is PostgreSQL's own error, and nothing is invalidated for it."""
    async with make_pool() as pool:
        await pool.execute_query("SELECT 1")
        before = pool.stats["invalidations"]
        with pytest.raises(asyncpg.PostgresSyntaxError, match="SELEKT"):
            await pool.execute_query("SELEKT 1")
        with pytest.raises(asyncpg.UndefinedTableError, match="nowhere"):
            await pool.execute_query("SELECT * FROM nowhere")
        assert pool.stats["invalidations"] == before


@asynchronous
async def test_a_changed_schema_is_noticed():
    """A view that is replaced through the pool is seen through anew."""
    async with make_pool() as pool:
        await fresh_table(pool, "one", "n int")
        await fresh_table(pool, "two", "n int")
        await pool.execute_query("CREATE VIEW either AS SELECT * FROM one")
        assert await pool.execute_query("SELECT * FROM either") == []
        await pool.execute_query("CREATE OR REPLACE VIEW either AS SELECT * FROM two")
        assert await pool.execute_query("SELECT * FROM either") == []
        await pool.execute_query("INSERT INTO two VALUES (2)")
        assert await pool.execute_query("SELECT * FROM either") == [{"n": 2}]


@asynchronous
async def test_a_view_that_is_replaced_while_it_is_looked_at(monkeypatch):
    """What was found out before a view was replaced is not used for what is read afterwards."""
    async with make_pool() as pool, make_pool() as other:
        for writer in (pool, other):
            await fresh_table(pool, "one", "n int")
            await fresh_table(pool, "two", "n int")
            await pool.execute_query("CREATE VIEW either AS SELECT * FROM one")
            gate, ask = Gate(), Analyst.ask

            async def late(self, connection, query, *rest, gate=gate, ask=ask):
                found = await ask(self, connection, query, *rest)
                if query == "SELECT * FROM either":
                    await gate.pass_through()
                return found

            with monkeypatch.context() as patch:
                patch.setattr(Analyst, "ask", late)
                reading = asyncio.create_task(pool.execute_query("SELECT * FROM either"))
                await gate.reached.wait()
                await writer.execute_query("CREATE OR REPLACE VIEW either AS SELECT * FROM two")
                gate.opened.set()
                assert await reading == []
            await other.execute_query("INSERT INTO two VALUES (2)")
            assert await pool.execute_query("SELECT * FROM either") == [{"n": 2}]


@asynchronous
async def test_a_view_that_another_process_replaces_is_looked_at_anew():
    """A pool that has read a view sees through it anew when another pool has replaced it."""
    async with make_pool() as pool, make_pool() as other:
        await fresh_table(pool, "one", "n int")
        await fresh_table(pool, "two", "n int")
        await pool.execute_query("CREATE VIEW either AS SELECT * FROM one")
        for _ in range(2):
            assert await pool.execute_query("SELECT * FROM either") == []
        await other.execute_query("CREATE OR REPLACE VIEW either AS SELECT * FROM two")
        assert await pool.execute_query("SELECT * FROM either") == []
        await other.execute_query("INSERT INTO two VALUES (2)")
        assert await pool.execute_query("SELECT * FROM either") == [{"n": 2}]


@asynchronous
async def test_a_write_that_was_prepared_before_a_change_of_the_schema():
    """A statement that PostgreSQL must understand anew, as its columns are others now, is simply executed."""
    async with make_pool() as pool, make_pool() as other:
        await fresh_table(pool)
        query = "INSERT INTO things VALUES ($1, 'x') RETURNING *"
        assert await pool.execute_query(query, 1) == [{"id": 1, "word": "x"}]
        await other.execute_query("ALTER TABLE things ADD more int DEFAULT 7")
        assert await pool.execute_query(query, 2) == [{"id": 2, "word": "x", "more": 7}]
        assert len(await pool.execute_query("SELECT * FROM things")) == 2


@asynchronous
async def test_a_function_learns_its_tables_from_postgresql():
    """A STABLE function is cached with the tables it was seen to read, whichever the caller has named."""
    async with make_pool() as pool:
        await fresh_table(pool, "numbers", "n int")
        await fresh_table(pool)
        await pool.execute_query(
            'CREATE OR REPLACE FUNCTION "howMany"() RETURNS bigint LANGUAGE plpgsql STABLE AS '
            "$$ BEGIN RETURN (SELECT count(*) FROM numbers); END $$"
        )
        query = 'SELECT "howMany"() AS n'
        for _ in range(3):
            assert await pool.execute_query(query, tables="things") == [{"n": 0}]
        assert pool.stats["cache_hits"] == 1
        await pool.execute_query("INSERT INTO numbers VALUES (1)")
        assert await pool.execute_query(query, tables="things") == [{"n": 1}]


@asynchronous
async def test_tables_that_the_caller_names_are_added():
    """tables= takes nothing away from what a cascade or a CALL is found to write."""
    async with make_pool() as pool:
        await fresh_table(pool, "parents", "id int PRIMARY KEY")
        await fresh_table(pool, "children", "parent int REFERENCES parents ON DELETE CASCADE")
        count = "SELECT count(*) AS n FROM children"
        await pool.execute_query(
            "CREATE OR REPLACE PROCEDURE fill() LANGUAGE sql AS "
            "'INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1)'"
        )
        assert await pool.execute_query(count) == [{"n": 0}]
        await pool.execute_query("CALL fill()", tables="parents")
        assert await pool.execute_query(count) == [{"n": 1}]
        await pool.execute_query("DELETE FROM parents", tables="parents")
        assert await pool.execute_query(count) == [{"n": 0}]


@asynchronous
async def test_a_database_made_again_under_its_name_is_another():
    """What is cached of a database that was dropped is not served for its successor."""
    async with make_pool() as pool:
        dsn = pool.postgres_dsn.partition("?")[0].rpartition("/")[0] + "/made_again"
        for words in ([{"id": 1, "word": "old"}], []):
            await pool.execute_query("DROP DATABASE IF EXISTS made_again")
            await pool.execute_query("CREATE DATABASE made_again")
            connection = await asyncpg.connect(dsn)
            await connection.execute("CREATE TABLE things (id int, word text)")
            await connection.executemany("INSERT INTO things VALUES ($1, $2)", [tuple(row.values()) for row in words])
            await connection.close()
            async with make_pool(dsn=dsn) as again:
                for _ in range(2):
                    assert await again.execute_query("SELECT * FROM things") == words
        await pool.execute_query("DROP DATABASE made_again")


@asynchronous
async def test_another_tenant_sees_none_of_the_rows():
    """Rows that a policy shows by a function's word are not cached for whoever comes next (CREATE POLICY)."""
    async with make_pool() as pool:
        async with pool.acquire_pg_connection(writes="*") as connection:
            await connection.execute(SCHEMA)
            await connection.execute("DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN PASSWORD 'x'")
            await connection.execute("GRANT USAGE ON SCHEMA shop TO tenant; GRANT SELECT ON shop.secrets TO tenant")
            await connection.execute("INSERT INTO shop.secrets VALUES (1, 'a'), (2, 'b')")
        scheme, _, rest = pool.postgres_dsn.partition("://")
        dsn = f"{scheme}://tenant:x@{rest.partition('@')[2]}"
        joint = "&" if "?" in dsn else "?"
        for tenant, number in (("a", 1), ("b", 2)):
            async with make_pool(dsn=f"{dsn}{joint}options=-cshop.tenant%3D{tenant}") as own:
                assert await own.execute_query("SELECT id FROM shop.secrets") == [{"id": number}]
        await pool.execute_query("DROP OWNED BY tenant")
        await pool.execute_query("DROP ROLE tenant")
