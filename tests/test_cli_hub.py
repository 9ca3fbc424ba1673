"""The hub's command: what it refuses, what it installs, what JupyterHub is told, and that nothing outlives it.

JupyterHub and its proxy are installed on request only, so here stands another program for them. The real ones:
tests/browser/test_hub.py, and tests/hub.py for a whole class.
"""

import asyncio
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import hub as script
import psutil
import pytest
from serving import SOON, lives, posix, until
from traitlets.config import Config

from course_lib.cli import environment, extras, hub, install, jupyterhub, main, proxy
from course_lib.cli.errors import CourseError
from course_lib.cli.jupyterhub import CONFIGURATION, Chosen, running
from course_lib.cli.run import StepFailed
from course_lib.lab import servers

pytestmark = posix


@pytest.fixture(autouse=True)
def somebody(monkeypatch):
    """Whoever runs this, it is nobody special, and has set nothing."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for name in (hub.PASSWORD, "COURSE_HUB", "COURSE_DATABASE_URL", "COURSE_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


# --- what cannot be


@pytest.mark.parametrize(
    ("argv", "user", "password", "told"),
    [
        ([], 0, None, "so would be every learner.\nNext: start this as an account of its own; or with --accounts"),
        (["--accounts"], 1000, None, "only root may.\nNext: sudo python3 -m course_lib hub --accounts; or leave"),
        (["--accounts", "--host", "10.0.0.7"], 0, None, "unencrypted.\nNext: leave --host out, and put a web server"),
        ([], 1000, "short", "COURSE_HUB_PASSWORD is not a password for the room.\nNext: set it to 8 or more"),
        ([], 1000, "", "COURSE_HUB_PASSWORD is not a password for the room.\nNext: set it to 8 or more"),
        ([], 1000, "pässword-word", "COURSE_HUB_PASSWORD is not a password for the room.\nNext: set it to 8 or more"),
        (["--port", "80"], 1000, None, "no port 80 for this.\nNext: pass --port from 1024 to 65535."),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_installed(monkeypatch, capsys, argv, user, password, told):
    """Arguments that this account or any cannot have are refused with the next step, and without a set-up."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(environment, "prepare", lambda **_: pytest.fail("it was set up"))
    if password is not None:
        monkeypatch.setenv(hub.PASSWORD, password)
    assert main.main(["hub", *argv]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert "short" not in said


def test_on_windows_another_place_is_named(monkeypatch):
    """There is no JupyterHub for Windows, and the sentence says where there is one."""
    monkeypatch.setattr(hub, "os", SimpleNamespace(name="nt"))
    with pytest.raises(CourseError, match=r"does not run on Windows\.\nNext: start this in WSL2"):
        hub.arguments([])


def test_help_names_every_option_and_installs_nothing(monkeypatch, capsys):
    """`hub --help` says what the first call fetches."""
    monkeypatch.setattr(environment, "prepare", lambda **_: pytest.fail("it was set up"))
    with pytest.raises(SystemExit) as ended:
        main.main(["hub", "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    for option in ("--learners", "--host", "--port", "--homes", "--accounts", "28 MB", hub.PASSWORD):
        assert option in said


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--learners", "0"], "There cannot be 0 learners.\nNext: pass a number from 1 to 200"),
        (["--host", "nowhere"], "nowhere is not an IPv4 address of this machine.\nNext: pass the one at which"),
    ],
)
def test_a_class_that_cannot_be_is_refused_before_jupyterhub_is_installed(monkeypatch, capsys, argv, told):
    """What `classroom` would refuse, this does, too, and first."""
    monkeypatch.setattr(hub, "bring_what_it_needs", lambda: pytest.fail("it was installed"))
    assert hub.main(argv) == 1
    assert told in capsys.readouterr().err


# --- what is installed


def test_jupyterhub_is_installed_once_with_a_sentence(monkeypatch, capsys):
    """Where a package of the extra is missing, all are installed, then never again; the proxy is looked for after."""
    there: dict[str, str] = {}
    calls = []

    def install_them(what, arguments):
        calls.append(arguments)
        there.update(pin.split("==") for pin in extras.wanted("hub"))

    def version(name):
        if name not in there:
            raise extras.importlib.metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(extras.importlib.metadata, "version", version)
    monkeypatch.setattr(install, "_run", install_them)
    monkeypatch.setattr(jupyterhub, "proxy", lambda: "/the/proxy")
    assert jupyterhub.bring_what_it_needs() == "/the/proxy"
    assert "JupyterHub and what it needs are installed once (28 MB are fetched)" in capsys.readouterr().err
    assert jupyterhub.bring_what_it_needs() == "/the/proxy"
    assert capsys.readouterr().err == ""
    assert [call[-len(there) :] for call in calls] == [extras.wanted("hub")]


@pytest.fixture
def programs(monkeypatch, tmp_path):
    """PATH has only what a test puts there, as shell scripts; the environment's folder is another one."""
    monkeypatch.setattr(proxy, "FOLDER", tmp_path / "environment" / "hub")
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(**scripts):
        for name, lines in scripts.items():
            file = tmp_path / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{lines}\n")
            file.chmod(0o755)
        return tmp_path

    return put


FETCHES = """
/bin/echo "$@" >> "$3/calls"
/bin/mkdir -p "$3/node_modules/.bin"
/bin/echo > "$3/node_modules/.bin/configurable-http-proxy"
"""


def test_the_proxy_is_fetched_with_npm_once(programs, capsys):
    """Where npm is and no proxy, the pinned one is installed into the environment's folder, with a sentence."""
    programs(node="echo v20.1.0", npm=FETCHES)
    own = str(proxy.FOLDER / "node_modules" / ".bin" / "configurable-http-proxy")
    assert proxy.proxy() == own
    assert "configurable-http-proxy@5.3.0 is installed once with npm (9 MB)" in capsys.readouterr().err
    assert proxy.proxy() == own
    assert capsys.readouterr().err == ""
    assert (proxy.FOLDER / "calls").read_text().split()[-1] == "configurable-http-proxy@5.3.0"


def test_a_proxy_on_the_path_is_taken(programs):
    """Who has one needs no npm."""
    folder = programs(node="echo v22.1.0", configurable_http_proxy="")
    assert proxy.proxy() == str(folder / "configurable-http-proxy")


@pytest.mark.parametrize(
    ("scripts", "told"),
    [
        ({}, "and here is no Node.js.\nNext: install Node.js 20 or newer, with its npm"),
        ({"node": "echo v18.20.4", "npm": ""}, "and here is Node.js 18.\nNext: install Node.js 20 or newer"),
        ({"node": "echo v20.1.0"}, "and here is no npm.\nNext: install Node.js 20 or newer, with its npm"),
        ({"node": "echo v20.1.0", "npm": "echo no network; exit 1"}, "npm's last lines are above.\nNext: check the"),
    ],
)
def test_without_a_proxy_it_is_said_what_to_install(programs, capsys, scripts, told):
    """No Node.js, one that is too old, no npm, an npm that fails: each has its sentence."""
    programs(**scripts)
    with pytest.raises(CourseError) as error:
        proxy.proxy()
    assert told in str(error.value)
    assert ("no network" in capsys.readouterr().err) == ("npm's last lines" in told)


def test_an_installer_that_fails_is_quoted(monkeypatch, capsys):
    """Without a network, the sentence says how much the first call fetches."""

    def fail(*_):
        raise StepFailed("dns error: failed to lookup address")

    monkeypatch.setattr(extras, "is_there", lambda pin: False)
    monkeypatch.setattr(install, "_run", fail)
    with pytest.raises(CourseError, match=r"Next: this needs the network once \(it fetches 28 MB\)"):
        jupyterhub.bring_what_it_needs()
    assert "dns error" in capsys.readouterr().err


# --- what JupyterHub is told


OWN = {"homes": "/homes", "password": "board-word", "host": "10.0.0.7", "port": 8000, "learners": 30, "accounts": False}
OWN |= {"folder": "/private", "proxy": "/the/proxy", "hub_port": 41, "proxy_port": 42}


class SharedPassword:
    """As much of JupyterHub's authenticator as the course's stands on."""

    def normalize_username(self, name):
        return name.lower()

    async def authenticate(self, handler, data):
        return {"name": data["username"]}


@pytest.fixture
def configured(monkeypatch):
    """A function that gives what the configuration sets, and the file's names, on a hub of the course's or another."""
    module = ModuleType("jupyterhub.authenticators.shared")
    module.SharedPasswordAuthenticator = SharedPassword
    for name in ("jupyterhub", "jupyterhub.authenticators"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(threading, "Thread", lambda **_: SimpleNamespace(start=lambda: None))

    def configure(before=None, **own):
        if own:
            monkeypatch.setenv("COURSE_HUB", json.dumps(own))
        config = before or Config()
        return config, runpy.run_path(str(CONFIGURATION), {"get_config": lambda: config})

    return configure


def value(lazy):
    """What JupyterHub has of a list or dictionary that was added to."""
    return lazy.get_value([]) if hasattr(lazy, "get_value") else lazy


def test_another_hub_takes_over_what_a_learner_s_server_needs(configured, monkeypatch):
    """Loaded by another hub, the file sets command, folder, both URLs and the ends of idle servers, and no more."""
    monkeypatch.setenv("COURSE_DATABASE_URL", "postgresql://class")
    theirs = Config()
    theirs.Spawner.args, theirs.Spawner.environment = ["--theirs"], {"THEIRS": "1"}
    config, _ = configured(theirs)
    assert list(config) == ["Spawner"]
    assert sorted(config.Spawner) == ["args", "cmd", "environment"]
    assert config.Spawner.cmd[1:] == ["-m", "course_lib", "lab", "--"]
    assert config.Spawner.cmd[0].endswith("/.venv/bin/python")
    assert config.Spawner.environment == {
        "THEIRS": "1",
        "COURSE_WORK": "~/async-course",
        "COURSE_DATABASE_URL": "postgresql://class",
    }
    assert config.Spawner.args == [
        "--theirs",
        "--MappingKernelManager.cull_idle_timeout=3600",
        "--ServerApp.shutdown_no_activity_timeout=3600",
    ]


def test_the_course_s_own_hub_answers_on_one_address_and_keeps_the_rest_on_this_machine(configured):
    """Learners reach the proxy alone; hub, proxy's interface and servers are on loopback, and files in a folder."""
    config, _ = configured(**OWN)
    assert config.JupyterHub.bind_url == "http://10.0.0.7:8000"
    assert config.JupyterHub.hub_bind_url == "http://127.0.0.1:41"
    assert config.ConfigurableHTTPProxy.api_url == "http://127.0.0.1:42"
    assert config.ConfigurableHTTPProxy.command == ["/the/proxy"]
    assert config.Spawner.ip == "127.0.0.1"
    assert config.Spawner.cmd[0] == sys.executable
    assert config.JupyterHub.db_url.startswith("sqlite:////private/")
    assert config.ConfigurableHTTPProxy.pid_file.startswith("/private/")


def test_a_whole_class_may_come_at_once_and_not_more(configured):
    """Nobody is sent away while others start; beyond the class and the instructor, servers are refused."""
    config, _ = configured(**OWN)
    assert config.JupyterHub.concurrent_spawn_limit == 0
    assert config.JupyterHub.active_server_limit == 31
    assert config.Spawner.start_timeout == config.Spawner.http_timeout == 300


@pytest.mark.parametrize("user", [0, 1000])
def test_learners_have_folders_and_one_password(configured, monkeypatch, user):
    """Without accounts, servers run as who started the hub, in a folder each; as root, JupyterLab has to be told."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    config, names = configured(**OWN | {"homes": "/homes/{7}"})
    assert config.JupyterHub.authenticator_class is names["RoomAuthenticator"]
    assert config.SharedPasswordAuthenticator.user_password == "board-word"
    assert config.JupyterHub.spawner_class == "simple"
    assert config.SimpleLocalProcessSpawner.home_dir_template.format(username="ann") == "/homes/{7}/ann"
    assert ("--allow-root" in value(config.Spawner.args)) == (user == 0)


@pytest.mark.parametrize(("folder", "room"), [("/tmp/hub", True), (f"/tmp/{'long' * 9}", False)])
def test_kernels_listen_at_files_where_their_names_have_room(configured, folder, room):
    """Kernels that start at once take no port from each other: each learner's are at files in a folder of theirs."""
    config, _ = configured(**OWN | {"folder": folder})
    environment = config.Spawner.environment.get_value({})
    assert ("--KernelManager.transport=ipc" in value(config.Spawner.args)) == room
    assert ("JUPYTER_RUNTIME_DIR" in environment) == room
    if room:
        ann = SimpleNamespace(user=SimpleNamespace(name="ann"))
        assert environment["JUPYTER_RUNTIME_DIR"](ann) == f"{folder}/ann"


def test_with_accounts_the_machine_knows_who_comes(configured):
    """With --accounts names and passwords are the machine's, servers run as their learner, and root is no learner."""
    config, _ = configured(**OWN | {"accounts": True})
    assert config.JupyterHub.authenticator_class == "pam"
    assert config.JupyterHub.spawner_class == "jupyterhub.spawner.LocalProcessSpawner"
    assert config.Authenticator.blocked_users == {"root"}
    assert "SharedPasswordAuthenticator" not in config
    assert "SimpleLocalProcessSpawner" not in config


@pytest.mark.parametrize("name", ["ann", "Ann", "l01", "zoe-of-the_school", "a" * 31])
def test_a_name_that_can_be_a_folder_is_let_in(configured, name):
    """Letters, digits, - and _ after a letter; capitals count as small ones."""
    authenticator = configured(**OWN)[1]["RoomAuthenticator"]()
    who = asyncio.run(authenticator.authenticate(None, {"username": name, "password": "board-word"}))
    assert who == {"name": name}


@pytest.mark.parametrize("name", ["", "..", "../ann", "ann/..", "7up", "Zoë", "a b", "a" * 32, "ann\n", "<b>"])
def test_any_other_name_gets_the_rule(configured, name):
    """A name that could lead out of the homes, or be quoted in an address, is refused with the rule."""
    from tornado.web import HTTPError

    authenticator = configured(**OWN)[1]["RoomAuthenticator"]()
    with pytest.raises(HTTPError) as error:
        asyncio.run(authenticator.authenticate(None, {"username": name, "password": "board-word"}))
    assert error.value.status_code == 400
    assert error.value.reason == "A name of your own: a letter, then letters, digits, - and _, up to 31 in all."


def test_a_password_in_other_letters_is_wrong_and_no_failure(configured):
    """What an input method left in full width is a wrong password, not an error of the server's."""
    authenticator = configured(**OWN)[1]["RoomAuthenticator"]()
    entered = {"username": "ann", "password": "\uff42oard-word"}
    assert asyncio.run(authenticator.authenticate(None, entered)) is None


def test_the_hub_ends_when_who_started_it_is_gone(configured, monkeypatch):
    """When the pipe from the command closes, the hub gets the signal on which it ends in order."""
    ended = []
    _, names = configured(**OWN)
    monkeypatch.setattr(os, "read", lambda number, most: ended.append(number))
    monkeypatch.setattr(os, "kill", lambda *call: ended.append(call))
    names["end_with_command"]()
    assert ended == [0, (os.getpid(), signal.SIGTERM)]


# --- what runs, and its end

JUPYTERHUB = """
import http.server, json, os, signal, subprocess, sys
own = json.loads(os.environ["COURSE_HUB"])
print("JupyterHub begins", flush=True)
if own["password"] == "fails":
    sys.exit("no such option")
server = "import time; time.sleep(600)"  # as a learner's, in a session of its own, which does not end with the hub
subprocess.Popen([sys.executable, "-c", server], start_new_session=True)
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/hub/health" else 404)
        self.end_headers()
http.server.HTTPServer((own["host"], own["port"]), Answers).serve_forever()
"""

COMMAND = """
import sys
from course_lib.cli import hub
hub.bring_what_it_needs = lambda: "proxy"
sys.exit(hub.main(sys.argv[1:]))
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Another program is found as JupyterHub; gives a folder for homes."""
    folder = tmp_path / "packages"
    (folder / "jupyterhub").mkdir(parents=True)
    (folder / "jupyterhub" / "__init__.py").touch()
    (folder / "jupyterhub" / "__main__.py").write_text(JUPYTERHUB)
    about = folder / "jupyterhub-0.7.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: jupyterhub\nVersion: 0.7\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / "homes"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


ROOM = SimpleNamespace(
    database_url="postgresql://class",
    redis_url="redis://class",
    postgres=SimpleNamespace(name="PostgreSQL", running=True, version="PostgreSQL 18"),
    redis=SimpleNamespace(name="Redis", running=True, version="Redis 8"),
)


def test_everything_ends_with_the_block(stand_in):
    """A learner's server that outlives the hub is ended, too, its folder removed; the homes stay, closed to others."""
    with running(Chosen(2, stand_in, "board-word", port=free_port()), ROOM, "proxy") as started:
        family = [psutil.Process(started.pid), *psutil.Process(started.pid).children()]
        assert len(family) == 2
        assert "JupyterHub begins" in started.log.read_text()
    assert not any(map(lives, family))
    assert not started.log.parent.exists()
    assert stand_in.stat().st_mode & 0o777 == 0o700


def test_a_hub_that_does_not_start_is_quoted(stand_in):
    """Its last lines stand in the message, with the next step."""
    chosen = Chosen(2, stand_in, "fails", port=free_port())
    told = r"(?s)has ended, or does not answer. Its last lines:.*no such option\nNext: start this again"
    with pytest.raises(CourseError, match=told), running(chosen, ROOM, "proxy"):
        pass


def test_a_taken_port_is_said(stand_in):
    """Another program on the port is named before anything starts."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        chosen = Chosen(2, stand_in, "board-word", port=other.getsockname()[1])
        told = r"cannot be used at 127.0.0.1(?s:.*)pass another --port"
        with pytest.raises(CourseError, match=told), running(chosen, ROOM, "proxy"):
            pass


def test_homes_that_cannot_be_made_are_said(tmp_path):
    """A path that leads through a file is named, with the option that sets another."""
    (tmp_path / "file").touch()
    chosen = Chosen(2, tmp_path / "file" / "homes", "board-word", port=free_port())
    told = r"no folder for learners(.|\n)*with --homes FOLDER"
    with pytest.raises(CourseError, match=told), running(chosen, ROOM, "proxy"):
        pass


def test_who_waits_is_told_what_has_ended(stand_in, monkeypatch, capsys):
    """A server of the class that ends by itself is named, status 1; a hub that does is quoted."""
    monkeypatch.setattr(ROOM.redis, "running", False)
    with running(Chosen(2, stand_in, "board-word", port=free_port()), ROOM, "proxy") as started:
        assert started.wait() == 1
        assert capsys.readouterr().err == "Redis has ended by itself, so all is stopped.\nNext: start this again.\n"
        (server,) = psutil.Process(started.pid).children()
        monkeypatch.setattr(ROOM.redis, "running", True)
        monkeypatch.setattr(jupyterhub, "LOOK_EVERY", 0.01)
        psutil.Process(started.pid).kill()
        with pytest.raises(CourseError, match="has ended, or does not answer"):
            started.wait()
    assert not lives(server)  # although who started it was killed


@pytest.mark.skipif(not servers.has_redis(), reason="no real Redis here, a stand-in")
@pytest.mark.parametrize(
    ("number", "status", "told"),
    [
        (signal.SIGINT, 0, "\nAll is stopped: the hub, the learners' servers, PostgreSQL and Redis.\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_the_command_says_what_to_write_on_the_board_and_one_signal_ends_all(
    stand_in, tmp_path, monkeypatch, number, status, told
):
    """`hub` prints address and password, and stays; the first Ctrl+C, or SIGTERM, ends hub and servers."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    monkeypatch.setenv(hub.PASSWORD, "board-word")
    port = str(free_port())
    argv = ["--learners", "2", "--allow-root", "--port", port, "--homes", str(stand_in)]
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = []
            while not lines or not lines[-1].startswith("Learners reach it from this machine alone."):
                lines.append(process.stdout.readline())
                assert lines[-1], process.communicate()[1]
            started = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number)
            _, said = process.communicate(timeout=SOON)
        finally:
            process.kill()
    assert (process.returncode, said) == (status, told)
    text = "".join(lines)
    assert text.startswith("JupyterHub 0.7 runs for 2 learners and you, until Ctrl+C.")
    assert f"\n  http://127.0.0.1:{port}/\n  Name: your own, the same one each time. Password: board-word\n" in text
    assert f"What they write stays in {stand_in}" in text
    until(lambda: not any(map(lives, started)))


def test_with_accounts_the_board_has_no_password(monkeypatch):
    """What is printed for the machine's accounts names no password of the room, and whose account each runs as."""
    monkeypatch.setattr(hub.importlib.metadata, "version", lambda name: "0.7")
    chosen = Chosen(30, Path("/homes"), "board-word", accounts=True)
    text = hub.handout(chosen, ROOM, SimpleNamespace(url="http://127.0.0.1:8000/", log="/log"))
    assert "Name and password: those of your account on this machine." in text
    assert "Each runs as their own account" in text
    assert "board-word" not in text
    assert "/homes" not in text
    assert hub.HERE_ALONE not in text


def test_a_password_is_made_of_letters_that_are_not_mistaken():
    """Each start has another one, long enough, without 0 and o, 1 and l."""
    made = {hub._password() for _ in range(20)}
    assert len(made) == 20
    assert all(len(each) == 10 and not set(each) & set("01lo") for each in made)


# --- a class that tries it (tests/hub.py)


def test_each_learner_of_a_hub_has_one_account(monkeypatch):
    """An account is a learner's by name and digest; who has two, or none, or is nobody's, is not among them."""
    roles = [f"learner_{name}" for name in ("l01_0123abcd", "l02_0123abcd", "l02_4567abcd", "x_0123abcd", "l03")]
    monkeypatch.setattr(script, "sql", lambda *_: roles)
    room = SimpleNamespace(postgres=SimpleNamespace(url=""))
    assert script.accounts(room, ["l01", "l02", "l03"]) == ["l01_0123abcd"]


def test_what_lies_among_the_homes_is_found(tmp_path):
    """A learner's folder belongs there, and nothing else."""
    for name in ("l01", "l02", "stray"):
        (tmp_path / name).mkdir()
    assert script.strangers(tmp_path, ["l01", "l02"]) == ["stray"]


def test_a_learner_for_whom_something_fails_does_not_stop_the_others():
    """A refusal, and a kernel that is lost, count as that learner's failure, by name."""

    def step(learner):
        raise script.websocket.WebSocketConnectionClosedException("gone")

    ran = script.timed(script.Learner("http://127.0.0.1:1/", "l01"), step, threading.Barrier(1))
    assert (ran.learner, ran.differences) == ("l01", ["WebSocketConnectionClosedException: gone"])
    ran = script.timed(script.Learner("http://127.0.0.1:1/", "l01"), lambda one: one.arrive("x"), threading.Barrier(1))
    assert ran.differences[0].startswith("ConnectionError: ")
