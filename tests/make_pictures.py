"""Draws the README's picture, data/swimlane.png: python tests/make_pictures.py"""

import asyncio
from dataclasses import replace

from course_lib.paths import REPO
from course_lib.seeing import Comparison, Timeline, compare, simulate, span
from course_lib.seeing.plotting import png

SWIMLANE = REPO / "data" / "swimlane.png"
DELAYS = (1, 2, 1, 3, 1)


async def one_after_another() -> None:
    for number, delay in enumerate(DELAYS, start=1):
        with span(f"request {number}"):
            await asyncio.sleep(delay)


async def together() -> None:
    async with asyncio.TaskGroup() as group:
        for number, delay in enumerate(DELAYS, start=1):
            group.create_task(asyncio.sleep(delay), name=f"request {number}")


def requests_of(timeline: Timeline) -> Timeline:
    """Leave out main, which only waits for the others."""
    return replace(timeline, lanes=[lane for lane in timeline if lane.name != "main"])


def swimlane() -> Comparison:
    """Five requests, first awaited one after another, then started together."""
    return compare(
        {
            "One after another": requests_of(simulate(one_after_another)),
            "Together": requests_of(simulate(together)),
        }
    )


if __name__ == "__main__":
    SWIMLANE.write_bytes(png(swimlane().draw())[0])
    print(swimlane())
