"""A model at work: how it makes calls, unwatched and watched."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any

from course_lib.comparison import calls
from course_lib.comparison.calls import Call
from course_lib.comparison.pool import Pool
from course_lib.comparison.usage import Usage
from course_lib.comparison.workload import Workload
from course_lib.seeing import Timeline, record


@dataclass(frozen=True)
class Job:
    """What a model shall do: a workload, by so many workers; `start_method` of processes as multiprocessing has it."""

    workload: Workload
    workers: int
    start_method: str | None = None


class Running(ABC):
    """A model that has been started."""

    @abstractmethod
    def run(self, items: Sequence[Any]) -> list[BaseException]:
        """Make the calls, wait for all, and return what was raised.

        Raises BrokenExecutor when a worker died.
        """

    @abstractmethod
    def watch(self, items: Sequence[Any]) -> Timeline | list[Call]:
        """Make the calls and note when each was under way."""

    def usage(self) -> list[Usage]:
        """Return what each worker process has used."""
        return []


class OneByOne(Running):
    """A loop."""

    def __init__(self, job: Job) -> None:
        assert job.workload.function
        self._function = job.workload.function

    def run(self, items: Sequence[Any]) -> list[BaseException]:
        """Make one call after the other."""
        return [error for item in items if (error := calls.guarded(self._function, item))]

    def watch(self, items: Sequence[Any]) -> list[Call]:
        """Do the same, watched."""
        return [calls.watched(self._function, item) for item in items]


class Submitted(Running):
    """Calls submitted to an executor: threads, processes or interpreters."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def run(self, items: Sequence[Any]) -> list[BaseException]:
        """Submit all calls, and wait for all."""
        pool, submit = self._pool, self._pool.executor.submit
        futures = [submit(pool.call, pool.pack(item)) for item in items]
        return _errors([future.exception() or calls.guarded(pool.unpack, future.result()) for future in futures])

    def watch(self, items: Sequence[Any]) -> list[Call]:
        """Do the same, watched."""
        return list(self._pool.executor.map(self._pool.watched_call, map(self._pool.pack, items)))

    def usage(self) -> list[Usage]:
        """Ask each worker process."""
        return self._pool.usage()


class OnALoop(Running):
    """Tasks on an event loop, each making one call after another; `call` is how."""

    def __init__(self, runner: asyncio.Runner, call: Callable[[Any], Coroutine[Any, Any, Any]], workers: int) -> None:
        self._runner, self._call, self._workers = runner, call, workers

    def run(self, items: Sequence[Any]) -> list[BaseException]:
        """Make all calls on the loop."""
        return _errors(self._runner.run(self._all(items)))

    def watch(self, items: Sequence[Any]) -> Timeline | list[Call]:
        """Do the same, recorded."""
        return self._runner.run(self._recorded(items))

    async def _all(self, items: Sequence[Any]) -> list[BaseException | None]:
        rest, errors = iter(items), list[BaseException | None]()

        async def worker() -> None:
            for item in rest:
                try:
                    await self._call(item)
                except Exception as error:  # noqa: BLE001  # whatever it is, it is counted
                    errors.append(error)

        async with asyncio.TaskGroup() as group:
            for number in range(min(self._workers, len(items))):
                group.create_task(worker(), name=f"worker {number + 1}")
        return errors

    async def _recorded(self, items: Sequence[Any]) -> Timeline:
        async with record() as timeline:
            await self._all(items)
        return timeline


class OnALoopWithAPool(OnALoop):
    """Tasks that hand each call to a pool and await it."""

    def __init__(self, runner: asyncio.Runner, workers: int, pool: Pool) -> None:
        self._pool = pool
        super().__init__(runner, self._hand_over, workers)

    def watch(self, items: Sequence[Any]) -> list[Call]:
        """Watch the pool's workers: the tasks only wait for them."""
        return list(self._pool.executor.map(self._pool.watched_call, map(self._pool.pack, items)))

    def usage(self) -> list[Usage]:
        """Ask each worker process."""
        return self._pool.usage()

    async def _hand_over(self, item: Any) -> None:
        pool = self._pool
        pool.unpack(await asyncio.get_running_loop().run_in_executor(pool.executor, pool.call, pool.pack(item)))


async def on_the_loop(function: calls.Function, item: Any) -> None:
    """Call a plain function on the loop, which it blocks meanwhile."""
    function(item)
    await asyncio.sleep(0)  # the other tasks' turn: without it one of them would make all the calls


def _errors(raised: Sequence[BaseException | None]) -> list[BaseException]:
    for error in raised:
        if isinstance(error, BrokenExecutor):
            raise error
    return [error for error in raised if error]
