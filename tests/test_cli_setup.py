"""Set-up: what a learner sees on the first start, on the second, and when something is broken."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from course_clone import Clone

from course_lib.cli import environment, install
from course_lib.cli.environment import STAMP, prepare, python_of
from course_lib.cli.errors import CourseError
from course_lib.cli.lock import only_one
from course_lib.cli.run import REASONS, StepFailed, reason, why
from course_lib.paths import REPO


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("ready"))
    assert clone.run("lab").returncode == 0
    return clone


@pytest.fixture(scope="module")
def often_broken(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("broken"))
    assert clone.run("lab").returncode == 0
    return clone


def test_first_start_installs_and_second_start_installs_nothing(clone):
    """The first start makes .venv with the pins and says how long each step took; the second calls no installer."""
    first = clone.run("lab")
    assert first.returncode == 0
    assert "Setting the course up with Python" in first.stderr
    assert "Installing the packages with uv ... " in first.stderr
    making, installing = clone.calls()
    assert making["argv"][0] == "venv"
    assert installing["argv"][-2:] == ["-r", "requirements.txt"]
    assert os.path.samefile(installing["cwd"], clone.root)

    second = clone.run("lab")
    assert second.returncode == 0
    assert "Installing" not in second.stderr
    assert clone.calls() == []


def break_python(clone):
    python_of(clone.venv).unlink()


def break_half_way(clone):
    clone.stamp.unlink()


def break_stamp(clone):
    clone.stamp.write_text("[")


def break_package(clone):
    next(path for path in clone.venv.rglob("matplotlib") if path.is_dir()).rmdir()


def break_altogether(clone):
    shutil.rmtree(clone.venv)
    clone.venv.write_text("a file")


def break_by_other_python(clone):
    stamp = json.loads(clone.stamp.read_text())
    clone.stamp.write_text(json.dumps(stamp | {"python": "3.9"}))


def break_by_moving(clone):
    moved = clone.root.with_name("moved")
    clone.root.rename(moved)
    clone.root, clone.venv, clone.stamp = moved, moved / ".venv", moved / ".venv" / STAMP


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (break_python, "its Python does not run"),
        (break_half_way, "did not come to its end"),
        (break_stamp, "did not come to its end"),
        (break_package, "its package matplotlib is gone"),
        (break_altogether, "did not come to its end"),
        (break_by_other_python, "made with Python 3.9"),
        (break_by_moving, "made in another folder"),
    ],
)
def test_a_broken_environment_is_mended(often_broken, damage, told):
    """Whatever is wrong with .venv, the next start says so, makes it anew and goes on."""
    assert often_broken.stamp.exists(), "the environment was not mended before"
    often_broken.calls()
    damage(often_broken)
    mended = often_broken.run("lab")
    assert mended.returncode == 0
    assert told in mended.stderr
    assert [call["argv"][0] for call in often_broken.calls()] == ["venv", "pip"]


def test_without_a_network_the_first_start_says_what_to_do(clone):
    """No network at the first start gives a sentence with the next step, and leaves nothing half-made."""
    failed = clone.run("lab", FAKE_UV="offline")
    assert failed.returncode == 1
    assert "no connection to the package index" in failed.stderr
    assert "Next: the first start needs the network once" in failed.stderr
    assert not clone.venv.exists()


def test_new_pins_are_installed(clone):
    """After an update that changes requirements.txt, the next start installs it and nothing of the old stays behind."""
    clone.run("lab")
    clone.calls()
    clone.require("something==2.0")
    updated = clone.run("lab")
    assert "requirements.txt has changed" in updated.stderr
    assert len(clone.calls()) == 2
    assert sorted(path.name for path in clone.root.glob(".venv*")) == [".venv", ".venv.lock"]


def test_new_pins_without_a_network(clone):
    """Without a network, lessons go on with the packages of the last set-up, and checks refuse to."""
    clone.run("lab")
    clone.require("something==2.0")
    lab = clone.run("lab", FAKE_UV="offline")
    assert lab.returncode == 0
    assert "going on with the packages of the last set-up" in lab.stderr
    test = clone.run("test", FAKE_UV="offline")
    assert test.returncode == 1
    assert "no connection" in test.stderr
    assert "Installing" in clone.run("lab").stderr  # with the network back


def test_two_starts_at_once_set_up_once(clone):
    """A second start waits for the first one's set-up, and uses it."""
    first = clone.start("lab", FAKE_UV="slow")
    while not (clone.bin / "half").exists():
        assert first.poll() is None, first.communicate()
    second = clone.start("lab", FAKE_UV="slow")
    waiting = second.stderr.readline()
    (clone.bin / "go").touch()
    assert "waiting for it to end" in waiting
    assert first.communicate(timeout=60)
    assert "Installing" not in second.communicate(timeout=60)[1]
    assert (first.returncode, second.returncode) == (0, 0)
    assert [call["argv"][0] for call in clone.calls()] == ["venv", "pip"]


def test_a_set_up_that_was_killed_is_done_again(clone):
    """After a kill in the middle of an installation, the next start waits for what is left of it and begins afresh."""
    killed = clone.start("lab", FAKE_UV="slow")
    while not (clone.bin / "half").exists():
        assert killed.poll() is None, killed.communicate()
    killed.kill()
    killed.wait()
    next_start = clone.start("lab", FAKE_UV="slow")
    if os.name != "nt":  # where an installer that outlived its parent still holds the lock
        assert "waiting for it to end" in next_start.stderr.readline()
    (clone.bin / "go").touch()
    _, err = next_start.communicate(timeout=60)
    assert next_start.returncode == 0, err
    assert "did not come to its end" in err
    killed.communicate()


def test_variables_that_would_misdirect_the_installation_are_dropped(clone):
    """VIRTUAL_ENV and its like never lead the packages elsewhere; caches, indexes and PYTHONPATH are passed on."""
    misleading = dict.fromkeys(install.MISLEADING, "elsewhere")
    misleading.pop("PYTHONHOME")  # no Python starts with a wrong one
    misleading.pop("__PYVENV_LAUNCHER__")
    kept = {"UV_CACHE_DIR": "cache", "PIP_TIMEOUT": "7", "PYTHONPATH": "somewhere"}
    clone.run("lab", **misleading, **kept)
    for call in clone.calls():
        assert not misleading.keys() & call["env"].keys()
        assert kept.items() <= call["env"].items()
        assert str(clone.venv) in call["argv"] or str(python_of(clone.venv)) in call["argv"]


def test_test_runs_pytest_in_the_environment_and_passes_its_status_on(ready):
    """`test` runs pytest from the course's folder with the arguments given, and ends with pytest's status."""
    ran = ready.run("test", "-k", "something", "--exitfirst")
    told = json.loads(ran.stdout)
    assert told["argv"] == ["-p", "course_lib.cli.report", "-k", "something", "--exitfirst"]
    assert os.path.samefile(told["cwd"], ready.root)
    assert told["env"]["VIRTUAL_ENV"] == str(ready.venv)
    assert ran.returncode == 3


def test_where_no_bytecode_is_wanted_none_stands_beside_the_sources(ready):
    """What PYTHONDONTWRITEBYTECODE keeps out of every folder is kept in `.venv`: no kernel compiles all it imports."""
    told = json.loads(ready.run("test", PYTHONDONTWRITEBYTECODE="1").stdout)["env"]
    assert "PYTHONDONTWRITEBYTECODE" not in told
    assert told["PYTHONPYCACHEPREFIX"].startswith(str(ready.venv))


def test_a_folder_for_bytecode_that_somebody_chose_is_kept(ready):
    """PYTHONPYCACHEPREFIX stays as it is, and is set for nobody who lets Python write where it does."""
    chosen = {"PYTHONPYCACHEPREFIX": str(ready.bin)}
    assert json.loads(ready.run("test", PYTHONDONTWRITEBYTECODE="1", **chosen).stdout)["env"].items() >= chosen.items()
    assert "PYTHONPYCACHEPREFIX" not in json.loads(ready.run("test").stdout)["env"]


def test_test_with_a_lesson_runs_what_belongs_to_it(ready):
    """`test 1` gives pytest the lesson's files; a number that is no lesson's is told before anything is set up."""
    told = json.loads(ready.run("test", "1", "-x").stdout)
    assert told["argv"][2:4] == ["notebooks/01_sync_vs_async.ipynb", "-k"]
    assert told["argv"][-1] == "-x"
    ran = ready.run("test", "9")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("There is no lesson '9'. There are: 00, 01.\nNext: name one of them")


def test_a_program_runs_in_the_folder_it_is_given(tmp_path):
    """What replaces the command starts in the folder it needs, wherever the command was typed; its status counts."""
    show = "import os, sys; print(os.getcwd()); sys.exit(7)"
    become = "import os, sys; from pathlib import Path; from course_lib.cli.run import instead; "
    become += f"sys.exit(instead([sys.executable, '-c', {show!r}], cwd=Path({str(tmp_path)!r}), env=os.environ))"
    ran = subprocess.run([sys.executable, "-c", become], capture_output=True, text=True, check=False, cwd=REPO)
    assert os.path.samefile(ran.stdout.strip(), tmp_path)
    assert ran.returncode == 7


@pytest.mark.parametrize("command", ["test", "classroom", "service", "refresh", "lab", "doctor", "reset"])
def test_help_installs_nothing(clone, command):
    """`--help` after any command says what it is for, before the first start too, and sets nothing up."""
    told = clone.run(command, "--help")
    assert told.returncode == 0
    assert command in told.stdout
    assert clone.calls() == []
    assert not clone.venv.exists()


def test_doctor_works_before_the_first_start(clone):
    """`doctor` without an environment names what is missing with its mend, installs nothing and ends with 1."""
    told = clone.run("doctor")
    assert told.returncode == 1
    assert "FAIL Environment: not ready: there is no .venv yet" in told.stdout
    assert "mend: run: python3 -m course_lib" in told.stdout
    assert not clone.venv.exists()
    assert clone.calls() == []


def test_a_folder_that_cannot_be_written_says_where_to_go(monkeypatch):
    """In a read-only folder without an environment, set-up stops with a sentence before it tries anything."""
    monkeypatch.setattr(environment, "find", lambda: None)
    monkeypatch.setattr(environment.os, "access", lambda *_: False)
    with pytest.raises(CourseError, match=r"cannot be written(.|\n)*Next: copy the folder to a place of your own"):
        prepare()


def test_an_environment_that_has_the_course_is_used(monkeypatch):
    """Where the course is installed already (conda, Binder, a hub), that environment is used and no .venv is made."""
    monkeypatch.setattr(environment, "inside_own", lambda: False)
    monkeypatch.setattr(sys, "path", ["", *sys.path[1:], str(environment.REPO)])
    found = prepare()
    assert (str(found.python), found.own) == (sys.executable, False)
    assert found.variables() == dict(os.environ)


def test_an_environment_with_another_copy_of_the_course_is_not_used(monkeypatch, tmp_path):
    """An editable install of another clone is not this course: kernels would run the other one's code."""
    monkeypatch.setattr(environment, "REPO", tmp_path)
    assert not environment.installed_here()


def test_a_lock_is_not_waited_for_for_ever(tmp_path):
    """A set-up that hangs is given up on with a sentence."""
    told = []
    with only_one(tmp_path / "lock", waiting=list) as held:
        assert held is not None
        with (
            pytest.raises(CourseError, match="Next: end the other"),
            only_one(tmp_path / "lock", lambda: told.append(1), patience=0),
        ):
            pass
    assert told == [1]
    with only_one(tmp_path / "lock", lambda: told.append(2)):
        assert told == [1]


def test_python_without_ensurepip_and_without_pip_names_the_package_to_install(monkeypatch, tmp_path):
    """Debian's Python without python3-venv gets the one command that mends it."""
    monkeypatch.setattr(install, "_runs", lambda command: False)
    failure = StepFailed("The virtual environment was not created successfully because ensurepip is not available.")
    with pytest.raises(CourseError, match="sudo apt install python3-venv"):
        install._make_without_pip(tmp_path, failure)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("NewConnectionError: Temporary failure in name resolution\nNo matching distribution found for uv", "network"),
        ("hint: Packages were unavailable because the network was disabled", "network"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "certificate"),
        ("error: Permission denied (os error 13)", "permission"),
        ("ERROR: No matching distribution found for aiohttp==9", "missing"),
        ("Segmentation fault", "unknown"),
    ],
)
def test_an_installer_s_failure_is_put_in_words(written, expected):
    """What an installer wrote is turned into the reason, and every reason has a next step."""
    assert reason(written) == expected
    assert "Next: " in why(written)
    assert why(written) == REASONS[expected][1]
