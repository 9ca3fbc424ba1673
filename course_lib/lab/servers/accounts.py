"""An account for each learner on a class's servers: a database and a role in PostgreSQL, a user in Redis.

`python -m course_lib classroom` gives everybody the same two URLs. They are those of a doorkeeper, who may make
accounts and see none of what is in them. The first kernel of a learner asks it for the account, and works with that.
So a name that two learners give to a table, a channel or a key means two things, nobody takes another's connections,
and FLUSHALL is refused. This keeps accidents apart, not malice: whoever has the URLs can make, and change, accounts.
"""

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from course_lib.lab.servers.errors import ServerError

DOORKEEPER = "classroom"
"""The user, and the database, of the URLs that are handed out."""

EACH = 20
"""Connections that a learner may have to PostgreSQL: a lesson takes up to six, and a few may be open."""

PLACES_SETTING = "course.places"
PLACES_KEY = "classroom:places"
"""Where the servers say how many accounts there may be; another server does not know these."""

BOARD = "board:"
"""What the keys of the class's board begin with (board.py): one for each learner who shares how far they are."""

REDIS_RIGHTS = ("+@all", "-@admin", "-@dangerous", "+info", "+keys")
"""All but what reaches beyond one's own keys; but a client may ask which server this is, and which keys there are."""


def account_url(url: str, name: str, *, database: bool) -> str:
    """Return the URL of a learner's account, given the doorkeeper's.

    name: the learner's, as `learner()` gives it
    database: whether the path of the URL is to name a database of the learner's own
    """
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    path = f"/{name}" if database else parts.path
    return urlunsplit(parts._replace(netloc=f"{name}:{account_password(url, name)}@{place}", path=path))


def account_password(url: str, name: str) -> str:
    """Return a learner's password: every kernel that has the doorkeeper's URL comes to the same one."""
    secret = urlsplit(url).password or ""
    return hmac.new(secret.encode(), name.encode(), hashlib.sha256).hexdigest()[:32]


def row_of(name: str) -> str:
    """Return the name of a learner's row on the class's board: it must not show who has chosen a pseudonym."""
    return hashlib.sha256(f"row of {name}".encode()).hexdigest()[:16]


async def enter_postgres(connection: Any, url: str, name: str) -> str:
    """Return the URL of a learner's own database, made at the first call; `url` where this is no classroom's server.

    connection: asyncpg's, opened with `url`

    Raises ServerError when all places are taken.
    """
    setting = await connection.fetchval("SELECT current_setting($1, true)", PLACES_SETTING)
    if not setting:
        return url
    # One after another: counted and made must be one step. The lock goes with the connection.
    await connection.execute("SELECT pg_advisory_lock(1)")
    roles = await connection.fetch(r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'learner\_%'")
    there = [role for (role,) in roles]
    if name not in there:
        _room_for(len(there), int(setting))
        await connection.execute(
            f"CREATE ROLE \"{name}\" LOGIN CONNECTION LIMIT {EACH} PASSWORD '{account_password(url, name)}'"
        )
    await connection.execute(f'GRANT "{name}" TO CURRENT_USER')  # only a member may give a database away
    if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await connection.execute(f'REVOKE "{name}" FROM CURRENT_USER')
    return account_url(url, name, database=True)


def enter_redis(client: Any, url: str, name: str) -> str:
    """Return the URL of a learner's own user, made at the first call; `url` where this is no classroom's server.

    client: redis-py's synchronous one, for `url`

    Raises ServerError when all places are taken.
    """
    if urlsplit(url).username != DOORKEEPER or (places := client.get(PLACES_KEY)) is None:
        return url
    there = [user for user in map(_text, client.acl_users()) if user.startswith("learner_")]
    if name not in there:
        _room_for(len(there), int(places))
        # In braces, too: those of a job queue begin with its name in braces, for a cluster's sake.
        keys = (f"~{name}:*", f"~{{{name}:*", f"~{BOARD}{row_of(name)}", f"&{name}:*")
        rules = (f">{account_password(url, name)}", *keys, *REDIS_RIGHTS)
        client.execute_command("ACL SETUSER", name, "reset", "on", *rules)
    return account_url(url, name, database=False)


def _room_for(there: int, places: int) -> None:
    if there >= places:
        raise ServerError(
            f"The class's servers have {places} places, and all are taken.",
            "if you had one, as another user or in another folder, set COURSE_LEARNER to that name; or ask the "
            "instructor to start them for more: python -m course_lib classroom --learners NUMBER; or unset "
            "COURSE_DATABASE_URL and COURSE_REDIS_URL: then servers of your own are started",
        )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
