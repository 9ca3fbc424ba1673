"""Exercise 1: a test for a function that tries again."""

import inspect

from course_lib.exercises.implementations import Bug, Code, Right
from course_lib.exercises.lesson_11 import others, solutions, under_test
from course_lib.exercises.proving import Subject, TestExercise


def _bug(what: str, lesson: str, *changes: tuple[str, str]) -> Bug:
    return Bug(what, lesson, Code(under_test.retry, changes))


RETRY = Subject(
    rights=[
        Right(Code(under_test.retry), "the task shows"),
        Right(Code(others.retry_counting_down), "counts its attempts down"),
        Right(Code(others.retry_in_tasks), "runs each call in a task of its own, and needs more turns of the loop"),
    ],
    bugs=[
        _bug(
            "calls once more than it may",
            "Let every call fail, and count them: with `attempts=3` there are three calls, not four.",
            ("range(attempts)", "range(attempts + 1)"),
            ("attempt == attempts - 1", "attempt == attempts"),
        ),
        _bug(
            "returns None when every attempt has failed",
            "A failure that nobody hears of is the worst kind. When all calls fail, assert that the exception comes "
            "out: a `try` without an `else` lets a return pass; `pytest.raises` does not.",
            ("                raise\n", "                return None\n"),
        ),
        _bug(
            "takes every exception for a failure of the line",
            "A ValueError will not get better by waiting. Let a call raise one, and assert that it comes out after one "
            "call.",
            ("except OSError", "except Exception"),
        ),
        _bug(
            "pauses 1, 2, 3 times `pause`, and not 1, 2, 4",
            "The first two pauses are the same either way. Note `loop.time()` at each call, for four calls: on the "
            "virtual clock these times are exact.",
            ("pause * 2**attempt", "pause * (attempt + 1)"),
        ),
        _bug(
            "pauses once more after the last failure",
            "The exception is right, and comes late. Look at `loop.time()` when it has come out.",
            ("            if attempt == attempts - 1:\n                raise\n", ""),
            (
                "            await asyncio.sleep(pause * 2**attempt)",
                "            await asyncio.sleep(pause * 2**attempt)\n            if attempt == attempts - 1:\n"
                "                raise",
            ),
        ),
        _bug(
            "holds the loop while it pauses",
            "Alone it looks right: its own times are. Let another task run beside it during a pause, and assert when "
            "that one had its turn.",
            ("await asyncio.sleep(", "__import__('time').sleep("),
        ),
        _bug(
            "calls again when it is cancelled during a call",
            "Run it as a task, cancel that while a call is under way, and assert that it ends cancelled, after one "
            "call.",
            ("except OSError", "except (OSError, asyncio.CancelledError)"),
        ),
        _bug(
            "goes on when it is cancelled during a pause",
            "A cancellation strikes wherever a task waits, and here are two such places: during a call, and during a "
            "pause. Cancel it in each.",
            (
                "            await asyncio.sleep(pause * 2**attempt)",
                "            try:\n                await asyncio.sleep(pause * 2**attempt)\n"
                "            except asyncio.CancelledError:\n                pass",
            ),
        ),
    ],
)

test_retry = TestExercise(
    lesson="lesson_11",
    task=f"""\
**Exercise 1: a test for `retry`.** Write `test_retry(retry)`, a test of this function:

```python
{inspect.getsource(under_test.retry).strip()}
```

- `await retry(call, attempts, pause)` awaits `call()` and returns its answer.
- When a call raises an `OSError`, it calls again: `attempts` calls at most. Before the second it sleeps `pause` \
seconds, before the third twice as long, then four times, and so on.
- The last failure comes out at once. So does any other exception, and a cancellation, whenever it comes.
- While it waits, others run.

{RETRY.terms} You write `call`: what it does, and what it notes. `pytest` can be imported.""",
    reference=solutions.test_retry,
    grade=RETRY.prove,
    hints=[
        "Write a function that makes a `call`: it takes a list, gives its items one after another, raises those that "
        "are exceptions, and notes `asyncio.get_running_loop().time()` in a list.",
        "Four scenes: failures, then an answer; nothing but failures; a ValueError; a cancellation. In "
        "each assert what came out, and at which times the calls began.",
        "For a cancellation: `task = asyncio.create_task(retry(...))`, `await asyncio.sleep(0.5)`, `task.cancel()`, "
        "`await asyncio.wait([task])`, `assert task.cancelled()`. Once during a call, once during a pause. The sleep "
        "of the test shows, too, whether others run: look at the time after it.",
    ],
)
