"""Any asyncio program, unchanged, under the recorder: `python -m course_lib trace program.py [arguments]`.

The program runs in a process of its own, by the interpreter that has its packages. At its end, however it comes, there
is a text (what happened, as a swimlane; what held the loop longest, with the line; what was left behind) and one HTML
file with the same as a picture to zoom into.

    python -m course_lib trace --tick 0.1 program.py        one column a tenth of a second: the same text in every run
    python -m course_lib trace -m package arguments         a module
    python -m course_lib trace --python PATH program.py     the Python that has the program's packages

Without `--python` it is that of an active virtual environment, else the course's.

**What is promised:**

- The program is what it would be: its `__main__`, path, arguments, input, output, traceback and exit status, also by
  signal. Ctrl+C reaches it as usual; the report comes after it.
- Every loop that it runs, one after another or in several threads, and every task, whoever makes it, is seen: also
  where the program sets a task factory, or a server makes its tasks by `asyncio.Task(...)`.
- The totals are exact, and of the whole run: tasks made, done, failed, cancelled, left; blocks. The swimlane is of the
  last seconds (60 unless `--last` says otherwise), and at most of half a million steps; what is left out is said.
- Memory and disk have a limit, however long the program runs: what has ended is written to a file and forgotten.
- A program that is killed has told its story up to its last quarter of a second; the report says that an end is
  missing, and which line held the loop then.

**How it knows.** `asyncio.Task` is a class of its own that wraps the coroutine it is given; the wrapper notes when each
step begins and ends. Around the selector's `select` a turn of the loop is timed, so that callbacks that block are seen,
too. A thread looks every 10 ms which line runs, and writes down every 250 ms what was noted. Python tells of coroutines
that nobody awaited, and the loop's exception handler of the rest. Nothing but the standard library is needed.

**What can go wrong, and does not:** a task that the program makes has no frame of the recorder in its traceback;
`task.get_coro()` is the program's own coroutine; a forked child is not traced, and writes nothing; a step that took
long because the machine had no time for the process is no block; exceptions do not count as asked for.

**What it cannot know:** processes that the program starts; loops that are not asyncio's (trio's); callbacks on loops
without a selector (uvloop's), where only steps of tasks are timed; what another library puts in the place of
`asyncio.Task` later (nest_asyncio). What a program can see of it: a thread more, course_lib among its modules, and in
asyncio's debug mode frames of the recorder among those that say where a handle was made.
"""
