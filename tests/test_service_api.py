"""The service over HTTP, on real servers: accepted, crawled, told; refused in time; one request traced through all."""

import asyncio
import json
import logging

import asyncpg
import pytest
from database_lab import asynchronous
from service_lab import Site, ended, serving, settings, working

from course_lib.jobs import JobQueue
from course_lib.lab.servers import has_redis, private_postgres, private_redis
from course_lib.service.crawls import STARTS
from course_lib.service.sweeping import sweep
from course_lib.service.working import work

pytestmark = pytest.mark.skipif(not has_redis(), reason="the stand-in for Redis has neither streams nor scripts")

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def postgres():
    with private_postgres() as server:
        yield server


@pytest.fixture
def service(postgres):
    """Settings for a service of the test's own: nothing is accepted, nothing is queued."""

    async def clear():
        connection = await asyncpg.connect(postgres.url)
        await connection.execute("DROP TABLE IF EXISTS service_pages, service_crawls")
        await connection.close()

    asyncio.run(clear())
    return lambda **options: settings(**{"database_url": postgres.url, **options})


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.server.stop()


async def rows(postgres, query: str) -> list:
    connection = await asyncpg.connect(postgres.url)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def submit(client, url: str, status: int = 202, headers=None, **question):
    async with client.post("/crawls", json={"url": url, **question}, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


@asynchronous
async def test_a_crawl_is_accepted_done_and_told(service, site):
    """The pages within the asked depth are crawled and told in order; from a number on, the rest alone."""
    given = service()
    async with serving(given) as (client, _), working(given):
        accepted = await submit(client, f"{site.url}0", depth=2)
        state = await ended(client, accepted["id"])
        assert (state["state"], state["error"], state["pages"], state["failures"]) == ("done", None, 3, 0)
        async with client.get(f"/crawls/{accepted['id']}/pages") as answer:
            pages = await answer.json()
        assert [page["title"] for page in pages] == ["Page 0", "Page 1", "Page 2"]
        async with client.get(f"/crawls/{accepted['id']}/pages?after={pages[1]['number']}") as answer:
            assert await answer.json() == pages[2:]


@asynchronous
async def test_a_start_page_that_cannot_be_had_is_a_failure(service, site):
    """The crawl has failed, with the reason."""
    given = service()
    async with serving(given) as (client, _), working(given):
        state = await ended(client, (await submit(client, f"{site.server.url}/status/404"))["id"])
    assert state["state"] == "failed"
    assert "404" in state["error"]


@asynchronous
async def test_one_key_is_one_crawl_however_often_it_is_sent(service, site, postgres):
    """Ten requests with one key at once, and one after the end, get the same answer, and one crawl is made."""
    given = service()
    async with serving(given) as (client, _), working(given):
        ask = lambda: submit(client, site.url, headers={"Idempotency-Key": "k"}, depth=0)  # noqa: E731
        ids = {answer["id"] for answer in await asyncio.gather(*(ask() for _ in range(10)))}
        (crawl,) = ids
        await ended(client, crawl)
        assert (await ask())["id"] == crawl
    assert await rows(postgres, "SELECT id, starts FROM service_crawls") == [{"id": crawl, "starts": 1}]


@asynchronous
async def test_one_key_for_two_questions_is_refused(service, site):
    """The second question does not get the first one's crawl: 422, and what to do."""
    async with serving(service()) as (client, _):
        await submit(client, site.url, headers={"Idempotency-Key": "k"})
        refused = await submit(client, site.url, 422, headers={"Idempotency-Key": "k"}, depth=0)
    assert "take a new key" in refused["error"]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("nonsense", "send JSON such as"),
        ("[" * 9000, "send JSON such as"),
        ('{"url": 1}', "send JSON such as"),
        ('{"url": "ftp://x/"}', "is no http or https URL"),
        ('{"url": "http://x/", "pages": 0}', "pages=0: send a whole number from 1 to 1000"),
        ('{"url": "http://x/", "depth": true}', "depth=True: send a whole number from 0 to 10"),
        ('{"url": "http://x/", "dept": 1}', "there is no 'dept' in a crawl"),
    ],
)
def test_a_question_without_sense_is_refused(service, body, hint):
    """The answer is 400, and names the value and what would do."""

    @asynchronous
    async def run():
        async with serving(service()) as (client, _), client.post("/crawls", data=body, headers=JSON) as answer:
            assert answer.status == 400
            assert hint in (await answer.json())["error"]

    run()


@asynchronous
async def test_limits_on_what_is_sent(service):
    """A body that is too large is 413, a route that is not there 404, a limit that is no number 400, all as JSON."""
    async with serving(service()) as (client, _):
        async with client.post("/crawls", data="x" * 20_000, headers=JSON) as answer:
            assert (answer.status, "error" in await answer.json()) == (413, True)
        async with client.post("/crawls", data='{"url": "http://x/"}') as answer:
            assert (answer.status, "send the question as JSON" in (await answer.json())["error"]) == (400, True)
        async with client.get("/nowhere") as answer:
            assert (answer.status, "error" in await answer.json()) == (404, True)
        async with client.get("/crawls/unknown") as answer:
            assert (answer.status, "no crawl unknown" in (await answer.json())["error"]) == (404, True)
        for sent in ("soon", "0", "-1", "nan"):
            async with client.get("/crawls/x", headers={"Request-Timeout": sent}) as answer:
                assert (answer.status, "send how many seconds" in (await answer.json())["error"]) == (400, True)


@asynchronous
async def test_a_full_backlog_is_told_and_not_hidden(service, site, postgres):
    """With as many crawls unfinished as may be, the next is refused with 429 and Retry-After; a known key is not."""
    async with serving(service(backlog=2)) as (client, _):
        await submit(client, site.url, headers={"Idempotency-Key": "one"})
        await submit(client, site.url)
        async with client.post("/crawls", json={"url": site.url}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
            assert "2 crawls are unfinished" in (await answer.json())["error"]
        await submit(client, site.url, headers={"Idempotency-Key": "one"})
    assert len(await rows(postgres, "SELECT id FROM service_crawls")) == 2


@asynchronous
async def test_submissions_that_stand_still_leave_reads_alone(service, site, postgres):
    """While a lock holds up all submissions, those that would wait too many are refused, and reads are answered."""
    async with serving(service(submissions=2, waiting=1)) as (client, _):
        crawl = (await submit(client, site.url))["id"]
        locker = await asyncpg.connect(postgres.url)
        locked = locker.transaction()
        await locked.start()
        await locker.execute("LOCK service_crawls IN SHARE MODE")  # reads pass, writes wait

        async def post() -> int:
            async with client.post("/crawls", json={"url": site.url}) as answer:
                return answer.status

        waiting = [asyncio.create_task(post()) for _ in range(3)]
        while len(await rows(postgres, "SELECT 1 FROM pg_locks WHERE NOT granted")) < 2:
            await asyncio.sleep(0.01)
        while await post() != 429:
            pass
        async with client.get(f"/crawls/{crawl}") as answer:
            assert answer.status == 200
        await locked.rollback()
        await locker.close()
        assert [await task for task in waiting] == [202] * 3


@asynchronous
async def test_the_callers_time_is_the_requests_time(service, site, postgres):
    """A caller that waits half a second gets 503 after that, and its statement has ended in PostgreSQL, too."""
    async with serving(service()) as (client, _):
        await submit(client, site.url)
        locker = await asyncpg.connect(postgres.url)
        locked = locker.transaction()
        await locked.start()
        await locker.execute("LOCK service_crawls IN SHARE MODE")
        headers = {"Request-Timeout": "0.5", "Idempotency-Key": "k"}
        async with client.post("/crawls", json={"url": site.url}, headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "same Idempotency-Key" in (await answer.json())["error"]
        while await rows(postgres, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await locked.rollback()
        await locker.close()
        await submit(client, site.url, headers={"Idempotency-Key": "k"})


async def events_of(client, crawl: str, last: int | None = None, most: int = 1000) -> list[tuple[str, dict]]:
    """Read a crawl's events, so many at most."""
    found, headers = [], {} if last is None else {"Last-Event-ID": str(last)}
    async with client.get(f"/crawls/{crawl}/events", headers=headers) as answer:
        assert answer.content_type == "text/event-stream"
        name = ""
        async for line in answer.content:
            kind, _, rest = line.decode().strip().partition(": ")
            if kind == "event":
                name = rest
            elif kind == "data":
                found.append((name, json.loads(rest)))
                if len(found) == most:
                    break
    return found


@asynchronous
async def test_progress_is_told_live(service, site):
    """A page is told while the crawl goes on; at the end comes how it ended; who comes again gets the rest alone."""
    given = service()
    site.closed.add("1")
    async with serving(given) as (client, _), working(given):
        crawl = (await submit(client, f"{site.url}0", depth=2))["id"]
        while True:
            early = await events_of(client, crawl, most=2)
            if [name for name, _ in early] == ["state", "page"]:
                break
        assert early[1][1]["title"] == "Page 0"
        site.closed.clear()
        every = await events_of(client, crawl)
        assert [data["title"] for name, data in every if name == "page"] == ["Page 0", "Page 1", "Page 2"]
        assert (every[-1][0], every[-1][1]["state"]) == ("state", "done")
        rest = await events_of(client, crawl, last=early[1][1]["number"])
        assert [data["title"] for name, data in rest if name == "page"] == ["Page 1", "Page 2"]
        async with client.get("/crawls/unknown/events") as answer:
            assert answer.status == 404


@asynchronous
async def test_streams_end_when_the_process_is_ending(service, site):
    """A stream of a crawl that goes on ends, so that the browser connects again, to another process."""
    async with serving(service()) as (client, api):
        crawl = (await submit(client, site.url))["id"]
        following = asyncio.create_task(events_of(client, crawl))
        await asyncio.sleep(0)
        api.ready = False
        assert [name for name, _ in await following] == ["state"]


@asynchronous
async def test_the_page_comes_with_a_policy(service):
    """The page, its script and its style are served, and nothing else may run in it."""
    async with serving(service()) as (client, _):
        for path, kind in [("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")]:
            async with client.get(path) as answer:
                assert (answer.status, answer.content_type) == (200, kind)
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@asynchronous
async def test_callers_in_a_hurry_do_not_open_the_breaker(service, site, postgres):
    """Ten requests that run out of their own time say nothing of PostgreSQL; ten that PostgreSQL is too slow for do."""
    async with serving(service(postgres_timeout=0.2)) as (client, api):
        await submit(client, site.url)
        locker = await asyncpg.connect(postgres.url)
        await locker.execute("BEGIN; LOCK service_crawls IN SHARE MODE")
        for _ in range(10):
            await submit(client, site.url, 503, headers={"Request-Timeout": "0.01"})
        assert api._postgres.state == "closed"
        while "PostgreSQL has just failed" not in (await submit(client, site.url, 503))["error"]:
            pass
        await locker.close()


@asynchronous
async def test_one_request_is_traced_through_http_queue_and_database(service, site, postgres, caplog):
    """The id that a caller sends is in the answer, in the crawl's row, and in the worker's log."""
    from course_lib.service.tracing import WithRequest

    caplog.set_level(logging.INFO, "course_lib.service")
    caplog.handler.addFilter(traced := WithRequest())
    given = service()
    async with serving(given) as (client, _), working(given):
        async with client.post(
            "/crawls", json={"url": site.url, "depth": 0}, headers={"X-Request-ID": "r-1"}
        ) as answer:
            assert answer.headers["X-Request-ID"] == "r-1"
            crawl = (await answer.json())["id"]
        await ended(client, crawl)
        async with client.get(f"/crawls/{crawl}", headers={"X-Request-ID": "two\twords"}) as answer:
            assert len(answer.headers["X-Request-ID"]) == 16, "what could break a line of the log is not taken"
    caplog.handler.removeFilter(traced)
    assert await rows(postgres, "SELECT request FROM service_crawls") == [{"request": "r-1"}]
    told = [record.getMessage() for record in caplog.records if getattr(record, "request", "") == "r-1"]
    assert told == [f"crawl {crawl} accepted", f"crawl {crawl} begun, start 1 of 3", f"crawl {crawl} ended: done"]


@asynchronous
async def test_health_and_readiness_are_two_things(service):
    """A process that is about to end is alive, and not ready; the monitor tells of its loop."""
    async with serving(service()) as (client, api):
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.json()) == (
                200,
                {"ready": True, "ending": False, "postgres": True, "redis": True},
            )
        api.ready = False
        async with client.get("/readyz") as answer:
            assert (answer.status, (await answer.json())["ending"]) == (503, True)
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with client.get("/monitor") as answer:
            assert "lag of the loop" in await answer.text()


@asynchronous
async def test_without_redis_a_crawl_is_accepted_and_done_later(service, site):
    """With Redis away the answer is 202 and soon, and readiness says so; when it is back, empty, the crawl is done."""
    with await asyncio.to_thread(private_redis) as redis:
        given = service(redis_url=redis.url)
        async with serving(given) as (client, _):
            await asyncio.to_thread(redis.stop)
            crawls = [(await submit(client, site.url, depth=0))["id"] for _ in range(5)]
            async with client.get("/readyz") as answer:
                assert (answer.status, (await answer.json())["redis"]) == (200, False)
            await asyncio.to_thread(redis.start)
            async with working(given):
                assert [(await ended(client, crawl))["state"] for crawl in crawls] == ["done"] * 5


@asynchronous
async def test_a_crawl_that_kills_its_workers_is_given_up(service, site):
    """What was begun too often, and not ended, is failed with the reason, also when the queue has given it up first."""
    given = service()
    async with serving(given) as (client, api), JobQueue(given.redis_url, given.name) as queue:
        crawl = (await submit(client, site.url))["id"]
        for number in range(STARTS):
            await api._crawls.claim(crawl, f"worker {number}")  # and it dies
        async with working(given):
            state = await ended(client, crawl)
        assert (state["state"], state["error"][:8]) == ("failed", "given up")
        assert await queue.size() == 0


@asynchronous
async def test_a_claim_whose_answer_was_lost_is_the_same_start(service, site):
    """Asked again under the same name it counts once; what was given back does not count, and is a new number."""
    async with serving(service()) as (client, api):
        crawl = (await submit(client, site.url))["id"]
        first = await api._crawls.claim(crawl, "first")
        assert await api._crawls.claim(crawl, "first") is not None
        assert (first.start, first.attempt, (await api._crawls.view(crawl))["starts"]) == (1, 1, 1)
        for _ in range(2):  # again, as it would be if its answer were lost
            await api._crawls.give_back(first)
        assert (await api._crawls.view(crawl))["state"] == "accepted"
        second = await api._crawls.claim(crawl, "second")
        assert (second.start, second.attempt) == (2, 1)


@asynchronous
async def test_stopping_workers_in_order_costs_a_crawl_nothing(service, site):
    """Of more workers that are stopped in its middle than it may have starts, none counts, and it is done."""
    given = service()
    site.closed.add("1")
    async with serving(given) as (client, api):
        crawl = (await submit(client, f"{site.url}0", depth=1, seconds=600))["id"]
        for number in range(STARTS + 1):
            stopping = asyncio.Event()
            worker = asyncio.create_task(work(given, stopping, grace=0))
            while (await api._crawls.view(crawl))["starts"] <= number:
                await asyncio.sleep(0.02)
            stopping.set()
            await worker
        site.closed.clear()
        async with working(given):
            assert (await ended(client, crawl))["state"] == "done"


@asynchronous
async def test_a_worker_that_was_taken_for_dead_changes_nothing(service, site):
    """What it keeps and says after another one has begun the crawl finds nothing to write to."""
    from course_lib.crawler import CrawlResult

    async with serving(service()) as (client, api):
        crawl = (await submit(client, site.url))["id"]
        first = await api._crawls.claim(crawl, "first")
        assert await api._crawls.keep(first, CrawlResult("http://x/1", 200))
        second = await api._crawls.claim(crawl, "second")
        assert not await api._crawls.keep(first, CrawlResult("http://x/2", 200))
        await api._crawls.end(first, "late")
        assert (await api._crawls.view(crawl))["state"] == "running"
        assert await api._crawls.pages(crawl) == [], "a start begins anew"
        assert await api._crawls.keep(second, CrawlResult("http://x/3", 200, title="half \udc80, none \0"))
        await api._crawls.end(second, None)
        assert (await api._crawls.view(crawl))["state"] == "done"
        assert [page["title"] for page in await api._crawls.pages(crawl)] == ["half ?, none "]


@asynchronous
async def test_a_crawl_whose_time_is_over_fails_also_without_a_worker(service, site, postgres):
    """Whatever becomes of workers and queue, a sweep ends what is over its time; later it is forgotten."""
    async with serving(service()) as (client, api):
        crawl = (await submit(client, site.url))["id"]
        await api._crawls._pool.execute_query("UPDATE service_crawls SET until = now() - interval '1 hour'")
        await sweep(api._crawls, api._queue)
        state = await ended(client, crawl)
        assert (state["state"], state["error"]) == ("failed", "its time was over before it ended")
        await api._crawls.forget(0)
        assert await rows(postgres, "SELECT id FROM service_crawls") == []


@asynchronous
async def test_a_crawl_that_takes_too_long_is_ended_by_its_worker(service, site):
    """Its deadline goes with it from the caller to the worker, by PostgreSQL's clock; its pages are kept."""
    given = service()
    site.closed.add("1")
    try:
        async with serving(given) as (client, _), working(given):
            for seconds in (1, 5, 60):  # a busy machine may need more for the one page that is there
                state = await ended(client, (await submit(client, f"{site.url}0", depth=1, seconds=seconds))["id"])
                assert state["state"] == "failed"
                if state["pages"]:
                    break
    finally:
        site.closed.clear()
    assert state["pages"] == 1
    assert state["error"] == "its time was over after 1 pages"


def test_what_is_answered_can_be_read_by_machines():
    """Every refusal is JSON with one sentence; Retry-After has whole seconds, and never 0."""
    from course_lib.service.answers import refusal

    answer = refusal(429, "later", 0.2)
    assert (answer.headers["Retry-After"], json.loads(answer.text)) == ("1", {"error": "later"})
