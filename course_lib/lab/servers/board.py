"""The class's board: a row of text for each learner who shares one, for the instructor to read.

It is the folder that COURSE_CLASS names, or else the Redis that `python -m course_lib classroom` started. There, a
learner's account may read and write its own row alone; in a folder, who may do what is the folder's affair. Whose row
it is, a board does not say: a row has a name that is made from the learner's, and does not lead back to it by itself.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis

from course_lib.files import replace_file
from course_lib.lab.servers import accounts, shared
from course_lib.lab.servers.errors import ServerError
from course_lib.paths import work_folder

FOLDER = "COURSE_CLASS"
MOST = 20_000
"""Bytes of a row that are read: 70 exercises take 4,000, and what others wrote must not fill the memory."""

PATIENCE = 5.0
"""Seconds that the class's Redis may take to answer."""


@dataclass(frozen=True)
class Folder:
    """A board in a folder: a file for each row."""

    path: Path

    @property
    def where(self) -> str:
        """The board, in words."""
        return f"the folder {self.path}"

    @property
    def identity(self) -> str:
        """What is the same for the same board alone."""
        return _digest(str(self.path))

    def put(self, row: str, text: str) -> None:
        """Write a row, in place of an old one. Raises OSError where that cannot be."""
        file = self.path / f"{row}.json"
        replace_file(file, [text])
        # Whoever may enter the folder is to read it, whatever the learner's umask. Nobody else's to write.
        file.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)

    def remove(self, row: str) -> None:
        """Remove a row; one that is not there is no error. Raises OSError where that cannot be."""
        (self.path / f"{row}.json").unlink(missing_ok=True)

    def rows(self) -> list[bytes]:
        """Return all rows, in an order that stays. Raises OSError when the folder cannot be read."""
        found = []
        for file in sorted(self.path.iterdir()):
            if file.suffix == ".json" and file.is_file():  # a pipe would keep its reader waiting
                with suppress(FileNotFoundError), file.open("rb") as opened:  # its learner has just taken it back
                    found.append(opened.read(MOST))
        return found


@dataclass(frozen=True)
class ClassRedis:
    """A board in the class's Redis: a key for each row.

    url: that of an account, a learner's or the instructor's
    identity: what is the same for the same board alone
    """

    url: str
    identity: str

    @property
    def where(self) -> str:
        """The board, in words."""
        parts = urlsplit(self.url)
        return f"the class's Redis at {parts.hostname}:{parts.port}"

    def put(self, row: str, text: str) -> None:
        """Write a row, in place of an old one. Raises OSError where that cannot be."""
        with self._client() as client:
            client.set(f"{accounts.BOARD}{row}", text)

    def remove(self, row: str) -> None:
        """Remove a row; one that is not there is no error. Raises OSError where that cannot be."""
        with self._client() as client:
            client.delete(f"{accounts.BOARD}{row}")

    def rows(self) -> list[bytes]:
        """Return all rows, in an order that stays. Raises OSError when the server cannot be asked."""
        with self._client() as client:
            keys = sorted(client.scan_iter(match=f"{accounts.BOARD}*", count=1_000))
            found = [client.getrange(key, 0, MOST - 1) for key in keys]
        return [row for row in found if row]  # an empty one was taken back meanwhile

    @contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            with redis.Redis.from_url(
                self.url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE, retry=None
            ) as client:
                yield client
        except redis.RedisError as error:
            raise OSError(str(error)) from error


Board = Folder | ClassRedis


def learners_board() -> Board | None:
    """Return where this learner's row would lie, without asking it; None where no class is.

    Raises ServerError when a variable cannot be right.
    """
    if folder := _folder():
        return folder
    url = shared.given(shared.CACHE)
    if urlsplit(url).username != accounts.DOORKEEPER:
        return None  # no class; or somebody's own Redis, in which anybody could write anybody's row
    return ClassRedis(accounts.account_url(url, shared.learner(), database=False), _digest(url))


def learners_row() -> str:
    """Return the name of this learner's row."""
    return accounts.row_of(shared.learner())


def enter() -> None:
    """Get this learner's account where the board is the class's Redis.

    Raises ServerError when there is no class, when it does not answer, or when all its places are taken.
    """
    board = learners_board()
    if isinstance(board, Folder):
        return
    if board is None or shared.shared_redis() != board.url:
        raise ServerError(
            f"There is no class here to share with: {FOLDER} names no folder, and {shared.CACHE} no class's server.",
            "ask the instructor for the lines to type before the course is started, and start it in that terminal",
        )


def instructors_board() -> Board:
    """Return the board to read: the folder that COURSE_CLASS names, or that of the classroom which runs here.

    Raises ServerError when there is neither.
    """
    if folder := _folder():
        return folder
    note = _note()
    try:
        url = note.read_text(encoding="utf-8")
    except OSError:
        url = ""
    if not url:
        raise ServerError(
            f"There is no class to look at: no classroom of this user runs on this machine, and {FOLDER} names no "
            "folder.",
            f"start one (python -m course_lib classroom) and leave it running; or set {FOLDER} to the class's folder",
        )
    return ClassRedis(url, _digest(url))


@contextmanager
def opened_for_instructor(url: str) -> Iterator[OSError | None]:
    """Let this user's other programs find a board, by a file that nobody else may read, while the block runs.

    url: that of the instructor's account in Redis

    The block gets the error where the file could not be written; a class can do without.
    """
    note = _note()
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)  # of a classroom that was killed: an old file would keep its mode
        with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(url)
        hindrance = None
    except OSError as error:
        hindrance = error
    try:
        yield hindrance
    finally:
        with suppress(OSError):
            if note.read_text(encoding="utf-8") == url:  # else it is that of a classroom that was started later
                note.unlink()


def _folder() -> Folder | None:
    chosen = os.environ.get(FOLDER, "").strip()
    if not chosen:
        return None
    path = Path(os.path.abspath(os.path.expanduser(chosen)))
    if not path.is_dir():
        raise ServerError(
            f"{FOLDER} names {path}, and there is no such folder.",
            "make it (for a class on one machine: mkdir -m 1777), or set the variable to the one that the class uses",
        )
    return Folder(path)


def _note() -> Path:
    return work_folder() / "classroom.url"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
