"""How many, and how long: percentiles, because an average hides the slow ones."""

import math
from collections import deque
from collections.abc import Iterable
from typing import Any

COUNTERS = (
    "queries",  # calls of execute_query
    "cache_hits",
    "cache_misses",  # looked for in Redis and not found, or no longer valid
    "cache_shared",  # of the misses: waited for the same query of another task instead of asking again
    "cache_bypassed",  # not looked for: the caller said so, or the breaker was open
    "cache_errors",  # Redis was asked, and did not answer or refused
    "not_cacheable",  # reads whose result depends on more than tables and parameters, or has a type we cannot keep
    "writes",
    "invalidations",
    "lease_waits",  # writes that could not reach Redis and waited until every cached value had expired
    "total_query_time",  # seconds
)
PERCENTILES = (50, 90, 99)


class Statistics:
    """Counters, and the durations of the last calls.

    Args:
        keep: how many durations of each kind (hit, miss, uncached, write) are kept for the percentiles.
    """

    def __init__(self, keep: int = 2000) -> None:
        self.counts: dict[str, Any] = dict.fromkeys(COUNTERS, 0)
        self._durations = {kind: deque[float](maxlen=keep) for kind in ("hit", "miss", "uncached", "write")}

    def timed(self, kind: str, seconds: float) -> None:
        """Note that a call of this kind took `seconds`."""
        self._durations[kind].append(seconds)
        self.counts["total_query_time"] += seconds

    def summary(self) -> dict[str, Any]:
        """Return the counters, the article's two ratios, and the percentiles of each kind in seconds."""
        looked, queries = self.counts["cache_hits"] + self.counts["cache_misses"], self.counts["queries"]
        return {
            **self.counts,
            "cache_hit_rate": self.counts["cache_hits"] / looked if looked else 0.0,
            "avg_query_time": self.counts["total_query_time"] / queries if queries else 0.0,
            "percentiles": {
                kind: {f"p{rank}": percentile(durations, rank) for rank in PERCENTILES}
                for kind, durations in self._durations.items()
                if durations
            },
        }


def percentile(values: Iterable[float], rank: float) -> float:
    """Return the smallest of `values` that at least `rank` percent of them do not exceed (the nearest-rank method).

    Raises ValueError when there are no values, or rank is not above 0 and at most 100.
    """
    ordered = sorted(values)
    if not ordered or not 0 < rank <= 100:
        raise ValueError(f"percentile {rank} of {len(ordered)} values: pass 1 value or more, and a rank of 1 to 100")
    return ordered[math.ceil(len(ordered) * rank / 100) - 1]
