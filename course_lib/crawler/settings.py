"""How to crawl: the arguments of AsyncWebCrawler, checked, and which hosts they allow."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from course_lib.crawler.urls import origin_of


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of AsyncWebCrawler, checked; they are explained there."""

    max_concurrent: int
    max_per_host: int
    timeout: float
    max_retries: int
    user_agent: str
    allowed_hosts: frozenset[str] | None
    obey_robots: bool
    max_redirects: int
    max_body: int
    crawl_delay_cap: float
    retry_after_cap: float
    retry_delay: float
    retry_delay_cap: float
    jitter: Callable[[float, float], float]

    def allows(self, origin: str, start: str) -> bool:
        """Return whether URLs of an origin are in scope in a crawl from `start`."""
        place, allowed = place_of(origin), self.allowed_hosts
        if allowed is None:
            return place == place_of(origin_of(start))
        name = re.sub(r":\d+$", "", place)  # "[::1]" of "[::1]:8000"
        return not allowed.isdisjoint((origin, place, name))


def place_of(origin: str) -> str:
    """Return "name:port" of an origin, "name" where the port is the scheme's own."""
    return origin.partition("://")[2]
