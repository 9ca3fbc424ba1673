"""steps(): every step of a program, against an independent trace, as text, as a picture, as a player in a kernel."""

import asyncio
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import kernels
import pytest
from kernels import Learner

from course_lib.seeing import Steps, steps
from course_lib.seeing.plotting.board import paint

# Programs of lessons 1 to 3. Each step is named as in the table: the task, or the callback.


async def fetch(name: str, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return name


async def one_after_another() -> list[str]:
    return [await fetch("a", 1), await fetch("b", 2)]


async def together() -> list[str]:
    return list(await asyncio.gather(fetch("a", 2), fetch("b", 1), fetch("c", 2)))


async def tasks_awaited_in_turn() -> list[str]:
    tasks = [asyncio.create_task(fetch(name, wait), name=name) for name, wait in [("slow", 3), ("fast", 1)]]
    return [await task for task in tasks]


async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(fetch("x", 3 - number), name=f"fetch {number}")


async def letters() -> list[str]:
    order: list[str] = []
    loop = asyncio.get_running_loop()

    async def say(letter: str) -> None:
        order.append(letter)

    loop.call_later(1, order.append, "A")
    loop.call_soon(order.append, "B")
    task = asyncio.create_task(say("C"))
    handle = loop.call_soon(order.append, "D")
    loop.call_soon(order.append, "E")
    handle.cancel()
    order.append("F")
    await task
    order.append("G")
    await asyncio.sleep(2)
    return order


async def take_turns() -> list[int]:
    seen: list[int] = []

    async def count(number: int) -> None:
        for _ in range(3):
            seen.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(count(1), count(2))
    return seen


async def a_future() -> str:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    async def wait_on() -> str:
        return await future

    task = asyncio.create_task(wait_on(), name="waiting")
    loop.call_later(2, future.set_result, "here")
    return await task


async def a_limit() -> str:
    try:
        async with asyncio.timeout(1):
            return await fetch("late", 5)
    except TimeoutError:
        return "default"


async def cancelled() -> str:
    async def worker() -> None:
        try:
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(1)

    task = asyncio.create_task(worker(), name="worker")
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.wait([task])
    return "stopped"


async def hand_over() -> list[int]:
    queue: asyncio.Queue[int | None] = asyncio.Queue(1)
    got: list[int] = []

    async def consume() -> None:
        while (item := await queue.get()) is not None:
            got.append(item)
            await asyncio.sleep(1)

    task = asyncio.create_task(consume(), name="consumer")
    for item in (1, 2, 3):
        await queue.put(item)
    await queue.put(None)
    await task
    return got


PROGRAMS = [
    one_after_another, together, tasks_awaited_in_turn, in_a_group, letters, take_turns, a_future, a_limit, cancelled,
    hand_over,
]  # fmt: skip


# An independent trace: asyncio's own loop, whose handles say when they run, on a clock that jumps.


class Jumping(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if ready := super().select(0):
            return ready
        assert timeout is not None, "a deadlock"
        self.now += timeout
        return []


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = Jumping()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


def who(handle: Any) -> str:
    """Return the task a handle steps, or the user's callback it calls; "" for what is asyncio's own."""
    callback = handle._callback
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        name, coro = owner.get_name(), owner.get_coro()
        return getattr(coro, "__name__", name) if name.startswith("Task-") else name
    if isinstance(owner, list | asyncio.Future) and handle._args:
        return f"{callback.__name__}({handle._args[0]!r})"
    return ""


def independent(main: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str, list[str]]]:
    """Return every step: its time, whose it is, and who is in the queue right after it."""
    seen: list[tuple[float, str, list[str]]] = []
    loop = JumpingLoop()
    real = asyncio.Handle._run  # type: ignore[attr-defined]

    def run(handle: Any) -> None:
        mine = who(handle)
        real(handle)
        if mine and not over:
            queue = [who(each) for each in loop._ready if not each.cancelled()]  # type: ignore[attr-defined]
            seen.append((round(loop.time(), 9), mine, [name for name in queue if name]))

    over = False
    monkeypatch.setattr(asyncio.Handle, "_run", run)
    try:
        task = loop.create_task(main(), name="main")
        loop.run_until_complete(task)
        over = True
    finally:
        monkeypatch.undo()
        loop.close()
    return seen


def without_numbers(name: str) -> str:
    return name.partition(" #")[0]


@pytest.mark.parametrize("main", PROGRAMS, ids=lambda main: main.__name__)
def test_the_steps_are_what_an_independent_trace_saw(main: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step the same task or callback at the same time, and after it the same queue in the same order."""
    expected = independent(main, monkeypatch)
    shown = [
        (step.at, without_numbers(step.who), [without_numbers(name) for name in step.ready if name[0] != "("])
        for step in steps(main)[1:]  # type: ignore[index]
    ]
    assert shown == expected


# What a step says.


def example() -> Steps:
    return steps(tasks_awaited_in_turn)


def test_the_table_has_a_row_a_step() -> None:
    """The table says when each step ran, whose it was, and from where to where it went; the end says how it ended."""
    first = tasks_awaited_in_turn.__code__.co_firstlineno
    sleeps = fetch.__code__.co_firstlineno + 1
    sleep, line = f"to line {sleeps}: await asyncio.sleep(seconds)", f"line {first + 2}"
    rows = str(example()).splitlines()
    assert rows[0].split() == ["step", "at", "who", "what"]
    assert [row.split(maxsplit=3)[1:] for row in rows[1:-1]] == [
        ["0", "main", f"begins, to {line}: return [await task for task in tasks]"],
        ["0", "slow", f"begins, {sleep}"],
        ["0", "fast", f"begins, {sleep}"],
        ["1", "fast", f"from line {sleeps}, returned 'fast'"],
        ["3", "slow", f"from line {sleeps}, returned 'slow'"],
        ["3", "main", f"from {line}, returned ['slow', 'fast']"],
    ]
    assert rows[-1] == "main returned ['slow', 'fast']"


def test_a_step_says_how_things_stand() -> None:
    """A step has the queue in order, the timers with their times, and who waits for what; nothing wider than a page."""
    step = example()[3]
    assert step.title == "Step 3 of 6, at 0 s: fast"
    assert step.ready == ()
    assert step.timers == ((1, "fast's wait ends"), (3, "slow's wait ends"))
    waits = dict(step.waiting)
    assert waits["main"].startswith("for slow (line ")
    assert waits["fast"].startswith("until 1 s (line ")
    assert max(map(len, str(step).splitlines())) <= 76


def test_a_step_shows_the_source_it_ran() -> None:
    """The function's source stands there, each line marked with what the step did: from, ran, to."""
    start, end = example()[2], example()[4]
    assert [line.mark for line in start.source] == ["", "to", ""]
    assert [line.mark for line in end.source] == ["", "from", "ran"]
    assert start.source[1].text == "    await asyncio.sleep(seconds)"


def test_what_is_printed_is_shown_with_its_step_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    """What the program has printed so far stands in each step, and reaches nobody else's output."""

    async def main() -> None:
        print("one")
        await asyncio.sleep(1)
        print("two")

    shown = steps(main)
    assert [step.printed for step in shown] == ["", "one\n", "one\ntwo\n"]
    assert capsys.readouterr().out == ""


def test_the_swimlane_has_a_cursor() -> None:
    """Below stands the whole swimlane, with a mark at the time of the step."""
    lines = str(example()[4]).splitlines()
    (now,) = [line for line in lines if line.startswith("now")]
    (fast,) = [line for line in lines if line.startswith("fast") and "|" in line]
    assert now.index("^") == fast.index("|")


def test_tasks_of_one_name_are_numbered() -> None:
    """Tasks that share a name are told apart as in a timeline."""
    shown = steps(together)
    assert [step.who for step in shown][1:5] == ["main", "fetch #1", "fetch #2", "fetch #3"]
    assert dict(shown[1].waiting)["main"].startswith("for fetch #1, fetch #2, fetch #3 (line ")


def test_a_time_limit_and_a_cancellation_are_seen() -> None:
    """A time limit stands among the timers as whose it is, and a step that begins with a cancellation says so."""
    shown = steps(a_limit)
    assert (1, "main's time limit") in shown[1].timers
    assert "with CancelledError, returned 'default'" in shown[2].happened


@pytest.mark.parametrize(
    ("main", "ending"),
    [
        (lambda: failing(), "main raised ValueError: no such page"),
        (lambda: stuck(), "main raised DeadlockError: deadlock at 0 s"),
    ],
    ids=["an exception", "a deadlock"],
)
def test_how_the_program_ended_is_told_and_not_raised(main: Callable[[], Any], ending: str) -> None:
    """An exception of main, or a deadlock, is how the program ended, and its last step is main's."""
    shown = steps(main)
    assert shown.ending.startswith(ending)
    assert shown[-1].who == "main"


async def failing() -> None:
    await asyncio.sleep(1)
    raise ValueError("no such page")


async def stuck() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_deadlock_ends_with_the_step_that_led_to_it() -> None:
    """The clean-up after a deadlock is no step of the program; the ending names the line that waits."""
    shown = steps(stuck)
    assert len(shown) == 2
    assert "create_future" in shown.ending


def test_a_long_program_says_what_is_left_out() -> None:
    """Of more than 500 steps the first 500 are shown, and the number of the others; the program still ends."""

    async def main() -> str:
        for _ in range(600):
            await asyncio.sleep(0)
        return "done"

    shown = steps(main, limit=300)  # the usual ten seconds are a race on a busy machine
    assert len(shown) == 501
    assert shown.left_out == "and 101 more steps: the first 500 are shown"
    assert str(shown).endswith("and 101 more steps: the first 500 are shown\nmain returned 'done'")


def test_many_waiting_tasks_are_counted() -> None:
    """Of more than twelve tasks that wait, twelve are named and the others counted."""

    async def main() -> None:
        await asyncio.gather(*(asyncio.sleep(1) for _ in range(20)))

    last = steps(main)[21]
    assert len(last.waiting) == 13
    assert last.waiting[-1] == ("and", "9 more")


def test_a_long_queue_and_much_output_are_cut() -> None:
    """Of the queue and the timers twelve are shown, of what was printed the last eight lines; the rest is counted."""

    async def talk(number: int) -> None:
        print("line", number)
        await asyncio.sleep(number)

    async def main() -> None:
        await asyncio.gather(*(talk(number) for number in range(1, 21)))

    shown = steps(main)
    assert shown[1].sections["ready"][12:] == ["and 8 more"]
    assert shown[21].sections["timers"][12:] == ["and 8 more"]
    assert shown[21].sections["printed"] == ["(12 lines more)", *(f"line {number}" for number in range(13, 21))]
    assert shown[21].printed.startswith("line 1\n")


def test_there_is_no_step_beyond_the_last() -> None:
    """A number too high is told which there are."""
    with pytest.raises(IndexError, match="the steps are 0, the beginning, to 6"):
        example()[7]


@pytest.mark.parametrize("main", [5, fetch("a", 1), lambda: 5], ids=["a number", "a coroutine", "no coroutine"])
def test_what_is_no_coroutine_function_is_refused(main: Any) -> None:
    """steps() takes what simulate() takes, and says what to pass."""
    with pytest.raises(TypeError, match=r"coroutine|async def"):
        steps(main)


def test_watching_changes_nothing() -> None:
    """The loop's doors, its queue and the interpreter's trace function are as they were, and the result is the same."""
    before = sys.gettrace()
    assert steps(letters).timeline.result == ["F", "B", "C", "E", "G", "A"]
    assert sys.gettrace() is before


def test_a_picture_is_as_high_at_every_step() -> None:
    """The pictures of one program have one size, so that nothing jumps while it plays."""
    sizes = {step.draw().size for step in example()}
    assert len(sizes) == 1


def test_a_step_s_picture_says_what_its_text_says() -> None:
    """Title, source, queue, timers and waits stand in the picture, too."""
    step = example()[2]
    assert {step.title, "fast", "3 s: slow's wait ends", "ready, the first is next", "to"} <= set(paint(step).words)


def test_steps_need_no_plotting_until_they_are_drawn() -> None:
    """A script that prints the table loads neither matplotlib nor widgets, and so does the room's whole face."""
    code = (
        "import asyncio, sys\n"
        "from course_lib.seeing import simulate, record, span, compare, in_flight, chart, explore, steps\n"
        "async def main():\n    await asyncio.sleep(1)\n"
        "print(steps(main))\n"
        "assert not {'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "main returned None" in done.stdout


# The player, in a kernel.

PROGRAM = """
import asyncio
from course_lib.seeing import steps

async def main():
    print("one")
    await asyncio.sleep(1)
    print("two")

steps(main)
"""


@pytest.fixture(scope="module")
def learner() -> Iterator[Learner]:
    with kernels.start() as kernel:
        yield Learner(kernel)


def test_the_player_shows_the_beginning_and_then_its_buttons(learner: Learner) -> None:
    """The first output is the picture of the beginning with the table as its text, the second buttons and slider."""
    shown = learner.run(PROGRAM)
    assert [kind for kind, _ in shown] == ["display_data", "display_data"]
    board, player = (content["data"] for _, content in shown)
    assert set(board) == {"text/plain", "text/html"}
    assert board["text/plain"].endswith("main returned None")
    assert player["text/plain"] == "player: step 0 to 2 (run the cell to move it)"


def test_buttons_and_slider_redraw_the_first_output(learner: Learner) -> None:
    """Forward, back and the slider show a step in place; at the ends the buttons do nothing."""
    first, _ = learner.run(PROGRAM)
    place = first[1]["transient"]
    (one,) = learner.press("forward")
    (two,) = learner.move("step", 2)
    assert learner.press("forward") == []
    (back,) = learner.press("back")
    titles = [content["data"]["text/plain"].splitlines()[0] for _, content in (one, two, back)]
    assert titles == ["Step 1 of 2, at 0 s: main", "Step 2 of 2, at 1 s: main", "Step 1 of 2, at 0 s: main"]
    for kind, content in (one, two, back):
        assert kind == "update_display_data" and content["transient"] == place
    assert back[1]["data"] == one[1]["data"] and one[1]["data"]["text/html"] != two[1]["data"]["text/html"]
