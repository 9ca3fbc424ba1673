"""Open and closed loops on the virtual clock: who is asked when, and what counts as a latency."""

import asyncio
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from course_lib.load import Load, closed_loop, open_loop
from course_lib.seeing import simulate
from course_lib.testing import cancel_everywhere


def now():
    return asyncio.get_running_loop().time()


class Server:
    """Answers after so many seconds, stands still for a while, and knows when it was asked."""

    def __init__(self, seconds=0.25, still=(0.0, 0.0), error=None):
        self.seconds, self.still, self.error = seconds, still, error
        self.asked = []

    async def ask(self):
        self.asked.append(round(now(), 6))
        begin, end = self.still
        if begin <= now() < end:
            await asyncio.sleep(end - now())
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


def of(loop, server, *args, **options):
    return simulate(lambda: loop(server.ask, *args, **options)).result


def test_an_open_loop_asks_at_its_rate_whatever_the_answers_do():
    """Requests go out at their times, also while the server stands still."""
    server = Server(still=(1, 4))
    of(open_loop, server, 2, 3)
    assert server.asked == [0, 0.5, 1, 1.5, 2, 2.5]


def test_an_open_loops_latencies_count_what_each_caller_waits():
    """Who comes while the server stands still waits for its end, and each later one less long."""
    load = of(open_loop, Server(still=(1, 4)), 1, 5)
    assert sorted(load.latencies) == pytest.approx([0.25, 0.25, 1.25, 2.25, 3.25])


def test_a_latency_counts_from_when_the_request_was_due():
    """A loop that had no time to send counts what that cost, and tells how late it was."""

    async def main():
        async def hog():
            await asyncio.sleep(0.25)
            time.sleep(2)

        hogging = asyncio.create_task(hog())
        load = await open_loop(Server(0).ask, 1, 3)
        await hogging
        return load

    load = simulate(main).result
    assert load.late == pytest.approx(1.25)
    assert max(load.latencies) == pytest.approx(1.25)


def test_a_closed_loop_waits_for_its_answer_before_it_asks_again():
    """While the server stands still nobody asks: one slow answer for each caller."""
    server = Server(still=(1, 4))
    load = of(closed_loop, server, 2, 5)
    assert sum(latency > 0.25 for latency in load.latencies) == 2
    assert sorted(set(server.asked)) == [0, 0.25, 0.5, 0.75, 1, 4.25, 4.5, 4.75]


def test_a_server_that_stalls_one_second_in_ten():
    """The closed loop says 9 ms, the open loop what one in a hundred strangers waits."""
    closed, opened = (of(loop, Server(0.009, (4, 5)), much, 10) for loop, much in ((closed_loop, 10), (open_loop, 100)))
    assert round(closed.percentile(99) * 1000) == 9
    assert round(opened.percentile(99) * 1000) > 900
    assert opened.requests == 1000


def test_a_failure_is_counted_and_has_no_latency():
    """A quick refusal does not make a server look quick."""
    load = of(open_loop, Server(0, error=ConnectionError()), 10, 1)
    assert (load.latencies, load.failures, load.requests) == ((), {"ConnectionError": 10}, 10)


def test_a_request_that_ends_cancelled_is_a_failure():
    """Where nobody cancelled the loop, a request's own cancellation is no reason to lose it from the count."""
    load = of(open_loop, Server(0, error=asyncio.CancelledError()), 10, 1)
    assert load.failures == {"CancelledError": 10}


def test_a_request_without_an_answer_ends_with_the_patience():
    """A server that never answers does not hold the loop for ever."""
    load = of(open_loop, Server(3600), 1, 2, patience=5)
    assert load.failures == {"TimeoutError": 2}


@pytest.mark.parametrize("loop", [open_loop, closed_loop])
def test_whoever_is_cancelled_leaves_nothing_running(loop):
    """Cancelled at any of its steps, it ends what is under way."""

    async def main():
        await loop(Server(0.25).ask, 2, 1)

    assert cancel_everywhere(main).points


class Stubborn(Server):
    """Answers although its caller was cancelled."""

    async def ask(self):
        try:
            await super().ask()
        except asyncio.CancelledError:
            return


@pytest.mark.parametrize("loop", [open_loop, closed_loop])
def test_whoever_is_cancelled_makes_no_more_requests(loop):
    """It ends, also where a request answers although it was cancelled."""
    server = Stubborn(1)

    async def main():
        loading = asyncio.create_task(loop(server.ask, 2, 5))
        await asyncio.sleep(0.25)
        loading.cancel()
        await asyncio.wait([loading])
        return loading.cancelled(), now()

    assert simulate(main).result == (True, 0.25)
    assert set(server.asked) == {0}


def test_a_limit_that_the_request_swallows_is_no_answer():
    """Who waited as long as its patience had no answer, whatever the request made of it."""
    load = of(open_loop, Stubborn(3600), 1, 2, patience=5)
    assert (load.latencies, load.failures) == ((), {"TimeoutError": 2})


def test_requests_that_never_wait_leave_others_their_turn():
    """A closed loop of them can be cancelled, and others run meanwhile."""

    async def at_once():
        pass

    async def main():
        loading = asyncio.create_task(closed_loop(at_once, 2, 3600))
        for _ in range(5):
            await asyncio.sleep(0)
        loading.cancel()
        await asyncio.wait([loading])
        return loading.cancelled()

    assert asyncio.run(main())


@pytest.mark.parametrize(("rate", "seconds", "times"), [(2.5, 1, 3), (1.2, 1, 2), (1.1, 10, 11), (0.1, 1, 1)])
def test_an_open_loop_sends_all_that_are_due_before_its_end(rate, seconds, times):
    """2.5 a second are due at 0, 0.4 and 0.8 s."""
    server = Server()
    of(open_loop, server, rate, seconds)
    assert len(server.asked) == times


def test_a_percentile_is_a_latency_that_was_measured():
    """The nearest rank: 99 % of the answers came within it."""
    load = Load(tuple(number / 1000 for number in range(1, 1001)), {}, 0.0)
    assert [load.percentile(percent) for percent in (0.01, 50, 99, 99.9, 100)] == [0.001, 0.5, 0.99, 0.999, 1.0]
    assert load.percentiles(50, 100) == {50: 0.5, 100: 1.0}
    assert Load((0.25,), {}, 0.0).percentile(1) == 0.25


def test_a_percentile_of_nothing_says_what_failed():
    """Without an answer there is no percentile, and the failures are named."""
    with pytest.raises(ValueError, match=r"no request was answered, of 3: look at failures, \{'OSError': 3\}"):
        Load((), {"OSError": 3}, 0.0).percentile(99)
    with pytest.raises(ValueError, match="percent=0: pass more than 0"):
        Load((1.0,), {}, 0.0).percentile(0)
    for percent in ("99", True):
        with pytest.raises(TypeError, match=f"percent={percent!r}: pass a number"):
            Load((1.0,), {}, 0.0).percentile(percent)


@pytest.mark.parametrize(
    ("loop", "args", "hint"),
    [
        (open_loop, (0, 1), "rate=0: pass a finite number of requests a second, 0.001 or more"),
        (open_loop, (1, 0), "seconds=0: pass a finite number of seconds, 0.001 or more"),
        (open_loop, (1_000_000, 1), "is 1,000,000 requests: 100,000 at most can be made"),
        (open_loop, (-1, 1), "rate=-1: pass a finite number of requests a second"),
        (closed_loop, (0, 1), "workers=0: pass 1 or more"),
        (closed_loop, (1, -1), "seconds=-1: pass a finite number of seconds"),
    ],
)
def test_numbers_that_make_no_load_are_refused(loop, args, hint):
    """The message says which, and what would do."""
    with pytest.raises(ValueError, match=hint):
        of(loop, Server(), *args)


def test_it_loads_a_server_over_http():
    """The request may be any client's, here aiohttp's to a real server."""

    async def main():
        async def answer(request):
            await asyncio.sleep(0.25)
            return web.Response()

        app = web.Application()
        app.add_routes([web.get("/", answer)])
        async with TestClient(TestServer(app)) as client:

            async def ask():
                async with client.get("/") as response:
                    await response.read()

            return await open_loop(ask, 10, 1)

    assert list(simulate(main).result.percentiles(1, 100).values()) == pytest.approx([0.25, 0.25])
