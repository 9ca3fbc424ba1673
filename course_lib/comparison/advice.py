"""From measurements to an answer: which model for this workload, and why."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from course_lib.comparison.measurement import MB, Measurement, Results, counted, raised
from course_lib.comparison.trial import Run
from course_lib.comparison.usage import cores
from course_lib.seeing.timeline.text import WIDTH

# What is decided is decided by large differences, so that a busy machine gives the same answer.
COMPUTES = 0.5  # from this share of computing in the time of a sequential run on, a workload computes
WAITS = 0.15  # and up to this one, it waits
WORTH_IT = 1.5  # times faster than sequential; for less, the simplest program is the best one
AS_FAST = 1.5  # times the fastest one's time, up to which a model is as good as that
ONE_CORE = 1.3  # cores that one with a GIL keeps busy, at the very most
TOO_SHORT = 0.005  # seconds for all calls, one after another, below which nothing is worth the trouble
# Times the computing of a sequential run: with more, it is the carrying to processes that costs too much. Below 2 it
# can be the machine's: where two cores are two threads of one, each is slower while the other works.
CARRYING = 2.5

NOTHING_GAINED = "No model was 1.5 times faster: the simplest program is the best one."


@dataclass(frozen=True)
class Advice:
    """The model to take, empty when none can be told, and the reasons, one sentence each."""

    model: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        reasons = (line for why in self.reasons for line in _lines(why))
        return "\n".join([f"Take {self.model}." if self.model else "No advice.", *reasons])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what a notebook shows at the end of a cell


def advise(results: Results) -> Advice:
    """Say which model to take for the workload that was measured, with the reasons.

    results: of `compare_models`, with "sequential" among them
    The answer counts the fastest run of each model. It comes from these rules: what computes goes to processes, unless
    its code lets go of the GIL (threads), there is one core, or carrying its items there costs more than it brings;
    what waits goes to asyncio, if it has a coroutine function, and to threads if not. Before all: no model is named
    that was less than 1.5 times as fast as the sequential one, on this machine as it is now.
    Raises KeyError when "sequential" was not measured.
    """
    base = results["sequential"]
    bad = defaultdict[str, list[str]](list)
    for measurement in results:
        if not (measurement.ok or measurement.absent):
            bad[_why_out(measurement)].append(measurement.model)
    out = tuple(f"Out: {', '.join(models)}: {why}." for why, models in bad.items())
    if not base.ok:
        return Advice("", (*out, "Without a sequential run there is nothing to compare with: mend that first."))
    good = {measurement.model: measurement for measurement in results if measurement.ok}
    if base.calls < 2:
        return Advice("sequential", (f"There is nothing to overlap: {counted(base.calls, 'call')}.", *out))
    if base.best < TOO_SHORT:
        return Advice("sequential", (f"All calls together took ~{base.best * 1000:.2f} ms: nothing to win.", *out))
    share = max(_computed(run, base.calls) for run in base.runs)
    told = f"One call after another, it computed for ~{share:.0%} of the time"
    if share >= COMPUTES:
        model, reasons = _computing(good, f"{told}: a workload that computes.")
    elif share <= WAITS:
        model, reasons = _waiting(good, f"{told}: a workload that waits.")
    else:
        model, reasons = _mixed(good, f"{told}: it waits and computes.")
    return Advice(model, (*reasons, *out))


def _lines(reason: str) -> Iterator[str]:
    """Break a reason into lines of a page, at the same places whatever was measured: notebooks are compared."""
    words = re.findall(r"~\S+ \S+|\S+", reason)  # a measured number keeps its unit
    line, length, first = list[str](), 0, "- "
    for word in words:
        wide = 1 + len(re.sub(r"~[\d.,]+", "~00.00", word))
        if line and length + wide > WIDTH - len(first):
            yield first + " ".join(line)
            line, length, first = [], 0, "  "
        line.append(word)
        length += wide
    yield first + " ".join(line)


def _computed(run: Run, calls: int) -> float:
    if run.waits is not None and run.waits < calls:
        return 1.0  # it never waited: when it did not compute, others had the core
    return min(1.0, run.cpu / run.seconds)


def _computing(good: dict[str, Measurement], told: str) -> tuple[str, list[str]]:
    base, reasons = good["sequential"], [told]
    threads = good.get("threads")
    if threads and threads.cores > ONE_CORE and _worth_it(threads, base):
        why = f"{threads.workers} threads kept ~{threads.cores:.1f} cores busy, {_times(threads, base)}"
        return "threads", [*reasons, f"It lets go of the GIL, as some C code does: {why}, without carrying anything."]
    if threads:
        reasons.append(f"Threads take turns with the GIL: {threads.workers} kept ~{threads.cores:.1f} cores busy.")
    if "asyncio" in good:
        reasons.append("On an event loop, nothing else runs while it computes.")
    free = good.get("free threads")
    pools = [good[name] for name in ("processes", "asyncio + processes") if name in good]
    if free and _worth_it(free, base):
        return "free threads", [*reasons, f"This Python has no GIL: {_times(free, base)}, without carrying anything."]
    if not pools:
        return "sequential", [*reasons, "Processes were not measured, or failed."]
    if cores() < 2:
        return "sequential", [*reasons, "There is one core, so processes would take turns, too."]
    processes = next((pool for pool in pools if _worth_it(pool, base)), None)
    if processes is None:
        return "sequential", [*reasons, _why_no_processes(pools[0], base)]
    return processes.model, [
        *reasons,
        f"~{processes.workers} processes compute at the same time: {_times(processes, base)}; what else the machine "
        "does takes its part.",
        f"Starting them took ~{processes.startup:.2f} s: start a pool once, and keep it.",
    ]


def _why_no_processes(processes: Measurement, base: Measurement) -> str:
    if processes.cpu > CARRYING * base.cpu:
        return (
            "A call is so short that carrying it to a process costs more than the call: "
            f"~{processes.cpu / base.cpu:.1f} x the computing. Give each call more to do."
        )
    return (
        f"Processes were {_times(processes, base)}, and less than 1.5 is not worth their start: the cores are busy "
        "with other work, or two of them are two threads of one. Measure again when the machine is quiet."
    )


def _waiting(good: dict[str, Measurement], told: str) -> tuple[str, list[str]]:
    base, reasons = good["sequential"], [told]
    fastest = min(good.values(), key=lambda measurement: measurement.best)
    if not _worth_it(fastest, base):
        return "sequential", [*reasons, NOTHING_GAINED]
    loop, threads = good.get("asyncio"), good.get("threads")
    if loop and _good_enough(loop, fastest, base):
        reasons.append(f"asyncio, {loop.workers} at once: {_times(loop, base)}.")
        if threads:
            reasons.append(
                f"Threads: {_times(threads, base)}. Memory: threads ~{threads.memory / MB:.1f} MB, asyncio "
                f"~{loop.memory / MB:.1f} MB; the difference grows with the number of waits."
            )
        return "asyncio", reasons
    if loop and not _worth_it(loop, base):
        reasons.append(f"On the loop it gains nothing ({_times(loop, base)}): a plain function blocks while it waits.")
    if threads and _good_enough(threads, fastest, base):
        reasons.append(f"{threads.workers} threads wait at the same time: {_times(threads, base)}.")
        reasons.append("Inside an asyncio program, use asyncio.to_thread; better, a library with coroutines.")
        return "threads", reasons
    return fastest.model, [*reasons, f"It was the fastest: {_times(fastest, base)}."]


def _mixed(good: dict[str, Measurement], told: str) -> tuple[str, list[str]]:
    base = good["sequential"]
    fastest = min(good.values(), key=lambda measurement: measurement.best)
    if not _worth_it(fastest, base):
        return "sequential", [told, NOTHING_GAINED]
    # The order of MODELS is from simple to involved.
    chosen = next(model for model in good.values() if _good_enough(model, fastest, base))
    advice = "Better still, split it: await what waits, and give what computes to a process pool."
    return chosen.model, [told, f"{chosen.model}: {_times(chosen, base)}.", advice]


def _worth_it(model: Measurement, base: Measurement) -> bool:
    return model.best * WORTH_IT <= base.best


def _good_enough(model: Measurement, fastest: Measurement, base: Measurement) -> bool:
    """Return whether a model is worth it itself, and nearly as fast as the fastest one."""
    return _worth_it(model, base) and model.best <= AS_FAST * fastest.best


def _times(model: Measurement, base: Measurement) -> str:
    return f"~{base.best / model.best:.1f} x as fast as sequential"


def _why_out(measurement: Measurement) -> str:
    if measurement.problem:
        return measurement.problem
    return raised(measurement)
