"""Files of results: whole or not at all."""

import asyncio
import json
import os
from dataclasses import asdict

import pytest

from course_lib.crawler import AsyncWebCrawler, CrawlResult, FakeWeb
from course_lib.crawler import results as module

PAGE = CrawlResult("http://site.test/\u00e4", 200, "\u00c4", 3, ["http://site.test/"], 0.5, depth=1, attempts=1)
GONE = CrawlResult("http://site.test/gone", 404, error="HTTP 404")


def crawler(*results):
    crawler = AsyncWebCrawler()
    crawler.results, crawler.stats = list(results), {"total_requests": len(results)}
    return crawler


def save(path, *results):
    asyncio.run(crawler(*results).save_results(path))


def test_json(tmp_path):
    """A .json file holds statistics and results, as the article's does, in UTF-8."""
    save(tmp_path / "a.json", PAGE, GONE)
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == {"stats": {"total_requests": 2}, "results": [asdict(PAGE), asdict(GONE)]}
    assert "\u00c4" in text


def test_json_lines(tmp_path):
    """A .jsonl file holds one result a line."""
    save(tmp_path / "a.jsonl", PAGE, GONE)
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert list(map(json.loads, lines)) == [asdict(PAGE), asdict(GONE)]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_nothing_found(tmp_path, name):
    """No results make a valid file, too."""
    save(tmp_path / name)
    text = (tmp_path / name).read_text()
    assert text == "" if name == "a.jsonl" else json.loads(text)["results"] == []


def test_the_article_s_default(tmp_path, monkeypatch):
    """Without a name it is crawl_results.json, in the working directory."""
    monkeypatch.chdir(tmp_path)
    asyncio.run(crawler(PAGE).save_results())
    assert os.listdir() == ["crawl_results.json"]


@pytest.mark.parametrize("name", ["a.txt", "a", "results.csv"])
def test_another_format(tmp_path, name):
    """An unknown ending is refused, with those that are known."""
    with pytest.raises(ValueError, match=r"end it in \.json or \.jsonl"):
        save(tmp_path / name, PAGE)
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_file(tmp_path):
    """When writing fails half-way the old file is as it was, and nothing else is left."""
    path = tmp_path / "a.json"
    save(path, PAGE)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save(path, PAGE, CrawlResult("http://site.test/", object()))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.json"]


def test_a_cancellation_leaves_the_old_file(tmp_path, monkeypatch):
    """A save that is cancelled stops, waits for its thread, and leaves the old file and nothing else."""
    path = tmp_path / "a.json"
    save(path, PAGE)
    before = path.read_bytes()
    written = []
    dumped = module._dumped

    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(crawler(*[PAGE] * 1000).save_results(path))

        def cancel_after_some(result):
            written.append(result)
            if len(written) == 5:
                asyncio.run_coroutine_threadsafe(cancelled(), loop).result()
            return dumped(result)

        async def cancelled():
            task.cancel()
            await asyncio.sleep(0)  # the task reacts before the thread goes on
            await asyncio.sleep(0)

        monkeypatch.setattr(module, "_dumped", cancel_after_some)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(written) == 5

    asyncio.run(main())
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.json"]


def test_a_crawl_can_be_saved_while_it_runs(tmp_path):
    """What is saved is what there was at that moment."""
    web = FakeWeb()
    web.add_page("/", ["/hanging"])
    web.add_page("/hanging", delay=3600)
    crawler = AsyncWebCrawler(fetch=web.fetch, timeout=7200)

    async def main():
        task = asyncio.create_task(crawler.crawl_recursive("http://site.test/"))
        while not crawler.results:
            await asyncio.sleep(0)
        await crawler.save_results(tmp_path / "a.jsonl")
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 1


def test_a_stream_has_nothing_to_save(tmp_path):
    """After a stream there are no results: saving says so, and what to do, unless the caller has kept them."""
    web = FakeWeb()
    web.add_page("/")
    crawler = AsyncWebCrawler(fetch=web.fetch)

    async def main():
        results = [result async for result in crawler.stream("http://site.test/")]
        with pytest.raises(RuntimeError, match=r"a stream, which keeps no results.*keep them as they come"):
            await crawler.save_results(tmp_path / "a.json")
        crawler.results = results
        await crawler.save_results(tmp_path / "a.jsonl")
        await crawler.crawl_recursive("http://site.test/")
        await crawler.save_results(tmp_path / "b.jsonl")

    asyncio.run(main())
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "b.jsonl"]
    assert all(len(path.read_text().splitlines()) == 1 for path in tmp_path.iterdir())


def test_text_that_is_none_is_saved(tmp_path):
    """Lone surrogates, as which bytes come that are no text, are U+FFFD in the file."""
    save(tmp_path / "a.json", CrawlResult("http://site.test/", 200, "a\udce9"))
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["results"][0]["title"] == "a\ufffd"


def test_a_missing_folder_is_named(tmp_path):
    """The error says which folder is missing."""
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        save(tmp_path / "gone" / "a.json", PAGE)
