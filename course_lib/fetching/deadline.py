"""A time limit for a synchronous request as a whole, wherever it waits.

requests' own timeout is for each single wait: a head or a body that comes a byte at a time can go on for ever. Here a
timer's thread shuts the connection down when the time is up, and the wait in the caller's thread ends with it.
"""

import http.client
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from time import perf_counter
from typing import Any, BinaryIO, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing


class Deadline:
    """A context manager, inside of which requests of one thread end in time.

    seconds: until the deadline. Not bounded is the system's search for a host's address
    session: what makes the requests; from then on it watches its connections, unless they go over a proxy

    passed: whether the time is up
    """

    def __init__(self, seconds: float, session: requests.Session) -> None:
        self.passed = False
        self._end = perf_counter() + seconds
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        for adapter in session.adapters.values():
            if isinstance(adapter, HTTPAdapter) and adapter.poolmanager.pool_classes_by_scheme is not _POOLS:
                adapter.poolmanager.pool_classes_by_scheme = _POOLS
                adapter.poolmanager.clear()  # its idle connections are not watched

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
        self._timer.cancel()
        with self._lock:
            self._connection = None  # it is idle now, and may be another's

    def left(self) -> float:
        """Return the seconds that are left.

        Raises TimeoutError when there are none.
        """
        left = self._end - perf_counter()
        if left <= 0 or self.passed:
            raise TimeoutError
        return left

    def watch(self, connection: HTTPConnection) -> None:
        """Let this be the connection that is shut down.

        Raises TimeoutError when it is too late.
        """
        with self._lock:
            self._connection = connection
        self.left()

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            sock = getattr(self._connection, "sock", None)
            if sock is not None:
                with suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of TLS the socket itself, without a farewell


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _watch(connection: HTTPConnection) -> None:
    if (deadline := _current.get()) is not None:
        deadline.watch(connection)


class _Head:
    """Stands for a connection while a head is read from it, and does not take its end for that of the head.

    http.client does: what a server that breaks off has said until then would be an answer without a body.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lines = file, 0
        self.close = file.close

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        if self._lines and not line:
            raise http.client.IncompleteRead(b"")
        self._lines += 1
        return line


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        if self.headers is None:
            file = self.fp
            self.fp = _Head(file)
            try:
                super().begin()
            finally:
                if self.fp is not None:  # None: an answer without a body is over already
                    self.fp = file
            try:
                assert_header_parsing(self.headers)
            except HeaderParsingError:  # what follows such a line would be lost, be it where a redirect leads
                raise http.client.HTTPException("a line of the head is no header") from None


class _Http(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        _watch(self)
        super().connect()
        _watch(self)

    def request(self, *args: Any, **options: Any) -> None:
        _watch(self)
        super().request(*args, **options)


class _Https(_Http, HTTPSConnection):  # in this order: the next `connect` after _Http's is then that of TLS
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}
