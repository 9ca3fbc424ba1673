"""Trying again: how often, after which errors, after which waits, and until when."""

import asyncio
import random

import pytest

from course_lib.lifecycle import RetryManager, retry_decorator, with_retry
from course_lib.seeing import simulate


class Service:
    """Fails with each of `errors` in turn, then answers; every call takes `seconds`."""

    def __init__(self, *errors, seconds=0.0):
        self.errors, self.seconds, self.begun = list(errors), seconds, []

    async def __call__(self):
        self.begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def begun_at(service, **arguments):
    """Run with_retry without jitter and return when the attempts began."""
    try:
        simulate(lambda: with_retry(service, **{"jitter": None, **arguments}))
    except Exception:  # noqa: BLE001  # whatever it ends with, the attempts are what is asked for
        pass
    return service.begun


def failing(times):
    return Service(*(OSError(number) for number in range(times)))


def test_the_first_success_is_returned():
    """It tries until an attempt succeeds, and returns what that one returned."""
    service = failing(2)
    timeline = simulate(lambda: with_retry(service, jitter=None))
    assert (timeline.result, timeline.end, len(service.begun)) == ("answer", 3, 3)


def test_the_last_error_is_raised():
    """When no attempt is left, the error of the last one is raised, as it is."""
    errors = [OSError(number) for number in range(3)]
    with pytest.raises(OSError, match="2") as caught:
        simulate(lambda: with_retry(Service(*errors)))
    assert caught.value is errors[2]
    assert caught.value.__context__ is None


def test_the_waits_grow_up_to_a_cap():
    """Without jitter the waits are delay, delay * backoff and so on, up to max_delay."""
    assert begun_at(failing(9), max_attempts=6, delay=1, backoff=3, max_delay=10) == [0, 1, 4, 13, 23, 33]


def test_the_cap_is_a_minute_unless_told():
    """A single wait is at most 60 s, or `delay` if the caller asked for more."""
    assert begun_at(failing(9), max_attempts=4, delay=40) == [0, 40, 100, 160]
    assert begun_at(failing(9), max_attempts=3, delay=100) == [0, 100, 200]


def test_waits_do_not_overflow():
    """Five thousand attempts with a huge back-off wait no longer than the cap."""
    assert begun_at(failing(9999), max_attempts=5000, backoff=1e300, max_delay=1)[-1] == 4999


def test_full_jitter_draws_between_nothing_and_the_cap():
    """Each wait is drawn anew from 0 to what it would be without jitter."""
    asked = []

    def half(low, high):
        asked.append((low, high))
        return (low + high) / 2

    assert begun_at(failing(9), max_attempts=5, max_delay=3, jitter=half) == [0, 0.5, 1.5, 3, 4.5]
    assert asked == [(0, 1), (0, 2), (0, 3), (0, 3)]


def retry_instants(**arguments):
    """At which instants 20 clients, whose first attempts fail together, try again."""
    services = [failing(1) for _ in range(20)]

    async def main():
        await asyncio.gather(*(with_retry(service, **arguments) for service in services))

    simulate(main)
    return [service.begun[1] for service in services]


def test_jitter_spreads_clients_that_failed_together():
    """20 clients try again at 20 different instants; without jitter all at the same one (article, L501)."""
    assert set(retry_instants(jitter=None)) == {1}
    spread = retry_instants()
    assert len(set(spread)) == 20
    assert all(0 <= instant <= 1 for instant in spread)
    repeated = [retry_instants(jitter=random.Random(7).uniform) for _ in range(2)]
    assert repeated[0] == repeated[1]


class PageMissing(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "exceptions", "attempts"),
    [
        (OSError(), (Exception,), 2),
        (TimeoutError(), (Exception,), 2),
        (ValueError(), (Exception,), 2),
        (PageMissing(), (Exception,), 2),
        (PageMissing(), (OSError, KeyError), 1),
        (KeyError(), (OSError, KeyError), 2),
        (OSError(), OSError, 2),
        (NameError(), (Exception,), 1),
        (UnboundLocalError(), (Exception,), 1),
        (TypeError(), (Exception,), 1),
        (AttributeError(), (Exception,), 1),
        (AssertionError(), (Exception,), 1),
        (NotImplementedError(), (Exception, RuntimeError), 1),
        (TypeError(), (Exception, TypeError), 2),
        (ModuleNotFoundError(), (ImportError,), 2),
        (ExceptionGroup("", [OSError(), OSError()]), (OSError,), 2),
        (ExceptionGroup("", [OSError(), PageMissing()]), (OSError,), 1),
        (ExceptionGroup("", [OSError(), ExceptionGroup("", [NameError()])]), (Exception,), 1),
        (ExceptionGroup("", [PageMissing()]), (ExceptionGroup,), 2),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_which_errors_are_retried(error, exceptions, attempts):
    """`exceptions` are retried, but a bug only when it is named, and a group when each error in it would be (L501)."""
    assert len(begun_at(Service(error), exceptions=exceptions)) == attempts


@pytest.mark.parametrize("stop", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_asks_to_stop_is_never_retried(stop):
    """Cancellation, an interrupt and their like end the retries at once and are passed on."""
    service, told = Service(stop(), OSError()), []

    async def main():
        try:
            await with_retry(service, on_attempt=told.append)
        except BaseException as error:  # noqa: BLE001  # that it comes through is what is tested
            return type(error)

    assert simulate(main).result is stop
    assert len(service.begun) == 1 and told == []


@pytest.mark.parametrize("cancel_at", [0.5, 1, 1.5], ids=["in an attempt", "between", "while waiting"])
def test_a_cancelled_retry_ends_cancelled(cancel_at):
    """A cancellation ends attempt or wait at once, and carries no earlier failure with it."""
    service = Service(*[OSError()] * 5, seconds=1)

    async def main():
        task = asyncio.create_task(with_retry(service, jitter=None))
        asyncio.get_running_loop().call_later(cancel_at, task.cancel)
        try:
            await task
        except asyncio.CancelledError as error:
            return task.cancelled(), asyncio.get_running_loop().time(), error.__context__

    cancelled, ended, context = simulate(main).result
    assert (cancelled, ended) == (True, cancel_at)
    assert not isinstance(context, OSError)
    assert len(service.begun) == 1


def test_a_wait_that_would_pass_the_deadline_is_not_begun():
    """When the next attempt could not begin before the deadline, the error is raised at once."""
    service = failing(9)
    with pytest.raises(OSError, match="2") as caught:
        simulate(lambda: with_retry(service, max_attempts=9, jitter=None, deadline=7))
    assert service.begun == [0, 1, 3]
    assert caught.value.timeline.end == 3


def test_an_attempt_is_cut_at_the_deadline():
    """An attempt that runs at the deadline is cancelled, and TimeoutError, with the deadline, is raised."""
    service = Service(OSError(), seconds=3)
    with pytest.raises(TimeoutError, match=r"^not finished within 5 s$") as caught:
        simulate(lambda: with_retry(service, jitter=None, deadline=5))
    assert service.begun == [0, 4]
    assert caught.value.timeline.end == 5


def test_a_timeout_error_of_an_attempt_is_retried_within_the_deadline():
    """The callee's own TimeoutError is one more failure; only the deadline's ends everything."""
    service = Service(TimeoutError("its own"))
    assert begun_at(service, deadline=5) == [0, 1]


def test_a_hook_sees_each_attempt():
    """on_attempt is told number, error, time and wait of each attempt, also of the one that succeeds."""
    error, seen = OSError("refused"), []
    simulate(lambda: with_retry(Service(error, seconds=2), jitter=None, on_attempt=seen.append))
    assert [(attempt.number, attempt.error, attempt.elapsed, attempt.wait) for attempt in seen] == [
        (1, error, 2, 1),
        (2, None, 5, None),
    ]


def test_a_hook_can_end_the_retries():
    """What a hook raises ends the retries."""

    def enough(attempt):
        raise RuntimeError("enough")

    service = failing(5)
    with pytest.raises(RuntimeError, match="enough"):
        simulate(lambda: with_retry(service, on_attempt=enough))
    assert len(service.begun) == 1


def test_the_articles_faces():
    """RetryManager's function and decorator take the article's arguments, by position and by name."""
    tries = []

    @RetryManager.retry_decorator(max_attempts=3, delay=0.5)
    async def fetch(url, *, page):
        tries.append((url, page))
        if len(tries) == 1:
            raise OSError
        return url

    async def main():
        return await fetch("u", page=2), await RetryManager.with_retry(failing(1), 2, 0.5, 1.0, (OSError,))

    assert simulate(main).result == ("u", "answer")
    assert tries == [("u", 2)] * 2
    assert fetch.__name__ == "fetch"


def test_each_call_of_a_decorated_function_counts_for_itself():
    """Two tasks that call one decorated function have all their attempts, each."""
    tries = {"a": 0, "b": 0}

    @retry_decorator(max_attempts=3)
    async def work(name):
        tries[name] += 1
        await asyncio.sleep(1)
        if tries[name] < 3:
            raise OSError
        return name

    async def main():
        return await asyncio.gather(work("a"), work("b"))

    assert simulate(main).result == ["a", "b"]
    assert tries == {"a": 3, "b": 3}


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("arguments", "kind", "hint"),
    [
        ({"max_attempts": 0}, ValueError, "max_attempts=0: pass 1 or more; the first try counts"),
        ({"max_attempts": 2.0}, TypeError, "max_attempts=2.0: pass a whole number"),
        ({"max_attempts": True}, TypeError, "max_attempts=True"),
        ({"delay": -1}, ValueError, "delay=-1: .*0 tries again at once"),
        ({"delay": NAN}, ValueError, "delay=nan"),
        ({"delay": "1"}, TypeError, "delay='1'"),
        ({"backoff": 0.5}, ValueError, "backoff=0.5: .*1 keeps the waits equally long"),
        ({"backoff": INF}, ValueError, "backoff=inf"),
        ({"max_delay": -1}, ValueError, "max_delay=-1"),
        ({"max_delay": 0.5}, ValueError, "max_delay=0.5 is less than delay=1.0"),
        ({"deadline": -1}, ValueError, "deadline=-1: .*None sets no deadline"),
        ({"deadline": NAN}, ValueError, "deadline=nan"),
        ({"jitter": 0.5}, TypeError, "jitter is 0.5, which cannot be called"),
        ({"on_attempt": with_retry}, TypeError, "on_attempt=with_retry is a coroutine function"),
        ({"exceptions": ()}, ValueError, r"exceptions=\(\) would never try again"),
        ({"exceptions": (OSError, asyncio.CancelledError)}, TypeError, "holds CancelledError, which asks .* stop"),
        ({"exceptions": BaseException}, TypeError, "holds BaseException"),
        ({"exceptions": (KeyboardInterrupt,)}, TypeError, "holds KeyboardInterrupt"),
        ({"exceptions": (OSError, "timeout")}, TypeError, "holds 'timeout', no exception class"),
        ({"exceptions": [OSError]}, TypeError, "no exception class"),
        ({"exceptions": (OSError(),)}, TypeError, "no exception class"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_arguments_without_sense_are_refused(arguments, kind, hint):
    """A refusal comes before the first attempt, and names parameter, value and next step (article, L501)."""
    service = failing(0)
    with pytest.raises(kind, match=hint):
        simulate(lambda: with_retry(service, **arguments))
    assert service.begun == []
    with pytest.raises(kind, match=hint):
        retry_decorator(**arguments)


def test_what_cannot_be_tried_again_is_refused():
    """A coroutine, which runs once, an async generator function and a plain function are refused with what to write."""

    async def stream():
        yield 1

    with pytest.raises(TypeError, match=r"already called, which can run only once: .*lambda: fetch\(url\)"):
        simulate(lambda: with_retry(Service()()))
    with pytest.raises(TypeError, match="a second attempt would repeat the items"):
        retry_decorator()(stream)
    with pytest.raises(TypeError, match="is it written with async def"):
        simulate(lambda: with_retry(lambda: 5))
