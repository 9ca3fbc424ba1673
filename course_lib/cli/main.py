"""What `python3 -m course_lib` does with its arguments. Standard library only."""

import argparse
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from course_lib import __version__
from course_lib.cli import environment, work
from course_lib.cli.errors import MEND_FILES, CourseError
from course_lib.cli.lessons import pytest_arguments
from course_lib.cli.pipes import piped
from course_lib.cli.run import instead
from course_lib.paths import REPO

USAGE = """\
python3 -m course_lib [COMMAND]      (on Windows: py -m course_lib)

  lab [--no-browser] [--port N] [-- OPTIONS]
                           set up what is missing and open the course in JupyterLab (the default);
                           OPTIONS go to JupyterLab as they are
  test [LESSON] [PYTEST ARGUMENTS]
                           set up what is missing and run every check, or those of a lesson: test 01
  doctor                   say what is there, what is missing and how to mend it
  reset LESSON             start a lesson afresh: reset 01 (your own copy of it is kept aside)
  trace [OPTIONS] [-m] PROGRAM [ARGUMENTS]
                           run an asyncio program, unchanged, and tell at its end what it did: trace --help
  classroom [--learners N] [--host ADDRESS]
                           start a PostgreSQL and a Redis for a class, and print the lines to hand out;
                           --progress [LESSON...] [--watch]: how far those of the class are who share it
  hub [--learners N] [--host ADDRESS] [--port N] [--homes FOLDER] [--accounts]
                           start a JupyterHub for a class on this machine, with a PostgreSQL and a Redis: hub --help
  service [OPTIONS]        start a crawling service made of the course's parts, with its servers: service --help
  site [--output FOLDER] [--serve [--port N]]
                           make a website of the lessons, to be read without running anything
  teach [LESSON] [--plan PLAN | --answers | --slides | --handout]
                           for who teaches: plans, and for each lesson notes, answers, slides and a handout
  refresh [NOTEBOOK...]    for authors: run the notebooks and save their outputs

  --help, --version
"""

# The environment's Python runs these, not the one the command was typed with.
INSIDE = (
    "import sys; from course_lib.cli.pipes import piped; from course_lib.cli.{0} import main; "
    "sys.exit(piped(main, sys.argv[1:]))"
)


def main(argv: Sequence[str]) -> int:
    """Run the command in `argv` and return its exit status; what a learner can mend is said without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a path may hold what an old console cannot show
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        # A program that ignores it hands that on; then an installer that failed would look like one that did not.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        return piped(_dispatch, list(argv))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Stopped: {error}.\n{MEND_FILES}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return 130


def _dispatch(argv: list[str]) -> int:
    if argv and argv[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if argv == ["--version"]:
        print(f"course_lib {__version__}")
        return 0
    commands: dict[str, Callable[[list[str]], int]] = {
        "lab": _lab,
        "test": _test,
        "doctor": _doctor,
        "reset": _reset,
        "trace": _trace,
        "classroom": _classroom,
        "hub": _hub,
        "service": _service,
        "site": _site,
        "teach": _teach,
        "refresh": _refresh,
    }
    if not argv or argv[0].startswith("-"):
        argv = ["lab", *argv]
    if argv[0] not in commands:
        print(f"There is no command {argv[0]!r}. The commands are:\n\n{USAGE}", end="", file=sys.stderr)
        return 2
    if argv[0] in INSTALLING and _asks_for_help(argv[1:]) and (argv[0] == "test" or environment.find() is None):
        print(_about(argv[0]), end="")
        return 0
    return commands[argv[0]](argv[1:])


INSTALLING = ("test", "classroom", "service", "refresh")
"""Commands that set up what is missing before they read their options."""


def _asks_for_help(argv: list[str]) -> bool:
    return any(argument in ("-h", "--help") for argument in argv)


def _about(command: str) -> str:
    """Return what USAGE says of a command, and where its options are told."""
    told = "".join(re.findall(rf"^  {command} .*\n(?:   .*\n)*", USAGE, re.MULTILINE))
    if command == "test":
        return f"{told}\nPytest's arguments, once the course is set up: .venv/bin/python -m pytest --help\n"
    return f"{told}\nIts options are told once the course is set up: python3 -m course_lib test\n"


def _lab(argv: list[str]) -> int:
    from course_lib.cli.lab import open_lab  # here: the other commands do not need it

    own, further = argv, []
    if "--" in argv:
        own, further = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    parser = argparse.ArgumentParser(prog="python -m course_lib lab", description="Open the course in JupyterLab.")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser; the address is printed")
    parser.add_argument("--port", type=int, help="the port to serve on (default: 8888, or the next free one)")
    options = parser.parse_args(own)
    ready = environment.prepare(outdated_will_do=True)
    work.make_copies()
    return open_lab(ready, browser=not options.no_browser, port=options.port, further=further)


def _test(argv: list[str]) -> int:
    arguments = pytest_arguments(argv)
    ready = environment.prepare()
    command = [str(ready.python), "-m", "pytest", "-p", "course_lib.cli.report", *arguments]
    return instead(command, cwd=REPO, env=ready.variables())


def _doctor(argv: list[str]) -> int:
    argparse.ArgumentParser(prog="python -m course_lib doctor", description="Say what is missing.").parse_args(argv)
    ready = environment.find()
    if ready is None:
        from course_lib.cli.doctor import main as examine

        return examine([])
    return _inside("doctor", argv, ready)


def _refresh(argv: list[str]) -> int:
    return _inside("refresh", argv, environment.prepare())


def _classroom(argv: list[str]) -> int:
    return _inside("classroom", argv, environment.prepare(outdated_will_do=True))


def _hub(argv: list[str]) -> int:
    from course_lib.cli.hub import arguments  # here: the other commands do not need it

    arguments(argv)  # before anything is installed: it may be --help, or wrong
    return _inside("hub", argv, environment.prepare(outdated_will_do=True))


def _trace(argv: list[str]) -> int:
    from course_lib.cli.trace import main as trace  # here: the other commands do not need it

    return trace(argv)


def _service(argv: list[str]) -> int:
    ready = environment.prepare(outdated_will_do=True)
    return instead([str(ready.python), "-m", "course_lib.service", *argv], cwd=Path.cwd(), env=ready.variables())


def _site(argv: list[str]) -> int:
    from course_lib.cli.site import arguments  # here: the other commands do not need it

    arguments(argv)  # before anything is installed: it may be --help, or wrong
    return _inside("site", argv, environment.prepare(outdated_will_do=True))


def _teach(argv: list[str]) -> int:
    from course_lib.cli.teach import arguments  # here: the other commands do not need it

    arguments(argv)  # before anything is installed: it may be --help, or wrong
    return _inside("teach", argv, environment.prepare(outdated_will_do=True))


def _inside(module: str, argv: list[str], ready: environment.Environment) -> int:
    command = [str(ready.python), "-c", INSIDE.format(module), *argv]
    return instead(command, cwd=Path.cwd(), env=ready.variables())


def _reset(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m course_lib reset", description="Start a lesson afresh.")
    parser.add_argument("lesson", help="its number, or a part of its name: 01, sync")
    copy, kept = work.reset(parser.parse_args(argv).lesson)
    print(f"Fresh: {copy}")
    if kept is not None:
        print(f"Your old copy: {kept}")
    print("If JupyterLab has it open: File > Reload Notebook from Disk, then Kernel > Restart Kernel.")
    return 0
