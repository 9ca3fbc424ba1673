"""How long a thread has had no processor though it was ready to run: on a busy machine, that is not its doing."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from course_lib.seeing.clock import real_monotonic


@dataclass(frozen=True)
class Turns:
    """What the system has counted of a thread so far; all 0 where it does not say (only Linux does).

    used: seconds on a processor
    queued: seconds between being ready to run and running, without those of a queueing that has not ended
    ready: whether it runs, or queues
    """

    used: float = 0.0
    queued: float = 0.0
    ready: bool = False

    @classmethod
    def of(cls, ident: int) -> Self:
        """Return those of a thread of this process, by what `threading.get_ident` calls it."""
        native = next((thread.native_id for thread in threading.enumerate() if thread.ident == ident), None)
        try:
            folder = Path(f"/proc/self/task/{native}")
            used, queued, _ = (folder / "schedstat").read_text().split()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return cls()
        return cls(int(used) / 1e9, int(queued) / 1e9, state == "R")

    def queues_since(self, before: Self) -> bool:
        """Return whether it has been ready all the time since, and was not let run."""
        return self.ready and self.used == before.used


class OwnTime:
    """How long a thread has had, since this was made: real seconds, without those in which it queued for a processor.

    ident: what `threading.get_ident` calls it
    """

    def __init__(self, ident: int) -> None:
        self._ident = ident
        self._begun, self._first = real_monotonic(), Turns.of(ident)

    def passed(self) -> float:
        """Return the seconds; where the system does not tell of queueing, all that have passed."""
        return real_monotonic() - self._begun - max(0.0, Turns.of(self._ident).queued - self._first.queued)
