"""By what a process of the service learns that it is to end."""

import asyncio
import os
import signal
import sys
import threading


def stop_when_told(*, by_stdin: bool) -> asyncio.Event:
    """Return an event that is set when this process is to end: at SIGTERM or Ctrl+C.

    Args:
        by_stdin: also when its standard input ends, and then not at Ctrl+C. Whoever has started it holds the other
            end, and so cannot end, however it ends, without its being told.

    On Windows, which has no SIGTERM, it is Ctrl+C or the end of the standard input.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(stopping.set)

    def wait_for_the_end() -> None:
        while os.read(0, 1):  # not by sys.stdin: a thread that waits in there holds a lock that Python's end needs
            pass
        try:
            stop()
        except RuntimeError:
            pass  # the loop has ended before

    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None if by_stdin else stopping.set())
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN if by_stdin else stop)
    if by_stdin:
        threading.Thread(target=wait_for_the_end, name="until standard input ends", daemon=True).start()
    return stopping
