"""Exercise 4: a hit gives exactly what the miss gave, types included, through a cache that keeps texts."""

import base64
import json
import pickletools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import redis.exceptions

from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.cache import Cache, Loads

ROWS: tuple[Mapping[str, Any], ...] = (
    {"id": 7, "name": "tea", "stock": None},
    {"price": Decimal("1.20"), "since": datetime(2026, 1, 31, 12, 30)},
    {"price": Decimal("1E+2"), "since": datetime(2026, 1, 31, 12, 30, 0, 5, tzinfo=UTC)},
    {"name": "2026-01-31", "code": "1.20", "note": "2026-01-31 12:30:00", "sold": False, "rate": 0.5},
    {"cost": Decimal("3.50"), "price": "1.20", "sold": datetime(2026, 1, 31)},
    {"datetime": "tea", "Decimal": "1.20", "text": '["Decimal", "1.20"]', "empty": ""},
)


def _grade_cached_row(cached_row: Answer) -> str:
    for row in ROWS:
        _check_row(cached_row, row)
    _check_own_texts(cached_row)
    row = {"id": 7, "picture": b"\x00\xff"}
    _, _, scene = _twice(cached_row, row)
    if scene.calls[0].raised:
        raise scene.wrong(
            f"A column held bytes, and your function {scene.calls[0].answered()}. What you cannot encode you cannot "
            "cache: return the row, and store nothing."
        )
    for number in (0, 1):
        if scene.result(number) != row:
            raise scene.wrong(f"A column held {row['picture']!r}, and your function {scene.calls[number].answered()}.")
    return "What comes out of the cache is what went in, to the last zero of a price."


def _check_row(cached_row: Answer, row: Mapping[str, Any], why: str = "") -> Cache:
    """Return the cache in which it was stored; raise Wrong, with `why` at its end, if a value came back changed."""
    cache, loads, scene = _twice(cached_row, row)
    for number, when in ((0, "miss"), (1, "hit")):
        if "not JSON serializable" in str(scene.calls[number].raised):
            raise scene.wrong(
                f"json.dumps raised TypeError: {scene.calls[number].raised}. Give it pairs that it knows, such as "
                "the name of the type and a text: ['Decimal', '1.20']."
            )
        got = scene.result(number)
        if not isinstance(got, dict) or set(got) != set(row):
            raise scene.wrong(f"The load gave the row {dict(row)!r:.70}, and a {when} {got!r:.70}.")
        for column, value in row.items():
            if type(got[column]) is not type(value) or repr(got[column]) != repr(value):
                raise scene.wrong(
                    f"In the column {column!r} the load gave {value!r}, and a {when} {got[column]!r:.60}. "
                    f"{why or _why(value)}"
                )
    _check_text(scene, cache)
    if len(loads.keys) > 1:
        raise scene.wrong(f"{dict(row)!r:.80} was loaded twice: it can be cached, and was not.")
    return cache


def _check_own_texts(cached_row: Answer) -> None:
    """Let a row hold, as its texts, what the answer itself makes of a Decimal and of a datetime."""
    found = [json.loads(_as_text(stored)) for stored, _ in _check_row(cached_row, ROWS[1]).kept.values()]
    row = {f"text {number}": text for number, text in enumerate(_texts_in(found), 1)}
    _check_row(
        cached_row,
        row,
        "This is what you stored for a value of another row, and a text may be just that, too: keep the kind beside "
        "the value and not in it, such as ['Decimal', '1.20'], or mark the texts as well.",
    )


def _texts_in(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for each in found.values() if isinstance(found, dict) else found:
            yield from _texts_in(each)


def _why(value: Any) -> str:
    if isinstance(value, str):
        return (
            "A text may look like a date or a number: store of which kind each value was, do not guess from its looks."
        )
    return "`json` does not know that type: store its name beside the text, and make the value again from both."


def _twice(cached_row: Answer, row: Mapping[str, Any]) -> tuple[Cache, Loads, Scene]:
    cache, loads = Cache(texts=True), Loads(dict(row))
    scene = play(
        *(Call(f"read at {at} s", lambda: cached_row(cache, "row 7", loads.load), at) for at in (0, 10)), blunders=()
    )
    for call in scene.calls:
        if isinstance(call.raised, redis.exceptions.DataError):
            raise scene.wrong(
                f"cache.set() raised DataError: {call.raised} It keeps texts: encode the row, `json.dumps`."
            )
    return cache, loads, scene


def _check_text(scene: Scene, cache: Cache) -> None:
    for key, (stored, _) in cache.kept.items():
        text = _as_text(stored)
        if _is_pickle(text):
            raise scene.wrong(
                "You stored a pickle. Whoever can write to the cache can let a pickle run any code in your program: "
                "never load one that may come from elsewhere. Use JSON."
            )
        try:
            json.loads(text)
        except ValueError:
            raise scene.wrong(
                f"Under {key!r} you stored {text!r:.60}, which is not JSON. To run what a cache gives (`eval`) is to "
                "let anybody run code in your program; use JSON."
            ) from None
    if why := cache.why_lives():
        raise scene.wrong(why)


def _latin(text: str) -> bytes:
    return text.encode("latin-1")


def _is_pickle(text: str) -> bool:
    """Return whether `text` holds a pickle of protocol 2 or newer: as it is, in base64 or in hexadecimal."""
    for decode in (_latin, base64.b64decode, bytes.fromhex):
        try:
            opcodes = [opcode.name for opcode, *_ in pickletools.genops(decode(text))]  # raises where it is none
        except ValueError:
            continue
        if opcodes[0] == "PROTO":
            return True
    return False


def _as_text(stored: Any) -> str:
    return stored.decode("latin-1") if isinstance(stored, bytes) else str(stored)


cached_row = Exercise(
    lesson="lesson_05b",
    task="""\
**Exercise 4: types.** Write `cached_row(cache, key, load)`.

- `await load(key)` gives a row, a dictionary: column to value. `await cache.get(key)` gives the text that was stored
  with `await cache.set(key, text, ex=60)`, or None.
- A value is a text, an int, a float, a bool, None, a `datetime` or a `Decimal`. A hit gives exactly what the miss gave:
  the same values of the same types. A text that looks like a date stays a text.
- A row with a value of another type, such as bytes, cannot be cached: return it, and store nothing.
- Store JSON, and never a pickle.""",
    reference=solutions.cached_row,
    grade=_grade_cached_row,
    hints=[
        "Store a pair for each column: the name of the value's type, and the value, as a text where `json` does not "
        "know its type.",
        "`str()` makes a text of a Decimal and of a datetime; `Decimal(text)` and `datetime.fromisoformat(text)` make "
        "them again. A dictionary from the name of the type to these functions keeps it short.",
        "`json.dumps` raises TypeError for what it does not know: catch it, and return the row without storing.",
    ],
)
