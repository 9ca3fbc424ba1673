"""Tasks that somebody holds: `async with TaskManager() as tasks` (article, common problems, 3).

The article keeps tasks in a WeakSet, against memory that grows (L1420). A task that waits for something only itself
refers to is then held by nobody, and the garbage collector takes it in the middle of its work. What lets memory grow
is keeping *finished* tasks: here a task is held until it is done, and not longer.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from course_lib.lifecycle.checks import check_count, check_hook

T = TypeVar("T")
KEPT = 100  # failures to be raised at the end; a block that stays open for weeks must not collect tracebacks for ever


class TaskManager:
    """Holds tasks until they are done, tells of every failure, and ends with its block what is left.

    Args:
        limit: how many coroutines run at once, from 1; the others wait, in the order in which they were added. None
            sets no limit. A task that waits for another one of the same manager keeps its place meanwhile: with a
            limit, that can wait for ever. A task that waits is cheap and not free: for input without end take a fixed
            set of workers on a queue.
        at_end: what the end of the block does with what is left: "wait" for it, and for what it adds meanwhile, or
            "cancel" it and wait until it has cleaned up. A block that raises or is cancelled always cancels.
        on_failure: a plain function, called with the task and its exception as soon as a task fails; the failure is
            then dealt with. Without it a failure goes at once to the loop's exception handler, which logs it, and the
            end of the block raises all of them in an ExceptionGroup (of more than 100, the first 100). What on_failure
            raises goes to that handler too, and then the failure counts as not dealt with.

    A failure is told also where somebody awaits the task. A cancelled task has not failed. What the block itself raises
    comes out as it is, with a note where tasks failed as well; a cancellation, whenever it comes, is passed on after
    what is left has ended, and no failure takes its place. The block cancels a task once; asyncio.run, where it ends
    early, does so too: a clean-up that waits is safe in `lifecycle.finish`. A task that refuses to end is waited for.

    When to take it, and when asyncio.TaskGroup:

    - For parts of one result take TaskGroup: the first failure cancels the others and the block, because the rest is
      for nothing. For work that is independent, such as the background jobs of a service, take TaskManager: after a
      failure the others go on, and the block never notices.
    - TaskGroup tells of failures at its end, which is soon; TaskManager at once, because its end may be weeks away.
    - TaskGroup starts whatever it is given; TaskManager can have a limit.
    - TaskGroup waits at its end; TaskManager waits or cancels.
    - TaskGroup makes its tasks; TaskManager takes finished and running ones, too, made elsewhere.
    - Both hold their tasks only as long as something holds the task whose block it is, as asyncio.run holds its own.

    Raises TypeError and ValueError for arguments without sense.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        at_end: Literal["wait", "cancel"] = "wait",
        on_failure: Callable[[asyncio.Task[Any], BaseException], object] | None = None,
    ) -> None:
        if limit is not None:
            check_count("limit", limit, 1, "None sets no limit")
        if at_end not in ("wait", "cancel"):
            raise ValueError(f'at_end={at_end!r:.60}: pass "wait" or "cancel", what to do with tasks that are left')
        if on_failure is not None:
            check_hook("on_failure", on_failure)
        self._turns = None if limit is None else asyncio.Semaphore(limit)
        self._at_end = at_end
        self._on_failure = on_failure
        self._tasks: dict[asyncio.Task[Any], None] = {}  # a set with an order: they are cancelled as they were added
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state: Literal["new", "open", "cancelling", "ended"] = "new"
        self._failures: list[BaseException] = []
        self._failed = 0

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done yet, those that wait for their turn included, in the order of add_task."""
        return [task for task in self._tasks if not task.done()]

    def add_task(self, task: Coroutine[Any, Any, T] | asyncio.Task[T], *, name: str | None = None) -> asyncio.Task[T]:
        """Start a coroutine as a task, or take over a task that somebody else started, and return the task.

        Args:
            task: a coroutine, or, where there is no limit, a task of this loop.
            name: of the task, for logs and pictures.

        Raises TypeError for what is neither; ValueError for a task of another loop, and for any task where there is a
        limit, since it runs already; RuntimeError outside of the block, while its tasks are being cancelled, and
        anywhere but on the loop that the block is on. A coroutine that is refused is closed.
        """
        try:
            loop = self._check(task)
        except BaseException:
            _close(task)  # it never runs: no second message about that
            raise
        if isinstance(task, asyncio.Task):
            held = task
            if name is not None:
                held.set_name(name)
        elif self._turns is None:
            held = loop.create_task(task, name=name)
        else:
            held = loop.create_task(_in_turn(self._turns, task), name=name)
        if held not in self._tasks:
            self._tasks[held] = None
            # The coroutine goes along because a task that is cancelled before its turn has never begun it.
            held.add_done_callback(functools.partial(self._done, None if held is task else task))
        return held

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise RuntimeError("this TaskManager has had its block: make a new one, async with TaskManager() as tasks")
        self._loop = asyncio.get_running_loop()
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end(cancel=error is not None or self._at_end == "cancel")
        # Forgotten here: a task's frames often lead to its manager, and from there they would lead back to its error.
        failures, self._failures = self._failures, []
        if not failures:
            return
        summary = f"{self._failed} task{'s' * (self._failed != 1)} of a TaskManager failed"
        if error is None:
            more = "" if self._failed == len(failures) else f"; the first {len(failures)} are here, all were logged"
            raise BaseExceptionGroup(summary + more, failures)
        if not isinstance(error, asyncio.CancelledError):
            error.add_note(f"Meanwhile {summary}, and went to the loop's exception handler.")

    async def _end(self, *, cancel: bool) -> None:
        """Wait until no task is left, having cancelled them if told to, or if this task is cancelled meanwhile."""
        cancellation = None
        # Without this task: who adds itself, or is added and closes the manager, must not wait for itself.
        while rest := [task for task in self._tasks if task is not asyncio.current_task()]:
            if cancel and self._state == "open":  # once: a second request would interrupt their clean-up
                self._state = "cancelling"
                for task in rest:
                    task.cancel()
            try:
                await asyncio.wait(rest)
            except asyncio.CancelledError as error:
                # Without the traceback: asyncio's frames lead to this task from 3.14 on.
                cancellation, cancel = error.with_traceback(None), True
        self._state = "ended"
        if cancellation is not None:
            self._failures.clear()  # told already
            try:
                raise cancellation
            finally:
                del cancellation  # its traceback leads to this frame

    def _check(self, task: Any) -> asyncio.AbstractEventLoop:
        """Return the loop, or raise for what add_task cannot take, or not now."""
        if not isinstance(task, Coroutine | asyncio.Task):
            raise TypeError(f"task={task!r:.60} is neither a coroutine nor a task: {_instead(task)}")
        if self._loop is None:
            raise RuntimeError("add_task() before the block: call it inside async with TaskManager() as tasks")
        if self._state == "ended":
            raise RuntimeError("add_task() after the end of the block: add it before, or open another TaskManager")
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self._loop:
            where = "where no event loop runs" if running is None else "in another event loop"
            raise RuntimeError(
                f"add_task() {where}: call it in a coroutine of the block's loop; from a thread, "
                "loop.call_soon_threadsafe(lambda: tasks.add_task(work()))"
            )
        if self._state == "cancelling":
            raise RuntimeError(
                "add_task() while the tasks of this TaskManager are being cancelled: do what is left to do in the task "
                'itself; if it may take its time, at_end="wait"'
            )
        if isinstance(task, asyncio.Task) and task.get_loop() is not self._loop:
            raise ValueError(f"task {task.get_name()!r} is of another event loop: pass a coroutine, to be run in this")
        if isinstance(task, asyncio.Task) and self._turns is not None:
            raise ValueError(
                f"task {task.get_name()!r} runs already, so that it cannot wait for its turn: pass the coroutine"
            )
        return self._loop

    def _done(self, work: Any, task: asyncio.Task[Any]) -> None:
        """Let a task go, and tell if it failed."""
        del self._tasks[task]
        _close(work)
        error = None if task.cancelled() else task.exception()
        # asyncio has thrown these two out of the loop already, and whoever runs the loop ends what is left.
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
            return
        context = {"message": "a task of a TaskManager failed", "exception": error, "task": task}
        if self._on_failure is not None:
            try:
                self._on_failure(task, error)
                return
            except Exception as second:  # noqa: BLE001  # it goes to the handler, and the failure with it
                task.get_loop().call_exception_handler({"message": "on_failure raised", "exception": second})
        task.get_loop().call_exception_handler(context)
        self._failed += 1
        if len(self._failures) < KEPT:
            self._failures.append(error)


def _in_turn(turns: asyncio.Semaphore, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """Return a coroutine that runs `work` when there is a place for it, and goes by its name."""

    async def in_turn() -> T:
        async with turns:
            return await work

    waiting: Any = in_turn()
    waiting.__qualname__ = getattr(work, "__qualname__", waiting.__qualname__)
    return waiting  # type: ignore[no-any-return]


def _close(work: Any) -> None:
    """Close a coroutine that nobody has begun, and nobody will, so that Python does not miss an await."""
    if inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
        work.close()


def _instead(value: Any) -> str:
    if inspect.isasyncgen(value):
        return "add a coroutine that goes through it with async for"
    if inspect.isawaitable(value):
        return "add a coroutine that awaits it"
    if callable(value):
        return f"call it, add_task({getattr(value, '__name__', 'work')}())"
    return "pass the call of a function written with async def, add_task(work())"
