"""A test written with `async def` as a plain function: on the virtual clock, or in every order."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")
Named = str | Callable[..., Any]
Async = Callable[P, Coroutine[Any, Any, T]]


class VirtualTimeWarning(UserWarning):
    """Something took real time, which the virtual clock cannot see."""


class OrdersWarning(UserWarning):
    """A test in every order was run in fewer than that, or there was only one."""


class OrderError(AssertionError):
    """A test came to no end in one order, or left something, or waits for what never comes."""


@overload
def in_virtual_time(test: Async[P, T]) -> Callable[P, T]: ...
@overload
def in_virtual_time(*, limit: float = 10.0) -> Callable[[Async[P, T]], Callable[P, T]]: ...
def in_virtual_time(test: Any = None, *, limit: float = 10.0) -> Any:
    """Decorate a test: `@in_virtual_time`, or `@in_virtual_time(limit=30)`; it runs on a clock that costs nothing.

    Args:
        test: the coroutine function; its arguments are those of the function returned.
        limit: real seconds after which it is stopped.

    The function raises what the test raises, with the swimlane as a note; LeakError for what is left at its end, and
    for exceptions that nobody asked for; what `simulate` raises. Raises TypeError for what is no coroutine function.
    """
    raise NotImplementedError


@overload
def in_every_order(test: Async[P, T]) -> Callable[P, None]: ...
@overload
def in_every_order(
    *,
    outside: Named | Iterable[Named] | None = None,
    orders: int = 5_000,
    more: int = 1_000,
    seed: int = 0,
    steps: int = 10_000,
    limit: float = 10.0,
) -> Callable[[Async[P, T]], Callable[P, None]]: ...
def in_every_order(test: Any = None, **how: Any) -> Any:
    """Decorate a test: `@in_every_order`, or `@in_every_order(outside="fetch")`; it runs once for each order.

    Args:
        test: the coroutine function; it makes its state anew each time. Synchronous fixtures are made once for all
            orders, asynchronous ones (which need the plugin) for each.
        outside, orders, more, seed, steps, limit: as those of `every_order`.

    The function raises what the test raises in the first order that fails, with that order drawn as a note; OrderError
    where it raises nothing and fails all the same. Raises TypeError for what is no coroutine function.
    """
    raise NotImplementedError
