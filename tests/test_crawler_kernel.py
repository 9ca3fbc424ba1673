"""The crawler in a notebook: Interrupt, and the progress bar."""

import kernels
import pytest

# Where a cell cannot be interrupted, its request takes as long as its timeout: 600 s.
SOON = 60

SETUP = """
import asyncio
from aiohttp import web
from course_lib.crawler import AsyncWebCrawler
from course_lib.lab.web import start
from course_lib.notebook import setup

async def site(request, tail):
    if tail == "hang":
        print("hanging", flush=True)
        await asyncio.sleep(600)
    links = {"": "<a href=quick>", "quick": "<a href=hang>"}.get(tail)
    return web.Response(body=links, headers={"Content-Type": "text/html"})

setup()
server = start()
url = server.mount("/crawled", site)
"""


@pytest.fixture(scope="module")
def kernel():
    with kernels.start() as kernel:
        assert kernel.printed(SETUP) == "Ready.\n"
        yield kernel


def test_an_interrupted_crawl_keeps_what_it_has(kernel):
    """Interrupt ends the cell soon; the pages crawled so far are there, and no task and no connection is left."""
    errors, seconds = kernel.interrupt_at(
        "hanging", "crawler = AsyncWebCrawler(timeout=600)\nawait crawler.crawl_recursive(url)"
    )
    assert errors == ["CancelledError"] and seconds < SOON
    wait = "while server.connections:\n    await asyncio.sleep(0.01)\n"
    names = "[task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(('worker', 'crawl'))]"
    assert kernel.printed(f"{wait}print(len(crawler.results), list(crawler.skipped), {names})").endswith(
        "/crawled/hang'] []\n"
    )


def test_the_bar_is_a_widget(kernel):
    """In a notebook the progress bar is a widget, and nothing is written to stderr, which would differ on every run."""
    request = kernel.send("_ = await AsyncWebCrawler(progress=True).crawl_recursive(url + 'other')")
    outputs = kernel.run(request)[request]
    assert [output["output_type"] for output in outputs] == ["display_data"]
    assert "application/vnd.jupyter.widget-view+json" in outputs[0]["data"]
