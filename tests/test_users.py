"""Users, found, made and changed."""

import asyncio

import pytest
from database_lab import asynchronous, make_pool

from course_lib.lab.servers import postgres, redis
from course_lib.users import DuplicateUserError, UserRepository, database_demo


async def repository_of(pool) -> UserRepository:
    await pool.execute_query("DROP TABLE IF EXISTS users")
    repository = UserRepository(pool)
    await repository.create_table()
    return repository


@asynchronous
async def test_a_user_is_made_found_and_changed():
    """A user is found by id, name and address, as it is now, also when it was looked for before it was there."""
    async with make_pool() as pool:
        users = await repository_of(pool)
        assert await users.find_by_id(1) is None and await users.find_by_username("ada") is None
        ada = await users.create_user("ada", "ada@example.com")
        assert ada["id"] == 1 and ada["created_at"].tzinfo is not None
        for _ in range(2):
            assert await users.find_by_id(1) == await users.find_by_username("ada") == ada
            assert await users.find_by_email("ada@example.com") == ada
        changed = await users.update_user(1, username="lovelace")
        assert changed["username"] == "lovelace" and changed["email"] == ada["email"]
        assert changed["updated_at"] > ada["updated_at"]
        assert await users.find_by_id(1) == await users.find_by_username("lovelace") == changed
        assert await users.find_by_username("ada") is None
        assert await users.update_user(99, username="nobody") is None
        assert await users.update_user(1) == changed


@asynchronous
async def test_a_duplicate_says_which_field_is_taken():
    """A second user with the same name or address is refused, by field, when made and when changed."""
    async with make_pool() as pool:
        users = await repository_of(pool)
        await users.create_user("ada", "ada@example.com")
        await users.create_user("bob", "bob@example.com")
        for attempt, field, value in [
            (users.create_user("ada", "other@example.com"), "username", "ada"),
            (users.create_user("other", "ada@example.com"), "email", "ada@example.com"),
            (users.update_user(2, email="ada@example.com"), "email", "ada@example.com"),
        ]:
            with pytest.raises(DuplicateUserError, match=f"{field}='{value}' is taken: .* find_by_{field}") as caught:
                await attempt
            assert (caught.value.field, caught.value.value) == (field, value)


@asynchronous
async def test_only_known_columns_can_be_changed():
    """A column that does not exist, must not change, or is a piece of SQL, is refused before PostgreSQL sees it."""
    async with make_pool() as pool:
        users = await repository_of(pool)
        ada = await users.create_user("ada", "ada@example.com")
        for column in ("id", "age", "username = 'x' --", "created_at"):
            with pytest.raises(TypeError, match=r"update_user cannot change .*: pass username or email"):
                await users.update_user(1, **{column: "x"})
        assert await users.find_by_id(1) == ada
        odd = "Robert'); DROP TABLE users; --"
        assert (await users.update_user(1, username=odd))["username"] == odd


@asynchronous
async def test_the_table_can_be_made_by_many_at_once():
    """Twenty tasks that all make the table at the same time all succeed."""
    async with make_pool(8) as pool:
        await pool.execute_query("DROP TABLE IF EXISTS users")
        await asyncio.gather(*(UserRepository(pool).create_table() for _ in range(20)))


@asynchronous
async def test_the_demo_can_run_twice():
    """The second run finds the users that the first has made."""
    async with make_pool() as pool:
        await pool.execute_query("DROP TABLE IF EXISTS users")
    for _ in range(2):
        statistics = await database_demo(postgres(), redis())
        assert statistics["queries"] >= 30
