"""`test 05b`: what belongs to a lesson; and what the command shows while the checks run, and at the end."""

import os
import re
import subprocess
import sys

import pytest
from test_exercises import EXERCISES as EXERCISES_THERE
from test_exercises import named

from course_lib.cli.errors import CourseError
from course_lib.cli.lessons import EXERCISES, TESTS, belonging, number_of, pytest_arguments
from course_lib.paths import MASTERS, REPO

NOTEBOOKS = sorted(MASTERS.glob("[0-9]*.ipynb"))
WITH_EXERCISES = {path.name.removeprefix("lesson_") for path in (REPO / "course_lib" / "exercises").glob("lesson_*")}


# --- what belongs to a lesson


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=number_of)
def test_no_lesson_is_empty(notebook):
    """Every notebook has tests of what it teaches, and the exercises where the lesson has some."""
    first, *tests = belonging(notebook)
    assert first == f"notebooks/{notebook.name}"
    assert all((REPO / path).is_file() for path in (first, *tests))
    assert set(tests) - {f"tests/{EXERCISES}"}
    number = number_of(notebook)
    assert (f"tests/{EXERCISES}" in tests) == bool({number, number[:2]} & WITH_EXERCISES)


def test_every_entry_is_a_lesson_s_and_names_files_that_are_there():
    """The table has no lesson without a notebook, and no pattern that fits no file."""
    numbers = {number_of(notebook) for notebook in NOTEBOOKS}
    assert all(number in numbers or number in {each[:2] for each in numbers} for number in TESTS)
    assert [name for names in TESTS.values() for name in names if not list(REPO.glob(f"tests/test_{name}.py"))] == []


def test_a_lesson_s_exercises_are_found_by_its_number():
    """The cases of the exercises' tests begin with the lesson's name, by which the filter tells them apart."""
    assert {named(exercise).partition("-")[0] for exercise in EXERCISES_THERE} == {
        f"lesson_{n}" for n in WITH_EXERCISES
    }
    for number in WITH_EXERCISES:
        assert pytest_arguments([number])[-2:] == ["-k", f"not {EXERCISES} or lesson_{number}"]


@pytest.mark.parametrize("asked", ["1", "01"])
def test_a_number_is_a_lesson(asked):
    """A lesson's number, with the zero or without, becomes its notebook, its tests and its exercises."""
    assert pytest_arguments([asked, "-x"]) == [
        "notebooks/01_sync_vs_async.ipynb",
        *(f"tests/test_{name}.py" for name in TESTS["01"]),
        "tests/test_exercises.py",
        *("-k", "not test_exercises.py or lesson_01", "-x"),
    ]


def test_letters_and_several_lessons(tmp_path):
    """5b is a part of lesson 5, 5 all of it; several are put together, and nothing stands twice."""
    assert pytest_arguments(["5b"]) == pytest_arguments(["05B"])
    assert pytest_arguments(["5b"])[0] == "notebooks/05b_cache.ipynb"
    both = pytest_arguments(["5"])
    assert both == pytest_arguments(["5a", "5b"])
    assert len(both) == len(set(both))
    assert both[-1] == "not test_exercises.py or lesson_05a or lesson_05b"


def test_a_notebook_may_share_its_lesson_s_tests_and_exercises(tmp_path, monkeypatch):
    """A lesson in two notebooks has one entry, and one folder of exercises, or one for each."""
    monkeypatch.setattr("course_lib.cli.lessons.TESTS", {"04": ("crawler*",)})
    for path in ("notebooks/04a_one.ipynb", "notebooks/04b_two.ipynb", "tests/test_crawler.py", f"tests/{EXERCISES}"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "course_lib" / "exercises" / "lesson_04").mkdir(parents=True)
    assert pytest_arguments(["4b"], tmp_path) == [
        *("notebooks/04b_two.ipynb", "tests/test_crawler.py", f"tests/{EXERCISES}"),
        *("-k", f"not {EXERCISES} or lesson_04"),
    ]
    assert pytest_arguments(["4"], tmp_path)[:2] == ["notebooks/04a_one.ipynb", "tests/test_crawler.py"]


@pytest.mark.parametrize(
    "argv", [[], ["-n", "2"], ["tests/test_cli.py", "1"], ["-k", "something", "--exitfirst"], ["--maxfail", "3"]]
)
def test_what_is_no_lesson_is_pytest_s(argv):
    """Paths and options go to pytest as they are, and so do the numbers behind them."""
    assert pytest_arguments(argv) == argv


@pytest.mark.parametrize("asked", ["99", "1b"])
def test_an_unknown_lesson_is_answered_with_the_known_ones(asked):
    """A number that is no lesson's gets those there are, and an example."""
    with pytest.raises(CourseError, match=rf"no lesson '{asked}'. There are: 00, 01, .*\nNext: name one of them"):
        pytest_arguments([asked])


# --- what is shown


SAMPLE = """
import pytest

@pytest.mark.parametrize("n", range(20))
def test_fine(n): pass

if {failing}:
    @pytest.mark.parametrize("n", range({failing}))
    def test_bad(n): assert n < 0

@pytest.mark.skipif({skips}, reason="elsewhere")
def test_elsewhere(): pass
"""


# pytest-asyncio asks for settings; nbval takes longer to import than all these checks, and there is no notebook.
PYTEST = [sys.executable, "-m", "pytest", "-p", "course_lib.cli.report", "-p", "no:cacheprovider"]
PYTEST += ["-p", "no:asyncio", "-p", "no:nbval"]


def run(folder, *arguments, failing=0, skips=False):
    """Run the checks of a small suite as the command does, with its output in a pipe."""
    (folder / "test_it.py").write_text(SAMPLE.format(failing=failing, skips=skips))
    variables = {**os.environ, "PYTHONPATH": str(REPO), "PYTEST_ADDOPTS": ""}
    ran = subprocess.run(
        [*PYTEST, "--rootdir=.", *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.stderr == ""
    return ran.returncode, ran.stdout.splitlines()


def test_a_log_has_a_line_for_each_tenth_and_ends_with_a_sentence(tmp_path):
    """Without a terminal: how far it is, ten times, no dots, and what to do next as the last line."""
    status, lines = run(tmp_path, "-n0", skips=True)
    shown = [line.split(" checks,")[0].strip() for line in lines if " of 21 checks" in line]
    assert shown[0] == "14%  3 of 21" and shown[-1] == "100%  21 of 21" and len(shown) == 10
    assert not [line for line in lines if re.match(r"(test_it.py )?[.s]+( |$)", line)]
    assert status == 0
    assert re.fullmatch(
        r"All 21 checks passed in (\d+ min )?\d+ s \(1 of them is left out on this machine\)\. "
        r"Next: python3 -m course_lib opens the course\.",
        lines[-1],
    )


def test_failures_are_named_as_they_come_and_at_the_end(tmp_path):
    """What fails stands in the log at once, with its traceback and summary later, and is counted in the last line."""
    status, lines = run(tmp_path, "-n2", failing=5)
    assert status == 1
    assert "  failed: test_it.py::test_bad[0]" in lines
    assert [line for line in lines if line.startswith("  100%  26 of 26 checks, 5 failed")]
    assert any(line.startswith("FAILED test_it.py::test_bad[4]") for line in lines)
    assert re.match(
        r"5 of 26 checks failed: (test_it.py::test_bad\[\d\](, )?){3} and 2 more\. Next: .* --lf", lines[-1]
    )
    assert "doctor says what is missing" in lines[-1]


def test_a_file_that_cannot_be_read_is_a_failure(tmp_path):
    """A suite that cannot even be collected ends with a sentence, too."""
    (tmp_path / "test_broken.py").write_text("import nothing_of_that_name")
    status, lines = run(tmp_path, "-n0")
    assert status == 2
    assert lines[-1].startswith("1 of 0 checks failed: test_broken.py. Next: ")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["-k", "nothing"],
            5,
            "No check was found for these arguments. Next: python3 -m course_lib test 01 runs lesson 1",
        ),
        (["nowhere.py"], 4, "The checks could not be run; the reason stands above. Next: "),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path, arguments, status, said):
    """Where nothing fits, or pytest does not understand, the status is pytest's and the sentence says what to do."""
    command = [*PYTEST, "-n0", *arguments]
    (tmp_path / "test_it.py").write_text("def test_fine(): pass")
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPO)}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == status
    assert ran.stdout.splitlines()[-1].startswith(said)


def test_verbose_is_pytest_s_own(tmp_path):
    """With -v each test is named as pytest names it, and the sentence comes all the same."""
    status, lines = run(tmp_path, "-n0", "-v")
    assert sum("PASSED" in line for line in lines) == 21 and not [line for line in lines if " checks, 0" in line]
    assert (status, lines[-1].split(" passed")[0]) == (0, "All 21 checks")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_on_a_terminal_one_line_counts(tmp_path):
    """On a terminal the same line is written over, and the sentence stands below."""
    import pty

    shown = bytearray()

    def read(file):
        piece = os.read(file, 1024)
        shown.extend(piece)
        return b""

    (tmp_path / "test_it.py").write_text(SAMPLE.format(failing=1, skips=False))
    command = [*PYTEST, "-n0"]
    main, side = pty.openpty()
    with subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPO)}, stdin=side, stdout=side, stderr=side
    ) as child:
        os.close(side)
        try:
            while True:
                read(main)
        except OSError:  # the other side is closed
            pass
    os.close(main)
    text = shown.decode()
    assert child.returncode == 1
    assert re.search(r"\r +100%  22 of 22 checks, 1 failed, \d+ s", text)
    assert "failed: test_it.py::test_bad[0]" in text
    assert text.rstrip().splitlines()[-1].startswith("1 of 22 checks failed: test_it.py::test_bad[0]. Next: ")
