"""explore(): what a learner sees in a notebook, and what happens when a slider moves, in a real kernel."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import kernels
import pytest
from kernels import Learner, Message

from course_lib.seeing import explore

PROGRAM = """
import asyncio
from course_lib.seeing import explore

async def main(in_flight=2, delay=1.0):
    if in_flight == 5:
        raise ValueError("five is right out")
    limit = asyncio.Semaphore(in_flight)

    async def fetch():
        async with limit:
            await asyncio.sleep(delay)

    async with asyncio.TaskGroup() as group:
        for number in range(1, 5):
            group.create_task(fetch(), name=f"fetch {number}")
"""


@pytest.fixture(scope="module")
def learner() -> Iterator[Learner]:
    with kernels.start() as kernel:
        yield Learner(kernel)


def seconds(message: Message) -> str:
    """Return how long main took, as a timeline's text shows it."""
    line = next(line for line in message[1]["data"]["text/plain"].splitlines() if line.startswith("main"))
    return str(line.split("|")[1].split(",")[0].strip())


def test_it_shows_the_timeline_and_then_the_sliders(learner: Learner) -> None:
    """The first output is text and picture at the defaults, the second the slider, with a sentence in its place."""
    shown = learner.run(PROGRAM + "explore(main, in_flight=(1, 5))")
    assert [kind for kind, _ in shown] == ["display_data", "display_data"]
    (_, timeline), (_, slider) = shown
    assert set(timeline["data"]) == {"text/plain", "text/html"}
    assert 'width="840"' in timeline["data"]["text/html"]
    assert seconds(shown[0]) == "0 to 2 s"
    assert set(slider["data"]) == {"text/plain", "application/vnd.jupyter.widget-view+json"}
    assert slider["data"]["text/plain"] == "slider: in_flight, 1 to 5 (run the cell to move it)"
    state = learner.sliders["in_flight"][1]
    assert (state["value"], state["min"], state["max"], state["step"]) == (2, 1, 5, 1)
    assert state["continuous_update"] is True


def test_moving_a_slider_redraws_the_first_output(learner: Learner) -> None:
    """Each move simulates again and updates text and picture in place; going back gives the first ones again."""
    first, _ = learner.run(PROGRAM + "explore(main, in_flight=(1, 5))")
    place = first[1]["transient"]
    (one,), (four,), (two,) = (learner.move("in_flight", value) for value in (1, 4, 2))
    assert [seconds(message) for message in (one, four, two)] == ["0 to 4 s", "0 to 1 s", "0 to 2 s"]
    for kind, content in (one, four, two):
        assert kind == "update_display_data" and content["transient"] == place
    assert two[1]["data"] == first[1]["data"]
    assert four[1]["data"]["text/html"] != first[1]["data"]["text/html"]


def axis(message: Message) -> str:
    """Return the seconds over a timeline's text."""
    return str(message[1]["data"]["text/plain"].splitlines()[0]).split("seconds")[1].strip()


def test_all_positions_have_one_time_axis(learner: Learner) -> None:
    """A second is as long at each position, from the first look on; what main prints elsewhere is not seen."""
    shown = learner.run(PROGRAM + "explore(main, in_flight=(1, 5))")
    assert len(shown) == 2
    moved = [learner.move("in_flight", value)[0] for value in (1, 4, 2)]
    assert {axis(message) for message in [shown[0], *moved]} == {"0         2         4"}


def test_two_sliders_with_many_positions_have_one_axis(learner: Learner) -> None:
    """Where there are too many positions to look at, the ends are; a longer run in between makes room for itself."""
    shown = learner.run(PROGRAM + "explore(main, in_flight=(1, 4), delay=(0.1, 3.0, 0.1))")
    assert axis(shown[0]) == axis(learner.move("delay", 0.2)[0]) == axis(learner.move("in_flight", 1)[0])


def test_several_sliders_keep_each_others_values(learner: Learner) -> None:
    """Two parameters have two sliders in one box; each move uses the other's last value, free of binary fractions."""
    shown = learner.run(PROGRAM + "explore(main, in_flight=(1, 4), delay=(0.1, 3.0, 0.1))")
    assert len(shown) == 2
    assert shown[1][1]["data"]["text/plain"] == (
        "slider: in_flight, 1 to 4 (run the cell to move it)\nslider: delay, 0.1 to 3.0 (run the cell to move it)"
    )
    assert seconds(learner.move("delay", 0.1 + 0.1 + 0.1)[0]) == "0 to 0.6 s"
    assert seconds(learner.move("in_flight", 1)[0]) == "0 to 1.2 s"
    state = learner.sliders["delay"][1]
    assert (state["value"], state["step"], state["readout_format"]) == (1.0, 0.1, ".1f")


def test_an_error_is_shown_in_place_and_the_slider_goes_on(learner: Learner) -> None:
    """When main raises, a sentence with the values takes the picture's place, until the slider moves on."""
    learner.run(PROGRAM + "explore(main, in_flight=(1, 5))")
    ((kind, content),) = learner.move("in_flight", 5)
    assert kind == "update_display_data"
    assert content["data"] == {"text/plain": "main(in_flight=5) raised ValueError: five is right out"}
    assert seconds(learner.move("in_flight", 4)[0]) == "0 to 1 s"


def test_an_error_at_the_first_values_is_raised(learner: Learner) -> None:
    """With nothing to show yet, an exception of main is an exception of the cell, and no slider appears."""
    ((kind, content),) = learner.run(PROGRAM.replace("in_flight=2", "in_flight=5") + "explore(main, in_flight=(1, 5))")
    assert (kind, content["ename"], content["evalue"]) == ("error", "ValueError", "five is right out")


def test_a_script_prints_the_text() -> None:
    """Outside a notebook the timeline's text is printed, with no slider, no matplotlib and no widgets loaded."""
    source = PROGRAM + (
        "import sys\nexplore(main, in_flight=(1, 4))\n"
        "assert not {'matplotlib', 'ipywidgets'} & set(sys.modules), 'slow imports for nothing'"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("seconds  0") and "0 to 2 s" in done.stdout
    assert "slider" not in done.stdout and not done.stderr


async def main(in_flight: int, delay: float = 1.0) -> None:
    await asyncio.sleep(delay / in_flight)


async def counted(in_flight: int = 20, delay: float | None = None) -> None:
    await main(in_flight)


def plain(in_flight: int) -> None:
    raise AssertionError("never called")


@pytest.mark.parametrize(
    ("sliders", "error", "hint"),
    [
        ({"in_fligth": (1, 5)}, TypeError, "in_fligth is not a parameter of main, which has: in_flight, delay. Name"),
        ({}, TypeError, "no slider for main: pass a range for one of its parameters (in_flight, delay), such as"),
        ({"delay": (0.5, 1.0)}, TypeError, "in_flight of main has neither a slider nor a default: give it one"),
        ({"in_flight": 5}, TypeError, "in_flight=5: pass (low, high) or (low, high, step)"),
        ({"in_flight": (1,)}, TypeError, "in_flight=(1,): pass (low, high) or (low, high, step)"),
        ({"in_flight": (1, 5.0)}, TypeError, "in_flight=(1, 5.0): pass ints alone or floats alone, such as (1, 10)"),
        ({"in_flight": (False, True)}, TypeError, "pass ints alone or floats alone"),
        ({"in_flight": ("a", "b")}, TypeError, "pass ints alone or floats alone"),
        ({"in_flight": (5, 5)}, ValueError, "in_flight=(5, 5): the low end must be less than the high end; pass"),
        ({"in_flight": (9, 1)}, ValueError, "the low end must be less than the high end"),
        ({"in_flight": (1.0, float("inf"))}, ValueError, "the low end must be less than the high end"),
        ({"in_flight": (1, 5, 0)}, ValueError, "the step must be more than 0 and at most 4, high minus low"),
        ({"in_flight": (1, 5, 6)}, ValueError, "the step must be more than 0 and at most 4, high minus low"),
        ({"in_flight": (1, 2), "delay": (2.0, 3.0)}, ValueError, "default of delay, 1.0, must be a number from 2.0 to"),
        ({"in_flight": (1, 2), "delay": (1, 3)}, ValueError, "default of delay, 1.0, must be a whole number from 1"),
    ],
)
def test_a_wrong_slider_is_explained(sliders: Any, error: type[Exception], hint: str) -> None:
    """Each mistake has its sentence: the parameter, the value, what is allowed and what to do."""
    with pytest.raises(error) as raised:
        explore(main, **sliders)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("sliders", "hint"),
    [
        (
            {"in_flight": (1, 10)},
            "default of in_flight, 20, must be a whole number from 1 to 10; change the default or",
        ),
        ({"delay": (1.0, 2.0)}, "default of delay, None, must be a number from 1.0 to 2.0; change the default or"),
    ],
)
def test_a_default_outside_the_range_is_explained(sliders: Any, hint: str) -> None:
    """A slider cannot start where it cannot go."""
    with pytest.raises(ValueError, match="must be") as raised:
        explore(counted, **sliders)
    assert hint in str(raised.value)


def test_only_a_coroutine_function_can_be_explored() -> None:
    """A plain function, a value and a coroutine that was already called each get a sentence."""
    wrong: Any
    for wrong in (plain, 5):
        with pytest.raises(TypeError, match="pass a coroutine function, one written with async def"):
            explore(wrong, in_flight=(1, 5))
    called: Any = main(1)
    with pytest.raises(TypeError, match=r"already called: pass the function itself, explore\(main\)"):
        explore(called, in_flight=(1, 5))


def test_a_whole_default_starts_a_slider_of_floats(capsys: pytest.CaptureFixture[str]) -> None:
    """delay=1 in the function and (0.5, 2.0) for the slider go together; a partial function has sliders, too."""

    async def waits(delay: float = 1) -> None:
        await asyncio.sleep(delay)

    explore(waits, delay=(0.5, 2.0))
    explore(partial(main, in_flight=2), delay=(0.5, 2.0))
    assert [line.split("|")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("main")] == [
        "  0 to 1 s", "  0 to 0.5 s",
    ]  # fmt: skip
