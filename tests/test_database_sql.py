"""What the pool finds out about a statement: does it write, which tables does it touch, can it be cached?"""

import asyncpg
import pytest
from database_lab import asynchronous, fresh_table, make_pool

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
"""

USERS, ORDERS = "shop.users", "shop.orders"
STOCK = {"shop.stock", "shop.stock_1", "shop.stock_2"}

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
    "SELECT shop.twice(id), lower(name), count(*) FROM shop.users GROUP BY 1, 2": {USERS},
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
}

WRITES = {
    "INSERT INTO shop.orders VALUES (1, $1, $2)": {ORDERS},
    "INSERT INTO shop.orders SELECT n, n, day FROM shop.events ON CONFLICT DO NOTHING": {ORDERS},
    "/* SELECT */ UPDATE shop.orders SET day = NULL RETURNING *": {ORDERS},
    "WITH gone AS (DELETE FROM shop.orders RETURNING *) SELECT * FROM gone": {ORDERS},
    "WITH a AS (DELETE FROM shop.orders RETURNING 1), b AS (UPDATE shop.events SET n = 1) SELECT 1": {
        ORDERS,
        "shop.events",
        "shop.events_2026",
    },
    "MERGE INTO shop.events e USING shop.users u ON e.n = u.id WHEN MATCHED THEN DELETE": {
        "shop.events",
        "shop.events_2026",
    },
    "INSERT INTO shop.events VALUES ('2026-02-02', 1)": {"shop.events"},
    "INSERT INTO shop.events_2026 VALUES ('2026-02-02', 1)": {"shop.events", "shop.events_2026"},
    "INSERT INTO shop.log VALUES ('a rule writes elsewhere, too')": {"shop.log", "shop.events"},
    "SELECT * FROM shop.users FOR UPDATE": set(),
    # where more may be changed than can be seen, everything is invalidated
    "DELETE FROM shop.users": {"*"},
    "INSERT INTO shop.watched VALUES (1)": {"*"},
    "UPDATE shop.orders SET id = shop.write()": {"*"},
    "CREATE TABLE shop.more ()": {"*"},
    "TRUNCATE shop.orders": {"*"},
    "DO 'BEGIN DELETE FROM shop.orders; END'": {"*"},
    "SET statement_timeout = 0": {"*"},
}


@asynchronous
async def test_statements_are_seen_through():
    """Tables are found in views, subqueries, WITH, rules and partitions; comments and texts mislead nobody."""
    async with make_pool() as pool:
        async with pool.acquire_pg_connection(writes="*") as connection:
            await connection.execute(SCHEMA + "CREATE SEQUENCE shop.numbers;")

        async def statement(query):
            return await pool._ask(query, ())

        for query, tables in READS.items():
            found = await statement(query)
            assert (found.writes, found.tables, found.obstacle) == (False, tables, ""), query
        for query, reason in NOT_CACHEABLE.items():
            found = await statement(query)
            assert not found.writes and reason in found.obstacle.lower().replace("postgresql", "PostgreSQL"), query
            assert found.naming_helps == (query == "SELECT shop.count_users()"), query
        for query, tables in WRITES.items():
            found = await statement(query)
            assert found.writes and found.tables == tables, (query, found)


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
    """Where the text does not show that a statement writes, PostgreSQL refuses it as a read; it is then run as a write.

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
    """A function that calls itself STABLE and writes by way of another is refused by PostgreSQL, and not stored."""
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
