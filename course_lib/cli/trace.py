"""`python -m course_lib trace program.py [arguments]`: a program under the recorder. Standard library only."""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from course_lib.cli import environment
from course_lib.cli.errors import CourseError
from course_lib.paths import REPO
from course_lib.tracing.history import history
from course_lib.tracing.page import page
from course_lib.tracing.report import report

BOOTSTRAP = REPO / "course_lib" / "tracing" / "bootstrap.py"
LAST, SLOW = 60.0, 0.05
PAGE = "trace.html"


def main(argv: Sequence[str]) -> int:
    """Run a program, report what it did, and return its exit status; what a signal ended ends us by the same."""
    chosen = _parser().parse_args(argv)
    if not chosen.module and not Path(chosen.program).is_file():
        what = "a folder" if Path(chosen.program).is_dir() else "not there"
        raise CourseError(
            f"The program {chosen.program!r} is {what}.\nNext: name a file, or a module: trace -m {chosen.program}"
        )
    python = _python(chosen.python)
    with tempfile.TemporaryDirectory(prefix="course-trace-") as folder:
        status = _run(python, chosen, Path(folder))
        run = history(Path(folder), chosen.last, chosen.slow)
    name = chosen.program if chosen.module else Path(chosen.program).name
    text = report(run, name, _how(status), chosen.slow, chosen.tick)
    print(_write(chosen.out, text + "\n", "trace") if chosen.out else f"\n{text}\n", file=sys.stderr)
    if chosen.page and run.totals["loops"]:
        print(_write(chosen.page, page(run, name, text), "the same to zoom into"), file=sys.stderr)
    if status < 0:
        _end_by(-status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib trace",
        description="Run an asyncio program, unchanged, and tell at its end what it did.",
        usage="%(prog)s [options] [-m] program [arguments]",
    )
    parser.add_argument("-m", dest="module", action="store_true", help="the program is a module's name")
    parser.add_argument("--python", help="the Python that has the program's packages")
    parser.add_argument("--last", type=_seconds, default=LAST, help="draw the last so many seconds (60)")
    parser.add_argument("--slow", type=_seconds, default=SLOW, help="from how many seconds on a step is told (0.05)")
    parser.add_argument("--tick", type=_seconds, help="seconds a column: coarse, it is the same text in every run")
    parser.add_argument("--out", type=Path, help="the file for the text, instead of stderr")
    parser.add_argument("--page", type=Path, default=Path(PAGE), help=f"the HTML file to write ({PAGE})")
    parser.add_argument("--no-page", dest="page", action="store_const", const=None, help="write none")
    parser.add_argument("program", help="the program's path, or with -m a module's name")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds, more than 0, such as 0.1")
    return seconds


def _python(named: str | None) -> str:
    """Return the Python to run the program with: the named one, an active virtual environment's, or the course's."""
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise CourseError(
                f"--python {named!r} is no program.\n"
                "Next: give the path of a Python, such as .venv/bin/python (Windows: .venv\\Scripts\\python.exe)"
            )
        return found
    if sys.prefix != sys.base_prefix or (ready := environment.find()) is None:
        return sys.executable
    return str(ready.python)


def _run(python: str, chosen: argparse.Namespace, folder: Path) -> int:
    """Run the program and return its exit status; minus the signal's number where one ended it."""
    shared = os.name == "nt" or _in_foreground()
    settings = {
        "folder": str(folder), "last": chosen.last, "slow": chosen.slow, "module": chosen.module,
        "parent": 0 if shared else os.getpid(),
    }  # fmt: skip
    command = [python, str(BOOTSTRAP), json.dumps(settings), chosen.program, *chosen.arguments]
    # Where there is no terminal, signals come to whoever is named, or to a whole group. In a group of its own the
    # program gets each once: what we pass on.
    group: dict[str, Any] = {} if shared else {"process_group": 0}
    sys.stdout.flush()
    sys.stderr.flush()
    with _passing_on(shared) as children:
        try:
            child = subprocess.Popen(command, **group)
        except OSError as error:
            raise CourseError(f"{python} cannot be started: {error}.\nNext: name another one with --python") from error
        children.append(child)
        return child.wait()


@contextmanager
def _passing_on(shared: bool) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Outlive the signals that are for the program, and pass on those that it does not get itself."""
    children: list[subprocess.Popen[bytes]] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if not shared or number == signal.SIGTERM:
            for child in children:
                child.send_signal(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored, as by who was started in the background, the program is to ignore, too.
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, hear)
    try:
        yield children
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _in_foreground() -> bool:
    """Return whether a terminal sends its Ctrl+C to us, and to the program with us."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"


def _write(path: Path, text: str, what: str) -> str:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"{path} could not be written: {error.strerror}. Next: name another file, with --page or --out"
    return f"{what}: {path}"


def _end_by(number: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    import resource  # here: Windows has none

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program's own core tells something, ours nothing
    os.kill(os.getpid(), number)
