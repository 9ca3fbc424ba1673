"""Exercise 3: an answer of rows, each sent as it comes, which breaks off where they do."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import ClientError, ClientPayloadError, web

from course_lib.exercises.chance import FALSY, STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, elsewhere, run
from course_lib.exercises.lesson_13a import solutions
from course_lib.exercises.lesson_13a.serving import check_response, serving
from course_lib.exercises.places import raised_kind
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline, span

ROUNDS = 8
CLOSE = 1e-6
BESIDE = 1 / 64  # seconds, so that no caller leaves in the moment in which a row comes
KIND = "application/x-ndjson"

Row = tuple[float, Any]


class Rows:
    """Rows that come after so many seconds each, then perhaps a failure; it knows whether it was closed."""

    def __init__(self, rows: Sequence[Row], error: Exception | None, closes: float) -> None:
        self.rows, self.error, self.closes = list(rows), error, closes
        self.taken = 0
        self.closing = self.closed = False
        self.cancelled_at: float | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """Give the next row, when it has come."""
        if elsewhere():
            raise Wrong("`rows` was read in another thread, or on another loop: no threads here.")
        if self.closing:
            raise StopAsyncIteration
        if self.taken == len(self.rows):
            if self.error:
                raise self.error
            raise StopAsyncIteration
        seconds, row = self.rows[self.taken]
        self.taken += 1
        with span(f"row {self.taken}"):
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.cancelled_at = asyncio.get_running_loop().time()
                raise
        return row

    async def aclose(self) -> None:
        """Close it, which takes a while."""
        self.closing = True
        with span("close"):
            await asyncio.sleep(self.closes)
        self.closed = True

    def __repr__(self) -> str:
        return "<async generator rows>"


@dataclass
class Visit:
    """A caller who reads to the end, or leaves, and what the learner's function did for it."""

    function: Answer
    rows: Rows
    leaves: float | None

    status: int | None = None
    kind: str = ""
    lines: list[tuple[float, bytes]] | None = None
    broken: bool = False
    raised: Exception | None = None
    over: float = 0.0
    wrong: Wrong | None = None
    swallowed = False
    left_open = True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Let the learner's function answer."""
        try:
            response = await self.function(request, self.rows)
            check_response(self.function, response)
        except Wrong as wrong:
            self.wrong = wrong
            raise
        except Exception as error:
            self.raised = error
            raise
        finally:
            self.left_open = not self.rows.closed
        task = asyncio.current_task()
        self.swallowed = task is not None and task.cancelling() > 0
        found: web.StreamResponse = response
        return found

    async def pay(self) -> None:
        """Ask, and read line by line."""
        now = asyncio.get_running_loop().time
        async with serving(self.handle) as (session, url):
            try:
                async with asyncio.timeout(self.leaves), session.get(f"{url}/rows") as response:
                    self.status, self.kind, self.lines = response.status, response.content_type, []
                    async for line in response.content:
                        self.lines.append((now(), line))
            except ClientPayloadError:
                self.broken = True
            except (TimeoutError, ClientError):
                pass
            self.over = now()
            await asyncio.sleep(1 + self.rows.closes)  # before the server ends, which cancels what is left


def _grade_stream_rows(stream_rows: Answer) -> str:
    three = [(1.0, {"id": 1}), (1.0, {"id": 2}), (2.0, {"id": 3})]
    _streams(stream_rows, three)
    _streams(stream_rows, [(0.5, row) for row in (*FALSY, "two\nlines", "\u00e9", [1, 2])])
    _streams(stream_rows, [])
    _streams(stream_rows, three, LookupError("no fourth row"))
    _streams(stream_rows, [], ValueError("no row at all"))
    _streams(stream_rows, three, leaves=1.5)
    _streams(stream_rows, three, leaves=0.5)
    _streams(stream_rows, three, closes=1)
    chance = Chance("stream_rows")
    for _ in range(ROUNDS):
        rows = [(chance.seconds(0, 2), chance.value(f"row {number}")) for number in range(chance.number(0, 4))]
        error = chance.failure("the database") if chance.likely(0.4) else None
        leaves = chance.seconds(STEP, 4) + BESIDE if chance.likely(0.3) else None
        _streams(stream_rows, rows, error, leaves, chance.seconds(0, 1))
    return "Each row went out as it came, nobody takes a part for the whole, and what gives the rows was closed."


def _streams(
    function: Answer,
    rows: Sequence[Row],
    error: Exception | None = None,
    leaves: float | None = None,
    closes: float = 0.0,
) -> None:
    came, at = [], 0.0
    for seconds, row in rows:
        at += seconds
        came.append((at, row))
    if leaves is not None and leaves >= at:
        leaves = None  # all is over by then, or about to be
    visit = Visit(function, Rows(rows, error, closes), leaves)
    timeline = run(visit.pay, none=True)
    if isinstance(visit.raised, NotImplementedError):
        raise visit.raised
    if visit.wrong:
        raise Wrong(str(visit.wrong), timeline)
    if visit.raised and visit.raised is not error and leaves is None:
        if error and error in (visit.raised.__cause__, visit.raised.__context__):
            raise Wrong(
                f"`rows` raised {type(error).__name__}, and your function raised {raised_kind(visit.raised)} in its "
                "place: pass on the exception itself.",
                timeline,
            )
        raise Wrong(describe_raised(visit.raised), timeline)
    if leaves is not None:
        _check_left(visit, [each for each in came if each[0] < leaves], leaves, timeline)
    elif error is not None:
        _check_broken(visit, error, came, timeline)
    else:
        _check_whole(visit, came, timeline)
    if leaves is None and visit.over > at + closes + CLOSE:
        raise Wrong(
            f"The last row came at {at:g} s, `rows` was closed {closes:g} s later, and the answer ended at "
            f"{visit.over:g} s.",
            timeline,
        )
    if visit.left_open:
        how = "the caller left" if leaves is not None else "a row failed" if error else "all rows were sent"
        raise Wrong(f"When {how} your function ended, and `rows` was not closed: `await rows.aclose()`.", timeline)


def _check_lines(visit: Visit, came: Sequence[Row], timeline: Timeline) -> None:
    lines = visit.lines or []
    for number, (at, row) in enumerate(came):
        if number >= len(lines):
            raise Wrong(
                f"Row {number + 1} came at {at:g} s, and its caller never had it; it had {len(lines)} "
                f"line{'s' * (len(lines) != 1)}.",
                timeline,
            )
        then, line = lines[number]
        try:
            found = json.loads(line) if line.endswith(b"\n") else ...
        except ValueError:
            found = ...
        if any(
            line == json.dumps(later).encode() + b"\n" != json.dumps(row).encode() + b"\n" for _, later in came[number:]
        ):
            raise Wrong(f"Row {number + 1}, {shown(row, 40)}, came at {at:g} s, and its caller never had it.", timeline)
        if found is ... or json.dumps(found) != json.dumps(row):
            raise Wrong(
                f"Row {number + 1} is {shown(row, 40)}; its caller read {shown(line, 60)}: a line of JSON for each, "
                'with "\\n" at its end.',
                timeline,
            )
        if abs(then - at) > CLOSE:
            raise Wrong(
                f"Row {number + 1} came at {at:g} s, and its caller had it at {then:g} s: write each row as it comes.",
                timeline,
            )
    if len(lines) > len(came):
        raise Wrong(f"{len(came)} rows came, and {len(lines)} lines were sent.", timeline)


def _check_head(visit: Visit, rows: bool, timeline: Timeline) -> None:
    the = "The" if rows else "There were no rows, and the"
    if visit.status != 200:
        raise Wrong(f"{the} status was {visit.status}: it is a 200, for nothing had failed.", timeline)
    if visit.kind != KIND:
        raise Wrong(
            f"{the} content type was {visit.kind}: set `response.content_type` to {KIND}, before you prepare it.",
            timeline,
        )


def _check_whole(visit: Visit, came: Sequence[Row], timeline: Timeline) -> None:
    _check_head(visit, bool(came), timeline)
    _check_lines(visit, came, timeline)
    if visit.broken:
        raise Wrong("All rows had come, and the answer broke off: return the response.", timeline)


def _check_broken(visit: Visit, error: Exception, came: Sequence[Row], timeline: Timeline) -> None:
    kind = type(error).__name__
    if not came:
        if visit.status == 500 and visit.raised is not error:
            raise Wrong(
                f"`rows` raised {kind} before its first row, and your function answered with a 500 of its own: let the "
                "exception leave your function, for whoever stands around it.",
                timeline,
            )
        if visit.status != 500 or visit.raised is not error:
            raise Wrong(
                f"`rows` raised {kind} before its first row, and the caller had the status {visit.status}. Nothing was "
                "sent yet, so a 500 is possible: `prepare` when the first row has come, and let the exception through.",
                timeline,
            )
        return
    _check_head(visit, bool(came), timeline)
    _check_lines(visit, came, timeline)
    if visit.raised is error and not visit.broken:
        raise Wrong(
            f"After {len(came)} rows, `rows` raised {kind}, which left your function, but the answer had its end "
            "already: `write_eof` says that those were all.",
            timeline,
        )
    if visit.raised is not error:
        ended = "your function returned" if visit.broken else "the answer ended as if those were all"
        raise Wrong(
            f"After {len(came)} rows, `rows` raised {kind}, and {ended}: let the exception leave your function.",
            timeline,
        )


def _check_left(visit: Visit, came: Sequence[Row], leaves: float, timeline: Timeline) -> None:
    if came:
        _check_head(visit, bool(came), timeline)
    _check_lines(visit, came, timeline)
    if visit.swallowed:
        raise Wrong(
            f"At {leaves:.3g} s the caller left, so your function was cancelled, and it returned: let CancelledError "
            "through.",
            timeline,
        )


stream_rows = Exercise(
    lesson="lesson_13a",
    task=f"""\
**Exercise 3: rows as they come.** Write `stream_rows(request, rows)`, which answers a request.

- `rows` is an asynchronous iterator, such as an async generator: `async for row in rows`. A row may be anything that \
`json.dumps` takes.
- Send each row as it comes, as one line of JSON that ends with `\\n`. The content type is `{KIND}`.
- Where `rows` raises before its first row, nothing was sent: the exception leaves your function, and makes a 500. \
Where it raises later, the exception leaves your function, too, and the answer breaks off.
- There may be no rows: an answer without lines, of the same content type.
- However it ends, also when the caller leaves and you are cancelled, close `rows` by `await rows.aclose()` before \
your function ends. The cancellation goes on.""",
    reference=solutions.stream_rows,
    grade=_grade_stream_rows,
    hints=[
        f'`response = web.StreamResponse()`, and `response.content_type = "{KIND}"`. `await response.prepare(request)` '
        "sends the status: from then on it cannot be changed.",
        "`response.prepared` says whether that was done. What you return unprepared, aiohttp prepares and sends.",
        "`async with aclosing(rows):` from contextlib, around the loop, closes `rows` however it ends.",
    ],
)
