"""A trial: one model, one workload, measured; what happens in the child process."""

import gc
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time
from typing import Any

from course_lib.comparison import calls
from course_lib.comparison.launch import Send
from course_lib.comparison.models import MODELS
from course_lib.comparison.running import Job, Running
from course_lib.comparison.usage import PeakMemory, Usage, waits_so_far


@dataclass(frozen=True)
class Plan:
    """What to do in a trial: how often to repeat it, whether to warm up before and to watch one run afterwards.

    by_core: whether the number of workers is that of the cores, and nobody's choice
    """

    model: str
    job: Job
    by_core: bool
    repeats: int
    warm_up: bool
    watch: bool


@dataclass(frozen=True, slots=True)
class Run:
    """All calls of a workload, made once.

    seconds: on the wall clock
    cpu: processor seconds, of worker processes too
    errors: how many calls raised
    waits: how often the main process gave up its core because it had to wait; None where that is not told
    """

    seconds: float
    cpu: float
    errors: int
    waits: int | None = None


def carry_out(send: Send, plan: Plan) -> None:
    """Measure, and send what is found as it is found: (what, value) pairs."""
    say = partial(_say, send)
    items = plan.job.workload.items
    memory = PeakMemory()
    say("stage", "starting its workers")
    start = perf_counter()
    with MODELS[plan.model].open(plan.job) as running:
        say("startup", perf_counter() - start)
        if plan.warm_up:
            # A call for each worker: what the first call alone has to do (imports, connections) is not the model's.
            say("stage", "in the warm-up")
            start = perf_counter()
            running.run(items[: plan.job.workers])
            say("warm_up", perf_counter() - start)
        before = running.usage()
        for number in range(1, plan.repeats + 1):
            say("stage", f"in run {number} of {plan.repeats}")
            before = _measure(say, running, items, before)
        say("memory", memory.grown() + sum(usage.memory for usage in before))
        if plan.watch:
            # One more run, because watching costs time, and what is measured shall be unwatched.
            say("stage", "in the run that is watched")
            say("watched", running.watch(items))
        say("stage", "ending its workers")


def _measure(say: Any, running: Running, items: Any, before: list[Usage]) -> list[Usage]:
    gc.collect()  # the rubbish of the run before is not this run's
    waits = waits_so_far()
    cpu, start = process_time(), perf_counter()
    errors = running.run(items)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    waits = None if waits is None else (waits_so_far() or 0) - waits
    after = running.usage()
    cpu += sum(usage.cpu for usage in after) - sum(usage.cpu for usage in before)
    say("run", Run(seconds, cpu, len(errors), waits))
    if errors:
        say("error", calls.described(errors[0]))
    return after


def _say(send: Send, what: str, value: Any) -> None:
    send((what, value))
