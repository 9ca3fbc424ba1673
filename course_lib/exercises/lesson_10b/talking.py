"""Exercise 3: the server's side of a line protocol, which always closes, and does not wait for ever."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from course_lib.exercises.chance import STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, elsewhere, leaves
from course_lib.exercises.lesson_10b import solutions
from course_lib.exercises.playing import NOT_ENDED, Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20
BESIDE = 1 / 64  # seconds, so that no line comes in the moment in which the patience ends

Chunks = Sequence[tuple[float, bytes]]


class Writer:
    """What `start_server` gives to write with: a client that takes its time to read."""

    def __init__(self, drains: float, closes: float) -> None:
        self.drains, self.closes = drains, closes
        self.sent: list[bytes] = []
        self.undrained = b""  # what was written since the last drain
        self.closed_at: float | None = None
        self.waited = False
        self.given_up_at: float | None = None  # when a drain was cancelled

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise Wrong(f"`writer.write` was given {shown(data, 40)}: a connection carries bytes.")
        if self.closed_at is not None:
            raise Wrong("`writer.write` was called after `writer.close()`.")
        if b"\n" in self.undrained:
            raise Wrong(
                "An answer was written before the one before it was drained: `await writer.drain()` after each, so "
                "that a client that reads slowly does not fill the memory."
            )
        self.undrained += bytes(data)
        self.sent.append(bytes(data))

    def writelines(self, pieces: Sequence[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(pieces))

    async def drain(self) -> None:
        """Wait until the client has read enough."""
        if elsewhere():
            raise Wrong("`writer.drain` ran in another thread, or on another loop: no threads here.")
        with span("drain"):
            try:
                await asyncio.sleep(self.drains)
            except asyncio.CancelledError:
                self.given_up_at = asyncio.get_running_loop().time()
                raise
        self.undrained = b""

    def close(self) -> None:
        """Close the connection."""
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed_at is not None

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        if self.closed_at is None:
            raise Wrong("`writer.wait_closed()` was awaited before `writer.close()`: it would wait for ever.")
        with span("close"):
            await asyncio.sleep(self.closes)
        self.waited = True

    def __repr__(self) -> str:
        return "<StreamWriter>"


class Asked:
    """The function that answers a line, after a time."""

    __name__ = "answer"

    def __init__(self, answers: Sequence[tuple[float, Any]]) -> None:
        self.answers = answers
        self.lines: list[bytes] = []
        self.given_up_at: float | None = None  # when it was cancelled

    async def __call__(self, line: bytes) -> bytes:
        """Answer a line."""
        if elsewhere():
            raise Wrong("`answer` ran in another thread, or on another loop: no threads here.")
        if not isinstance(line, bytes):
            raise Wrong(f"`answer` was given {shown(line, 40)}: give it the line as it came, in bytes.")
        self.lines.append(bytes(line))
        seconds, answer = self.answers[(len(self.lines) - 1) % len(self.answers)]
        with span(f"answer {len(self.lines)}"):
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.given_up_at = asyncio.get_running_loop().time()
                raise
        if isinstance(answer, Exception):
            raise answer
        found: bytes = answer
        return found

    def __repr__(self) -> str:
        return "<function answer>"


def _grade_talk(talk: Answer) -> str:
    two = [(1.0, b"GET tea\nGET"), (2.0, b" milk\n"), (3.0, b"")]
    _talks(talk, two, [(0.5, b"2"), (0.5, b"3")], 10)
    _talks(talk, [(1.0, b"a\n\nb\n"), (9.0, b"")], [(1, b"A"), (1, b""), (1, b"B")], 20, drains=1)
    _talks(talk, [(1.0, b"whole\nbroken"), (2.0, b"")], [(0, b"yes")], 10)
    _talks(talk, [(1.0, b"a\n")], [(0.5, b"A")], 3)
    _talks(talk, [(1.0, b"a\nand then noth")], [(5, b"A")], 3)
    _talks(talk, [(1.0, b"a\r\n b \n"), (9.0, b"")], [(1, b"A")], 20)
    _talks(talk, [(1.0, b"a\nb\n"), (30.0, b"")], [(1, b"A")], 3, drains=6)
    _talks(talk, [(1.0, b"")], [(1, b"A")], 3)
    for failure in (OSError("no such item"), TimeoutError("the database was slow"), ConnectionError("no database")):
        _fails(talk, [(1.0, b"a\nb\n"), (9.0, b"")], [(1, failure)], 5)
    for cancel_at in (0.5, 1.5, 2.5):
        _stopped(talk, [(1.0, b"a\n"), (9.0, b"")], [(1, b"A")], 5, cancel_at)

    chance = Chance("talk")
    for _ in range(ROUNDS):
        chunks, at = [], 0.0
        for _ in range(chance.number(1, 6)):
            at += chance.seconds(0, 3) + BESIDE
            chunks.append((at, chance.one_of((b"a line\n", b"one\ntwo\n", b"\n", b"half a ", b"\xff\x00\n", b"a\r\n"))))
        if chance.likely(0.6):
            chunks.append((at + chance.seconds(STEP, 3), b""))
        answers = [(chance.seconds(0, 2), chance.one_of((b"", b"yes", b"an answer", b"\xfe"))) for _ in range(3)]
        patience, drains = chance.seconds(1, 6) + BESIDE / 2, chance.seconds(0, 1)
        closes = chance.seconds(0, 1)
        _talks(talk, chunks, answers, patience, drains, closes)
        failing = [(0.5, chance.failure("the shop"))]
        _fails(talk, [(1.0, b"a\n"), (3.0, b"")], failing, 5, closes)
        _stopped(talk, chunks, [(30, b"")], 40, chunks[0][0] + 0.125, closes)
    return "Each line was answered once, nobody was waited for too long, and the connection was closed every time."


def _model(
    chunks: Chunks, answers: Sequence[tuple[float, Any]], patience: float, drains: float
) -> tuple[list[bytes], float]:
    """Return the lines that are answered, and when the conversation is over."""
    came: list[tuple[float, bytes]] = []  # each line, with when it was whole
    kept, end = b"", None
    for at, chunk in chunks:
        if not chunk:
            end = at
        *lines, kept = (kept + chunk).split(b"\n")
        came += [(at, line) for line in lines]
    now, answered = 0.0, list[bytes]()
    while True:
        whole = len(answered) < len(came)
        due = came[len(answered)][0] if whole else end
        if due is None or due >= now + patience:
            return answered, now + patience
        now = max(now, due)
        if not whole:
            return answered, now
        now += answers[len(answered) % len(answers)][0] + drains
        answered.append(came[len(answered)][1])


def _played(
    function: Answer,
    chunks: Chunks,
    answer: Asked,
    patience: float,
    writer: Writer,
    cancel_at: float | None = None,
) -> Scene:
    async def begin() -> Any:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        for at, chunk in chunks:
            loop.call_at(at, reader.feed_data if chunk else lambda _: reader.feed_eof(), chunk)
        return await function(reader, writer, answer, patience)

    begin.__name__ = function.__name__
    try:
        scene = replace(play(begin, cancel_at=cancel_at), function=function)
    except Wrong as wrong:
        if not str(wrong).startswith(NOT_ENDED):
            raise
        end = next((at for at, chunk in chunks if not chunk), None)
        why = (
            f"The client says nothing more, and does not end: with patience={patience:g} nobody is waited for so long."
        )
        if end is not None:
            why = f'The client had ended at {end:g} s: from then on `readline` gives b"", at once, again and again.'
        raise Wrong(f"{wrong} {why}", wrong.timeline) from None
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
    how = "was cancelled" if scene.cancelled else scene.answered()
    given = isinstance(scene.raised, TimeoutError) or any(scene.raised is each for _, each in answer.answers)
    if scene.raised and not given and not writer.waited:
        more = " The connection was then still open." if writer.closed_at is None else ""
        raise scene.wrong(f"{describe_raised(scene.raised)}{more}")
    if writer.closed_at is None:
        raise scene.wrong(
            f"Your function {how} at {scene.ended:g} s, and the connection was still open: its client waits for ever. "
            "Close the writer in a `finally`."
        )
    if not writer.waited:
        raise scene.wrong(
            f"Your function {how} at {scene.ended:g} s, before the connection was closed: `await writer.wait_closed()` "
            "after `writer.close()`."
        )
    return scene


def _talks(
    function: Answer,
    chunks: Chunks,
    answers: Sequence[tuple[float, Any]],
    patience: float,
    drains: float = 0.0,
    closes: float = 0.5,
) -> None:
    answer, writer = Asked(answers), Writer(drains, closes)
    scene = _played(function, chunks, answer, patience, writer)
    lines, over = _model(chunks, answers, patience, drains)
    for what, given_up_at in (("answer", answer.given_up_at), ("writer.drain()", writer.given_up_at)):
        if given_up_at is not None:
            raise scene.wrong(
                f"With patience={patience:g} `{what}` was cancelled at {given_up_at:g} s: the limit is for the wait "
                "for a line, and for nothing else."
            )
    if isinstance(scene.raised, TimeoutError):
        raise scene.wrong(
            f"With patience={patience:g} your function raised TimeoutError at {scene.ended:g} s: a client that says "
            "nothing is no error; close, and return."
        )
    if scene.raised:
        scene.result(none=True)
    _check_lines(scene, answer.lines, lines, chunks)
    wanted = b"".join(answers[number % len(answers)][1] + b"\n" for number in range(len(lines)))
    if b"".join(writer.sent) != wanted:
        raise scene.wrong(
            f"What is to be written to this client is {shown(wanted, 50)}, each answer with its end of line; you wrote "
            f"{shown(b''.join(writer.sent), 50)}."
        )
    if writer.undrained:
        raise scene.wrong("The last answer was not drained: `await writer.drain()` after each.")
    assert writer.closed_at is not None
    given = f"With patience={patience:g}"
    if writer.closed_at > over:
        raise scene.wrong(
            f"{given} the conversation was over at {over:g} s, and the connection was closed at {writer.closed_at:g} s."
        )
    if writer.closed_at < over:
        raise scene.wrong(
            f"{given} the connection was closed at {writer.closed_at:g} s; it had time until {over:g} s. The patience "
            "is for the wait for one line, anew for each."
        )
    if scene.ended > over + closes:
        raise scene.wrong(
            f"The connection was closed at {over + closes:g} s; your function ended at {scene.ended:g} s."
        )


def _check_lines(scene: Scene, got: Sequence[bytes], lines: Sequence[bytes], chunks: Chunks) -> None:
    for number, (asked, line) in enumerate(zip(got, lines, strict=False), 1):
        if asked != line:
            ends = " Without its end of line, and with nothing else taken off." if asked.strip() == line.strip() else ""
            raise scene.wrong(
                f"Line {number} was {shown(line, 40)}; `answer` was called with {shown(asked, 40)}.{ends}"
            )
    if len(got) > len(lines):
        more = got[len(lines)]
        why = (
            "the client has gone in the middle of it: a line without its end is not answered."
            if any(chunk == b"" for _, chunk in chunks)
            else "no such line had come in time."
        )
        if not more:
            why = '`readline` gives b"" when the client has ended, and an empty line as b"\\n".'
        raise scene.wrong(f"`answer` was called with {shown(more, 40)}: {why}")
    if len(got) < len(lines):
        missed = lines[len(got)]
        also = "" if missed else " An empty line is a line, too."
        raise scene.wrong(
            f"Line {len(got) + 1}, {shown(missed, 40)}, came, and `answer` was never called with it.{also}"
        )


def _fails(
    function: Answer, chunks: Chunks, answers: Sequence[tuple[float, Any]], patience: float, closes: float = 0.5
) -> None:
    failure = answers[0][1]
    scene = _played(function, chunks, Asked(answers), patience, Writer(0.0, closes))
    if scene.raised is not failure:
        raise scene.wrong(
            f"`answer` raised {type(failure).__name__}, and your function {scene.answered()}: that is no end of the "
            "client's patience or yours. Let it through, after the connection is closed."
        )
    if scene.ended > chunks[0][0] + answers[0][0] + closes:
        raise scene.wrong(
            f"`answer` raised at {chunks[0][0] + answers[0][0]:g} s; you went on until {scene.ended:g} s."
        )


def _stopped(
    function: Answer,
    chunks: Chunks,
    answers: Sequence[tuple[float, Any]],
    patience: float,
    cancel_at: float,
    closes: float = 0.5,
) -> None:
    scene = _played(function, chunks, Asked(answers), patience, Writer(0.0, closes), cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it {scene.answered()}: let CancelledError through."
        )
    if scene.ended > cancel_at + closes:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it ended at {scene.ended:g} s: close, and end."
        )


talk = Exercise(
    lesson="lesson_10b",
    task="""\
**Exercise 3: a server's side.** Write `talk(reader, writer, answer, patience)`, for one client.

- For each line that the client sends, write what `await answer(line)` gives, and an end of line (`b"\\n"`). The line \
is given as it came, but for its `b"\\n"`; it may be empty. Both are bytes.
- Drain after each answer, before the next.
- It is over when the client has ended; a line whose end has not come is not answered. It is also over when a line has \
not come within `patience` seconds. For `answer` there is no limit, and a client that reads slowly is waited for.
- Close the writer, and wait until it is closed: always, also if `answer` fails, whose exception is let through, of \
whatever class, and also if you are cancelled.""",
    reference=solutions.talk,
    grade=_grade_talk,
    hints=[
        "The lesson's `talk` has the shape: a loop in a `try`, and a `finally` that closes the writer and waits.",
        '`readline` gives the line with its `b"\\n"`. What has none is the end, or what is left of a broken line: '
        "`line.endswith`.",
        "The patience is for `readline` alone: `try`, `async with asyncio.timeout(patience)`, and `except "
        "TimeoutError: return` around that one line. `answer` stands outside, so its own TimeoutError is not taken "
        "for yours.",
    ],
)
