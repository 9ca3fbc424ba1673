"""What every loop is asked, and where no order is to be chosen."""

import asyncio
import weakref
from typing import Any, NoReturn

from course_lib.seeing.orders.refusing import RefusingLoop


class AnsweringLoop(RefusingLoop):
    """A loop that answers for its state, for exceptions that nobody caught, and for async generators."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []
        self.left_open: list[str] = []  # async generators that were dropped before their end
        self.running = self.closed = False
        self._handler: Any = None
        self._generators: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()  # those begun, by id
        self._begun: set[int] = set()  # their ids: who is dropped is in no weak dictionary any more

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future."""
        return asyncio.Future(loop=self)

    def get_debug(self) -> bool:
        """Return False: there is no debug mode here."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Do nothing: there is no debug mode here."""

    def is_running(self) -> bool:
        """Return whether the loop runs."""
        return self.running

    def is_closed(self) -> bool:
        """Return whether the loop is closed."""
        return self.closed

    def run_until_complete(self, _: Any) -> NoReturn:
        """Raise RuntimeError: the loop runs already."""
        if asyncio.iscoroutine(_):
            _.close()
        raise RuntimeError("This event loop is already running")

    def run_forever(self) -> None:
        """Raise RuntimeError: the loop runs already."""
        raise RuntimeError("This event loop is already running")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught, and tell the program's own handler."""
        self.errors.append(context)
        if self._handler is not None:
            self._handler(self, context)

    default_exception_handler = call_exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        """Set what is called with what nobody caught; None for keeping it."""
        self._handler = handler

    def get_exception_handler(self) -> Any:
        """Return what is called with what nobody caught; None where nothing was set."""
        return self._handler

    async def shutdown_asyncgens(self) -> None:
        """Do nothing."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Do nothing: there are no threads."""

    def open_generators(self) -> list[Any]:
        """Return the async generators that somebody holds, begun and not finished."""
        return sorted((g for g in self._generators.values() if g.ag_frame is not None), key=lambda g: g.__name__)

    def begun(self, generator: Any) -> None:
        """Note that an async generator was begun."""
        self._generators[id(generator)] = generator
        self._begun.add(id(generator))

    def dropped(self, generator: Any) -> None:
        """Close an async generator that nobody holds any more, as asyncio does: in a task of its own."""
        if id(generator) in self._begun:  # else it is one of an earlier run
            self._begun.discard(id(generator))
            self.left_open.append(generator.__name__)
            self.call_soon(self.create_task, generator.aclose())
