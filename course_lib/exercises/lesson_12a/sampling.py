"""Exercise 3: look at a program again and again, for as long as it runs."""

import asyncio
import functools
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere
from course_lib.exercises.lesson_12a import solutions
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20
TOO_OFTEN = 30  # looks before the program or after it, or at one time, from which on this one goes on for ever
BESIDE = 1 / 64  # seconds, so that no program ends in the moment of a look


class Watched:
    """A program that takes some seconds, and counts how it is looked at meanwhile.

    Args:
        seconds: how long it takes.
        answer: what it returns, or raises if it is an exception.
        cleans_up: seconds that it needs to end when it is cancelled.
    """

    def __init__(self, seconds: float, answer: Any = "done", cleans_up: float = 0.0) -> None:
        self.seconds, self.answer, self.cleans_up = seconds, answer, cleans_up
        self.calls = 0
        self.cancelled_at: float | None = None
        self.began = 0.0
        self.ended_at: float | None = None
        self.looks: list[float] = []
        self.looks_after = 0  # looks at the program when it had ended
        self.left = 0  # tasks that were running when the learner's function had ended
        self.is_over = False  # the learner's function
        self.found = ""  # the first thing to tell; what is raised in a task or a timer of the learner's may get lost

    async def program(self) -> Any:
        """Run."""
        self._check_thread("program")
        loop = asyncio.get_running_loop()
        if self.calls:
            self._refuse("The program is to run once, and was run again. Looking is a task of its own.")
        self.calls = 1
        self.began = loop.time()
        try:
            with span("program"):
                await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled_at = loop.time()
            await asyncio.sleep(self.cleans_up)
            raise
        finally:
            self.ended_at = loop.time()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def look(self) -> None:
        """Note when it was looked."""
        self._check_thread("look")
        now = asyncio.get_running_loop().time()
        self.looks.append(now)
        self.looks_after += self.ended_at is not None
        if self.is_over:  # in a timer: what is raised there is told of by itself
            self.found = self.found or (
                f"Your function had ended, and it looked again, at {now:g} s: end a timer with its `cancel()`, however "
                "the program ends."
            )
            return
        if self.looks_after >= TOO_OFTEN:
            raised = f" It raised {type(self.answer).__name__}: tell that from a time limit of your own."
            self._refuse(
                "The program had ended, and you went on looking, again and again."
                + raised * isinstance(self.answer, Exception)
            )
        if len(self.looks) >= TOO_OFTEN and not self.calls:
            self._refuse(f"You looked {TOO_OFTEN} times, and the program had not begun: looking is a task of its own.")
        if self.looks[-TOO_OFTEN:].count(now) == TOO_OFTEN:
            self._refuse(f"You looked {TOO_OFTEN} times at {now:g} s. Between two looks, `await asyncio.sleep(every)`.")

    def _check_thread(self, name: str) -> None:
        if elsewhere():
            self._refuse(f"`{name}` ran in another thread, or on a loop of its own: no threads here.")

    def _refuse(self, sentence: str) -> None:
        self.found = self.found or sentence
        raise Wrong(sentence)


def _grade_sample_while(sample_while: Answer) -> str:
    _looked(sample_while, Watched(3.5), 1)
    _looked(sample_while, Watched(0.5), 1)
    _looked(sample_while, Watched(2.5, OSError("no such file")), 1)
    _looked(sample_while, Watched(2.5, TimeoutError("no answer")), 1)
    _stopped(sample_while, Watched(9), 1, 3.5)
    _stopped(sample_while, Watched(9, cleans_up=0.25), 1, 0.5)
    chance = Chance("sample_while")
    for _ in range(ROUNDS):
        every = chance.seconds(0.3, 2)
        _looked(sample_while, Watched(chance.seconds(0, 9) + BESIDE, chance.answer("done")), every)
        cancel_at = chance.seconds(0, 5) + BESIDE
        _stopped(
            sample_while, Watched(cancel_at + chance.seconds(0.3, 5), cleans_up=chance.seconds(0, 1)), every, cancel_at
        )
    _over(sample_while)
    _over(sample_while, cancel_at=1.5)
    return "It looked for as long as the program ran, and not once longer, however that ended."


def _over(function: Answer, cancel_at: float | None = None) -> None:
    """Wait for some time when it has ended: a timer is no task, and what it does is seen when it is due."""
    _played(function, Watched(2.5), 1, cancel_at, and_then=3)


def _played(
    function: Answer, watched: Watched, every: float, cancel_at: float | None = None, and_then: float = 0
) -> Scene:
    @functools.wraps(function)
    async def directly(*args: Any) -> Any:
        others = asyncio.all_tasks()
        try:
            return await function(*args)
        finally:
            watched.left = len(asyncio.all_tasks() - others)
            if and_then:
                watched.is_over = True
                await asyncio.sleep(and_then)

    scene = play(directly, watched.program, watched.look, every, cancel_at=cancel_at)
    if watched.found:
        raise scene.wrong(watched.found)
    if not watched.calls:
        scene.result(none=True)
        raise scene.wrong("The program never ran: `await program()`.")
    if watched.left:
        raise scene.wrong(
            f"When it {'was cancelled' if scene.cancelled else scene.answered()}, a task of yours had not ended: "
            "`cancel()` only asks a task to end. Then wait until it has."
        )
    return scene


def _looked(function: Answer, watched: Watched, every: float) -> None:
    scene = _played(function, watched, every)
    given = f"The program took {watched.seconds:g} s, with every={every:g}"
    if isinstance(watched.answer, Exception):
        if scene.raised is not watched.answer:
            group = " Not in an exception group." if isinstance(scene.raised, BaseExceptionGroup) else ""
            raise scene.wrong(
                f"The program raised {type(watched.answer).__name__}, and your function {scene.answered()}: let it "
                f"through as it is.{group}"
            )
    else:
        returned = scene.result(none=watched.answer is None)
        if returned is not watched.answer:
            raise scene.wrong(
                f"Return what the program returns, {shown(watched.answer, 40)}; you returned {shown(returned, 40)}."
            )
    wanted = [every * number for number in range(1, int(watched.seconds / every) + 1)]
    if watched.looks != wanted:
        looks = ", ".join(f"{time:g}" for time in watched.looks[:8]) or "never"
        why = "The program runs meanwhile: looking is a task of its own."
        # `cancel()` counts as having asked for a task's exception, so that nobody is told of it.
        failed = [lane for lane in scene.timeline.lanes if lane.is_task and lane.error]
        if failed and not isinstance(watched.answer, Exception):
            why = f"Look first at {failed[0].name}, which had failed: {failed[0].error.removesuffix('.')}."
        elif watched.looks[:1] == [0]:
            why = "Wait first, then look."
        elif watched.looks and watched.looks == wanted[: len(watched.looks)]:
            why = "Then no more: look again and again, until it has ended."
        elif watched.looks_after and watched.looks[: -watched.looks_after] == wanted:
            why = "It had ended by then: nobody is to look at what has ended."
        raise scene.wrong(
            f"{given}: look at {', '.join(f'{time:g}' for time in wanted[:8]) or 'no time'} s; you looked at {looks}. "
            f"{why}"
        )
    if scene.ended > watched.seconds:
        raise scene.wrong(f"{given}, and your function ended at {scene.ended:g} s: end when the program does.")


def _stopped(function: Answer, watched: Watched, every: float, cancel_at: float) -> None:
    scene = _played(function, watched, every, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(f"At {cancel_at:g} s it was cancelled, and it {scene.answered()}: cancellation is passed on.")
    if watched.cancelled_at != cancel_at:
        raise scene.wrong(f"At {cancel_at:g} s it was cancelled, and the program was not: it went on.")
    due = cancel_at + watched.cleans_up
    if scene.ended > due:
        raise scene.wrong(
            f"Cancelled at {cancel_at:g} s, the program had ended at {due:g} s, you at {scene.ended:g} s."
        )


sample_while = Exercise(
    lesson="lesson_12a",
    task="""\
**Exercise 3: as long as it runs.** Write `sample_while(program, look, every)`, the frame of a sampler.

- Run `await program()`, once, and return what it returns. If it raises, let that through as it is.
- Meanwhile, call `look()` (a plain function that takes no time) every `every` seconds: first after `every` seconds, \
last before the program ends.
- However it ends, nothing of yours still runs afterwards. If your function is cancelled, the program is, and you wait \
for its end.""",
    reference=solutions.sample_while,
    grade=_grade_sample_while,
    hints=[
        "The lesson's `sampled` and `sample` have the shape. What is missing there: whether the sampler has ended.",
        "`sampling = asyncio.create_task(...)`, then `return await program()` in a `try`, so that whoever cancels you "
        "cancels the program.",
        "In the `finally`: `sampling.cancel()`, then `await asyncio.wait([sampling])`, which waits for its end and "
        "raises nothing.",
    ],
)
