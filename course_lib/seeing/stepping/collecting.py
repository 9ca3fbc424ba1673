"""What the loop did, step by step, noted while a simulation runs."""

import asyncio
import functools
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from course_lib.seeing.stepping.phrases import Phrase, callback_phrase, is_users, waits_for
from course_lib.seeing.timeline.frames import is_library, waiting_frame
from course_lib.seeing.timeline.trace import describe, task_name
from course_lib.seeing.timeline.wrapping import WrappedCoroutine, layers_of

MOST_STEPS = 500
MOST_TASKS = 12

Place = tuple[CodeType, int]  # a function and a line of its file


@dataclass
class Noted:
    """One step: what ran, from where to where, and how things stood after it."""

    at: float  # seconds
    who: Phrase
    task: int | None  # its number, in order of creation; None for a callback
    came_from: Place | None = None  # None at the beginning
    thrown: str = ""  # what was raised in it from outside
    reached: Place | None = None  # None where it ended
    ended: str = ""
    ran: dict[CodeType, list[int]] = field(default_factory=dict)  # the lines of the user's functions, as they ran
    ready: list[Phrase] = field(default_factory=list)
    timers: list[tuple[float, Phrase]] = field(default_factory=list)
    waiting: list[tuple[Phrase, Phrase]] = field(default_factory=list)
    printed: int = 0  # characters so far
    more: int = 0  # tasks that wait and are left out


class Collector:
    """Watches the tasks of one simulation, and every callback of the user's, from the inside.

    Args:
        printed: how many characters the program has printed so far.
    """

    def __init__(self, printed: Callable[[], int]) -> None:
        self.steps: list[Noted] = []
        self.names: list[str] = []  # of tasks, by number
        self.left_out = 0
        self._printed, self._open = printed, False
        self._pending: list[Noted] = []  # steps that have run, and after which the loop has not come back yet

    async def watch(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run main, and note its steps and those of all tasks made by it, until it has ended."""
        loop: Any = asyncio.get_running_loop()
        self._loop, self._class = loop, type(loop)
        before = loop.get_task_factory()

        def factory(loop: Any, coro: Any, **options: Any) -> Any:
            return before(loop, self._stepped(coro) if asyncio.iscoroutine(coro) else coro, **options)

        coro = main()
        if not asyncio.iscoroutine(coro):
            name = getattr(main, "__name__", repr(main))
            raise TypeError(f"{name}() gave {coro!r}, not a coroutine: write it with async def")
        self._open = True
        loop.set_task_factory(factory)
        # On the object: asyncio's own code, also that in C, looks them up there.
        loop.call_soon, loop.call_at = self._call_soon, self._call_at
        # How things stand after a step is seen when the loop takes the next callback, or looks for what has happened:
        # not at the step's end, when the task is not in the queue yet, nor behind what it waits for.
        loop._ready = _Queue(loop._ready, self._note_pending)
        selector = loop._selector
        select = selector.select

        def select_after_noting(timeout: float | None = None) -> Any:
            self._note_pending()
            try:
                return select(timeout)
            except BaseException:
                self._open = False  # a deadlock, or the limit: what comes now is the simulation's cleaning up
                raise

        selector.select = select_after_noting
        stepped = self._stepped(coro)
        self.steps.append(Noted(loop.time(), (), None, ready=[(stepped.number,)]))  # before the first step
        try:
            return await stepped
        finally:
            self._note_pending()
            self._open = False
            loop.set_task_factory(before)
            loop._ready = deque(loop._ready)
            del loop.call_soon, loop.call_at, selector.select

    def _stepped(self, coro: Any) -> "_Stepped":
        self.names.append(getattr(coro, "__name__", "task"))
        return _Stepped(coro, self, len(self.names) - 1)

    def _call_soon(self, callback: Any, *args: Any, **options: Any) -> Any:
        mine = self._mine(callback, args, sys._getframe(1))
        return self._class.call_soon(self._loop, mine or callback, *(() if mine else args), **options)

    def _call_at(self, when: float, callback: Any, *args: Any, **options: Any) -> Any:
        frame = sys._getframe(1)
        if frame.f_code.co_name == "call_later" and frame.f_back is not None:
            frame = frame.f_back
        mine = self._mine(callback, args, frame)
        return self._class.call_at(self._loop, when, mine or callback, *(() if mine else args), **options)

    def _mine(self, callback: Any, args: tuple[Any, ...], caller: FrameType) -> "_Callback | None":
        return _Callback(callback, args, self) if self._open and is_users(callback, caller) else None

    # A step.

    def run(self, noted: Noted, coro: Any, step: Callable[[], Any]) -> Any:
        """Run one step and note it."""
        if not self._open:
            return step()
        if len(self.steps) > MOST_STEPS:
            self.left_out += 1
            return step()
        self.steps.append(noted)
        noted.at, noted.came_from = self._loop.time(), _place(coro)
        before, ran = sys.gettrace(), noted.ran

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            if is_library(frame.f_code):
                return None
            if event == "line":
                lines = ran.setdefault(frame.f_code, [])
                if not lines or lines[-1] != frame.f_lineno:
                    lines.append(frame.f_lineno)
            return trace

        try:
            sys.settrace(trace)
            try:
                result = step()
            finally:
                sys.settrace(before)
        except StopIteration as end:
            noted.ended = "returned" if end.value is None else f"returned {_short(end.value)}"
            raise
        except asyncio.CancelledError:
            noted.ended = "ended cancelled"
            raise
        except BaseException as error:
            noted.ended = f"failed: {describe(error)}"
            raise
        else:
            noted.reached = _place(coro)
            return result
        finally:
            self._pending.append(noted)

    def _note_pending(self) -> None:
        pending, self._pending = self._pending, []
        for noted in pending:
            self._note_how_things_stand(noted)

    def _note_how_things_stand(self, noted: Noted) -> None:
        loop = self._loop
        everyone: set[Any] = asyncio.all_tasks(loop)
        tasks = {number: task for task in everyone if (number := self._number(task)) is not None}
        for number, task in tasks.items():
            self.names[number] = task_name(task)
        sleepers = {id(task._fut_waiter): number for number, task in tasks.items() if task._fut_waiter is not None}
        told = functools.partial(callback_phrase, number_of=self._number, sleepers=sleepers)
        noted.ready = [phrase for handle in loop._ready if not handle.cancelled() and (phrase := told(handle))]
        timers = sorted((handle for handle in loop._scheduled if not handle.cancelled()), key=lambda it: it)
        noted.timers = [(handle.when(), phrase) for handle in timers if (phrase := told(handle))]
        ends = {id(handle._args[0]): handle.when() for handle in timers if handle._args}
        is_ready = {phrase[0] for phrase in noted.ready if len(phrase) == 1}
        waiting: list[tuple[Phrase, Phrase]] = [
            ((number,), waits_for(task, self._number, ends, _place(_stepped(task))))
            for number, task in sorted(tasks.items())
            if task._fut_waiter is not None and number not in is_ready and not task.done()
        ]
        noted.waiting, noted.more = waiting[:MOST_TASKS], len(waiting[MOST_TASKS:])
        noted.printed = self._printed()

    def _number(self, task: Any) -> int | None:
        stepped = _stepped(task) if isinstance(task, asyncio.Task) else None
        return stepped.number if stepped else None


def _stepped(task: asyncio.Task[Any]) -> "_Stepped | None":
    return next((layer for layer in layers_of(task.get_coro()) if isinstance(layer, _Stepped)), None)


class _Stepped(WrappedCoroutine):
    """A coroutine whose steps are noted."""

    __slots__ = ("collector", "number")

    def __init__(self, coro: Any, collector: Collector, number: int) -> None:
        self.coro, self.collector, self.number = coro, collector, number
        self.__qualname__ = getattr(coro, "__qualname__", None)

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        if throw:
            return self.throw(*throw)
        return self.collector.run(Noted(0, (self.number,), self.number), self.coro, lambda: self.coro.send(value))

    def throw(self, *error: Any) -> Any:
        """Run one step that begins with an exception."""
        kind = error[0] if isinstance(error[0], type) else type(error[0])
        noted = Noted(0, (self.number,), self.number, thrown=kind.__name__)
        return self.collector.run(noted, self.coro, lambda: self.coro.throw(*error))


class _Queue(deque[Any]):
    """A loop's queue that says when the loop takes something from it."""

    def __init__(self, handles: Iterable[Any], about_to_take: Callable[[], None]) -> None:
        super().__init__(handles)
        self._about_to_take = about_to_take

    def popleft(self) -> Any:
        """Take the first."""
        self._about_to_take()
        return super().popleft()


class _Callback:
    """A function of the user's that the loop is to call, by call_soon, call_later or a future."""

    def __init__(self, function: Any, args: tuple[Any, ...], collector: Collector) -> None:
        self.function, self.args, self.collector = function, args, collector
        name = getattr(function, "__name__", type(function).__name__)
        texts = ", ".join(_short(arg) for arg in args)
        self.phrase = f"{name}({texts})" if len(texts) < 30 else f"{name}(...)"

    def __call__(self) -> None:
        noted = Noted(0, (self.phrase,), None)
        self.collector.run(noted, None, lambda: self.function(*self.args))


def _short(value: Any) -> str:
    if isinstance(value, asyncio.Future):
        return task_name(value) if isinstance(value, asyncio.Task) else "the future"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001  # a broken repr must not break the program that is watched
        text = type(value).__name__
    if " at 0x" in text:  # an address is different in each run
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _place(coro: Any) -> Place | None:
    """Return the innermost line of the user's own code at which a suspended coroutine stands; None before the first."""
    frame = waiting_frame(coro) if getattr(coro, "cr_suspended", True) else None
    return (frame.f_code, frame.f_lineno) if frame else None
