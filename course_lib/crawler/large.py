"""A page that takes long to parse: a child process does it. Here, in a thread too, it would block the event loop."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from course_lib.crawler import parsing
from course_lib.crawler.parsing import Page, encoding_of
from course_lib.crawler.threads import in_thread

LARGE = 300_000  # bytes; here such a page blocks the loop for about 10 ms, and a child takes 80 ms
MANY_TAGS = 5_000  # so many elements, one inside the other, take a tenth of a second; twice as many, four times as long
LONG_TAG = 8_000  # bytes; the same goes for the attributes of one tag


def is_large(body: bytes) -> bool:
    """Return whether a page may take long to parse: it is large, or made so that the parser's time is quadratic."""
    if len(body) <= 2 * LONG_TAG:
        return False  # too small for either, as most pages are
    if len(body) >= LARGE or body.count(b"<") > MANY_TAGS:
        return True
    # Is there a whole block in which no tag begins? Of a tag twice as long there is.
    return any(body.find(b"<", at, at + LONG_TAG) < 0 for at in range(0, len(body) - LONG_TAG, LONG_TAG))


async def parse_elsewhere(body: bytes, charset: str | None, timeout: float) -> Page:
    """Do what `parse` does while the loop goes on; a cancellation kills the child.

    timeout: seconds, after which the child is killed, too
    Raises OSError when there can be no child, or something ends it, TimeoutError (an OSError) when the time is up.
    """
    # The encoding, and not what strangers call it: no system takes every text for an argument.
    child = _Child(encoding_of(body, charset))
    async with asyncio.timeout(timeout):
        output = await in_thread(lambda: child.run(body), child.kill)
    return Page(**json.loads(output))


class _Child:
    # Not a ProcessPoolExecutor: where it spawns, it imports the program's __main__ again, and a job that has begun
    # cannot be cancelled. Not asyncio's subprocess: a Windows loop of the kind that Jupyter uses has none.

    def __init__(self, encoding: str | None) -> None:
        # The file, not the module: it needs the parser alone, and starts in half the time.
        self._command = [sys.executable, "-P", str(Path(parsing.__file__)), encoding or ""]
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(self, body: bytes) -> bytes:
        """Return what the child prints."""
        pipe, null = subprocess.PIPE, subprocess.DEVNULL  # Ctrl+C reaches the child too, which would print a traceback
        with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=null) as process:
            self._process = process
            if self._killed:  # before it was there to be killed
                process.kill()
            output = process.communicate(body)[0]
        if process.returncode:
            raise OSError(f"the child process that parsed it ended with {process.returncode}")
        return output

    def kill(self) -> None:
        """End the child now, or as soon as it has begun."""
        self._killed = True
        if self._process is not None:
            self._process.kill()
