"""Cancel everywhere: a coroutine function, cancelled at every moment at which its program suspends."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from course_lib.diagnostics.places import waiting_place
from course_lib.seeing import DeadlockError, SimulationError, Timeline, simulate
from course_lib.seeing.timeline.mains import check_main
from course_lib.seeing.timeline.trace import describe, task_name
from course_lib.testing.decorators import LANES, report, show_only_the_users
from course_lib.testing.leaks import LeakError, NoLeaks, is_errand
from course_lib.testing.stepping import Stepped

MOST = 1_000
Allow = Callable[["asyncio.Task[Any]"], Any]


class CancellationError(AssertionError):
    """A cancellation at one moment went wrong: the moment, what happened then, and the swimlane of that run."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was tried, all of it well: `points` moments (0, 1, ...), in so many `runs`, the first one uncancelled."""

    points: int
    runs: int

    def __str__(self) -> str:
        return f"cancelled at each of {self.points:,} moments, in {self.runs:,} runs: it ended so, and left nothing"


def cancel_everywhere(
    main: Callable[..., Coroutine[Any, Any, Any]],
    check: Callable[..., Any] | None = None,
    *,
    make: Callable[[], Any] | None = None,
    times: int = 2,
    allow: Allow | None = None,
    within: float | None = None,
    most: int = MOST,
) -> Cancelled:
    """Run a coroutine function on the virtual clock once for each moment at which it can be cancelled, cancelled there.

    A moment is a suspension of any task of the program, and before them main's first step. At each one main's task is
    cancelled as that task suspends, and in another run as what that task waits for arrives. Each time it must end with
    CancelledError, what `check` says must hold, and nothing may be left: no task, async generator, thread or socket.

    Args:
        main: the coroutine function, called without arguments; with what `make` made where that is given.
        check: is called after each run, also the uncancelled one, on the same loop, with what `make` made; it fails
            when it raises, or returns False. It may be a coroutine function: is the lock free again?
        make: makes what main works on, on the loop, anew for each run.
        times: up to how often main is cancelled in one run: again at its own next suspensions, while it cleans up.
        allow: is given main's task where it did not end cancelled; a true answer lets that pass.
        within: virtual seconds after the first cancellation by which main must have ended; None for any time.
        most: moments above which the program is refused, since each one is some runs.

    Raises CancellationError for the first moment that goes wrong; what main or check raises when nobody cancels it, and
    LeakError for what it leaves then; ValueError for a main that never suspends, or more often than `most`;
    SimulationError where it does not do the same each time.
    """
    __tracebackhide__ = True
    check_main(main, "cancel_everywhere")
    for name, value in (("times", times), ("most", most)):
        if value < 1:
            raise ValueError(f"{name}={value!r}: pass a whole number, 1 or more")
    scenario = _Scenario(main, check, make, allow, within)
    first = scenario.run(_Moments())
    if not 0 < first.count <= most:
        raise ValueError(
            f"main suspended {first.count:,} times: "
            + ("there is no moment at which it could be cancelled" if not first.count else _TOO_MANY.format(most))
        )
    for point in range(first.count + 1):
        for on_arrival in [False] if point in first.bare else [False, True]:
            for struck in range(1, times + 1):
                moments = scenario.run(_Moments(point, struck, on_arrival))
                if moments.struck < struck:
                    break  # it came to its end before it could be cancelled so often
    return Cancelled(first.count + 1, scenario.runs)


_TOO_MANY = "more than most={:,} moments are many runs. Make what it works on smaller, or pass most="


@dataclass
class _Moments:
    """Counts the suspensions of a program's tasks, and cancels main's task at number `point`, `times` times."""

    point: int | None = None
    times: int = 0
    on_arrival: bool = False
    task: "asyncio.Task[Any] | None" = None  # main's
    count: int = 0
    struck: int = 0
    at: float = 0.0  # when it was first cancelled, in virtual seconds
    bare: set[int] = field(default_factory=lambda: {0})  # moments at which nothing is waited for that could arrive
    told: list[str] = field(default_factory=list)

    def suspended(self, waits_for: "asyncio.Future[Any] | None") -> None:
        """Note that the current task suspends."""
        task = asyncio.current_task()
        if self.task is None or self.task.done() or task is None:
            return
        self.count += 1
        if waits_for is None:
            self.bare.add(self.count)
        if self.count == self.point or (0 < self.struck < self.times and task is self.task):
            self._strike_at(task, waits_for)

    def _strike_at(self, task: "asyncio.Task[Any]", waits_for: "asyncio.Future[Any] | None") -> None:
        place = f"\n    at {waiting_place(task.get_coro())}"
        who = "it" if task is self.task else task_name(task)
        if self.on_arrival and waits_for is not None:
            # Before the task's own callback: it has its result, and has not been resumed.
            waits_for.add_done_callback(lambda _: self.strike(f"as what {who} waited for arrived{place}"))
        else:
            self.strike(f"as {who} came to wait{place}")

    def strike(self, told: str) -> None:
        """Cancel main's task."""
        task = self.task
        if task is None or task.done():
            return
        now = asyncio.get_running_loop().time()
        if not self.struck:
            self.at = now
        self.struck += 1
        self.told.append(f"at {now:g} s, {told}")
        task.cancel()


class _Counted(Stepped):
    """One of the program's coroutines."""

    __slots__ = ("moments",)

    def __init__(self, coro: Coroutine[Any, Any, Any], moments: _Moments) -> None:
        super().__init__(coro)
        self.moments = moments

    def suspended(self, waits_for: "asyncio.Future[Any] | None") -> None:
        self.moments.suspended(waits_for)


@dataclass
class _Scenario:
    main: Callable[..., Coroutine[Any, Any, Any]]
    check: Callable[..., Any] | None
    make: Callable[[], Any] | None
    allow: Allow | None
    within: float | None
    runs: int = 0

    def run(self, moments: _Moments) -> _Moments:
        """Run main once, and raise where anything is wrong."""
        __tracebackhide__ = True
        self.runs += 1
        try:
            report(simulate(lambda: self._run(moments)), self.main)
        except BaseException as error:
            show_only_the_users(error)
            if not moments.told:
                raise
            if not isinstance(error, Exception):
                error.add_note(_cancelled(moments))
                raise
            raise _failure(moments, error) from (None if isinstance(error, _Wrong) else error)
        if moments.point is not None and not moments.told and not moments.on_arrival:
            raise SimulationError(
                f"main does not do the same each time: it was to be cancelled at moment {moments.point}, and ended "
                f"after {moments.count}. Let `make` make all that it works on"
            )
        return moments

    async def _run(self, moments: _Moments) -> None:
        loop = asyncio.get_running_loop()
        before: Any = loop.get_task_factory()

        def counting(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
            counted = asyncio.iscoroutine(coro) and not is_errand(coro)
            return before(loop, _Counted(coro, moments) if counted else coro, **kwargs)

        async with NoLeaks():
            given = () if self.make is None else (self.make(),)
            loop.set_task_factory(counting)
            moments.task = task = loop.create_task(self.main(*given))
            if moments.point == 0:
                moments.strike("before its first step")
            await asyncio.wait([task])
            loop.set_task_factory(before)
            self._judge(task, moments, loop.time())
            if self.check is not None:
                said = self.check(*given)
                if inspect.iscoroutine(said):
                    said = await loop.create_task(said, name="check")  # so that it is drawn, and where it waits is told
                if said is False:
                    raise _Wrong("check returned False")

    def _judge(self, task: "asyncio.Task[Any]", moments: _Moments, now: float) -> None:
        if not moments.struck:
            task.result()
            return
        if not task.cancelled() and not (self.allow is not None and self.allow(task)):
            if error := task.exception():
                raise _Wrong(f"it ended with {describe(error)}, not with CancelledError") from error
            raise _Wrong(f"it returned {task.result()!r:.60}, and the cancellation was lost")
        if self.within is not None and now - moments.at > self.within + 1e-9:
            raise _Wrong(f"it ended {now - moments.at:g} s later, and may take {self.within:g} s (within)")


class _Wrong(AssertionError):
    """What went wrong, of which a CancellationError tells."""


def _failure(moments: _Moments, error: Exception) -> CancellationError:
    what = f"then {describe(error)}"
    if isinstance(error, _Wrong | LeakError):
        what = str(error)
    elif isinstance(error, DeadlockError):
        what = f"then every task waited, and nothing was left that could wake one: {error.where}"
    failure = CancellationError(f"{what}\n{_cancelled(moments)}")
    timeline: Timeline | None = getattr(error, "timeline", None)
    if timeline is not None:
        failure.add_note(f"\n{timeline.text(lanes=LANES)}")
    return failure


def _cancelled(moments: _Moments) -> str:
    return "\n".join(f"  cancelled {'again ' * bool(number)}{told}" for number, told in enumerate(moments.told))
