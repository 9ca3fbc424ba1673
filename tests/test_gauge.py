"""Numbers that go up and down, noted with gauge(), as data, as text and as a picture."""

import asyncio
import math

import pytest

from course_lib.seeing import Timeline, compare, gauge, record, recorded, simulate
from course_lib.seeing.plotting import draw


def produced(items: int, *, pause: float, size: int = 0) -> Timeline:
    """Put an item into a queue every 0.1 s, take one every `pause` seconds, and note how many wait."""

    async def main() -> None:
        queue = asyncio.Queue[int](size)

        async def produce() -> None:
            for item in range(items):
                await asyncio.sleep(0.1)
                await queue.put(item)
                gauge("queue", queue.qsize())

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            for _ in range(items):
                await queue.get()
                gauge("queue", queue.qsize())
                await asyncio.sleep(pause)

    return simulate(main)


def row(timeline: Timeline, name: str = "queue") -> str:
    return next(line for line in str(timeline).splitlines() if line.startswith(name))


def test_a_gauge_has_its_values_with_their_times() -> None:
    """Each value stands with the second from which it holds."""

    async def main() -> None:
        gauge("level", 2)
        await asyncio.sleep(1)
        gauge("level", 0)

    assert simulate(main).gauges["level"].points == ((0, 2), (1, 0))


def test_of_several_values_at_one_instant_the_last_counts() -> None:
    """An item that is put and taken at once has not waited."""

    async def main() -> None:
        for value in (1, 5, 3):
            gauge("level", value)

    timeline = simulate(main)
    assert timeline.gauges["level"].points == ((0, 3),)
    assert timeline.gauges["level"].most == 3


def test_the_text_has_a_row_of_digits() -> None:
    """A queue that fills and empties is a row of digits, and the key says that they are numbers."""
    timeline = produced(4, pause=0.2)
    assert row(timeline).split()[1] == "00111122111100000"
    assert row(timeline).endswith("at most 2")
    assert "0 to 9 how many" in str(timeline)


def test_beyond_nine_a_digit_is_a_tenth_of_the_most() -> None:
    """What one digit cannot say is drawn in tenths, and the key says so."""
    timeline = produced(40, pause=0.4)
    assert timeline.gauges["queue"].most > 9
    assert set("123456789") <= set(row(timeline).split()[1])
    assert "0 to 9 tenths of the most" in str(timeline)
    assert "how many" not in str(timeline)


def test_a_bounded_queue_never_holds_more_than_it_may() -> None:
    """The most that a gauge shows is the bound that was set."""
    assert produced(20, pause=0.4, size=3).gauges["queue"].most == 3


def test_outside_a_recording_nothing_is_noted() -> None:
    """A program that notes numbers runs as well where nobody looks."""
    gauge("level", 1)
    assert not recorded()


def test_a_recording_in_real_time_has_gauges() -> None:
    """record() keeps them as simulate() does."""

    async def main() -> Timeline:
        async with record() as timeline:
            assert recorded()
            gauge("level", 4)
        gauge("level", 9)
        return timeline

    assert [value for _, value in asyncio.run(main()).gauges["level"].points] == [4]


@pytest.mark.parametrize("value", [-1, math.nan])
def test_what_is_no_level_is_refused(value: float) -> None:
    """A number below 0, or none, has no row, and the message says what to pass."""
    with pytest.raises(ValueError, match="pass a number, 0 or more"):
        gauge("level", value)


def test_only_keeps_the_gauges_of_that_name() -> None:
    """A part of a timeline has the gauges whose names begin as its lanes' do."""

    async def main() -> None:
        gauge("queue 1", 1)
        gauge("stack", 1)

    assert list(simulate(main).only("queue").gauges) == ["queue 1"]


def test_a_picture_has_a_row_for_each_gauge() -> None:
    """Name and largest value stand beside the row, as those of a lane do."""
    figure = draw(compare({"unbounded": produced(20, pause=0.3), "bounded": produced(20, pause=0.3, size=2)}))
    words = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert all("queue" in panel for panel in words)
    assert "at most 2" in words[1]


def test_gauges_of_one_name_are_drawn_to_one_scale() -> None:
    """Side by side, a queue of two is lower than one of many."""
    many, two = produced(20, pause=0.3), produced(20, pause=0.3, size=2)
    first, second = (axes.patches[-1].get_path().vertices for axes in draw(compare({"a": many, "b": two})).axes)
    heights = [vertices[:, 1].max() - vertices[:, 1].min() for vertices in (first, second)]
    assert heights[1] / heights[0] == pytest.approx(2 / many.gauges["queue"].most)


def test_a_timeline_of_gauges_alone_can_be_drawn() -> None:
    """Nothing says that nothing was recorded."""

    async def main() -> None:
        gauge("level", 1)
        await asyncio.sleep(1)

    timeline = simulate(main).only("level")
    assert "no task was made" not in str(timeline)
    texts = [text.get_text() for axes in draw(timeline).axes for text in axes.texts]
    assert "nothing was recorded" not in texts
    assert "level" in texts
