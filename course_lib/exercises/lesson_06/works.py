"""Exercise 1, what is to be done: works, and how long each model takes for them."""

from dataclasses import dataclass
from math import ceil

THREADS = 10
START = 0.5  # seconds that a process pool takes to start
WORTH_IT = 1.5


@dataclass(frozen=True)
class Work:
    """Calls to be made: how many, how long each one waits and computes (seconds), and on how many cores.

    coroutines: whether there is a coroutine function for them
    """

    name: str
    calls: int
    waits: float
    computes: float
    coroutines: bool
    cores: int = 4

    def seconds(self, model: str) -> float:
        """Return how long the calls take by a model, by the rules that the task gives."""
        call = self.waits + self.computes
        if model == "threads":
            return max(self.calls * self.computes, ceil(self.calls / THREADS) * call)
        if model == "processes":
            return START + ceil(self.calls / self.cores) * call
        if model == "asyncio" and self.coroutines:
            return self.calls * self.computes + self.waits
        return self.calls * call

    def best(self) -> str:
        """Return the fastest model; the sequential one if that is not worth it."""
        model = min(("threads", "asyncio", "processes"), key=self.seconds)
        return model if self.seconds(model) * WORTH_IT <= self.seconds("sequential") else "sequential"

    def right(self, *, exact: bool = False) -> list[str]:
        """Return the models that are right: several where they differ by no more than the rounding of floats.

        exact: take what is exactly 1.5 times as fast for worth it, and not for a matter of rounding
        """
        sequential = self.seconds("sequential")
        fastest = min(map(self.seconds, ("threads", "asyncio", "processes")))
        gain, tiny = sequential - WORTH_IT * fastest, 1e-9 * sequential
        models = [model for model in ("asyncio", "threads", "processes") if self.seconds(model) <= fastest + tiny]
        if abs(gain) <= tiny:
            return models if exact else [*models, "sequential"]
        return models if gain > 0 else ["sequential"]

    def why_not(self, model: str) -> str:
        """Say why a model is no good choice."""
        waits = self.waits > self.computes
        if self.best() == "sequential":
            return self._why_not_more(model)
        if model == "sequential":
            gain = self.seconds(model) / self.seconds(self.best())
            why = "While one call waits, nothing else happens." if waits else "All cores but one have nothing to do."
            return f"{why} {gain:.3g} times as fast is worth it."
        if model == "threads":
            rest = self.calls % THREADS
            if waits and rest and self.best() == "processes":
                last = "one thread has" if rest == 1 else f"{rest} threads have"
                return (
                    f"{self.calls} calls on {THREADS} threads count {ceil(self.calls / THREADS)} rounds, and the last "
                    f"takes as long as the others, though only {last} a call in it."
                )
            few = f"{THREADS} threads wait for {THREADS} calls at a time, tasks on a loop for all at once."
            return few if waits else "Threads take turns with the GIL: together they compute no faster than one."
        if model == "asyncio":
            blocks = "There is no coroutine function for it, so each call blocks the loop while it waits."
            return blocks if waits else "A loop computes on one core, and nothing else runs on it meanwhile."
        return f"A pool has a process a core: {self.cores} calls wait at a time, for which no core is needed."

    def _why_not_more(self, model: str) -> str:
        if self.calls == 1:
            return "There is a single call: nothing can be done at the same time."
        if model != "processes":
            return "What computes gains nothing from threads or a loop."
        if self.cores == 1:
            return "On one core processes take turns, too."
        return f"Starting the pool takes {START:g} s, all the calls together only {self.seconds('sequential'):g} s."
