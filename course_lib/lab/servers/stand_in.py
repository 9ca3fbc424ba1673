"""A stand-in for Redis, where there is none, as often on Windows: not a real Redis.

It speaks Redis' protocol (RESP2 and RESP3, https://redis.io/docs/latest/develop/reference/protocol-spec/) and knows
what the lessons need: strings that expire, a password, values that survive a crash, a memory that can be full. Of
lists, streams, scripts and all the rest it says that it has none: lesson 9b needs a real one. A program of the
standard library alone:

    python -I stand_in.py server.conf --port 20000
"""

import asyncio
import functools
import hmac
import inspect
import math
import secrets
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

SETTINGS = {"bind", "daemonize", "save", "appendonly", "appendfsync", "requirepass"}  # of the recipe
EMPTY = 1_000_000  # bytes that an empty Redis uses, about
signature = functools.cache(inspect.signature)


class Refused(Exception):
    """A command that is answered with an error; the text begins with its kind, such as ERR."""


class Store:
    """What the commands do to keys and values: a method for each, which returns the reply or raises Refused."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings, self.run_id = settings, secrets.token_hex(20)
        file = "values.sqlite" if settings["appendonly"] == "yes" else ":memory:"
        self.table = sqlite3.connect(file, isolation_level=None)  # each statement is kept at once
        self.table.execute("PRAGMA journal_mode = WAL")  # whole after a kill; the machine's crash it need not survive
        self.table.execute("PRAGMA synchronous = OFF")
        self.table.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB, expires REAL)")

    def run(self, name: str, *args: bytes) -> Any:
        """Carry out a command."""
        command = getattr(self, f"_do_{name}", None)
        if command is None:
            raise Refused(
                f"ERR unknown command {name[:40]!r}: this is the course's stand-in, not a real Redis; "
                "python -m course_lib doctor says how to get one"
            )
        try:
            signature(command).bind(*args)
        except TypeError:
            raise Refused(f"ERR wrong number of arguments for '{name}' command") from None
        return command(*args)

    def sweep(self) -> None:
        """Remove what has expired."""
        self.table.execute("DELETE FROM kept WHERE expires <= ?", (time.time(),))

    def used(self) -> int:
        """Return how many bytes count as used."""
        return EMPTY + int(self.table.execute("SELECT total(length(key) + length(value)) FROM kept").fetchone()[0])

    def found(self, key: bytes) -> tuple[bytes | None, float]:
        """Return a key's value, None if there is none, and how many seconds it lives on."""
        row = self.table.execute("SELECT value, expires FROM kept WHERE key = ?", (key,)).fetchone()
        return (row[0], row[1] - time.time()) if row and row[1] > time.time() else (None, 0.0)

    def _do_get(self, key: bytes) -> bytes | None:
        return self.found(key)[0]

    def _do_mget(self, *keys: bytes) -> list[bytes | None]:
        return [self._do_get(key) for key in keys]

    def _do_set(self, key: bytes, value: bytes, *options: bytes) -> str | None:
        expires, rest = math.inf, [word.upper() for word in options]
        for word, per_second in ((b"EX", 1), (b"PX", 1000)):
            if word in rest:
                number = b"".join(rest[(at := rest.index(word)) + 1 : at + 2])
                if not number.isdigit() or int(number) == 0:
                    raise Refused("ERR value is not an integer or out of range")
                expires = time.time() + int(number) / per_second
                del rest[at : at + 2]
        if rest not in ([], [b"NX"], [b"XX"]):
            raise Refused("ERR syntax error, or an option that the course's stand-in for Redis has not")
        if 0 < int(self.settings["maxmemory"]) < self.used():
            raise Refused("OOM command not allowed when used memory > 'maxmemory'.")
        if rest and (self._do_get(key) is None) != (rest == [b"NX"]):
            return None
        self.table.execute("REPLACE INTO kept VALUES (?, ?, ?)", (key, value, expires))
        return "OK"

    def _do_del(self, *keys: bytes) -> int:
        self.sweep()
        return sum(self.table.execute("DELETE FROM kept WHERE key = ?", (key,)).rowcount for key in keys)

    def _do_pttl(self, key: bytes) -> int:
        value, seconds = self.found(key)
        return -2 if value is None else -1 if seconds == math.inf else int(1000 * seconds)

    def _do_keys(self, pattern: bytes) -> list[bytes]:
        self.sweep()
        asks = "SELECT key FROM kept WHERE CAST(key AS TEXT) GLOB CAST(? AS TEXT)"  # SQLite's patterns are Redis'
        return [key for (key,) in self.table.execute(asks, (pattern,))]

    def _do_scan(self, cursor: bytes, *options: bytes) -> list[Any]:
        asked = dict(zip([word.upper() for word in options[::2]], options[1::2], strict=False))
        return [b"0", self._do_keys(asked.get(b"MATCH", b"*"))]  # all at once: COUNT is a wish

    def _do_flushall(self, *how: bytes) -> str:
        self.table.execute("DELETE FROM kept")
        return "OK"

    def _do_config(self, what: bytes, name: bytes, *value: bytes) -> Any:
        known = self.settings.get(name.decode("latin-1"))
        if what.upper() == b"GET":
            return {} if known is None or value else {name: known.encode()}
        if (name, *value) == (b"appendonly", b"no") and known == "yes":
            self.table.execute("BEGIN")  # never committed: what comes now is lost when the process ends
        elif name != b"maxmemory" or not b"".join(value).isdigit():
            raise Refused("ERR the course's stand-in for Redis can set maxmemory, in bytes, and appendonly, to no")
        self.settings[name.decode()] = b"".join(value).decode()
        return "OK"

    def _do_info(self, *sections: bytes) -> bytes:
        about = {"server_name": "the course's stand-in: not a real Redis", "run_id": self.run_id}
        about |= {"used_memory": str(self.used()), "maxmemory": self.settings["maxmemory"]}
        return "".join(f"{name}:{value}\r\n" for name, value in about.items()).encode()

    def _do_ping(self) -> str:
        return "PONG"

    def _do_client(self, what: bytes, *args: bytes) -> str:
        return "OK"  # what a client says of itself


class Connection(asyncio.Protocol):
    """A client: who has not said the password may say nothing else."""

    def __init__(self, store: Store) -> None:
        self.store, self.trusted, self.resp3, self.received = store, False, False, bytearray()

    def connection_made(self, transport: Any) -> None:
        """Keep the way back."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every command that is all there."""
        self.received += data
        at, replies = 0, []
        try:
            while command := next_command(self.received, at):
                (name, *args), at = command
                replies.append(self.encoded(self._answer(name.decode("latin-1").lower(), *args)))
        except ValueError:
            replies.append(b"-ERR Protocol error\r\n")
        self.transport.write(b"".join(replies))
        if b"-ERR Protocol error\r\n" in replies[-1:]:
            self.transport.close()
        del self.received[:at]

    def _answer(self, name: str, *args: bytes) -> Any:
        try:
            if name == "auth" or (name == "hello" and args[1:2] == (b"AUTH",)):
                password = args[-1] if name == "auth" and args else b"".join(args[3:4])
                if not hmac.compare_digest(password, self.store.settings["requirepass"].encode()):
                    raise Refused("WRONGPASS invalid username-password pair or user is disabled.")
                self.trusted = True
            if not self.trusted:
                raise Refused("NOAUTH Authentication required.")
            if name == "hello":
                self.resp3 = args[:1] == (b"3",)
                return {b"server": b"stand-in", b"version": b"0", b"proto": 3 if self.resp3 else 2}
            return "OK" if name == "auth" else self.store.run(name, *args)
        except Refused as refused:
            return refused

    def encoded(self, reply: Any) -> bytes:
        """Return a reply as the client reads it: text is a status, bytes are a value."""
        match reply:
            case None:
                return b"_\r\n" if self.resp3 else b"$-1\r\n"
            case bytes():
                return b"$%d\r\n%b\r\n" % (len(reply), reply)
            case int():
                return b":%d\r\n" % reply
            case str():
                return f"+{reply}\r\n".encode()
            case Refused():
                return f"-{reply}\r\n".encode()
            case dict():
                head = b"%%%d\r\n" % len(reply) if self.resp3 else b"*%d\r\n" % (2 * len(reply))
                return head + b"".join(self.encoded(part) for pair in reply.items() for part in pair)
        return b"*%d\r\n" % len(reply) + b"".join(map(self.encoded, reply))


def next_command(data: bytearray, at: int) -> tuple[list[bytes], int] | None:
    """Return the parts of the command at `at` and where the next one begins; None while it is not all there.

    Raises ValueError when this is no command.
    """
    if (end := data.find(b"\r\n", at)) < 0:
        return None
    line, at = bytes(data[at:end]), end + 2
    if not line.startswith(b"*"):  # typed by hand
        return line.split() or [b""], at
    parts = []
    for _ in range(int(line[1:])):
        if (end := data.find(b"\r\n", at)) < 0:
            return None
        start, at = end + 2, end + 4 + int(data[at + 1 : end])
        if len(data) < at:
            return None
        parts.append(bytes(data[start : at - 2]))
    return parts, at


async def main(store: Store, port: int) -> None:
    """Serve until the process is ended."""
    try:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(store), "127.0.0.1", port)
    except OSError as error:
        sys.exit(f"cannot bind: {error}")
    async with server:
        print("Ready to accept connections", flush=True)
        while True:
            await asyncio.sleep(1)
            store.sweep()


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    given = dict(line.split(" ", 1) for line in lines)
    if unknown := given.keys() - SETTINGS:
        sys.exit(f"unknown settings: {', '.join(unknown)}")
    asyncio.run(main(Store({"maxmemory": "0"} | given), int(sys.argv[3])))
