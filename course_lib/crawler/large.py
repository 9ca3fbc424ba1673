"""A large page, parsed by a child process: in this one it would block the event loop, and in a thread as well."""

import json
import subprocess
import sys
from pathlib import Path

from course_lib.crawler import parsing
from course_lib.crawler.parsing import Page
from course_lib.crawler.threads import in_thread

LARGE = 300_000  # bytes; here such a page blocks the loop for about 10 ms, and a child takes 80 ms


async def parse_elsewhere(body: bytes, charset: str | None) -> Page:
    """Do what `parse` does while the loop goes on; a cancellation kills the child.

    Raises OSError when there can be no child, or something ends it.
    """
    child = _Child(charset)
    title, references, base = json.loads(await in_thread(lambda: child.run(body), child.kill))
    return Page(title, references, base)


class _Child:
    # Not a ProcessPoolExecutor: where it spawns, it imports the program's __main__ again, and a job that has begun
    # cannot be cancelled. Not asyncio's subprocess: a Windows loop of the kind that Jupyter uses has none.

    def __init__(self, charset: str | None) -> None:
        # The file, not the module: it needs the parser alone, and starts in half the time.
        self._command = [sys.executable, "-P", str(Path(parsing.__file__)), charset or ""]
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
