"""A program in a Python of its own: run, shown the same everywhere, ended with all it started, and linted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell
from serving import lives

from course_lib.programs import OUTPUT, Program, load_ipython_extension, program, tidy


def test_what_it_printed_is_shown_in_the_order_of_a_terminal():
    """Both streams come as one, in the order in which they were written, without a line for a good end."""
    ran = program("""
        import sys

        print("one")
        print("two", file=sys.stderr)
        print("three")
    """).run()
    assert str(ran) == "one\ntwo\nthree" and ran.status == 0


def test_a_program_that_prints_nothing_says_so():
    """Silence is told from a cell that did not run."""
    assert str(program("pass").run()) == "[no output]"


def test_an_exit_status_is_shown_where_it_is_not_0():
    """What a shell or a CI job would see stands on the last line."""
    assert str(program("raise SystemExit(3)").run()) == "[exit status 3]"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that end a process")
def test_a_program_ended_by_a_signal_names_it():
    """A crash in C has no traceback, and is not taken for a good end."""
    assert str(program("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)").run()) == "[ended by SIGKILL]"


def test_a_traceback_has_the_frames_of_the_program_alone():
    """Python's own frames, which differ by version, are left out, and so are folders and the marks under code."""
    ran = program("""
        import asyncio

        async def save():
            await asyncio.sleep(0)
            raise OSError(
                "disk full"
            )

        asyncio.run(save())
    """).run()
    assert str(ran).splitlines() == [
        "Traceback (most recent call last):",
        '  File "program.py", line 9, in <module>',
        "    asyncio.run(save())",
        '  File "program.py", line 5, in save',
        "    raise OSError(",
        "OSError: disk full",
        "[exit status 1]",
    ]


def test_a_group_of_exceptions_keeps_its_form():
    """The frames are cut from a group's tracebacks as from others, behind its margin of bars."""
    ran = program("""
        import asyncio

        async def fail(what):
            raise OSError(what)

        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail("one"))
                group.create_task(fail("two"))

        asyncio.run(main())
    """).run()
    assert [line for line in str(ran).splitlines() if "File" in line] == [
        '  |   File "program.py", line 11, in <module>',
        '  |   File "program.py", line 7, in main',
        '    |   File "program.py", line 4, in fail',
        '    |   File "program.py", line 4, in fail',
    ]
    assert "    | OSError: one" in str(ran).splitlines()


def test_a_syntax_error_shows_its_line():
    """A program that does not compile is told so as in a terminal."""
    shown = str(program("x = 1\ny = = 2\n").run()).splitlines()
    assert shown[:2] == ['  File "program.py", line 2', "    y = = 2"] and shown[2].startswith("SyntaxError:")


def test_a_warning_of_python_s_own_code_has_no_line_number():
    """Where the place is in asyncio, its file is named, and neither its line nor its code."""
    forgotten = program("""
        import asyncio

        async def work():
            pass

        async def main():
            work()
            kept = work()
            await asyncio.sleep(0)

        asyncio.run(main())
    """)
    shown = str(forgotten.run()).splitlines()
    assert shown[0] == "program.py:7: RuntimeWarning: coroutine 'work' was never awaited" and shown[1] == "  work()"
    assert shown[3].startswith("asyncio/") and shown[3].endswith(
        ".py: RuntimeWarning: coroutine 'work' was never awaited"
    )
    assert not any("_context" in line for line in shown)


def test_options_are_python_s_own():
    """`run("-X", "dev")` runs the same program in development mode."""
    asked = program("import sys\nprint(sys.flags.dev_mode, sys.warnoptions)")
    assert str(asked.run()) == "False []"
    assert str(asked.run("-X", "dev")) == "True ['default']"


def test_what_is_set_outside_changes_nothing(monkeypatch):
    """Python's switches in this process' environment do not reach the program; other variables do."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("SHOP", "open")
    asked = program("""
        import asyncio, os, sys

        async def main():
            print(asyncio.get_running_loop().get_debug(), sys.warnoptions, os.environ["SHOP"])
            raise OSError

        asyncio.run(main())
    """)
    shown = str(asked.run())
    assert shown.startswith("False [] open\n") and "\x1b" not in shown


def test_time_over_ends_it_with_all_it_started():
    """A program that hangs is ended with its children, what it printed is kept, and the reason is shown."""
    hangs = program("""
        import subprocess, sys, time

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid)
        time.sleep(600)
    """)
    # On a busy machine two seconds may not be enough to begin.
    ran = next(ran for ran in (hangs.run(seconds=seconds) for seconds in (2, 10, 60)) if ran.text)
    assert ran.status is None and str(ran).endswith(f"[still running after {ran.seconds} s: ended from outside]")
    assert not lives(int(ran.text))


def test_what_it_leaves_behind_is_ended_and_removed():
    """A child that outlives the program is ended, too, and its files are gone."""
    ran = program("""
        import subprocess, sys
        from pathlib import Path

        Path("left.txt").write_text("x")
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid, Path.cwd(), sep="\\n")
    """).run()
    pid, folder = ran.text.splitlines()
    assert ran.status == 0 and not Path(folder).exists()
    assert not lives(int(pid))


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot interrupt itself alone there")
def test_an_interrupt_ends_the_program():
    """Who interrupts the cell gets the KeyboardInterrupt, and no process stays."""
    # In a process of its own, which heeds interrupts: this one may have been started in the background, where they are
    # ignored, and one that comes while a hook of the garbage collector runs is lost.
    runs = """
import signal
from course_lib.programs import program
signal.signal(signal.SIGINT, signal.default_int_handler)
program("import time; time.sleep(60)").run(seconds=600)
"""
    child = subprocess.Popen([sys.executable, "-c", runs], stderr=subprocess.PIPE, text=True)
    while not (started := psutil.Process(child.pid).children()):
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert not any(lives(each.pid) for each in started)


def test_a_flood_is_cut():
    """What is shown has 4,000 characters at most and says how much is missing; the rest is not even kept."""
    ran = program("for _ in range(20_000): print('x' * 70)").run()
    assert OUTPUT < len(ran.text) < OUTPUT + 100 and "characters more]" in ran.text


def test_lines_fit_the_page():
    """A long line is folded, its continuation indented."""
    shown = str(program("print('  word' * 40)").run()).splitlines()
    assert max(map(len, shown)) <= 76 and shown[1].startswith("      word")


def test_addresses_places_and_durations_are_not_compared():
    """An address is cut, a place in other files loses folder and line, a duration is marked as measured."""
    said = "<Task at 0x7f00deadbeef made at /opt/python/asyncio/runners.py:118> took 0.301 seconds"
    shown = tidy(said, Path("/folder/program.py"))
    assert shown == "<Task at 0x... made at asyncio/runners.py> took ~0.301 seconds"


def test_ruff_is_asked():
    """A finding has its line and its rule; where there is none, that is said."""
    faulty = program("""
        import asyncio

        async def main():
            asyncio.create_task(asyncio.sleep(1))
    """)
    said = faulty.lint("RUF006")
    assert said.rules == ["RUF006"] and str(said).startswith("line 4: RUF006 ")
    assert said.rules == faulty.lint().rules
    assert str(faulty.lint("ASYNC")) == "ruff says nothing."


def test_ruff_s_rules_are_checked():
    """A rule that does not exist is named."""
    with pytest.raises(ValueError, match="NOPE123"):
        program("pass").lint("NOPE123")


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_seconds_are_more_than_none(seconds):
    """A time limit without sense is refused with the value."""
    with pytest.raises(ValueError, match="pass more than 0"):
        program("pass").run(seconds=seconds)


@pytest.fixture
def shell():
    """An IPython with the magic."""
    shell = InteractiveShell()
    load_ipython_extension(shell)
    yield shell
    shell.history_manager.end_session()


def test_the_magic_runs_the_cell_and_keeps_the_program(shell):
    """`%%program NAME options` shows what the cell does as a program, and NAME is the program from then on."""
    shown = shell.run_cell_magic("program", "hello -X dev", "import sys\nprint(sys.flags.dev_mode)\n")
    assert str(shown) == "True"
    kept = shell.user_ns["hello"]
    assert isinstance(kept, Program) and str(kept.run()) == "False"


@pytest.mark.parametrize("line", ["", "-X dev", "no-name"])
def test_the_magic_asks_for_a_name(shell, line):
    """Without a name that can be a variable's, the cell says what its first line should be."""
    with pytest.raises(ValueError, match="give the program a name"):
        shell.run_cell_magic("program", line, "pass\n")
