"""The functions by which a program meets time, threads and servers while a simulation runs: each asks for its clock."""

import asyncio
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from typing import Any

from course_lib.seeing.clock import locks, sockets, threads
from course_lib.seeing.clock.current import clock_for_this_thread, clock_here, clock_of_this_thread
from course_lib.seeing.clock.loop import VirtualClockLoop
from course_lib.seeing.clock.virtual import VirtualClock


def _seconds(real: Callable[[], float]) -> Callable[[], float]:
    @wraps(real)  # its name and module too, by which it may be sent to another process
    def read() -> float:
        clock = clock_here()
        return real() if clock is None else clock.now()

    return read


def _nanoseconds(real: Callable[[], int]) -> Callable[[], int]:
    @wraps(real)
    def read() -> int:
        clock = clock_here()
        return real() if clock is None else round(clock.now() * 1e9)

    return read


def _set(items: Iterable[Any] = ()) -> Any:
    # asyncio makes a set of what wait() and as_completed() are given, and goes through it: what it begins first would
    # depend on the addresses at which coroutines happen to lie.
    clock = clock_of_this_thread()
    return set(items) if clock is None or not items else clock.visited(items)


_real_new_event_loop = asyncio.new_event_loop
_real_run_forever = asyncio.BaseEventLoop.run_forever


def _new_event_loop() -> asyncio.AbstractEventLoop:
    clock = clock_of_this_thread()
    return VirtualClockLoop(clock) if isinstance(clock, VirtualClock) else _real_new_event_loop()


def _run_forever(self: asyncio.BaseEventLoop) -> None:
    if isinstance(self, VirtualClockLoop):
        return _real_run_forever(self)
    with clock_for_this_thread(None):  # a loop of another kind, whose selector waits really
        return _real_run_forever(self)


REPLACEMENTS: list[tuple[Any, str, Any]] = [
    *((time, name, _seconds(getattr(time, name))) for name in ("time", "monotonic", "perf_counter")),
    *((time, name, _nanoseconds(getattr(time, name))) for name in ("time_ns", "monotonic_ns", "perf_counter_ns")),
    # Two modules that took a name of their own.
    (threading, "_time", _seconds(time.monotonic)),
    (queue, "time", _seconds(time.monotonic)),
    (logging.LogRecord, "__init__", threads.log_record),
    (time, "sleep", threads.sleep),
    (threading, "Lock", locks.Lock),
    (threading, "RLock", locks.RLock),
    (threading.Condition, "wait", locks.condition_wait),
    (threading.Thread, "start", threads.start),
    (threading.Thread, "join", threads.join),
    (ThreadPoolExecutor, "submit", threads.submit),
    (ThreadPoolExecutor, "shutdown", threads.shutdown),
    (ProcessPoolExecutor, "submit", threads.submit_to_processes),
    (asyncio.tasks, "set", _set),
    (asyncio, "new_event_loop", _new_event_loop),
    (asyncio.events, "new_event_loop", _new_event_loop),
    (asyncio.BaseEventLoop, "run_forever", _run_forever),
    *(
        (socket.socket, function.__name__, function)
        for function in (sockets.connect, sockets.connect_ex, sockets.bind, sockets.listen, sockets.sendto)
    ),
    (socket, "getaddrinfo", sockets.getaddrinfo),
]
_patching = threading.Lock()
_users = 0
_found: list[Any] = []


@contextmanager
def virtual_time_functions() -> Iterator[None]:
    """Let time, threads, pools and connections ask, for as long as this is open, for their thread's clock.

    Threads outside a simulation keep the real functions. The last simulation to end puts everything back.
    """
    global _users
    with _patching:
        if _users == 0:
            _found[:] = [vars(owner).get(name) for owner, name, _ in REPLACEMENTS]
            for owner, name, new in REPLACEMENTS:
                setattr(owner, name, new)
        _users += 1
    try:
        yield
    finally:
        with _patching:
            _users -= 1
            if _users == 0:
                for (owner, name, _), old in zip(REPLACEMENTS, _found, strict=True):
                    if old is None:  # inherited: from a C class, or from Python's own names
                        delattr(owner, name)
                    else:
                        setattr(owner, name, old)
