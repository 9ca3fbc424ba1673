"""What the scopes of lesson 8b open and close: stand-ins whose every step takes time, and may fail."""

import asyncio
import math
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from course_lib.exercises.framework import Wrong, await_missing
from course_lib.exercises.shown import shown
from course_lib.seeing import span


class Step:
    """A coroutine function that takes `seconds`, then gives `answer` or raises it; cancelled, it takes `clean_up` more.

    begun, ended, cancelled: how often; runs: whether it does now; cancelled_at: when, at first;
    given: the arguments of its last call
    """

    def __init__(self, name: str, seconds: float, answer: Any = None, clean_up: float = 0) -> None:
        self.name, self.seconds, self.answer, self.clean_up = name, seconds, answer, clean_up
        self.called = self.begun = self.ended = self.cancelled = 0
        self.runs = False
        self.cancelled_at = math.inf
        self.given: tuple[Any, ...] = ()

    def __call__(self, *args: Any) -> Coroutine[Any, Any, Any]:
        """Return a coroutine whose lane in the timeline has the name of the step."""
        self.called += 1
        self.given = args
        coro = self._work()
        coro.__name__ = self.name  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _work(self) -> Any:
        self.begun += 1
        self.runs = True
        try:
            with span(self.name):
                await self._sleep()
                if isinstance(self.answer, Exception):
                    raise self.answer
        finally:
            self.runs = False
        self.ended += 1
        return self.answer

    async def _sleep(self) -> None:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            self.cancelled_at = min(self.cancelled_at, asyncio.get_running_loop().time())
            await_missing(self.given)  # else Python warns of it at some later time
            await asyncio.sleep(self.clean_up)
            raise


def given(step: Step) -> str:
    """Say what a step was called with."""
    return ", ".join(shown(each, 60) for each in step.given) or "nothing"


class Line:
    """What `open_line()` gives; `close` counts how often it was called, begun and ended."""

    def __init__(self, closing: float = 1) -> None:
        self.close = Step("close", closing)

    def __repr__(self) -> str:
        return "<the line>"


class Resource:
    """An asynchronous context manager that writes to `log` what is done with it.

    Each of its two steps takes a second. Entering gives `value`, or raises it if it is an exception; leaving raises
    `failure`.

    left_with: what it was told when it was left; cut: whether a cancellation struck it there
    """

    def __init__(self, name: str, log: list[tuple[str, str]], value: Any, failure: Exception | None = None) -> None:
        self.name, self._log, self.value, self.failure = name, log, value, failure
        self.left_with: BaseException | None = None
        self.cut = False

    async def __aenter__(self) -> Any:
        self._log.append(("entering", self.name))
        with span(f"enter {self.name}"):
            await asyncio.sleep(1)
            if isinstance(self.value, Exception):
                raise self.value
        self._log.append(("entered", self.name))
        return self.value

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._log.append(("left", self.name))
        self.left_with = error
        with span(f"leave {self.name}"):
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                self.cut = True
                raise
        self._log.append(("closed", self.name))
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> Any:
        """Refuse what cannot wait: `with`, and a stack's `enter_context`."""
        raise Wrong(
            f"Entering {self.name} takes time, and `with` and `enter_context` cannot wait: `async with`, or `await "
            "stack.enter_async_context(...)`."
        )

    def __exit__(self, *_: object) -> None:
        """Be there, else nobody asks `__enter__`."""

    @classmethod
    def some(cls, names: str, **failures: Any) -> tuple[list[tuple[str, str]], list[Self]]:
        """Return a log, and a resource for each letter; `a=` is the failure of leaving a, `enter_a=` of entering it."""
        log: list[tuple[str, str]] = []
        return log, [
            cls(name, log, failures.get(f"enter_{name}", f"value of {name}"), failures.get(name)) for name in names
        ]
