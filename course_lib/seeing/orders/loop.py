"""A lean event loop on which the order of what comes from outside is chosen: no thread, no selector, no recording."""

import asyncio
import heapq
import itertools
import math
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import Context
from operator import itemgetter
from typing import Any, NoReturn

from course_lib.seeing.orders.order import TIMER, Choice, Point
from course_lib.seeing.orders.outside import Outside, Stretch
from course_lib.seeing.orders.refusing import RefusingLoop
from course_lib.seeing.orders.task import HARMLESS, OrderedTask

_SLEEP = asyncio.sleep.__code__


class DiffersError(Exception):
    """What was chosen cannot be chosen here: the program did something else than when the order was made."""


class EndlessError(Exception):
    """The run has more steps than it may have."""


class StuckError(Exception):
    """Nothing is ready, and nothing is left that could be."""


class _Timer(asyncio.TimerHandle):
    __slots__ = ("name", "number", "usual")
    name: str  # of an outside wait
    number: int
    usual: float  # when it would end if every wait took the time that is written

    def __lt__(self, other: Any) -> bool:
        return (self.when(), self.number) < (other.when(), other.number)


Chooser = Callable[[Point], Choice]


class OrdersLoop(RefusingLoop):
    """Runs one program in one order: where nothing is ready, `chooser` says what comes next.

    Args:
        chooser: is given a Point and returns one of its choices.
        outside: says which sleeps are waits outside.
        places: the places of the tasks in sets, in order of creation; those beyond have that of their creation.
        steps: how many callbacks may run.
    """

    def __init__(self, chooser: Chooser, outside: Outside, places: Sequence[int] = (), *, steps: int) -> None:
        self.points: list[Point] = []
        self.choices: list[Choice] = []
        self.tasks: list[asyncio.Task[Any]] = []  # held: what the garbage collector takes, and when, is no order
        self.in_sets = False  # whether two tasks or more went into sets that may be visited
        self.steps = 0
        self.ended: float | None = None  # the time of the program's end, before anything was cleaned up
        self.errors: list[dict[str, Any]] = []
        self._generators: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()  # async, begun, by id
        self._begun: set[int] = set()  # their ids: who is dropped is in no weak dictionary any more
        self.left_open: list[str] = []  # those that were dropped before their end
        self.blocks: list[tuple[float, float]] = []
        self.shortest = math.inf  # of the waits outside, in seconds, as written
        self._chooser, self._outside, self._places, self.most = chooser, outside, places, steps
        self._now = self._usual = 0.0
        self._numbers = itertools.count()
        self._names: dict[str, int] = {}
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[_Timer] = []
        self._waits: list[_Timer] = []
        self._in_set: OrderedTask | None = None
        self._factory: Any = None
        self._handler: Any = None
        self._thread = threading.get_ident()
        self._stopping = self._running = self._closed = False

    # Running.

    def run(self, coro: Coroutine[Any, Any, Any], name: str = "main") -> asyncio.Task[Any]:
        """Run a coroutine as a task, up to the end of the turn after it ended, and return the task.

        Raises StuckError when nothing could go on, EndlessError after too many steps, DiffersError when the chooser
        cannot choose what it should, and what ends a loop: KeyboardInterrupt, SystemExit.
        """
        task = self.create_task(coro, name=name)
        task.add_done_callback(self._stop)
        self.go_on()
        return task

    def go_on(self) -> None:
        """Run until `stop` is called."""
        self._stopping, self._running = False, True
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while not self._stopping:
                self._turn()
        finally:
            asyncio._set_running_loop(before)
            self._running = False

    def clean_up(self, tasks: Sequence[asyncio.Task[Any]], steps: int) -> None:
        """Cancel tasks and run, in the usual order, until they are done or nothing goes on."""
        self._chooser = _as_usual
        self.most = self.steps + steps
        before = self.points, self.choices, self.in_sets  # those of the program itself are what counts
        self.points, self.choices = [], []
        closing = [self.create_task(generator.aclose()) for generator in self.open_generators()]
        for task in tasks:
            task.cancel()
        try:
            self.run(_wait_for([*tasks, *closing]), "clean up")
        except (StuckError, EndlessError, SystemExit):
            pass
        finally:
            self.points, self.choices, self.in_sets = before

    def _turn(self) -> None:
        ready, timers = self._ready, self._timers
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)
        if not ready and not (timers and timers[0].when() <= self._now + 1e-9):
            self._choose()
        while timers and timers[0].when() <= self._now + 1e-9:
            ready.append(heapq.heappop(timers))
        self.steps += len(ready)
        if self.steps > self.most:
            raise EndlessError
        # Those that these call are for the next turn: what asyncio promises.
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _choose(self) -> None:
        self._waits = waits = [wait for wait in self._waits if not wait._cancelled]
        timer = self._timers[0] if self._timers else None
        if len(waits) > 1:
            waits.sort(key=_usually)
        elif not waits and timer is None:
            raise StuckError
        usual: Choice
        if not waits or (timer is not None and _usually(timer) < _usually(waits[0])):
            usual = TIMER
        elif len(waits) > 1 and waits[0].usual == waits[1].usual:
            usual = (waits[0].name, waits[1].name)
        else:
            usual = (waits[0].name,)
        point = Point(tuple([wait.name for wait in waits]), timer is not None, usual, self._now)
        choice = self._chooser(point)
        self.points.append(point)
        self.choices.append(choice)
        if choice:
            for name in choice:
                wait = next((wait for wait in waits if wait.name == name), None)
                if wait is None:
                    raise DiffersError
                waits.remove(wait)
                self._ready.append(wait)
                self._usual = max(self._usual, wait.usual)
        elif timer is None:
            raise DiffersError
        else:
            self._now = timer.when()
            self._usual = max(self._usual, timer.usual)

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

    def note_set(self, task: OrderedTask) -> None:
        """Note that a task is put into a set that may be visited."""
        self._in_set = self._in_set or task
        self.in_sets |= self._in_set is not task

    def visited(self, items: Iterable[Any]) -> list[Any]:
        """Return what stands for a set of what asyncio is given: the same without repetitions, in the order chosen."""
        unique = list(dict.fromkeys(items))
        # Tasks run already: where asyncio visits them, it only asks to be told of their ends.
        self.in_sets |= sum(not isinstance(item, asyncio.Future) for item in unique) > 1
        places = [*self._places[: len(unique)], *range(len(self._places), len(unique))]
        return [item for _, item in sorted(zip(places, unique, strict=True), key=itemgetter(0))]

    def begin_span(self, name: str) -> Stretch:
        """Begin a span, as a recorder does."""
        return Stretch(name)

    open = True  # for span(), which asks its recorder

    def now(self) -> float:
        """Return the time in seconds, for span() and for the functions of the time module."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Do what time.sleep does: the clock moves, and nothing else can run meanwhile."""
        if not seconds >= 0:
            raise ValueError("sleep length must be non-negative")
        start, self._now = self._now, round(self._now + seconds, 9)
        self._usual = round(self._usual + seconds, 9)
        self.blocks.append((start, self._now))

    # What a program asks of its loop.

    def time(self) -> float:
        """Return the time in seconds: only timers move it."""
        return self._now

    def call_soon(  # type: ignore[override]  # the stub ties each argument's type to the function's
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback for the next turn, after those that are scheduled already."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]  # likewise
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Do what call_soon does; from another thread it is refused."""
        if threading.get_ident() != self._thread:
            self.refuse("a thread called the loop")
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]  # likewise
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback in so many seconds; the sleep of an outside wait ends when the chooser says so."""
        if sys._getframe(1).f_code is _SLEEP and (name := self._outside.name()) is not None:
            wait = self._timer(self._now + delay, callback, args, context)
            count = self._names[name] = self._names.get(name, 0) + 1
            wait.name = name if count == 1 else f"{name} #{count}"
            if delay < math.inf:  # what never ends is no choice
                self._waits.append(wait)
                self.shortest = min(self.shortest, delay)
            return wait
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # likewise
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback at a time of the clock; those due at the same time run in order of scheduling."""
        timer = self._timer(when, callback, args, context)
        if when < math.inf:  # else the clock would go there, and what never happens would be no deadlock
            heapq.heappush(self._timers, timer)
        return timer

    def _timer(self, when: float, callback: Callable[..., object], args: Any, context: Context | None) -> _Timer:
        timer = _Timer(when if when == math.inf else round(when, 9), callback, args, self, context)
        timer.number = next(self._numbers)
        timer.usual = when if when == math.inf else round(self._usual + (when - self._now), 9)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """Create a task."""
        if self._factory is None:
            return self.plain_task(self, coro, **kwargs)
        if kwargs.get("context", ...) is None:
            del kwargs["context"]  # what a factory of Python 3.11 does not know unless it is used
        name = kwargs.pop("name", None)
        task: asyncio.Task[Any] = self._factory(self, coro, **kwargs)
        if not isinstance(task, OrderedTask):
            self.tasks.append(task)
        if name is not None:
            task.set_name(name)
        return task

    def plain_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> OrderedTask:
        """Create a task as a loop without a factory does."""
        task = OrderedTask.__new__(OrderedTask)
        number = len(self.tasks) - 1  # the first one is main's, which is in no set
        task.place = self._places[number] if 0 <= number < len(self._places) else number
        self.tasks.append(task)
        task.__init__(coro, loop=loop, **kwargs)  # type: ignore[misc]  # which may hash it: it needs its place before
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Set the function that creates tasks; None for the usual one."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """Return the function that creates tasks; None for the usual one."""
        return self._factory

    def get_debug(self) -> bool:
        """Return False: there is no debug mode here."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Do nothing: there is no debug mode here."""

    def is_running(self) -> bool:
        """Return whether the loop runs."""
        return self._running

    def is_closed(self) -> bool:
        """Return whether the loop is closed."""
        return self._closed

    def stop(self) -> None:
        """Stop at the end of this turn."""
        self._stopping = True

    def _stop(self, _: Any) -> None:
        self._stopping = True

    def run_until_complete(self, _: Any) -> NoReturn:
        """Raise RuntimeError: the loop runs already."""
        if asyncio.iscoroutine(_):
            _.close()
        raise RuntimeError("This event loop is already running")

    def run_forever(self) -> None:
        """Raise RuntimeError: the loop runs already."""
        raise RuntimeError("This event loop is already running")

    def close(self) -> None:
        """Close the loop."""
        self._closed = True
        self._ready.clear()

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


async def _wait_for(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)


def _as_usual(point: Point) -> Choice:
    return point.usual


def _usually(timer: _Timer) -> tuple[float, int]:
    return (timer.usual, timer.number)


HARMLESS.add(OrdersLoop.visited.__code__)
