"""What a process uses: memory, processor time, cores."""

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has used so far: its number, processor seconds, and bytes of memory at its peak."""

    pid: int
    cpu: float
    memory: int


class PeakMemory:
    """The resident memory of this process at its peak, counted from where it stands when this is made."""

    def __init__(self) -> None:
        _forget_peak()
        self._peak, self._base = _peak(), _resident()

    def grown(self) -> int:
        """Return by how many bytes the peak lies above the beginning; 0 where it never rose."""
        peak = _peak()
        # Where the system cannot forget a peak from before the beginning, a lower one since then stays unseen.
        return max((peak if peak > self._peak else _resident()) - self._base, 0)


def own_memory() -> int:
    """Return the bytes that would be freed if this process ended: what a forked one still shares is not its own."""
    import psutil  # type: ignore[import-untyped]  # late: an interpreter of its own need not be able to import it

    try:
        return int(psutil.Process().memory_full_info().uss)
    except psutil.Error:
        return _resident()


def waits_so_far() -> int | None:
    """Return how often this process gave its core up because it had to wait; None where that is not told (Windows)."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def cores() -> int:
    """Return how many cores this process may use, which in a container is often fewer than the machine has."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _resident() -> int:
    import psutil  # late, as above

    return int(psutil.Process().memory_info().rss)


def _peak() -> int:
    if sys.platform == "linux":
        # Not ru_maxrss: a process inherits that through fork and exec, so the child of a kernel that once used 300 MB
        # would begin with a peak of 300 MB, and whatever it uses would stay below.
        with open("/proc/self/status", "rb") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith(b"VmHWM:")), 0)
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, the others KiB


def _forget_peak() -> None:
    if sys.platform == "linux":
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass  # not allowed in every container: the peak from before stays, and grown() copes
