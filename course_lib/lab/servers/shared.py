"""A class's servers, given by URL: thirty people on one of each, who must not meet.

On servers that `python -m course_lib classroom` started, everybody gets accounts of their own (accounts.py). On any
others, and there too, a schema in PostgreSQL, which the URL leads to, and a prefix for keys in Redis, whose URLs know
no such thing. The names COURSE_DATABASE_URL and COURSE_REDIS_URL are the course's own: many shells hold a DATABASE_URL,
and it may be the one of somebody's real data.
"""

import getpass
import hashlib
import os
import platform
import re
import threading
import uuid
from functools import cache
from urllib.parse import urlsplit

from course_lib.lab.servers import accounts
from course_lib.lab.servers.errors import ServerError
from course_lib.paths import work_folder

DATABASE, CACHE = "COURSE_DATABASE_URL", "COURSE_REDIS_URL"
SCHEMES = {DATABASE: ("postgresql", "postgres"), CACHE: ("redis", "rediss")}
EXAMPLE = {DATABASE: "postgresql://user:password@host:5432/database", CACHE: "redis://:password@host:6379/0"}

PATIENCE = 10.0
"""Seconds a given server may take to answer for the first time."""

QUEUE = 120.0
"""Seconds a learner may wait for an account: a class comes in all at once, and is let in one after another."""

ENOUGH = 6
"""Connections that a lesson may take from PostgreSQL."""

ROOM = """
SELECT setting::int, setting::int - reserved - here, CASE WHEN rolconnlimit >= 0 THEN rolconnlimit - mine END
FROM (SELECT setting FROM pg_settings WHERE name = 'max_connections') AS most,
    (SELECT coalesce(sum(setting::int), 0) AS reserved FROM pg_settings
     WHERE name IN ('superuser_reserved_connections', 'reserved_connections')) AS kept,
    (SELECT coalesce(sum(numbackends), 0) AS here FROM pg_stat_database) AS taken,
    (SELECT count(*) AS mine FROM pg_stat_activity WHERE usename = current_user) AS own, pg_roles
WHERE rolname = current_user
"""
"""Connections the server takes, those still free, and those this role may still open (NULL: as many as are free)."""


def schema() -> str:
    """Return the schema that unqualified names mean at the URL of `postgres()`: "public" on a server of one's own."""
    return learner() if given(DATABASE) else "public"


def key_prefix() -> str:
    """Return what to put before every key and channel at the URL of `redis()`: nothing on a server of one's own."""
    return f"{learner()}:" if given(CACHE) else ""


def learner() -> str:
    """Return a name for this learner, of letters, digits and underscores: COURSE_LEARNER, or one that nobody else has.

    That one is made from the user's name and a digest of user, machine and the learner's folder: in a classroom all
    may be called "student", on machines copied from one another.
    """
    chosen = os.environ.get("COURSE_LEARNER", "").strip()
    if chosen:
        return f"learner_{_plain(chosen)}"
    try:
        user = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        user = "somebody"
    node = uuid.getnode()
    card = 0 if node >> 40 & 1 else node  # that bit: no network card was found, and the number is random
    here = f"{user}\n{platform.node()}\n{card}\n{work_folder()}"
    return f"learner_{_plain(user)}_{hashlib.sha256(here.encode()).hexdigest()[:8]}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:32]


def shared_postgres() -> str | None:
    """Return the URL of the class's PostgreSQL, leading to this learner's schema, which is made; None without one.

    Raises ServerError when it does not answer, or does not let this learner in.
    """
    url = given(DATABASE)
    return _with_schema(url, learner()) if url else None


def shared_redis() -> str | None:
    """Return the URL of the class's Redis; None without one.

    Raises ServerError when it does not answer, or does not let this learner in.
    """
    url = given(CACHE)
    return _reached(url, learner()) if url else None


def given(variable: str) -> str:
    """Return the URL that one of the two variables holds, or "".

    Raises ServerError when it is not one of the right kind; what it is stays out of the message, with its password.
    """
    url = os.environ.get(variable, "").strip()
    if url:
        try:
            parts = urlsplit(url)
            right = parts.scheme in SCHEMES[variable] and parts.hostname and (parts.port is None or parts.port)
        except ValueError:
            right = False
        if not right:
            raise ServerError(
                f"{variable} is not the URL of such a server.",
                f"set it to one such as {EXAMPLE[variable]} (in a password write %40 for @, %2F for /), or unset it: "
                "then a server of your own is started",
            )
    return url


@cache
def _with_schema(url: str, name: str) -> str:
    import asyncio  # here, all three: without a given server nobody needs them, least of all a supervisor

    import asyncpg  # type: ignore[import-untyped]

    async def make() -> str:
        connection = await asyncpg.connect(url, timeout=PATIENCE)
        try:
            own = await asyncio.wait_for(accounts.enter_postgres(connection, url, name), QUEUE)
        finally:
            await connection.close(timeout=PATIENCE)
        # Both asyncpg and psql pass `options` on; search_path as a parameter of its own only asyncpg would.
        # "public" is left out: DROP TABLE IF EXISTS would find everybody's table there.
        mine = f"{own}{'&' if urlsplit(own).query else '?'}options=-csearch_path%3D{name}"
        try:
            connection = await asyncpg.connect(own, timeout=PATIENCE)
        except asyncpg.TooManyConnectionsError as error:
            raise _too_small(str(error)) if own == url else _yours(0) from error
        try:
            _enough(*await connection.fetchrow(ROOM, timeout=PATIENCE))
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"', timeout=PATIENCE)
        except asyncpg.UniqueViolationError:
            pass  # another kernel of this learner made it at the same moment
        finally:
            await connection.close(timeout=PATIENCE)
        connection = await asyncpg.connect(mine, timeout=PATIENCE)  # a pooler in between may not take `options`
        try:
            found = await connection.fetchval("SELECT current_schema()", timeout=PATIENCE)
        finally:
            await connection.close(timeout=PATIENCE)
        if found != name:
            raise ValueError(f"it does not lead to the schema {name}")
        return mine

    made: list[str] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            made.append(asyncio.run(make(), debug=False))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised below; here it would end a thread
            failed.append(error)

    thread = threading.Thread(target=run, name="learner's schema")  # the caller's may be running a loop: a kernel's is
    thread.start()
    thread.join()
    if made:
        return made[0]
    if isinstance(failed[0], ServerError):
        raise failed[0]
    if isinstance(failed[0], asyncpg.TooManyConnectionsError):
        raise _too_small(str(failed[0])) from failed[0]
    raise _refused(DATABASE, url, failed[0]) from failed[0]


def _enough(most: int, free: int, own: int | None) -> None:
    if own is not None and own < ENOUGH - 1:  # one is this very connection, which is given back
        raise _yours(own + 1)
    if free < ENOUGH - 1:
        raise _too_small(f"it takes {most} connections, of which {free + 1} are free, and a lesson may take {ENOUGH}")


def _yours(left: int) -> ServerError:
    return ServerError(
        f"Your notebooks hold {accounts.EACH - left} of the {accounts.EACH} connections to PostgreSQL that a learner "
        f"may have, and a lesson may take {ENOUGH}.",
        "end the kernels of lessons that you have left, in JupyterLab: Kernel > Shut Down All Kernels, and run this "
        "notebook again from its top",
    )


def _too_small(why: str) -> ServerError:
    return ServerError(
        f"The server given by {DATABASE} is too small for all who use it now: {why}.",
        "ask the instructor to start one that is large enough: python -m course_lib classroom --learners NUMBER; or "
        f"unset {DATABASE}: then a server of your own is started",
    )


@cache
def _reached(url: str, name: str) -> str:
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE) as client:
            client.ping()
            own = accounts.enter_redis(client, url, name)
        with redis.Redis.from_url(own, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE) as client:
            client.ping()
    except (OSError, ValueError, redis.RedisError) as error:
        raise _refused(CACHE, url, error) from error
    return own


def _refused(variable: str, url: str, error: Exception) -> ServerError:
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    why = str(error) or type(error).__name__
    # They may be meant for this server, so they count (a URL's own sslmode comes first); but then they are named.
    shell = [name for name in sorted(os.environ) if name.startswith("PG")] if variable == DATABASE else []
    also = f"{', '.join(shell)}, which this shell sets and which count{'s' * (len(shell) == 1)} too; " if shell else ""
    return ServerError(
        f"The server at {where}, given by {variable}, cannot be used: {why}",
        f"check that it runs, the address and the password in {variable}; {also}or unset {variable}: then a server of "
        "your own is started",
    )
