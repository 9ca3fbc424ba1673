"""The job queue on Redis Streams: nothing is lost, and what is done twice is done again, not differently."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from database_lab import asynchronous
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from course_lib.jobs import DeadLetter, Job, JobQueue, Worker
from course_lib.jobs.scripts import DONE, GROUP, REVIVE, START
from course_lib.lab.servers import has_redis, private_redis, redis

pytestmark = pytest.mark.skipif(not has_redis(), reason="the stand-in for Redis has neither streams nor scripts")

LONG = 600.0  # seconds of a lease that does not end in a test, however busy the machine is
NAMES = itertools.count()


def a_queue(*, url: str = "", **options: Any) -> JobQueue:
    """Return a queue that nobody else has, where what failed is due again at once."""
    return JobQueue(url or redis(), f"test {next(NAMES)}", **{"lease": LONG, "pause": 0.0, **options})


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until something holds; the guard around each test ends what never does."""
    while True:
        holds = condition()
        if isinstance(holds, Awaitable):
            holds = await holds
        if holds:
            return
        await asyncio.sleep(0.01)


async def is_empty(queue: JobQueue) -> bool:
    return await queue.size() == 0


class Running:
    """A worker that runs while the block is open, and is stopped at its end."""

    def __init__(
        self, queue: JobQueue, handler: Callable[[Job], Awaitable[object]], at_once: int = 1, grace: float = 60
    ):
        self.worker = Worker(queue, handler, at_once=at_once)
        self.grace = grace

    async def __aenter__(self) -> Worker:
        self.task = asyncio.create_task(self.worker.run(grace=self.grace))
        return self.worker

    async def __aexit__(self, *_: object) -> None:
        self.worker.stop()
        await self.task


class Done:
    """A handler that notes what it was given, and fails on what it is told to."""

    def __init__(self, *failing: Any):
        self.jobs: list[Job] = []
        self.failing = failing

    async def __call__(self, job: Job) -> None:
        self.jobs.append(job)
        if job.body in self.failing:
            raise ValueError(f"cannot do {job.body}")

    @property
    def bodies(self) -> list[Any]:
        return [job.body for job in self.jobs]


async def taken_by_the_dead(queue: JobQueue, count: int, name: str = "dead") -> list[str]:
    """Let a worker that is dead take jobs, longer than a lease ago; return their ids."""
    client = queue.redis
    await Worker(queue, Done())._make_group()
    ((_, entries),) = await client.xreadgroup(GROUP, name, {queue.stream: ">"}, count=count)
    ids = [entry for entry, _ in entries]
    await over(queue, ids, name)
    return ids


async def over(queue: JobQueue, ids: list[str], name: str) -> None:
    """Let the leases of jobs be over."""
    for each in ids:
        await queue.redis.execute_command(
            "XCLAIM", queue.stream, GROUP, name, 0, each, "IDLE", int(2 * LONG * 1000), "JUSTID"
        )


@asynchronous
async def test_a_job_is_done_and_gone() -> None:
    """The handler gets what was enqueued, with its key and the number of its start; then nothing is left of it."""
    done = Done()
    async with a_queue() as queue:
        assert await queue.enqueue({"page": 1, "name": "où"}, key="page 1")
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
        (job,) = done.jobs
        assert (job.body, job.key, job.start) == ({"page": 1, "name": "où"}, "page 1", 1)
        assert await queue.dead_letters() == []
        assert await queue.redis.exists(*queue.keys[1:]) == 0, "nothing is kept of what is done"


@asynchronous
async def test_a_known_key_adds_nothing() -> None:
    """To enqueue again is harmless, while the job waits and after it was done, and says that it was known."""
    done = Done()
    async with a_queue() as queue:
        assert await queue.enqueue(1, key="one")
        assert not await queue.enqueue(1, key="one")
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
        assert not await queue.enqueue(1, key="one")
        assert await queue.size() == 0
    assert done.bodies == [1]


@asynchronous
async def test_jobs_without_a_key_are_all_new() -> None:
    """Two calls with the same body are two jobs."""
    async with a_queue() as queue:
        assert [await queue.enqueue("same"), await queue.enqueue("same")] == [True, True]
        assert await queue.size() == 2


@asynchronous
async def test_a_worker_has_as_many_jobs_in_hand_as_it_is_told() -> None:
    """Never more run at once, and with enough of them never fewer."""
    busy, most, gate = 0, 0, asyncio.Event()

    async def handler(job: Job) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        if busy == 3:
            gate.set()
        await gate.wait()
        busy -= 1

    async with a_queue() as queue:
        for number in range(9):
            await queue.enqueue(number)
        async with Running(queue, handler, at_once=3):
            await until(lambda: is_empty(queue))
    assert most == 3


@asynchronous
async def test_what_fails_is_tried_again() -> None:
    """A handler that raises once gets the job again, and is told which start it is."""
    starts: list[int] = []

    async def handler(job: Job) -> None:
        starts.append(job.start)
        if job.start == 1:
            raise OSError("not now")

    async with a_queue() as queue:
        await queue.enqueue(1)
        async with Running(queue, handler):
            await until(lambda: len(starts) == 1)
        async with Running(queue, handler):
            await until(lambda: is_empty(queue))
        assert await queue.dead_letters() == []
    assert starts == [1, 2]


@asynchronous
async def test_what_failed_is_tried_again_soon_after_its_pause() -> None:
    """The worker that it failed in looks for it then, and does not wait until it would look at others' leases."""
    starts: list[int] = []

    async def handler(job: Job) -> None:
        starts.append(job.start)
        if job.start < 3:
            raise OSError("not now")

    async with a_queue(pause=0.1) as queue:  # others' leases are looked at after 150 s
        await queue.enqueue(1)
        async with Running(queue, handler):
            await until(lambda: is_empty(queue))
    assert starts == [1, 2, 3]


@asynchronous
async def test_what_keeps_failing_is_a_dead_letter_with_its_reason() -> None:
    """After so many starts a job is given up; key, body, starts and the last error are kept."""
    async with a_queue(starts=2, lease=0.2) as queue:
        await queue.enqueue("bad", key="k")
        async with Running(queue, Done("bad")):
            await until(lambda: is_empty(queue))
        (letter,) = await queue.dead_letters()
        assert (letter.key, letter.body, letter.starts) == ("k", "bad", 2)
        assert letter.reason == "ValueError: cannot do bad"


@asynchronous
async def test_a_dead_letter_can_be_enqueued_again_once() -> None:
    """Reviving puts the job back and takes the letter away; a second time there is nothing to revive."""
    done = Done()
    async with a_queue(starts=1) as queue:
        await queue.enqueue("bad", key="k")
        async with Running(queue, Done("bad")):
            await until(lambda: is_empty(queue))
        (letter,) = await queue.dead_letters()
        assert await queue.revive(letter)
        assert not await queue.revive(letter)
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
        assert await queue.dead_letters() == []
    assert [(job.key, job.start) for job in done.jobs] == [("k", 1)]


@asynchronous
async def test_a_revival_whose_reply_was_lost_is_answered_as_what_it_was() -> None:
    """The request is asked again, finds the letter gone by its own doing, and says so: one job, and True."""

    class RepliesLost(JobQueue):
        lost = 0

        def script(self, text: str) -> Any:
            run = super().script(text)

            async def asked(**options: Any) -> Any:
                answer = await run(**options)
                if text is REVIVE and not self.lost:
                    self.lost += 1
                    raise RedisConnectionError("the reply was lost")
                return answer

            return asked

    async with RepliesLost(redis(), f"test {next(NAMES)}", starts=1, pause=0.0, lease=LONG) as queue:
        await queue.enqueue("bad", key="k")
        async with Running(queue, Done("bad")):
            await until(lambda: is_empty(queue))
        (letter,) = await queue.dead_letters()
        assert await queue.revive(letter)
        assert queue.lost == 1
        assert not await queue.revive(letter)
        assert await queue.size() == 1


@asynchronous
async def test_the_jobs_of_a_dead_worker_are_taken_over() -> None:
    """What a worker had taken when it died is done by another one when its leases are over."""
    done = Done()
    async with a_queue() as queue:
        for number in range(5):
            await queue.enqueue(number)
        await taken_by_the_dead(queue, 5)
        async with Running(queue, done, at_once=2):
            await until(lambda: is_empty(queue))
    assert sorted(done.bodies) == [0, 1, 2, 3, 4]


@asynchronous
async def test_what_was_taken_and_not_begun_is_not_held_against_a_job() -> None:
    """Four workers die with a job that they had not begun: its next start is its first."""
    done = Done()
    async with a_queue(starts=1) as queue:
        await queue.enqueue("healthy")
        ids = await taken_by_the_dead(queue, 1)
        for name in ("second", "third", "fourth"):
            await over(queue, ids, name)
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
        assert await queue.dead_letters() == []
    assert [job.start for job in done.jobs] == [1]


@asynchronous
async def test_a_job_that_kills_its_workers_is_given_up() -> None:
    """Begun as often as it may be and never ended, it is a dead letter, which says what happened."""
    async with a_queue(starts=2) as queue:
        await queue.enqueue("poison")
        for _ in range(2):
            killed = Worker(queue, forever)
            running = asyncio.create_task(killed.run())
            await until(lambda worker=killed: bool(worker._in_hand))
            await kill(killed, running)
        async with Running(queue, Done()):
            await until(lambda: is_empty(queue))
        (letter,) = await queue.dead_letters()
    assert (letter.body, letter.starts) == ("poison", 2)
    assert "died" in letter.reason


async def kill(worker: Worker, running: asyncio.Task[None]) -> None:
    """Let a worker die, a lease ago: it says no more to Redis."""
    worker._leave = nothing  # type: ignore[method-assign]
    running.cancel()
    await asyncio.wait([running])
    queue = worker._queue
    pending: Any = await queue.redis.xpending_range(queue.stream, GROUP, "-", "+", 100, worker.name)
    await over(queue, [entry["message_id"] for entry in pending], worker.name)


@asynchronous
async def test_a_job_is_not_given_up_for_a_neighbour_that_kills_its_workers() -> None:
    """Begun beside it once, and dead with it, a job is begun alone from then on: only the poison is given up."""
    done: list[str] = []
    async with a_queue(starts=3) as queue:
        for body in ("poison", "healthy", "healthy too"):
            await queue.enqueue(body)
        while await queue.size():
            dead = asyncio.Event()

            async def handler(job: Job, dead: asyncio.Event = dead) -> None:
                if job.body == "poison":
                    dead.set()
                if dead.is_set():
                    await forever(job)
                done.append(job.body)

            async def over_or_dead(dead: asyncio.Event = dead) -> bool:
                return dead.is_set() or await is_empty(queue)

            worker = Worker(queue, handler, at_once=3)
            running = asyncio.create_task(worker.run())
            await until(over_or_dead)
            await kill(worker, running)
        letters = await queue.dead_letters()
    assert [(letter.body, letter.starts) for letter in letters] == [("poison", 3)]
    assert sorted(done) == ["healthy", "healthy too"]


@pytest.mark.parametrize("failed", [0, 1])
@asynchronous
async def test_a_death_in_company_is_not_the_last_word_on_a_job(failed: int) -> None:
    """At its last start a job has died beside a poison: it is begun once more, alone, and done."""
    done = Done()

    async def poison(job: Job) -> None:
        if job.start <= failed:
            raise OSError("not now")
        await forever(job)

    async with a_queue(starts=failed + 1) as queue:
        for body in ("healthy", "healthy too"):
            await queue.enqueue(body)
        worker = Worker(queue, poison, at_once=2)
        running = asyncio.create_task(worker.run())
        await until(lambda: starts_are(queue, failed + 1, 2))
        await kill(worker, running)
        async with Running(queue, done, at_once=2):
            await until(lambda: is_empty(queue))
        assert await queue.dead_letters() == []
    assert sorted(done.bodies) == ["healthy", "healthy too"]


async def starts_are(queue: JobQueue, count: int, jobs: int) -> bool:
    starts: Any = await queue.redis.hvals(queue.keys[1])
    return [int(each.split()[0]) for each in starts if not each.endswith(" ")] == [count] * jobs


@asynchronous
async def test_who_has_one_job_in_hand_begins_each_alone() -> None:
    """It has no neighbour: who dies with its worker there has had its start, and `starts` of them are enough."""
    async with a_queue(starts=1) as queue:
        await queue.enqueue("poison")
        await died_in_company(queue, 1)
        async with Running(queue, Done(), at_once=3):
            await until(lambda: is_empty(queue))
        (letter,) = await queue.dead_letters()
    assert letter.starts == 1


async def died_in_company(queue: JobQueue, count: int) -> None:
    """Let a worker die that had begun so many jobs at once."""
    worker = Worker(queue, forever, at_once=count)
    running = asyncio.create_task(worker.run())
    await until(lambda: len(worker._in_hand) == count)
    await kill(worker, running)


@asynchronous
async def test_what_died_with_its_worker_is_begun_alone() -> None:
    """While such a job is in hand nothing else is, however many hands are free; then the others go together again."""
    beside: dict[str, int] = {}
    running, gate = 0, asyncio.Event()

    async def handler(job: Job) -> None:
        nonlocal running
        running += 1
        if job.start == 1 and running == 2:
            gate.set()
        if job.start == 1:
            await gate.wait()
        else:
            await asyncio.sleep(0.02)
        beside[job.body] = max(beside.get(job.body, 0), running)
        running -= 1

    async with a_queue() as queue:
        for number in range(3):
            await queue.enqueue(f"suspect {number}")
        await died_in_company(queue, 3)
        for number in range(2):
            await queue.enqueue(f"new {number}")
        async with Running(queue, handler, at_once=3):
            await until(lambda: is_empty(queue))
    assert [beside[f"suspect {number}"] for number in range(3)] == [1, 1, 1]
    assert max(beside["new 0"], beside["new 1"]) == 2


@asynchronous
async def test_what_raised_is_tried_again_in_company() -> None:
    """Its last start has ended: it need not be alone."""
    together = asyncio.Event()
    retried = 0

    async def handler(job: Job) -> None:
        nonlocal retried
        if job.start == 1:
            raise OSError("not now")
        retried += 1
        if retried == 2:
            together.set()
        await together.wait()

    async with a_queue() as queue:
        for number in range(2):
            await queue.enqueue(number)
        async with Running(queue, handler, at_once=2):
            await until(lambda: is_empty(queue))
    assert together.is_set()


@asynchronous
async def test_what_waits_to_be_begun_alone_keeps_its_lease() -> None:
    """It is renewed with what is in hand; where another worker has it nevertheless, it is dropped."""
    gate = asyncio.Event()
    begun: list[int] = []

    async def handler(job: Job) -> None:
        begun.append(job.body)
        await gate.wait()

    async with a_queue(lease=0.6) as queue:
        for number in range(3):
            await queue.enqueue(number)
        await died_in_company(queue, 3)
        async with Running(queue, handler, at_once=3) as worker:
            await until(lambda: bool(begun) and len(worker._suspects) == 2)
            first, second = worker._suspects
            await over(queue, [first], worker.name)
            await until(lambda: is_renewed(queue, first))
            while second in worker._suspects:
                await queue.redis.execute_command("XCLAIM", queue.stream, GROUP, "another", 0, second, "JUSTID")
                await asyncio.sleep(0.02)
            await queue.redis.xack(queue.stream, GROUP, second)
            await queue.redis.xdel(queue.stream, second)
            gate.set()
            await until(lambda: is_empty(queue))
    assert begun == [0, 1]


async def is_renewed(queue: JobQueue, entry: str) -> bool:
    pending: Any = await queue.redis.xpending_range(queue.stream, GROUP, entry, entry, 1)
    return bool(pending[0]["time_since_delivered"] < LONG * 1000)


@asynchronous
async def test_a_stopped_worker_gives_back_what_waits_to_be_begun_alone() -> None:
    """As it was, and what it has begun alone: the next worker has it at once, alone, and as its second start."""
    starts: list[tuple[int, int]] = []
    running = 0

    async def handler(job: Job) -> None:
        nonlocal running
        running += 1
        await asyncio.sleep(0.01)
        starts.append((job.start, running))
        running -= 1

    async with a_queue(starts=1) as queue:
        for number in range(3):
            await queue.enqueue(number)
        await died_in_company(queue, 3)
        async with Running(queue, forever, at_once=3, grace=0) as worker:
            await until(lambda: bool(worker._in_hand) and len(worker._suspects) == 2)
        async with Running(queue, handler, at_once=3):
            await until(lambda: is_empty(queue))
        assert await queue.dead_letters() == []
    assert starts == [(2, 1)] * 3


async def forever(job: Job) -> None:
    await asyncio.Event().wait()


async def nothing(*_: object) -> None:
    pass


@asynchronous
async def test_who_has_lost_a_job_says_no_more_about_it() -> None:
    """A late acknowledgement, or failure, of a job that another worker has changes nothing."""
    gate = asyncio.Event()

    async def slow(job: Job) -> None:
        await gate.wait()
        if job.body == "fails":
            raise ValueError

    async with a_queue(starts=1) as queue:
        for body in ("succeeds", "fails"):
            await queue.enqueue(body)
        async with Running(queue, slow, at_once=2) as worker:
            await until(lambda: len(worker._in_hand) == 2)
            await over(queue, [*worker._in_hand], "another")
            gate.set()
            await until(lambda: not worker._in_hand)
            assert await queue.size() == 2
            assert await queue.dead_letters() == []
            pending: Any = await queue.redis.xpending_range(queue.stream, GROUP, "-", "+", 10)
            assert {entry["consumer"] for entry in pending} == {"another"}


@asynchronous
async def test_a_worker_that_lost_a_job_cancels_its_handler() -> None:
    """When it renews its leases it learns that another one has the job, and stops its own work on it."""
    ended: list[str] = []

    async def handler(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(job.body)
            raise

    async with a_queue(lease=0.3) as queue:
        await queue.enqueue("one")
        async with Running(queue, handler) as worker:
            await until(lambda: bool(worker._in_hand))
            while not ended:  # the worker may take it back, when this one's lease is over
                await queue.redis.execute_command(
                    "XCLAIM", queue.stream, GROUP, "another", 0, *(worker._in_hand or ["0-1"]), "JUSTID"
                )
                await asyncio.sleep(0.02)
            await queue.redis.delete(queue.stream)
    assert ended[0] == "one"


class Gate(Worker):
    """A worker whose acknowledgements are counted, and the first of them held until it may go."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.requests: list[tuple[str, ...]] = []
        self.may_go = asyncio.Event()

    async def _run(self, script: str, *words: Any) -> Any:
        if script is DONE:
            self.requests.append(words)
            await self.may_go.wait()
        return await super()._run(script, *words)


@asynchronous
async def test_what_ends_while_an_acknowledgement_is_under_way_goes_together_with_the_next() -> None:
    """Fifty jobs that end together are two requests: the first one's, and that of all others."""
    async with a_queue() as queue:
        for number in range(50):
            await queue.enqueue(number)
        worker = Gate(queue, nothing, at_once=50)
        running = asyncio.create_task(worker.run())
        await until(lambda: len(worker._done) == 49)
        worker.may_go.set()
        await until(lambda: is_empty(queue))
        worker.stop()
        await running
    assert [len(words) for words in worker.requests] == [1, 49]


@asynchronous
async def test_who_loses_a_job_while_it_acknowledges_leaves_no_other_unacknowledged() -> None:
    """A handler that is cancelled during the request of several jobs passes it on to the others."""
    async with a_queue() as queue:
        for number in range(3):
            await queue.enqueue(number)
        worker = Gate(queue, nothing, at_once=3)
        running = asyncio.create_task(worker.run())
        await until(lambda: len(worker._done) == 2)
        asking = next(task for entry, task in worker._in_hand.items() if entry == worker.requests[0][0])
        asking.cancel()
        worker.may_go.set()
        await until(lambda: is_empty(queue))
        worker.stop()
        await running
        assert await queue.dead_letters() == []


@asynchronous
async def test_a_lease_is_renewed_while_the_handler_runs() -> None:
    """What takes far longer than a lease is done once."""
    done: list[int] = []

    async def slow(job: Job) -> None:
        done.append(job.start)
        await asyncio.sleep(2.0)

    async with a_queue(lease=1.0) as queue:
        await queue.enqueue(1)
        async with Running(queue, slow, at_once=2), Running(queue, slow, at_once=2):
            await until(lambda: is_empty(queue))
    assert len(done) <= 2  # on a machine that stands still for a second, another worker may have begun it, too
    assert done[0] == 1


@asynchronous
async def test_a_stopped_worker_ends_what_it_has_in_hand() -> None:
    """It takes no more, lets the handler end, and returns; the rest waits for others."""
    begun, gate = asyncio.Event(), asyncio.Event()
    done: list[int] = []

    async def handler(job: Job) -> None:
        begun.set()
        await gate.wait()
        done.append(job.body)

    async with a_queue() as queue:
        for number in range(3):
            await queue.enqueue(number)
        worker = Worker(queue, handler)
        running = asyncio.create_task(worker.run(grace=60))
        await begun.wait()
        worker.stop()
        await asyncio.sleep(0)
        assert not running.done()
        gate.set()
        await running
        assert done == [0]
        assert await queue.size() == 2


@asynchronous
async def test_what_does_not_end_in_time_is_given_back_at_once_and_uncounted() -> None:
    """After the grace the handler is cancelled; another worker gets the job without waiting, as its first start."""
    cleaned = []

    async def handler(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(job.body)

    done = Done()
    async with a_queue(starts=1) as queue:
        await queue.enqueue("long")
        worker = Worker(queue, handler)
        running = asyncio.create_task(worker.run(grace=0))
        await until(lambda: bool(worker._in_hand))
        worker.stop()
        await running
        assert cleaned == ["long"]
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
    assert [job.start for job in done.jobs] == [1]


class AnswersLost(Worker):
    """A worker that is told nothing of what it has begun."""

    asked = False

    async def _run(self, script: str, *words: Any) -> Any:
        answer = await super()._run(script, *words)
        if script is START:
            self.asked = True
            await asyncio.Event().wait()
        return answer


@asynchronous
async def test_a_worker_that_is_stopped_while_it_begins_a_job_gives_it_back_uncounted() -> None:
    """Redis has counted a start, and the handler was never called: it does not count, but earlier ones still do."""
    done = Done("twice")
    async with a_queue(starts=2) as queue:
        await queue.enqueue("twice")
        async with Running(queue, done):
            await until(lambda: bool(done.jobs))
        worker = AnswersLost(queue, done)
        running = asyncio.create_task(worker.run(grace=0))
        await until(lambda: worker.asked)
        worker.stop()
        await running
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
    assert [job.start for job in done.jobs] == [1, 2]


@asynchronous
async def test_a_cancelled_worker_gives_back_and_is_cancelled() -> None:
    """The cancellation goes to the handlers, their jobs are due again, and it is passed on."""
    done = Done()
    async with a_queue(starts=1) as queue:
        await queue.enqueue("long")
        worker = Worker(queue, forever)
        running = asyncio.create_task(worker.run())
        await until(lambda: bool(worker._in_hand))
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
    assert [job.start for job in done.jobs] == [1]


@asynchronous
async def test_workers_that_ended_leave_no_name() -> None:
    """The group knows who is there: a stopped worker's name goes with it."""
    async with a_queue() as queue:
        await queue.enqueue(1)
        async with Running(queue, Done()):
            await until(lambda: is_empty(queue))
        names = [consumer["name"] for consumer in await queue.redis.xinfo_consumers(queue.stream, GROUP)]
    assert set(names) <= {"returned"}


@asynchronous
async def test_a_full_queue_makes_the_producer_wait() -> None:
    """At its backlog `enqueue` waits until a job is done; a limit around it ends the wait, and adds nothing."""
    async with a_queue(backlog=2) as queue:
        for number in range(2):
            await queue.enqueue(number)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await queue.enqueue("too many", key="k")
        assert await queue.size() == 2
        waiting = asyncio.create_task(queue.enqueue("third", key="k"))
        async with Running(queue, Done()):
            assert await waiting
            await until(lambda: is_empty(queue))


@pytest.mark.parametrize("way", ["enqueue", "size", "dead letters", "revive", "by the client"])
@pytest.mark.parametrize("fails", [False, True], ids=["answered", "away"])
@asynchronous
async def test_who_is_cancelled_as_a_request_is_sent_is_cancelled(way, fails, monkeypatch) -> None:
    """A cancellation that comes in the very step in which `wait_for` ends, by which redis-py sends, is passed on."""
    send: Any = AbstractConnection._send_packed_command

    async def cancelled_meanwhile(connection: Any, command: Any) -> None:
        await send(connection, command)
        asking.cancel()  # on Python 3.11 `wait_for` swallows that
        if fails:
            raise OSError("away")

    async with a_queue() as queue:
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "enqueue": lambda: queue.enqueue("job"),
            "size": queue.size,
            "dead letters": queue.dead_letters,
            "revive": lambda: queue.revive(DeadLetter("1-0", "key", None, 1, "")),
            "by the client": queue.redis.ping,
        }
        await queue.size()  # connected
        monkeypatch.setattr(AbstractConnection, "_send_packed_command", cancelled_meanwhile)

        async def ask() -> None:
            await ways[way]()

        asking = asyncio.create_task(ask())
        done, _ = await asyncio.wait([asking], timeout=60)
        monkeypatch.undo()
        asking.cancel()
        assert done
        assert asking.cancelled()


@asynchronous
async def test_an_entry_that_vanished_is_told() -> None:
    """Deleted while it was pending, its work is gone: a dead letter says so."""
    async with a_queue() as queue:
        await queue.enqueue("gone")
        ids = await taken_by_the_dead(queue, 1)
        await queue.redis.xdel(queue.stream, *ids)
        async with Running(queue, Done()):
            await until(lambda: has_letters(queue))
        (letter,) = await queue.dead_letters()
    assert "deleted" in letter.reason


async def has_letters(queue: JobQueue) -> bool:
    return bool(await queue.dead_letters())


@asynchronous
async def test_an_entry_of_another_hand_is_set_aside() -> None:
    """What `enqueue` did not make does not stop the worker, and is no job."""
    done = Done()
    async with a_queue() as queue:
        await queue.redis.xadd(queue.stream, {"what": "ever"})
        await queue.redis.xadd(queue.stream, {"key": "k", "body": "{no json"})
        await queue.enqueue("ours")
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
        reasons = await reasons_of(queue)
    assert done.bodies == ["ours"]
    assert len(reasons) == 2
    assert all("not made by enqueue" in reason for reason in reasons)


async def reasons_of(queue: JobQueue) -> list[str]:
    return [fields["reason"] for _, fields in await queue.redis.xrange(queue.keys[3])]  # type: ignore[union-attr]


@asynchronous
async def test_jobs_enqueued_before_the_first_worker_are_done() -> None:
    """The group begins at the beginning, not at the moment it is made."""
    done = Done()
    async with a_queue() as queue:
        await queue.enqueue("early")
        async with Running(queue, done):
            await until(lambda: is_empty(queue))
    assert done.bodies == ["early"]


@asynchronous
async def test_redis_may_be_killed_and_come_back() -> None:
    """Producer and worker wait for it; with its data, nothing is lost."""
    done = Done()
    with private_redis(persistent=True) as server:
        async with a_queue(url=server.url, lease=0.5) as queue:
            async with Running(queue, done, at_once=2):
                for number in range(20):
                    await queue.enqueue(number, key=str(number))
                await asyncio.to_thread(server.kill)
                waiting = asyncio.create_task(queue.enqueue("last", key="last"))
                await asyncio.sleep(0.1)
                assert not waiting.done()
                await asyncio.to_thread(server.start)
                assert await waiting
                await until(lambda: is_empty(queue))
            assert await queue.dead_letters() == []
    assert set(done.bodies) == {*range(20), "last"}


@asynchronous
async def test_a_redis_that_comes_back_empty_is_begun_anew() -> None:
    """Without its group the worker makes it again, and goes on."""
    done = Done()
    with private_redis() as server:
        async with a_queue(url=server.url, lease=0.5) as queue, Running(queue, done):
            await queue.enqueue("before")
            await until(lambda: done.bodies == ["before"])
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await queue.enqueue("after")
            await until(lambda: "after" in done.bodies)
            await until(lambda: is_empty(queue))


@asynchronous
async def test_a_worker_says_what_redis_has_against_it() -> None:
    """A wrong password is no absence that one waits out: it is raised."""
    with private_redis() as server:
        wrong = server.url.replace("redis://:", "redis://:not")
        async with JobQueue(wrong, "q") as queue:
            with pytest.raises(Exception, match=r"(?i)password|auth"):
                await Worker(queue, Done()).run()


@asynchronous
async def test_a_worker_runs_once() -> None:
    """Its name is gone after its run: another one is another worker."""
    async with a_queue() as queue:
        worker = Worker(queue, Done())
        worker.stop()
        await worker.run()
        with pytest.raises(RuntimeError, match="make a new one"):
            await worker.run()


@pytest.mark.parametrize(
    ("wrong", "error", "hint"),
    [
        ({"name": ""}, ValueError, "names the queue"),
        ({"lease": 0}, ValueError, "renews it three times"),
        ({"starts": 0}, ValueError, "gives a job up"),
        ({"pause": 60}, ValueError, "longer than lease"),
        ({"backlog": 0}, ValueError, "how many jobs may wait"),
        ({"remember": 0}, ValueError, "outlive"),
    ],
)
def test_settings_without_sense_are_refused(wrong: dict[str, Any], error: type[Exception], hint: str) -> None:
    """The message names the setting and says what to pass."""
    with pytest.raises(error, match=hint):
        JobQueue("redis://127.0.0.1:1/0", **{"name": "q", **wrong})


@asynchronous
async def test_what_json_cannot_hold_is_refused_before_it_travels() -> None:
    """A set, NaN, a key that is no text: the message says what may be passed."""
    async with a_queue() as queue:
        with pytest.raises(TypeError, match="pass dicts with text"):
            await queue.enqueue({1, 2})
        with pytest.raises(ValueError, match="finite"):
            await queue.enqueue(float("nan"))
        wrong: Any = 5
        with pytest.raises(TypeError, match="pass a text"):
            await queue.enqueue(1, key=wrong)
        assert await queue.size() == 0
