"""The comparison of concurrency models: what it measures, what it says, and what it leaves alone."""

import asyncio
import os
import re
import sys
import time
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.comparison import (
    MODELS,
    ConcurrencyComparison,
    Workload,
    calibrate,
    compare_models,
    computing,
    cores,
    fetching,
    fib,
    measure,
    measure_blocking,
    mixed,
    waiting,
)
from course_lib.comparison.calls import Call
from course_lib.comparison.swimlane import timeline_of
from course_lib.lab.web import LabServer
from course_lib.seeing import Outcome, State

HERE = ("sequential", "threads", "processes", "asyncio", "asyncio + threads", "asyncio + processes")
LIMIT = 120.0  # a hang guard, not a race


def measured(workload, model="sequential", **options):
    options = {"repeats": 1, "warm_up": False, "deadline": LIMIT, **options}
    return asyncio.run(measure(workload, model, **options))


def hold(server, number):
    """Mount a page that answers when that many requests wait for it, and return its URL."""
    barrier = asyncio.Barrier(number)

    async def handler(request, tail):
        await barrier.wait()
        return web.Response()

    return server.mount(f"/hold-{number}", handler)


def by_value(source):
    """Return the function f of a source, as if it was written in a notebook: no other process can import it."""
    made = {"__name__": "__main__"}
    exec(source, made)
    return made["f"]


# What is measured


@pytest.mark.parametrize("model", HERE)
def test_every_model_makes_every_call(model):
    """Each model that every Python has makes all calls in all runs, with the workers it was told, without an error."""
    found = measured(waiting(0.02, 4), model, workers=2, repeats=2, warm_up=True)
    assert found.ok, found.problem
    assert len(found.runs) == 2
    assert (found.calls, found.workers) == (4, 1 if model == "sequential" else 2)
    assert found.best >= 0.08 if model == "sequential" else found.best >= 0.04
    assert found.best <= found.seconds <= found.worst
    assert found.warm_up >= 0.02


def meet(item):
    """Wait until the other call of a pair is under way, too: with one worker that never happens.

    item: the folder where calls note themselves, and the number of this call
    """
    folder, number = item
    mine, other = (Path(folder, str(each)) for each in (number, number ^ 1))
    with mine.open("a") as file:
        file.write("x")  # once more in every run
    until = time.monotonic() + LIMIT
    while not (other.exists() and other.stat().st_size >= mine.stat().st_size):
        assert time.monotonic() < until, "the other one never came"
        yield


def meet_waiting(item):
    for _ in meet(item):
        time.sleep(0.005)


async def meet_awaiting(item):
    for _ in meet(item):
        await asyncio.sleep(0.005)


def meetings(folder, calls):
    return Workload(meet_waiting, [(str(folder), number) for number in range(calls)], meet_awaiting, name="meetings")


def test_waits_overlap_by_threads_and_by_asyncio(tmp_path):
    """Calls that end only when another is under way at the same time end, by threads as by asyncio and by processes."""
    for model in ("threads", "asyncio", "asyncio + threads", "processes", "asyncio + processes"):
        (folder := tmp_path / model).mkdir()
        found = measured(meetings(folder, 4), model, workers=2, repeats=2)
        assert found.ok, (model, found.problem, found.error)


def test_who_waits_computes_nothing():
    """Waits one after another take no processor, and ten of them as long as all together."""
    found = measured(waiting(0.1, 10))
    assert found.best >= 1
    assert found.cores < 0.5


def test_workers_bound_what_is_under_way():
    """Six waits by two workers take three rounds, with threads as with asyncio."""
    for model in ("threads", "asyncio", "asyncio + threads"):
        assert measured(waiting(0.1, 6), model, workers=2).best >= 0.3


@pytest.mark.parametrize("start_method", [None, "spawn"])
def test_a_function_from_a_notebook_gets_into_processes(start_method):
    """A function, an item and a result whose classes only the notebook knows travel, by spawn as by the default."""
    f = by_value("class Page: pass\ndef f(page):\n    assert type(page) is Page\n    return Page()")
    found = measured(Workload.of(f, [f.__globals__["Page"]()] * 3), "processes", start_method=start_method)
    assert found.ok, found


def test_a_coroutine_function_is_a_workload_too():
    """A learner's own coroutine function runs on a loop, and in sequence; models that need a plain one say so."""
    f = by_value("import asyncio\nasync def f(seconds):\n    await asyncio.sleep(seconds)")
    results = asyncio.run(compare_models(Workload.of(f, [0.1] * 8), ("sequential", "asyncio", "threads"), repeats=1))
    assert results["sequential"].best >= 0.8
    assert results["asyncio"].ok
    assert results["threads"].absent
    assert "has only a coroutine function" in results["threads"].problem


def computes(seconds):
    """Compute until this thread has had the processor for so long, whatever else the machine does."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("model", ["sequential", "threads", "processes", "asyncio", "asyncio + processes"])
def test_processor_seconds_count_the_workers(model):
    """The processor seconds of a run are those of the work, in processes as in this one, each counted once."""
    assert 0.4 <= measured(Workload.of(computes, [0.1] * 4), model).cpu < 0.8


def test_what_is_calibrated_takes_about_so_long():
    """Units for a tenth of a second take that, give or take what a core loses to a neighbour or to its clock."""
    units = asyncio.run(calibrate(0.1))
    assert 0.4 / 4 < measured(computing(units, 4)).cpu < 0.4 * 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_waits_are_counted():
    """Each wait gives up the core, computing does not: so waiting is told from waiting for a core."""
    assert measured(waiting(0.01, 10)).runs[0].waits >= 10
    assert measured(computing(1_000, 10)).runs[0].waits < 10


def takes_memory(size):
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])


@pytest.mark.parametrize("model", ["sequential", "threads", "processes", "asyncio"])
def test_memory_is_the_models_own(model):
    """The peak is what the calls took, also if it was free again at the end, and nothing of what this process holds."""
    held = bytearray(b"x") * 300_000_000
    found = measured(Workload.of(takes_memory, [60_000_000]), model)
    assert 50e6 < found.memory < 120e6
    assert len(held) == 300_000_000


def test_calls_that_raise_are_counted():
    """A call that raises costs only itself: it is counted, and the first one's error is told."""
    f = by_value("def f(n):\n    if n % 2:\n        raise ValueError(f'{n} is odd')")
    for model in HERE:
        found = measured(Workload.of(f, [0, 1, 2, 3]), model, workers=1)
        assert (found.errors, found.error) == (2, "ValueError: 1 is odd"), model
        assert not found.ok
        assert "a call raised ValueError: 1 is odd" in str(found)


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("model", HERE)
def test_no_item_and_one(model, count):
    """With no item there is nothing to do, with one there is one call, and no more workers than that."""
    found = measured(Workload.of(abs, [-1] * count), model, warm_up=True)
    assert found.ok, found.problem
    assert (found.calls, found.workers) == (count, 1)


def test_what_the_code_prints_is_kept_apart(capfd):
    """What a workload prints, from Python or below, in this or a worker process, is in `output` and nowhere else."""
    f = by_value("import os\ndef f(word):\n    print(word, flush=True)\n    os.write(1, b'raw ' + word.encode())")
    for model in ("sequential", "processes"):
        output = measured(Workload.of(f, ["hello"]), model).output
        assert "hello\n" in output
        assert "raw hello" in output
    assert capfd.readouterr() == ("", "")


def test_asking_for_input_is_an_error():
    """Nobody sits at a child's stdin: input() raises, and does not wait."""
    assert measured(Workload.of(input, [""])).error.startswith("EOFError")


def test_the_loop_goes_on(tmp_path):
    """While a child is at work, the loop that waits for it is free: here the child waits for what the loop does."""

    async def main():
        async def come():
            while not (tmp_path / "0").exists():
                await asyncio.sleep(0.005)
            (tmp_path / "1").write_text("x")

        coming = asyncio.create_task(come())
        found = await measure(meetings(tmp_path, 1), "sequential", repeats=1, warm_up=False, deadline=LIMIT)
        await coming
        return found

    found = asyncio.run(main())
    assert found.ok, found


def test_start_up_is_told_apart():
    """Starting processes by spawn takes longer than a run that does nothing, and is no part of it."""
    found = measured(Workload.of(abs, [1, 2]), "processes", start_method="spawn", repeats=5)
    assert found.startup > 2 * found.best


# What is drawn


@pytest.mark.parametrize("model", ["sequential", "threads", "processes", "asyncio", "asyncio + threads"])
def test_a_watched_run_has_a_lane_for_each_worker(model, tmp_path):
    """A timeline shows when each worker was at work; what waits is drawn as waiting."""
    one = model == "sequential"
    workload = waiting(0.1, 4) if one else meetings(tmp_path, 4)
    timeline = measured(workload, model, workers=2, watch=True).timeline
    assert [lane.name for lane in timeline] == ["worker 1", "worker 2"][: 1 if one else 2]
    assert any(span.state is State.WAITING for lane in timeline for span in lane.spans)


def test_computing_on_a_loop_is_drawn_as_blocking():
    """A plain function that is called on the loop blocks it, and the timeline says so."""
    timeline = measured(Workload.of(time.sleep, [0.2] * 2), "asyncio", watch=True).timeline
    assert timeline.blocked > 0.3


def running(lane):
    """Return the stretches in which a lane is drawn as computing."""
    return [(span.start, span.end) for span in lane.spans if span.state is State.RUNNING]


def test_a_lane_shows_how_much_was_computing():
    """Of each call so much is drawn as computing as was measured, as a note says; errors mark the lane, gaps stay."""
    made = [
        Call((1, 1), 10.0, 11.0, 0.5),
        Call((1, 1), 12.0, 13.0, 1.1, "ValueError: no"),
        Call((1, 2), 10.5, 11.5, 0.0),
    ]
    timeline = timeline_of(made)
    first, second = timeline
    *turns, all_of_it = running(first)
    assert sum(end - start for start, end in turns) == pytest.approx(0.5)
    assert all(0 <= start < end <= 1 for start, end in turns)
    assert all_of_it == (2.0, 3.0)
    assert (first.outcome, first.error) == (Outcome.FAILED, "1 of 2 calls: ValueError: no")
    assert (second.start, second.end, second.outcome, running(second)) == (0.5, 1.5, Outcome.DONE, [])
    assert len(timeline.notes) == 1
    assert not timeline_of([]).lanes
    assert not timeline_of([made[2]]).notes


@pytest.mark.parametrize("end", [0.4, 4.0], ids=["quiet", "busy"])
def test_threads_that_share_a_core_are_drawn_as_turns(end):
    """Four calls that overlap, and computed for as long as one could, are never drawn as computing at the same time."""
    lanes = list(timeline_of([Call((1, thread), 0.001 * thread, end, 0.1) for thread in range(4)]))
    stretches = sorted(stretch for lane in lanes for stretch in running(lane))
    assert all(earlier[1] <= later[0] + 1e-9 for earlier, later in pairwise(stretches))
    for lane in lanes:
        assert len(running(lane)) >= 3
        assert sum(end - start for start, end in running(lane)) == pytest.approx(0.1, rel=0.1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 5), st.floats(0, 1)), min_size=1, max_size=6))
def test_no_more_are_drawn_at_once_than_computed(made):
    """Whatever overlaps: at no time do more calls compute than processor seconds a second were measured, rounded up."""
    calls = [
        Call((1, number), start, start + seconds, share * seconds)
        for number, (start, seconds, share) in enumerate(made)
    ]
    zero = min(call.start for call in calls)
    lanes = list(timeline_of(calls))
    edges = sorted({edge for lane in lanes for span in lane.spans for edge in (span.start, span.end)})
    for begin, end in pairwise(edges):
        at = (begin + end) / 2
        shares = [call.cpu / (call.end - call.start) for call in calls if call.start <= at + zero <= call.end]
        most = ceil(sum(1 if share >= 0.9 else share for share in shares)) + sum(share <= 0.01 for share in shares)
        assert end - begin < 1e-6 or sum(start < at < end for lane in lanes for start, end in running(lane)) <= most


def test_processes_that_compute_are_drawn_at_the_same_time():
    """Two calls that computed throughout, side by side, are two solid bars: that is what parallel looks like."""
    lanes = list(timeline_of([Call((worker, 1), 0.0, 1.0, 0.99) for worker in (1, 2)]))
    assert [running(lane) for lane in lanes] == [[(0.0, 1.0)]] * 2


# What is told


def test_models_that_are_not_here_are_named(monkeypatch):
    """A model that this Python does not have is in the table, with the reason and without a time."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    results = asyncio.run(compare_models(waiting(0, 1), ("asyncio", "uvloop"), repeats=1))
    assert "uvloop: absent: uvloop is not installed" in str(results)
    with pytest.raises(ValueError, match="uvloop has no time: uvloop is not installed"):
        _ = results["uvloop"].seconds
    if sys.version_info < (3, 14):
        assert "needs Python 3.14" in MODELS["interpreters"].absent(waiting(0, 1))


def test_every_model_is_here_or_says_why():
    """Each model gives a time, or is absent with a reason: none is faked, none forgotten."""
    results = asyncio.run(compare_models(computing(1, 2), repeats=1, warm_up=False, deadline=LIMIT))
    assert [found.model for found in results] == list(MODELS)
    for found in results:
        assert found.ok or (found.absent and found.problem and not found.runs), found


def test_a_table_marks_what_was_measured():
    """Every measured quantity in a table stands behind a tilde, with its unit, so that notebooks can be compared."""
    text = str(asyncio.run(compare_models(waiting(0.01, 2), ("sequential", "threads", "processes"), repeats=2)))
    assert text.splitlines()[0] == "waiting 0.01 s: 2 calls, 2 runs"
    without = re.sub(r" *~[\d,.]+ (s|MB)", "", text)
    assert not re.search(r"\d\.\d", without.replace("0.01 s", ""))
    assert len({len(line) for line in text.splitlines()[1:]}) == 1


@pytest.mark.parametrize(("workers", "shown"), [(None, "per core"), (2, "2")])
def test_a_table_says_whether_workers_were_chosen(workers, shown):
    """Where the cores gave the number of workers, a table says so, and is the same on every machine."""
    text = str(measured(waiting(0, 2), "processes", workers=workers))
    assert text.splitlines()[2].startswith(f"{'processes':<20}{shown:>8}")


def test_a_model_that_was_not_measured_is_told():
    """Asking results for another model names those there are."""
    results = asyncio.run(compare_models(waiting(0, 1), ("sequential",), repeats=1))
    with pytest.raises(KeyError, match="'threads' was not measured; measured: 'sequential'"):
        _ = results["threads"]


async def a_generator(item):
    yield item


@pytest.mark.parametrize(
    ("make", "error", "hint"),
    [
        (lambda: waiting(-1, 2), ValueError, "seconds=-1: pass a finite number of seconds"),
        (lambda: waiting(1, 2.5), TypeError, "calls=2.5: pass a whole number"),
        (lambda: computing(0, 2), ValueError, "units=0.*await calibrate"),
        (lambda: mixed(0.1, 0, 2), ValueError, "units=0.*await calibrate"),
        (lambda: fetching("http://127.0.0.1"), TypeError, r"pass a list: \[url\]"),
        (lambda: Workload.of(5, [1]), TypeError, "function is 5, which cannot be called"),
        (lambda: Workload.of(fib, 30), TypeError, "items=30: pass a list"),
        (lambda: Workload.of(fib, "30"), TypeError, "items='30': pass a list"),
        (lambda: Workload.of(lambda: 1, [1]), TypeError, "cannot be called with one item"),
        (lambda: Workload.of(a_generator, [1]), TypeError, "contains `yield`"),
        (lambda: measured(fib), TypeError, "pass a Workload"),
        (lambda: measured(waiting(0, 1), "green threads"), KeyError, "pass one of 'sequential', 'threads'"),
        (lambda: measured(waiting(0, 1), workers=0), ValueError, "workers=0: pass 1 or more"),
        (lambda: measured(waiting(0, 1), repeats=0), ValueError, "repeats=0: pass 1 or more"),
        (lambda: measured(waiting(0, 1), deadline=float("inf")), ValueError, "deadline=inf"),
        (lambda: measured(waiting(0, 1), start_method="clone"), ValueError, "this system has .*'spawn'"),
        (lambda: asyncio.run(compare_models(waiting(0, 1), "threads")), TypeError, "pass a list"),
        (lambda: asyncio.run(calibrate("long")), TypeError, "seconds='long': pass a number of seconds"),
    ],
)
def test_arguments_without_sense_are_refused(make, error, hint):
    """What makes no sense is refused before a process is started, in words that say what would."""
    with pytest.raises(error, match=hint):
        make()


# The article's face


def test_the_articles_methods():
    """The article's methods take what they took, and return seconds, start-up included."""
    compared = ConcurrencyComparison
    assert compared.cpu_bound_task(10) == fib(10) == 55
    assert compared.test_sequential(time.sleep, [0.1, 0.1]) >= 0.2
    assert compared.test_threading(time.sleep, [0.1, 0.1]) >= 0.1
    assert compared.test_multiprocessing(by_value("def f(n): return n + 1"), [1, 2]) > 0


def test_the_articles_methods_on_the_web():
    """Both sides fetch from a real server, asyncio all at once unless it is told how many."""
    with LabServer() as server:
        urls = [f"{server.url}/delay/0.1"] * 4
        assert ConcurrencyComparison.io_bound_task(urls[0]) > 0
        with server.count() as seen:
            assert asyncio.run(ConcurrencyComparison.test_asyncio([hold(server, 4)] * 4)) > 0
        assert (seen.requests, seen.peak) == (4, 4)
        two = [hold(server, 2)] * 4
        with server.count() as seen:
            assert asyncio.run(ConcurrencyComparison.test_asyncio(two, at_once=2)) > 0
        assert seen.peak == 2
        with server.count() as seen:
            assert measured(fetching(two), "threads", workers=2).ok
        assert seen.peak == 2
        not_found = measured(fetching([f"{server.url}/status/404"]), "asyncio")
        assert "404" in not_found.error


def test_the_articles_methods_do_not_hide_a_failure():
    """A call that raises, or a process that is killed, is raised where the article would have raised it."""
    with pytest.raises(RuntimeError, match="sequential: 1 of 1 calls raised; the first: TypeError"):
        ConcurrencyComparison.test_sequential(fib, ["x"])
    with pytest.raises(RuntimeError, match="threads: its process ended itself with exit code 7"):
        ConcurrencyComparison.test_threading(os._exit, [7])


def test_without_a_loop():
    """A plain program measures without an event loop."""
    assert measure_blocking(waiting(0.01, 2), "threads", repeats=1).ok


def test_cores_are_those_we_may_use():
    """At least one core, and no more than the machine has."""
    assert 1 <= cores() <= (os.cpu_count() or 1)
