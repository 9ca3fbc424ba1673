"""What a supervisor is told: how to make and run a server of each kind, as plain data.

Passwords go through files in the server's folder, which nobody else can read: a command line is seen by everybody.
There is no Unix socket: its path has a short limit, and folders of learners are long.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.lab.servers.errors import ServerError
from course_lib.lab.servers.finding import Program, postgres_program, reachable, redis_program

Recipe = dict[str, Any]
"""What a supervisor reads.

copy: places in its folder, and what is copied there
files: names and texts
prepare: commands, in turn; in them {folder} is filled in
serve: the server's command; {port} is filled in too
ready: what the server writes when it is
launcher: whether `serve` ends when the server is ready, and the server's process is the one in `pid_file`
stop, end: a signal or a command: in order, and when nothing need be kept
user: who runs all this; None: who asks
base: where the folder is made
parent: the process that asks
"""

WINDOWS = os.name == "nt"
UNPRIVILEGED = ("nobody", "postgres", "daemon")

OVERRULED = {
    "PGSSLNEGOTIATION": "sslnegotiation=postgres",
    "PGTARGETSESSIONATTRS": "target_session_attrs=any",
    "PGKRBSRVNAME": "krbsrvname=postgres",
    "PGGSSLIB": "gsslib=gssapi",
}
"""libpq's variables that asyncpg reads although a URL names host, port, user, password and database and does without
TLS (so PGSSLMODE, PGSSLCERT and their like do not count), and the parameters that take their place."""


@dataclass(frozen=True)
class Plan:
    """A recipe and what the asking side keeps: the program, the URL with {port} to fill in, and the password in it."""

    program: Program
    recipe: Recipe
    url: str
    password: str


def postgres_plan(more: Mapping[str, str] = {}, files: Mapping[str, str] = {}) -> Plan:
    """Return how to make a PostgreSQL, and its URL.

    What is committed survives `stop` and `kill` (the machine's crash it does not: fsync is off, which is faster).

    more: settings of PostgreSQL, beside those here or in place of them
    files: names and texts of files in the server's folder, to which settings may refer

    Raises ServerError when there is no program for it.
    """
    user = _unprivileged_user()
    program = postgres_program(user)
    password = secrets.token_hex(16)
    folder = f"{{folder}}/{program.copied[0][0]}/bin" if program.copied else str(program.path.parent)
    initdb = [f"{folder}/initdb", "-D", "data", "-U", "postgres", "--pwfile=password", "--auth=scram-sha-256"]
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": "{port}",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **more,
    }
    if not WINDOWS:
        settings["dynamic_shared_memory_type"] = "mmap"  # files in the data folder, which go with it
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    recipe: Recipe = {
        "copy": {place: str(original) for place, original in program.copied},
        "files": {"password": password, **files},
        "prepare": [[*initdb, "--encoding=UTF8", "--no-locale", "--no-sync"]],
        "serve": [f"{folder}/postgres", "-D", "data", *options],
        "ready": "ready to accept connections",
        "launcher": False,
        "pid_file": "data/postmaster.pid",
        "stop": "SIGINT",  # PostgreSQL's "fast": clients are sent away, what was not committed is rolled back
        "end": "SIGQUIT",  # "immediate": nothing is written any more
        "user": user,
    }
    if WINDOWS:
        # An administrator's postgres.exe refuses to run; pg_ctl gives the rights away first. It needs no marker: it
        # ends when the server is ready.
        pg_ctl = f"{folder}/pg_ctl"
        recipe |= {
            "serve": [pg_ctl, "start", "-w", "-D", "data", "-l", "log", "-o", " ".join(options)],
            "launcher": True,
            "stop": [pg_ctl, "stop", "-m", "fast", "-D", "data"],
            "end": [pg_ctl, "stop", "-m", "immediate", "-D", "data"],
        }
    url = f"postgresql://postgres:{password}@127.0.0.1:{{port}}/postgres?sslmode=disable"
    return Plan(program, recipe | _common(user), url, password)


def shell_overruled() -> str:
    """Return the end of a PostgreSQL's URL that keeps variables of the shell out, which are meant for another server.

    Only what is set is answered: an older libpq does not know all these parameters.
    """
    return "".join(f"&{parameter}" for variable, parameter in OVERRULED.items() if variable in os.environ)


def redis_plan(*, persistent: bool, more: Iterable[str] = ()) -> Plan:
    """Return how to make a Redis, and its URL.

    persistent: whether values survive `stop` and `kill`, as in a Redis that appends to a file; else it is empty then
    more: lines of its configuration; the last one about a thing counts
    """
    program = redis_program()
    password = secrets.token_hex(16)
    lines = [
        "bind 127.0.0.1",
        "daemonize no",
        'save ""',
        f"appendonly {'yes' if persistent else 'no'}",
        "appendfsync no",
        f"requirepass {password}",
        *more,
    ]
    recipe: Recipe = {
        "copy": {},
        "files": {"server.conf": "\n".join([*lines, ""])},
        "prepare": [],
        "serve": [*program.run_by, str(program.path), "server.conf", "--port", "{port}"],
        "ready": "eady to accept connections",
        "launcher": False,
        "pid_file": "",
        "stop": "SIGTERM",
        "end": "SIGTERM" if WINDOWS else "SIGKILL",
        "user": None,
    }
    return Plan(program, recipe | _common(None), f"redis://:{password}@127.0.0.1:{{port}}/0", password)


def _common(user: str | None) -> Recipe:
    bases = [Path(tempfile.gettempdir())]
    if user is not None:  # root's own temporary folder may be closed to others
        bases = [base for base in (*bases, Path("/tmp"), Path("/var/tmp")) if base.is_dir() and reachable(base / "-")]
    if not bases:
        raise ServerError(
            f"The user {user}, who must run PostgreSQL here, can reach no temporary folder.",
            "set TMPDIR to a folder that everybody may enter, such as /tmp.",
        )
    return {"base": str(bases[0]), "parent": os.getpid()}


def _unprivileged_user() -> str | None:
    """Return who shall run PostgreSQL, which refuses root; None when it is whoever asks."""
    if sys.platform == "win32":
        return None
    import pwd  # not on Windows

    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise ServerError(
                f"PostgreSQL refuses to run as a user without a name, and number {os.geteuid()} has none here: "
                "/etc/passwd has no line for it, as in a container that is given only a number.",
                "start the course as a user with a name (of the image, or root), add such a line to /etc/passwd, or "
                "set COURSE_DATABASE_URL to the URL of a server.",
            ) from None
        return None
    known = {entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in UNPRIVILEGED:
        if name in known:
            return name
    raise ServerError(
        f"PostgreSQL refuses to run as root, and there is no user named {', '.join(UNPRIVILEGED)} to run it as.",
        "start the course as another user, or set COURSE_DATABASE_URL to the URL of a server.",
    )
