"""What the cache keeps comes back exactly, types included; what cannot is refused."""

import datetime
import ipaddress
import json
import math
import uuid
from decimal import Decimal

import asyncpg
import pytest
from asyncpg.pgproto.pgproto import UUID as PostgresUUID
from database_lab import asynchronous, make_pool
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.database.codec import decode, encode, fingerprint
from course_lib.database.errors import UncacheableError

OFFSETS = st.integers(-86_399, 86_399).map(lambda seconds: datetime.timezone(datetime.timedelta(seconds=seconds)))
NUMBERS = st.one_of(st.integers(), st.floats(), st.decimals())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(),
    st.binary(),
    st.dates(),
    st.times(timezones=st.none() | OFFSETS),
    st.datetimes(timezones=st.none() | OFFSETS),
    st.timedeltas(),
    st.uuids(),
    st.uuids().map(lambda value: PostgresUUID(str(value))),
    st.ip_addresses(),
    st.ip_addresses().map(ipaddress.ip_interface),
    st.ip_addresses().map(ipaddress.ip_network),
)
RANGES = st.builds(
    asyncpg.Range,
    st.none() | st.integers() | st.dates(),
    st.none() | st.integers() | st.datetimes(),
    lower_inc=st.booleans(),
    upper_inc=st.booleans(),
) | st.just(asyncpg.Range(empty=True))
VALUES = st.recursive(SCALARS | RANGES, lambda inner: st.lists(inner, max_size=4), max_leaves=8)


def same(one, other) -> bool:
    """Equal in value and in type, down to NaN, -0.0 and the exponent of a Decimal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, Decimal):
        return one.as_tuple() == other.as_tuple()
    if isinstance(one, asyncpg.Range):
        bounds = ("lower", "upper", "lower_inc", "upper_inc", "isempty")
        return all(same(getattr(one, name), getattr(other, name)) for name in bounds)
    if isinstance(one, datetime.datetime | datetime.time):
        return one == other and one.utcoffset() == other.utcoffset()
    return one == other


@settings(deadline=None, database=None, derandomize=True, max_examples=50)
@given(st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True), st.data())
def test_rows_come_back_as_they_were(columns, data):
    """Any rows of any listed types come back equal, in type and in value."""
    values = st.lists(VALUES, min_size=len(columns), max_size=len(columns))
    rows = [dict(zip(columns, row, strict=True)) for row in data.draw(st.lists(values, max_size=3))]
    back = decode(encode(rows))
    assert [list(row) for row in back] == [list(row) for row in rows]
    assert all(same(row[name], other[name]) for row, other in zip(rows, back, strict=True) for name in row)


@pytest.mark.parametrize(
    "value",
    [(1, 2), {"a": 1}, {1}, object(), 1j, asyncpg.Point(1, 2), asyncpg.BitString("101"), bytearray(b"x"), [[{1}]]],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_refused(value):
    """A value that would come back as something else is refused, however deep it is hidden, and its type named."""
    with pytest.raises(UncacheableError, match=r"of type .* cannot be cached"):
        encode([{"id": 1, "value": value}])


@settings(deadline=None, database=None, derandomize=True, max_examples=50)
@given(st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3).map(tuple), st.data())
def test_parameters_that_differ_have_other_fingerprints(one, data):
    """Parameters have the same fingerprint exactly when they are equal in type and in value."""
    other = data.draw(st.just(one) | st.lists(SCALARS, max_size=3).map(tuple))
    assert (fingerprint(one) == fingerprint(other)) == (len(one) == len(other) and all(map(same, one, other)))


def test_one_and_true_and_the_text_are_different_parameters():
    """1, True, 1.0, "1" and Decimal("1") are five parameters, though Python calls most of them equal."""
    assert len({fingerprint((value,)) for value in (1, True, 1.0, "1", Decimal(1), Decimal("1.0"), b"1", None)}) == 8


def test_the_cache_holds_text_and_no_code():
    """What is stored is JSON, which a person can read and which cannot run."""
    rows = [{"at": datetime.date(2026, 1, 31), "price": Decimal("1.20")}]
    assert json.loads(encode(rows)) == [["at", "price"], [[{"date": "2026-01-31"}, {"decimal": "1.20"}]]]


EXPRESSIONS = {
    "true": True,
    "NULL": None,
    "42::int8": 42,
    "0.1::float8": 0.1,
    "'-0'::float8": -0.0,
    "'NaN'::float8": math.nan,
    "'1.20'::numeric": Decimal("1.20"),
    "'1e50'::numeric": Decimal("1E+50"),
    "'NaN'::numeric": Decimal("NaN"),
    "'äöü \"\\ '::text": 'äöü "\\ ',
    "'\\x00ff'::bytea": b"\x00\xff",
    "'2026-01-31 12:30:00.000001'::timestamp": datetime.datetime(2026, 1, 31, 12, 30, 0, 1),
    "'2026-01-31 12:30+02'::timestamptz": datetime.datetime(2026, 1, 31, 10, 30, tzinfo=datetime.UTC),
    "'infinity'::date": datetime.date.max,
    "'infinity'::timestamptz": None,
    "'12:30'::time": datetime.time(12, 30),
    "'12:30+05:30'::timetz": None,
    "'1 year 2 days 3.5 s'::interval": None,
    "'-1 s'::interval": datetime.timedelta(seconds=-1),
    "'6f2a1c7e-0d5b-4f1e-9a77-0123456789ab'::uuid": uuid.UUID("6f2a1c7e-0d5b-4f1e-9a77-0123456789ab"),
    "'{\"a\": [1, null]}'::jsonb": '{"a": [1, null]}',
    "'[1]'::json": "[1]",
    "ARRAY[[1, 2], [3, NULL]]": [[1, 2], [3, None]],
    "ARRAY[]::text[]": [],
    "ARRAY['2026-01-31'::date]": [datetime.date(2026, 1, 31)],
    "int4range(1, 5)": asyncpg.Range(1, 5),
    "'empty'::daterange": asyncpg.Range(empty=True),
    "numrange(NULL, 1.5, '[]')": asyncpg.Range(None, Decimal("1.5"), upper_inc=True),
    "'{[1,3),[7,9)}'::int4multirange": [asyncpg.Range(1, 3), asyncpg.Range(7, 9)],
    "'10.0.0.1'::inet": ipaddress.ip_address("10.0.0.1"),
    "'10.0.0.1/8'::inet": ipaddress.ip_interface("10.0.0.1/8"),
    "'10.0.0.0/8'::cidr": ipaddress.ip_network("10.0.0.0/8"),
    "'::1'::inet": ipaddress.ip_address("::1"),
    "'08:00:2b:01:02:03'::macaddr": "08:00:2b:01:02:03",
    "'a'::\"char\"": b"a",
    "1::money": "$1.00",
}


@asynchronous
async def test_a_hit_gives_what_the_miss_gave():
    """For every type PostgreSQL has and we keep, the second read is a hit and equals the first, type included."""
    async with make_pool() as pool:
        for expression, expected in EXPRESSIONS.items():
            query = f"SELECT {expression} AS value"
            hits = pool.stats["cache_hits"]
            [[miss], [hit]] = [await pool.execute_query(query), await pool.execute_query(query)]
            assert pool.stats["cache_hits"] == hits + 1, expression
            assert same(miss["value"], hit["value"]), (expression, miss, hit)
            if expected is not None:
                assert miss["value"] == expected or miss["value"] != miss["value"], expression


@asynchronous
async def test_a_result_that_cannot_be_kept_is_returned_all_the_same():
    """A point, a bit string or a row inside a row is never stored, and every read gets it from PostgreSQL."""
    async with make_pool() as pool:
        for expression in ("point(1, 2)", "B'101'", "ROW(1, 'a')"):
            results = [await pool.execute_query(f"SELECT {expression} AS value") for _ in range(2)]
            assert results[0] == results[1] and results[0][0]["value"] is not None
        assert pool.stats["cache_hits"] == 0 and pool.stats["not_cacheable"] == 6
