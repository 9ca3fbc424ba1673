"""A real PostgreSQL and a real Redis (or Valkey, which speaks its language): one call, no installation, no network.

    url = postgres()          # "postgresql://user:password@127.0.0.1:port/database"
    url = redis()             # "redis://:password@127.0.0.1:port/0"

Each is started for this process at the first call and is gone with it, however the process ends. Where there is no
Redis, as often on Windows, it is the course's stand-in (stand_in.py), which says so. With
COURSE_DATABASE_URL or COURSE_REDIS_URL set it is the class's server instead: `schema` and `key_prefix` keep thirty
people apart, and `is_private` says where destructive things may be done. `private_postgres` and `private_redis` give
servers to stop, kill and pause. `python -m course_lib classroom` starts servers for a class (classroom.py), on which
each learner has accounts of their own (accounts.py), and a row on the class's board if they like (board.py).
"""

from course_lib.lab.servers.errors import ServerError
from course_lib.lab.servers.process import has_redis, postgres, private_postgres, private_redis, redis, start_all
from course_lib.lab.servers.server import Server, is_private
from course_lib.lab.servers.shared import key_prefix, learner, schema

__all__ = [
    "Server",
    "ServerError",
    "has_redis",
    "is_private",
    "key_prefix",
    "learner",
    "postgres",
    "private_postgres",
    "private_redis",
    "redis",
    "schema",
    "start_all",
]
