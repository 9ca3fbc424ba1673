"""Users in a table: a repository on top of the pool (article, section "Asynchronous database connection pool").

What the article's does, and what is done here instead:

- it pastes the names of columns that the caller gives into SQL: only the columns of `CHANGEABLE` are accepted
- a duplicate is an error of the database, and a second run of the demo fails on it: `DuplicateUserError` says which
  field is taken, and the demo goes on with the user it finds
- it writes past the pool, and clears the cache by a pattern that matches nothing: writes go through the pool
- times without a zone, which nobody can compare: timestamptz
"""

import asyncio
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from course_lib.database import AsyncDatabasePool

User = dict[str, Any]
CHANGEABLE = ("username", "email")

_TABLE = """
CREATE TABLE IF NOT EXISTS users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username varchar(100) NOT NULL CONSTRAINT users_username_key UNIQUE,
    email varchar(255) NOT NULL CONSTRAINT users_email_key UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""


class DuplicateUserError(ValueError):
    """Another user has this name or address already: `field` says which, "username" or "email", and `value`."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f"{field}={value!r} is taken: choose another, or find that user with find_by_{field}")
        self.field, self.value = field, value


class UserRepository:
    """Finds, makes and changes users.

    Args:
        db_pool: an open pool.
    """

    def __init__(self, db_pool: AsyncDatabasePool) -> None:
        self.db = db_pool

    async def create_table(self) -> None:
        """Make the table, unless it is there."""
        # The lock: two who make the same table at the same time can both find it missing, even with IF NOT EXISTS.
        await self.db.execute_transaction([("SELECT pg_advisory_xact_lock(hashtext('users'))", ()), (_TABLE, ())])

    async def find_by_id(self, user_id: int) -> User | None:
        """Return the user with this id, None if there is none."""
        return _first(await self.db.execute_query("SELECT * FROM users WHERE id = $1", user_id))

    async def find_by_username(self, username: str) -> User | None:
        """Return the user with this name, None if there is none."""
        return _first(await self.db.execute_query("SELECT * FROM users WHERE username = $1", username))

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with this address, None if there is none."""
        return _first(await self.db.execute_query("SELECT * FROM users WHERE email = $1", email))

    async def create_user(self, username: str, email: str) -> User:
        """Make a user and return it.

        Raises DuplicateUserError when name or address is taken.
        """
        query = "INSERT INTO users (username, email) VALUES ($1, $2) RETURNING *"
        try:
            return (await self.db.execute_query(query, username, email))[0]
        except asyncpg.UniqueViolationError as error:
            raise _duplicate(error, {"username": username, "email": email}) from error

    async def update_user(self, user_id: int, **changes: str) -> User | None:
        """Change a user's username, email or both; return the user as it is then, None if there is none.

        Raises TypeError for another column, DuplicateUserError when the new name or address is taken.
        """
        for column in changes:
            if column not in CHANGEABLE:
                raise TypeError(f"update_user cannot change {column!r}: pass {' or '.join(CHANGEABLE)}")
        # The names come from CHANGEABLE by now, and the values never become part of the text.
        settings = [f"{column} = ${number}" for number, column in enumerate(changes, 2)]
        query = f"UPDATE users SET {', '.join([*settings, 'updated_at = now()'])} WHERE id = $1 RETURNING *"
        if not changes:
            return await self.find_by_id(user_id)
        try:
            return _first(await self.db.execute_query(query, user_id, *changes.values()))
        except asyncpg.UniqueViolationError as error:
            raise _duplicate(error, changes) from error


async def database_demo(postgres_dsn: str, redis_url: str, users: int = 10) -> dict[str, Any]:
    """Make users at the same time, read each twice, and return the pool's statistics; may run again and again."""

    async def make_and_find(number: int) -> None:
        name = f"user_{number}"
        try:
            user = await repository.create_user(name, f"{name}@example.com")
        except DuplicateUserError:
            found = await repository.find_by_username(name)
            assert found is not None
            user = found
        for _ in range(2):
            assert await repository.find_by_id(user["id"]) == user

    async with AsyncDatabasePool(postgres_dsn, redis_url, pg_min_size=2, pg_max_size=5) as pool:
        repository = UserRepository(pool)
        await repository.create_table()
        async with asyncio.TaskGroup() as group:
            for number in range(users):
                group.create_task(make_and_find(number))
        return pool.get_statistics()


def _first(rows: list[User]) -> User | None:
    return rows[0] if rows else None


def _duplicate(error: Any, values: dict[str, str]) -> DuplicateUserError:
    field = "email" if error.constraint_name == "users_email_key" else "username"
    return DuplicateUserError(field, values[field])
