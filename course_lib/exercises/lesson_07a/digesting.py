"""Exercise 4: a plain call that takes long, off the loop."""

import inspect
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest.mock import patch

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing, elsewhere, leaves
from course_lib.exercises.lesson_07a import as_found, solutions
from course_lib.exercises.lesson_07a.scenes import Call, Plan
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown

ROUNDS = 4
MOST = 4  # files: a machine with one processor has five threads for to_thread


class Digest:
    """A plain function that takes long, by its argument, and where it ran."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.seconds = seconds
        self.threads: list[int] = []
        self.on_the_loop = False

    def __call__(self, text: str) -> str:
        """Return the digest of a text."""
        if inspect.iscoroutine(text) or text not in self.seconds:
            raise Wrong(f"You gave `digest` {shown(text, 60)}, and it takes a text that `await read(file)` gave.")
        self.on_the_loop = self.on_the_loop or not elsewhere()
        self.threads.append(threading.get_ident())
        time.sleep(self.seconds[text])
        return f"digest of {text}"


def _refuse_processes(*_: Any, **__: Any) -> None:
    raise Wrong(
        "You gave `digest` to a process pool, and what runs in another process cannot be tested here. This `digest` "
        "lets go of the GIL: threads are enough."
    )


def _grade_digest_all(digest_all: Answer) -> str:
    _digested(digest_all, {"a.txt": (1, 2), "b.txt": (2, 2)})
    _digested(digest_all, {"a.txt": (3, 1), "b.txt": (1, 1), "c.txt": (1, 3)})
    _digested(digest_all, {})
    chance = Chance("digest_all")
    for _ in range(ROUNDS):
        names = chance.some(["a.txt", "b.txt", "c.txt", "d.txt"], chance.number(1, MOST))
        _digested(digest_all, {name: (chance.seconds(0, 2), chance.seconds(0.3, 2)) for name in names})
    return "The reading waits on the loop, the digesting works in threads, and neither waits for the other's files."


def _digested(digest_all: Answer, files: dict[str, tuple[float, float]]) -> None:
    read = Call("read", {file: Plan(seconds, f"text of {file}") for file, (seconds, _) in files.items()})
    digest = Digest({f"text of {file}": seconds for file, (_, seconds) in files.items()})
    with patch.object(ProcessPoolExecutor, "__init__", _refuse_processes):
        scene = _played(digest_all, list(files), read, digest)
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
    read.check_called(scene)
    found = scene.result()
    read.check_together(scene)
    if isinstance(found, dict) and await_missing(found.values()):
        raise scene.wrong(
            "You returned a dict of coroutines or tasks, where their results belong: an `await` is missing."
        )
    wanted = {file: f"digest of text of {file}" for file in files}
    if found != wanted or not isinstance(found, dict) or list(found) != list(wanted):
        raise scene.wrong(f"Return a dict, {wanted!r:.120}, in the order of `files`; you returned {shown(found, 120)}.")
    if len(digest.threads) != len(files):
        raise scene.wrong(f"There were {len(files)} texts, and `digest` was called {len(digest.threads)} times.")
    best = max((sum(seconds) for seconds in files.values()), default=0)
    if scene.ended != best:
        raise scene.wrong(
            f"You returned at {scene.ended:g} s, and {best:g} s are enough: digest each text as soon as it is read, "
            "each in a thread of its own."
        )


def _played(digest_all: Answer, files: list[str], read: Call, digest: Digest) -> Scene:
    try:
        return play(digest_all, files, read, digest)
    except Wrong as wrong:
        if not (wrong.timeline and wrong.timeline.blocked and digest.threads):
            raise
        why = (
            "`digest` ran on the loop: whoever writes `digest(...)` calls it, there and then."
            if digest.on_the_loop
            else "`digest` ran in a thread, and the loop stood still until it had ended: `await` it."
        )
        raise Wrong(f"{wrong} {why}", wrong.timeline) from None


digest_all = Exercise(
    lesson="lesson_07a",
    task=f"""\
**Exercise 4: all at a standstill.** Mend `digest_all(files, read, digest)`: while it digests, nothing else runs.

```python
{inspect.getsource(as_found.digest_all)}```

- `read(file)` is a coroutine function that gives the file's text. `digest(text)` is a plain function, and takes
  seconds of computing. It lets go of the GIL while it does, so threads are enough; a process pool is refused here.
- Read and digest all the files at the same time (there are at most four): each text as soon as it is read. The loop is
  never held up.
- Return a dict, the digest by file, in the order of `files`. Nothing fails here.""",
    reference=solutions.digest_all,
    grade=_grade_digest_all,
    hints=[
        "A plain call that takes long belongs into a thread: `await asyncio.to_thread(digest, text)`.",
        "Write `async def one(file)`, which reads and then digests, and run it for all the files together.",
        "`await asyncio.gather(*(one(file) for file in files))` gives the digests in the order of the files.",
    ],
)
