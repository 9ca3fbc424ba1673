"""Exercise 1: a caller that asks again, with the same key, when it is told to, and for as long as it may."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing
from course_lib.exercises.lesson_13b import solutions
from course_lib.exercises.playing import NOT_ENDED, PATIENCE, Scene, play
from course_lib.seeing import span

ROUNDS = 20
TAKES = 0.25  # seconds that an answer takes
LOST = 1.0  # seconds to wait when no answer came
QUESTION = {"url": "http://127.0.0.1/", "pages": 3}


@dataclass(frozen=True)
class Reply:
    """An answer of the service."""

    status: int
    id: Any = None
    retry_after: float | None = None


ACCEPTED = Reply(202)
NOT_SENT, NOT_HEARD = ConnectionError, ConnectionResetError  # raised before it was accepted, and after
HANGS = 1e6  # seconds
MANY = 200  # calls at once
DIFFER = 7.75  # places in which a key differs from the next one's, on average: what a clock counts changes in fewer


@dataclass(frozen=True)
class Try:
    """One call of `send`: when it came, when it was answered, with which key, and how."""

    began: float
    ended: float
    key: Any
    told: Any


class Service:
    """Accepts crawls by key; `replies` is what it does at each try, the last one again and again."""

    def __init__(self, replies: Sequence[Reply | Exception | type[Exception] | float], takes: float = TAKES) -> None:
        self.replies, self.takes = list(replies), takes
        self.crawls: dict[Any, str] = {}
        self.tries: list[Try] = []
        self.questions: list[Any] = []
        self.wrong = ""
        self._begun = 0

    async def send(self, question: Any, key: Any) -> Reply:
        """Ask once."""
        clock = asyncio.get_running_loop().time
        began = clock()
        reply = self.replies[min(self._begun, len(self.replies) - 1)]
        self._begun += 1
        if not isinstance(key, str) or not re.fullmatch(r"[!-~]{1,200}", key):  # as `service.idempotency` has it
            self.wrong = self.wrong or (
                f"The key was {key!r:.60}: make a text of 1 to 200 characters of ASCII without spaces, such as "
                "`uuid.uuid4().hex`."
            )
        self.questions.append(question)
        with span(f"try {self._begun}"):
            await asyncio.sleep(reply if isinstance(reply, float) else self.takes)
        if reply in (ACCEPTED, NOT_HEARD):
            self.crawls.setdefault(str(key), f"crawl {len(self.crawls) + 1}")
        # A new exception each time: one for all runs would keep their tasks, by the frames that it came through.
        told = reply("no answer came") if isinstance(reply, type) else reply
        self.tries.append(Try(began, clock(), key, told))
        if isinstance(told, Exception):
            raise told
        assert isinstance(told, Reply)
        return Reply(202, self.crawls[str(key)]) if told == ACCEPTED else told


def _grade_ask_again(ask_again: Answer) -> str:
    _one_round(ask_again, [ACCEPTED])
    for status in (429, 503):
        _one_round(ask_again, [Reply(status, retry_after=3.0), ACCEPTED])
    _one_round(ask_again, [NOT_SENT, ACCEPTED])
    _one_round(ask_again, [NOT_HEARD, ACCEPTED])
    _one_round(ask_again, [NOT_HEARD, Reply(503, retry_after=2.0), NOT_SENT, Reply(429, retry_after=0.5), ACCEPTED])
    _two_calls(ask_again)
    _two_at_once(ask_again)
    _many_keys(ask_again)
    for status in (400, 422, 404, 408, 500, 200, 302):
        _refused_for_good(ask_again, status)
    _refused_for_good(ask_again, 400, NOT_HEARD)
    _too_late(ask_again, [Reply(503, retry_after=2.0)], 40.1)
    _too_late(ask_again, [NOT_SENT], 30.1)
    _too_late(ask_again, [Reply(429, retry_after=1.0), Reply(429, retry_after=1.0), HANGS], 5.0)
    _too_late(ask_again, [Reply(429, retry_after=0.25)], 40.1)  # more tries than seconds
    for mistake in (LookupError("a mistake in `send`"), TimeoutError("its own limit"), OSError("no memory")):
        _a_mistake(ask_again, mistake)
    _cancelled(ask_again, 0.1)
    _cancelled(ask_again, 1.0)
    chance = Chance("ask_again")
    for _ in range(ROUNDS):
        _one_round(ask_again, [_drawn(chance) for _ in range(chance.number(0, 7))] + [ACCEPTED])
    return "One key for all tries, each when it was due, and an end: this caller can be relied on."


def _drawn(chance: Chance) -> Reply | type[Exception]:
    if chance.likely(0.4):
        return chance.one_of((NOT_SENT, NOT_HEARD))
    return Reply(chance.one_of((429, 503)), retry_after=chance.seconds(0.5, 4))


def _asked(ask_again: Answer, replies: Sequence[Any], seconds: float, cancel_at: float | None = None) -> Any:
    service = Service(replies)
    try:
        scene = play(ask_again, service.send, dict(QUESTION), seconds, cancel_at=cancel_at)
    except Wrong as wrong:
        if cancel_at is None and seconds < PATIENCE and str(wrong).startswith(NOT_ENDED):
            raise Wrong(
                f"You had {seconds:g} s for all tries together, and had not ended after {PATIENCE:g} s: one limit "
                "around all of them; and let CancelledError through, which is how a limit ends what is in it.",
                wrong.timeline,
            ) from None
        raise
    if service.wrong:
        raise scene.wrong(service.wrong)
    if isinstance(scene.raised, AttributeError) and await_missing([scene.raised.obj]):
        raise scene.wrong("`send(question, key)` gives a coroutine: `answer = await send(question, key)`.")
    if not service.tries and not service.questions:
        if scene.raised and not isinstance(scene.raised, TimeoutError):
            scene.result()
        raise scene.wrong("`send` was never called: `answer = await send(question, key)`.")
    if any(question != QUESTION for question in service.questions):
        raise scene.wrong("`send` got another question than you: pass it on as it is.")
    keys = {each.key for each in service.tries}
    if len(keys) > 1:
        raise scene.wrong(
            f"{len(service.tries)} tries had {len(keys)} keys: where the first was accepted and its answer lost, there "
            "are two crawls now. Make the key once, before the first try."
        )
    for before, after in zip(service.tries, service.tries[1:], strict=False):
        _check_pause(scene, before, after)
    return service, scene


def _check_pause(scene: Scene, before: Try, after: Try) -> None:
    waited = after.began - before.ended
    if isinstance(before.told, Exception):
        if waited != LOST:
            raise scene.wrong(f"No answer came, and you asked again after {waited:g} s: wait one second.")
        return
    if before.told.retry_after is not None and waited != before.told.retry_after:
        early = "earlier" if waited < before.told.retry_after else "later"
        raise scene.wrong(
            f"The answer {before.told.status} said to ask again after {before.told.retry_after:g} s; you asked after "
            f"{waited:g} s, {early} than that: wait `answer.retry_after` seconds."
        )


def _one_round(ask_again: Answer, replies: Sequence[Any]) -> None:
    service, scene = _asked(ask_again, replies, 1000)
    if scene.raised and scene.raised in [each.told for each in service.tries]:
        raise scene.wrong(
            f"`send` raised {type(scene.raised).__name__}, and you passed it on: no answer came, so ask again, with "
            "the same key, after one second."
        )
    told = service.tries[-1].told if service.tries else ACCEPTED
    if told is not ACCEPTED and (scene.raised is None or isinstance(scene.raised, ValueError | TimeoutError)):
        what = f"status {told.status}" if isinstance(told, Reply) else "no answer"
        raise scene.wrong(f"After {what} you {scene.answered()}: ask again, until the status is 202.")
    returned = scene.result()
    if len(service.tries) > len(replies):
        raise scene.wrong("The crawl was accepted, and you asked once more: 202 is the end.")
    if (late := scene.ended - service.tries[-1].ended) > 0:
        raise scene.wrong(f"The answer was 202, and you returned {late:g} s after it: return at once.")
    if returned != service.crawls[service.tries[-1].key]:
        raise scene.wrong(f"You returned {returned!r:.60}: return `answer.id`, the crawl's id.")


def _two_calls(ask_again: Answer) -> None:
    service, question = Service([ACCEPTED]), dict(QUESTION)

    async def twice() -> Any:
        return [await ask_again(service.send, question, 10) for _ in range(2)]

    scene = _several(twice, ask_again)
    if len(service.crawls) < 2:
        raise scene.wrong(
            "Two calls of your function used the same key, so the second got the first one's crawl: a new key for each "
            "call, the same for each of its tries."
        )


def _two_at_once(ask_again: Answer) -> None:
    """Two callers in one process, and both ask again."""
    services = Service([NOT_HEARD, NOT_SENT, ACCEPTED]), Service([NOT_HEARD, ACCEPTED])

    async def both() -> Any:
        return await asyncio.gather(*(ask_again(each.send, dict(QUESTION), 10) for each in services))

    scene = _several(both, ask_again)
    keys = [{each.key for each in service.tries} for service in services]
    if keys[0] == keys[1] and len(keys[0]) == 1:
        raise scene.wrong(
            "Two calls of your function ran at once, and had the same key, such as one made of the time: draw it by "
            "chance, `uuid.uuid4().hex`."
        )
    if any(len(each) > 1 for each in keys) or keys[0] & keys[1]:
        raise scene.wrong(
            "Two calls of your function ran at once, and one used the other's key: keep the key in a local variable, "
            "which each call has for itself."
        )


def _many_keys(ask_again: Answer) -> None:
    """Keys that others, too, could have made: by counting, by the time, out of few numbers."""
    service = Service([ACCEPTED])

    async def many() -> Any:
        return await asyncio.gather(*(ask_again(service.send, dict(QUESTION), 10) for _ in range(MANY)))

    scene = _several(many, ask_again)
    keys = [each.key for each in service.tries]
    differ = sum(one != other for pair in pairwise(keys) for one, other in zip_longest(*pair)) / (MANY - 1)
    if len(set(keys)) < MANY or differ < DIFFER:
        raise scene.wrong(
            f"{MANY} calls had {len(set(keys))} keys, such as {keys[0]!r:.60} and {keys[-1]!r:.60}: another process "
            "may make the same ones. Draw the key by chance, long enough: `uuid.uuid4().hex`."
        )


def _several(calls: Answer, ask_again: Answer) -> Scene:
    calls.__name__ = ask_again.__name__
    scene = play(calls)
    scene.result()
    return scene


def _refused_for_good(ask_again: Answer, status: int, *before: type[Exception]) -> None:
    service, scene = _asked(ask_again, [*before, Reply(status, retry_after=1.0)], 10)
    if len(service.tries) > 1 + len(before):
        raise scene.wrong(
            f"The answer was {status}: only 429 and 503 say that asking again helps. Raise ValueError at once."
        )
    if not isinstance(scene.raised, ValueError):
        raise scene.wrong(f"The answer was {status}, and you {scene.answered()}: raise ValueError.")
    if (late := scene.ended - service.tries[-1].ended) > 0:
        raise scene.wrong(f"The answer was {status}, and you raised ValueError {late:g} s after it: at once.")


def _a_mistake(ask_again: Answer, mistake: Exception) -> None:
    _, scene = _asked(ask_again, [mistake, ACCEPTED], 100)
    if scene.raised is not mistake:
        did = scene.answered()
        if type(scene.raised) is type(mistake):
            did = f"raised another {type(mistake).__name__}"
        raise scene.wrong(
            f"`send` raised {type(mistake).__name__}, and you {did}: only a ConnectionError means that no answer came; "
            "pass others on, as they are."
        )


def _too_late(ask_again: Answer, replies: Sequence[Any], seconds: float) -> None:
    service, scene = _asked(ask_again, replies, seconds)
    if scene.ended > seconds:
        raise scene.wrong(f"You had {seconds:g} s for all tries together, and ended after {scene.ended:g} s.")
    if not isinstance(scene.raised, TimeoutError):
        raise scene.wrong(
            f"After {seconds:g} s the time for all tries was over, and you {scene.answered()}: raise TimeoutError."
        )
    last = service.tries[-1]
    pause = LOST if isinstance(last.told, Exception) else last.told.retry_after
    if scene.ended < seconds and (last.ended + pause < seconds):
        raise scene.wrong(f"You gave up after {scene.ended:g} s of {seconds:g} s: there was time to ask again.")


def _cancelled(ask_again: Answer, cancel_at: float) -> None:
    _, scene = _asked(ask_again, [Reply(503, retry_after=50.0)], 100, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(f"You were cancelled at {cancel_at:g} s, and {scene.answered()}: let CancelledError through.")


ask_again = Exercise(
    lesson="lesson_13b",
    task="""\
**Exercise 1.** Write `ask_again(send, question, seconds)`: submit a crawl, whatever happens, and return its id.

- `await send(question, key)` asks once. It returns an answer with a `status`; or it raises ConnectionError when no
  answer came: then the crawl may have been accepted, or not.
- `202`: accepted. Return `answer.id`.
- `429` and `503`: wait `answer.retry_after` seconds, and ask again. After a ConnectionError: wait one second.
- Any other status, as 400 or 500: raise ValueError, at once. Other exceptions of `send`: pass them on.
- The key is a text without spaces, drawn by chance, such as `uuid.uuid4().hex`: the same for all tries of one call,
  another one for each other call, of other processes, too.
- All tries and pauses together may take `seconds`. Then raise TimeoutError; `send` itself may hang.""",
    reference=solutions.ask_again,
    grade=_grade_ask_again,
    hints=[
        "Where is the key made, so that it is one for all tries? And which block has one limit for everything?",
        "`key = ...`, then `async with asyncio.timeout(seconds):`, and in it `while True:`.",
        "`try: answer = await send(question, key)`, `except ConnectionError: pause = 1`, `else:` return, raise, or "
        "`pause = answer.retry_after`; at the loop's end `await asyncio.sleep(pause)`.",
    ],
)
