"""Trying again: exponential back-off with full jitter, within a deadline."""

import asyncio
import functools
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from course_lib.lifecycle.checks import (
    awaitable,
    check_count,
    check_decorated,
    check_function,
    check_hook,
    check_number,
)
from course_lib.lifecycle.timeouts import with_timeout

P = ParamSpec("P")
T = TypeVar("T")
Kinds = type[Exception] | tuple[type[Exception], ...]

# Mistakes in the program, which no second attempt mends: retried only if named, never because Exception was.
BUGS = (NameError, TypeError, AttributeError, ImportError, SyntaxError, AssertionError, NotImplementedError)
LONGEST = 60.0  # seconds between two attempts, unless the caller says otherwise

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a hook is told after an attempt.

    number: of this attempt, from 1
    error: what it raised, None when it succeeded
    elapsed: seconds since the first attempt began
    wait: seconds until the next attempt, None when there is none
    """

    number: int
    error: Exception | None
    elapsed: float
    wait: float | None


@dataclass(frozen=True, slots=True)
class _Policy:
    """The arguments of `with_retry`, checked."""

    max_attempts: int
    delay: float
    backoff: float
    exceptions: Kinds
    max_delay: float | None
    deadline: float | None
    jitter: Callable[[float, float], float] | None
    on_attempt: Callable[[Attempt], object] | None

    def __post_init__(self) -> None:
        check_count("max_attempts", self.max_attempts, 1, "the first try counts, so 1 never tries again")
        check_number("delay", self.delay, 0, "seconds", "0 tries again at once")
        check_number("backoff", self.backoff, 1, "times", "1 keeps the waits equally long")
        if self.max_delay is not None:
            check_number("max_delay", self.max_delay, 0, "seconds", f"None is {LONGEST:g}, or delay if that is more")
            if self.max_delay < self.delay:
                raise ValueError(
                    f"max_delay={self.max_delay!r} is less than delay={self.delay!r}, so the first wait would break "
                    "it: pass a larger max_delay or a smaller delay"
                )
        if self.deadline is not None:
            check_number("deadline", self.deadline, 0, "seconds", "None sets no deadline")
        if self.jitter is not None:
            check_hook("jitter", self.jitter)
        if self.on_attempt is not None:
            check_hook("on_attempt", self.on_attempt)
        kinds = self.exceptions if isinstance(self.exceptions, tuple) else (self.exceptions,)
        if not kinds:
            raise ValueError("exceptions=() would never try again: name what to retry, as in exceptions=(OSError,)")
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError(f"exceptions holds {kind!r:.60}, no exception class: pass classes, as in (OSError,)")
            if not issubclass(kind, Exception):
                raise TypeError(
                    f"exceptions holds {kind.__name__}, which asks the program to stop and cannot be retried: pass "
                    "classes below Exception, as in (OSError,)"
                )

    def longest_wait(self, number: int, last: float) -> float:
        """Return the upper end of the wait after an attempt; `last` is that of the one before."""
        grown = self.delay if number == 1 else last * self.backoff
        return min(grown, max(LONGEST, self.delay) if self.max_delay is None else self.max_delay)


async def with_retry(
    coro_func: Callable[[], Awaitable[T]],
    max_attempts: int = 3,
    delay: float = 1.0,
    backoff: float = 2.0,
    exceptions: Kinds = (Exception,),
    *,
    max_delay: float | None = None,
    deadline: float | None = None,
    jitter: Callable[[float, float], float] | None = random.uniform,
    on_attempt: Callable[[Attempt], object] | None = None,
) -> T:
    """Call a coroutine function until it succeeds; when no attempt is left, raise what the last one raised.

    Only for what may be done twice: an attempt that failed may have had its effect all the same. A cancellation, like
    all that is no Exception, ends it at once. So does a bug (one of BUGS), unless `exceptions` names its class:
    `(Exception,)` means what can go wrong, not what was written wrong. An ExceptionGroup is retried when each error in
    it would be.

    Args:
        coro_func: called without arguments. For one with arguments pass `lambda: fetch(url)`.
        max_attempts: how often to try, the first time included.
        delay: the longest wait after the first attempt, in seconds.
        backoff: by how much that grows with each attempt.
        exceptions: the class, or the tuple of classes, to retry.
        max_delay: where it stops growing, in seconds; None is 60, or `delay` if that is more.
        deadline: seconds for everything. An attempt still running then is cancelled, and TimeoutError raised; a wait
            that would last until then is not begun, and the error that was to be retried is raised at once.
        jitter: given 0 and the longest wait, returns the wait. `random.Random(7).uniform` repeats itself; None
            always waits longest, so that clients that failed together try again together.
        on_attempt: called after each attempt that was not cancelled. What it raises ends the retries.

    Raises TypeError and ValueError, before the first attempt, for arguments without sense. Source: article, section 3
    (L491); "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, where this is "full jitter".
    """
    return await _retry(
        coro_func, _Policy(max_attempts, delay, backoff, exceptions, max_delay, deadline, jitter, on_attempt)
    )


def retry_decorator(
    max_attempts: int = 3,
    delay: float = 1.0,
    backoff: float = 2.0,
    exceptions: Kinds = (Exception,),
    *,
    max_delay: float | None = None,
    deadline: float | None = None,
    jitter: Callable[[float, float], float] | None = random.uniform,
    on_attempt: Callable[[Attempt], object] | None = None,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Let each call of a coroutine function be tried several times; see `with_retry` for what that means.

    Raises TypeError and ValueError, when decorating, for arguments without sense.
    """
    policy = _Policy(max_attempts, delay, backoff, exceptions, max_delay, deadline, jitter, on_attempt)

    def decorator(coro_func: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        check_decorated("retry_decorator", coro_func, "a second attempt would repeat the items that were already used")

        @functools.wraps(coro_func)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            return await _retry(lambda: coro_func(*args, **kwargs), policy)

        return wrapper

    return decorator


class RetryManager:
    """The article's face of these functions."""

    with_retry = staticmethod(with_retry)
    retry_decorator = staticmethod(retry_decorator)


async def _retry(coro_func: Callable[[], Awaitable[T]], policy: _Policy) -> T:
    check_function("coro_func", coro_func, "pass the function itself, or lambda: fetch(url)")
    attempts = _attempts(coro_func, policy)
    # Around the attempts, not around each: a TimeoutError of ours must not be taken for one to be retried.
    return await (attempts if policy.deadline is None else with_timeout(attempts, policy.deadline))


async def _attempts(coro_func: Callable[[], Awaitable[T]], policy: _Policy) -> T:
    now = asyncio.get_running_loop().time
    begun, number, longest = now(), 0, 0.0
    while True:
        number += 1
        try:
            result: T = await awaitable("what coro_func returned", coro_func())
        except Exception as error:  # cancellation is none
            longest = policy.longest_wait(number, longest)
            wait = _wait(error, number, longest, now() - begun, policy)
            _tell(policy, Attempt(number, error, now() - begun, wait))
            if wait is None:
                raise
        else:
            _tell(policy, Attempt(number, None, now() - begun, None))
            return result
        # Outside of the handler: a cancellation here has nothing to do with the error that is behind us.
        await asyncio.sleep(wait)


def _wait(error: Exception, number: int, longest: float, elapsed: float, policy: _Policy) -> float | None:
    """Return how long to wait before the next attempt; None when there is to be none."""
    kinds = policy.exceptions if isinstance(policy.exceptions, tuple) else (policy.exceptions,)
    if number >= policy.max_attempts or not _is_retried(error, kinds):
        return None
    wait = policy.jitter(0.0, longest) if policy.jitter else longest
    return None if policy.deadline is not None and elapsed + wait >= policy.deadline else wait


def _is_retried(error: BaseException, kinds: tuple[type[Exception], ...]) -> bool:
    matching = [kind for kind in kinds if isinstance(error, kind)]
    if isinstance(error, BaseExceptionGroup) and not any(issubclass(kind, BaseExceptionGroup) for kind in matching):
        return all(_is_retried(part, kinds) for part in error.exceptions)
    if isinstance(error, BUGS):
        return any(issubclass(kind, BUGS) for kind in matching)
    return bool(matching)


def _tell(policy: _Policy, attempt: Attempt) -> None:
    _log.debug("attempt %d of %d: %r", attempt.number, policy.max_attempts, attempt.error or "success")
    if policy.on_attempt:
        policy.on_attempt(attempt)
