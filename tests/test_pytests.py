"""A test file as a cell: run by pytest, beside the modules before it, and shown the same everywhere."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_lib.programs import WIDTH
from course_lib.pytests import TestFile, load_ipython_extension


@pytest.fixture
def shell():
    shell = InteractiveShell()
    load_ipython_extension(shell)
    yield shell
    shell.history_manager.end_session()


def shown(source: str, *options: str, **modules: str) -> list[str]:
    return str(TestFile(source, "it", modules).run(*options, seconds=60)).splitlines()


FAILING = """
def test_sum():
    assert 1 + 1 == 3
"""


def test_what_pytest_prints_is_shown_without_its_head():
    """Versions, folders and plugins are of one machine; the seconds are shown as a measured quantity."""
    lines = shown(FAILING)
    assert lines[0].split() == ["F", "[100%]"]
    assert [line for line in lines if not line.startswith(("=", "_"))][1:4] == [
        "test_it.py:3: in test_sum",
        "    assert 1 + 1 == 3",
        "E   assert (1 + 1) == 3",
    ]
    assert lines[-2].startswith("1 failed in ~") and lines[-2].endswith(" s")
    assert lines[-1] == "[exit status 1]"
    assert max(map(len, lines)) <= WIDTH


def test_options_go_to_pytest():
    """The options of the cell's first line, and those of run(), are pytest's."""
    lines = shown(FAILING, "--tb=no")
    assert len(lines) == 3 and lines[1].startswith("1 failed in ~")
    assert "1 deselected" in "\n".join(shown(FAILING, "-k", "not sum"))


def test_frames_of_other_files_are_left_out():
    """What failed inside Python's own code is shown where the test file called it, with its exception."""
    lines = shown("""
import json

def test_it():
    json.loads("[")
""")
    assert [line for line in lines if ".py:" in line] == ["test_it.py:5: in test_it"]
    assert any(line.startswith("E   json.decoder.JSONDecodeError") for line in lines)
    assert "    json.loads" in "\n".join(lines)


def test_frames_of_the_modules_beside_it_are_kept():
    """A failure in the code under test shows its line."""
    lines = shown("from shop import sell\n\ndef test_it():\n    sell()\n", shop="def sell():\n    raise OSError(1)\n")
    assert [line for line in lines if ".py:" in line] == ["test_it.py:4: in test_it", "shop.py:2: in sell"]


def test_a_warning_of_the_file_has_its_line_and_another_has_none():
    """Line numbers of Python's own code differ by version; hints to pytest's manual say nothing of the test."""
    lines = shown("""
import warnings

def test_own():
    warnings.warn("mine")

def test_elsewhere():
    exec(compile("import warnings; warnings.warn('theirs')", "/some/where/else.py", "exec"))
""")
    assert "  test_it.py:5: UserWarning: mine" in lines
    assert "  where/else.py: UserWarning: theirs" in lines
    assert not any("https:" in line for line in lines)


def test_marks_of_pytest_asyncio_and_of_anyio_are_known():
    """Both plugins are there, and run what is marked for them."""
    lines = shown("""
import pytest

@pytest.mark.asyncio
async def test_one(): ...

@pytest.mark.anyio
async def test_two(): ...
""")
    assert len(lines) == 2 and lines[1].startswith("2 passed in ~")


def test_settings_of_this_process_and_above_the_folder_count_for_nothing(monkeypatch):
    """A learner's own pytest settings do not change what the lesson shows."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("COLUMNS", "200")
    lines = shown(FAILING)
    assert lines[0].split() == ["F", "[100%]"] and max(map(len, lines)) <= WIDTH


def test_the_magic_runs_the_cell_and_names_it(shell):
    """`%%test NAME` shows the run, and NAME can be run and linted afterwards."""
    ran = shell.run_cell_magic("test", "sums --tb=no", FAILING)
    assert ran.status == 1 and repr(shell.user_ns["sums"]) == "<test_sums.py, 3 lines>"
    assert shell.user_ns["sums"].lint().rules == []


def test_a_module_is_run_here_and_can_be_imported_by_the_test_files_after_it(shell):
    """`%%module NAME` makes its names in the notebook, and NAME.py beside the test files."""
    shell.run_cell_magic("module", "shop", "def price():\n    return 3\n")
    ran = shell.run_cell_magic("test", "price", "from shop import price\n\ndef test_it():\n    assert price() == 3\n")
    assert ran.status == 0 and shell.user_ns["price"].file == "test_price.py"


def test_an_error_in_a_module_is_the_cells_own(shell):
    """It is raised as by a bare cell, and no test file gets the module."""
    with pytest.raises(ZeroDivisionError):
        shell.run_cell_magic("module", "broken", "1 / 0")
    assert shell.run_cell_magic("test", "it", "import broken").status != 0


@pytest.mark.parametrize(("magic", "line"), [("test", ""), ("test", "-W error"), ("module", ""), ("module", "a b")])
def test_a_magic_without_a_name_says_what_it_wants(shell, magic, line):
    """The sentence has an example."""
    with pytest.raises(ValueError, match=f"such as %%{magic} shop"):
        shell.run_cell_magic(magic, line, "pass")
