"""A second opinion on every_order: small random programs, and a model of them that knows neither asyncio nor replay.

The model is a state that is copied at every choice; the rules of asyncio (a turn, what it runs, in which order locks,
events, cancellation and time limits wake whom) are written out by hand. As a command it compares as many programs as
asked for:

    python -m tests.orders_model 2000
"""

import asyncio
import copy
import itertools
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from course_lib.seeing import every_order, span

Op = tuple[Any, ...]
Found = tuple[str, str]


@dataclass(frozen=True)
class Program:
    """Up to three tasks, each a list of steps, perhaps with a time limit; main waits for all, or for the first only."""

    tasks: tuple[tuple[Op, ...], ...]
    limits: tuple[int | None, ...]
    first_only: bool


def draw(seed: int) -> Program:
    """Draw a program with at most three tasks, six waits outside and two timers."""
    rnd = random.Random(seed)
    waits, timers = rnd.randint(2, 6), 2
    tasks, limits = [], []
    count = rnd.choice([1, 2, 2, 3, 3, 3])
    kinds = ["out"] * 4 + rnd.choice(
        [["lock"], ["lock"] * 4, ["set", "wait", "set"], ["sleep", "sleep", "yield", "cancel"]]
    )
    for number in range(count):
        ops: list[Op] = []
        held = False
        for _ in range(rnd.randint(1, 5)):
            op = rnd.choice(kinds if rnd.random() < 0.8 else ["sleep", "yield", "set", "wait", "lock", "cancel"])
            if op == "out" and waits:
                waits -= 1
                ops.append(("out", rnd.randint(1, 3)))
            elif op == "sleep" and timers:
                timers -= 1
                ops.append(("sleep", rnd.randint(1, 2)))
            elif op == "lock":
                ops.append(("unlock",) if held else ("lock",))
                held = not held
            elif op == "cancel" and rnd.random() < 0.4:
                ops.append(("cancel", rnd.randrange(count)))
            elif op in ("yield", "set", "wait"):
                ops.append((op,))
            ops.append(("note", f"{number}.{len(ops)}"))
        if held and rnd.random() < 0.8:
            ops.append(("unlock",))
        limit = None
        if timers and rnd.random() < 0.4:
            timers -= 1
            limit = rnd.randint(1, 2)
        tasks.append(tuple(ops))
        limits.append(limit)
    return Program(tuple(tasks), tuple(limits), rnd.random() < 0.3)


# As a program of asyncio.


def real(program: Program) -> Any:
    """Return the coroutine function that does what the program says."""

    async def main() -> list[str]:
        log: list[str] = []
        event, lock = asyncio.Event(), asyncio.Lock()
        tasks: list[asyncio.Task[None]] = []

        async def body(number: int) -> None:
            for place, op in enumerate(program.tasks[number]):
                match op:
                    case ("out", seconds):
                        with span(f"wait {number}.{place}"):
                            await asyncio.sleep(seconds)
                    case ("sleep", seconds):
                        await asyncio.sleep(seconds)
                    case ("yield",):
                        await asyncio.sleep(0)
                    case ("set",):
                        event.set()
                    case ("wait",):
                        await event.wait()
                    case ("lock",):
                        await lock.acquire()
                    case ("unlock",):
                        lock.release()
                    case ("cancel", other):
                        tasks[other].cancel()
                    case ("note", text):
                        log.append(text)

        async def task(number: int) -> None:
            limit = program.limits[number]
            try:
                if limit is None:
                    await body(number)
                else:
                    async with asyncio.timeout(limit):
                        await body(number)
            except asyncio.CancelledError:
                log.append(f"{number} cancelled")
                raise
            except TimeoutError:
                log.append(f"{number} late")

        tasks += [asyncio.create_task(task(number), name=f"task {number}") for number in range(len(program.tasks))]
        if program.first_only:
            await asyncio.wait([tasks[0]])
        else:
            await asyncio.gather(*tasks, return_exceptions=True)
        return list(log)

    return main


# As a model.


@dataclass
class Task:
    """A task of the model: where it stands and what it waits for."""

    place: int = 0
    started: bool = False
    done: bool = False
    waits: str = ""  # "", or what it waits for: out, sleep, event, lock
    woken: bool = False  # what it waits for has ended, and its step is scheduled
    cancelled_wait: bool = False  # what it waits for was cancelled
    must_cancel: bool = False
    cancels: int = 0
    limit: int | None = None  # the number of its limit's timer
    struck: bool = False


@dataclass
class State:
    """All there is, copied at every choice."""

    tasks: list[Task]
    ready: deque[tuple[Any, ...]] = field(default_factory=deque)
    outside: list[int] = field(default_factory=list)  # tasks in a wait outside
    timers: list[tuple[int, int, str, int]] = field(default_factory=list)  # when, number, what, task
    numbers: int = 0
    now: int = 0
    log: list[str] = field(default_factory=list)
    event: bool = False
    event_waiters: list[int] = field(default_factory=list)
    locked: bool = False
    lock_waiters: list[int] = field(default_factory=list)
    returned: list[str] | None = None
    stopped: bool = False


class Model:
    """Goes through all orders of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def outcomes(self) -> Counter[Found]:
        """Return every outcome, and in how many orders it comes."""
        state = State([Task() for _ in self.program.tasks])
        state.ready.extend(("step", number) for number in range(len(self.program.tasks)))
        return Counter(self._explore(state))

    def _explore(self, state: State) -> Iterator[Found]:
        while True:
            while not state.stopped and state.ready:
                self._turn(state)
            if state.stopped:
                yield self._ended(state)
                return
            if not state.outside and not state.timers:
                yield ("deadlock", "")
                return
            yield from self._choose(state)
            return

    def _ended(self, state: State) -> Found:
        left = [f"task {number}" for number, task in enumerate(state.tasks) if not task.done]
        if left:
            return ("leak", f"left running: {', '.join(left)}; returned {state.returned}")
        return ("result", f"returned {state.returned}")

    def _choose(self, state: State) -> Iterator[Found]:
        singles = [(number,) for number in state.outside]
        for ended in [*singles, *itertools.permutations(state.outside, 2)]:
            after = copy.deepcopy(state)
            for number in ended:
                after.outside.remove(number)
                after.ready.append(("wake", number))
            yield from self._explore(after)
        if state.timers:
            after = copy.deepcopy(state)
            after.now = min(after.timers)[0]
            yield from self._explore(self._struck(after))

    def _struck(self, state: State) -> State:
        for timer in sorted(state.timers):
            if timer[0] <= state.now:
                state.timers.remove(timer)
                state.ready.append(("wake" if timer[2] == "sleep" else "limit", timer[3]))
        return state

    def _turn(self, state: State) -> None:
        for _ in range(len(state.ready)):
            what, *number = state.ready.popleft()
            if what == "step":
                self._step(state, *number)
            elif what == "wake":
                self._wake(state, *number)
            elif what == "limit":
                state.tasks[number[0]].struck = True
                self._cancel(state, *number)
            elif what == "done":  # main is told of a task's end
                waited = state.tasks[:1] if self.program.first_only else state.tasks
                if all(task.done for task in waited) and (not self.program.first_only or number == [0]):
                    state.ready.append(("main",))
            elif what == "main":
                state.returned = list(state.log)
                state.ready.append(("stop",))
            else:
                state.stopped = True

    def _wake(self, state: State, number: int) -> None:
        task = state.tasks[number]
        if task.waits and not task.woken and not task.cancelled_wait:
            task.woken = True
            state.ready.append(("step", number))

    def _cancel(self, state: State, number: int) -> None:
        task = state.tasks[number]
        if task.done:
            return
        task.cancels += 1
        if task.waits and not task.woken and not task.cancelled_wait:
            task.cancelled_wait = True
            if number in state.outside:
                state.outside.remove(number)
            state.timers = [timer for timer in state.timers if timer[2:] != ("sleep", number)]
            state.ready.append(("step", number))
        else:
            task.must_cancel = True

    def _step(self, state: State, number: int) -> None:
        task = state.tasks[number]
        cancelled = task.cancelled_wait or task.must_cancel
        task.must_cancel = False
        if not task.started:
            task.started = True
            if cancelled:  # before its first line, and outside of its `try`
                self._end(state, number)
                return
            limit = self.program.limits[number]
            if limit is not None:
                self._timer(state, limit, "limit", number)
        if not self._after_wait(state, number, cancelled):
            return
        ops = self.program.tasks[number]
        while task.place < len(ops):
            op = ops[task.place]
            task.place += 1
            if not self._do(state, number, op):
                return
        self._no_limit(state, number)
        self._end(state, number)

    def _after_wait(self, state: State, number: int, cancelled: bool) -> bool:
        """Do what comes right after a wait; return whether the task goes on."""
        task, waited = state.tasks[number], state.tasks[number].waits
        task.waits, task.woken, task.cancelled_wait = "", False, False
        if waited == "event":
            state.event_waiters.remove(number)
        if waited == "lock":
            state.lock_waiters.remove(number)
            if cancelled and not state.locked:
                self._wake_first(state)
            elif not cancelled:
                state.locked = True
        if not cancelled:
            return True
        if task.struck and self._uncancelled(task) <= 0:
            state.log.append(f"{number} late")
        else:
            state.log.append(f"{number} cancelled")
        self._no_limit(state, number)
        self._end(state, number)
        return False

    def _uncancelled(self, task: Task) -> int:
        task.cancels -= 1
        return task.cancels

    def _do(self, state: State, number: int, op: Op) -> bool:
        """Do one step; return whether the task goes on at once."""
        task = state.tasks[number]
        match op:
            case ("note", text):
                state.log.append(text)
            case ("out", _):
                state.outside.append(number)
                task.waits = "out"
            case ("sleep", seconds):
                self._timer(state, seconds, "sleep", number)
                task.waits = "sleep"
            case ("yield",):
                state.ready.append(("step", number))
                return False
            case ("set",):
                if not state.event:
                    state.event = True
                    for waiter in state.event_waiters:
                        self._wake(state, waiter)
            case ("wait",):
                if not state.event:
                    state.event_waiters.append(number)
                    task.waits = "event"
            case ("lock",):
                if state.locked or any(not state.tasks[w].cancelled_wait for w in state.lock_waiters):
                    state.lock_waiters.append(number)
                    task.waits = "lock"
                else:
                    state.locked = True
            case ("unlock",):
                state.locked = False
                self._wake_first(state)
            case ("cancel", other):
                self._cancel(state, other)
        if task.waits and task.must_cancel:  # it cancelled itself, and learns of it in its next wait
            task.must_cancel = False
            task.cancels -= 1
            self._cancel(state, number)
        return not task.waits

    def _wake_first(self, state: State) -> None:
        if state.lock_waiters:
            self._wake(state, state.lock_waiters[0])

    def _timer(self, state: State, seconds: int, what: str, number: int) -> None:
        state.timers.append((state.now + seconds, state.numbers, what, number))
        state.numbers += 1

    def _no_limit(self, state: State, number: int) -> None:
        state.timers = [timer for timer in state.timers if timer[2:] != ("limit", number)]
        state.ready = deque(entry for entry in state.ready if entry != ("limit", number))

    def _end(self, state: State, number: int) -> None:
        state.tasks[number].done = True
        state.ready.append(("done", number))


def compare(seed: int) -> tuple[Program, Counter[Found], Counter[Found]]:
    """Return a program, what the model says of it, and what every_order says."""
    program = draw(seed)
    found = every_order(real(program), orders=100_000, limit=60)
    assert found.complete, found.why
    real_ones = Counter[Found]()
    for outcome in found.outcomes:
        real_ones[outcome.kind, "" if outcome.kind == "deadlock" else outcome.text] += outcome.orders
    return program, Model(program).outcomes(), real_ones


def main(count: int) -> int:
    """Compare so many programs; print what differs, and return how many do."""
    begun, differ, orders = time.perf_counter(), 0, 0
    for seed in range(count):
        program, model, found = compare(seed)
        orders += found.total()
        if model != found:
            differ += 1
            print(f"seed {seed}: {program}\n  only the model: {model - found}\n  only every_order: {found - model}")
    print(f"{count:,} programs, {orders:,} orders, {differ} differ, {time.perf_counter() - begun:.0f} s")
    return differ


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) > 0)
