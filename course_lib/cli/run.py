"""Running other programs: quietly with progress, in our place, and saying in plain words why one failed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

TAIL, CUT = 10, 160
"""How many of a failed installer's last lines are worth showing, and how many characters of each."""


class StepFailed(Exception):
    """A program ended with an error. `output` is what it wrote."""

    def __init__(self, output: str) -> None:
        """Keep `output`, without empty lines at its ends."""
        super().__init__(output)
        self.output = output.strip()


@contextmanager
def step(what: str) -> Iterator[Callable[[], None]]:
    """Show `what` with the seconds it takes: on a terminal counting, in a log as one line.

    Gives a function to call now and then, which redraws the count.
    """
    stream, start = sys.stderr, time.monotonic()
    live = stream.isatty()

    def draw() -> None:
        if live:
            print(f"\r  {what} ... {time.monotonic() - start:.0f} s ", end="", file=stream, flush=True)

    if live:
        draw()
    else:
        print(f"  {what} ...", end="", file=stream, flush=True)
    try:
        yield draw
    except BaseException:
        print(" failed" if live else f" failed after {time.monotonic() - start:.1f} s", file=stream, flush=True)
        raise
    again = f"\r  {what} ..." if live else ""
    print(f"{again} {time.monotonic() - start:.1f} s", file=stream, flush=True)


def quietly(
    what: str, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], keep_open: tuple[int, ...] = ()
) -> str:
    """Run `command` to its end, showing only `what` and the seconds; return what it wrote.

    keep_open: descriptors the child inherits (POSIX)

    Raises StepFailed when it ends with an error or cannot be started. Whatever else ends the wait (Ctrl-C, SIGTERM)
    ends the child first: an installer that outlives us would write into a folder that the next start rebuilds.
    """
    with step(what) as draw, tempfile.TemporaryFile() as written:
        try:
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,  # a question nobody sees would hang the set-up
                stdout=written,
                stderr=subprocess.STDOUT,
                pass_fds=keep_open,
            )
        except OSError as error:
            raise StepFailed(str(error)) from error
        try:
            while True:
                try:
                    status = child.wait(0.2)
                    break
                except subprocess.TimeoutExpired:
                    draw()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
        written.seek(0)
        output = written.read().decode(errors="replace")
        if status != 0:
            raise StepFailed(output)
        return output


@contextmanager
def terminated_cleanly() -> Iterator[None]:
    """Turn SIGTERM into SystemExit inside the block, so that what it started is ended too."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def instead(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
    """Become `command`. Return its exit status where a process cannot become another (Windows).

    Becoming it leaves nothing between the terminal (or a hub, or CI) and the program: signals and the exit status need
    no passing on.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.chdir(cwd)
        os.execve(command[0], list(command), dict(env))
    child = subprocess.Popen(command, cwd=cwd, env=dict(env))
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the console sent it to the child as well, which decides when to end
            continue


def last_lines(output: str) -> str:
    """Return the end of an installer's `output`, indented."""
    return "\n".join(f"    {line[:CUT]}" for line in output.splitlines()[-TAIL:])


REASONS: dict[str, tuple[tuple[str, ...], str]] = {
    "disk": (
        ("no space left", "disk quota", "not enough space", "os error 28"),
        "The disk is full. Next: free about 1 GB (the course takes 0.5 GB, its downloads as much) and run this again.",
    ),
    "certificate": (
        ("certificate", "ssl error", "sslerror", "tlsv1", "unknownissuer"),
        "A secure connection to the package index was refused: often a company's or a school's network inspects it.\n"
        "Next: set SSL_CERT_FILE and PIP_CERT to the certificate file your administrator names, and run this again.",
    ),
    "network": (
        (
            "network is unreachable",
            "connection refused",
            "failed to establish a new connection",
            "newconnectionerror",
            "name resolution",
            "dns error",
            "failed to lookup address",
            "nodename nor servname",
            "getaddrinfo failed",
            "error sending request",
            "proxyerror",
            "cannot connect to proxy",
            "connection timed out",
            "read timed out",
            "connecttimeout",
            "operation timed out",
            "network connectivity is disabled",
            "network was disabled",
        ),
        "The packages could not be fetched: no connection to the package index.\n"
        "Next: the first start needs the network once (it fetches 140 MB). Connect, check any proxy setting,\n"
        "and run this again; what was fetched is kept.",
    ),
    "permission": (
        ("permission denied", "access is denied", "read-only file system", "os error 13", "os error 30"),
        "Something here may not be written. Next: check who owns the course's folder and the package cache in your\n"
        "home folder, or copy the course to a folder of your own and start it there.",
    ),
    "missing": (
        ("no matching distribution", "no solution found", "could not find a version"),
        "The package index in use lacks a package that requirements.txt names, or has none for this machine.\n"
        "Next: check PIP_* and UV_* settings, or start the course with another Python, from 3.11 to 3.15.",
    ),
    "unknown": (
        (),
        "The installer failed; its last lines are above.\nNext: run this again; if it fails again, report those lines.",
    ),
}
"""Signs of each reason in what an installer wrote, and what to tell the learner. The first that fits counts: pip ends
every failure of the network with "no matching distribution"."""


def reason(output: str) -> str:
    """Return which of REASONS an installer failed for, judged by what it wrote."""
    text = output.lower()
    return next((name for name, (signs, _) in REASONS.items() if any(sign in text for sign in signs)), "unknown")


def why(output: str) -> str:
    """Return in a sentence why an installer failed, with the next step, judged by what it wrote."""
    return REASONS[reason(output)][1]
