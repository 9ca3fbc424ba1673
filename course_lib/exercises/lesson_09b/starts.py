"""Exercise 3: the starts of the work are counted, and who kills its consumers is given up."""

from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09b import solutions
from course_lib.exercises.lesson_09b.processes import Life, Process, Scene, live, moments
from course_lib.exercises.lesson_09b.stream import Job
from course_lib.seeing import span

MOST = 3
WORK = 1.0
APART = 10.0
DELIVERIES = 16
ROW = 6  # processes that may be killed one after the other when a job is to be given up
ROUNDS = 15


class Store:
    """What Redis keeps of a job: how often it was begun, its letter, whether it is acknowledged."""

    def __init__(self) -> None:
        self.starts = 0
        self.letters: list[str] = []
        self.acked = False
        self.begun = 0
        self.handled = 0
        self.order: list[str] = []


class Connection:
    """What a learner's function is given."""

    def __init__(self, store: Store, process: Process, job: Job) -> None:
        self._store, self._process, self._job = store, process, job
        self._counted: int | None = None  # how often the work had been begun when a start was counted

    def _mine(self, name: Any, call: str) -> None:
        if name != self._job.id:
            raise self._process.refuse(f"`{call}` wants the job's id, job.id; you passed {name!r:.60}.")

    async def count_start(self, name: str) -> int:
        """Count one start of a job, and return how many there were, this one included."""
        self._mine(name, "count_start")
        if self._counted == self._store.begun:  # who begins the work in between is told about that
            raise self._process.refuse(
                "One delivery counted two starts: each call of `count_start` counts one. Keep what the first returned: "
                "`start = await store.count_start(job.id)`."
            )
        self._counted = self._store.begun

        def act() -> int:
            self._store.starts += 1
            return self._store.starts

        return await self._process.ask("count the start", act)

    async def add_letter(self, job: Job, reason: str) -> None:
        """Put a job among the dead letters."""
        if job is not self._job or not isinstance(reason, str) or not reason:
            raise self._process.refuse(
                "A dead letter is the job with its reason: `await store.add_letter(job, reason)`, a text."
            )
        await self._process.ask("add the letter", lambda: self._store.letters.append(reason))

    async def ack(self, name: str) -> None:
        """Acknowledge a job."""
        self._mine(name, "ack")

        def act() -> None:
            store = self._store
            if not store.handled and not store.letters:
                raise self._process.refuse(
                    "The job was acknowledged, and it was neither done nor among the dead letters: a process that is "
                    "killed now loses it. Acknowledge last."
                )
            store.acked = True

        await self._process.ask("ack", act)


class Handler:
    """What is called for the job: it fails, or its process dies of it, or it succeeds; once for each start."""

    def __init__(self, store: Store, process: Process, outcomes: list[Any]) -> None:
        self._store, self._process, self._outcomes = store, process, outcomes
        self._begun = False

    async def handle(self, job: Job) -> None:
        """Do the work."""
        store = self._store
        if not store.starts:
            raise self._process.refuse(
                "`handle` was called before the start was counted: a job that kills its process is then begun for "
                "ever (`job.deliveries` is how often it was handed out, begun or not, and counts no starts). First "
                "`start = await store.count_start(job.id)`."
            )
        if self._begun:
            self._process.refuse(
                "One delivery began the work twice. What fails is left pending: `return`; it is delivered again, later."
            )
        self._begun = True
        store.begun += 1
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        with span("the work"):
            await self._process.spend(WORK)
            if outcome == "dies":
                self._process.kill()
                await self._process.spend(WORK)
        if isinstance(outcome, BaseException):
            raise outcome
        store.handled += 1


def delivered(
    work_on: Answer, outcomes: list[Any], *, kills: dict[int, float] | None = None, deliveries: int = 0
) -> tuple[Store, Scene, list[str]]:
    """Deliver a job until it is acknowledged, each time to a new process; return what came of it.

    kills: when a process is killed, in seconds, by the number of its delivery
    deliveries: how often it had been delivered before, without being begun
    """
    store, said, given, outcomes = Store(), list[str](), outcomes, [*outcomes]
    scene = Scene(work_on, [])
    for number in range(1, DELIVERIES + 1):
        job = Job("job 1", "job 1", None, deliveries + number)
        process = Process(f"delivery {number}")
        handler = Handler(store, process, outcomes)
        args = [Connection(store, process, job), job, handler.handle]
        life = Life(process, args, 0.0, (kills or {}).get(number))
        try:
            scene = live(work_on, [life], APART)
        except Wrong as wrong:
            if life.raised and any(life.raised is each for each in given):
                raise Wrong(
                    f"`handle` raised {type(life.raised).__name__}, and your function passed it on: leave the job "
                    f"pending, `return`; at its {MOST}rd start, add a letter.",
                    wrong.timeline,
                ) from None
            raise
        said.append("was killed" if process.killed_at is not None else life.answered)
        if process.killed_at is None and life.ended is None:
            raise scene.wrong(f"Delivery {number} had not ended after {APART:g} s.")
        if store.acked:
            break
    return store, scene, said


def _grade_work_on(work_on: Answer) -> str:
    _succeeds(work_on, ["ok"], 1)
    _succeeds(work_on, ["ok"], 1, deliveries=5)
    _succeeds(work_on, [OSError("not now"), "ok"], 2)
    _succeeds(work_on, ["dies", OSError("not now"), "ok"], 3)
    _given_up(work_on, [ValueError("no such page")], "ValueError")
    _given_up(work_on, ["dies"], "")
    _given_up(work_on, ["dies", "dies", ValueError("no such page")], "ValueError")
    for kill_at in moments(2.0):
        _killed(work_on, ["ok"], {1: kill_at})
        _killed(work_on, [ValueError("no such page")], {1: kill_at})
    for kill_at in moments(0.4):  # to count, to add the letter, to acknowledge
        for row in (1, ROW):
            _killed(work_on, ["dies"], {MOST + 1 + number: kill_at for number in range(row)})
    for outcomes in (["ok"], ["dies", "dies", "ok"]):
        _cancelled(work_on, outcomes)
    chance = Chance("work_on")
    for _ in range(ROUNDS):
        before = [chance.failure("the shop") if chance.likely(0.5) else "dies" for _ in range(chance.number(0, 2))]
        before_too = [chance.failure("the shop") if chance.likely(0.5) else "dies" for _ in range(2)]
        _succeeds(work_on, [*before, "ok"], len(before) + 1, deliveries=chance.number(0, 6))
        last = chance.failure("the shop")
        _given_up(work_on, [*before_too, last], type(last).__name__, deliveries=chance.number(0, 6))
        kills = {number: chance.number(0, 40) / 20 + 0.025 for number in chance.some(range(1, 8), 3)}
        _killed(work_on, [*before, "ok"], kills)
    return "What can be done is done, what cannot is given up after three starts, with its reason; nothing is lost."


def _story(outcomes: list[Any]) -> str:
    words = {"ok": "succeeds", "dies": "kills its process"}
    said = [words.get(each, "") if isinstance(each, str) else f"raises {type(each).__name__}" for each in outcomes]
    return "A job " + ", then ".join(said)


def _succeeds(work_on: Answer, outcomes: list[Any], start: int, deliveries: int = 0) -> None:
    store, scene, said = delivered(work_on, outcomes, deliveries=deliveries)
    what = _story(outcomes)
    if deliveries:
        what += f", and was delivered {deliveries} times before, without being begun"
    if store.letters and not store.handled:
        raise scene.wrong(
            f"{what}: it was given up after {store.begun} starts of its work. Give up after {MOST} *starts*"
            f"{'; how often it was delivered does not matter.' if deliveries else '.'}"
        )
    if store.handled > 1:
        raise scene.wrong(f"{what}: it was done, and never acknowledged, so it is done again and again.")
    if store.letters:
        raise scene.wrong(f"{what}: it was done, and lies among the dead letters, too.")
    if not store.handled:
        raise scene.wrong(f"{what}: it was never done; delivery 1 {said[0]}. Call `await handle(job)`.")
    if not store.acked:
        raise scene.wrong(f"{what}: it was done, and never acknowledged, so it is done again and again.")
    if store.handled > 1 or store.begun != start:
        raise scene.wrong(f"{what}: its work was begun {store.begun} times, where {start} would do.")


def _given_up(work_on: Answer, outcomes: list[Any], reason: str, deliveries: int = 0) -> None:
    store, scene, said = delivered(work_on, outcomes, deliveries=deliveries)
    what = _story(outcomes) + ", each time" * (len(outcomes) == 1)
    if store.begun > MOST:
        raise scene.wrong(f"{what}: its work was begun {store.begun} times; give it up after {MOST}.")
    if store.begun < MOST:
        raise scene.wrong(f"{what}: it was begun {store.begun} times, and may be begun {MOST} times.")
    if not store.letters:
        raise scene.wrong(f"{what}: after {MOST} starts it should be a dead letter; there is none.")
    if not store.acked:
        raise scene.wrong(f"{what}: it lies among the dead letters, and was never acknowledged: it comes again.")
    if len(store.letters) > 1:
        raise scene.wrong(f"{what}: it lies among the dead letters {len(store.letters)} times.")
    if reason not in store.letters[0]:
        raise scene.wrong(
            f"{what}: its letter says {store.letters[0]!r:.60}. Who reads it wants to know which error it was: "
            'f"{type(error).__name__}: {error}".'
        )
    if reason and len(said) > MOST:
        raise scene.wrong(f"{what}: after its last start it could be given up at once, and was delivered once more.")


def _cancelled(work_on: Answer, outcomes: list[Any]) -> None:
    store, process, outcomes = Store(), Process(), [*outcomes]
    store.starts = len(outcomes) - 1
    job = Job("job 1", "job 1", None)
    handler = Handler(store, process, outcomes[-1:])
    life = Life(process, [Connection(store, process, job), job, handler.handle])
    scene = live(work_on, [life], WORK / 2)
    if not life.cancelled or store.letters or store.acked:
        what = (
            "it lies among the dead letters" if store.letters else "was acknowledged" if store.acked else life.answered
        )
        raise scene.wrong(
            f"Your function was cancelled while the job was worked on, as a worker is that is stopped, and {what}: let "
            "CancelledError through. `except Exception` does not catch it."
        )


def _killed(work_on: Answer, outcomes: list[Any], kills: dict[int, float]) -> None:
    store, scene, _ = delivered(work_on, outcomes, kills=kills)
    by_time: dict[float, list[str]] = {}
    for number in sorted(kills):
        by_time.setdefault(kills[number], []).append(str(number))
    killed = "; ".join(f"killed at {at:g} s of delivery {', '.join(numbers)}" for at, numbers in by_time.items())
    what = f"{_story(outcomes)}{', each time' * (outcomes == ['dies'])}; {killed}"
    if store.begun > MOST:
        raise scene.wrong(f"{what}: its work was begun {store.begun} times; give it up after {MOST}.")
    if not store.acked:
        raise scene.wrong(f"{what}: it was never acknowledged.")
    if not store.handled and not store.letters:
        raise scene.wrong(f"{what}: it is lost, neither done nor among the dead letters.")


work_on = Exercise(
    lesson="lesson_09b",
    task="""\
**Exercise 3.** A job that kills its process is handed to the next one, and kills that, too. Write
`work_on(store, job, handle)`, called for a job each time that it is delivered: begin its work three times at most.

- `await store.count_start(job.id)` counts a start, in Redis, and returns how many there were, this one included.
- `await handle(job)` does the work. It may raise an exception, and the process may die of it.
- `await store.add_letter(job, reason)` puts the job among the dead letters.
- `await store.ack(job.id)` acknowledges it; then it is not delivered again.

What fails at its first or second start is left pending: return. What fails at its third is given up, with
`f"{type(error).__name__}: {error}"` for a reason. What comes a fourth time had killed its processes: give it up without
beginning it, for a reason of your own. (`job.deliveries` is how often it was handed out, begun or not.)

The check kills your process at every moment, and the next ones, too: no job may be lost, and none be begun a fourth
time.""",
    reference=solutions.work_on,
    grade=_grade_work_on,
    hints=[
        "What must be written down before `handle` is called, because afterwards the process may be dead?",
        "First count. More than three: a letter, and acknowledge. Otherwise the work, in a `try`.",
        "In `except Exception as error:` return if `start < 3`, else add a letter; behind it all, for what was "
        "done and what was given up, `await store.ack(job.id)`.",
    ],
)
