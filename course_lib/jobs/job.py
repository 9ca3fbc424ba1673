"""What travels: a job, and one that was given up."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """What a handler gets.

    id: the entry's, which grows: of two jobs the later one has the higher
    key: what names this job, whoever enqueues it and however often
    body: what was enqueued, made of what JSON has
    start: which start of the work this is, from 1
    """

    id: str
    key: str
    body: Any
    start: int


@dataclass(frozen=True)
class DeadLetter:
    """A job that was given up, after so many starts, and why."""

    id: str  # of the letter
    key: str
    body: Any
    starts: int
    reason: str


def packed(body: Any) -> str:
    """Return a body as JSON.

    Raises TypeError for what JSON has not, ValueError for NaN and the infinities, which it has not either.
    """
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"body={body!r:.60} cannot be written as JSON ({error}): pass dicts with text for keys, lists, texts, "
            "finite numbers, True, False and None; a large file stays where it is, and its address travels"
        ) from None


def unpacked(text: str) -> Any:
    """Return a body out of JSON."""
    return json.loads(text)
