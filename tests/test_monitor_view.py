"""EventLoopMonitor in words: the summary, and the table that updates in place."""

import asyncio
import sys
import time
from types import SimpleNamespace

import pytest

from course_lib.monitor import EventLoopMonitor
from course_lib.seeing import simulate


async def fails(seconds):
    await asyncio.sleep(seconds)
    raise ValueError("no such page")


def test_the_summary_says_it_all(capsys):
    """The summary has the totals, the average, what failed, the lag and what blocked: exact on a virtual clock."""

    async def crunch():
        time.sleep(0.3)

    async def main():
        async with EventLoopMonitor() as monitor:
            tasks = [asyncio.create_task(asyncio.sleep(n)) for n in (1, 2)]
            tasks += [asyncio.create_task(fails(1), name="page 7"), asyncio.create_task(crunch())]
            left = asyncio.create_task(asyncio.sleep(9))
            await asyncio.wait(tasks)
            monitor.print_summary()
            left.cancel()

    simulate(main)
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "tasks: 5 created: 1 pending, 3 completed, 1 failed"
    assert rest[0] == "completed tasks took 1.1 s on average, from creation to end"
    assert rest[1] == "failed: page 7 (task-3): ValueError: no such page"
    assert rest[2] == "lag of the loop: median 0 s, 99 of 100 within 0.3 s, worst 0.3 s"
    assert rest[3].startswith("block: crunch held the loop for 0.3 s at line ")
    assert len(rest) == 4


def test_the_summary_names_five_failures_and_counts_the_rest(capsys):
    """A flood of failures is named in part and counted in full."""

    async def main():
        async with EventLoopMonitor(keep=3) as monitor:
            await asyncio.gather(*(fails(0) for _ in range(20)), return_exceptions=True)
            monitor.print_summary()

    simulate(main)
    shown = capsys.readouterr().out
    assert shown.count("failed: fails") == 3
    assert "... and 17 more failed" in shown


def test_what_was_measured_carries_a_tilde(capsys):
    """In real time every figure has a tilde and a unit, by which a notebook's test knows that it may differ."""

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.create_task(asyncio.sleep(0.01))
            monitor.print_summary()

    asyncio.run(main())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tasks: 1 created: 1 completed"
    assert lines[1].startswith("completed tasks took ~")
    assert lines[2].count("~") == 3


class Shell:
    """What stands in for a notebook: it keeps what is displayed and each update of it."""

    def __init__(self, monkeypatch):
        self.shown = []
        display = SimpleNamespace(display=self.display)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: self, display=display))
        self.kernel = object()

    def display(self, data, *, raw, display_id=False):
        assert raw
        self.shown.append(data)
        return SimpleNamespace(update=lambda data, *, raw: self.shown.append(data))


async def work(monitor, shown=lambda: 99):
    """Show twelve tasks that wait until so much was shown; a simulation shows nothing, and waits for nothing."""

    async def task():
        await asyncio.sleep(0.1)
        while shown() < 4:
            await asyncio.sleep(0.005)

    with monitor.live(every=0.02):
        await asyncio.gather(*(task() for _ in range(12)))


def test_a_live_table_updates_in_place_and_its_last_state_remains(monkeypatch, capsys):
    """In a notebook one output changes while the block runs; how each task ended remains, and a summary follows."""
    shell = Shell(monkeypatch)

    async def main():
        async with EventLoopMonitor() as monitor:
            await work(monitor, lambda: len(shell.shown))
            assert monitor.created == 12

    asyncio.run(main())
    first, *updates, emptied, last = shell.shown
    assert first == emptied == {"text/plain": "", "text/html": ""}
    rows = [line.split() for line in last["text/plain"].splitlines()]
    assert rows[0] == ["task", "state", "for", "waits", "at"]
    assert [row[1] for row in rows[1:11]] == ["completed"] * 10
    assert rows[11:] == [["...", "and", "2", "more", "tasks"]] and last["text/html"].count("<tr>") == 11
    assert len(updates) >= 2
    assert all(set(data) == {"text/plain", "text/html"} for data in shell.shown)
    assert "12 created: 12 pending" in updates[1]["text/plain"]
    assert "... and 2 more unfinished" in updates[1]["text/plain"]
    assert capsys.readouterr().out.startswith("tasks: 12 created: 12 completed\n")


def test_names_cannot_break_the_table(monkeypatch):
    """A task's name is text, in the HTML table, too."""
    shell = Shell(monkeypatch)

    async def main():
        async with EventLoopMonitor() as monitor:
            task = asyncio.create_task(asyncio.sleep(0), name="<b>bold</b>")
            with monitor.live():
                pass
            await task

    asyncio.run(main())
    assert "&lt;b&gt;bold&lt;/b&gt;" in shell.shown[1]["text/html"]


def test_outside_a_notebook_the_table_is_printed(capsys):
    """In a terminal each update is printed, and the summary at the end."""
    said = []

    def count():
        said.append(capsys.readouterr().out)
        return "".join(said).count("12 pending")

    async def main():
        async with EventLoopMonitor() as monitor:
            await work(monitor, count)

    asyncio.run(main())
    shown = "".join([*said, capsys.readouterr().out])
    assert shown.count("waits at") >= 2
    assert shown.rstrip().splitlines()[-1].startswith("lag of the loop: median ~")


def test_in_a_simulation_only_the_summary_is_shown(capsys):
    """A simulation is over before anybody could look: live() prints the summary, and keeps no clock running."""

    async def main():
        async with EventLoopMonitor() as monitor:
            await work(monitor)

    simulate(main)
    assert capsys.readouterr().out.splitlines()[0] == "tasks: 12 created: 12 completed"


@pytest.mark.parametrize(("options", "hint"), [({"every": 0}, "every=0: pass seconds"), ({"rows": 0}, "rows=0: pass")])
def test_a_senseless_table_is_refused(options, hint):
    """A senseless option of live() is named, with its value and what is allowed."""
    with pytest.raises(ValueError, match=hint):
        EventLoopMonitor().live(**options)


def test_a_table_needs_a_monitor_that_runs():
    """live() before the start says where it belongs."""
    with pytest.raises(RuntimeError, match="use live\\(\\) inside `async with EventLoopMonitor\\(\\)`"):
        EventLoopMonitor().live().__enter__()
