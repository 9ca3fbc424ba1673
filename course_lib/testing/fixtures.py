"""Asynchronous fixtures: made on the loop of the test that takes them, each time the test runs, and ended there."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

# Those of the test that is about to run, also those that it does not take, in the order in which pytest makes them.
of_the_test: ContextVar[Sequence["AsyncFixture"]] = ContextVar("async_fixtures_of_the_test", default=())


class AsyncFixture:
    """What a test is handed in the place of an asynchronous fixture's value, until its loop runs.

    Args:
        name: the fixture's.
        function: the coroutine function, or async generator function with one `yield`.
        arguments: what it takes; other asynchronous fixtures may be among it.
    """

    def __init__(self, name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self._name, self._function, self._arguments = name, function, arguments

    def __getattr__(self, attribute: str) -> NoReturn:
        if attribute.startswith("_"):  # what Python itself and pytest ask of any object
            raise AttributeError(attribute)
        raise AttributeError(
            f"the asynchronous fixture {self._name!r} has no value before the test's loop runs: take it as an argument "
            "of the test, or of another asynchronous fixture"
        )


class Fixtures:
    """Makes the fixtures of one run of a test, each of them once; `stack` ends them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._made: dict[AsyncFixture, Any] = {}

    async def value(self, given: Any) -> Any:
        """Return the value of an asynchronous fixture; of anything else, itself."""
        if not isinstance(given, AsyncFixture):
            return given
        if given not in self._made:
            function = given._function
            arguments = {name: await self.value(argument) for name, argument in given._arguments.items()}
            if inspect.isasyncgenfunction(function):
                self._made[given] = await self._stack.enter_async_context(asynccontextmanager(function)(**arguments))
            else:
                self._made[given] = await function(**arguments)
        return self._made[given]
