"""Connecting to both servers, and learning which database this is."""

import logging
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from redis.exceptions import AuthenticationError

from course_lib.database.breaker import Breaker
from course_lib.database.errors import CacheUnavailableError
from course_lib.database.line import Key, RedisLine
from course_lib.database.session import Session

_log = logging.getLogger(__name__)

# What a result may depend on besides statement and parameters: whose it is, and the settings that shape it. A database
# that was dropped, and made again under its name, has another oid.
_IDENTITY = """
SELECT format('%s/%s/%s', (SELECT system_identifier FROM pg_control_system()), oid, datname) AS database,
    md5(format('%s %s %s', current_user, current_schemas(true), (
        SELECT array_agg(ARRAY[name, setting] ORDER BY name) FROM pg_settings WHERE name IN (
            'TimeZone', 'timezone_abbreviations', 'DateStyle', 'IntervalStyle', 'bytea_output', 'extra_float_digits',
            'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'default_text_search_config', 'array_nulls',
            'transform_null_equals', 'standard_conforming_strings', 'quote_all_identifiers')))) AS session
FROM pg_database WHERE datname = current_database()
"""


async def open_postgres(dsn: str, min_size: int, max_size: int, command_timeout: float) -> tuple[Any, str, str]:
    """Return an asyncpg pool, what tells its database from others, and what tells its sessions from others'.

    Raises what asyncpg raises when PostgreSQL cannot be reached.
    """
    pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        command_timeout=command_timeout,
        connection_class=Session,
        # PostgreSQL itself refuses to write for whoever has not said that it will.
        server_settings={"default_transaction_read_only": "on"},
    )
    try:
        database, session = await pool.fetchrow(_IDENTITY)
    except BaseException:
        pool.terminate()
        raise
    return pool, database, session


async def open_redis(url: str, prefix: str, timeout: float, breaker: Breaker) -> RedisLine:
    """Return a line to Redis, with a warning if it cannot be reached now.

    Raises ValueError when Redis refuses the user or the password.
    """
    line = RedisLine(url, prefix=prefix, timeout=timeout, breaker=breaker)
    try:
        await line.get([Key("hello")])
    except CacheUnavailableError as error:
        if isinstance(error.__cause__, AuthenticationError):
            raise ValueError(f"redis_url: Redis refuses its user or password ({error.__cause__})") from None
        _log.warning("Redis cannot be reached (%s): reads go to PostgreSQL until it can", error)
    except BaseException:
        await line.close()
        raise
    return line
