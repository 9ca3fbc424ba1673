"""Exercise 2: the service's side: written down first, enqueued soon or later, once for a key."""

import asyncio
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_13b import solutions
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import NOT_ENDED, PATIENCE, Scene, play
from course_lib.seeing import span

ROUNDS = 20
TAKES = 0.125  # seconds that the database takes, and the queue
SOON = 0.5  # seconds that the queue may take
AWAY = "the database is away"
HANGS = 1e6  # seconds


class Database:
    """Questions by key; `failing` is the method that fails, by default since the database is away."""

    def __init__(self, failing: str = "", failure: Exception | None = None) -> None:
        self.rows: dict[Any, Any] = {}
        # One for all runs would keep their tasks, by the frames that it came through.
        self._failing, self._failure = failing, failure or ConnectionError(AWAY)
        self.calls: list[str] = []

    async def insert(self, key: Any, question: Any) -> bool:
        """Write a question down under a key; False if that key is there."""
        await self._spend("insert")
        if key in self.rows:
            return False
        self.rows[key] = question
        return True

    async def find(self, key: Any) -> Any:
        """Return the question of a key; None if there is none."""
        await self._spend("find")
        return self.rows.get(key)

    async def _spend(self, method: str) -> None:
        self.calls.append(method)
        with span(method):
            await asyncio.sleep(TAKES)
        if self._failing == method:
            raise self._failure


class Queue:
    """Keys to work on; `does` is how long it takes, or what it raises."""

    def __init__(self, database: Database, does: float | Exception = TAKES) -> None:
        self._database, self._does = database, does
        self.keys: list[Any] = []
        self.asked = 0
        self.wrong = ""

    async def enqueue(self, key: Any) -> None:
        """Put a key on the queue."""
        self.asked += 1
        if key not in self._database.rows:
            self.wrong = self.wrong or (
                f"{key!r:.60} was enqueued before it was written down: who is killed in between leaves a job that "
                "nobody knows. First `await database.insert(key, question)`, then `enqueue`."
            )
        with span("enqueue"):
            await asyncio.sleep(TAKES if isinstance(self._does, Exception) else self._does)
        if isinstance(self._does, Exception):
            raise self._does
        self.keys.append(key)


def _grade_submit(submit: Answer) -> str:
    _plain(submit, {"url": "/a"})
    _plain(submit, {"url": "/z"})  # under the same key, in another database
    _again(submit, "l", {"url": "/a"}, 202)
    for number, other in enumerate(({"url": "/b"}, {"url": "/a", "pages": 3}, {})):
        _again(submit, f"m{number}", other, 422)
    _at_once(submit)
    for does in (ConnectionError("the queue is away"), ConnectionResetError("the queue is away"), HANGS, 0.75):
        _without_the_queue(submit, does)
    _slow_queue(submit)
    _a_mistake(submit)
    _without_the_database(submit, "insert")
    _without_the_database(submit, "find")
    for cancel_at in (TAKES / 2, TAKES * 1.5):
        _cancelled(submit, cancel_at)
    chance = Chance("submit")
    for _ in range(ROUNDS):
        _drawn(submit, chance)
    return "202 is a promise now: what it was said for is written down, once, whatever the queue does."


def _submitted(
    submit: Answer, database: Database, queue: Queue, key: str, question: Any, cancel_at: float | None = None
) -> Scene:
    try:
        scene = play(submit, database, queue, key, question, cancel_at=cancel_at)
    except Wrong as wrong:
        if queue.asked and not queue.keys and str(wrong).startswith(NOT_ENDED):
            raise Wrong(
                f"The queue did not answer, and the caller still waited after {PATIENCE:g} s: give the queue {SOON} s, "
                "by `asyncio.timeout`.",
                wrong.timeline,
            ) from None
        raise
    if queue.wrong:
        raise scene.wrong(queue.wrong)
    return scene


def _status(scene: Scene, expected: int, what: str, why: str) -> None:
    if isinstance(scene.raised, ConnectionError) and str(scene.raised) == AWAY:
        raise scene.wrong(f"{what}, and ConnectionError left your function: return 503, so that the caller asks again.")
    if isinstance(scene.raised, (ConnectionError, TimeoutError)):
        raise scene.wrong(f"{what}, and {raised_kind(scene.raised)} left your function: {why}.")
    returned = scene.result()
    if returned != expected:
        raise scene.wrong(f"{what}, and you returned {returned!r:.60} instead of {expected}: {why}.")


def _plain(submit: Answer, question: Any) -> None:
    database = Database()
    queue = Queue(database)
    scene = _submitted(submit, database, queue, "k", question)
    _status(scene, 202, "A new question came", "its key is not in this database")
    if database.rows != {"k": question}:
        raise scene.wrong("You returned 202, and the question is not written down: `database.insert(key, question)`.")
    if queue.keys != ["k"]:
        how = f"{len(queue.keys)} times" if queue.keys else "never"
        raise scene.wrong(f"You returned 202, and the key was enqueued {how}: `await queue.enqueue(key)`, once.")
    _prompt(scene, database, queue)


def _again(submit: Answer, key: str, question: Any, expected: int) -> None:
    """The key is there: another process wrote it down."""
    database = Database()
    database.rows[key] = {"url": "/a"}
    queue = Queue(database)
    scene = _submitted(submit, database, queue, key, question)
    same = expected == 202
    _status(
        scene,
        expected,
        f"The key was there, with {'the same' if same else 'another'} question",
        "it is the same crawl, and another process wrote it down: `await database.find(key)`"
        if same
        else "`await database.find(key)` has the first question, and all of it counts",
    )
    if not same and queue.keys:
        raise scene.wrong("The key was there, with another question, and you enqueued it: for 422 there is no work.")
    _prompt(scene, database, queue)


def _prompt(scene: Scene, database: Database, queue: Queue) -> None:
    needed = TAKES * (len(database.calls) + queue.asked)
    if scene.ended > needed:
        raise scene.wrong(
            f"Database and queue took {needed:g} s, and you returned {scene.returned} after {scene.ended:g} s: wait "
            "for nothing else."
        )


def _at_once(submit: Answer) -> None:
    database = Database()
    queue = Queue(database)

    async def both() -> Any:
        return await asyncio.gather(*(submit(database, queue, "k", {"url": path}) for path in ("/a", "/b")))

    both.__name__ = submit.__name__
    scene = play(both)
    if sorted(scene.result(), key=str) != [202, 422]:
        raise scene.wrong(
            f"Two questions came at the same moment under one key; you returned {scene.returned}. Which was the first, "
            "`insert` says: it returns False to the other. Who looks before it writes looks too early."
        )


def _without_the_queue(submit: Answer, does: float | Exception) -> None:
    database = Database()
    queue = Queue(database, does)
    scene = _submitted(submit, database, queue, "k", {"url": "/a"})
    what = "The queue was away" if isinstance(does, Exception) else "The queue did not answer"
    if scene.ended > TAKES * len(database.calls) + SOON:
        raise scene.wrong(f"{what}, and the caller waited {scene.ended:g} s for its answer: give the queue {SOON} s.")
    _status(scene, 202, what, "it is written down, and the sweep enqueues it: 202")


def _slow_queue(submit: Answer) -> None:
    database = Database()
    queue = Queue(database, 0.4375)
    scene = _submitted(submit, database, queue, "k", {"url": "/a"})
    _status(scene, 202, "The queue took 0.44 s", "that is less than half a second")
    if not queue.keys:
        raise scene.wrong("The queue took 0.44 s, and you did not wait for it: it has half a second.")


def _a_mistake(submit: Answer) -> None:
    for mistake in (LookupError("a mistake"), OSError("the disk is full"), ValueError("a mistake"), RuntimeError("no")):
        database = Database()
        scene = _submitted(submit, database, Queue(database, mistake), "k", {"url": "/a"})
        if scene.raised is not mistake:
            raise scene.wrong(
                f"`enqueue` raised {type(mistake).__name__}, and you {scene.answered()}: only ConnectionError, and no "
                "answer in half a second, mean that it is away; pass others on."
            )
        for method in ("insert", "find"):
            database = Database(method, mistake)
            if method == "find":
                database.rows["k"] = {"url": "/a"}
            scene = _submitted(submit, database, Queue(database), "k", {"url": "/a"})
            if scene.raised is not mistake and method in database.calls:
                raise scene.wrong(
                    f"`{method}` raised {type(mistake).__name__}, and you {scene.answered()}: only ConnectionError "
                    "means that the database is away; pass others on."
                )


def _without_the_database(submit: Answer, failing: str) -> None:
    database = Database(failing)
    if failing == "find":
        database.rows["k"] = {"url": "/b"}
    queue = Queue(database)
    scene = _submitted(submit, database, queue, "k", {"url": "/a"})
    if failing in database.calls:
        _status(scene, 503, f"The database was away at `{failing}`", "nothing is promised, and the caller asks again")
        _prompt(scene, database, queue)


def _cancelled(submit: Answer, cancel_at: float) -> None:
    database = Database()
    scene = _submitted(submit, database, Queue(database), "k", {"url": "/a"}, cancel_at=cancel_at)
    if not scene.cancelled:
        raise scene.wrong(f"You were cancelled at {cancel_at:g} s, and {scene.answered()}: let CancelledError through.")


def _drawn(submit: Answer, chance: Chance) -> None:
    """Several questions, some under the same key, one after another."""
    database = Database()
    queue = Queue(database)
    questions: dict[str, Any] = {}
    for _ in range(chance.number(2, 6)):
        key = chance.one_of(("k", "l", "m"))
        question: dict[str, Any] = chance.one_of(({"url": "/a"}, {"url": "/a", "pages": 3}, {}))
        expected = 202 if questions.setdefault(key, question) == question else 422
        scene = _submitted(submit, database, queue, key, dict(question))
        _status(scene, expected, "Several questions came, some under one key", "the first one under a key counts")
    if database.rows != questions:
        raise scene.wrong("Several questions came, some under one key, and others than the first are written down.")


submit = Exercise(
    lesson="lesson_13b",
    task="""\
**Exercise 2.** The other end of exercise 1. Write `submit(database, queue, key, question)`; it returns the status.

- `await database.insert(key, question)` writes it down under that key, and returns True; or False, if the key is there.
- `await database.find(key)` returns the question that is written down there.
- Both raise ConnectionError where the database is away: return 503.
- `await queue.enqueue(key)` raises ConnectionError where the queue is away, or hangs: give it half a second. A sweep
  enqueues again whatever is written down and unfinished.
- Return 202 when the question is written down: now, or before, under the same key. Return 422, and enqueue nothing,
  when another question is. Pass other exceptions on, other OSErrors too.

Two callers may come with the same key at the same moment.""",
    reference=solutions.submit,
    grade=_grade_submit,
    hints=[
        "Which of the two must have happened before you may say 202, and which may be made up for later?",
        "`insert` itself says whether the key is new; only if it is not, `find` says whether the question is the same.",
        "Around the queue: `try:`, `async with asyncio.timeout(0.5): await queue.enqueue(key)`, "
        "`except (ConnectionError, TimeoutError): pass`; then `return 202`.",
    ],
)
