"""The functions by which a program meets time and servers while a simulation runs: each asks for its thread's clock."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from course_lib.seeing.clock.errors import RealSocketError
from course_lib.seeing.clock.virtual import clock_of_this_thread

_HERE = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}


def _seconds(real: Callable[[], float]) -> Callable[[], float]:
    def read() -> float:
        clock = clock_of_this_thread()
        return real() if clock is None else clock.now()

    return read


def _nanoseconds(real: Callable[[], int]) -> Callable[[], int]:
    def read() -> int:
        clock = clock_of_this_thread()
        return real() if clock is None else round(clock.now() * 1e9)

    return read


real_monotonic = time.monotonic
_real_sleep = time.sleep
_real_shutdown = ThreadPoolExecutor.shutdown
_real_start = threading.Thread.start
_real_getaddrinfo = socket.getaddrinfo
_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex


def _sleep(seconds: float, /) -> None:
    clock = clock_of_this_thread()
    return _real_sleep(seconds) if clock is None else clock.sleep(seconds)


def _shutdown(self: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
    clock = clock_of_this_thread()
    if clock is not None and wait:
        _real_shutdown(self, wait=False, cancel_futures=cancel_futures)
        clock.finish(self)
    _real_shutdown(self, wait, cancel_futures=cancel_futures)


def _start(self: threading.Thread) -> None:
    clock = clock_of_this_thread()
    if clock is not None:
        clock.thread_starts()
    _real_start(self)


def _set(items: Iterable[Any] = ()) -> Any:
    # asyncio makes a set of what wait() and as_completed() are given, and goes through it: what it begins first would
    # depend on the addresses at which coroutines happen to lie.
    clock = clock_of_this_thread()
    return set(items) if clock is None or not items else clock.visited(items)


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    # Refused here already: asking a name server takes real time, and may fail with an error that explains nothing.
    clock = clock_of_this_thread()
    if clock is not None and _text(host) not in _HERE:
        raise clock.outside(host)
    return _real_getaddrinfo(host, *args, **kwargs)


def _check_address(sock: socket.socket, address: Any) -> None:
    clock = clock_of_this_thread()
    if clock is None:
        return
    if not (isinstance(address, tuple) and _text(address[0]) in _HERE and address[1] in clock.own_ports):
        raise clock.outside(address)
    if sock.gettimeout() != 0:
        raise RealSocketError(
            f"a blocking connection to {address!r} would wait in real time, which simulate() cannot follow: "
            "use an asynchronous client, or record() instead of simulate()"
        )


def _text(host: Any) -> Any:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def _connect(self: socket.socket, address: Any, /) -> None:
    _check_address(self, address)
    return _real_connect(self, address)


def _connect_ex(self: socket.socket, address: Any, /) -> int:
    _check_address(self, address)
    return _real_connect_ex(self, address)


_replacements: list[tuple[Any, str, Any]] = [
    (time, "sleep", _sleep),
    *((time, name, _seconds(getattr(time, name))) for name in ("time", "monotonic", "perf_counter")),
    *((time, name, _nanoseconds(getattr(time, name))) for name in ("time_ns", "monotonic_ns", "perf_counter_ns")),
    (ThreadPoolExecutor, "shutdown", _shutdown),
    (threading.Thread, "start", _start),
    (asyncio.tasks, "set", _set),
    (socket, "getaddrinfo", _getaddrinfo),
    (socket.socket, "connect", _connect),
    (socket.socket, "connect_ex", _connect_ex),
]
_patching = threading.Lock()
_users = 0
_found: list[Any] = []


@contextmanager
def virtual_time_functions() -> Iterator[None]:
    """Let the `time` module, thread pools and connections ask, for as long as this is open, for their thread's clock.

    Threads outside a simulation keep the real functions. The last simulation to end puts everything back.
    """
    global _users
    with _patching:
        if _users == 0:
            _found[:] = [vars(owner).get(name) for owner, name, _ in _replacements]
            for owner, name, new in _replacements:
                setattr(owner, name, new)
        _users += 1
    try:
        yield
    finally:
        with _patching:
            _users -= 1
            if _users == 0:
                for (owner, name, _), old in zip(_replacements, _found, strict=True):
                    if old is None:  # inherited: from a C class, or from Python's own names
                        delattr(owner, name)
                    else:
                        setattr(owner, name, old)
