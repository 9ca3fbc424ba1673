"""Measure a workload by one model or by several, each in a process of its own."""

from collections.abc import Iterable
from multiprocessing import get_all_start_methods
from typing import Any

from course_lib.comparison.launch import End, run, run_async
from course_lib.comparison.measurement import Measurement, Results
from course_lib.comparison.models import MODELS, workers_of
from course_lib.comparison.running import Job
from course_lib.comparison.swimlane import timeline_of
from course_lib.comparison.trial import Plan, Run, carry_out
from course_lib.comparison.workload import Workload
from course_lib.lifecycle.checks import check_count, check_number
from course_lib.seeing import Timeline


async def measure(
    workload: Workload,
    model: str,
    *,
    workers: int | None = None,
    repeats: int = 3,
    warm_up: bool = True,
    watch: bool = False,
    deadline: float = 30.0,
    start_method: str | None = None,
) -> Measurement:
    """Make a workload's calls by one model, in a process of its own, and return what was measured.

    The loop goes on meanwhile. A cancellation ends the process, with all it has started, and goes on. A call that
    raises is counted. A process that is killed, or late, gives a measurement with a `problem`.

    Args:
        workload: what to call, with what.
        model: a name in MODELS.
        workers: how many calls are under way at once; without it 10 that wait, and one a core where they compute.
        repeats: how many runs are measured.
        warm_up: whether each worker makes one call before.
        watch: whether one more run gives a timeline.
        deadline: seconds for everything.
        start_method: of processes, "fork", "forkserver" or "spawn"; without it the one that this Python has by default.

    Raises TypeError when the workload cannot be sent to another process, KeyError for a model there is not, and
    TypeError and ValueError for numbers without sense.
    Source: article, deep dive, section 1.
    """
    check_number("deadline", deadline, 0, "seconds", "30 is the default")
    plan = plan_of(workload, model, workers, repeats, warm_up, watch, start_method)
    if why := MODELS[model].absent(workload):
        return _absent(plan, why)
    end = await run_async(carry_out, (plan,), deadline=deadline, environment=MODELS[model].environment)
    return measurement_of(plan, end)


async def compare_models(workload: Workload, models: Iterable[str] = tuple(MODELS), **options: Any) -> Results:
    """Measure a workload by several models, one after another, so that none disturbs the next.

    models: names in MODELS; without it all. `tqdm(names)` shows a bar
    options: see `measure`
    Raises what `measure` raises, and TypeError when `models` is a single name.
    """
    if isinstance(models, str):
        raise TypeError(f"models is the single str {models!r}: pass a list, [{models!r}], or use measure")
    return Results([await measure(workload, model, **options) for model in models])


def measure_blocking(workload: Workload, model: str, *, deadline: float = 30.0, **options: Any) -> Measurement:
    """Do what `measure` does, in a program without an event loop."""
    check_number("deadline", deadline, 0, "seconds", "30 is the default")
    plan = plan_of(workload, model, **options)
    if why := MODELS[model].absent(workload):
        return _absent(plan, why)
    end = run(carry_out, (plan,), deadline=deadline, environment=MODELS[model].environment)
    return measurement_of(plan, end)


def plan_of(
    workload: Workload,
    model: str,
    workers: int | None = None,
    repeats: int = 3,
    warm_up: bool = True,
    watch: bool = False,
    start_method: str | None = None,
) -> Plan:
    """Check what `measure` was given, and return what its process shall do."""
    if not isinstance(workload, Workload):
        raise TypeError(f"workload={workload!r:.60}: pass a Workload, such as Workload.of(function, items)")
    if model not in MODELS:
        raise KeyError(f"model={model!r}: pass one of {', '.join(repr(name) for name in MODELS)}")
    if workers is not None:
        check_count("workers", workers, 1, "without it 10 wait at once, and one a core computes")
    check_count("repeats", repeats, 1, "3 show the spread")
    methods = get_all_start_methods()
    if start_method is not None and start_method not in methods:
        raise ValueError(
            f"start_method={start_method!r}: this system has {', '.join(map(repr, methods))}; or leave it out"
        )
    job = Job(workload, workers_of(model, workload, workers), start_method)
    return Plan(model, job, workers is None and MODELS[model].by_core, repeats, warm_up, watch)


def measurement_of(plan: Plan, end: End) -> Measurement:
    """Return what a child's messages say."""
    found: dict[str, Any] = {what: value for what, value in end.messages if what not in ("run", "error")}
    runs = tuple(value for what, value in end.messages if what == "run" and isinstance(value, Run))
    errors = [value for what, value in end.messages if what == "error"]
    watched = found.get("watched")
    if isinstance(watched, list):
        watched = timeline_of(watched)
    return Measurement(
        *_names(plan),
        runs=runs,
        startup=found.get("startup", 0.0),
        warm_up=found.get("warm_up", 0.0),
        memory=found.get("memory", 0),
        error=errors[0] if errors else "",
        output=end.output,
        problem=_problem(end, found.get("stage", "starting")),
        timeline=watched if isinstance(watched, Timeline) else None,
    )


def _problem(end: End, stage: str) -> str:
    if not end.said:
        return ""
    if end.error.startswith("BrokenProcessPool"):
        return f"a worker process was killed, or crashed, {stage}"
    return f"{end.error}, {stage}" if end.error else f"{end.said}, {stage}"


def _absent(plan: Plan, why: str) -> Measurement:
    return Measurement(*_names(plan), problem=why, absent=True)


def _names(plan: Plan) -> tuple[str, str, int, bool, int]:
    workload = plan.job.workload
    return workload.name, plan.model, plan.job.workers, plan.by_core, len(workload.items)
