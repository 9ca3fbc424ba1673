"""every_order(): what it runs, what it finds, what it says, and what it refuses."""

import asyncio
import math
import random
import socket
import sys
import threading
import time

import pytest
from orders_model import compare
from test_clock import drained_in_floats

from course_lib.seeing import SimulationError, every_order, simulate, span


async def answer(name, seconds=1, *, log=None):
    """Wait outside."""
    with span(name):
        await asyncio.sleep(seconds)
    if log is not None:
        log.append(name)
    return name


def arrivals(*names):
    """Return a program that waits for all these at once and returns them in order of arrival."""

    async def main():
        log = []
        await asyncio.gather(*(answer(name, place, log=log) for place, name in enumerate(names, 1)))
        return log

    return main


def texts(found):
    return {outcome.text for outcome in found.outcomes}


async def shop():
    """Sell one thing to two: each looks, pays, and takes."""
    stock = 1

    async def buy(name):
        nonlocal stock
        if stock > 0:
            await answer(f"{name} pays")
            stock -= 1

    async def later():
        await answer("b comes", 3)
        await buy("b")

    await asyncio.gather(buy("a"), later())
    return stock


def not_below_zero(stock):
    if stock < 0:
        raise AssertionError(f"the stock is {stock}")  # not by `assert`: pytest would add to the text


@pytest.mark.parametrize("seed", range(60))
def test_model(seed):
    """A random program has the outcomes, each in as many orders, that a model without asyncio and replay gives it."""
    program, model, found = compare(seed)
    assert found == model, program


# What may vary.


def test_any_order():
    """Waits outside end in any order, one by one or two in the same round."""
    found = every_order(arrivals("a", "b", "c"))
    assert found.complete
    assert len(found.outcomes) == 6
    # All one by one: 6; two together and then one, or one and then two: 6 each.
    assert found.orders == 18


def test_timers_keep_their_time():
    """A sleep outside of a span is a timer: there is one order, and the clock is right."""

    async def main():
        log = []

        async def wait(seconds):
            await asyncio.sleep(seconds)
            log.append((seconds, asyncio.get_running_loop().time()))

        await asyncio.gather(wait(2), wait(1), wait(1.5))
        return log

    found = every_order(main)
    assert (found.orders, found.complete) == (1, True)
    assert found.outcomes[0].value == [(1, 1.0), (1.5, 1.5), (2, 2.0)]


def test_only_timers_move_the_clock():
    """After a wait outside the clock stands where it stood."""

    async def main():
        await answer("a", 100)
        return asyncio.get_running_loop().time()

    assert texts(every_order(main)) == {"returned 0.0"}


def test_limit_strikes_half_way():
    """A time limit strikes before, between and after the waits that it limits."""

    async def main():
        got = []
        try:
            async with asyncio.timeout(1.5):
                got.append(await answer("a"))
                got.append(await answer("b"))
        except TimeoutError:
            got.append("late")
        return got

    assert texts(every_order(main)) == {
        "returned ['late']", "returned ['a', 'late']", "returned ['a', 'b']",
    }  # fmt: skip


def test_what_is_ready_runs_in_its_order():
    """Callbacks that are ready together run in the order in which they were scheduled: asyncio promises that."""

    async def main():
        log = []

        async def step(number):
            for _ in range(2):
                log.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(step(1), step(2), step(3))
        return log

    found = every_order(main)
    assert texts(found) == {"returned [1, 2, 3, 1, 2, 3]"}


def test_first_answers_together():
    """Two answers in the same round are both done, and which of them is popped is an accident."""

    async def main():
        tasks = [asyncio.create_task(answer(name)) for name in "ab"]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return len(done), done.pop().result()

    assert texts(every_order(main)) == {f"returned {(n, name)}" for n in (1, 2) for name in "ab"}


def test_set_of_tasks_is_visited_in_every_order():
    """A set of three tasks is visited in all of its six orders."""

    async def main():
        return [await task for task in {asyncio.create_task(answer(name)) for name in "abc"}]

    found = every_order(main)
    assert len(found.outcomes) == found.visits == 6
    assert "visited in 6 ways" in str(found)


def test_group_cancels_in_any_order():
    """A group that fails cancels its tasks in the order of a set."""

    async def main():
        log = []

        async def work(name):
            try:
                await asyncio.Event().wait()
            finally:
                log.append(name)

        async def fail():
            await answer("fails")
            raise ValueError

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work("a"))
                group.create_task(work("b"))
                group.create_task(fail())
        except* ValueError:
            pass
        return log

    assert texts(every_order(main)) == {"returned ['a', 'b']", "returned ['b', 'a']"}


def test_set_that_nobody_visits():
    """Tasks kept in a set that is not visited add no orders."""

    def program(keep):
        async def main():
            kept = set()
            for name in "ab":
                task = asyncio.create_task(answer(name))
                if keep:
                    kept.add(task)
                    task.add_done_callback(kept.discard)
            await answer("c")

        return main

    kept, unkept = every_order(program(keep=True)), every_order(program(keep=False))
    assert (kept.orders, kept.visits) == (unkept.orders, 1)


def test_as_completed():
    """as_completed gives results in each order of arrival, whatever the addresses of its coroutines are."""

    async def main():
        return [await first for first in asyncio.as_completed([answer(name) for name in "abc"])]

    for _ in range(5):
        found = every_order(main)
        assert (len(found.outcomes), found.orders) == (6, 18)


def test_as_completed_begins_in_any_order():
    """Which coroutine as_completed begins first is an accident."""

    async def main():
        begun = []

        async def work(name):
            begun.append(name)

        for first in asyncio.as_completed([work("a"), work("b")]):
            await first
        return begun

    assert texts(every_order(main)) == {"returned ['a', 'b']", "returned ['b', 'a']"}


def test_sleep_without_end():
    """A sleep of infinite length, in a span or not, never ends."""

    async def main():
        await answer("a", math.inf)

    assert [outcome.kind for outcome in every_order(main).outcomes] == ["deadlock"]


def test_span_that_is_closed():
    """A sleep after a span, or in a task that outlives the span it was made in, is a timer."""

    async def main():
        async def after():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(1)

        with span("begin"):
            task = asyncio.create_task(after())
        await task
        await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    assert texts(every_order(main)) == {"returned 2.0"}


def test_wait_for_in_a_span():
    """A wait outside may stand in a wait_for: on Python 3.11 that makes a task of it."""

    async def main():
        with span("a"):
            try:
                return await asyncio.wait_for(asyncio.sleep(5, "got it"), 1)
            except TimeoutError:
                return "late"

    assert texts(every_order(main)) == {"returned 'got it'", "returned 'late'"}


def test_outside_by_name():
    """`outside` names the spans that are meant, by the beginning of their names."""

    main = arrivals("get 1", "get 2", "pause")

    assert len(every_order(main).outcomes) == 6
    assert len(every_order(main, outside="get").outcomes) == 6
    assert len(every_order(main, outside=["get 1"]).outcomes) == 3
    assert len(every_order(main, outside="nothing").outcomes) == 1


def test_outside_by_function():
    """`outside` names functions whose sleeps are waits outside, also where they call another."""

    async def pause():
        await asyncio.sleep(1)

    async def get(name, log):
        await pause()
        log.append(name)

    async def main():
        log = []
        await asyncio.gather(get("a", log), get("b", log))
        return log

    assert len(every_order(main).outcomes) == 1
    assert len(every_order(main, outside=get).outcomes) == 2
    assert len(every_order(main, outside=[pause, "spans, too"]).outcomes) == 2


def test_time_sleep():
    """time.sleep moves the clock while everything else stands, as it does in simulate."""

    async def main():
        timer = asyncio.create_task(asyncio.sleep(1, "timer"))
        await asyncio.sleep(0)
        time.sleep(3)
        return await timer, time.monotonic()

    assert texts(every_order(main)) == {"returned ('timer', 3.0)"}


# What is found.


def test_check_that_raises():
    """What the check raises is an outcome that fails, with the order that departs least."""
    found = every_order(shop, not_below_zero)
    [failure] = found.failures
    assert (failure.kind, failure.text) == ("check", "AssertionError: the stock is -1")
    assert failure.departures == 1
    assert isinstance(failure.value, AssertionError)
    assert failure.orders + found.outcomes[1].orders == found.orders


def test_check_that_says_no():
    """A check that returns False fails; one that returns None or anything else passes."""
    assert [outcome.text for outcome in every_order(shop, lambda stock: stock >= 0).failures] == ["check(-1) is False"]
    assert every_order(shop, lambda stock: None).failures == []


def test_exception():
    """What main raises is an outcome."""

    async def main():
        log = []
        await asyncio.gather(answer("a", log=log), answer("b", 2, log=log))
        if log[0] == "b":
            raise KeyError("b")

    found = every_order(main)
    assert [(outcome.kind, outcome.text) for outcome in found.failures] == [("exception", "KeyError: 'b'")]


def test_groups_of_exceptions():
    """Groups with different exceptions in them are different outcomes, and the text says what is in them."""

    async def main():
        async def fail(name):
            raise ValueError(await answer(name))

        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(fail(name))

    assert texts(every_order(main)) == {
        "ExceptionGroup of ValueError: a", "ExceptionGroup of ValueError: b",
        "ExceptionGroup of ValueError: a; ValueError: b", "ExceptionGroup of ValueError: b; ValueError: a",
    }  # fmt: skip


def test_callback_that_fails():
    """A callback that fails is told in the timeline: nobody else would see it."""

    async def main():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await answer("a")

    assert any("ZeroDivisionError" in note for note in every_order(main).outcomes[0].timeline.notes)


def test_deadlock_of_locks():
    """Two locks taken in opposite order: the outcome says who waits at which line."""

    async def main():
        left, right = asyncio.Lock(), asyncio.Lock()

        async def work(name, first, second):
            await answer(f"{name} thinks", ord(name))
            async with first:
                await answer(name)
                async with second:
                    pass

        await asyncio.gather(work("a", left, right), work("b", right, left))

    found = every_order(main)
    [deadlock] = found.failures
    assert deadlock.kind == "deadlock"
    assert deadlock.text.count("of work: async with second:") == 2
    assert 0 < deadlock.orders < found.orders


def test_leak():
    """A task that is left running at the end of main is an outcome, told apart from the same result without it."""

    async def main():
        task = asyncio.create_task(answer("behind"), name="behind")
        await answer("front", 2)
        return task.done()

    found = every_order(main)
    assert [outcome.text for outcome in found.failures] == ["left running: behind; returned False"]
    assert found.failures[0].timeline["behind"].outcome.value == "left running"


def test_generator_left_open():
    """An async generator that a `break` leaves open is a leak."""

    async def main():
        async def numbers():
            for number in range(3):
                yield number

        async for _ in numbers():
            break

    assert texts(every_order(main)) == {"left running: numbers; returned None"}


def test_no_end():
    """A task that goes round for ever is stopped after so many steps."""

    async def main():
        task = asyncio.create_task(answer("a"))
        while not task.done():
            await asyncio.sleep(0)

    found = every_order(main, steps=500)
    assert [(outcome.kind, outcome.text) for outcome in found.outcomes] == [("endless", "no end after 500 steps")]
    assert "no end after 500 steps" in str(found)


def test_no_await():
    """A loop that never comes back to the event loop is stopped at the limit, and its line is named."""

    async def main():
        if len(await arrivals("a", "b")()) == 2:
            while True:
                pass

    found = every_order(main, limit=0.2)
    [outcome] = found.outcomes
    assert (outcome.kind, found.complete, found.why) == ("endless", False, "stopped after 0.2 s of real time")
    assert "of main: pass" in outcome.text or "of main: while True:" in outcome.text
    assert "left running" in str(found)


def test_limit_in_real_time():
    """At the limit no further order is begun, and what was found until then is reported."""
    found = every_order(arrivals(*"abcdefgh"), limit=0.1, orders=10**6)
    assert not found.complete
    assert found.why == "stopped after 0.1 s of real time"
    assert found.outcomes


def test_limit_in_many_small_runs():
    """At the limit no run is taken for one without end because the next ones were too quick to be looked at."""

    async def main():
        return [await answer(name) for name in "ab"]

    found = every_order(main, orders=1, more=10**7, limit=0.1, check=lambda _: None)
    assert {outcome.kind for outcome in found.outcomes} == {"result"}
    many = every_order(arrivals("a", "b", "c"), orders=5, more=10**7, limit=0.1)  # 18 in all: most runs are repeats
    assert {outcome.kind for outcome in many.outcomes} == {"result"}


def test_equal_values_are_one_outcome():
    """Results that are equal count as one, whatever the order of a dict or a set that holds them."""

    async def main():
        log = await arrivals("a", "b", "c")()
        return {name: {name} for name in log}, set(log)

    assert len(every_order(main).outcomes) == 1


def test_leftovers_are_cleaned_up():
    """What is left at the end is cancelled and comes to its own end before the next run begins."""
    ended = []

    async def main():
        async def behind():
            try:
                await answer("behind")
            finally:
                try:
                    await asyncio.sleep(1)
                finally:
                    ended.append(1)

        task = asyncio.create_task(behind())
        await answer("front", 2)
        return task.done()

    found = every_order(main)
    assert len(ended) == found.runs


def test_after_a_deadlock_all_is_cleaned_up():
    """Tasks that are cancelled when nothing goes on come to their ends, also those that take longer than main."""
    ended = []

    async def cleans_up():
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            ended.append(True)

    async def main():
        tasks = [asyncio.create_task(cleans_up())]
        await asyncio.Event().wait()
        return tasks

    assert [each.kind for each in every_order(main).failures] == ["deadlock"]
    assert ended


# How it is searched and reported.


def test_usual_order_is_that_of_simulate():
    """The usual order, in which every wait takes the time that is written, is the one that simulate runs."""
    for names in ("abc", "abcd"):
        main = arrivals(*names)
        [usual] = [outcome for outcome in every_order(main).outcomes if outcome.departures == 0]
        assert usual.value == simulate(main).result


def test_least_departure_first():
    """With until_failure the search ends at the first outcome that fails, and none departs less."""
    found = every_order(shop, not_below_zero, until_failure=True)
    everything = every_order(shop, not_below_zero)
    assert found.failures[0].departures == everything.failures[0].departures
    assert found.orders < everything.orders
    assert (found.complete, found.why) == (False, "stopped at the first that fails")


def test_more_orders_than_allowed():
    """Where there are more orders than are run in turn, some at random follow, and the report says so."""
    found = every_order(arrivals(*"abcde"), orders=30, more=20, seed=7)
    assert not found.complete
    assert found.orders == 30 + found.drawn
    assert f"{found.orders} orders (there are more: the first 30, then {found.drawn} at random with seed 7)" in str(
        found
    )
    again = every_order(arrivals(*"abcde"), orders=30, more=20, seed=7)
    other = every_order(arrivals(*"abcde"), orders=30, more=20, seed=8)
    assert [o.order for o in again.outcomes] == [o.order for o in found.outcomes]
    assert [o.order for o in other.outcomes] != [o.order for o in found.outcomes]


def test_report():
    """The report names every outcome with its share of the orders, and draws the order that departs least."""
    text = str(every_order(shop, not_below_zero))
    lines = text.splitlines()
    assert lines[0].startswith("all ")
    assert lines[1].endswith("orders: AssertionError: the stock is -1")
    assert lines[2].endswith("orders: returned 0")
    assert any(line.startswith("1: this is one, 1 choice off the usual order: ") for line in lines)
    assert any(line.startswith("2: this is the usual order: ") for line in lines)
    assert max(map(len, lines)) <= 76
    assert "not seen: how long a wait outside takes" in text


def test_long_report():
    """A report with long texts, many lanes and many outcomes stays within 76 columns."""

    async def main():
        log = []
        await asyncio.gather(*(answer(f"a name that is very long, number {n}", n, log=log) for n in range(1, 5)))
        raise ValueError(" ".join(log))

    text = str(every_order(main))
    assert max(map(len, text.splitlines())) <= 76
    many = str(every_order(lambda: arrivals(*"abcdefg")(), orders=1000, more=10))
    assert max(map(len, many.splitlines())) <= 76
    assert "and 4 more outcomes" in text


def test_picture():
    """The picture shows the outcomes that the text draws."""
    found = every_order(shop, not_below_zero)
    assert found._repr_mimebundle_()[0].keys() == {"text/plain", "text/html"}
    figure = found.draw()
    words = [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
    assert sum("of" in word and "orders: " in word for word in words) == 2


def test_timeline_between_timers():
    """Ends of waits outside are drawn apart from one another, before the next timer, and timers at their time."""

    async def main():
        async def tick():
            await asyncio.sleep(1)

        await asyncio.gather(asyncio.create_task(tick(), name="tick"), answer("a", 0.2), answer("b", 0.4))

    timeline = every_order(main).replay(["b", "a", "timer"])
    assert (timeline["b"].end, timeline["a"].end, timeline["tick"].end) == (0.2, 0.4, 1.0)
    timeline = every_order(main).replay(["timer", "b", "a"])
    assert (timeline["tick"].end, timeline["b"].end, timeline["a"].end) == (1.0, 1.2, 1.4)
    timeline = every_order(main).replay([("b", "a"), "timer"])
    assert timeline["a"].end == timeline["b"].end < 1


# Replaying.


def test_replay_of_an_outcome(capsys):
    """An order can be replayed: it ends as it ended, and then what main prints is shown."""

    async def main():
        stock = await shop()
        print("the stock is", stock)
        return stock

    found = every_order(main)
    assert capsys.readouterr().out == ""
    for outcome in found.outcomes:
        assert found.replay(outcome.order).result == outcome.value
        assert capsys.readouterr().out == f"the stock is {outcome.value}\n"


def test_replay_by_hand():
    """An order may be written by hand, or only its beginning; the rest goes as usual."""
    found = every_order(arrivals("a", "b", "c"))
    assert found.replay().result == ["a", "b", "c"]
    assert found.replay(["c"]).result == ["c", "a", "b"]
    assert found.replay([("c", "b")]).result == ["c", "b", "a"]


def test_replay_of_an_order_that_is_none():
    """An order that names what cannot end there is refused with what can."""
    found = every_order(arrivals("a", "b"))
    with pytest.raises(ValueError, match="order has 'c', but there can end: a, b"):
        found.replay(["c"])
    with pytest.raises(ValueError, match="order has 'timer', but there can end: a, b"):
        found.replay(["timer"])
    with pytest.raises(TypeError, match="pass a list"):
        found.replay("a")
    with pytest.raises(TypeError, match="two names as a tuple"):
        found.replay([("a", "b", "c")])


def test_replay_of_a_failure():
    """The replay of a deadlock is a timeline that says so."""

    async def main():
        await answer("a")
        await asyncio.Event().wait()

    notes = every_order(main).replay().notes
    assert any(note.startswith("deadlock: main waits at line") for note in notes)


# What is needed of a program.


@pytest.mark.parametrize(
    "real",
    [
        lambda: asyncio.to_thread(time.sleep, 0),
        lambda: asyncio.open_connection("127.0.0.1", 9),
        lambda: asyncio.create_subprocess_exec(sys.executable, "-c", ""),
        lambda: asyncio.start_server(print, "127.0.0.1", 0),
        lambda: asyncio.sleep(0, threading.Thread(target=print).start()),
        lambda: asyncio.sleep(0, socket.create_connection(("192.0.2.1", 9))),
    ],
)
def test_real_time_is_refused(real):
    """Threads, sockets and processes are refused with a sentence, also where the program catches the error."""

    async def main():
        try:
            await real()
        except Exception:  # noqa: BLE001  # as some programs do
            return "caught"

    with pytest.raises(SimulationError, match=r"real time, in an order that every_order\(\) cannot choose. Put an"):
        every_order(main)


def test_state_from_run_to_run():
    """A program that keeps state from one run to the next is refused: its orders would say nothing."""
    seen = []

    async def main():
        seen.append(await answer("a"))
        return len(seen)

    with pytest.raises(SimulationError, match=r"first returned 1, then returned 2\. .* anew inside main"):
        every_order(main)


def test_order_that_cannot_be_repeated():
    """Where a program does something else in an order run again, the report is not complete, and says so."""
    times = []

    async def main():
        log = await arrivals("a", "b")()
        if log == ["b", "a"]:
            times.append(1)
            await asyncio.gather(answer(f"c{len(times)}"), answer("d"))

    found = every_order(main)
    assert not found.complete
    assert "could not be repeated: the program does not do the same each time" in " ".join(str(found).split())


def test_random_numbers():
    """A program draws the same random numbers in every run, and Python's own are left as they were."""

    async def main():
        await asyncio.gather(answer("a"), answer("b"))
        return random.random()

    random.seed(3)
    expected = random.random()
    random.seed(3)
    assert len(every_order(main).outcomes) == 1
    assert random.random() == expected


def test_not_a_coroutine_function():
    """What is no coroutine function is refused with what to pass."""
    with pytest.raises(TypeError, match=r"pass the function itself, every_order\(main\) not every_order\(main\(\)\)"):
        every_order(shop())
    with pytest.raises(TypeError, match="written with async def"):
        every_order(5)
    with pytest.raises(TypeError, match="write it with async def"):
        every_order(lambda: 5)


def test_wrong_arguments():
    """An argument that makes no sense is named with what is allowed."""
    for name, value in {"orders": 0, "more": -1, "steps": 0, "limit": 0.0}.items():
        with pytest.raises(ValueError, match=f"{name}={value}"):
            every_order(shop, **{name: value})
    with pytest.raises(TypeError, match="the beginning of a span's name, or a function"):
        every_order(shop, outside=5)

    async def check(_):
        pass

    with pytest.raises(TypeError, match="pass a plain function"):
        every_order(shop, check)
    with pytest.raises(TypeError, match="check=5: pass a function"):
        every_order(shop, 5)


def test_inside_a_running_loop():
    """It may be called where a loop runs already, and in several threads at once."""

    async def main():
        return texts(every_order(arrivals("a", "b")))

    both = {"returned ['a', 'b']", "returned ['b', 'a']"}
    assert asyncio.run(main()) == both
    found = []
    threads = [threading.Thread(target=lambda: found.append(texts(every_order(arrivals("a", "b"))))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [both] * 3


def test_everything_is_put_back():
    """After it, time, sets and output are Python's own again."""
    before = time.sleep, threading.Thread.start, sys.stdout, socket.socket.connect
    every_order(shop)
    assert (time.sleep, threading.Thread.start, sys.stdout, socket.socket.connect) == before
    assert "set" not in vars(asyncio.tasks)


def test_a_timer_set_for_now_again_and_again_lets_time_pass():
    """Who waits for a time that is no later than now, in floats, waits for the clock to move: it does."""

    async def main():
        await answer("first")
        await drained_in_floats()
        return "drained"

    assert texts(every_order(main)) == {"returned 'drained'"}
