"""What was measured: of one model, and of several side by side."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from course_lib.comparison.trial import Run
from course_lib.seeing import Timeline

MB = 1_000_000


@dataclass(frozen=True)
class Measurement:
    """What became of one workload by one model.

    workload, model: their names
    workers: how many threads, processes or tasks there were
    by_core: whether there were so many because there are so many cores
    calls: how many calls each run made
    runs: the runs that came to an end
    startup: seconds before the work until the pool was there; threads start with their first call, after it
    warm_up: seconds of a first call by each worker, before the work
    memory: bytes at the peak, above what its process had before: worker processes included
    error: what the first call that failed raised
    output: the beginning of what the code printed
    problem: why there is nothing, or less than was asked for; empty when all went well
    absent: whether that is because this Python, or this workload, does not have the model
    timeline: when each call was under way, of one more run; None unless it was asked for
    """

    workload: str
    model: str
    workers: int
    by_core: bool
    calls: int
    runs: tuple[Run, ...] = ()
    startup: float = 0.0
    warm_up: float = 0.0
    memory: int = 0
    error: str = ""
    output: str = field(default="", repr=False)
    problem: str = ""
    absent: bool = False
    timeline: Timeline | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether every run came to its end and no call failed."""
        return bool(self.runs) and not self.problem and self.errors == 0

    @property
    def seconds(self) -> float:
        """The median of the runs' wall seconds.

        Raises ValueError, saying why, when no run came to an end.
        """
        return median(run.seconds for run in self._runs())

    @property
    def best(self) -> float:
        """The wall seconds of the fastest run: what else the machine does can only make one slower."""
        return min(run.seconds for run in self._runs())

    @property
    def worst(self) -> float:
        """The wall seconds of the slowest run."""
        return max(run.seconds for run in self._runs())

    @property
    def cpu(self) -> float:
        """The median of the runs' processor seconds, those of worker processes included."""
        return median(run.cpu for run in self._runs())

    @property
    def cores(self) -> float:
        """How many cores were kept busy on average: the median of processor seconds a wall second."""
        return median(run.cpu / run.seconds if run.seconds else 0.0 for run in self._runs())

    @property
    def errors(self) -> int:
        """How many calls failed, in the run with the most."""
        return max((run.errors for run in self.runs), default=0)

    def __str__(self) -> str:
        return str(Results([self]))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what a notebook shows at the end of a cell

    def _runs(self) -> tuple[Run, ...]:
        if not self.runs:
            raise ValueError(f"{self.model} has no time: {self.problem}")
        return self.runs


@dataclass(frozen=True)
class Results:
    """Measurements side by side: print them for a table."""

    measurements: Sequence[Measurement]

    def __getitem__(self, model: str) -> Measurement:
        """Return the measurement of a model.

        Raises KeyError, naming those there are, when it was not among them.
        """
        for measurement in self.measurements:
            if measurement.model == model:
                return measurement
        raise KeyError(f"{model!r} was not measured; measured: {', '.join(repr(m.model) for m in self.measurements)}")

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.measurements)

    def speed_up(self, model: str, over: str = "sequential") -> float:
        """Return how many times faster a model was than another, by their medians."""
        return self[over].seconds / self[model].seconds

    @property
    def timelines(self) -> dict[str, Timeline]:
        """The timelines by model, for `course_lib.seeing.compare`."""
        return {measurement.model: measurement.timeline for measurement in self if measurement.timeline}

    def __str__(self) -> str:
        # Measured quantities stand behind a tilde and right-aligned, so that notebooks are compared without them.
        shown = [measurement for measurement in self.measurements if measurement.runs]
        lines = []
        if shown:
            first = shown[0]
            runs = max(len(measurement.runs) for measurement in shown)
            name = max(len(measurement.model) for measurement in shown)
            lines += [
                f"{first.workload}: {counted(first.calls, 'call')}, {counted(runs, 'run')}",
                f"{'':<{name}}{'workers':>10}{'median':>9}{'fastest':>9}{'slowest':>9}"
                f"{'processor':>10}{'memory':>10}{'start':>9}",
                *(_row(measurement, name) for measurement in shown),
            ]
        told = defaultdict[str, list[str]](list)  # often several models have the same to say
        for measurement in self.measurements:
            if measurement.problem:
                verb = "absent" if measurement.absent else "incomplete" if measurement.runs else "no result"
                told[f"{verb}: {measurement.problem}"].append(measurement.model)
            if measurement.error:
                told[raised(measurement)].append(measurement.model)
        lines += [f"{', '.join(models)}: {what}" for what, models in told.items()]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what a notebook shows at the end of a cell


def _row(of: Measurement, name: int) -> str:
    workers = "per core" if of.by_core else f"{of.workers:,}"
    seconds = "".join(f"{_seconds(value):>9}" for value in (of.seconds, of.best, of.worst))
    used = f"{_seconds(of.cpu):>10}{f'~{of.memory / MB:.1f} MB':>10}{_seconds(of.startup):>9}"
    return f"{of.model:<{name}}{workers:>10}{seconds}{used}"


def _seconds(value: float) -> str:
    return f"~{value:.3f} s" if value < 10 else f"~{value:.1f} s"  # no wider than its column, up to an hour


def raised(of: Measurement) -> str:
    """Return "3 of 10 calls raised ValueError: no"."""
    number = f"{of.errors} of {counted(of.calls, 'call')}" if of.errors else "a call"  # none, where no run was finished
    return f"{number} raised {of.error}"


def counted(number: int, what: str) -> str:
    """Return "1 call" or "1,000 calls"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
