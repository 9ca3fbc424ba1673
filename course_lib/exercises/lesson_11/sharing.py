"""Exercise 3: a test for a cache that loads each key once, however many ask."""

import inspect

from course_lib.exercises.implementations import Bug, Code, Right
from course_lib.exercises.lesson_11 import others, solutions, under_test
from course_lib.exercises.proving import Subject, TestExercise

FORGET = "if task.cancelled() or task.exception():"


def _bug(what: str, lesson: str, *changes: tuple[str, str]) -> Bug:
    return Bug(what, lesson, Code(under_test.share, changes))


SHARE = Subject(
    rights=[
        Right(Code(under_test.share), "the task shows"),
        Right(Code(others.share_two_dictionaries), "keeps values and tasks apart"),
        Right(Code(others.share_waiting_lists), "gives each asker a future of its own, a turn of the loop later"),
    ],
    bugs=[
        _bug(
            "keeps nothing",
            "Ask for a key, and when you have its value once more: the list of loads must not grow.",
            (FORGET, "if True:"),
        ),
        Bug(
            "loads a key twice when two ask at the same time",
            "Askers that come one after another cannot show it. Let two ask together, by `gather`, and count the "
            "loads.",
            Code(others.share_values_alone),
        ),
        _bug(
            "loads a falsy value again",
            "0, an empty list and None are values, too: load one, ask again, and count.",
            ("if key not in loads:", "if key not in loads or (loads[key].done() and not loads[key].result()):"),
        ),
        Bug(
            "makes one key wait for another",
            "Ask for two keys together: when each takes a second, both are there after one.",
            Code(others.share_one_lock),
        ),
        _bug(
            "keeps a failure for ever",
            "Let a load fail, mend what it loads, and ask again.",
            (FORGET, "if task.cancelled():"),
        ),
        Bug(
            "tells a failure to the first asker, and lets the others wait for ever",
            "Let two ask for a key whose load fails: `gather(..., return_exceptions=True)` gives what each of "
            "them got.",
            Code(
                others.share_waiting_lists,
                [
                    (
                        "            for future in waiting.pop(key):\n                if not future.done():\n"
                        "                    future.set_exception(error)",
                        "            waiting.pop(key)[0].set_exception(error)",
                    )
                ],
            ),
        ),
        Bug(
            "loads again, for one after another, when a load fails that several wait for",
            "All of them got an exception, but from how many loads? Let two ask together for a key that fails, and "
            "count.",
            Code(others.share_a_lock_a_key),
        ),
        _bug(
            "cancels the load, and with it all who wait, when one of them is cancelled",
            "Let two ask for a key, cancel one of them while it is loaded, and assert what the other gets.",
            ("asyncio.shield(loads[key])", "loads[key]"),
        ),
        Bug(
            "lets the others wait for ever when the first asker is cancelled",
            "You cancelled one who came later? The first, who began the load, is another case: cancel each of them, in "
            "turn.",
            Code(others.share_the_first_ones_load),
        ),
    ],
)

test_share = TestExercise(
    lesson="lesson_11",
    task=f"""\
**Exercise 3: a test for `share`.** Write `test_share(share)`, a test of this function:

```python
{inspect.getsource(under_test.share).strip()}
```

- `get = share(load)` makes a cache, and `await get(key)` gives what `await load(key)` gives.
- A key is loaded once. Whoever asks for it while it is loaded waits for that load; later, its value is there at once. \
A value may be anything.
- One key never waits for another.
- If the load fails, all who wait for it get its exception, and it is not kept: who asks later begins a new load.
- Who is cancelled stops waiting, at once. The load goes on for the others.

{SHARE.terms}""",
    reference=solutions.test_share,
    grade=SHARE.prove,
    hints=[
        "Write a `load` that appends its key to a list, sleeps a second, and then returns a value from a dictionary, "
        "or raises it if it is an exception.",
        "Scenes: two ask for the same key together, and a third for another; all ask again; two wait for a load that "
        "fails, and one asks later; two wait, and one of them is cancelled. After each, look at the list of loads.",
        "Make two tasks of `get(key)`, sleep half a second, cancel one of them, `await asyncio.wait(tasks)`. Assert "
        "that the one is cancelled and that the other has the value. Then the same with a new key, and the other one.",
    ],
)
