"""What a cell, or a program, did wrong with asyncio: `%load_ext course_lib.diagnostics`, or `diagnose(main)`.

From `%load_ext` to `%unload_ext` a cell is followed by what it did wrong, and by nothing where all is well. In a
program `diagnose(main)` stands in the place of `asyncio.run(main())`, and prints to stderr at the end. `%diagnostics`
shows what runs now, and `%diagnostics slow 0.5` says from how many seconds on a step is told.

**What it reports.** Faults:

- a coroutine that nobody awaited, with the line that made it
- an exception that nobody asked for, when its task has gone, with the lines that raised it and that made the task
- a task that nobody held, and that has gone in the middle of its work
- a step of a task that held the loop for 100 ms or more, with the line. A cell's own code may be slow; it is told only
  where another task stood ready meanwhile
- an asynchronous generator that was left in the middle, with the line that iterated it
- a task that was cancelled, and returned as if it had not been
- whatever else the loop's exception handler is told: a client session of aiohttp's that nobody closed, with the line
  that made it; a callback that failed

And, since the next cell may be about to see to it, what is no fault so far, once: tasks that still run, with the line
at which they wait, be it for a lock that never comes; tasks that have failed, and that somebody may yet ask; generators
that are still open; a coroutine that a cell's last line made, and that Jupyter keeps. Tasks that libraries made, and
what was told before, `%diagnostics` shows.

**How it knows.** A coroutine of a task is wrapped: the wrapper times each step, and sees a failure pass by. A thread
looks which line runs while a step lasts. Python notes for each coroutine the line that made it, and calls
`warnings._warn_unawaited_coroutine` with one that goes unawaited. The loop tells its exception handler of the rest, and
Python a hook of each generator. aiohttp's constructors are wrapped. Which cell a task is of, it inherits from whoever
created it.

**What can go wrong, and does not:**

- A failure comes to light two cells later, when its task dies: it is told after that cell, and names its own.
- Cells that are aborted after an error are never begun, and nobody waits for their end. What is found between two cells
  is told after the second.
- A step takes long because the machine has no time for the process: where no line was seen at work, and the processor
  was not busy with this process, nothing is told.
- A thousand failures: equal ones are counted, ten are told, and of the rest how many there are.
- Nobody is kept alive: what is found is noted as text, and what is alive is referred to weakly.
- Nobody's exception counts as asked for: `Task.exception()` is not called.
- The garbage collector is not called, but by `%diagnostics collect` or `diagnose(main, collect=True)`.
- Others set a task factory, an exception handler or hooks of their own, before or after: theirs and these both work.
  The methods of the loop are wrapped, not set; hooks and functions are chained.

**What it does not change.** Python's own warnings and asyncio's own messages appear as they would without it, and
neither debug mode, nor warning filters, nor `sys.unraisablehook`, nor the garbage collector is touched. `%unload_ext`
takes everything off; wrappers of tasks that run on, and what others have put on top, only pass on from then on. What a
program can see of it: `task.get_coro()` is the wrapper, `cr_origin` is there, and there is a thread more.

**What it cannot know:**

- What happens on another thread's loop, as in `simulate`. Of a coroutine that nobody awaits there, it is told where it
  is defined and where it was dropped, and not where it was made.
- What hides in a circle of references, until the collector comes.
- A line of C code that keeps the interpreter to itself: the two lines are told that it lies between.
- Whether data had arrived for a task that a cell kept waiting: only tasks whose turn or time had come count as ready.
- What a task does that no cell's code began, as a callback of a widget may, or that has an empty context of its own: it
  is not watched.
- Where a session was made in the cell that first imports aiohttp.
- That a limit was swallowed: `asyncio.timeout` takes its request back when its block ends.
- Whether a queue will grow for ever, or a lock never be free.
"""

from typing import Any

from course_lib.diagnostics import notebook
from course_lib.diagnostics.program import diagnose

__all__ = ["diagnose", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """Begin: what `%load_ext course_lib.diagnostics` calls."""
    notebook.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """End: what `%unload_ext course_lib.diagnostics` calls."""
    notebook.unload()
