"""What can go wrong with the pool, besides what PostgreSQL itself reports."""


class PoolClosedError(RuntimeError):
    """The pool was not initialized yet, or is closed."""


class PoolExhaustedError(TimeoutError):
    """No connection became free in time; the message says who holds them."""


class NestedAcquireError(RuntimeError):
    """A task that holds a connection asks for another: with enough such tasks, all wait for each other for ever."""


class CacheUnavailableError(Exception):
    """Redis did not answer, or refused. It does not leave the pool: reads go on without the cache."""


class UncacheableError(Exception):
    """A value of a type that would not come back from the cache as it went in. It does not leave the pool."""


class OutdatedError(Exception):
    """What is known about a statement may have changed since. It does not leave the pool, which asks again."""
