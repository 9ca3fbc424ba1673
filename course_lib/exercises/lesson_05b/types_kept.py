"""Exercise 4: a hit gives exactly what the miss gave, types included, through a cache that keeps texts."""

import base64
import json
import pickletools
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import redis.exceptions

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.cache import ANSWER, LOAD, Cache, Loads

ROWS: tuple[Mapping[str, Any], ...] = (
    {"id": 7, "name": "tea", "stock": None},
    {"price": Decimal("1.20"), "since": datetime(2026, 1, 31, 12, 30)},
    {"price": Decimal("1E+2"), "since": datetime(2026, 1, 31, 12, 30, 0, 5, tzinfo=UTC)},
    {"name": "2026-01-31", "code": "1.20", "note": "2026-01-31 12:30:00", "sold": False, "rate": 0.5},
    {"cost": Decimal("3.50"), "price": "1.20", "sold": datetime(2026, 1, 31)},
    {"datetime": "tea", "Decimal": "1.20", "text": '["Decimal", "1.20"]', "empty": ""},
    {"stock": 0, "sold": False, "rate": 0.0, "name": "", "note": None, "price": Decimal("0")},
    {},
)
OTHERS: tuple[tuple[Mapping[Any, Any], str], ...] = (
    ({"id": 7, "picture": b"\x00\xff"}, "JSON knows no bytes."),
    ({"id": 7, "size": (3, 4)}, "JSON knows no tuples, and makes lists of them."),
    ({7: "tea", "id": 8}, "In JSON the name of a column is a text, and becomes one."),
    ({"day": date(2026, 1, 31)}, "A date is no datetime."),
    ({"sizes": [1, (2, 3)]}, "JSON knows no tuples, also inside of lists."),
    ({"names": {1: "tea"}}, "In JSON a key is a text, and becomes one."),
    ({"prices": [Decimal("1.20")]}, "In a list, too, a Decimal has to come back as one."),
)
TEXTS = ("tea", "2026-01-31", "1.20", "12", "null", "", '["Decimal", "1.20"]', "Decimal", "naïve", "True", "{}")
NUMBERS: tuple[float, ...] = (0, 1, -1, 2**70, 0.0, 1.0, 0.1 + 0.2, 1e300, 1e-7, True, False)
DECIMALS = ("0", "1.20", "1E+2", "0.00", "-0", "1E-7", "12345678901234567890.123")
ZONES = (None, None, UTC, timezone(timedelta(hours=-3, minutes=-30)))
COLUMNS = ("id", "name", "type", "value", "kind", "text", "datetime", "Decimal", "")
ROUNDS = 40
TINY = 1e-6  # seconds, for sums of floats


def _grade_cached_row(cached_row: Answer) -> str:
    for row in ROWS:
        _check_row(cached_row, row)
    _check_own_texts(cached_row)
    for other, why in OTHERS:
        _check_other(cached_row, other, why)
    for kind in (*KINDS, TypeError, KeyError):
        error = kind("the database is gone")
        _, _, scene = _twice(cached_row, error)
        if scene.calls[0].raised is not error:
            raise scene.wrong(
                f"load raised {kind.__name__}, and your function {scene.calls[0].answered()}: what load raises goes to "
                "your caller. Put the `try` around the encoding only."
            )
    for at in (0.05, 1.0, 2.15):
        _, _, scene = _twice(cached_row, dict(ROWS[0]), cancel_at=at)
        if not scene.calls[0].cancelled or scene.calls[0].ended != at:
            raise scene.wrong(f"Cancelled at {at:g} s, your function {scene.calls[0].answered()}.")
    chance = Chance("cached_row")
    for _ in range(ROUNDS):
        columns = chance.some(COLUMNS, chance.number(0, 5))
        _check_row(cached_row, {column: _value(chance) for column in columns})
    return "What comes out of the cache is what went in, to the last zero of a price."


def _check_row(cached_row: Answer, row: Mapping[str, Any], why: str = "") -> Cache:
    """Return the cache in which it was stored; raise Wrong, with `why` at its end, if a value came back changed."""
    cache, loads, scene = _twice(cached_row, dict(row))
    for number, when in ((0, "miss"), (1, "hit")):
        if _of_the_encoder(scene.calls[number].raised):
            raise scene.wrong(
                f"json.dumps raised TypeError: {scene.calls[number].raised}. Give it pairs that it knows, such as "
                "the name of the type and a text: ['Decimal', '1.20']."
            )
        got = scene.result(number)
        if not isinstance(got, dict) or list(got) != list(row):
            raise scene.wrong(f"The load gave the row {dict(row)!r:.70}, and a {when} {got!r:.70}.")
        for column, value in row.items():
            if type(got[column]) is not type(value) or repr(got[column]) != repr(value):
                raise scene.wrong(
                    f"In the column {column!r} the load gave {value!r}, and a {when} {got[column]!r:.60}. "
                    f"{why or _why(value, got[column])}"
                )
    _check_text(scene, cache)
    if len(loads.keys) > 1:
        raise scene.wrong(f"{dict(row)!r:.80} was loaded twice: it can be cached, and was not.")
    _check_time(scene, LOAD + 2 * ANSWER, ANSWER)
    return cache


def _check_other(cached_row: Answer, row: Mapping[Any, Any], why: str) -> None:
    """Let a row hold what JSON, or a list of kinds, does not know: both reads must give it unchanged."""
    no = "What does not come back as it was cannot be cached: return the row, and store nothing."
    cache, _, scene = _twice(cached_row, dict(row))
    for number, when in ((0, "miss"), (1, "hit")):
        if scene.calls[number].raised:
            raise scene.wrong(
                f"The load gave {dict(row)!r}, and your function {scene.calls[number].answered()}. {why} {no}"
            )
        if repr(got := scene.result(number)) != repr(dict(row)):
            raise scene.wrong(f"The load gave {dict(row)!r}, and a {when} {got!r:.60}. {why} {no}")
    if not cache.kept:
        _check_time(scene, LOAD + ANSWER, LOAD + ANSWER)


def _check_time(scene: Scene, *seconds: float) -> None:
    for call, wanted in zip(scene.calls, seconds, strict=False):
        if (took := (call.ended or 0) - call.at) > wanted + TINY:
            raise scene.wrong(
                f"The {call.name} took {took:g} s for what takes {wanted:g} s: wait for the cache and for load, and "
                "for nothing else."
            )


def _of_the_encoder(error: BaseException | None) -> bool:
    """Return whether it was json that did not know a type, and no function of the learner's."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)] if error else []
    return isinstance(error, TypeError) and frames[-1].f_globals.get("__name__") == "json.encoder"


def _value(chance: Chance) -> Any:
    match chance.number(0, 4):
        case 0:
            return chance.one_of(TEXTS)
        case 1:
            return chance.one_of(NUMBERS)
        case 2:
            return Decimal(chance.one_of(DECIMALS))
        case 3:
            moment = datetime(2026, 1, chance.number(1, 31), chance.number(0, 23), tzinfo=chance.one_of(ZONES))
            return moment.replace(microsecond=chance.one_of((0, 0, 5, 120000)))
    return None


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


def _why(value: Any, got: Any) -> str:
    if isinstance(value, str):
        return (
            "A text may look like a date or a number: store of which kind each value was, do not guess from its looks."
        )
    if isinstance(value, bool) and isinstance(got, bool):
        return "`bool` of any text but the empty one is True: `json` knows bools, so store them as they are."
    if isinstance(value, Decimal) and isinstance(got, Decimal):
        return "A float has other digits than a Decimal: store the Decimal's own text, `str(value)`."
    return "`json` does not know that type: store its name beside the text, and make the value again from both."


def _twice(cached_row: Answer, row: Any, cancel_at: float | None = None) -> tuple[Cache, Loads, Scene]:
    """Play two reads of a row, which is a dictionary, or what load raises; the first is cancelled at `cancel_at`."""
    cache, loads = Cache(texts=True), Loads(row)

    def made(at: float, cancel_at: float | None = None) -> Call:
        return Call(f"read at {at:g} s", lambda: cached_row(cache, "row 7", loads.load), at, cancel_at, cached_row)

    scene = play(made(0, cancel_at), made(10), blunders=())
    if scene.stuck:
        raise scene.wrong(f"The {scene.stuck[0]} had not come to an end after 60 s.")
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
  the same columns in the same order, the same values of the same types. A text that looks like a date stays a text.
- Now and then there is something else in a row: bytes, a tuple, a list of whatever, a column whose name is a number.
  What would not come back as it was cannot be cached: return the row, and store nothing.
- What load raises goes to your caller. Store JSON, and never a pickle.""",
    reference=solutions.cached_row,
    grade=_grade_cached_row,
    hints=[
        "Store a pair for each column: the name of the value's type, and the value, as a text where `json` does not "
        "know its type.",
        "`str()` makes a text of a Decimal and of a datetime; `Decimal(text)` and `datetime.fromisoformat(text)` make "
        "them again. A dictionary from the name of the type to these functions keeps it short.",
        "`json.dumps` raises TypeError for what it does not know, and changes a tuple without a word. Make the row "
        "again from your text, and store it only if `repr()` of both is the same.",
    ],
)
