"""What to do about an error that a learner meets for the first time.

It is decided by the error's type, by the instruction that raised it, and by the objects at hand: Python's own words
for it differ from one version to the next.
"""

import asyncio
import dis
import inspect
from collections.abc import Iterable
from types import FrameType, TracebackType

ONE_BY_ONE = "gather takes coroutines one by one: gather(*coroutines)."
UNDER_WAY = "A future is under way already and needs no task: await it, or gather."
NOT_DONE = "The task is not done yet: await it."
NOT_AWAITABLE = "Only a coroutine, a task or a future can be awaited: is its () missing?"
TOO_OFTEN = (
    "task_done() came more often than get(). A worker that is cancelled while it waits at `get()` has nothing to "
    "report: `get()` belongs before the `try` whose `finally` reports."
)
FULL = (
    "The queue has a limit, and put_nowait does not wait for room: make the queue without `maxsize`, or `await "
    "queue.put(...)` while somebody takes from it."
)
EMPTY = "get_nowait does not wait: ask `queue.empty()` just before, with no `await` between, or `await queue.get()`."
ASYNC_WITH = "What may wait when it is entered or left needs `async with`."


def advice(error: BaseException) -> str:
    """Return a sentence that says what to do about `error`, which was raised; "" where there is nothing to add."""
    steps: list[TracebackType] = []
    step = error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    if not steps:
        return ""
    if isinstance(error, asyncio.InvalidStateError):
        return NOT_DONE if _asked_for_a_result(steps[-1]) else ""
    if isinstance(error, asyncio.QueueFull | asyncio.QueueEmpty):
        return FULL if isinstance(error, asyncio.QueueFull) else EMPTY
    if isinstance(error, ValueError) and steps[-1].tb_frame.f_code is asyncio.Queue.task_done.__code__:
        return TOO_OFTEN
    if not isinstance(error, TypeError):
        return ""
    for each in steps:
        if _got_what_is_no_awaitable(each.tb_frame):
            return ONE_BY_ONE
        if _makes_a_task_of_a_future(each.tb_frame):
            return UNDER_WAY
    return _of_instruction(_instructions(steps[-1])[-1])


def _got_what_is_no_awaitable(frame: FrameType) -> bool:
    """Return whether `frame` is a call of gather that got a list, or another collection, of what it takes."""
    if frame.f_code is not asyncio.gather.__code__:
        return False
    arguments = inspect.getargvalues(frame)
    given = arguments.locals[arguments.varargs] if arguments.varargs else ()
    return any(isinstance(each, Iterable) and not inspect.isawaitable(each) for each in given)


def _makes_a_task_of_a_future(frame: FrameType) -> bool:
    return frame.f_code.co_name == "create_task" and asyncio.isfuture(frame.f_locals.get("coro"))


def _asked_for_a_result(step: TracebackType) -> bool:
    """Return whether the call at `step` is one of result() or exception(); set_result() raises the same error."""
    called = {each.argval for each in _instructions(step)[-5:] if isinstance(each.argval, str)}
    return not called.isdisjoint(("result", "exception"))


def _of_instruction(raised_by: dis.Instruction) -> str:
    if raised_by.opname == "GET_AWAITABLE":
        return NOT_AWAITABLE
    entering = raised_by.opname == "LOAD_SPECIAL" and raised_by.argrepr in ("__enter__", "__exit__")  # from 3.14
    return ASYNC_WITH if entering or raised_by.opname == "BEFORE_WITH" else ""


def _instructions(step: TracebackType) -> list[dis.Instruction]:
    """Return the instructions of the code at `step` up to the one that raised."""
    every = dis.get_instructions(step.tb_frame.f_code)
    return [each for each in every if each.offset <= step.tb_lasti]  # it may lie in the room after an instruction
