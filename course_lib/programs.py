"""A small program in a Python of its own, shown as a terminal shows it: a cell under `%%program NAME`.

What goes wrong at a program's end, in its warnings or by its exit status cannot be seen in a notebook's kernel, which
does not end; and what could harm the kernel is tried elsewhere. The first line of such a cell gives the program a name:

    %%program forgotten -X dev
    import asyncio
    ...

It is run, with Python's own options if there are any, and `forgotten` is the program from then on: `forgotten.run()`
runs it again, `forgotten.lint("RUF006")` shows what ruff says of it. `%load_ext course_lib.programs` brings the magic.

The promise: what is shown is the same on every Python and machine, as far as the program's own words are. Of a path
only its file's name is left, of an address nothing, of a traceback only the frames of the program itself, of a place in
Python's own code no line number. What a program does is real: its time, too, so that tests compare orders and counts.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from course_lib.family import OWN_GROUP, Family, uninterrupted

WIDTH = 76  # what a notebook shows at 1,024 pixels beside an open sidebar
OUTPUT = 4_000  # characters that are shown
KEPT = 200_000  # bytes that are kept, to be cut down to them
RULES = ("ASYNC", "B", "BLE", "E7", "E9", "F", "PLE", "RUF")


@dataclass(frozen=True)
class Ran:
    """What a program printed, both streams in one as in a terminal, and how it ended; shown in lines of 76 columns.

    Attributes:
        text: the output, tidied as this module's docstring says, 4,000 characters at most.
        status: its exit status; on POSIX, minus the number of the signal that ended it. None if it was out of time.
    """

    text: str
    status: int | None
    seconds: float

    def __str__(self) -> str:
        lines = [*map(_wrapped, self.text.split("\n"))] if self.text else []
        if self.status is None:
            lines.append(f"[still running after {self.seconds:g} s: ended from outside]")
        elif self.status < 0:
            lines.append(f"[ended by {signal.Signals(-self.status).name}]")
        elif self.status:
            lines.append(f"[exit status {self.status}]")
        return "\n".join(lines) or "[no output]"

    __repr__ = __str__


class Said(tuple[tuple[int, str, str], ...]):
    """What ruff says: of each finding the line, the rule and the words; printed, a line each."""

    def __str__(self) -> str:
        return "\n".join(_wrapped(f"line {line}: {rule} {words}") for line, rule, words in self) or "ruff says nothing."

    __repr__ = __str__

    @property
    def rules(self) -> list[str]:
        """The rules that were broken, in the order of the lines."""
        return [rule for _, rule, _ in self]


class Program:
    """A program as text, to be run and linted."""

    file = "program.py"

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return f"<program of {len(self.source.splitlines())} lines>"

    def run(self, *options: str, seconds: float = 60) -> Ran:
        """Run the program in a new Python process and return what it printed and how it ended.

        The process has this environment, without what would change Python's warnings, debug mode or colours, and an
        empty folder that is removed afterwards. It is ended, with what it has started, when its time is over, when it
        has ended itself, and when this call is interrupted.

        Args:
            options: of Python, such as "-X", "dev" or "-W", "error".
            seconds: real ones that it may take, more than 0.
        """
        if not seconds > 0:
            raise ValueError(f"seconds={seconds!r}: a program needs some time, pass more than 0")
        # Resolved, because Windows and macOS also have other names for the folder of temporary files.
        with tempfile.TemporaryDirectory(prefix="course-program-", ignore_cleanup_errors=True) as folder:
            path = Path(folder).resolve() / self.file
            path.write_text(self.source, encoding="utf-8")
            output, status = _run(self._command(path, *options), path.parent, seconds)
        return Ran(self._tidy(output.decode("utf-8", "replace"), path), status, seconds)

    def _command(self, path: Path, *options: str) -> list[str]:
        return [sys.executable, *options, str(path)]

    def _tidy(self, output: str, path: Path) -> str:
        return tidy(output, path)

    def lint(self, *rules: str) -> Said:
        """Return what ruff says of the program.

        Args:
            rules: rules, or the beginnings of their names ("RUF006", "ASYNC"); without any, those for likely bugs and
                for asynchronous code.

        Raises ValueError for a rule that ruff does not know.
        """
        command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--target-version", "py311"]
        command += ["--output-format", "json", "--select", ",".join(rules or RULES), "--stdin-filename", self.file, "-"]
        found = subprocess.run(command, input=self.source.encode(), capture_output=True, check=False)
        if found.returncode not in (0, 1):  # 1: something was found
            raise ValueError(f"ruff refused the rules {rules}: {found.stderr.decode('utf-8', 'replace').strip()}")
        return Said((each["location"]["row"], each["code"] or "", each["message"]) for each in json.loads(found.stdout))


def program(source: str) -> Program:
    """Return a program to be run or linted; its text may be indented as a whole."""
    return Program(textwrap.dedent(source).lstrip("\n"))


def load_ipython_extension(shell: Any) -> None:
    """Bring the cell magic `%%program NAME [options of Python]`."""

    def magic(line: str, cell: str) -> Ran:
        name, *options = line.split() or [""]
        if not name.isidentifier():
            raise ValueError(f"%%program {line}: give the program a name first, such as %%program forgotten -X dev")
        shell.user_ns[name] = Program(cell)
        return Program(cell).run(*options)

    shell.register_magic_function(magic, "cell", "program")


def tidy(output: str, path: Path) -> str:
    """Cut a program's output down to what is the same on every machine and Python."""
    lines: list[str] = []
    shown = True  # whether lines of code are shown: those of the program, one for each place
    warned = False  # whether the line of code of a warning, indented less, is still to be left out
    for line in output.replace("\r\n", "\n").replace(str(path), path.name).expandtabs().split("\n"):
        if found := _FRAME.match(line):
            shown = found["file"] == path.name
            if not shown:
                continue
        elif found := _WARNED.match(line):
            warned = found["file"] != path.name
            line = f"{_last(found['file'])}: {found['said']}" if warned else line
        elif _CODE.match(line):
            if not shown:
                continue
            shown = lines[-1:] == [] or not _FRAME.match(lines[-1])
        elif warned and line.startswith("  "):
            warned = False
            continue
        elif not _CARETS.match(line):
            shown = True
        if not _CARETS.match(line):
            lines.append(line)
    text = "\n".join(lines).strip("\n")
    text = _PLACE.sub(lambda found: _last(found[1]), text)
    text = _TOOK.sub(r"took ~\1 seconds", _ADDRESS.sub("0x...", text))
    if len(text) > OUTPUT:
        text = f"{text[:OUTPUT]}\n[... and {len(text) - OUTPUT:,} characters more]"
    return text


# A frame of a traceback, in an exception group behind a margin of bars; the line of code below it is indented further.
_FRAME = re.compile(r'^[ |]*File "(?P<file>[^"]+)", line \d+')
_CODE = re.compile(r"^[ |]* {4}[^\s|+~^]")
_CARETS = re.compile(r"^[ |]+[~^]+[ ~^]*$")
_WARNED = re.compile(r"^(?P<file>\S.*\.py):\d+: (?P<said>\w+Warning: .*)")
# Other files than the program, in what asyncio tells of a task: folder and line are of one installation.
_PLACE = re.compile(r"((?:[A-Za-z]:)?[/\\][^\n:\"'<>]+\.py):\d+")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_TOOK = re.compile(r"took (\d+\.\d+) seconds")


def _last(path: str) -> str:
    return "/".join(re.split(r"[/\\]", path)[-2:])


def _wrapped(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    folded = textwrap.wrap(line, WIDTH, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)
    return line if len(line) <= WIDTH else "\n".join(folded)


def _run(command: list[str], folder: Path, seconds: float) -> tuple[bytes, int | None]:
    """Run a command; return its output, and its exit status, or None if it was ended because its time was over."""
    output = bytearray()
    child = reader = None
    try:
        with uninterrupted():
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
            )
            reader = threading.Thread(target=_read, args=(child.stdout, output), daemon=True)
            reader.start()
        status = child.wait(seconds)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        if child is not None and reader is not None:  # also after an interrupt
            family = Family(child.pid)  # before it is killed, so that who then has no parent is known
            child.kill()
            family.end()
            child.wait()
            reader.join(2)  # what went into a session of its own may hold the pipe open
    return bytes(output), status


_PATHS = {"PYTHONPATH", "PYTHONHOME"}  # where the course is, if it is not installed


def _environment() -> dict[str, str]:
    """Return this process' environment, so that Python behaves as it does where nobody has set anything."""
    ours = ("PYTHON", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if name in _PATHS or not name.startswith(ours)}
    python = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHON_COLORS": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | python | {"COLUMNS": str(WIDTH)}


def _read(pipe: IO[bytes], output: bytearray) -> None:
    while piece := pipe.read1(65536):  # type: ignore[attr-defined]  # which a pipe's reader has and IO lacks
        output.extend(piece[: KEPT - len(output)])
