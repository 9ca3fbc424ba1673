"""The servers of a process, and servers of one's own to stop, kill and pause."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
from serving import SOON, client, lives, open_folder, posix, sql, until

from course_lib.lab import servers
from course_lib.lab.servers import supervisor
from course_lib.lab.servers.process import _servers
from course_lib.lab.servers.recipes import redis_plan


@pytest.fixture(scope="module", autouse=True)
def no_given_servers() -> Iterator[None]:
    """These tests are about servers that are started here, whatever the machine's variables say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_DATABASE_URL", raising=False)
        patch.delenv("COURSE_REDIS_URL", raising=False)
        yield


@pytest.fixture(scope="module")
def database() -> Iterator[servers.Server]:
    """A PostgreSQL for the tests that stop it."""
    with servers.private_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def cache() -> Iterator[servers.Server]:
    """A Redis for the tests that stop it."""
    with servers.private_redis() as server:
        yield server


# One of each for the process


def test_every_thread_gets_the_same_servers_and_they_answer() -> None:
    """Threads that ask at the same moment get the same two URLs, of servers that answer."""
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda ask: ask(), [servers.postgres, servers.redis, servers.start_all] * 6))
    assert len(set(asked)) == 3
    assert servers.start_all() == (servers.postgres(), servers.redis())
    assert sql(servers.postgres(), "SELECT 6 * 7") == 42
    with client(servers.redis()) as connection:
        assert connection.ping()


def test_the_urls_are_of_this_machine_and_have_a_password() -> None:
    """Only this machine reaches the servers, and nobody on it without the password."""
    database, cache = servers.start_all()
    assert database.startswith("postgresql://postgres:")
    assert cache.startswith("redis://:")
    for url in (database, cache):
        login, _, place = url.partition("//")[2].partition("@")
        assert len(login.partition(":")[2]) == 32
        assert place.startswith("127.0.0.1:")
        assert servers.is_private(url)
    with pytest.raises(asyncpg.InvalidPasswordError):
        sql(database.replace("@", "0@"), "SELECT 1")
    with client(cache.replace("@", "0@")) as connection, pytest.raises(redis.AuthenticationError):
        connection.ping()


def test_no_process_shows_a_password() -> None:
    """Neither the servers nor what starts them carry a password on their command line, and none of them has a file."""
    passwords = [url.partition("@")[0].rpartition(":")[2] for url in servers.start_all()]
    shown = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # PostgreSQL's own come and go
            shown.append(" ".join(process.cmdline()))
    assert any("postgres" in line for line in shown)
    assert any("server.conf" in line or "valkey" in line for line in shown)
    assert not [line for line in shown if any(password in line for password in passwords)]


def test_there_is_no_unix_socket() -> None:
    """A socket's path may have 100 characters, and the folders of learners are longer."""
    assert sql(servers.postgres(), "SHOW unix_socket_directories") == ""
    with client(servers.redis()) as connection:
        assert connection.config_get("unixsocket") in ({}, {"unixsocket": ""})


def test_what_a_server_says_does_not_depend_on_this_machine() -> None:
    """Time zone, encoding and sort order are the same for every learner."""
    settings = ("TimeZone", "server_encoding", "lc_collate", "lc_messages")
    found = [sql(servers.postgres(), f"SELECT current_setting('{name}', true)") for name in settings]
    assert found == ["UTC", "UTF8", None, "C"]
    assert sql(servers.postgres(), "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C"


def test_a_server_that_was_killed_comes_back_when_asked_for() -> None:
    """After a crash the next call starts the server again: the same URL, and what was committed."""
    url = servers.postgres()
    sql(url, "CREATE TABLE kept (number int)", "INSERT INTO kept VALUES (7)")
    killed = psutil.Process(int(sql(url, "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)")))
    killed.kill()
    until(lambda: not lives(killed))
    assert servers.postgres() == url
    assert sql(url, "SELECT number FROM kept") == 7


def test_a_server_whose_supervisor_was_killed_is_replaced_when_asked_for() -> None:
    """When its supervisor is killed a server is lost: who asks for it, even at that moment, gets another one."""
    url = servers.redis()
    psutil.Process(psutil.Process(_servers["Redis"].pid).ppid()).kill()
    assert servers.redis() != url
    with client(servers.redis()) as connection:
        assert connection.ping()


def test_a_server_comes_back_while_a_child_of_the_killed_one_still_works() -> None:
    """A killed PostgreSQL leaves children that work on for a moment: the new one waits until they are gone."""
    busy = "DO 'BEGIN WHILE clock_timestamp() < statement_timestamp() + interval ''1 s'' LOOP END LOOP; END'"

    async def main(server: servers.Server) -> None:
        connection, watcher = await asyncpg.connect(server.url), await asyncpg.connect(server.url)
        child = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        working = asyncio.create_task(connection.execute(busy))
        at_work = "SELECT state = 'active' AND query LIKE 'DO%' FROM pg_stat_activity WHERE pid = $1"
        while not await watcher.fetchval(at_work, child.pid):
            await asyncio.sleep(0.001)
        killed = psutil.Process(server.pid)
        killed.kill()
        until(lambda: not lives(killed))
        await asyncio.to_thread(server.start)
        assert not lives(child)
        await asyncio.wait({working})

    with servers.private_postgres() as server:
        asyncio.run(main(server))
        assert sql(server.url, "SELECT 7") == 7


@posix
def test_a_forked_child_has_servers_of_its_own() -> None:
    """A forked child asks for its own servers, and its end leaves the parent's alone."""
    program = """
    import os, sys
    from course_lib.lab import servers
    mine = servers.redis()
    child = os.fork()
    if child == 0:
        sys.exit(0 if servers.redis() != mine and not servers.is_private(mine) else 1)
    assert os.waitpid(child, 0)[1] == 0
    import redis
    assert redis.Redis.from_url(mine).ping()
    """
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=SOON * 3,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@posix
def test_a_program_that_ignores_its_children_s_end_has_servers_too() -> None:
    """Where SIGCHLD is ignored, as below some daemons, servers start, stop, come back and are gone at the end."""
    program = """
    import signal
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    from course_lib.lab import servers
    for make in (servers.private_postgres, servers.private_redis):
        with make() as server:
            for end in (server.stop, server.kill):
                end()
                assert not server.running
                server.start()
                assert server.running
        assert server.closed
    """
    with open_folder() as folder:
        ran = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            env=os.environ | {"TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=SOON * 3,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert list(folder.iterdir()) == []


LIBPQ = {
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "standby",
    "PGGSSLIB": "nonsense",
    "PGKRBSRVNAME": "somebody",
    "PGSSLROOTCERT": "/no/such/file",
    "PGSSLCERT": "/no/such/file",
    "PGSSLMINPROTOCOLVERSION": "nonsense",
    "PGHOST": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGPASSWORD": "wrong",
    "PGDATABASE": "nothing",
    "PGSERVICE": "nothing",
    "PGPASSFILE": "/no/such/file",
    "PGOPTIONS": "-c nonsense=1",
}


@pytest.mark.parametrize("variables", [*([name] for name in LIBPQ), list(LIBPQ)], ids=lambda names: "+".join(names[:2]))
def test_variables_of_the_shell_are_for_another_server(
    database: servers.Server, variables: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a learner's shell says of another PostgreSQL does not reach the course's; its URL stays private."""
    for name in variables:
        monkeypatch.setenv(name, LIBPQ[name])
    assert sql(database.url, "SELECT 6 * 7") == 42
    assert servers.is_private(database.url)


# A server of one's own


def test_postgresql_keeps_what_was_committed_and_nothing_else(database: servers.Server) -> None:
    """After `stop` and `kill`, `start` brings the same URL and every committed row, none of an open transaction."""
    url = database.url
    sql(url, "CREATE TABLE rows (number int)", "INSERT INTO rows VALUES (1)")
    for end in (database.stop, database.kill):
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            sql(url, "BEGIN", "INSERT INTO rows VALUES (2)", end, "COMMIT")
        assert not database.running
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            sql(url, "SELECT 1")
        database.start()
        assert database.running
        assert database.url == url
        assert sql(url, "SELECT sum(number) FROM rows") == 1


def test_a_redis_comes_back_empty(cache: servers.Server) -> None:
    """After `stop` and after `kill` a Redis has forgotten everything, and its URL is the same."""
    for end in (cache.stop, cache.kill):
        with client(cache.url) as connection:
            connection.set("a", 1)
            end()
            assert not cache.running
            with pytest.raises(redis.ConnectionError):
                connection.get("a")
            cache.start()
            assert connection.get("a") is None


def test_a_persistent_redis_brings_old_values_back() -> None:
    """A Redis made persistent has its values again after `stop` and after `kill`."""
    with servers.private_redis(persistent=True) as server, client(server.url) as connection:
        for number, end in enumerate((server.stop, server.kill)):
            connection.set("a", number)
            end()
            server.start()
            assert connection.get("a") == str(number)


def test_a_paused_server_says_nothing_and_then_goes_on(database: servers.Server, cache: servers.Server) -> None:
    """A paused server lets a client wait; resumed, it answers what was asked meanwhile."""
    questions = {database: b"\0\0\0\x08\x04\xd2\x16\x2f", cache: b"PING\r\n"}  # may I use TLS? are you there?
    for server, question in questions.items():
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            server.pause()
            assert server.running
            connection.sendall(question)
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            server.resume()
            connection.settimeout(SOON)
            assert connection.recv(1) in (b"N", b"-")


def test_start_and_stop_twice_do_nothing_more(cache: servers.Server) -> None:
    """Starting what runs, and stopping, killing, pausing and resuming what does not, is no error."""
    pid = cache.pid
    cache.start()
    assert cache.pid == pid
    for _ in range(2):
        cache.stop()
    for nothing in (cache.kill, cache.pause, cache.resume):
        nothing()
    cache.start()
    assert cache.running


def test_a_server_whose_port_was_taken_says_so(cache: servers.Server) -> None:
    """`start` after `stop` names the port when another program has taken it meanwhile, and works once it is free."""
    cache.stop()
    with (
        socket.create_server(("127.0.0.1", cache.port)),
        pytest.raises(servers.ServerError, match=f"port {cache.port} is in use"),
    ):
        cache.start()
    cache.start()
    assert cache.running


def test_a_server_that_finds_its_port_taken_takes_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When another program is quicker at a port that was free, the next one is tried."""
    recipe = redis_plan(persistent=False).recipe | {"base": str(tmp_path)}
    free = supervisor.ports()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(supervisor, "ports", lambda: iter([port, *islice(free, 9)]))
        mine = supervisor.Supervisor(recipe)
        mine.prepare()
        mine.start()
        assert mine.port in supervisor.PORTS
        mine.kill()


def test_a_server_that_failed_is_not_taken_for_one_that_runs(tmp_path: Path) -> None:
    """A program that could not start closes its output before it is gone; the next start does not count on it."""
    program = """
    import os, time
    from pathlib import Path
    if Path("tried").exists():
        print("ready to accept connections", flush=True)
        time.sleep(600)
    Path("tried").touch()
    print("out of luck", flush=True)
    os.close(1), os.close(2)
    time.sleep(0.5)  # its end, as slow as on a busy machine
    """
    serve = [sys.executable, "-c", textwrap.dedent(program)]
    mine = supervisor.Supervisor(redis_plan(persistent=False).recipe | {"base": str(tmp_path), "serve": serve})
    with pytest.raises(supervisor.Failed, match="out of luck"):
        mine.start()
    assert not mine.running()
    mine.start()
    assert mine.running()
    mine.kill()


def test_a_closed_server_is_gone_and_says_so() -> None:
    """After `close` the process and the folder are gone, and every further use says what to do."""
    with servers.private_redis() as server:
        process = psutil.Process(server.pid)
        folder = Path(process.cwd())
        assert folder.parent.samefile(tempfile.gettempdir())
        assert os.name == "nt" or folder.stat().st_mode & 0o077 == 0  # there the temporary folder is the user's own
    server.close()
    assert not lives(process)
    assert not folder.exists()
    assert not server.running
    assert not servers.is_private(server.url)
    with pytest.raises(servers.ServerError, match=r"is closed(.|\n)*Next: ask for another"):
        server.start()


def test_a_server_that_does_not_start_shows_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server wrote before it ended is in the error, with its version, where it is from, and the next step."""
    plan = redis_plan(persistent=False)
    plan.recipe["files"]["server.conf"] += "no-such-setting 1\n"
    with pytest.raises(servers.ServerError) as error:
        servers.Server("Redis", plan).wait_ready()
    assert "no-such-setting" in str(error.value)
    assert plan.program.version in str(error.value)
    assert "Next: mend" in str(error.value)
    assert error.value._render_traceback_() == [f"ServerError: {error.value}"]


def test_a_supervisor_that_fails_shows_why() -> None:
    """What a supervisor says when it breaks down reaches the one who asked, and the folder is gone all the same."""
    plan = redis_plan(persistent=False)
    del plan.recipe["serve"]
    with pytest.raises(servers.ServerError, match=r"supervisor of Redis ended: Traceback(.|\n)*KeyError: 'serve'"):
        servers.Server("Redis", plan).wait_ready()
