"""One call, guarded or watched, and what a worker of a pool does: the part that runs where the work is done."""

import os
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time, thread_time
from typing import Any

from course_lib.comparison.launch import packed
from course_lib.comparison.usage import PeakMemory, Usage, own_memory

Function = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """When one call ran, and where.

    worker: process and thread
    start, end: on the system's own clock, which all processes share, in seconds
    cpu: processor seconds of its thread
    error: "ValueError: no such page" if it raised
    """

    worker: tuple[int, int]
    start: float
    end: float
    cpu: float
    error: str = ""


def guarded(function: Function, item: Any) -> Exception | None:
    """Call the function; return what it raised."""
    try:
        function(item)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is counted
        return error
    return None


def watched(function: Function, item: Any) -> Call:
    """Call the function and note when, where, and how much of it was computing."""
    worker, cpu, start = (os.getpid(), threading.get_ident()), thread_time(), perf_counter()
    error = guarded(function, item)
    return Call(worker, start, perf_counter(), thread_time() - cpu, described(error) if error else "")


def described(error: BaseException) -> str:
    """Return "ValueError: no such page" for an error."""
    try:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    except Exception:  # noqa: BLE001  # a broken __str__ must not end the measurement
        return type(error).__name__


# In a worker of a pool: what it was given when it began.
_function: Function
_all_here: Callable[[], Any]
_memory: PeakMemory
_own_at_first: int


def begin(function: bytes, all_here: Callable[[], Any]) -> None:
    """Begin a pool's worker, and wait until all of them have: a pool starts them only when there is work."""
    global _function, _all_here, _memory, _own_at_first
    _function, _all_here = pickle.loads(function), all_here
    _memory, _own_at_first = PeakMemory(), own_memory()
    all_here()


def begin_interpreter(function: bytes) -> None:
    """Begin an interpreter's worker; it shares its memory and processor time with the others."""
    global _function
    _function = pickle.loads(function)


def call(item: bytes) -> bytes:
    """Call the function in a worker; item and result travel pickled, as they always do."""
    result = _function(pickle.loads(item))
    return carried(result, "what the function returned", "return what was found with it: text, numbers, lists")


def watched_call(item: bytes) -> Call:
    """Do the same, and note when and where."""
    return watched(_function, pickle.loads(item))


def report(_: int) -> Usage:
    """Say what this worker has used; each one says it once, as each waits for the others."""
    _all_here()
    return Usage(os.getpid(), process_time(), max(own_memory(), _own_at_first + _memory.grown()))


def carried(value: Any, what: str = "an item", mend: str = "make it inside the function") -> bytes:
    """Pickle an item or a result on its way between processes: plainly if that works, as it is much faster.

    what, mend: for the error, see `packed`
    Raises TypeError, with what to do, for what cannot be pickled.
    """
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001  # pickle raises PicklingError, AttributeError and TypeError for the same thing
        return packed(value, what, mend)  # a class of the learner's own, which only cloudpickle can carry
