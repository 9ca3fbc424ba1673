"""Exercise 3: a task factory that counts, and changes nothing for the tasks."""

import asyncio
import inspect
from collections.abc import Coroutine, Sequence
from contextvars import ContextVar, copy_context
from types import CodeType
from typing import Any

from course_lib.exercises.causes import hint
from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, run
from course_lib.exercises.lesson_02 import as_found, solutions
from course_lib.exercises.places import raised_kind
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline

ROUNDS = 8
NAME = "the one with a context"

_marked: ContextVar[str] = ContextVar("marked", default="lost")


class Program:
    """A program whose tasks are counted: some return, some fail, two are cancelled; and what became of them.

    Args:
        values: what the tasks return that are awaited one after another.
        failures: what the tasks raise that fail.
    """

    def __init__(self, values: Sequence[Any], failures: Sequence[Exception]) -> None:
        self.values, self.failures = values, failures
        self.created = len(values) + len(failures) + 3
        self.ended = False
        self.before: Any = None  # the factory that was there

    async def main(self) -> None:
        """Run the tasks, and note what became of each."""
        loop = asyncio.get_running_loop()
        self.factory: Any = loop.get_task_factory()
        begun = loop.time()

        async def page(value: Any) -> Any:
            await asyncio.sleep(0.5)
            return value

        async def marked() -> str:
            return _marked.get()

        async def fails(error: Exception) -> None:
            raise error

        # One after another: each is gone before the next is made.
        self.returned = [await _task(page(value)) for value in self.values]
        context = copy_context()
        context.run(_marked.set, "kept")
        told = _task(marked(), context=context, name=NAME)
        self.context, self.name = await told, told.get_name()
        failed = [_task(fails(error), name="the failed one") for error in self.failures]
        cancelled = _task(page(1), name="the cancelled one")
        await asyncio.sleep(0)
        never_begun = page(2)
        at_once = _task(never_begun, name="the one cancelled at once")
        for task in (cancelled, at_once):
            task.cancel()
        await asyncio.wait([*failed, cancelled, at_once])
        self.cancelled = [task.cancelled() for task in (cancelled, at_once)]
        self.raised = [task._exception for task in failed]  # not .exception(): that would be asking for it
        self.closed = inspect.getcoroutinestate(never_begun) == inspect.CORO_CLOSED
        self.took = loop.time() - begun
        self.ended = True


def _task(coro: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Task[Any]:
    """Make a task; where the learner's factory fails, close the coroutine: not they forgot to await it."""
    try:
        return asyncio.create_task(coro, **kwargs)
    except BaseException:
        coro.close()
        raise


def _grade_count_tasks(count_tasks: Answer) -> str:
    program = Program(["page"] * 4, [ValueError("no such page")])
    _counted(count_tasks, program)
    chance = Chance("count_tasks")
    for _ in range(ROUNDS):
        values = [chance.value("page") for _ in range(chance.number(0, 5))]
        _counted(count_tasks, Program(values, [chance.failure("a task") for _ in range(chance.number(1, 3))]))
    _however_main_ends(count_tasks)
    if not _takes_keywords(program.factory):
        raise Wrong(
            "In this Python your task factory gets by with the keywords that it names. A later one passes more of "
            "them: take **kwargs, and pass them on."
        )
    if not program.closed:
        raise Wrong(
            "A task was cancelled before its first step, so the coroutine around its own never began, and Python warns "
            "that the task's own was never awaited. Close it when the task is done: `coro.close()` in a done callback."
        )
    return "Counted right, and the program noticed nothing: keywords, exceptions and the factory are as they were."


def _counted(count_tasks: Answer, program: Program) -> None:
    async def alone() -> float:
        plain = Program(program.values, program.failures)
        await plain.main()
        return plain.took

    async def counted() -> tuple[Any, bool]:
        loop = asyncio.get_running_loop()
        program.before = loop.get_task_factory()
        counts = await count_tasks(program.main)
        return counts, loop.get_task_factory() is program.before

    needed = run(alone).result
    try:
        timeline = run(counted)
    except Wrong as wrong:
        if isinstance(wrong.error, TypeError) and not _takes_keywords(program.factory):
            raise Wrong(
                f"create_task(..., context=...) broke: {wrong.error}. A task factory is called with keywords, more of "
                "them in each Python: take **kwargs, and pass them on.",
                wrong.timeline,
            ) from None
        if isinstance(wrong.error, RecursionError):
            raise Wrong(
                f"{wrong} create_task asks the factory again: make the task with asyncio.Task.", wrong.timeline
            ) from None
        raise
    counts, put_back = timeline.result
    _numbers(counts, program, timeline, count_tasks)
    if not put_back:
        raise Wrong(
            "After your function returned, the task factory that was there before was not back. Put it back.", timeline
        )
    if program.took != needed or timeline.end > needed:
        raise Wrong(
            f"main() takes {needed:g} s by itself. Being counted, it took {program.took:g} s, and your function "
            f"{timeline.end:g} s: counting must not wait for anything.",
            timeline,
        )


def _numbers(got: Any, program: Program, timeline: Timeline, count_tasks: Answer) -> None:
    if not isinstance(got, tuple | list) or len(got) != 2 or not all(isinstance(number, int) for number in got):
        if got is None:
            raise Wrong(returned_none(count_tasks), timeline)
        raise Wrong(f"Return two numbers, created and failed; you returned {shown(got)}.", timeline)
    created, failed = got
    if not program.ended:
        raise Wrong("main() was not awaited to its end.", timeline)
    if program.returned != program.values or program.context is None:
        raise Wrong(
            "A task lost its result: whoever awaits in its place must return it, `return await coro`.", timeline
        )
    if program.context != "kept":
        raise Wrong(
            "A task was given a context, and did not run in it: pass the keywords on to asyncio.Task.", timeline
        )
    if program.name != NAME:
        raise Wrong("A task was given a name, and lost it: pass the keywords on to asyncio.Task.", timeline)
    if created != program.created:
        raise Wrong(
            f"main created {program.created} tasks, you counted {created}.{_why_not(created, program, count_tasks)}",
            timeline,
        )
    for raised, error in zip(program.raised, program.failures, strict=True):
        if raised is None:
            raise Wrong(
                "A task that failed looks as if it had not: its exception must go on after you saw it.", timeline
            )
        if raised is not error:
            raise Wrong(
                f"A task failed with {type(error).__name__}, and whoever awaits it gets {raised_kind(raised)}: "
                f"{raised}. Let the task's own exception go on. {hint(raised)}".rstrip(),
                timeline,
            )
    if not all(program.cancelled):
        raise Wrong(
            "A task was cancelled, and did not end cancelled: let CancelledError through, it is no Exception.", timeline
        )
    if failed != len(program.failures):
        raise Wrong(
            f"{_tasks(len(program.failures))} failed, and two were cancelled, which is no failure; you counted "
            f"{failed} failed. What failed raised {', '.join(type(each).__name__ for each in program.failures)}.",
            timeline,
        )
    if not any("nobody asked for the exception" in note for note in timeline.notes):
        raise Wrong(
            "Nobody asked for the exception of a task that failed, and asyncio no longer says so: `task.exception()` "
            "counts as asking. See the exception pass by instead, in a coroutine around the task's own.",
            timeline,
        )


def _however_main_ends(count_tasks: Answer) -> None:
    error = ZeroDivisionError("main's own")

    async def broken() -> None:
        raise error

    async def endless() -> None:
        await asyncio.sleep(60)

    async def program() -> tuple[BaseException | None, bool, bool, bool]:
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        found: list[Any] = []
        for main in (broken, endless):
            task = loop.create_task(count_tasks(main), name="count_tasks")
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
            found += [None if task.cancelled() else task.exception(), task.cancelled()]
            found.append(loop.get_task_factory() is before)
            loop.set_task_factory(before)
        raised, _, back, _, cancelled, back_then = found
        return raised, back, cancelled, back_then

    timeline = run(program)
    raised, back, cancelled, back_then = timeline.result
    if raised is not error:
        raise Wrong(
            f"main() raised {type(error).__name__}, and your function "
            f"{f'raised {raised_kind(raised)}' if raised else 'returned'}: pass main's own exception on.",
            timeline,
        )
    if not back:
        raise Wrong("When main() raised, the old task factory was not put back: do it in a `finally`.", timeline)
    if not cancelled:
        raise Wrong("Your function was cancelled while main() ran, and did not end cancelled.", timeline)
    if not back_then:
        raise Wrong(
            "When your function was cancelled, the old task factory was not put back: do it in a `finally`.", timeline
        )


def _tasks(number: int) -> str:
    return "One task" if number == 1 else f"{number} tasks"


def _why_not(created: int, program: Program, count_tasks: Answer) -> str:
    if 0 < created < program.created and "id" in _names(count_tasks.__code__):
        return " The id of a task that is gone is given to the next one: count, or number them."
    if created == 0 and program.factory is program.before:
        return " While main ran, the factory was still the old one: set yours before you await main()."
    return " The factory is called once for each task: count there." if created == 0 else ""


def _names(code: CodeType) -> set[str]:
    """Return the global names that a function uses, with those of the functions in it."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _takes_keywords(factory: Any) -> bool:
    parameters = inspect.signature(factory).parameters.values()
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


count_tasks = Exercise(
    lesson="lesson_02",
    task=f"""\
**Exercise 3: bug hunt.** Mend `count_tasks(main)`.

```python
{inspect.getsource(as_found.count_tasks).strip()}
```

- It awaits `main()` and returns two numbers: how many tasks were created meanwhile, and how many of them failed.
- It does so with a task factory, as the article's monitor does, and has the same defects. There are four or more.
- Being counted must change nothing for the tasks: what they are given, what they return, how and when they end (one may
  be cancelled before its first step), and that asyncio complains of an exception that nobody asked for.
- However `main` ends, the old factory is put back, and `main`'s exception goes on.""",
    reference=solutions.count_tasks,
    grade=_grade_count_tasks,
    hints=[
        "Run it, and mend what the first sentence says. `**kwargs` in a function's parameters takes every keyword.",
        "How long does `id(task)` stand for that task? What does `task.exception()` do, besides returning something?",
        "Wrap the coroutine: `async def watched(coro)` with `try: return await coro`, then `except Exception`, count, "
        "`raise`.",
        "Cancelled before its first step, a task never enters the coroutine around its own, which then was never "
        "awaited: `task.add_done_callback(lambda _: coro.close())`.",
        "`before = loop.get_task_factory()` at the start, and `loop.set_task_factory(before)` in a `finally`.",
    ],
)
