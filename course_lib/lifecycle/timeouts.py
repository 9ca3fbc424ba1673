"""Time limits: `asyncio.timeout`, with a default for when the time is up."""

import asyncio
import copy
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, MutableSequence, MutableSet
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from course_lib.lifecycle.checks import awaitable, check_decorated, check_hook, check_number

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)
_RAISE: Any = object()  # the default of `default`: None is a value that a caller may want
_GIVEN_UP = "_course_lib_limits"  # on a decorated function: the marks of the limits around it. wraps() passes it on


class _Limits:
    """The limits around what one task is doing now."""

    def __init__(self, cancelling: int) -> None:
        self.open: list[asyncio.Timeout] = []
        self.cancelling = cancelling  # requests to cancel the task that were there before the first limit
        self.given_up: object = None  # the mark of the decorator that was the last to return a default


# By task, because a limit cancels no other one; weak, because to be limited must keep no task alive.
_limits: WeakKeyDictionary[asyncio.Task[Any], _Limits] = WeakKeyDictionary()


async def with_timeout(
    coro: Awaitable[T], timeout: float, default: Any = _RAISE, *, default_factory: Callable[[], Any] | None = None
) -> T | Any:
    """Return what `coro` returns, or the default when it takes too long and, cancelled, has cleaned up.

    Only a timeout of this very limit gives the default. A TimeoutError that `coro` raises itself, and a cancellation by
    the caller, also one that comes at the same moment, are passed on. Work that finishes in spite of its cancellation
    gives its result. A clean-up that waits makes the call longer than the limit.

    Args:
        coro: a coroutine, task or future.
        timeout: seconds, from 0.
        default: what to return; lists, dicts, sets and their like are copied, deeply, for each caller. Without it
            (and without default_factory) TimeoutError is raised.
        default_factory: a function that makes the default, for what should not be copied.

    Raises TimeoutError when the time is up and there is no default, TypeError and ValueError for arguments without
    sense. Source: asyncio.timeout in the library reference; article, section 3 (L464).
    """
    try:
        awaitable("coro", coro)
        _check_timeout("timeout", timeout)
        make = _maker(default, default_factory)
    except BaseException:
        if inspect.iscoroutine(coro):
            coro.close()  # refused, so it never runs: no second message about that
        raise
    return (await _limited(coro, timeout, make))[0]


def timeout_decorator(
    seconds: float, default: Any = _RAISE, *, default_factory: Callable[[], Any] | None = None
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T | Any]]]:
    """Give each call of a coroutine function a time limit of its own; see `with_timeout` for what that means.

    Raises TypeError and ValueError, when decorating, for arguments without sense.
    """
    _check_timeout("seconds", seconds)
    make = _maker(default, default_factory)

    def decorator(coro_func: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T | Any]]:
        check_decorated("timeout_decorator", coro_func, "limit each step, with_timeout(anext(stream), seconds)")
        mark, inner = object(), getattr(coro_func, _GIVEN_UP, ())

        @functools.wraps(coro_func)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T | Any:
            work = awaitable("what the decorated function returned", coro_func(*args, **kwargs))
            result, expired = await _limited(work, seconds, make)
            limits = _limits_of_this_task()
            if expired:
                limits.given_up = mark
            elif limits.given_up not in inner:  # a default from an inner limit passes through this one
                limits.given_up = None
            return result

        setattr(wrapper, _GIVEN_UP, (mark, *inner))
        return wrapper

    return decorator


class TimeoutManager:
    """The article's face of these functions: its default is None, where theirs is to raise TimeoutError."""

    @staticmethod
    async def with_timeout(coro: Awaitable[T], timeout: float, default: Any = None) -> T | Any:
        """Return what `coro` returns, or a copy of the default when it takes more than `timeout` seconds."""
        return await with_timeout(coro, timeout, default)

    @staticmethod
    def timeout_decorator(
        seconds: float, default: Any = None
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T | Any]]]:
        """Give each call a limit in seconds, after which it returns a copy of the default."""
        return timeout_decorator(seconds, default)


def cancelled_by_limit(task: asyncio.Task[Any] | None) -> bool:
    """Return whether nobody but limits of ours, around what it is doing now, asked for a task's cancellation."""
    limits = _limits.get(task) if task else None
    if task is None or limits is None:
        return False
    expired = sum(limit.expired() for limit in limits.open)
    return expired > 0 and task.cancelling() - limits.cancelling <= expired


def returned_default(function: Callable[..., Any]) -> bool:
    """Return whether `function`, which has just returned, gave the default of a limit that decorates it."""
    marks = getattr(function, _GIVEN_UP, ())
    return bool(marks) and _limits_of_this_task().given_up in marks


async def _limited(work: Awaitable[Any], seconds: float, make: Callable[[], Any] | None) -> tuple[Any, bool]:
    """Return (result, False), or (default, True) when the time was up."""
    limits = _limits_of_this_task()
    limit = asyncio.timeout(seconds)
    callees, cancellation = False, None
    try:
        async with limit:
            limits.open.append(limit)
            try:
                return await work, False
            except TimeoutError:
                callees = True  # expired() does not tell: the callee may raise its own while it reacts to ours
                raise
            finally:
                limits.open.remove(limit)
    except TimeoutError as error:
        if callees or not limit.expired():
            raise
        cancellation = error.__cause__
    finally:
        del limit, work  # they lead to a task, and it to its error, whose traceback leads here
    _log.debug("not finished within %g s", seconds)
    if make is not None:
        return make(), True
    try:
        # Out here, where asyncio's own TimeoutError, whose traceback leads to the task, does not become its context.
        # The cause is the cancellation as it left the work: its traceback tells where the work was.
        raise TimeoutError(f"not finished within {seconds:g} s") from cancellation
    finally:
        del cancellation


def _limits_of_this_task() -> _Limits:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a time limit needs a task to cancel: await it inside one, as under asyncio.run()")
    limits = _limits.get(task)
    if limits is None:
        limits = _limits[task] = _Limits(task.cancelling())
    elif not limits.open:
        limits.cancelling = task.cancelling()
    return limits


def _check_timeout(name: str, value: Any) -> None:
    check_number(name, value, 0, "seconds", "for no limit leave the limit out, for what is left pass max(0, left)")


def _maker(default: Any, factory: Callable[[], Any] | None) -> Callable[[], Any] | None:
    if factory is not None:
        if default is not _RAISE:
            raise TypeError(f"default={default!r:.60} and default_factory are both given: pass one of them")
        check_hook("default_factory", factory)
        return factory
    if default is _RAISE:
        return None
    if not isinstance(default, MutableMapping | MutableSequence | MutableSet):
        return lambda: default  # not copied: object() as a marker is known by its identity
    try:
        kept = copy.deepcopy(default)
    except Exception as error:  # whatever a __deepcopy__ may raise
        raise TypeError(
            f"default={default!r:.60} cannot be copied for each caller ({error}): pass default_factory, a "
            "function that makes one"
        ) from error
    return lambda: copy.deepcopy(kept)
