"""What a learner shares of their progress with the class, once they have said so: progress.share("Ann").

What is promised:

- Before that word nothing leaves the learner's folder. It is given under a name of the learner's choice, to one class;
  another class, or the same one on servers started anew, is not sent anything until the word is given again.
- What is shared is the name, and for each exercise how often it was tried and whether it has passed. No code, no
  answers, no times, nothing of the machine. A pseudonym is not betrayed by the table; who runs the servers, or the
  folder, could still find out which account wrote a row.
- It goes to the class's board and nowhere else: the Redis that the instructor started, or the folder that COURSE_CLASS
  names. In that Redis no learner's account can read or change another's row. In a folder, whoever may read the folder
  reads it, and whoever may write into it could do so to any row unless it keeps each file to its owner, as /tmp does.
- `progress.stop_sharing()` takes the word back at once, and removes the row.
- A check is never disturbed: it waits for the class two seconds at most, and where that was not reached says so, once.

The word is kept in work/sharing.json: one for all notebooks.
"""

import json
import os
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from course_lib.files import replace_file
from course_lib.paths import work_folder

LONGEST = 24
"""Characters of a name: as much as a table has room for."""

WAIT = 2.0
"""Seconds that a check waits for the class: long for a row of 4 kB, also on a machine that is busy with a class."""

CALM = 60.0
"""Seconds after which a class that was not reached is tried again."""

Notes = dict[str, Any]
"""What progress.json holds: tries and whether it has passed, by exercise, by lesson."""


@dataclass(frozen=True)
class Word:
    """A learner's word: the name, the board it is for, and the same in words."""

    name: str
    board: str
    where: str


@dataclass
class _Sending:
    """How it went in this kernel: who is still at it, when to try again, and what was said."""

    thread: threading.Thread | None = None
    not_before: float = 0.0
    said: str = ""


_memory: Word | None = None
_sending = _Sending()


def begin(name: str, notes: Notes) -> None:
    """Share under a name from now on, and say what that means.

    name: as the class is to see it: 1 to 24 characters that can be printed
    notes: the progress so far

    Raises ValueError for a name that cannot be shown, and ServerError when there is no class, or it is not reached.
    Then nothing is shared.
    """
    shown = clean(name)
    if shown is None:
        raise ValueError(
            f"name={name!r:.60}: it must be 1 to {LONGEST} characters that can be printed, in one line. "
            'Choose another, such as progress.share("Ann").'
        )
    from course_lib.lab.servers import ServerError, board  # here, all three: who shares nothing need not wait for it

    board.enter()
    there = board.learners_board()
    assert there is not None  # enter() has seen to that
    try:
        there.put(board.learners_row(), _row(shown, notes))
    except OSError as error:
        raise ServerError(
            f"The class cannot be reached, so nothing is shared: {there.where}: {error}",
            "ask the instructor whether it runs, then run this cell again",
        ) from error
    _sending.not_before, _sending.said = 0.0, ""
    before = _word()
    kept = _keep(Word(shown, there.identity, there.where))
    print(f"Shared as {shown}, with {there.where}:")
    print("which exercises you have tried, how often, and which have passed. No code.")
    if not kept:
        print("Your folder cannot be written, so this holds for this notebook, until its kernel stops.")
    print("progress.stop_sharing() takes it back.")
    if before is not None and before.board != there.identity:
        print(f"What {before.where} has of you stays there.")


def end() -> None:
    """Take the word back, and remove the row; what could not be removed is said.

    Raises OSError when the word cannot be removed from the learner's folder: then it still holds.
    """
    from course_lib.lab.servers import ServerError, board

    word = _word()
    _forget()
    if _sending.thread is not None:
        _sending.thread.join(board.PATIENCE)  # or what is on its way would arrive after the removal
    try:
        there = board.learners_board()
    except ServerError:
        there = None  # its folder is gone
    if word is not None and (there is None or there.identity != word.board):
        print(f"Nothing more is shared. What {word.where} has of you")
        print("stays there: it is not the class that this notebook was started for. Servers")
        print("forget all when they stop; for a folder, ask the instructor.")
        return
    if there is not None:
        try:
            there.remove(board.learners_row())
        except OSError as error:
            if word is None:
                print("Nothing is shared.")
                return
            print(f"Nothing more is shared, but your row is still there: {error}")
            print("Run this again when the class can be reached.")
            return
    print("Nothing is shared any more, and your row is removed." if word else "Nothing is shared.")


def send(notes: Notes) -> None:
    """Bring the class's board up to date, if the learner has said so; print a sentence where that failed, once."""
    word = _word()
    if word is None or time.monotonic() < _sending.not_before:
        return
    if _sending.thread is not None and _sending.thread.is_alive():
        return
    from course_lib.lab.servers import ServerError, board

    try:
        there = board.learners_board()
    except ServerError as error:
        _say(f"Your progress is not shared now. {error.found}")
        return
    if there is None:
        return  # at home
    if there.identity != word.board:
        _say(f"This is not the class you share with; progress.share({word.name!r}) shares with this one.")
        return
    row, text = board.learners_row(), _row(word.name, notes)

    def bring() -> None:
        there.put(row, text)
        if _word() != word:  # taken back meanwhile, in another notebook
            there.remove(row)

    failed = _within(WAIT, bring)
    if failed:
        _sending.not_before = time.monotonic() + CALM
        _say(f"Your progress did not reach the class ({failed}). It is kept here, and sent later.")
    else:
        _sending.not_before, _sending.said = 0.0, ""


def state() -> str:
    """Return a sentence on what is shared, in two lines; empty where nothing is."""
    word = _word()
    if word is None:
        return ""
    return (
        f"Shared as {word.name}, with {word.where},\n"
        "whenever the course is started for it; progress.stop_sharing() takes it back."
    )


def clean(name: Any) -> str | None:
    """Return a name as it is shown; None where it cannot be: what controls a terminal is not printable."""
    if not isinstance(name, str):
        return None
    shown = " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()
    return shown if 0 < len(shown) <= LONGEST and shown.isprintable() else None


def _row(name: str, notes: Notes) -> str:
    """Return a row's text: nothing but what is promised, whatever else the notes may hold."""
    exercises = {
        exercise: {"tries": entry["tries"], "passed": entry["passed"]}
        for entries in notes.values()
        for exercise, entry in entries.items()
        if exercise.isidentifier() and type(entry.get("tries")) is int and type(entry.get("passed")) is bool
    }
    return json.dumps({"name": name, "exercises": exercises})


def _within(seconds: float, do: Callable[[], None]) -> str:
    """Do it in a thread and wait so long; return why it failed, or "". A network drive may keep a call for ever."""
    failed: list[str] = []

    def run() -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001  # a check goes on, whatever it is
            failed.append(str(error).partition("\n")[0] or type(error).__name__)

    _sending.thread = threading.Thread(target=run, name="progress of the class", daemon=True)
    _sending.thread.start()
    _sending.thread.join(seconds)
    if _sending.thread.is_alive():
        return f"no answer within {seconds:g} s"
    return failed[0] if failed else ""


def _say(sentence: str) -> None:
    if not _sending.said:
        print(sentence)
    _sending.said = sentence


def _path() -> Path | None:
    return None if os.environ.get("COURSE_PROGRESS") == "memory" else work_folder() / "sharing.json"


def _word() -> Word | None:
    """Return the word as it stands now: another notebook may have changed it. What cannot be read is no word."""
    path = _path()
    if path is None:
        return _memory
    try:
        word = Word(**json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        return _memory  # there is none, or nothing can be kept there
    except (ValueError, TypeError):
        return None
    return word if clean(word.name) == word.name else None


def _keep(word: Word) -> bool:
    global _memory
    path = _path()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, [json.dumps(asdict(word))])
        except OSError:
            pass
        else:
            return True
    _memory = word
    return path is None


def _forget() -> None:
    global _memory
    _memory = None
    if path := _path():
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            pass  # nothing could be written there, either
