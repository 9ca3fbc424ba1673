"""A class's servers, given by URL: who meets whom, what may be destroyed, and what a wrong URL is told."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import asyncpg
import pytest
import redis as redis_client
from serving import SOON, client, sql

from course_lib.lab import servers
from course_lib.lab.servers import shared


@pytest.fixture(scope="module")
def classroom() -> Iterator[tuple[str, str]]:
    """The URLs of servers that stand for the instructor's."""
    with servers.private_postgres() as database, servers.private_redis() as cache:
        yield database.url, cache.url


@pytest.fixture
def given(classroom: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The class's servers are given, as an instructor would: by the two variables."""
    monkeypatch.setenv("COURSE_DATABASE_URL", classroom[0])
    monkeypatch.setenv("COURSE_REDIS_URL", classroom[1])


def test_two_learners_do_not_meet(given: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two learners make a table and a key of the same name on one server each, and see only their own."""
    for name in ("Ann", "Ben"):
        monkeypatch.setenv("COURSE_LEARNER", name)
        database, cache = servers.start_all()
        sql(database, "DROP TABLE IF EXISTS users", "CREATE TABLE users (name text)")
        sql(database, f"INSERT INTO users VALUES ('{name}')")
        with client(cache) as connection:
            connection.set(f"{servers.key_prefix()}user", name)
    for name in ("Ann", "Ben"):
        monkeypatch.setenv("COURSE_LEARNER", name)
        assert sql(servers.postgres(), "SELECT string_agg(name, ', ') FROM users") == name
        assert sql(servers.postgres(), "SELECT current_schema()") == servers.schema() == f"learner_{name.lower()}"
        with client(servers.redis()) as connection:
            assert connection.get(f"{servers.key_prefix()}user") == name


def test_a_table_of_everybody_s_is_not_in_the_way(given: None, classroom: tuple[str, str]) -> None:
    """A table in the schema "public" is not what a learner's DROP TABLE finds."""
    sql(classroom[0], "CREATE TABLE public.everybodys (number int)")
    sql(servers.postgres(), "DROP TABLE IF EXISTS everybodys")
    assert sql(classroom[0], "SELECT count(*) FROM public.everybodys") == 0


def test_the_url_works_as_it_is_inside_a_running_loop(given: None) -> None:
    """A cell of a notebook, whose kernel runs a loop, gets the URL too, and options that it has already stay."""
    import asyncio

    async def cell() -> str:
        return servers.postgres()

    url = asyncio.run(cell())
    assert url.endswith(f"/postgres?sslmode=disable&options=-csearch_path%3D{servers.schema()}")
    assert shared._with_schema(f"{url.partition('?')[0]}?application_name=lesson", "learner_x").endswith(
        "?application_name=lesson&options=-csearch_path%3Dlearner_x"
    )


def test_eight_kernels_of_one_learner_make_the_schema_together(given: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that are the first of their learner at the same moment all get in."""
    url = os.environ["COURSE_DATABASE_URL"]
    barrier, failed = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        try:
            shared._with_schema.__wrapped__(url, "learner_many")
        except servers.ServerError as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_schema_that_is_not_reached_is_told(given: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the URL does not lead to the learner's schema (a pooler drops `options`), nobody works in another's."""
    url = os.environ["COURSE_DATABASE_URL"] + "&search_path=public"
    monkeypatch.setenv("COURSE_LEARNER", "lost")
    monkeypatch.setenv("COURSE_DATABASE_URL", url)
    with pytest.raises(servers.ServerError, match="does not lead to the schema learner_lost"):
        servers.postgres()


def test_a_given_server_is_not_private(given: None, classroom: tuple[str, str]) -> None:
    """What is destructive may be done on one's own servers only, wherever the URL came from."""
    asks = "import json; from course_lib.lab import servers as s; print(json.dumps([s.is_private(u) for u in URLS]))"
    told = subprocess.run(
        [sys.executable, "-c", asks.replace("URLS", "s.start_all()")],
        capture_output=True,
        text=True,
        timeout=3 * SOON,
        check=True,
    )
    assert json.loads(told.stdout) == [False, False]
    assert servers.is_private(classroom[0])  # started here
    for url in ("redis://127.0.0.1:6379/0", "postgresql://postgres:postgres@127.0.0.1/postgres", ""):
        assert not servers.is_private(url)


def test_on_one_s_own_servers_nothing_needs_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variables the schema is "public" and there is no prefix; an empty variable does not count."""
    monkeypatch.setenv("COURSE_DATABASE_URL", " ")
    monkeypatch.delenv("COURSE_REDIS_URL", raising=False)
    assert (servers.schema(), servers.key_prefix()) == ("public", "")


def test_a_learner_s_name_is_their_own_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """User, machine and folder make it; a hub's user counts; letters that a schema's name cannot have are replaced."""
    monkeypatch.delenv("COURSE_LEARNER", raising=False)
    monkeypatch.setenv("JUPYTERHUB_USER", "Zoë.O'Neil@school")
    name = servers.learner()
    assert name.startswith("learner_zo_o_neil_school_")
    assert name.replace("_", "").isalnum()
    assert name == servers.learner()
    assert len(name) < 64
    names = {name}
    for change in (
        lambda: monkeypatch.setenv("JUPYTERHUB_USER", "other"),
        lambda: monkeypatch.setenv("COURSE_WORK", "/another/folder"),
        lambda: monkeypatch.setattr("platform.node", lambda: "another-machine"),
        lambda: monkeypatch.setattr("uuid.getnode", lambda: 0x001122334455),
    ):
        change()
        names.add(servers.learner())
    assert len(names) == 5


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("COURSE_DATABASE_URL", "mysql://me:secret@127.0.0.1/db"),
        ("COURSE_DATABASE_URL", "127.0.0.1:5432"),
        ("COURSE_DATABASE_URL", "postgresql://me:secret/@127.0.0.1:5432/db"),
        ("COURSE_REDIS_URL", "postgresql://me:secret@127.0.0.1/db"),
        ("COURSE_REDIS_URL", "redis://:secret@127.0.0.1:port/0"),
        ("COURSE_REDIS_URL", "secret"),
    ],
)
def test_what_is_no_such_url_is_told_how_one_looks(variable: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, shows an example, and keeps the value, which may hold a password, to itself."""
    monkeypatch.setenv(variable, url)
    with pytest.raises(servers.ServerError) as error:
        (servers.postgres if "DATABASE" in variable else servers.redis)()
    told = str(error.value)
    assert told.startswith(f"{variable} is not the URL of such a server.\nNext: set it to one such as ")
    assert shared.EXAMPLE[variable] in told
    assert "secret" not in told


def test_a_server_that_does_not_answer_or_refuses_is_named(
    classroom: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong port, wrong password: the error names the variable, the place and the reason, and not the password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, and meanwhile nobody else can
        closed = taken.getsockname()[1]
        for variable, ask, url in (
            ("COURSE_DATABASE_URL", servers.postgres, f"postgresql://me:secret@127.0.0.1:{closed}/db"),
            ("COURSE_DATABASE_URL", servers.postgres, classroom[0].replace("@", "secret@")),
            ("COURSE_REDIS_URL", servers.redis, f"redis://:secret@127.0.0.1:{closed}/0"),
            ("COURSE_REDIS_URL", servers.redis, classroom[1].replace("@", "secret@")),
        ):
            monkeypatch.setenv(variable, url)
            with pytest.raises(servers.ServerError) as error:
                ask()
            told = str(error.value)
            assert f"given by {variable}, cannot be used: " in told
            assert "127.0.0.1:" in told
            assert "Next: check that it runs" in told
            assert "secret" not in told
            assert isinstance(
                error.value.__cause__, OSError | asyncpg.PostgresError | redis_client.RedisError | TimeoutError
            )


def test_variables_of_the_shell_that_count_for_a_given_server_are_named(
    classroom: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be meant for it, so they are kept; but when it cannot be used, the mend names them."""
    monkeypatch.setenv("COURSE_DATABASE_URL", f"{classroom[0]}&application_name=lesson")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    with pytest.raises(servers.ServerError, match=r"Next: check .*PGTARGETSESSIONATTRS, which this shell sets"):
        servers.postgres()


def test_private_servers_are_private_though_others_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variables say does not touch `private_postgres` and `private_redis`."""
    monkeypatch.setenv("COURSE_REDIS_URL", "redis://:x@127.0.0.1:1/0")
    with servers.private_redis() as server, client(server.url) as connection:
        assert connection.flushall()
