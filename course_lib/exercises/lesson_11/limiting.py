"""Exercise 2: a test for a function that runs many calls, a few at a time."""

import inspect

from course_lib.exercises.implementations import Bug, Code, Right
from course_lib.exercises.lesson_11 import others, solutions, under_test
from course_lib.exercises.proving import Subject, TestExercise

TASKS = "            tasks = [group.create_task(one(call)) for call in calls]\n"
RESULTS = "return [task.result() for task in tasks]"
FAILURE = "        raise errors.exceptions[0] from None"
GATHER = "await asyncio.gather(*tasks)"
FINALLY = """\
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
"""


def _bug(what: str, lesson: str, *changes: tuple[str, str]) -> Bug:
    return Bug(what, lesson, Code(under_test.run_limited, changes))


def _other(what: str, lesson: str, *changes: tuple[str, str]) -> Bug:
    return Bug(what, lesson, Code(others.run_limited_by_gather, changes))


LIMITED = Subject(
    rights=[
        Right(Code(under_test.run_limited), "the task shows"),
        Right(Code(others.run_limited_by_workers), "has `limit` workers, who take one call after another"),
        Right(Code(others.run_limited_as_they_end), "begins a call when another has ended, a turn of the loop later"),
    ],
    bugs=[
        _bug(
            "lets one more than `limit` run",
            "Count how many of your calls are under way, and keep the maximum: it must be `limit`.",
            ("Semaphore(limit)", "Semaphore(limit + 1)"),
        ),
        _bug(
            "runs one after another",
            "A function that is never above the limit may be far below it. Assert that the maximum is reached, or when "
            "all is done.",
            ("Semaphore(limit)", "Semaphore(1)"),
        ),
        Bug(
            "works in batches, and waits for the slowest of each",
            "Calls that all take the same time cannot show it. Let the first take 3 s and the others 1 s, and look at "
            "`loop.time()` at the end.",
            Code(others.run_limited_in_batches),
        ),
        _bug(
            "returns the results in the order in which they came",
            "Calls that end in the order in which they began cannot show it: let the first take longest.",
            ("    slots =", "    results = []\n    slots ="),
            ("return await call()", "results.append(await call())"),
            (RESULTS, "return results"),
        ),
        _bug(
            "raises ValueError for an empty list",
            "Nothing to do is an input, too: `[]` gives `[]`.",
            (TASKS, f"{TASKS}            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)\n"),
        ),
        _bug(
            "returns a failure among the results",
            "Let one of three calls raise, and assert that the exception comes out.",
            (
                "            return await call()",
                "            try:\n                return await call()\n            except Exception as error:\n"
                "                return error",
            ),
        ),
        _bug(
            "lets the failure out in an ExceptionGroup",
            "The promise says: alone. Who writes `except OSError` does not catch a group: use "
            "`pytest.raises(OSError)`, and no wider class.",
            (FAILURE, "        raise"),
        ),
        _other(
            "leaves the others running when one fails",
            "The exception is right; what goes on behind it is not. Let one fail while another takes 9 s, and assert "
            "that none of your calls is under way when it comes out.",
            (FINALLY, f"    return {GATHER}\n"),
        ),
        _other(
            "cancels the others when one fails, and does not wait for their end",
            "Who is cancelled may need time to clean up. Let a call that is cancelled sleep a second before it ends, "
            "and count who is under way when the exception comes out.",
            ("        await asyncio.gather(*tasks, return_exceptions=True)\n", ""),
        ),
        _other(
            "leaves its calls running when it is cancelled",
            "Run it as a task, cancel it while two calls are under way, wait for its end, and count who still is.",
            (f"return {GATHER}", "return await asyncio.shield(asyncio.gather(*tasks))"),
            ("    finally:", "    except Exception:"),
            ("return_exceptions=True)\n", "return_exceptions=True)\n        raise\n"),
        ),
    ],
)

test_limited = TestExercise(
    lesson="lesson_11",
    task=f"""\
**Exercise 2: a test for `run_limited`.** Write `test_limited(run_limited)`, a test of this function:

```python
{inspect.getsource(under_test.run_limited).strip()}
```

- `calls` is a list of functions, each of which is called once and awaited: `await call()`. They begin in the order of \
the list.
- `limit` of them are under way at one time, no more; and no fewer while some have not begun.
- It returns the list of their answers, in the order of `calls`.
- If one fails, the others are cancelled, once. When they have ended, the exception comes out, alone, in no group. \
(The next in line may still begin, and is then cancelled, too.)
- Cancelled, it does the same, and ends cancelled. Nothing is left running. (When a failure and a cancellation meet, \
either may come out.)

{LIMITED.terms}""",
    reference=solutions.test_limited,
    grade=LIMITED.prove,
    hints=[
        "Write a function that makes a call: `call(seconds, answer)`. It counts how many are under way, keeps the "
        "maximum, sleeps, and returns the answer, or raises it.",
        "Four scenes: calls of unequal length, the first the longest; an empty list; a failure while others work; a "
        "cancellation. Assert answers, the maximum, `loop.time()`, and how many are under way at the end.",
        "A call that takes time to clean up: `except asyncio.CancelledError: await asyncio.sleep(1); raise`, and in a "
        "`finally` it counts itself out.",
    ],
)
