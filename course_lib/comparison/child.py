"""A child process, its own side: takes the work from stdin, does it, and sends what it finds to stdout.

`python -m course_lib.comparison.child`, started by `course_lib.comparison.launch`.
"""

import gc
import multiprocessing.process
import os
import pickle
import signal
import sys
import threading
from typing import Any

from course_lib.comparison.launch import LENGTH, Failed, Finished
from course_lib.family import end_family


def main() -> None:
    """Do what stdin says, send what it finds, and end, whatever threads are still at work."""
    if sys.platform != "win32":
        # A program that ignores it hands that on, and nobody here could learn how a pool's worker ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    orders, found = _own_channels()
    length = LENGTH.unpack(_read(orders, LENGTH.size))[0]
    sys.path[:], folder, work = pickle.loads(_read(orders, length))
    # Private, but as Python's own tests do it: TMPDIR would also move the files that the work itself keeps.
    multiprocessing.process.current_process()._config["tempdir"] = folder  # type: ignore[attr-defined]
    threading.Thread(target=_end_with_parent, args=(orders,), daemon=True).start()

    def send(message: Any) -> None:
        body = pickle.dumps(message)
        os.write(found, LENGTH.pack(len(body)))
        while body:
            body = body[os.write(found, body) :]

    try:
        function, args = pickle.loads(work)
        function(send, *args)
        send(Finished())
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else leaving.code is not None
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is told where somebody reads it
        send(Failed(f"{type(error).__name__}: {error}"))
        code = 1
    gc.collect()  # semaphores that are not collected are left to multiprocessing's tracker, which complains of them
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        end_family(os.getpid())  # there, nobody could find its children once it is gone
    os._exit(code)  # not sys.exit, which waits for every thread: one that never ends dies here


def _own_channels() -> tuple[int, int]:
    """Put stdin and stdout aside for us; the work finds an empty stdin, and prints to where stderr goes."""
    orders, found = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return orders, found


def _read(file: int, length: int) -> bytes:
    # os.read, not a buffered file: its lock, held by the thread that waits below, would hang a forked worker.
    parts = []
    while length:
        part = os.read(file, length)
        if not part:
            os._exit(1)  # the parent is gone before it has said what to do
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _end_with_parent(orders: int) -> None:
    """Wait until stdin closes: the parent is gone, even if it was killed. Then end every process of ours."""
    os.read(orders, 1)
    end_family(os.getpid())
    os._exit(1)


if __name__ == "__main__":
    main()
