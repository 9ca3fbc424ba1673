"""Exercise 1: a consumer that loses nothing, whoever is killed, and whenever."""

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09b import solutions
from course_lib.exercises.lesson_09b.processes import Life, Process, Scene, live, moments
from course_lib.exercises.lesson_09b.stream import LEASE, WORK, Connection, Handler, Pending, Stream

ROUNDS = 10
GAP = 3.25  # seconds between the end of a job and the next one's coming
ROUND = 2.0  # seconds in which a consumer asks for old and new jobs once, and a little more
SOON = LEASE + WORK + 2 * ROUND  # seconds after which what the dead left is done, if nothing else is to be done


def _grade_consume(consume: Answer) -> str:
    _plain(consume)
    _prompt(consume)
    _failing(consume)
    _left(consume)
    _living(consume)
    _steady(consume)
    for cancel_at in (0.3, 3.0, WORK + 0.2, 2 * WORK + 1):
        _cancelled(consume, cancel_at)
    for kill_at in moments(0.6) + [2.0] + [WORK + each for each in moments(0.8)]:
        _killed(consume, ["a", "b"], kill_at)
    chance = Chance("consume")
    for _ in range(ROUNDS):
        names = [f"job {number}" for number in range(chance.number(1, 5))]
        _killed(consume, names, chance.number(1, 60) * 0.25 + 0.025, chance.failure("the shop"), chance)
    return "Killed at every moment, it lost nothing: each job was done, acknowledged after that, and not before."


def _consumer(stream: Stream, name: str, at: float = 0.0, kill_at: float | None = None) -> tuple[Life, Handler]:
    process = Process(name)
    handler = Handler(stream, process)
    return Life(process, [Connection(stream, process), handler.handle], at, kill_at), handler


def _played(consume: Answer, stream: Stream, until: float, *lives: Life) -> Scene:
    scene = live(consume, lives, until)
    for life in lives:
        if life.ended is not None and life.ended >= until:
            raise _not_passed_on(scene, life, until)
        if life.ended is not None and life.process.killed_at is None:
            raise scene.wrong(
                f"A consumer works until it is cancelled; yours {life.answered} at {life.ended:g} s. When `take` "
                "returns None there is nothing new just now: ask again."
            )
    return scene


def _all_done(scene: Scene, stream: Stream, names: list[str], what: str) -> None:
    if lost := [name for name in names if name not in stream.handled]:
        held = stream.pending.get(lost[0])
        if held is None and not any(name == lost[0] for name, *_ in stream.begun):
            raise scene.wrong(f"{what}; job {lost[0]!r} was never handled: `await handle(job)` for each job.")
        where = "Nobody has it any more."
        if held:
            of = "a consumer that is dead" if held.owner.killed_at is not None else "its consumer"
            where = f"It lies pending, in the name of {of}: take over what has been pending for {LEASE} s."
        raise scene.wrong(f"{what}; job {lost[0]!r} was never done. {where}")
    if left := [name for name in names if name in stream.pending]:
        raise scene.wrong(
            f"{what}; job {left[0]!r} was done {stream.handled.count(left[0])} times, and is still pending: "
            "acknowledge it after the work, or it is done again and again."
        )


def _plain(consume: Answer) -> None:
    names = ["a", "b", "c"]
    stream = Stream([(0, name) for name in names])
    life, handler = _consumer(stream, "consumer")
    scene = _played(consume, stream, len(names) * (WORK + ROUND), life)
    if handler.most > 1:
        raise scene.wrong(f"{handler.most} jobs were worked on at once; this consumer does one after the other.")
    _all_done(scene, stream, names, "Three jobs came")
    if (order := [name for name, *_ in stream.begun]) != names:
        raise scene.wrong(f"The jobs {', '.join(names)} were begun as {', '.join(order)}.")


def _prompt(consume: Answer) -> None:
    came = {f"job {number}": number * (WORK + GAP) for number in range(6)}
    stream = Stream([(at, name) for name, at in came.items()])
    life, _ = _consumer(stream, "consumer")
    scene = _played(consume, stream, max(came.values()) + WORK + 2 * ROUND, life)
    for name, at, _ in stream.begun:
        if at - came[name] > ROUND:
            raise scene.wrong(
                f"{name!r} came at {came[name]:g} s, when there was nothing else to do, and was begun at {at:g} s: "
                "`take` waits for a second by itself, so wait for nothing else."
            )
    _all_done(scene, stream, [*came], "Six jobs came, one after the other")


def _failing(consume: Answer) -> None:
    stream = Stream([(0, "a"), (0, "b")], failing={"a": [ValueError("no such page"), OSError("no answer")]})
    life, _ = _consumer(stream, "consumer")
    try:
        scene = _played(consume, stream, 3 * (SOON + WORK), life)
    except Exception:
        if life.raised in (*stream.failing["a"],) or isinstance(life.raised, ValueError | OSError):
            raise Scene(consume, [life]).wrong(
                f"`handle` raised {type(life.raised).__name__} for one job, and the consumer ended with it: catch it, "
                "leave the job pending, and go on with the next."
            ) from None
        raise
    done = [name for name, *_ in stream.begun]
    if done[:2] != ["a", "b"]:
        raise scene.wrong(
            f"`handle` raised for 'a', and 'b' was new; you began {', '.join(map(repr, done[:3]))}. What failed stays "
            f"pending for {LEASE} s; go on with the next."
        )
    _all_done(scene, stream, ["a", "b"], "`handle` raised for 'a' twice")


def _left(consume: Answer) -> None:
    stream = Stream([(0, "new")])
    dead = Process("dead", killed_at=-100)
    stream.pending = {name: Pending(dead, -100) for name in ("left 1", "left 2")}
    life, _ = _consumer(stream, "consumer")
    scene = _played(consume, stream, 60, life)
    _all_done(scene, stream, ["left 1", "left 2", "new"], "A consumer had died with two jobs, long ago")


def _living(consume: Answer) -> None:
    stream = Stream([(0, "a"), (0, "b"), (1, "c")], work=20)
    one, _ = _consumer(stream, "the first")
    two, _ = _consumer(stream, "the second", at=0.01)
    scene = _played(consume, stream, 60, one, two)
    _all_done(scene, stream, ["a", "b", "c"], "Two consumers, three jobs of 20 s")
    if len(stream.handled) > 3:
        raise scene.wrong(f"Two consumers did three jobs {len(stream.handled)} times, and nobody had been killed.")


def _steady(consume: Answer) -> None:
    stream = Stream([(number * WORK, f"new {number}") for number in range(30)])
    stream.pending = {"left": Pending(Process("dead", killed_at=-1), -1)}
    life, _ = _consumer(stream, "consumer")
    scene = _played(consume, stream, 3 * SOON, life)
    begun = [at for name, at, _ in stream.begun if name == "left"]
    if not begun or begun[0] > LEASE + WORK + 2 * ROUND:
        when = f"at {begun[0]:g} s" if begun else "never"
        raise scene.wrong(
            f"New jobs came all the time, and what a dead consumer had left, due at {LEASE - 1} s, was begun {when}: "
            "look for it before each new job, not only when there is none."
        )


def _cancelled(consume: Answer, cancel_at: float) -> None:
    stream = Stream([(0, "a"), (0, "b")])
    life, _ = _consumer(stream, "consumer")
    scene = live(consume, [life], cancel_at)
    if not life.cancelled:
        raise _not_passed_on(scene, life, cancel_at)


def _not_passed_on(scene: Scene, life: Life, at: float) -> Wrong:
    return scene.wrong(f"At {at:g} s your consumer was cancelled, and it {life.answered}: let CancelledError through.")


def _killed(
    consume: Answer, names: list[str], kill_at: float, failure: Exception | None = None, chance: Chance | None = None
) -> None:
    arrivals = [(chance.number(0, 8) * 0.25 * place if chance else 0.0, name) for place, name in enumerate(names)]
    failing = {names[0]: [failure]} if failure else {}
    stream = Stream(sorted(arrivals), failing=failing)
    one, _ = _consumer(stream, "the first", kill_at=kill_at)
    two, _ = _consumer(stream, "the second", at=kill_at + 1)
    scene = _played(consume, stream, kill_at + 3 * SOON + len(names) * (WORK + ROUND), one, two)
    _all_done(scene, stream, names, f"A consumer was killed at {kill_at:g} s, and another one came")
    if again := [name for name in names if stream.handled.count(name) > 1 and stream.begun[0][0] != name]:
        first = next(process for name, _, process in stream.begun if name == again[0])
        if first is two.process:
            raise scene.wrong(f"Job {again[0]!r} was done twice by a consumer that lived.")


consume = Exercise(
    lesson="lesson_09b",
    task="""\
**Exercise 1.** Write `consume(stream, handle)`: a consumer that loses nothing. It works until it is cancelled.

- `await stream.take_over(30)` returns a job that has been pending for 30 s or longer, or None. Such a job's consumer is
  dead, or had failed with it.
- `await stream.take()` returns the next new job. When there is none for a second, it returns None: ask again.
- `await handle(job)` does the work, in far less than 30 s. Where it raises an exception, leave the job pending (who
  takes it over tries again), and go on.
- `await stream.ack(job.id)` acknowledges a job.

One job at a time. Look for what the dead left **before each** new job. The check kills your consumer at every moment;
another one, which runs your function, too, must then do what is left.""",
    reference=solutions.consume,
    grade=_grade_consume,
    hints=[
        "Which line must stand behind `await handle(job)`, and be reached only when it has returned?",
        "A `while True:`; in it `take_over(30)`; if that gave None, `take()`; if that did, too, `continue`.",
        "`try: await handle(job)`, `except Exception:` nothing but a note, and `else: await stream.ack(job.id)`.",
    ],
)
