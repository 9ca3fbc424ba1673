"""The profiler names the lines that hold the loop and those where tasks wait, and leaves nothing behind."""

import asyncio
import re
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from test_plotting import crowded, words

from course_lib import profiling
from course_lib.profiling import Profiler
from course_lib.seeing import Bars, Group, simulate
from course_lib.seeing.timeline.frames import LIBRARY

LOOKS = 12  # what is looked at is shown for so many looks, however long a busy machine needs for them


def hold(profiler, looks=LOOKS):
    """Hold the loop, until the profiler has looked often enough."""
    enough = profiler.looks + looks
    while profiler.looks < enough:
        time.sleep(0.001)


async def rest(profiler, looks=LOOKS):
    """Leave the loop idle, until the profiler has looked often enough."""
    enough = profiler.looks + looks
    while profiler.looks < enough:
        await asyncio.sleep(0.05)


def only(lines, word):
    """Return the counts of the lines that contain a word."""
    return sum(number for line, number in lines.items() if word in line)


def test_the_line_that_holds_the_loop_is_named():
    """A step that blocks is seen at its line, in every look, and the profiler's own lines are not."""

    async def main():
        async with Profiler() as profiler:
            hold(profiler)
        return profiler.profile()

    profile = asyncio.run(main())
    assert only(profile.running, "of hold: ") >= LOOKS - 1  # the first may have begun before the step did
    assert profile.busy >= LOOKS - 1
    assert not only(profile.running, "__aenter__")
    assert "the loop runs" in str(profile) and "of hold: " in str(profile)


def test_the_innermost_await_of_own_code_is_named():
    """A waiting task is seen where its innermost own coroutine waits, not where the outermost does."""

    async def main():
        lock = asyncio.Lock()

        async def inner():
            async with lock:
                pass

        async def outer():
            await inner()

        async with lock, asyncio.TaskGroup() as group, Profiler() as profiler:
            for _ in range(3):
                group.create_task(outer())
            await rest(profiler)
            lock.release()  # for those who wait; it is taken again by the last
            await lock.acquire()
        return profiler.profile()

    profile = asyncio.run(main())
    assert only(profile.waiting, "of inner: async with lock:") >= 3 * (LOOKS - 2)
    assert not only(profile.waiting, "of outer")
    row = next(line for line in str(profile).splitlines() if "of inner" in line)
    assert re.search(r"~[23]\.\d tasks  line \d+ of inner", row), row


def test_an_idle_loop_is_not_at_work():
    """While all tasks wait, no line is said to hold the loop."""

    async def main():
        async with Profiler() as profiler:
            await rest(profiler)
        return profiler.profile()

    profile = asyncio.run(main())
    assert profile.busy < profile.looks / 2
    assert only(profile.waiting, "of rest: await asyncio.sleep(0.05)") > profile.looks / 2


def test_tasks_in_a_librarys_code_alone_are_not_shown():
    """A task without a line of own code is counted, and takes no row from those that have one."""

    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(20)]
        async with Profiler() as profiler:
            await rest(profiler)
        for task in tasks:
            task.cancel()
        return profiler.profile()

    profile = asyncio.run(main())
    assert profile.waiting[LIBRARY] >= 20 * (LOOKS - 1)
    assert LIBRARY not in str(profile)


def test_of_very_many_tasks_some_stand_for_all(monkeypatch):
    """A look at more tasks than it may take looks at every second, third, ... and counts each for as many."""
    monkeypatch.setattr(profiling, "TASKS", 10)

    async def main():
        stop = asyncio.Event()

        async def stands():
            await stop.wait()

        tasks = [asyncio.create_task(stands()) for _ in range(95)]
        await asyncio.sleep(0)
        async with Profiler() as profiler:
            await rest(profiler)
        stop.set()
        await asyncio.wait(tasks)
        return profiler.profile()

    profile = asyncio.run(main())
    assert 80 <= only(profile.waiting, "of stands") / profile.looks <= 110


def test_the_lines_that_are_told_apart_are_bounded(monkeypatch):
    """A program that makes code as it runs does not fill the memory: further lines are counted together."""
    monkeypatch.setattr(profiling, "LINES", 1)

    async def main():
        async with Profiler() as profiler:
            await rest(profiler, 3)
            hold(profiler, 3)
            time.sleep(0.001)
            hold(profiler, 3)
        return profiler.profile()

    profile = asyncio.run(main())
    assert len(profile.running) <= 2 and len(profile.waiting) <= 2


@pytest.mark.parametrize("ends", ["returns", "fails", "is cancelled"])
def test_the_thread_has_ended_when_the_block_has(ends):
    """However the block ends, no thread is left."""

    async def main():
        try:
            async with Profiler() as profiler:
                await rest(profiler, 2)
                if ends == "fails":
                    raise OSError
                if ends == "is cancelled":
                    raise asyncio.CancelledError
        except (OSError, asyncio.CancelledError):
            pass
        return [thread.name for thread in threading.enumerate()]

    assert "profiler" not in asyncio.run(main())


def test_while_it_runs_it_tells_what_it_has_seen():
    """profile() inside the block is the profile so far."""

    async def main():
        async with Profiler() as profiler:
            before = profiler.profile().looks
            await rest(profiler)
            return before, profiler.profile().looks

    before, after = asyncio.run(main())
    assert after >= before + LOOKS


@pytest.fixture
def costless(monkeypatch):
    """Let a look compute nothing: of the tasks that other tests have left in this process, it may for milliseconds."""
    monkeypatch.setattr(profiling, "time", SimpleNamespace(perf_counter=time.perf_counter, thread_time=lambda: 0.0))


@pytest.mark.parametrize("looks_after", [0, 2])
@pytest.mark.usefixtures("costless")
def test_looks_that_could_not_be_made_are_told(looks_after):
    """While a step keeps the interpreter to itself nobody can look: the profile tells how many looks were missed."""
    usual = sys.getswitchinterval()

    async def main():
        async with Profiler() as profiler:
            await rest(profiler, 1)
            before = profiler.missed
            sys.setswitchinterval(60)  # a step of Python code keeps the interpreter as a long call of C code does
            try:
                until = time.perf_counter() + 0.5
                while time.perf_counter() < until:
                    pass
            finally:
                sys.setswitchinterval(usual)
            await rest(profiler, looks_after)
        return profiler.profile(), profiler.missed - before

    profile, missed = asyncio.run(main())
    assert missed >= 25  # of some fifty
    assert f"looks, ~{profile.missed} missed, in " in str(profile)


@pytest.mark.usefixtures("costless")
def test_a_look_that_waits_for_the_interpreter_is_followed_by_no_longer_rest(monkeypatch):
    """It rests after what a look computed: one that was held up meanwhile does not cost the next ones."""
    look = Profiler._look

    def held_up(self, *args):
        time.sleep(0.05)
        look(self, *args)

    monkeypatch.setattr(Profiler, "_look", held_up)

    async def main():
        async with Profiler() as profiler:
            await rest(profiler, 4)
        return profiler.profile()

    profile = asyncio.run(main())
    assert profile.missed >= 2 * (profile.looks - 2)  # five were due while one was made


def test_nothing_seen_is_nothing_shown():
    """A profiler that was never entered has looked at nothing, and says so."""
    assert str(Profiler().profile()).startswith("~0 looks, ~0 missed, in ~0.00 s")


def test_on_a_virtual_clock_it_says_what_to_use():
    """A thread sees nothing there: the error names the timeline."""

    async def main():
        async with Profiler():
            pass

    with pytest.raises(RuntimeError, match="print the timeline that simulate"):
        simulate(main)


def test_it_is_used_once():
    """A second block would add to the counts of the first: the error says to make a new one."""

    async def main():
        profiler = Profiler()
        async with profiler:
            pass
        async with profiler:
            pass

    with pytest.raises(RuntimeError, match="make a new one"):
        asyncio.run(main())


@pytest.mark.parametrize("every", [0, -1, 0.001, float("nan"), float("inf"), True, None, "1"])
def test_every_is_seconds(every):
    """Looks too close to one another would see wrong shares: the error says what is allowed."""
    with pytest.raises(ValueError, match=r"every=.*from 0.01 \(the default\) up to 60"):
        Profiler(every=every)


BARS = Bars(
    "~200 looks",
    [
        Group("runs", "%", {"line 3 of parse: json.loads(text)": 41.6, "a" * 200: 3.2}),
        Group("waits", "tasks", {"line 8 of store: async with free:": 4.5}),
    ],
)


def test_bars_as_text_are_numbers_with_a_tilde_and_names():
    """A column of numbers for each group; a name that is too long for a notebook's line is cut."""
    lines = str(BARS).splitlines()
    assert lines[:4] == ["~200 looks", "", "runs", "   ~42 %  line 3 of parse: json.loads(text)"]
    assert lines[4].endswith("aaa...") and len(lines[4]) == 76
    assert lines[5:] == ["", "waits", "  ~4.5 tasks  line 8 of store: async with free:"]


def test_nothing_overlaps_in_the_picture_of_bars():
    """Each bar has its number and its name beside it, and each group its title."""
    figure = BARS.draw()
    assert crowded(figure) == []
    assert {"runs", "waits", "42 %", "4.5 tasks", "line 8 of store: async with free:"} <= words(figure)
