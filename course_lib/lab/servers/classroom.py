"""Starting servers for a class: a PostgreSQL and a Redis with room for so many learners, and the two URLs to hand out.

with classroom(30, "192.168.1.20") as room:
    print(room.database_url, room.redis_url)

They run as every server of the course does: in a folder of their own, gone with the process that started them. With an
address of the room's network they answer there; PostgreSQL's superuser answers on this machine alone. Connections are
not encrypted: this is for a room whose network is trusted, and for data that is thrown away.
"""

import asyncio
import ipaddress
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]

from course_lib.lab.servers.accounts import BOARD, DOORKEEPER, EACH, PLACES_KEY, PLACES_SETTING
from course_lib.lab.servers.errors import ServerError
from course_lib.lab.servers.finding import redis_program
from course_lib.lab.servers.recipes import postgres_plan, redis_plan
from course_lib.lab.servers.server import Server

THIS_MACHINE = "127.0.0.1"
MOST = 200
"""Learners: nobody tried more."""

SPARE = 20
"""Connections to PostgreSQL beside the learners' own: to the doorkeeper, and the three that a superuser keeps."""

MEGABYTES = 30
"""Memory that a learner takes in the servers, in MB: 276 for ten in lesson 5b, the hungriest (tests/classroom.py)."""

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Of passwords that may be typed from a screen: none that looks like another."""

# The superuser from here alone, everybody else from wherever the server listens, by password.
RULES = f"""
host all postgres {THIS_MACHINE}/32 scram-sha-256
host all postgres 0.0.0.0/0 reject
host all all 0.0.0.0/0 scram-sha-256
"""

DOOR_RIGHTS = "resetkeys %R~classroom:* -@all +auth +hello +ping +select +get +acl|setuser +acl|users +client|setinfo"

INSTRUCTOR = "instructor"
LOOK_RIGHTS = f"resetkeys %R~{BOARD}* -@all +auth +hello +ping +select +scan +getrange +client|setinfo"
"""Who looks at the class's board may do nothing else."""


@dataclass(frozen=True)
class Classroom:
    """A class's servers.

    postgres, redis: the servers; their own URLs are the administrator's
    database_url, redis_url: what everybody in the class sets
    learners: for how many they were started
    board_url: of who may look at the class's board, in Redis, from this machine
    """

    postgres: Server
    redis: Server
    database_url: str
    redis_url: str
    learners: int
    board_url: str


@contextmanager
def classroom(learners: int, host: str = THIS_MACHINE) -> Iterator[Classroom]:
    """Start both servers for a class, and end them, with everything in them, at the end of the block.

    learners: how many may come, from 1 to 200
    host: the address of this machine, IPv4, at which the learners' machines reach it

    Raises ServerError when a number or an address cannot be right, this machine has too little memory, there is no
    real Redis here, or a server does not start.
    """
    check(learners, host)
    places = learners + learners // 4 + 1  # for the instructor, and for who comes again from another folder or machine
    clients = places * EACH + SPARE
    addresses = [THIS_MACHINE, *([host] if host != THIS_MACHINE else [])]
    password = "".join(secrets.choice(LETTERS) for _ in range(16))
    looks = secrets.token_hex(16)
    database = postgres_plan(
        {
            "listen_addresses": ",".join(addresses),
            "max_connections": str(clients),
            "hba_file": "rules",
            PLACES_SETTING: str(places),
        },
        {"rules": RULES},
    )
    cache = redis_plan(
        persistent=False,
        more=[
            f"bind {' '.join(addresses)}",
            f"maxclients {clients}",
            f"user {DOORKEEPER} on >{password} {DOOR_RIGHTS}",
            f"user {INSTRUCTOR} on >{looks} {LOOK_RIGHTS}",
        ],
    )
    with Server("PostgreSQL", database) as postgres, Server("Redis", cache) as redis:
        postgres.wait_ready()
        redis.wait_ready()
        room = Classroom(
            postgres,
            redis,
            f"postgresql://{DOORKEEPER}:{password}@{host}:{postgres.port}/{DOORKEEPER}?sslmode=disable",
            f"redis://{DOORKEEPER}:{password}@{host}:{redis.port}/0",
            learners,
            f"redis://{INSTRUCTOR}:{looks}@{THIS_MACHINE}:{redis.port}/0",
        )
        asyncio.run(_furnish_postgres(room, password))
        _furnish_redis(room, places, clients)
        yield room


def check(learners: int, host: str) -> None:
    """Raise ServerError when `classroom` could not start with these arguments on this machine."""
    if not 1 <= learners <= MOST:
        raise ServerError(f"There cannot be {learners} learners.", f"pass a number from 1 to {MOST}")
    here = sorted(
        each.address
        for each in (each for several in psutil.net_if_addrs().values() for each in several)
        if _is_ipv4(each.address)
    )
    if host not in here:
        raise ServerError(
            f"{host} is not an IPv4 address of this machine.",
            f"pass the one at which the learners' machines reach it; it has {', '.join(here)}",
        )
    if redis_program().note:
        raise ServerError(
            "There is no Redis here that a class can share: the course's stand-in serves one learner.",
            "start this on Linux, on macOS or in WSL2; or install a Redis and put it on PATH",
        )
    free = psutil.virtual_memory().available // 1_000_000
    if free < learners * MEGABYTES:
        raise ServerError(
            f"This machine is too small: the servers may take {learners * MEGABYTES:,} MB for {learners} learners "
            f"({MEGABYTES} MB each), and {free:,} MB of memory are free.",
            f"end other programs, or pass fewer learners (here {free // MEGABYTES} fit), or start this on a larger one",
        )


def _is_ipv4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False  # of a network card


async def _furnish_postgres(room: Classroom, password: str) -> None:
    import asyncpg  # type: ignore[import-untyped]  # here: only this needs it

    connection = await asyncpg.connect(room.postgres.url)
    try:
        await connection.execute(f"CREATE ROLE {DOORKEEPER} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'")
        await connection.execute(f"CREATE DATABASE {DOORKEEPER}")
        for database in ("postgres", "template1", DOORKEEPER):
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {DOORKEEPER} TO {DOORKEEPER}")
    finally:
        await connection.close()
    try:  # as a learner's machine will: it may listen here, and not there
        await (await asyncpg.connect(room.database_url, timeout=10)).close()
    except (OSError, asyncpg.PostgresError) as error:
        raise _unreachable("PostgreSQL", error) from error


def _furnish_redis(room: Classroom, places: int, clients: int) -> None:
    import redis

    with redis.Redis.from_url(room.redis.url) as client:
        client.set(PLACES_KEY, places)
        allowed: Any = client.config_get("maxclients")
    if int(allowed["maxclients"]) < clients:  # it lowers that by itself, and says so only in its log
        raise ServerError(
            f"Redis may open {allowed['maxclients']} connections here, and {room.learners} learners need {clients}.",
            "allow more open files (ulimit -n 4096), or pass fewer learners",
        )
    try:
        with redis.Redis.from_url(room.redis_url, socket_timeout=10) as client:
            client.ping()
    except (OSError, redis.RedisError) as error:
        raise _unreachable("Redis", error) from error


def _unreachable(name: str, error: Exception) -> ServerError:
    return ServerError(
        f"{name} was started, and cannot be reached at the address that learners are to use: {error}",
        "allow it in this machine's firewall, or pass another --host",
    )
