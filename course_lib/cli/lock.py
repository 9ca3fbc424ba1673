"""One set-up of a folder at a time."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from course_lib.cli.errors import CourseError

PATIENCE = 1800.0
"""Seconds to wait for another set-up: longer than any, so that only a hung one is given up on."""


@contextmanager
def only_one(path: Path, waiting: Callable[[], object], patience: float = PATIENCE) -> Iterator[int | None]:
    """Hold a lock on the file `path`, which is made when missing, and give the descriptor that holds it.

    The system lets go of the lock when the last process that holds the descriptor ends, however it ends: no lock can be
    stale. An installer that inherits the descriptor keeps the lock when its parent is killed, so that nobody rebuilds
    the folder under its feet. None is given on a file system without locks (some network homes): better than stuck.

    path: the lock file, which stays where it is: removing it would let two processes lock two files of one name
    waiting: called once, when another process holds the lock
    patience: seconds to wait for it

    Raises CourseError when `patience` runs out, OSError when the file cannot be made.
    """
    with path.open("a+b") as file:
        supported = _acquire(file, waiting, time.monotonic() + patience, path)
        yield file.fileno() if supported else None


def _acquire(file: IO[bytes], waiting: Callable[[], object], deadline: float, path: Path) -> bool:
    told = False
    while True:
        try:
            _try_lock(file)
        except (BlockingIOError, PermissionError):
            if not told:
                waiting()
                told = True
            if time.monotonic() > deadline:
                raise CourseError(
                    f"Another set-up of this folder has held {path} for too long.\n"
                    "Next: end the other `python -m course_lib` (or restart the machine), and run this again."
                ) from None
            time.sleep(0.1)
        except OSError:
            return False
        else:
            return True


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def inheritable(descriptor: int | None) -> tuple[int, ...]:
    """Return what `subprocess` takes as `pass_fds` to let a child hold the lock too."""
    return () if descriptor is None or os.name == "nt" else (descriptor,)
