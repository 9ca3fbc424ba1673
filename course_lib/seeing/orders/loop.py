"""A lean event loop on which the order of what comes from outside is chosen: no thread, no selector, no recording."""

import asyncio
import heapq
import itertools
import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from typing import Any

from course_lib.seeing.clock import DueNow
from course_lib.seeing.orders.order import TIMER, Choice, Point
from course_lib.seeing.orders.outside import Outside, Stretch
from course_lib.seeing.orders.tasks import TasksLoop

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


class OrdersLoop(TasksLoop):
    """Runs one program in one order: where nothing is ready, `chooser` says what comes next.

    Args:
        chooser: is given a Point and returns one of its choices.
        outside: says which sleeps are waits outside.
        places: the places of the tasks in sets, in order of creation; those beyond have that of their creation.
        steps: how many callbacks may run.
    """

    def __init__(self, chooser: Chooser, outside: Outside, places: Sequence[int] = (), *, steps: int) -> None:
        super().__init__(places)
        self.points: list[Point] = []
        self.choices: list[Choice] = []
        self.steps = 0
        self.ended: float | None = None  # the time of the program's end, before anything was cleaned up
        self.blocks: list[tuple[float, float]] = []
        self.shortest = math.inf  # of the waits outside, in seconds, as written
        self._chooser, self._outside, self.most = chooser, outside, steps
        self._now = self._usual = 0.0
        self._numbers = itertools.count()
        self._due_now = DueNow()
        self._names: dict[str, int] = {}
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[_Timer] = []
        self._waits: list[_Timer] = []
        self._thread = threading.get_ident()
        self._stopping = False

    # Running.

    def run(self, coro: Coroutine[Any, Any, Any], name: str = "main") -> asyncio.Task[Any]:
        """Run a coroutine as a task, up to the end of the turn after it ended, and return the task.

        Raises StuckError when nothing could go on, EndlessError after too many steps, DiffersError when the chooser
        cannot choose what it should, and what ends a loop: KeyboardInterrupt, SystemExit.
        """
        task = self.create_task(coro, name=name)
        task.add_done_callback(self._stop)
        try:
            self.go_on()
        finally:  # main, if it has not ended, is to end while others clean up
            task.remove_done_callback(self._stop)
        return task

    def go_on(self) -> None:
        """Run until `stop` is called."""
        self._stopping, self.running = False, True
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while not self._stopping:
                self._turn()
        finally:
            asyncio._set_running_loop(before)
            self.running = False

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
        when = self._due_now.later(when, self._now, 1e-9, self.steps)
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

    def stop(self) -> None:
        """Stop at the end of this turn."""
        self._stopping = True

    def _stop(self, _: Any) -> None:
        self._stopping = True

    def close(self) -> None:
        """Close the loop."""
        self.closed = True
        self._ready.clear()


async def _wait_for(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)


def _as_usual(point: Point) -> Choice:
    return point.usual


def _usually(timer: _Timer) -> tuple[float, int]:
    return (timer.usual, timer.number)
