"""What can be set, and what is the same in every process."""

from dataclasses import dataclass

LEASE = 10.0  # seconds after which the jobs of a killed worker are taken over
SWEEP = 5.0  # seconds between two sweeps
GRACE = 5.0  # seconds after a crawl's time for its worker to say itself that it is over
REMEMBER = 86_400.0  # seconds for which a crawl that has ended is kept, and its idempotency key with it
MAX_SECONDS = 3600.0  # for one crawl; less than the queue remembers its key
MAX_PAGES = 1000
MAX_DEPTH = 10
MAX_BODY = 10_000  # bytes of a request


@dataclass(frozen=True)
class Settings:
    """Where the servers are, and what one process takes on.

    Attributes:
        database_url, redis_url: all that processes of one service have in common.
        name: what all its keys in Redis begin with, where others use that Redis, too.
        backlog: how many crawls may be unfinished before more are refused; a few more where many ask at once.
        request_timeout: seconds that a request has, and no more if its caller asks for more.
        postgres_timeout: seconds after which PostgreSQL counts as away; less, so that the breaker hears of it.
        submissions, reads, streams: requests of each kind that are worked on at once.
        waiting: how many of the first two kinds may wait for that, each.
        crawls: how many crawls a worker has in hand.
    """

    database_url: str
    redis_url: str
    name: str = "course service"
    backlog: int = 1000
    request_timeout: float = 5.0
    postgres_timeout: float = 3.0
    submissions: int = 6
    reads: int = 4
    streams: int = 100
    waiting: int = 100
    crawls: int = 4
