"""The one PostgreSQL and the one Redis of this process: started at the first call, or the class's, given by a URL."""

import os
import threading

from course_lib.lab.servers.finding import redis_program
from course_lib.lab.servers.recipes import postgres_plan, redis_plan
from course_lib.lab.servers.server import Server
from course_lib.lab.servers.shared import shared_postgres, shared_redis

_lock = threading.RLock()
_servers: dict[str, Server] = {}


def postgres() -> str:
    """Return the URL of the PostgreSQL of this process, starting it at the first call, or again when it has ended.

    With COURSE_DATABASE_URL set it is that server, and the URL leads to a schema of this learner's own.

    Raises ServerError when there is no program for it, it does not start, or the server given does not answer.
    """
    with _lock:
        return shared_postgres() or _ours("PostgreSQL").url


def redis() -> str:
    """Return the URL of the Redis of this process, starting it at the first call, or again when it has ended.

    With COURSE_REDIS_URL set it is that server; put `key_prefix()` before every key.

    Raises ServerError when it does not start, or the server given does not answer.
    """
    with _lock:
        return shared_redis() or _ours("Redis").url


def has_redis() -> bool:
    """Return whether `redis()` is a real Redis; where there is none it is the course's stand-in, which knows less.

    Raises ServerError when the server given does not answer.
    """
    return bool(shared_redis()) or not redis_program().note


def start_all() -> tuple[str, str]:
    """Start both, side by side, and return the URLs of PostgreSQL and Redis.

    Raises ServerError as `postgres` and `redis` do.
    """
    with _lock:
        if not shared_redis():
            _launched("Redis")
        if not shared_postgres():
            _launched("PostgreSQL")
        return postgres(), redis()


def private_postgres() -> Server:
    """Start a PostgreSQL for the caller alone, whatever COURSE_DATABASE_URL says; `close` it, or use it in `with`.

    Raises ServerError when there is no program for it or it does not start.
    """
    return Server("PostgreSQL", postgres_plan()).wait_ready()


def private_redis(*, persistent: bool = False) -> Server:
    """Start a Redis for the caller alone, whatever COURSE_REDIS_URL says; `close` it, or use it in `with`.

    persistent: whether its values are there again after `stop` or `kill` and `start`; else it comes back empty

    Raises ServerError when it does not start.
    """
    return Server("Redis", redis_plan(persistent=persistent)).wait_ready()


def _launched(name: str) -> Server:
    server = _servers.get(name)
    if server is None or server.closed:
        plan = postgres_plan() if name == "PostgreSQL" else redis_plan(persistent=False)
        server = _servers[name] = Server(name, plan)
    return server


def _ours(name: str) -> Server:
    server = _launched(name)
    if server.ready and not server.running:
        server = _launched(name)  # another one, when that one's supervisor has ended
        if server.ready:
            server.start()
    return server.wait_ready()


def _renew() -> None:
    """In a forked child: it has no servers, and another thread may have held the lock at the moment of the fork."""
    global _lock
    _lock = threading.RLock()
    _servers.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew)
