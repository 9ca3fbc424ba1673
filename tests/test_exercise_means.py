"""What checks are made of: draws that are the same for everyone, causes read from a line, scenes in every order."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import pytest

from course_lib.exercises.causes import hint
from course_lib.exercises.chance import FALSY, KINDS, STEP, Chance
from course_lib.exercises.framework import Wrong, run
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import play
from course_lib.exercises.returning import returned_none
from course_lib.exercises.uncalled import passed_uncalled
from course_lib.seeing import span


def test_draws_are_the_same_for_everyone():
    """The same name draws the same numbers, on every machine and every Python."""
    chance = Chance("a name")
    assert [chance.number(1, 6) for _ in range(12)] == [1, 2, 5, 4, 1, 6, 1, 1, 3, 1, 5, 2]


def test_no_kind_of_failure_is_left_to_luck():
    """Exceptions come in turn: of as many as there are classes, each is of another, and they are unrelated to most."""
    chance = Chance("kinds")
    assert {type(chance.failure("a page")) for _ in KINDS} == set(KINDS)
    assert not any(issubclass(kind, KINDS[2]) for kind in KINDS if kind is not KINDS[2])


def test_falsy_values_are_drawn():
    """A value is now and then one of those that `if value` takes for nothing."""
    chance = Chance("values")
    drawn = [chance.value("page") for _ in range(60)]
    assert "page" in drawn
    assert all(value in drawn for value in FALSY)


def test_durations_are_no_round_times():
    """Durations keep within their bounds, and whoever looks each quarter or tenth of a second is late for most."""
    chance = Chance("seconds")
    drawn = [chance.seconds(0.25, 2) for _ in range(100)]
    assert min(drawn) >= 0.25 and max(drawn) <= 2
    assert {each / STEP for each in drawn} == {1, 2, 3, 4, 5, 6}
    assert sum(each % 0.25 == 0 for each in set(drawn)) == 1


def test_a_set_of_tasks_has_no_order_to_rely_on():
    """Tasks in a set come in another order each time, and in the same ones when it is tried again."""

    async def order():
        tasks = [asyncio.create_task(asyncio.sleep(0, number)) for number in range(4)]
        done, _ = await asyncio.wait(tasks)
        return tuple(task.result() for task in done)

    assert len({run(order).result for _ in range(10)}) > 3


async def returns_a_call(start):
    return start()


async def returns_a_call_or_nothing(start):
    if not start:
        return
    return start()


async def returns_nothing(start):
    start()


async def sets_its_own(start):
    found = None

    def keep(value):
        found = value  # noqa: F841  # the mistake

    start(keep)
    return found


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (returns_a_call, "that is what `start()` gave."),
        (returns_a_call_or_nothing, "Besides `return start()` there is a `return` in it that gives nothing"),
        (returns_nothing, "Is a `return` missing?"),
        (sets_its_own, "In keep, the assignment makes a variable of its own; `nonlocal found` says"),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_why_none_was_returned(function, sentence):
    """A function that returned None is told which `return` gave it, or that there is none."""
    assert sentence in returned_none(function)


def raised_by(coro):
    with pytest.raises((AttributeError, RuntimeError, TypeError, UnboundLocalError)) as raised:
        asyncio.run(coro)
    return raised.value


async def awaits_a_call(start):
    await start()


async def awaits_a_function(start):
    await start


async def calls_for_a_thread(start):
    await asyncio.to_thread(start("a", 2))


async def calls_for_an_executor(start):
    await asyncio.get_running_loop().run_in_executor(None, start("a", 2))


async def awaits_in_brackets(fetch):
    await asyncio.gather(*[await fetch(name) for name in "ab"])


async def forgets_nonlocal(start):
    count = 0

    def factory():
        count += 1  # noqa: F823, F841  # the mistake

    factory()


async def answers(name):
    return name


async def asks_the_call(start):
    return await closed("a").upper()  # as in `await start("a").upper()`


async def takes_an_item_of_the_call(start):
    return await answers("a")[0]


async def asks_a_coroutine(start):
    found = closed("a")
    return found.upper()


async def asks_a_task(start):
    task = asyncio.create_task(start("a"))
    return task.upper()


async def takes_an_item_of_a_task(start):
    task = asyncio.create_task(start("a"))
    return task[0]


async def takes_an_item_of_gather(start):
    return await asyncio.gather(start("a"), start("b"))[0]


async def asks_an_item_of_a_list(start):
    made = [closed("a")]
    return made[0].upper()


async def enters_what_has_to_be_called(scope):
    async with scope as entered:
        return entered


@asynccontextmanager
async def connected():
    yield "name"


@contextmanager
def measured():
    yield "name"


async def asks_before_entering(scope):
    return scope().upper()


async def asks_a_name_before_entering(scope):
    found = scope()
    return found.upper()


async def misspells_a_block(scope):
    async with scope() as name:
        return name.uper()


async def awaits_what_is_entered(scope):
    async with await scope() as name:
        return name


async def awaits_a_block_of_a_module(module):
    return await module.connected()


async def endless():
    yield "name"


async def loops_over_a_stream(stream):
    for each in stream():
        return each


async def loops_over_a_streams_name(stream):
    found = stream()
    return [each.upper() for each in found]


async def numbers_a_stream(stream):
    found = stream()
    return list(enumerate(found))


async def asks_a_stream_for_the_next(stream):
    found = stream()
    return next(found)


async def unpacks_a_stream(stream):
    found = stream()
    return print(*found)


async def waits_for_a_list(given):
    async for each in given:
        return each


async def waits_for_a_range(given):
    return [each async for each in range(given)]


async def loops_over_a_number(given):
    for each in given:
        return each


async def waits_for_one_thing(given):
    async for each in given("a"):
        return each


async def asks_a_block_for_the_next(given):
    items = given()
    return await anext(items)


async def loops_over_a_block(given):
    items = given()
    async for each in items:
        return each


async def closes_a_stream_as_a_file(given):
    found = given()
    found.close()


async def numbers_in_a_loop(given):
    found = given()
    for number, each in enumerate(found):
        return number, each


async def forgets_an_argument(given):
    def first_of(stream, count):
        return stream, count

    found = given()
    return first_of(found)


async def misspells_a_name_with_an_a(module):
    return module.wait_all("a")


class Waiting:
    """Has a name that is another's with an `a` before it, and nothing to be awaited."""

    @staticmethod
    def await_all(name):
        return name


class Blocks:
    """Something with a block among its attributes."""

    connected = staticmethod(connected)


async def enters_it_second(scope):
    async with asyncio.timeout(1), scope:
        pass


async def enters_a_class_of_a_module(module):
    async with module.TaskGroup as group:
        return group


async def enters_a_class_without_async(scope):
    with scope as entered:
        return entered


async def sums_what_waits(start):
    return sum(await start(name) for name in "ab")


async def joins_what_waits(start):
    return "".join(await start(name) for name in "ab")


async def goes_through_gather(start):
    found = asyncio.gather(start("a"), start("b"))
    return dict(zip("ab", found, strict=True))


async def loops_over_gather(start):
    found = asyncio.gather(start("a"), start("b"))
    for each in found:
        print(each.done())


async def enters_what_is_no_scope(scope):
    async with scope:
        pass


async def enters_what_a_call_gives(scope):
    async with scope():
        pass


async def sums_what_is_there(start):
    return sum(name for name in await start("a"))


async def hands_a_task_to_what_fails(start):
    task = asyncio.create_task(start("a"))
    try:
        return chr(-1, task)
    finally:
        await task


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (enters_what_is_no_scope, object()),
        (enters_what_a_call_gives, object),
        (sums_what_is_there, answers),
        (hands_a_task_to_what_fails, answers),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_other_causes_of_the_same_error_get_no_advice(function, given):
    """What is no scope at all, and a sum of texts, was not mistaken for a class, or for what has to be awaited."""
    assert not hint(raised_by(function(given)))


async def misspells_what_a_task_has(start):
    return asyncio.create_task(start("a")).results()


@pytest.mark.parametrize(
    ("function", "given", "sentence"),
    [
        (awaits_a_call, int, "`start(...)` was called, and gave nothing that can be awaited"),
        (
            calls_for_a_thread,
            str.center,
            "was given what `start('a', 2)` gave: pass the function and its arguments apart",
        ),
        (calls_for_an_executor, str.center, "apart, `run_in_executor(None, start, 'a', 2)`"),
        (awaits_a_function, int, "`start` is a function, and `await` needs what its call gives: is its () missing?"),
        (awaits_in_brackets, answers, "The `await` inside the brackets finished each call before the next began"),
        (forgets_nonlocal, None, "`nonlocal count` says that the outer one is meant"),
        (asks_the_call, None, "has to be awaited first, in brackets: `(await closed('a')).upper`"),
        pytest.param(
            takes_an_item_of_the_call,
            None,
            "`answers('a')` has to be awaited first, in brackets: `(await answers('a'))[0]`",
            marks=pytest.mark.filterwarnings("ignore:coroutine 'answers' was never awaited"),
        ),
        (asks_a_coroutine, None, "`found` holds a coroutine, not what it gives: an `await` is missing where it is"),
        (asks_an_item_of_a_list, None, "`made[0]` holds a coroutine, not what it gives"),
        (takes_an_item_of_gather, answers, "brackets: `(await asyncio.gather(start('a'), start('b')))[0]`"),
        (asks_a_task, answers, "`task` has to be awaited first, in brackets: `(await task).upper`"),
        (takes_an_item_of_a_task, answers, "`task` has to be awaited first, in brackets: `(await task)[0]`"),
        (enters_what_has_to_be_called, AsyncExitStack, "`scope` has to be called, and what it gives is entered: `sco"),
        (enters_what_has_to_be_called, asynccontextmanager(answers), "`scope(...)`. Are its () missing?"),
        (enters_it_second, AsyncExitStack, "`scope` has to be called"),
        (enters_a_class_of_a_module, asyncio, "`module.TaskGroup` has to be called"),
        (enters_a_class_without_async, AsyncExitStack, "`scope` has to be called"),
        (asks_before_entering, connected, "`scope()` has to be entered first: `async with scope() as it:`, and in its"),
        (asks_before_entering, measured, "first: `with scope() as it:`, and in its block `it.upper`"),
        (asks_a_name_before_entering, connected, "`found` has to be entered first: `async with found as it:`"),
        (awaits_what_is_entered, connected, "`scope(...)` gives is entered, and not awaited: `async with scope(...)`"),
        (awaits_what_is_entered, measured, "is entered, and not awaited: `with scope(...)`"),
        (awaits_what_is_entered, int, "`scope(...)` was called, and gave nothing that can be awaited"),
        (awaits_a_block_of_a_module, Blocks(), "What `module.connected(...)` gives is entered, and not awaited"),
        (loops_over_a_stream, endless, "A plain `for` does not wait for items: `async for ... in stream()`"),
        (loops_over_a_streams_name, endless, "A plain `for` does not wait for items: `async for ... in found`"),
        (numbers_a_stream, endless, "`enumerate` does not wait for items: go through `found` by `async for`, or make"),
        (asks_a_stream_for_the_next, endless, "`next` does not wait. `await anext(found)` does"),
        (unpacks_a_stream, endless, "`print` does not wait for items: go through `found` by `async for`"),
        (waits_for_a_list, ["a"], "`async for` is for what waits for its items. `given` has them all: `for ... in gi"),
        (waits_for_a_range, 2, "`range(given)` has them all: `for ... in range(given)`"),
        pytest.param(
            waits_for_one_thing,
            answers,
            "`given('a')` gives one thing, and is awaited; `async for` is for what gives many",
            marks=pytest.mark.filterwarnings("ignore:coroutine 'answers' was never awaited"),
        ),
        (asks_a_block_for_the_next, connected, "`items` has to be entered first: `async with items as it:`."),
        (loops_over_a_block, connected, "`items` has to be entered first: `async with items as it:`."),
        (closes_a_stream_as_a_file, endless, "It has `aclose`, which is awaited: `await found.aclose(...)`"),
        (numbers_in_a_loop, endless, "`enumerate` does not wait for items: go through `found` by `async for`"),
        (sums_what_waits, answers, "through which `sum` cannot go. Square brackets around it make a list first"),
        (joins_what_waits, answers, "through which `join` cannot go"),
        (goes_through_gather, answers, "`found` has to be awaited first: `await found` gives the results"),
        (loops_over_gather, answers, "`found` has to be awaited first: `await found` gives the results"),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_a_cause_is_read_from_the_line(function, given, sentence):
    """What to do about an exception is read from the line that raised it, whatever words Python has for it."""
    assert sentence in hint(raised_by(function(given)))


def test_a_slip_of_the_keyboard_is_no_missing_await():
    """Who asks a task for something that is nearly one of its own names meant the task."""
    assert not hint(raised_by(misspells_what_a_task_has(answers)))


def test_what_cannot_be_gone_through_at_all_gets_no_advice_on_loops():
    """A number waits for nothing, and has no items either."""
    assert "async for" not in hint(raised_by(loops_over_a_number(5)))


@pytest.mark.parametrize(
    ("function", "given"),
    [(misspells_a_block, connected), (forgets_an_argument, endless), (misspells_a_name_with_an_a, Waiting)],
)
def test_a_slip_of_the_keyboard_is_no_missing_entry(function, given):
    """Who asks what a block gave for something that it does not have had entered it; nor is another slip a loop."""
    assert not hint(raised_by(function(given)))


def closed(name):
    """Return a coroutine of which nobody is told that it was never awaited."""
    made = answers(name)
    made.close()
    return made


async def reckons_without_waiting(start):
    found = start("a")
    return 2 * found


async def goes_through_without_waiting(start):
    found = start("a")
    for _each in found:
        return 1


async def counts_without_waiting(start):
    found = start("a")
    return len(found)


async def waits_in_the_wrong_way(start):
    found = start("a")
    async for each in found:
        return each


async def hands_on(start):
    await asyncio.wait([start("a")])


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (reckons_without_waiting, True),
        (goes_through_without_waiting, True),
        (counts_without_waiting, True),
        (waits_in_the_wrong_way, False),
        (hands_on, False),
    ],
)
def test_a_coroutine_that_was_never_awaited_is_named(function, told):
    """Who reckons with a coroutine, or goes through it, forgot an `await`; who passes it on, or waits, did not."""
    assert ("`found` holds a coroutine, not what it gives" in hint(raised_by(function(closed)))) == told


async def awaits_what_fails(jobs):
    await asyncio.get_running_loop().run_in_executor(None, len, jobs)


async def awaits_what_fails_deeper(jobs):
    await asyncio.to_thread(lambda: sum(jobs))


async def gathers_futures_of_a_pool(jobs):
    with ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(str, job) for job in jobs]
        await asyncio.gather(*futures)


@pytest.mark.parametrize("function", [awaits_what_fails, awaits_what_fails_deeper])
def test_an_await_is_not_blamed_for_what_it_hands_on(function):
    """What was raised in a thread comes out of the `await`, which was no mistake."""
    given = 5 if function is awaits_what_fails else ["a"]
    assert "awaited" not in hint(raised_by(function(given)))


def test_what_submit_gives_is_told_apart():
    """A pool's own future is no asyncio future, and gather does not take it."""
    assert "What `submit` gives is a pool's own future" in hint(raised_by(gathers_futures_of_a_pool([1, 2])))


class Source:
    def __call__(self):
        return answers("a")


async def makes_tasks(sources):
    return [asyncio.create_task(source) for source in sources]


async def calls_and_fails(sources):
    return await asyncio.gather(*[source() for source in sources]) + 1


def test_a_stand_in_that_was_not_called_is_told_apart():
    """An error of using a function itself differs from one that has another cause, also in a comprehension."""
    assert passed_uncalled(Source, raised_by(makes_tasks([Source()])))
    assert not passed_uncalled(Source, raised_by(calls_and_fails([Source()])))


def two_waits():
    ended = []

    async def fetch(name):
        with span(name):
            await asyncio.sleep(1)
        ended.append(name)
        return name

    return ended, [fetch]


def test_a_right_answer_is_right_in_every_order():
    """Nothing is found where an answer does not depend on the order of what it waits for."""

    async def gathers(fetch):
        return await asyncio.gather(fetch("a"), fetch("b"))

    def check(scene, _):
        assert scene.result() == ["a", "b"]

    in_every_order(gathers, two_waits, check)


def test_what_depends_on_the_order_is_found_and_drawn():
    """An answer that is right in the usual order is refused, with the order in which it is not."""

    async def as_they_come(fetch):
        return [await each for each in asyncio.as_completed([fetch("a"), fetch("b")])]

    def check(scene, _):
        if scene.result() != ["a", "b"]:
            raise scene.wrong("not in their order.")

    with pytest.raises(Wrong, match=r"^In another order of the same answers: not in their order\.$") as raised:
        in_every_order(as_they_come, two_waits, check)
    assert "a" in str(raised.value.timeline)


def test_a_cancellation_strikes_at_every_moment():
    """A clean-up that is missing between two answers is found, wherever the cancellation has to come for it."""

    async def unguarded(fetch):
        await fetch("a")
        task = asyncio.create_task(fetch("b"))
        await asyncio.wait([task])

    with pytest.raises(Wrong, match="When your function is cancelled at another moment: when your function had ended"):
        in_every_order(unguarded, two_waits, lambda scene, ended: None, cancel_at=1)


async def cleans_up_unless_it_is_cancelled_again(fetch):
    try:
        await fetch("a")
    except asyncio.CancelledError:
        await fetch("clean-up")
        raise


def test_a_second_cancellation_strikes_at_every_moment():
    """A clean-up that only a second cancellation cuts short is found by one, and not without it."""

    def check(scene, ended):
        if scene.cancelled and "clean-up" not in ended:
            raise scene.wrong("the clean-up was cut short.")

    in_every_order(cleans_up_unless_it_is_cancelled_again, two_waits, check, cancel_at=1)
    with pytest.raises(Wrong, match="at another moment: the clean-up was cut short"):
        in_every_order(cleans_up_unless_it_is_cancelled_again, two_waits, check, cancel_at=1, again=1)


def test_a_call_is_cancelled_again():
    """A call can be cancelled at several times; at those after its end, nothing happens."""
    ended, given = two_waits()
    scene = play(cleans_up_unless_it_is_cancelled_again, *given, cancel_at=0.5, again_at=[2])
    assert scene.cancelled and scene.ended == 1.5 and ended == ["clean-up"]
    ended, given = two_waits()
    scene = play(cleans_up_unless_it_is_cancelled_again, *given, cancel_at=0.5, again_at=[1])
    assert scene.cancelled and scene.ended == 1 and ended == []
