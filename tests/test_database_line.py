"""The line to Redis against a server that answers as it is told: in pieces, with nonsense, too late, or not at all."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
from database_lab import asynchronous
from redis.exceptions import AuthenticationError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from course_lib.database.breaker import Breaker
from course_lib.database.errors import CacheUnavailableError
from course_lib.database.line import Key, RedisLine
from course_lib.lab.servers.stand_in import next_command

A, B = Key("a"), Key("b")
INFO = b"run_id:0123456789abcdef"
SILENCE = b""
Answer = Callable[[list[bytes]], bytes | None]


def bulk(*values: bytes) -> bytes:
    """The reply to MGET."""
    return b"*%d\r\n" % len(values) + b"".join(b"$%d\r\n%b\r\n" % (len(value), value) for value in values)


class FakeRedis:
    """Of each key that is read, the value is its name; what `answer` returns, unless None, is sent instead.

    seen: the commands of each connection
    size: of the pieces in which replies are sent
    """

    def __init__(self) -> None:
        self.seen: list[list[list[bytes]]] = []
        self.open: set[asyncio.StreamWriter] = set()
        self.answer: Answer = lambda command: None
        self.size = 65_536

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        seen: list[list[bytes]] = []
        self.seen.append(seen)
        data = bytearray()
        while new := await reader.read(65_536):
            data += new
            replies = b""
            while found := next_command(data, 0):
                command, end = found
                del data[:end]
                seen.append(command)
                reply = self.answer(command)
                replies += self.usual(command) if reply is None else reply
            for at in range(0, len(replies), self.size):
                writer.write(replies[at : at + self.size])
                await asyncio.sleep(0)  # so that the pieces arrive one by one
        self.open.discard(writer)
        writer.close()

    def usual(self, command: list[bytes]) -> bytes:
        match command:
            case [b"INFO", _]:
                return b"$%d\r\n%b\r\n" % (len(INFO), INFO)
            case [b"MGET", *keys]:
                return bulk(*keys)
            case _:
                return b"+OK\r\n"

    def drop(self) -> None:
        """End every connection as a server does that dies."""
        for writer in self.open:
            writer.transport.abort()


@asynccontextmanager
async def redis_line(caplog, *, timeout: float = 20.0, login: str = "", path: str = ""):
    """Give a fake server and a line to it; afterwards nothing is left over, and nothing was logged."""
    fake, before = FakeRedis(), asyncio.all_tasks()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    url = f"redis://{login}127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    line = RedisLine(url, prefix="p:", timeout=timeout, breaker=Breaker())
    try:
        yield fake, line
    finally:
        await line.close()
        while fake.open:  # until the server has seen the end of every connection
            await asyncio.sleep(0.001)
        server.close()
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.001)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def named(*keys: str) -> list[bytes]:
    return [f"p:0123456789abcdef:{key}".encode() for key in keys]


def once(kind: bytes, reply: bytes) -> Answer:
    """Answer the first command of this kind so, and all others as usual."""
    left = [reply]
    return lambda command: left.pop() if left and command[0] == kind else None


async def refused(answer: asyncio.Future) -> BaseException | None:
    with pytest.raises(CacheUnavailableError) as caught:
        await answer
    return caught.value.__cause__


@pytest.mark.parametrize("size", [1, 2, 7, 65_536])
@asynchronous
async def test_replies_may_come_in_pieces(caplog, size):
    """However the replies are cut, every caller gets his own, batch after batch, on one connection."""
    async with redis_line(caplog) as (fake, line):
        fake.size = size
        fake.answer = lambda command: b"$%d\r\n%b\r\n" % (200_000, b"x" * 200_000) if command[0] == b"GET" else None
        for _ in range(3):
            one, two, three = line.get([A, B]), line.get([B]), line.send(("SET", A, "1"), ("PING",))
            assert (await one, await two, await three) == (named("a", "b"), named("b"), [b"OK", b"OK"])
        if size > 7:
            assert await line.send(("GET", A)) == [b"x" * 200_000]
        assert len(fake.seen) == 1
        assert fake.seen[0][0] == [b"INFO", b"server"]


@asynchronous
async def test_what_gathers_while_a_batch_is_under_way_is_the_next_batch(caplog):
    """Alone, a caller waits for nobody; all who come meanwhile share one MGET, after the commands, each key once."""
    async with redis_line(caplog) as (fake, line):
        await line.get([A])
        del fake.seen[0][:]
        asked = [line.get([A])] + [line.get([A, B]) for _ in range(50)] + [line.send(("SET", A, b"1"))]
        await asyncio.gather(*asked)
        (a, b) = named("a", "b")
        assert fake.seen[0] == [[b"MGET", a], [b"SET", a, b"1"], [b"MGET", a, b]]


GARBAGE = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no list": b"+OK\r\n",
    "a list too short": bulk(b"x"),
    "a reply too many": bulk(b"x", b"y") + b"+OK\r\n",
    "half a reply too many": bulk(b"x", b"y") + b"$5\r\nab",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
@asynchronous
async def test_nonsense_is_a_failure_and_no_value(caplog, garbage):
    """Who reads when something else than the values comes is told so at once; the next read has a new connection."""
    async with redis_line(caplog) as (fake, line):
        await line.get([A])
        fake.answer = once(b"MGET", garbage)
        assert isinstance(await refused(line.get([A, B])), InvalidResponse)
        assert line._breaker.open
        assert await line.get([A, B]) == named("a", "b")
        assert not line._breaker.open
        assert len(fake.seen) == 2


@asynchronous
async def test_what_comes_unasked_ends_the_connection(caplog):
    """Bytes that nobody has asked for are taken for no answer to what is asked later."""
    async with redis_line(caplog) as (fake, line):
        await line.get([A])
        for writer in fake.open:
            writer.write(bulk(b"not what you want"))
        while line._connection.is_open:
            await asyncio.sleep(0.001)
        assert await line.get([A]) == named("a")
        assert len(fake.seen) == 2


@pytest.mark.parametrize("silent", [b"MGET", b"INFO"], ids=["to a read", "while connecting"])
@asynchronous
async def test_a_reply_that_never_comes_is_a_failure_in_time(caplog, silent):
    """The batch under way and what has queued meanwhile fail together; then the server may answer again."""
    async with redis_line(caplog, timeout=0.5) as (fake, line):
        if silent == b"MGET":
            await line.get([A])
        fake.answer = lambda command: SILENCE if command[0] == silent else None
        begun = asyncio.get_running_loop().time()
        asked = [line.get([A]), line.get([B]), line.send(("DEL", A))]
        causes = [await refused(answer) for answer in asked]
        assert {type(cause) for cause in causes} == {TimeoutError}
        assert asyncio.get_running_loop().time() - begun >= 0.49
        assert line._breaker.open
        fake.answer = lambda command: None
        line._timeout = 20.0
        assert await line.get([A]) == named("a")


@asynchronous
async def test_every_batch_has_the_whole_time(caplog):
    """A batch that begins shortly before the timer of an earlier one is due is not cut short."""
    async with redis_line(caplog, timeout=0.4) as (fake, line):
        await line.get([A])
        await asyncio.sleep(0.3)
        fake.answer = lambda command: SILENCE if command[0] == b"MGET" else None
        begun = asyncio.get_running_loop().time()
        assert isinstance(await refused(line.get([A])), TimeoutError)
        assert asyncio.get_running_loop().time() - begun >= 0.39


@asynchronous
async def test_a_connection_that_dies_in_a_reply_is_replaced_once(caplog):
    """Lost in the middle of a reply, a batch is sent again on a new connection; lost there too, it has failed."""
    async with redis_line(caplog) as (fake, line):
        await line.get([A])
        dying = [2, 2]

        def die(command: list[bytes]) -> bytes | None:
            if command[0] != b"MGET" or not dying:
                return None
            dying.pop()
            asyncio.get_running_loop().call_later(0.01, fake.drop)
            return b"*1\r\n$100\r\nnot all of"

        fake.answer = die
        assert isinstance(await refused(line.get([A])), RedisConnectionError | OSError)
        assert (dying, len(fake.seen)) == ([], 2)
        assert await line.get([A]) == named("a")
        dying.append(1)
        assert await line.get([A]) == named("a")
        assert len(fake.seen) == 4


@asynchronous
async def test_nobody_learns_that_an_idle_connection_has_died(caplog):
    """Dropped while nothing is under way, before or as a command is sent, it is replaced without a failure."""
    async with redis_line(caplog) as (fake, line):
        for noticed in (True, False):
            await line.get([A])
            fake.drop()
            while noticed and line._connection.is_open:
                await asyncio.sleep(0.001)
            assert await line.get([B]) == named("b")
        assert len(fake.seen) == 3
        assert not line._breaker.open


@asynchronous
async def test_a_caller_who_is_cancelled_leaves_the_connection_in_order(caplog):
    """Neither the others nor the next batch get what was meant for him."""
    async with redis_line(caplog) as (fake, line):
        for warm in (False, True):  # cancelled while connecting, and with the command sent
            asked = [line.get([A]), line.get([B]), line.send(("PING",)), line.get([A, B])]
            for answer in asked[:3]:
                answer.cancel()
            assert await asked[3] == named("a", "b")
            assert await line.get([B]) == named("b")
            assert len(fake.seen) == 1, warm


@asynchronous
async def test_a_refused_command_fails_its_caller_alone_and_a_refused_read_the_batch(caplog):
    """A full Redis refuses one SET; a Redis that reads nothing is of no use to anybody."""
    async with redis_line(caplog) as (fake, line):
        await line.get([A])
        full = b"-OOM command not allowed\r\n"
        fake.answer = lambda command: full if command[0] == b"SET" else None
        under_way, read, write, delete = line.get([A]), line.get([B]), line.send(("SET", A, "1")), line.send(("DEL", A))
        assert (await under_way, await read, await delete) == (named("a"), named("b"), [b"OK"])
        cause = await refused(write)
        assert (type(cause), str(cause)) == (ResponseError, "OOM command not allowed")
        assert len(fake.seen) == 1 and not line._breaker.open
        fake.answer = once(b"MGET", b"-LOADING Redis is loading\r\n")
        assert isinstance(await refused(line.get([A])), ResponseError)
        assert line._breaker.open
        assert await line.get([A]) == named("a")


@pytest.mark.parametrize("connected", [False, True])
@asynchronous
async def test_what_is_queued_is_sent_before_the_line_is_closed(caplog, connected):
    """Close waits for it, and leaves no connection and no task behind; a line that was never used closes too."""
    async with redis_line(caplog) as (fake, line):
        if connected:
            await line.get([A])
        asked = [line.send(("SET", A, str(number))) for number in range(3)]
        await line.close()
        assert all(answer.done() and answer.result() == [b"OK"] for answer in asked)
        assert sum(command[0] == b"SET" for command in fake.seen[0]) == 3
    async with redis_line(caplog) as (fake, line):
        pass
    assert fake.seen == []


@asynchronous
async def test_a_failure_that_nobody_waits_for_makes_no_noise(caplog):
    """Without a server everybody is refused, whether he listens or not; closing is none the slower."""
    async with redis_line(caplog) as (_, line):
        line._url = "redis://127.0.0.1:1/0"
        forgotten = line.send(("DEL", A))
        assert isinstance(await refused(line.get([A])), OSError)
        del forgotten
        line.send(("DEL", A))


@pytest.mark.parametrize(
    ("login", "path", "said"),
    [
        ("", "", []),
        (":word%2F@", "/0", [[b"AUTH", b"word/"]]),
        ("me:word@", "/3", [[b"AUTH", b"me", b"word"], [b"SELECT", b"3"]]),
    ],
)
@asynchronous
async def test_the_url_says_who_asks_and_for_which_database(caplog, login, path, said):
    """User, password and number of the database are sent before anything else."""
    async with redis_line(caplog, login=login, path=path) as (fake, line):
        await line.get([A])
        assert fake.seen[0] == [*said, [b"INFO", b"server"], [b"MGET", *named("a")]]


@pytest.mark.parametrize(
    ("kind", "reply", "error"),
    [
        (b"AUTH", b"-WRONGPASS invalid username-password pair\r\n", AuthenticationError),
        (b"AUTH", b"-ERR AUTH <password> called without any password configured\r\n", AuthenticationError),
        (b"INFO", b"-NOAUTH Authentication required.\r\n", AuthenticationError),
        (b"AUTH", b"-ERR max number of clients reached\r\n", ResponseError),
        (b"SELECT", b"-ERR DB index is out of range\r\n", ResponseError),
    ],
)
@asynchronous
async def test_why_redis_lets_nobody_in(caplog, kind, reply, error):
    """A wrong password is told from other refusals, and the connection is closed."""
    async with redis_line(caplog, login=":wrong@", path="/1") as (fake, line):
        fake.answer = lambda command: reply if command[0] == kind else None
        cause = await refused(line.get([A]))
        assert type(cause) is error and str(cause) == reply[1:-2].decode()


@asynchronous
async def test_a_cancelled_connecting_refuses_and_does_not_hang(caplog):
    """When the loop's tasks are all cancelled, as at the end of asyncio.run, no caller waits for ever."""
    for steps in range(4):
        async with redis_line(caplog) as (_, line):
            answer = line.get([A])
            for _ in range(steps):
                await asyncio.sleep(0)
            line._connecting.cancel()
            assert "was cancelled" in str(await refused(answer))


if hasattr(socket, "AF_UNIX") and hasattr(asyncio, "start_unix_server"):

    @asynchronous
    async def test_a_redis_behind_a_unix_socket(tmp_path):
        """Where there are such sockets, unix:// works like any other URL."""
        fake = FakeRedis()
        async with await asyncio.start_unix_server(fake.serve, tmp_path / "s"):
            line = RedisLine(f"unix://{tmp_path}/s?db=2", prefix="p:", timeout=20, breaker=Breaker())
            assert await line.get([A]) == named("a")
            assert fake.seen[0][0] == [b"SELECT", b"2"]
            await line.close()
