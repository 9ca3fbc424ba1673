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
OFTEN = 9  # times that a job fails before it succeeds: who gives up earlier loses it


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
        first = chance.number(1, 60) * 0.25 + 0.025
        second = first + chance.number(4, 160) * 0.25
        _killed(consume, names, first, chance.failure("the shop"), chance, again_at=second)
    return "Killed at every moment, it lost nothing: each job was done, acknowledged after that, and not before."


def _consumer(stream: Stream, name: str, at: float = 0.0, kill_at: float | None = None) -> Life:
    process = Process(name)
    return Life(process, [Connection(stream, process), Handler(stream, process).handle], at, kill_at)


def _played(consume: Answer, stream: Stream, until: float, *lives: Life) -> Scene:
    try:
        scene = live(consume, lives, until)
    except Wrong as wrong:
        if ended := next((life.raised for life in lives if any(life.raised is each for each in stream.raised)), None):
            raise Wrong(
                f"`handle` raised {type(ended).__name__} for one job, and the consumer ended with it: catch it, "
                "whatever it is, leave the job pending, and go on with the next.",
                wrong.timeline,
            ) from None
        raise
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
        raise scene.wrong(f"{what}; job {lost[0]!r} was never done. {_where(stream, lost[0])}")
    if left := [name for name in names if name in stream.pending]:
        raise scene.wrong(
            f"{what}; job {left[0]!r} was done {times(stream.handled.count(left[0]))}, and is still pending: "
            "acknowledge it after the work, or it is done again and again."
        )


def _where(stream: Stream, name: str) -> str:
    """Say where a job is that was not done, and what to do."""
    held = stream.pending.get(name)
    if held is None:
        return "You did not ask for it: `take` again as soon as a job is done, or there was none."
    of = "a consumer that is dead" if held.owner.killed_at is not None else "its consumer"
    lies = f"It lies pending, in the name of {of}"
    if after := stream.cut_short.get(name):
        return f"Its `handle` was cancelled after {after:.3g} s, and it takes {stream.work:g} s: let it end."
    if held.owner.killed_at is None and (held.owner, name) in stream.given:
        how, at = stream.given[held.owner, name]
        return (
            f"`{how}` gave you {name!r} at {at:.1f} s, and it was not handled: `await handle(job)` for each job that "
            "you are given."
        )
    looked = [at for process, at in stream.looked if process.killed_at is None]
    if looked and looked[-1] < held.since + LEASE:
        return (
            f"{lies}; you asked `take_over` last at {looked[-1]:.0f} s, when its {LEASE} s were not over: ask before "
            "each new job."
        )
    return f"{lies}: take over what has been pending for {LEASE} s, {'before each new job' if looked else 'too'}."


def times(count: int) -> str:
    """Return how often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _plain(consume: Answer) -> None:
    names = ["a", "b", "c"]
    stream = Stream([(0, name) for name in names])
    life = _consumer(stream, "consumer")
    scene = _played(consume, stream, len(names) * (WORK + ROUND), life)
    ended = 0.0
    for name, at, _ in stream.begun[: len(names)]:
        if at - ended > ROUND:
            raise scene.wrong(
                f"Job {name!r} was there, and nothing was in hand from {ended:.3g} s to {at:.3g} s: `take` waits for a "
                "second by itself, so wait for nothing else."
            )
        ended = at + WORK
    _all_done(scene, stream, names, "Three jobs came")
    if (order := [name for name, *_ in stream.begun]) != names:
        raise scene.wrong(f"The jobs {', '.join(names)} were begun as {', '.join(order)}.")


def _prompt(consume: Answer) -> None:
    came = {f"job {number}": number * (WORK + GAP) for number in range(6)}
    stream = Stream([(at, name) for name, at in came.items()])
    life = _consumer(stream, "consumer")
    scene = _played(consume, stream, max(came.values()) + WORK + 2 * ROUND, life)
    for name, at, _ in stream.begun:
        if at - came[name] > ROUND:
            raise scene.wrong(
                f"{name!r} came at {came[name]:g} s, when there was nothing else to do, and was begun at {at:g} s: "
                "`take` waits for a second by itself, so wait for nothing else."
            )
    _all_done(scene, stream, [*came], "Six jobs came, one after the other")


def _failing(consume: Answer) -> None:
    failures = [OSError("no answer") if number % 2 else ValueError("no such page") for number in range(OFTEN)]
    stream = Stream([(0, "a"), (0, "b")], failing={"a": [*failures]})
    life = _consumer(stream, "consumer")
    scene = _played(consume, stream, (OFTEN + 1) * (SOON + WORK), life)
    done = [name for name, *_ in stream.begun]
    if done[:2] != ["a", "b"]:
        raise scene.wrong(
            f"`handle` raised for 'a', and 'b' was new; you began {', '.join(map(repr, done[:3]))}. What failed stays "
            f"pending for {LEASE} s; go on with the next."
        )
    _all_done(scene, stream, ["a", "b"], f"`handle` raised for 'a' {OFTEN} times")


def _left(consume: Answer) -> None:
    stream, left = Stream([(0, "new")]), [f"left {number}" for number in range(1, 9)]
    dead = Process("dead", killed_at=-100)
    stream.pending = {name: Pending(dead, -100) for name in left}
    life = _consumer(stream, "consumer")
    scene = _played(consume, stream, (len(left) + 2) * (WORK + ROUND), life)
    _all_done(scene, stream, [*left, "new"], f"A consumer had died with {len(left)} jobs, long ago")


def _living(consume: Answer) -> None:
    stream = Stream([(0, "a"), (0, "b"), (1, "c")], work=20)
    one = _consumer(stream, "the first")
    two = _consumer(stream, "the second", at=0.01)
    scene = _played(consume, stream, 60, one, two)
    _all_done(scene, stream, ["a", "b", "c"], "Two consumers, three jobs of 20 s")
    if len(stream.handled) > 3:
        raise scene.wrong(f"Two consumers did three jobs {times(len(stream.handled))}, and nobody had been killed.")


def _steady(consume: Answer) -> None:
    stream = Stream([(number * WORK, f"new {number}") for number in range(30)])
    stream.pending = {"left": Pending(Process("dead", killed_at=-1), -1)}
    life = _consumer(stream, "consumer")
    scene = _played(consume, stream, 3 * SOON, life)
    begun = [at for name, at, _ in stream.begun if name == "left"]
    if not begun or begun[0] > LEASE + WORK + 2 * ROUND:
        when = f"begun at {begun[0]:g} s" if begun else "never begun"
        raise scene.wrong(
            f"New jobs came all the time, and what a dead consumer had left, due at {LEASE - 1} s, was {when}: "
            "look for it before each new job, not only when there is none."
        )


def _cancelled(consume: Answer, cancel_at: float) -> None:
    stream = Stream([(0, "a"), (0, "b")])
    life = _consumer(stream, "consumer")
    scene = live(consume, [life], cancel_at)
    if not life.cancelled:
        raise _not_passed_on(scene, life, cancel_at)


def _not_passed_on(scene: Scene, life: Life, at: float) -> Wrong:
    return scene.wrong(f"At {at:g} s your consumer was cancelled, and it {life.answered}: let CancelledError through.")


def _killed(
    consume: Answer,
    names: list[str],
    kill_at: float,
    failure: Exception | None = None,
    chance: Chance | None = None,
    again_at: float | None = None,
) -> None:
    arrivals = [(chance.number(0, 8) * 0.25 * place if chance else 0.0, name) for place, name in enumerate(names)]
    failing = {names[0]: [failure]} if failure else {}
    stream = Stream(sorted(arrivals), failing=failing)
    one = _consumer(stream, "the first", kill_at=kill_at)
    lives = [one, _consumer(stream, "the second", at=kill_at + 1, kill_at=again_at)]
    if again_at:
        lives.append(_consumer(stream, "the third", at=again_at + 1))
    last = again_at or kill_at
    scene = _played(consume, stream, last + 3 * SOON + len(names) * (WORK + ROUND), *lives)
    killed = f"One consumer was killed at {kill_at:g} s, one at {again_at:g} s" if again_at else ""
    _all_done(scene, stream, names, f"{killed or f'A consumer was killed at {kill_at:g} s'}, and another one came")
    for name in names:
        if [process for each, _, process in stream.begun if each == name].count(lives[-1].process) > 1 + bool(failure):
            raise scene.wrong(f"Job {name!r} was done twice by a consumer that lived.")


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

One job at a time: handle what you are given before you ask for the next. Look for what the dead left **before each**
new job. The check kills your consumer at every moment; another one, which runs your function, too, must then do what is
left.""",
    reference=solutions.consume,
    grade=_grade_consume,
    hints=[
        "Which line must stand behind `await handle(job)`, and be reached only when it has returned?",
        "A `while True:`; in it `take_over(30)`; if that gave None, `take()`; if that did, too, `continue`.",
        "`try: await handle(job)`, `except Exception:` nothing but a note, and `else: await stream.ack(job.id)`.",
    ],
)
