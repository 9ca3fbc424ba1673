"""What a traced program leaves behind as it runs: a folder of segments, so that also a killed one has told its story.

A segment is a file of entries. An entry is a line of JSON and, behind it, the steps of the loops it names: numbers,
three a step. Each segment begins with the tasks that are open, so that it can be read without the ones before it. Old
segments are removed: what the journal takes on disk, and later in memory, has a limit however long the program runs.
"""

import json
import os
import time
from array import array
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

SEGMENTS = 4  # so many that the seconds to be kept are spread over
MOST = 12_000_000  # bytes kept: half a million steps


class Journal:
    """Writes entries, and keeps those of the last so many seconds."""

    def __init__(self, folder: Path, last: float) -> None:
        self.fresh = True  # whether the next entry is the first of a segment
        self._folder, self._last = folder, last
        self._kept: deque[tuple[float, Path]] = deque()  # the segments, each with the time of its first entry
        self._count = 0
        self._written = 0
        self._began = 0.0
        self._file: BinaryIO | None = None

    def write(self, entry: dict[str, Any], steps: list[list[float]]) -> None:
        """Write an entry: `steps` are those of entry["loops"], in their order. Where the disk is full, it is lost."""
        now = time.perf_counter()
        try:
            if self._file is None:
                self._open(now)
            assert self._file is not None
            for loop, log in zip(entry["loops"], steps, strict=True):
                loop["steps"] = len(log)
            line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
            written = line + b"".join(array("d", log).tobytes() for log in steps)
            self._file.write(written)
        except OSError:
            self.close()
            return
        self._written += len(written)
        self.fresh = self._written >= MOST / SEGMENTS or now - self._began >= self._last / SEGMENTS
        if self.fresh:
            self.close()

    def close(self) -> None:
        """Close the segment that is open; the next entry begins another one."""
        file, self._file, self.fresh = self._file, None, True
        if file is not None:
            file.close()

    def _open(self, now: float) -> None:
        self._count += 1
        path = self._folder / f"{self._count:09}"
        # Unbuffered: what was written outlives the process, however it ends.
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115
        self._kept.append((now, path))
        self._began, self._written = now, 0
        while len(self._kept) > 1 and (
            (len(self._kept) > SEGMENTS + 1 and self._kept[1][0] <= now - self._last) or self._size() > MOST
        ):
            self._kept.popleft()[1].unlink(missing_ok=True)

    def _size(self) -> int:
        return sum(os.path.getsize(path) for _, path in self._kept)


def read(folder: Path) -> Iterator[tuple[dict[str, Any], list["array[float]"], bool]]:
    """Yield the entries that a journal has kept, in order: each with its loops' steps, and whether a segment begins.

    An entry that was cut short, because the program was killed as it wrote, is the end.
    """
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            first = True
            while line := file.readline():
                if not line.endswith(b"\n"):
                    return
                entry = json.loads(line)
                steps = []
                for loop in entry["loops"]:
                    log = array("d")
                    piece = file.read(loop["steps"] * log.itemsize)
                    if len(piece) < loop["steps"] * log.itemsize:
                        return
                    log.frombytes(piece)
                    steps.append(log)
                yield entry, steps, first
                first = False
