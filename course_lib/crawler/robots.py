"""robots.txt: what a host asks of crawlers (RFC 9309)."""

from protego import Protego

from course_lib.crawler.urls import origin_of

MAX_BODY = 512_000  # bytes; the RFC asks for at least 500 KiB, and what comes after need not be read


class Rules:
    """What one host allows.

    text: its robots.txt, "" to allow everything
    agent: the crawler's name; from "Name/1.0" the RFC's product token, "Name", is taken
    """

    def __init__(self, text: str, agent: str) -> None:
        self._rules = Protego.parse(text) if text.strip() else None
        self._agent = agent.partition("/")[0].strip()
        delay = self._rules.crawl_delay(self._agent) if self._rules else None
        self.delay = max(0.0, delay or 0.0)  # seconds between two requests; not in the RFC, but widely used

    def allow(self, url: str) -> bool:
        """Return whether a URL of this host, in normal form, may be requested."""
        return self._rules is None or self._rules.can_fetch(url, self._agent)


class Disallowed(Rules):
    """What a host allows whose robots.txt could not be had: nothing (RFC 9309, section 2.3.1.4)."""

    def __init__(self, why: str) -> None:
        super().__init__("", "")
        self.why = why

    def allow(self, url: str) -> bool:
        """Return False."""
        return False


def robots_url(url: str) -> str:
    """Return where the rules for a URL, in normal form, are to be found."""
    return f"{origin_of(url)}/robots.txt"
