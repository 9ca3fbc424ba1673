"""Rows to bytes and back, so that a hit gives exactly what the miss gave, types included.

JSON alone turns a datetime into a string and a Decimal into whatever `default=` says. Here every value is either one of
the few that JSON keeps as they are, or becomes an object with one key that says what it was: {"date": "2026-01-31"}. A
type that is not listed is refused, never approximated: its rows go to the caller, and not into the cache.

Not pickle: who can write to Redis could then run code in everybody's process.
"""

import datetime
import ipaddress
import json
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from asyncpg import Range  # type: ignore[import-untyped]
from asyncpg.pgproto.pgproto import UUID as PostgresUUID  # type: ignore[import-untyped]

from course_lib.database.errors import UncacheableError

Row = dict[str, Any]


def _pack_range(value: Any) -> list[Any]:
    return [_pack(value.lower), _pack(value.upper), value.lower_inc, value.upper_inc, value.isempty]


def _unpack_range(parts: list[Any]) -> Any:
    lower, upper, lower_inc, upper_inc, empty = parts
    return Range(lower, upper, lower_inc=lower_inc, upper_inc=upper_inc, empty=empty)


def _pack_duration(value: datetime.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_AS_THEY_ARE = {type(None), bool, int, float, str}  # json writes a float so that it reads back the same, NaN included
_TAGGED: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime.datetime: ("datetime", datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    datetime.date: ("date", datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: ("time", datetime.time.isoformat, datetime.time.fromisoformat),
    datetime.timedelta: ("timedelta", _pack_duration, lambda parts: datetime.timedelta(*parts)),
    Decimal: ("decimal", str, Decimal),
    bytes: ("bytes", bytes.hex, bytes.fromhex),
    uuid.UUID: ("uuid", str, uuid.UUID),
    PostgresUUID: ("pg_uuid", str, PostgresUUID),  # asyncpg's own subclass: a result has it, a parameter rarely
    Range: ("range", _pack_range, _unpack_range),
    **{
        kind: (kind.__name__, str, kind)
        for kind in (
            ipaddress.IPv4Address,
            ipaddress.IPv4Interface,
            ipaddress.IPv4Network,
            ipaddress.IPv6Address,
            ipaddress.IPv6Interface,
            ipaddress.IPv6Network,
        )
    },
}
_UNPACK = {tag: unpack for tag, _, unpack in _TAGGED.values()}


def encode(rows: list[Row]) -> bytes:
    """Return rows of one result as bytes; raise UncacheableError when a value has a type that is not listed here."""
    columns = list(rows[0]) if rows else []
    cells = [[_pack(value) for value in row.values()] for row in rows]
    return _encoder.encode([columns, cells]).encode()


def decode(data: bytes) -> list[Row]:
    """Return the rows that `encode` was given, each a new dict."""
    columns, cells = _decoder.raw_decode(data.decode())[0]  # `decode` would look for white space around it
    return [dict(zip(columns, row, strict=True)) for row in cells]


def fingerprint(parameters: Sequence[Any]) -> str:
    """Return a text that differs for parameters that differ in value or in type (1, True, 1.0 and "1" are four).

    Raises UncacheableError when a parameter has a type that is not listed here.
    """
    if _AS_THEY_ARE.issuperset(map(type, parameters)):
        return repr(parameters)
    return _encoder.encode([_pack(list(value) if type(value) is tuple else value) for value in parameters])


def _pack(value: Any) -> Any:
    kind = type(value)  # exactly: a subclass, such as asyncpg's Point, which is a tuple, would come back as its base
    if kind in _AS_THEY_ARE:
        return value
    if kind is list:  # an array
        return [_pack(item) for item in value]
    if kind not in _TAGGED:
        raise UncacheableError(f"a value of type {kind.__module__}.{kind.__qualname__} cannot be cached")
    tag, pack, _ = _TAGGED[kind]
    return {tag: pack(value)}


def _unpack(tagged: list[tuple[str, Any]]) -> Any:
    [(tag, packed)] = tagged
    return _UNPACK[tag](packed)


_encoder = json.JSONEncoder(separators=(",", ":"))  # made once: json.dumps would make one a call
_decoder = json.JSONDecoder(object_pairs_hook=_unpack)
