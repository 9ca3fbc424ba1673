"""A file that is, at every moment, the whole old one or the whole new one."""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


def replace_file(path: str | Path, pieces: Iterable[str], stopped: Callable[[], bool] = lambda: False) -> None:
    """Write text, in UTF-8, to a file as any program would that opens it for writing, but in one step.

    A new file has the mode that the umask leaves it, an old one keeps its own. A link stays, and what it leads to is
    written. What is no ordinary file, such as /dev/stdout, is written to as it is.

    path: the file; its folder is there already
    pieces: the text
    stopped: asked before each piece; when it returns True the old file stays
    Raises FileNotFoundError without the folder, IsADirectoryError for a folder, PermissionError for an old file that
    may not be written, and another OSError when writing fails. Then, and when `pieces` raises, the old file stays.
    """
    target = Path(os.path.realpath(path))
    old = _status(target, path)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(path, "w", encoding="utf-8", newline="\n") as file:  # IsADirectoryError for a folder
            file.writelines(_until(stopped, pieces))
        return
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file there may not be written: choose another name", str(path))
    # In the same folder: a file can only be renamed, in one step, within one file system.
    half = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Not by tempfile: its files are for their owner alone, whatever the umask.
        with open(half, "x", encoding="utf-8", newline="\n") as file:
            file.writelines(_until(stopped, pieces))
            file.flush()
            os.fsync(file.fileno())  # or, after a power cut, the new name could stand for an empty file
        if stopped():
            return
        if old is not None:
            os.chmod(half, stat.S_IMODE(old.st_mode))
        os.replace(half, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(half)


def _status(target: Path, path: str | Path) -> os.stat_result | None:
    try:
        return os.stat(target)
    except FileNotFoundError:
        pass
    if not target.parent.is_dir():
        reason = f"there is no folder {str(target.parent)!r}: make it first"
        raise FileNotFoundError(errno.ENOENT, reason, str(path))
    return None


def _until(stopped: Callable[[], bool], pieces: Iterable[str]) -> Iterable[str]:
    for piece in pieces:
        if stopped():
            return
        yield piece
