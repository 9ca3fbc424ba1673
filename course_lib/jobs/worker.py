"""A worker: takes jobs, runs the handler for each, and keeps its leases."""

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from redis.exceptions import ResponseError

from course_lib.jobs import scripts
from course_lib.jobs.job import Job, unpacked
from course_lib.jobs.queue import AWAY, JobQueue, patiently
from course_lib.lifecycle.checks import check_count, check_function, check_number
from course_lib.lifecycle.resources import finish

BLOCK = 1.0  # seconds that Redis keeps a read waiting; less than the queue's patience for an answer
BLOCK_AT_WORK = 0.25  # the same while a job is in hand: it may fail, and be due again before others' leases are
WINDING_UP = 60.0  # seconds for handlers that are cancelled
AGAIN = 1  # what FAIL returns for a job that is due again
FORGOTTEN = 10  # leases after which the name of a consumer that has nothing is removed

Entry = tuple[str, dict[str, str]]  # its id, its fields


class Worker:
    """Runs a handler for each job of a queue.

    Args:
        queue: the queue; it stays open.
        handler: a coroutine function, called with a Job. When it returns, the job is done; when it raises, it is due
            again later, or a dead letter. It may be cancelled: when the worker is stopped, or has lost the job.
        at_once: how many jobs it has in hand at once, from 1. Beside one whose last start never ended there is none.

    Raises TypeError and ValueError for arguments without sense.
    """

    def __init__(self, queue: JobQueue, handler: Callable[[Job], Awaitable[object]], *, at_once: int = 1) -> None:
        check_function("handler", handler, "pass the function itself, Worker(queue, fetch_page)")
        check_count("at_once", at_once, 1, "1 does one job after another")
        self._queue, self._handler, self._at_once = queue, handler, at_once
        # A name of its own: two workers of one name would take each other's jobs for their own.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._suspects: dict[str, dict[str, str]] = {}  # to be begun alone: their last start never ended
        self._lost: set[str] = set()
        self._starting = "none"  # the request that begins jobs, while its answer is not known
        self._done: dict[str, None] = {}  # and not yet acknowledged; in this order
        self._acknowledging = asyncio.Lock()
        self._due = 0.0  # when to look for what may be taken over; by the loop's clock
        self._ran = False
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._refusal: BaseException | None = None

    async def run(self, *, grace: float = 10.0) -> None:
        """Work until `stop` is called or this is cancelled; then take no more, and give back what is left.

        Args:
            grace: seconds that jobs in hand have to end after `stop`; a cancellation gives them none. Then their
                handlers are cancelled and waited for, and the jobs are due again at once, for anybody.

        While Redis is away it waits for it. Raises what Redis has against a request, such as a wrong password;
        RuntimeError the second time.
        """
        check_number("grace", grace, 0, "seconds", "0 cancels at once what is in hand")
        if self._ran:
            raise RuntimeError("this worker has run: make a new one, Worker(queue, handler)")
        self._ran = True
        keeper = asyncio.create_task(self._keep_leases(), name="leases")
        reader = asyncio.create_task(self._read(), name="reader")
        stopping = asyncio.create_task(self._stopping.wait(), name="until stopped")
        cancellation = None
        try:
            await asyncio.wait([keeper, reader, stopping], return_when=asyncio.FIRST_COMPLETED)
            reader.cancel()
            await asyncio.wait([reader, *self._in_hand.values()], timeout=grace)
        except asyncio.CancelledError as error:
            cancellation = error
        try:
            await finish(self._end(keeper, reader, stopping), WINDING_UP, cancellation)
        finally:
            cancellation = None  # its traceback holds this frame
        for task in (reader, keeper):
            if not task.cancelled():
                task.result()
        if self._refusal is not None:
            raise self._refusal

    async def _end(self, keeper: asyncio.Task[None], *others: asyncio.Task[Any]) -> None:
        await _cancelled(*others)
        begun = [*self._in_hand]
        await _cancelled(*self._in_hand.values())  # while their leases are kept
        await _cancelled(keeper)
        await self._leave([entry for entry in begun if entry not in self._lost])

    def stop(self) -> None:
        """Take no more jobs, and let `run` return when those in hand have ended, or their time is over."""
        self._stopping.set()

    async def _read(self) -> None:
        cursor, clock = "0-0", asyncio.get_running_loop().time
        await self._make_group()
        while not self._stopping.is_set():
            while self._suspects:
                await self._fewer_in_hand_than(1)
                if self._suspects:  # not lost meanwhile
                    entry = next(iter(self._suspects))
                    await self._begin([(entry, self._suspects.pop(entry))], alone=True)
                    await self._fewer_in_hand_than(1)
            await self._fewer_in_hand_than(self._at_once)
            free = self._at_once - len(self._in_hand)
            if clock() >= self._due:
                # What others had is looked at often enough that it lies for a lease and a half at most. Set before the
                # look, so that what fails meanwhile can make it earlier.
                self._due = clock() + self._queue.lease / 4
                cursor, entries = await self._take_over(cursor, free)
                if cursor != "0-0":
                    self._due = clock()
            else:
                most = BLOCK_AT_WORK if self._in_hand else BLOCK
                entries = await self._take(free, min(most, self._due - clock()))
            await self._begin(entries, alone=self._at_once == 1)

    async def _fewer_in_hand_than(self, count: int) -> None:
        while len(self._in_hand) >= count:
            self._changed.clear()
            await self._changed.wait()

    async def _take(self, count: int, seconds: float) -> list[Entry]:
        milliseconds = max(1, int(seconds * 1000))
        found = await self._ask(
            lambda: self._queue.redis.xreadgroup(
                scripts.GROUP, self.name, {self._queue.stream: ">"}, count=count, block=milliseconds
            )
        )
        return [entry for _, entries in found for entry in entries]

    async def _take_over(self, cursor: str, count: int) -> tuple[str, list[Entry]]:
        idle = int(self._queue.lease * 1000)
        following, entries, *gone = await self._ask(
            lambda: self._queue.redis.xautoclaim(
                self._queue.stream, scripts.GROUP, self.name, idle, start_id=cursor, count=count
            )
        )
        # Redis 6.2 hands out what was deleted as entries without fields, later ones name it apart.
        missing = [entry for entry, fields in entries if not fields] + [entry for each in gone for entry in each]
        if missing or following == "0-0":
            await self._run(scripts.TIDY, FORGOTTEN * idle, *missing)
        # Our own, too, if renewing them came late: they are in hand.
        return following, [(entry, fields) for entry, fields in entries if fields and entry not in self._in_hand]

    async def _begin(self, entries: list[Entry], *, alone: bool) -> None:
        if not entries:
            return
        self._starting = scripts.ALONE * alone + uuid.uuid4().hex
        words = [self._queue.starts, self._starting, *(entry for entry, _ in entries)]
        for (entry, fields), start in zip(entries, await self._run(scripts.START, *words), strict=True):
            if start < 0:
                self._suspects[entry] = fields
            elif start:
                task = asyncio.create_task(self._handle(entry, fields, start), name=f"job {fields.get('key', entry)}")
                self._in_hand[entry] = task
                task.add_done_callback(partial(self._let_go, entry))
        self._starting = "none"

    async def _handle(self, entry: str, fields: dict[str, str], start: int) -> None:
        try:
            job = Job(entry, fields["key"], unpacked(fields["body"]), start)
        except (KeyError, ValueError) as error:
            await self._fail(entry, ValueError(f"this entry was not made by enqueue: {error!r}"), starts=0)
            return
        try:
            await self._handler(job)
        except asyncio.CancelledError as error:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # by `run`, which gives the job back
                raise
            await self._fail(entry, error)
        except Exception as error:  # noqa: BLE001  # it stands in the dead letter, and the worker goes on
            await self._fail(entry, error)
        else:
            await self._acknowledge(entry)

    async def _acknowledge(self, entry: str) -> None:
        """Say that a job is done; what ends while one such request is under way goes together with the next."""
        self._done[entry] = None
        async with self._acknowledging:
            if entry not in self._done:  # it went with another one's, which has been answered
                return
            entries, self._done = self._done, {}
            try:
                await self._run(scripts.DONE, *entries)
            except BaseException:
                self._done |= entries  # whoever waits for the lock asks again
                raise

    def _let_go(self, entry: str, task: asyncio.Task[None]) -> None:
        del self._in_hand[entry]
        self._changed.set()
        if not task.cancelled() and (error := task.exception()):
            self._refusal = error  # of Redis: what a handler raises is told
            self._stopping.set()

    async def _fail(self, entry: str, error: BaseException, *, starts: int | None = None) -> None:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        idle = int((self._queue.lease - self._queue.pause) * 1000)
        most = self._queue.starts if starts is None else starts
        if await self._run(scripts.FAIL, entry, reason, most, idle) == AGAIN:
            # Later by a little: Redis' clock counts milliseconds.
            self._due = min(self._due, asyncio.get_running_loop().time() + self._queue.pause + 0.01)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._queue.lease / 3)
            self._lost &= self._in_hand.keys()
            if entries := [*self._in_hand, *self._suspects]:
                for entry in await self._run(scripts.RENEW, *entries):
                    self._suspects.pop(entry, None)
                    if task := self._in_hand.get(entry):
                        self._lost.add(entry)
                        task.cancel("the lease of this job is over, and another worker has it")

    async def _leave(self, begun: list[str]) -> None:
        run = self._queue.script(scripts.LEAVE)
        words: list[Any] = [self.name, int(self._queue.lease * 1000), self._starting, *begun]
        try:
            await run(keys=self._queue.keys, args=words)
        except (*AWAY, ResponseError):
            pass  # then they are due when their leases are over

    async def _run(self, script: str, *words: Any) -> Any:
        run = self._queue.script(script)
        arguments: list[Any] = [self.name, *words]
        return await self._ask(lambda: run(keys=self._queue.keys, args=arguments))

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask Redis, patiently; where it has come back without the group, as one without a file does, make it again."""
        while True:
            try:
                return await patiently(ask)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self._make_group()

    async def _make_group(self) -> None:
        # From the beginning: one made with "$" would miss what came before it.
        make = self._queue.redis.xgroup_create
        try:
            await patiently(lambda: make(self._queue.stream, scripts.GROUP, id="0", mkstream=True))
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
