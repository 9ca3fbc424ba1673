"""Where a program on an event loop spends its time, seen by looking often: `async with Profiler() as profiler`.

    async with Profiler() as profiler:
        await main()
    print(profiler.profile())

A thread looks every 10 ms at two things: which line of a step holds the loop, and at which line each task waits (the
innermost `await` of own code). So it tells both halves of an asynchronous program, where a profiler that counts calls
tells the first one alone. What was seen is counted, and nothing else kept: an hour costs no more memory than a second.

**What it cannot know.** A look sees places, not times: how often a line ran is unknown. To look, the thread needs the
interpreter. Python code gives it away after 5 ms or when it ends, so at least the last 5 ms of each piece of computing
are not seen: of 20 ms a quarter is missing, or more, and what is shorter than 5 ms is hardly seen at all. What lets
other threads run (`time.sleep`, files) is seen in proportion. While C code keeps the interpreter nobody can look: the
profile tells how many looks were missed, and where those are the most, its shares are not to be believed. Of a thousand
tasks a look takes long, and fewer are made. A task whose answer has come while a step holds the loop still stands at
its `await`, and one that waits within an asynchronous generator at its `async for`. Tasks that wait in code of
libraries alone (a notebook's kernel has such) are counted together, and not shown. On uvloop callbacks are not seen,
only steps of tasks.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from course_lib.monitor.blame import place_of
from course_lib.seeing import Bars, Group, State
from course_lib.seeing.clock import VirtualClockLoop
from course_lib.seeing.timeline.frames import LIBRARY, waiting_line

# Seconds from one look to the next. Who computes gives the interpreter away after 5 ms only: with shorter pauses, looks
# would come late where the loop is at work, and in time where it waits, and the shares would be wrong.
EVERY = 0.01
REST = 10  # times as long as a look computed it is until the next: so looking costs a tenth of a processor at most
TASKS = 1000  # tasks that are looked at in one look; of more, every second, third, ... stands for the others
LINES = 1000  # that are told apart; a program has fewer, one that makes code as it runs may not
OTHERS = "other lines"
ROWS, LEAST = 5, 0.05  # lines shown of each kind, and the share of all from which on a line is

_STEP = asyncio.Handle._run.__code__


@dataclass(frozen=True)
class Profile(Bars):
    """What was seen: print it for the lines with their numbers, end a notebook cell with it for the picture.

    Attributes:
        looks: how often the profiler looked.
        seconds: for how long.
        busy: in how many looks a step or a callback held the loop.
        missed: how many looks were due, and could not be made: code kept the interpreter, or the machine was busy.
        running: by line, in how many looks it held the loop.
        waiting: by line, how many tasks were seen to wait there, over all looks; those without a line of own code under
            `course_lib.seeing.timeline.frames.LIBRARY`.
    """

    looks: int
    seconds: float
    busy: int
    missed: int
    running: Counter[str]
    waiting: Counter[str]


class Profiler:
    """Looks at the loop that it is entered on, from a thread of its own, until its block ends.

    Args:
        every: seconds from one look to the next, real ones.

    Raises ValueError when `every` is no number, less than 0.01 or too long, and RuntimeError when it is entered twice,
    or on a virtual clock.
    """

    def __init__(self, *, every: float = EVERY) -> None:
        if isinstance(every, bool) or not isinstance(every, int | float) or not EVERY <= every < 60:
            raise ValueError(f"every={every!r}: pass seconds between two looks, from {EVERY:g} (the default) up to 60")
        self.looks = self.busy = self.missed = 0
        self.running, self.waiting = Counter[str](), Counter[str]()
        self._every = every
        self._began = self._ended = 0.0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualClockLoop):
            raise RuntimeError("on a virtual clock a thread sees nothing: print the timeline that simulate() gives")
        if self._thread is not None:
            raise RuntimeError("this profiler was used before, and its counts are of that time: make a new one")
        self._began = time.perf_counter()
        arguments = loop, threading.get_ident()
        self._thread = threading.Thread(target=self._run, args=arguments, name="profiler", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join()  # for the length of a look
        self._ended = time.perf_counter()

    def profile(self) -> Profile:
        """Return what has been seen so far, or, after the block, in all of it."""
        looks, running, waiting = self.looks, self.running.copy(), self.waiting.copy()
        seconds = (self._ended or time.perf_counter()) - self._began if self._began else 0.0
        # Always told, not from some number on: so the same program gives the same text, on a busy machine too.
        head = f"~{looks:,} looks, ~{self.missed:,} missed, in ~{seconds:.2f} s; "
        head += f"in ~{self.busy / max(looks, 1):.0%} the loop was at work"
        own = Counter({line: number for line, number in waiting.items() if line != LIBRARY})
        groups = [
            Group("the loop runs, share of all looks", "%", _most(running, looks, 100 / max(looks, 1)), State.RUNNING),
            Group(
                "tasks wait, how many on average", "tasks", _most(own, own.total(), 1 / max(looks, 1)), State.WAITING
            ),
        ]
        shown = [group for group in groups if group.values]
        return Profile(head.replace("%", " %"), shown, looks, seconds, self.busy, self.missed, running, waiting)

    # The thread.

    def _run(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        due = self._began + self._every
        while True:
            stopped = self._stopped.wait(max(0.0, due - time.perf_counter()))
            late = int(max(0.0, time.perf_counter() - due) / self._every)
            self.missed += late
            if stopped:
                return
            began = time.thread_time()  # not what it waited for the interpreter meanwhile
            try:
                self._look(loop, ident)
            except RuntimeError:  # the tasks changed again and again while they were listed
                self.missed += 1
            due += max((1 + late) * self._every, REST * (time.thread_time() - began))

    def _look(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        current, frame = asyncio.current_task(loop), sys._current_frames().get(ident)
        tasks = [task for task in asyncio.all_tasks(loop) if task is not current]
        outer = frame
        while outer is not None and outer.f_code is not _STEP:
            outer = outer.f_back
        if outer is not None or current is not None:
            self.busy += 1
            _count(self.running, place_of(frame, current), 1)
        stands_for = 1 + len(tasks) // TASKS
        for task in tasks[::stands_for]:
            if not task.done():
                _count(self.waiting, waiting_line(task.get_coro()), stands_for)
        self.looks += 1  # last: who reads it knows that all of this look is counted


def _count(lines: Counter[str], line: str, number: int) -> None:
    lines[line if line in lines or len(lines) < LINES else OTHERS] += number


def _most(lines: Counter[str], total: int, scale: float) -> dict[str, float]:
    return {line: number * scale for line, number in lines.most_common(ROWS) if number >= LEAST * total}
