"""The article's class: a face on `measure` and `compare_models`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from course_lib.comparison.calibrate import fib
from course_lib.comparison.measurement import Measurement, Results
from course_lib.comparison.measuring import compare_models, measure, measure_blocking
from course_lib.comparison.models import AT_ONCE, MODELS
from course_lib.comparison.workload import Workload, fetching

PROCESSES = 4  # the article's number
ONCE: dict[str, Any] = {"repeats": 1, "warm_up": False, "deadline": 60.0}


class ConcurrencyComparison:
    """The article's methods. Each makes the calls once, in a process of its own, and returns wall seconds.

    These count from the start of the workers to the last result, as in the article: what it costs to do it once. For
    repeats, memory and the rest use `compare`. At most 60 s; the four that measure raise RuntimeError when a call
    raised, or the process came to no end, and TypeError for a function that cannot be sent to a process.
    """

    @staticmethod
    def cpu_bound_task(n: int) -> int:
        """Return the n-th Fibonacci number, the slow way."""
        return fib(n)

    @staticmethod
    def io_bound_task(url: str) -> int:
        """Fetch a URL with requests, and return the bytes of its body."""
        from course_lib.comparison import http  # here, because its libraries take 0.3 s to import

        return http.get(url)

    @staticmethod
    async def async_io_bound_task(session: Any, url: str) -> int:
        """Fetch a URL with an aiohttp session, and return the bytes of its body."""
        from course_lib.comparison import http  # late, as above

        return await http.get_async(session, url)

    @staticmethod
    def test_sequential(task_func: Callable[[Any], Any], args_list: Sequence[Any]) -> float:
        """Make one call after another."""
        return _once(measure_blocking(Workload.of(task_func, args_list), "sequential", **ONCE))

    @staticmethod
    def test_threading(task_func: Callable[[Any], Any], args_list: Sequence[Any], max_workers: int = AT_ONCE) -> float:
        """Make the calls in threads."""
        return _once(measure_blocking(Workload.of(task_func, args_list), "threads", workers=max_workers, **ONCE))

    @staticmethod
    def test_multiprocessing(
        task_func: Callable[[Any], Any], args_list: Sequence[Any], processes: int = PROCESSES
    ) -> float:
        """Make the calls in processes, also those of a function written in a notebook."""
        return _once(measure_blocking(Workload.of(task_func, args_list), "processes", workers=processes, **ONCE))

    @staticmethod
    async def test_asyncio(urls: Sequence[str], at_once: int | None = None) -> float:
        """Fetch the URLs with aiohttp, all at once as in the article, or so many."""
        return _once(await measure(fetching(urls), "asyncio", workers=at_once or max(1, len(urls)), **ONCE))

    @staticmethod
    async def compare(workload: Workload, models: Iterable[str] = tuple(MODELS), **options: Any) -> Results:
        """Measure a workload by several models; see `course_lib.comparison.compare_models`."""
        return await compare_models(workload, models, **options)


def _once(measurement: Measurement) -> float:
    if not measurement.runs:
        raise RuntimeError(f"{measurement.model}: {measurement.problem}")
    if measurement.errors:
        raise RuntimeError(
            f"{measurement.model}: {measurement.errors} of {measurement.calls} calls raised; the first: "
            f"{measurement.error}"
        )
    return measurement.startup + measurement.seconds
