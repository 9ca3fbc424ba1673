"""What the crawlers share: the job they are given, and how each reports what became of it."""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """What to crawl.

    start: the URL to start from
    hosts: the addresses of all hosts that belong to the site
    urls: all pages' URLs, for the one that does not crawl
    in_flight, per_host: how many requests may be under way, in all and to one host
    depth: how many links to follow at most from the start
    """

    start: str
    hosts: list[str]
    in_flight: int
    per_host: int
    depth: int = 100
    urls: list[str] = field(default_factory=list)


def read_job() -> Job:
    return Job(**json.load(sys.stdin))


def report(pages: int, seconds: float) -> None:
    """Print the outcome for the benchmark to read.

    pages: how many were fetched, parsed and handed on
    seconds: from the start of the crawl to its end, without the start of Python
    """
    print(json.dumps({"pages": pages, "seconds": seconds, "memory": peak_memory()}))


def peak_memory() -> float:
    """Return the most memory, in MB, that this process ever held; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage would count the process that this one was forked from, too
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1000
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS: bytes
