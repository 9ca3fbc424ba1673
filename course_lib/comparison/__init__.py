"""Which concurrency model for which work: the same calls by each model, measured (article, deep dive, section 1).

`await compare_models(workload)` makes the calls by each model, in a process of its own with a deadline, and gives
Results: print them. `await measure(workload, model)` does it by one. A workload is `waiting`, `computing`, `mixed`,
`fetching`, or `Workload.of(function, items)`; `advise(results)` says which model to take, and why. The article's class
is a face on these. Its defects, and what is done here instead:

- ten threads against as many coroutines as there are URLs: the same number of workers for each, or the caller's
- a new connection for each synchronous request, kept ones for asyncio: both sides keep theirs
- "threads beat sequential on CPU work" (L1376): the measurement decides
- the start of a pool is part of its time, imports too: start-up and warm-up are told apart from the work
- one run, without a spread: several, with median, fastest and slowest
- all models in one process, so that memory cannot be told apart, on the caller's loop, which they block: a child each
- a function from a notebook fails in a spawned process: cloudpickle carries it
- one call that raises loses the time of all: errors are counted
- time.time(), which jumps when the clock is set: time.perf_counter()
"""

from course_lib.comparison.advice import Advice, advise
from course_lib.comparison.calibrate import calibrate, compute, fib
from course_lib.comparison.comparison import ConcurrencyComparison
from course_lib.comparison.measurement import Measurement, Results
from course_lib.comparison.measuring import compare_models, measure, measure_blocking
from course_lib.comparison.models import MODELS
from course_lib.comparison.trial import Run
from course_lib.comparison.usage import cores
from course_lib.comparison.workload import Workload, computing, fetching, mixed, waiting

__all__ = [
    "MODELS",
    "Advice",
    "ConcurrencyComparison",
    "Measurement",
    "Results",
    "Run",
    "Workload",
    "advise",
    "calibrate",
    "compare_models",
    "compute",
    "computing",
    "cores",
    "fetching",
    "fib",
    "measure",
    "measure_blocking",
    "mixed",
    "waiting",
]
