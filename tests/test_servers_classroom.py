"""A class's servers of the course's own: who gets in, what is kept apart, how many fit, and what is told otherwise."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import classroom as script
import psutil
import pytest
import redis as redis_client
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbformat.v4 import writes as as_text
from serving import SOON, client, lives, posix, sql, until

from course_lib.exercises import progress, sharing
from course_lib.lab import servers
from course_lib.lab.servers import accounts, board, finding, shared
from course_lib.lab.servers import classroom as room_module
from course_lib.lab.servers.classroom import Classroom, classroom
from course_lib.paths import REPO

pytestmark = pytest.mark.skipif(not servers.has_redis(), reason="no real Redis here, a stand-in")

EVERYBODY = ["ann", "ben", "cy", "dee", "eve", "fay"]
"""Four learners, and two places more."""


@pytest.fixture(scope="module")
def room() -> Iterator[Classroom]:
    """A class of four."""
    with classroom(4) as started:
        yield started


@pytest.fixture
def given(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The class's URLs are given, by the two variables."""
    monkeypatch.setenv("COURSE_DATABASE_URL", room.database_url)
    monkeypatch.setenv("COURSE_REDIS_URL", room.redis_url)
    return monkeypatch


def enter(given: pytest.MonkeyPatch, name: str) -> tuple[str, str]:
    """What `start_all` gives to a learner."""
    given.setenv("COURSE_LEARNER", name)
    return servers.start_all()


# --- kept apart


def test_everybody_gets_a_database_a_role_and_a_redis_user(given: pytest.MonkeyPatch) -> None:
    """The same two URLs lead each learner to accounts of their own, whose names say whose they are."""
    for name in ("ann", "ben"):
        database, cache = enter(given, name)
        assert sql(database, "SELECT current_database() || ' ' || current_user") == f"learner_{name} learner_{name}"
        assert sql(database, "SELECT current_schema()") == servers.schema() == f"learner_{name}"
        with client(cache) as connection:
            assert connection.acl_whoami() == f"learner_{name}"


def test_a_second_kernel_of_a_learner_gets_the_same_accounts(given: pytest.MonkeyPatch) -> None:
    """Another process comes to the same URLs, and finds what the first one left."""
    database, cache = enter(given, "ann")
    sql(database, "DROP TABLE IF EXISTS kept", "CREATE TABLE kept AS SELECT 7 AS number")
    with client(cache) as connection:
        connection.set(f"{servers.key_prefix()}kept", 7)
    asks = "from course_lib.lab import servers; print(*servers.start_all())"
    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=3 * SOON, check=True)
    assert told.stdout.split() == [database, cache]
    assert sql(database, "SELECT number FROM kept") == 7
    with client(cache) as connection:
        assert connection.get(f"{servers.key_prefix()}kept") == "7"


def test_a_notification_stays_with_its_learner(given: pytest.MonkeyPatch) -> None:
    """What Ben notifies on a channel, Ann, who listens on the channel of that name, does not hear."""
    import asyncio

    (ann, _), (ben, _) = enter(given, "ann"), enter(given, "ben")
    heard: list[str] = []

    async def main() -> None:
        connections = [await asyncpg.connect(url) for url in (ann, ben)]
        await connections[0].add_listener("orders", lambda *told: heard.append(told[-1]))
        for number in (1, 0):  # Ann's own comes last: when it is heard, Ben's would have been
            await connections[number].execute(f"NOTIFY orders, '{number}'")
        while not heard:
            await asyncio.sleep(0)
        for connection in connections:
            await connection.close()

    asyncio.run(asyncio.wait_for(main(), SOON))
    assert heard == ["0"]


def test_another_learner_s_database_is_closed(given: pytest.MonkeyPatch) -> None:
    """Ann's role may not even connect to Ben's database, nor to those that the server came with."""
    (ann, _), _ = enter(given, "ann"), enter(given, "ben")
    for name in ("learner_ben", "postgres", "template1", "classroom"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            sql(ann.replace("/learner_ann?", f"/{name}?"), "SELECT 1")


@pytest.mark.parametrize(
    "command",
    [
        ["SET", "learner_ben:key", "1"],
        ["GET", "learner_ben:key"],
        ["SET", "key", "1"],
        ["SET", "{learner_ben:jobs}:stream", "1"],
        ["PUBLISH", "learner_ben:news", "1"],
        ["EVAL", "return redis.call('GET', 'learner_ben:key')", "0"],
        ["FLUSHALL"],
        ["CONFIG", "SET", "maxmemory", "1"],
        ["ACL", "LIST"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_redis_refuses_what_reaches_others(command: list[str], given: pytest.MonkeyPatch) -> None:
    """Keys and channels of others, and what concerns all, are refused to a learner; one's own are not."""
    _, cache = enter(given, "ann")
    with client(cache) as connection:
        with pytest.raises(redis_client.ResponseError, match=r"(?i)permission"):
            connection.execute_command(*command)
        for own in (f"{servers.key_prefix()}key", f"{{{servers.key_prefix()}jobs}}:stream"):
            assert connection.set(own, "1")


def test_the_urls_that_are_handed_out_show_nobody_s_data(given: pytest.MonkeyPatch, room: Classroom) -> None:
    """With the class's URLs as they are one can read no key and no table, and is no superuser."""
    enter(given, "ann")
    with client(room.redis_url) as connection, pytest.raises(redis_client.ResponseError, match="permissions"):
        connection.get("learner_ann:key")
    assert sql(room.database_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        sql(room.database_url, "COPY (SELECT 1) TO PROGRAM 'true'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        sql(room.database_url.replace("/classroom?", "/learner_ann?"), "SELECT 1")


# --- the board: what learners share of their progress (the rest of it: test_sharing.py)


def test_on_the_board_of_a_class_each_learner_has_a_row_of_their_own(
    given: pytest.MonkeyPatch, room: Classroom, tmp_path: Path, capsys
) -> None:
    """Two learners share, the instructor sees both, and neither name nor account of one is in the other's reach."""
    for name in ("ann", "ben"):
        as_learner(given, name, tmp_path)
        progress.share(f"{name} as she likes")
        progress.note_try("lesson_01", "load_page", passed=name == "ann")
    assert "Shared as ben as she likes, with the class's Redis at 127.0.0.1" in capsys.readouterr().out

    there = board.ClassRedis(room.board_url, "")
    seen = {json.loads(row)["name"]: json.loads(row)["exercises"] for row in there.rows()}
    assert seen == {
        "ann as she likes": {"load_page": {"tries": 1, "passed": True}},
        "ben as she likes": {"load_page": {"tries": 1, "passed": False}},
    }

    _, cache = enter(given, "ann")
    other = f"board:{accounts.row_of('learner_ben')}"
    with client(cache) as connection:
        for command in (["GET", other], ["SET", other, "{}"], ["DEL", other], ["SET", "board:new", "{}"]):
            with pytest.raises(redis_client.ResponseError, match=r"(?i)permission"):
                connection.execute_command(*command)
        assert not [key for key in connection.scan_iter() if "ben" in key and key.startswith("board:")]
    for url, command in (
        (room.redis_url, ["GET", other]),  # what everybody has
        (room.board_url, ["SET", other, "{}"]),
        (room.board_url, ["GETRANGE", "learner_ann:kept", "0", "1"]),
        (room.board_url, ["ACL", "USERS"]),
    ):
        with client(url) as connection, pytest.raises(redis_client.ResponseError, match=r"(?i)permission"):
            connection.execute_command(*command)

    for name in ("ann", "ben"):
        as_learner(given, name, tmp_path)
        progress.stop_sharing()
        assert "your row is removed" in capsys.readouterr().out
    assert there.rows() == []


def test_in_a_redis_that_is_no_classroom_s_nothing_is_shared(
    given: pytest.MonkeyPatch, room: Classroom, tmp_path: Path
) -> None:
    """Where everybody could write everybody's row, `share` says that there is no class."""
    as_learner(given, "ann", tmp_path)
    given.setenv("COURSE_REDIS_URL", room.redis.url)
    with pytest.raises(servers.ServerError, match=r"no class here to share with(.|\n)*ask the instructor"):
        progress.share("Ann")
    assert not (tmp_path / "ann").exists()


def as_learner(given: pytest.MonkeyPatch, name: str, tmp_path: Path) -> None:
    """Be this learner, in a kernel that has just started."""
    given.setenv("COURSE_LEARNER", name)
    given.setenv("COURSE_WORK", str(tmp_path / name))
    given.delenv("COURSE_PROGRESS", raising=False)
    given.setattr(progress, "_memory", {})
    given.setattr(sharing, "_sending", sharing._Sending())
    given.setattr(sharing, "WAIT", SOON)


# --- how many fit


def test_connections_are_there_for_everybody_and_nobody_takes_another_s(
    given: pytest.MonkeyPatch, room: Classroom
) -> None:
    """The server takes as many as all learners may have; a learner's role takes its own share and no more."""
    database, _ = enter(given, "ann")
    assert int(sql(room.postgres.url, "SHOW max_connections")) >= len(EVERYBODY) * accounts.EACH + 10
    assert sql(database, "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user") == accounts.EACH


def test_one_learner_more_than_asked_for_is_told(room: Classroom, given: pytest.MonkeyPatch) -> None:
    """The one who does not fit is told how many places there are, and what to do; who is there stays there."""
    for name in EVERYBODY:
        enter(given, name)
    given.setenv("COURSE_LEARNER", "gus")
    for ask in (servers.postgres, servers.redis):
        with pytest.raises(servers.ServerError, match=r"have 6 places, and all are taken(.|\n)*--learners NUMBER"):
            ask()
    assert enter(given, "dee")


def test_a_learner_whose_notebooks_hold_all_connections_is_told_which_to_end(given: pytest.MonkeyPatch) -> None:
    """With too few left for a lesson, the next kernel names the kernels to shut down; with none left, too."""
    import asyncio

    database, _ = enter(given, "ben")
    again = shared._with_schema.__wrapped__  # as another kernel would, which remembers nothing

    async def main(held: int) -> None:
        connections = [await asyncpg.connect(database) for _ in range(held)]
        try:
            with pytest.raises(servers.ServerError, match=rf"hold {held} of the 20 (.|\n)*Shut Down All Kernels"):
                await asyncio.to_thread(again, os.environ["COURSE_DATABASE_URL"], "learner_ben")
        finally:
            for connection in connections:
                await connection.close()

    for held in (accounts.EACH - 3, accounts.EACH):
        asyncio.run(main(held))


def test_a_server_of_another_kind_that_is_nearly_full_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a PostgreSQL that somebody else set up, a lesson is not begun when too few connections are left for it."""
    import asyncio

    with servers.private_postgres() as small:
        sql(small.url, "ALTER SYSTEM SET max_connections = 12")
        small.stop()
        small.start()
        monkeypatch.setenv("COURSE_DATABASE_URL", small.url)

        async def main(held: int) -> str:
            connections = [await asyncpg.connect(small.url) for _ in range(held)]
            try:
                with pytest.raises(servers.ServerError) as error:
                    await asyncio.to_thread(servers.postgres)
            finally:
                for connection in connections:
                    await connection.close()
            return str(error.value)

        assert "too small for all who use it now: it takes 12 connections, of which 4 are free" in asyncio.run(main(5))
        assert "too small for all who use it now" in asyncio.run(main(12))
        assert "course_lib classroom --learners NUMBER" in asyncio.run(main(12))
        assert servers.postgres()


@pytest.mark.parametrize(
    ("learners", "host", "told"),
    [
        (0, "127.0.0.1", "There cannot be 0 learners.\nNext: pass a number from 1 to 200"),
        (201, "127.0.0.1", "There cannot be 201 learners.\nNext: pass a number from 1 to 200"),
        (30, "0.0.0.0", "0.0.0.0 is not an IPv4 address of this machine.\nNext: pass the one at which"),
        (30, "nowhere", "nowhere is not an IPv4 address of this machine.\nNext: pass the one at which"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(learners: int, host: str, told: str) -> None:
    """A number or an address that cannot be right is named, with what is allowed."""
    with pytest.raises(servers.ServerError) as error, classroom(learners, host):
        pass
    assert str(error.value).startswith(told)


def test_a_machine_that_is_too_small_is_told_how_many_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too little memory free, the sentence says how much the class may take and how many learners fit."""
    free = psutil.virtual_memory()._replace(available=10 * room_module.MEGABYTES * 1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    told = r"too small: (.|\n)*for 30 learners (.|\n)*\(here 10 fit\)"
    with pytest.raises(servers.ServerError, match=told), classroom(30):
        pass


def test_the_stand_in_for_redis_is_no_server_for_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no real Redis, as on Windows, the classroom says so, and how to get one."""
    monkeypatch.setattr(finding, "_redis_candidates", lambda: iter(()))
    finding.redis_program.cache_clear()
    try:
        with pytest.raises(servers.ServerError, match=r"no Redis here that a class can share(.|\n)*WSL2"), classroom(2):
            pass
    finally:
        finding.redis_program.cache_clear()


def test_at_an_address_of_the_room_s_network_learners_get_in_and_the_superuser_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With --host both URLs name that address and answer there; there the superuser is sent away."""
    own = [each.address for several in psutil.net_if_addrs().values() for each in several]
    host = next((address for address in own if room_module._is_ipv4(address) and address != "127.0.0.1"), None)
    if host is None:
        pytest.skip("this machine is on no network")
    with classroom(2, host) as room:
        for variable, url in (("COURSE_DATABASE_URL", room.database_url), ("COURSE_REDIS_URL", room.redis_url)):
            assert urlsplit(url).hostname == host
            monkeypatch.setenv(variable, url)
        database, cache = enter(monkeypatch, "ann")
        assert {urlsplit(url).hostname for url in (database, cache)} == {host}
        assert sql(database, "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            sql(room.postgres.url.replace("127.0.0.1", host), "SELECT 1")


# --- the commands


@posix
def test_the_command_prints_what_to_hand_out_and_ctrl_c_ends_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`classroom` prints both URLs and stays; --progress finds it; with the first Ctrl+C both servers are gone."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-m", "course_lib", "classroom", "--learners", "2"],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or not lines[-1].startswith("Learners reach them"):
                lines.append(process.stdout.readline())
                assert lines[-1], process.communicate()[1]
            note = tmp_path / "classroom.url"
            assert stat.S_IMODE(note.stat().st_mode) == 0o600
            there = board.instructors_board()
            assert (there.where.partition(" at ")[0], there.rows()) == ("the class's Redis", [])
            started = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=SOON)
        finally:
            process.kill()
    assert (process.returncode, said) == (0, "\nBoth servers are stopped.\n")
    assert not note.exists()
    text = "".join(lines)
    assert text.startswith("PostgreSQL ")
    assert " run for 2 learners, each with up to 20 connections.\n" in text
    for line in ("COURSE_DATABASE_URL=postgresql://classroom:", "  export COURSE_REDIS_URL='redis://classroom:"):
        assert f"\n{line}" in text
    until(lambda: not any(map(lives, started)))


def test_a_class_that_runs_a_lesson_is_compared_and_looked_through(
    room: Classroom, given: pytest.MonkeyPatch, tmp_path, capsys
) -> None:
    """tests/classroom.py names the learner and the cell that differ, and a table that lies where it does not belong."""
    source = "import os\nfrom course_lib.lab import servers\nservers.start_all()\nprint(os.environ['COURSE_LEARNER'])"
    cell = new_code_cell(source, outputs=[new_output("stream", text="ann\n")])
    path = tmp_path / "01_small.ipynb"
    path.write_text(as_text(new_notebook(cells=[cell])))
    failed = script.one_lesson(path, ["ann", "ben"], room)
    assert [text.partition("\n")[0] for text in failed] == ["01_small, learner ben: 1 cells differ; first code cell 1"]
    assert capsys.readouterr().out.split()[:2] == ["01_small", "1"]

    assert script.misplaced(room, EVERYBODY) == []
    database = room.postgres.url.replace("/postgres?", "/learner_ann?")
    sql(database, "CREATE TABLE learner_ann.strange ()", "ALTER TABLE learner_ann.strange OWNER TO learner_ben")
    with client(room.redis.url) as connection:
        connection.set("strange", 1)
    found = script.misplaced(room, EVERYBODY)
    assert found == [
        "PostgreSQL: learner_ann holds 1 objects of somebody else",
        "Redis: keys of nobody's: strange",
    ]
    sql(database, "DROP TABLE learner_ann.strange")
    with client(room.redis.url) as connection:
        connection.delete("strange")
