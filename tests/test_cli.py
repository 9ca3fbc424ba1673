"""The commands' faces: help, mistakes, old Pythons, the learner's copy, JupyterLab, doctor."""

import ast
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from course_clone import NOTEBOOK, Clone

import course_lib
from course_lib import edition
from course_lib.cli import environment, lab, main, work
from course_lib.cli.errors import CourseError
from course_lib.paths import REPO, work_folder


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("ready"))
    assert clone.run("lab").returncode == 0
    return clone


@pytest.fixture
def masters(tmp_path, monkeypatch):
    """A folder of master notebooks; the learner's own is another temporary folder."""
    clone = Clone(tmp_path)
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "mine"))
    return clone.root / "notebooks"


# --- arguments and old Pythons


def test_help_names_every_command(capsys):
    """--help lists the commands."""
    assert main.main(["--help"]) == 0
    assert re.findall(r"^  (\w+) ", capsys.readouterr().out, re.M) == [
        "lab",
        "test",
        "doctor",
        "reset",
        "trace",
        "classroom",
        "hub",
        "service",
        "site",
        "teach",
        "refresh",
    ]


def test_version(capsys):
    """--version prints the package's version."""
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"course_lib {course_lib.__version__}\n"


def test_an_unknown_command_is_answered_with_the_known_ones(capsys):
    """A mistyped command gets the list of commands and status 2."""
    assert main.main(["tset"]) == 2
    told = capsys.readouterr().err
    assert "no command 'tset'" in told
    assert "reset LESSON" in told


def test_ctrl_c_ends_with_a_sentence(monkeypatch, capsys):
    """Ctrl-C during set-up ends with one sentence and the status shells expect."""

    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "prepare", interrupted)
    assert main.main(["lab"]) == 130
    assert capsys.readouterr().err.strip() == "Stopped. Run the same command again to go on."


def test_trouble_with_files_ends_with_a_sentence(monkeypatch, capsys):
    """A full disk or a missing permission, wherever it strikes, is a sentence with the next step."""

    def full(**_):
        raise OSError(28, "No space left on device", "some/file")

    monkeypatch.setattr(environment, "prepare", full)
    assert main.main(["lab"]) == 1
    told = capsys.readouterr().err
    assert "No space left on device: 'some/file'" in told
    assert "Next: " in told


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)])
def test_an_old_python_is_told_what_to_do(version, monkeypatch):
    """A Python older than 3.11 gets its version and the next step, and nothing else is imported."""
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(REPO / "course_lib" / "__main__.py"), run_name="__main__")
    assert f"This course needs Python 3.11 or newer; this is {version[0]}.{version[1]} " in str(stopped.value)
    assert "Next: install a newer one" in str(stopped.value)


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_what_an_old_python_reads_has_no_new_syntax(name):
    """The two files that an old Python reads before it can say so are plain: no f-string, no annotation, ASCII only."""
    source = (REPO / "course_lib" / name).read_bytes().decode("ascii")
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef, ast.FunctionDef)
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, new)]


# --- the learner's copy


def test_copies_have_no_outputs_and_everything_else(masters):
    """The learner's copy has neither outputs nor execution counts, and differs in nothing else but its edition."""
    for copy in work.make_copies(masters):
        text = copy.read_text(encoding="utf-8")
        assert text.endswith("}\n")
        assert "é" in text
        content = json.loads(text)
        assert content["cells"][1].pop("outputs") == []
        assert content["cells"][1].pop("execution_count") is None
        master = json.loads(json.dumps(NOTEBOOK))
        del master["cells"][1]["outputs"], master["cells"][1]["execution_count"]
        assert content["metadata"].pop(edition.KEY) == {"edition": edition.edition_of(master)}
        assert content == master


def test_copies_are_never_overwritten_and_new_lessons_are_added(masters):
    """A second start leaves the learner's notebooks alone and copies the lessons that are new."""
    mine = work.make_copies(masters)[1]
    mine.write_text("my answers")
    shutil.copy(masters / "01_sync_vs_async.ipynb", masters / "02_event_loop.ipynb")
    assert [copy.name for copy in work.make_copies(masters)] == ["02_event_loop.ipynb"]
    assert mine.read_text() == "my answers"
    assert sorted(path.name for path in work_folder().iterdir())[0] == "00_start_here.ipynb"


@pytest.mark.parametrize("where", ["elsewhere", "work", "work/ann"])
def test_links_to_the_course_lead_there_from_every_learner_s_folder(where, tmp_path, monkeypatch):
    """Sources and glossary are found from work/, from below it, and in `course` in a folder elsewhere."""
    course = tmp_path / "the course"
    (course / "work").mkdir(parents=True)
    for name in ("course_lib", "data", "notebooks", "tests"):
        (course / name).symlink_to(REPO / name)
    monkeypatch.setattr(work, "REPO", course)
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / where if where == "elsewhere" else course / where))
    links = 0
    for copy in [*work.make_copies(course / "notebooks"), work.reset("01", course / "notebooks")[0]]:
        for cell in json.loads(copy.read_text(encoding="utf-8"))["cells"]:
            found = re.findall(r"\]\(([\w./-]+/(?:course_lib|data|tests)/[\w./-]+)", "".join(cell["source"]))
            links += len(found) if cell["cell_type"] == "markdown" else 0
            assert not [link for link in found if not os.path.exists(copy.parent / link)]
    assert links > 50
    assert (work_folder() / work.COURSE).exists() == (where == "elsewhere")


def test_what_is_linked_to_is_renewed(masters, tmp_path):
    """Another start brings what is new in the course to the folder `course`, and leaves alone what is the same."""
    work.make_copies(masters)
    old, same = (tmp_path / "mine" / "course" / "course_lib" / name for name in ("tasks.py", "users.py"))
    os.utime(old, (0, 0))
    old.write_text("of last year")
    kept = same.stat()
    work.make_copies(masters)
    assert old.read_bytes() == (REPO / "course_lib" / "tasks.py").read_bytes()
    assert same.stat().st_ctime_ns == kept.st_ctime_ns


def test_a_folder_of_the_learner_s_called_course_is_left_alone_and_told(masters, tmp_path, capsys):
    """Nothing is written into it, and the sentence says what does not work, and the mend."""
    (tmp_path / "mine" / "course").mkdir(parents=True)
    work.make_copies(masters)
    assert not list((tmp_path / "mine" / "course").iterdir())
    assert re.search(r"course is not the course's, so links(.|\n)*Next: give it another name", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["1", "01", "01_sync_vs_async.ipynb", "work/01_sync_vs_async.ipynb", "Sync"])
def test_reset_gives_a_fresh_copy_and_keeps_the_old_one(masters, name):
    """`reset` takes a lesson's number, name or file, and never loses what the learner wrote."""
    work.make_copies(masters)
    mine = work_folder() / "01_sync_vs_async.ipynb"
    fresh = mine.read_text(encoding="utf-8")
    kept = set()
    for answers in ("first", "second", "third"):
        mine.write_text(answers)
        copy, old = work.reset(name, masters)
        assert copy == mine
        assert mine.read_text(encoding="utf-8") == fresh
        assert old.read_text() == answers
        assert re.fullmatch(r"01_sync_vs_async\.\d{4}-\d\d-\d\d-\d{6}(-\d)?\.ipynb", old.name)
        kept.add(old)
    assert len(kept) == 3


def test_reset_before_the_first_start_just_copies(masters):
    """There is no old copy to keep when there was none."""
    copy, old = work.reset("00", masters)
    assert copy.exists()
    assert old is None


@pytest.mark.parametrize(
    ("name", "told"), [("7", "no lesson '7'"), ("loop", "no lesson 'loop'"), ("s", "More than one"), ("", "lesson")]
)
def test_reset_lists_the_lessons_when_it_cannot_tell_which(masters, name, told):
    """An unknown or ambiguous name is answered with the lessons there are, and an example."""
    with pytest.raises(CourseError) as error:
        work.reset(name, masters)
    assert told in str(error.value)
    assert "  00_start_here\n  01_sync_vs_async\nNext: name one, or give its number" in str(error.value)


def test_a_copy_of_the_course_as_it_is_gets_no_advice(masters):
    """A fresh copy, also with answers and outputs in it, is of the course as it is now."""
    copy = work.make_copies(masters)[1]
    content = json.loads(copy.read_text(encoding="utf-8"))
    content["cells"][1]["source"] = ["my_answer = 42"]
    copy.write_text(json.dumps(content))
    assert edition.advice(copy, masters) == ""


def test_an_older_copy_is_told_how_to_get_the_newer_one(masters):
    """When the lesson has changed since, the learner's copy says so, how to get the newer one, and that it is kept."""
    copy = work.make_copies(masters)[1]
    changed = json.loads(json.dumps(NOTEBOOK))
    changed["cells"][1]["source"] = ["a better question"]
    (masters / copy.name).write_text(json.dumps(changed))
    told = edition.advice(copy, masters)
    assert "newer edition" in told
    assert "python -m course_lib reset 01" in told
    assert "kept" in told
    assert max(map(len, told.splitlines())) < 80
    work.reset("01", masters)
    assert edition.advice(copy, masters) == ""


def test_a_copy_from_before_there_were_editions_is_an_older_one(masters):
    """A copy without an edition was made by a course that wrote none."""
    copy = work.make_copies(masters)[1]
    copy.write_text(json.dumps(NOTEBOOK))
    assert "newer edition" in edition.advice(copy, masters)


def test_new_outputs_make_no_new_edition(masters):
    """A lesson that was only executed again is the same lesson."""
    copy = work.make_copies(masters)[1]
    executed = json.loads(json.dumps(NOTEBOOK))
    executed["cells"][1]["outputs"] = []
    (masters / copy.name).write_text(json.dumps(executed))
    assert edition.advice(copy, masters) == ""


def test_a_lesson_that_was_split_names_its_parts(masters):
    """Where the lesson is gone from the course, its copy names what has its number now."""
    copy = work.make_copies(masters)[1]
    text = (masters / copy.name).read_text(encoding="utf-8")
    (masters / copy.name).unlink()
    assert edition.advice(copy, masters) == "The course no longer has this lesson under this name."
    for name in ("01a_sync.ipynb", "01b_async.ipynb"):
        (masters / name).write_text(text, encoding="utf-8")
    assert edition.advice(copy, masters).endswith("Now: 01a_sync, 01b_async.")


@pytest.mark.parametrize("name", ["01_sync_vs_async.2026-11-28-221129.ipynb", "my own.ipynb", "", "01_gone.ipynb"])
def test_what_is_no_lesson_s_copy_gets_no_advice(masters, name):
    """What reset kept aside, and what a learner wrote or renamed, is left in peace; so is what is not there."""
    copy = work.make_copies(masters)[1]
    if name:
        copy.with_name(name).write_text(json.dumps(NOTEBOOK) if "gone" not in name else "not json")
    if "gone" in name:
        (masters / name).write_text(json.dumps(NOTEBOOK))
    assert edition.advice(copy.with_name(name) if name else Path(), masters) == ""
    assert edition.advice(masters / copy.name, masters) == ""


def test_a_work_folder_that_cannot_be_made_says_how_to_choose_another(masters, tmp_path, monkeypatch):
    """Where the learner's copy cannot be written, the sentence names COURSE_WORK."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file" / "mine"))
    with pytest.raises(CourseError, match=r"cannot be written(.|\n)*Next: set the environment variable COURSE_WORK"):
        work.make_copies(masters)


def test_work_folder_is_in_the_course_unless_course_work_names_another(monkeypatch, tmp_path):
    """COURSE_WORK, with ~ and relative paths, wins over work/ in the course's folder; an empty one does not count."""
    monkeypatch.delenv("COURSE_WORK", raising=False)
    assert work_folder() == REPO / "work"
    monkeypatch.setenv("COURSE_WORK", " ")
    assert work_folder() == REPO / "work"
    monkeypatch.setenv("COURSE_WORK", "~/mine")
    assert work_folder() == Path.home() / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_WORK", "mine")
    assert work_folder() == Path.cwd() / "mine"


# --- JupyterLab


def test_lab_opens_the_start_page_of_the_learner_s_copy(ready):
    """`lab` serves the course's folder, opens work/00_start_here.ipynb, and passes options after -- on, last."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = ready.run("lab", "--no-browser", "--port", str(port), "--", "--ServerApp.x=1")
    told = json.loads(ran.stdout)
    assert f"--ServerApp.root_dir={ready.root}" in told["argv"]
    assert "--LabApp.default_url=/lab/tree/work/00_start_here.ipynb" in told["argv"]
    assert f"--ServerApp.port={port}" in told["argv"]
    assert "--ServerApp.port_retries=0" in told["argv"]  # that one, or none
    assert "--ServerApp.open_browser=False" in told["argv"]
    assert told["argv"][-1] == "--ServerApp.x=1"
    assert told["env"]["VIRTUAL_ENV"] == str(ready.venv)
    assert told["env"]["PATH"].startswith(str(ready.venv))
    assert (ready.root / "work" / "01_sync_vs_async.ipynb").exists()


def test_lab_serves_a_work_folder_elsewhere(ready, tmp_path):
    """With COURSE_WORK outside the course, JupyterLab serves that folder and leaves the course's alone."""
    ran = ready.run("lab", COURSE_WORK=str(tmp_path / "mine"))
    argv = json.loads(ran.stdout)["argv"]
    assert f"--ServerApp.root_dir={tmp_path / 'mine'}" in argv
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in argv
    assert not [option for option in argv if "open_browser" in option or "port=" in option]


def test_a_port_that_is_taken_is_refused_with_the_mend(ready):
    """With --port, JupyterLab gets that port, or the sentence says that another program has it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ran = ready.run("lab", "--port", port)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.search(rf"Port {port} cannot be used: .*\nNext: (.|\n)*another --port, or leave it out", ran.stderr)
    assert "There is no port 65536.\nNext: pass --port from 1024" in ready.run("lab", "--port", "65536").stderr


def test_no_command_means_lab(ready):
    """`python -m course_lib` with options alone opens the course."""
    assert "--ServerApp.open_browser=False" in json.loads(ready.run("--no-browser").stdout)["argv"]


def test_the_user_s_jupyter_configuration_is_added_to(ready):
    """The course's quiet settings come before the user's JUPYTER_CONFIG_PATH and do not replace it."""
    env = json.loads(ready.run("lab", JUPYTER_CONFIG_PATH="mine").stdout)["env"]
    assert env["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1:] == ["mine"]


def test_in_a_hub_s_terminal_no_second_server_is_started(monkeypatch, capsys):
    """Typed in a hub's terminal, `lab` says which file to open; started by a hub, it becomes the hub's server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/user/me/"
        monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", address)
        here = environment.Environment(Path(sys.executable), own=False)
        assert lab.open_lab(here, browser=True, port=None, further=[]) == 0
    assert "00_start_here.ipynb in its file browser" in capsys.readouterr().out

    started = []
    monkeypatch.setattr(lab, "instead", lambda command, **_: started.append(command) or 0)
    assert lab.open_lab(here, browser=True, port=None, further=[]) == 0
    assert started[0][2] == "jupyterlab.labhubapp"
    assert not [option for option in started[0] if "port" in option or "ServerApp.ip" in option]


def test_a_real_jupyterlab_asks_for_no_news_and_ends_on_the_first_interrupt(tmp_path):
    """The running JupyterLab asks for no news and no updates, serves what lessons link to, and ends on Ctrl+C."""
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("JUPYTERHUB_")},
        "COURSE_WORK": str(tmp_path / "work"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    command = [sys.executable, "-m", "course_lib", "lab", "--no-browser", "--port", "0"]
    with subprocess.Popen(
        [*command, "--", "--IdentityProvider.token=secret"], cwd=REPO, env=variables, stdin=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 300  # a hang guard
            while not (running := [text for text in told(tmp_path / "runtime") if text.endswith("}")]):
                assert process.poll() is None, "JupyterLab ended"
                assert time.monotonic() < deadline, "JupyterLab did not start"
                time.sleep(0.05)
            url = json.loads(running[0])["url"]

            def get(path):
                while True:
                    try:
                        with urllib.request.urlopen(f"{url}{path}?token=secret", timeout=300) as answer:
                            return answer.read().decode()
                    except urllib.error.HTTPError:
                        raise
                    except urllib.error.URLError:  # it names its address a moment before it listens there
                        assert time.monotonic() < deadline, "JupyterLab does not listen"
                        time.sleep(0.05)

            page = get("lab")
            assert '"news": {"disabled": true}' in page
            settings = json.loads(get("lab/api/settings/@jupyterlab/apputils-extension:notification"))
            defaults = {name: value["default"] for name, value in settings["schema"]["properties"].items()}
            assert (defaults["fetchNews"], defaults["checkForUpdates"]) == ("false", False)
            assert json.loads(get("lab/api/update")) == {"notification": None}
            # What the lessons link to, from the learner's folder, which lies elsewhere.
            assert "class TaskManager" in json.loads(get("api/contents/course/course_lib/tasks.py"))["content"]
            assert "<html" in get("files/course/data/site/index.html")
            process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
            process.wait(300)  # a hang guard: asked back, it would go on
        finally:
            process.send_signal(signal.SIGTERM)
        process.wait(300)


def told(runtime):
    """Return what the files say in which a JupyterLab tells of itself: nothing or half, while it writes them."""
    return [path.read_text().rstrip() for path in runtime.glob("jpserver-*.json")]


# --- doctor


def test_doctor_finds_this_environment_well(tmp_path):
    """In the environment these tests run in, `doctor` looks at everything and finds nothing to mend."""
    told = subprocess.run(
        [sys.executable, "-m", "course_lib", "doctor"],
        cwd=REPO,
        env={**os.environ, "COURSE_WORK": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    looked_at = re.findall(r"^  ok   ([^:]+):", told.stdout, re.M)
    assert looked_at == [
        *("Python", "Environment", "Your copy", "A port", "Packages", "Imports", "Kernel", "Web server"),
        *("PostgreSQL", "Redis", "Pictures"),
    ]
    assert told.stdout.endswith("All is well.\n")


def test_doctor_imports_what_it_calls_well(monkeypatch, tmp_path):
    """A package whose folder is broken, though its version is still noted, is named with what Python says of it."""
    from course_lib.cli import doctor

    (tmp_path / "asyncpg.py").write_text("import no_such_part")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(doctor.Missing, match=r"^asyncpg cannot be imported: ModuleNotFoundError: .*no_such_part"):
        doctor.imports()


def test_doctor_names_packages_that_differ_from_the_pins(monkeypatch, tmp_path):
    """A package that is missing or of another version is named, with the command that mends it."""
    from course_lib.cli import doctor

    (tmp_path / "requirements.txt").write_text(
        "# a comment\npytest==0.1\nno-such-thing==1\nnot-here==1 ; sys_platform == 'nowhere'\n-e .\n"
    )
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    with pytest.raises(doctor.Missing, match=r"pytest is .*, not ==0.1, no-such-thing is missing$") as found:
        doctor.pins()
    assert "requirements.txt" in found.value.mend or "python3 -m course_lib" in found.value.mend
