"""The advice: which model, from measurements made up for it."""

import asyncio
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.lib.pretty import pretty

from course_lib.comparison import MODELS, Measurement, Results, Run, Workload, advise, compare_models
from course_lib.comparison import advice as advice_module


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch):
    monkeypatch.setattr(advice_module, "cores", lambda: 2)


def made(model, seconds, cpu=0.0, *, workers=10, memory=0, startup=0.0, errors=0, problem="", absent=False):
    runs = () if problem else (Run(seconds, cpu, errors), Run(seconds * 1.1, cpu, errors))
    error = "OSError: no" if errors else ""
    told = {"startup": startup, "memory": memory, "error": error, "problem": problem, "absent": absent}
    return Measurement("work", model, workers, False, 10, runs, **told)


def advised(*measurements):
    return advise(Results(measurements))


def said(advice):
    return " ".join(str(advice).split())


def test_what_waits_goes_to_asyncio():
    """With a coroutine function that is as fast as threads, asyncio; the memory of both is told."""
    advice = advised(
        made("sequential", 1.0, 0.01, workers=1),
        made("threads", 0.11, 0.02, memory=4_000_000),
        made("asyncio", 0.10, memory=500_000),
    )
    assert advice.model == "asyncio"
    assert "a workload that waits" in advice.reasons[0]
    assert "threads ~4.0 MB, asyncio ~0.5 MB" in said(advice)


def test_a_plain_function_that_waits_goes_to_threads():
    """Where asyncio gains nothing because the function blocks its loop: threads, and what to use inside asyncio."""
    advice = advised(made("sequential", 1.0, workers=1), made("threads", 0.1), made("asyncio", 1.0))
    assert advice.model == "threads"
    assert "blocks while it waits" in said(advice)
    assert "asyncio.to_thread" in said(advice)


def test_what_computes_goes_to_processes():
    """What computes goes to processes, with the reasons: the GIL, and what their start costs."""
    advice = advised(
        made("sequential", 1.0, 0.99, workers=1),
        made("threads", 1.1, 0.99),
        made("processes", 0.5, 1.0, workers=2, startup=0.7),
    )
    assert advice.model == "processes"
    assert "take turns with the GIL: 10 kept ~0.9 cores busy" in said(advice)
    assert "start a pool once" in said(advice)


@pytest.mark.parametrize(("seconds", "cpu"), [(0.8, 1.0), (1.0, 1.0), (0.9, 1.8)])
def test_cores_that_are_busy_or_one_in_truth_are_told(seconds, cpu):
    """Where processes gain too little without carrying being to blame, sequential, and what the machine may be."""
    advice = advised(made("sequential", 1.0, 0.99, workers=1), made("processes", seconds, cpu, workers=2))
    assert advice.model == "sequential"
    assert f"Processes were ~{1 / seconds:.1f} x as fast as sequential" in said(advice)
    assert "two threads of one. Measure again" in said(advice)


SECONDS = st.floats(0.01, 3.0)


@settings(deadline=None)
@given(
    base=st.tuples(SECONDS, st.floats(0.0, 1.0)),
    others=st.dictionaries(st.sampled_from(list(MODELS)[1:]), st.tuples(SECONDS, st.floats(0.0, 2.0))),
)
@example(base=(1.0, 0.3), others={"threads": (0.9, 0.3), "asyncio + processes": (0.62, 0.3)})
@example(base=(1.0, 0.0), others={"threads": (0.62, 0.0), "asyncio": (0.9, 0.0)})
@example(base=(1.0, 1.0), others={"processes": (1.0, 1.0)})
@example(base=(1.0, 1.0), others={"processes": (1.0, 1.0), "asyncio + processes": (0.5, 1.0)})
def test_no_model_is_named_that_gains_less_than_half_again(base, others):
    """Whatever was measured: what is named was itself 1.5 times as fast as sequential, or is sequential."""
    measured = {"sequential": base, **others}
    results = {model: made(model, seconds, seconds * cores) for model, (seconds, cores) in measured.items()}
    named = advised(*(results[model] for model in MODELS if model in results)).model
    assert named == "sequential" or results[named].best * 1.5 <= results["sequential"].best


def test_code_that_lets_go_of_the_gil_goes_to_threads():
    """Where threads kept several cores busy and were faster, they are the answer, and the reason is told."""
    advice = advised(
        made("sequential", 1.0, 0.99, workers=1), made("threads", 0.5, 1.0), made("processes", 0.5, 1.0, workers=2)
    )
    assert advice.model == "threads"
    assert "lets go of the GIL" in said(advice)


def test_one_core_has_nothing_for_processes(monkeypatch):
    """On a machine with one core, what computes stays sequential, and the reason is told."""
    monkeypatch.setattr(advice_module, "cores", lambda: 1)
    advice = advised(
        made("sequential", 1.0, 0.99, workers=1), made("threads", 1.0, 0.99), made("processes", 1.0, 1.0, workers=1)
    )
    assert advice.model == "sequential"
    assert "There is one core" in said(advice)


def test_a_busy_machine_makes_no_waiting_of_computing():
    """What got a core for a fifth of the time only, and never waited, computes all the same."""
    base = Measurement("work", "sequential", 1, False, 10, (Run(5.0, 1.0, 0, waits=2),))
    assert advised(base, made("threads", 4.0, 1.0), made("processes", 3.0, 1.0)).model == "processes"
    waits = Measurement("work", "sequential", 1, False, 10, (Run(5.0, 0.1, 0, waits=10),))
    assert advised(waits, made("threads", 0.5, 0.1), made("asyncio", 0.5, 0.1)).model == "asyncio"


def test_calls_too_short_for_processes():
    """Where carrying the items costs more than the calls, the loop stays as it is."""
    advice = advised(made("sequential", 0.1, 0.1, workers=1), made("processes", 0.5, 0.4, workers=2))
    assert advice.model == "sequential"
    assert "~4.0 x the computing" in said(advice)


def test_without_a_gil_threads_compute():
    """Where threads without the GIL were measured and are faster, they are the answer."""
    advice = advised(
        made("sequential", 1.0, 1.0, workers=1),
        made("processes", 0.5, 1.0, workers=2),
        made("free threads", 0.5, 1.0, workers=2),
    )
    assert advice.model == "free threads"


def test_what_waits_and_computes():
    """For mixed work the simplest of the fast models, and the advice to split it."""
    advice = advised(
        made("sequential", 1.0, 0.3, workers=1), made("threads", 0.35, 0.3), made("asyncio + processes", 0.3, 0.3)
    )
    assert advice.model == "threads"
    assert "split it" in said(advice)


@pytest.mark.parametrize("cpu", [0.0, 0.3])
def test_nothing_to_win(cpu):
    """Where nothing is half as fast again as the loop, the loop stays as it is."""
    advice = advised(made("sequential", 1.0, cpu, workers=1), made("threads", 0.9, cpu), made("asyncio", 0.9, cpu))
    assert advice.model == "sequential"
    assert "the simplest program is the best" in said(advice)


def test_too_short_to_matter():
    """Calls that take a millisecond together need no model."""
    advice = advised(made("sequential", 0.001, 0.001, workers=1), made("threads", 0.0001))
    assert advice.model == "sequential"
    assert "~1.00 ms: nothing to win" in said(advice)


def test_what_failed_is_out_and_said():
    """A model that failed is not advised, however fast; what several have in common is said once."""
    advice = advised(
        made("sequential", 1.0, workers=1),
        made("threads", 0.01, errors=3),
        made("asyncio + threads", 0.01, errors=3),
        made("asyncio", 0.1),
        made("processes", 0, problem="a worker process was killed"),
        made("uvloop", 0, problem="uvloop is not installed", absent=True),
    )
    assert advice.model == "asyncio"
    assert "Out: threads, asyncio + threads: 3 of 10 calls raised OSError: no." in advice.reasons
    assert "Out: processes: a worker process was killed." in advice.reasons
    assert "uvloop" not in said(advice)


def test_no_advice_without_a_base():
    """Where the sequential run failed there is no advice; where there was none, the error names what there is."""
    advice = advised(made("sequential", 0, problem="it had not ended after 5 s"), made("threads", 0.1))
    assert advice.model == ""
    assert str(advice).startswith("No advice.\n- Out: sequential: it had not ended after 5 s.")
    with pytest.raises(KeyError, match="'sequential' was not measured; measured: 'threads'"):
        advised(made("threads", 0.1))


@pytest.mark.parametrize(
    "shown", [Results([made("threads", 1.0)]), made("threads", 1.0), advised(made("sequential", 1.0))]
)
def test_a_notebook_shows_the_text(shown):
    """At the end of a cell, results, a measurement and advice show what they print."""
    assert pretty(shown) == str(shown)


def test_one_call_has_nothing_to_overlap():
    """For a single call the answer is the call."""
    results = asyncio.run(compare_models(Workload.of(abs, [1]), ("sequential", "threads"), repeats=1))
    assert str(advise(results)) == "Take sequential.\n- There is nothing to overlap: 1 call."


def test_advice_fits_a_page_and_breaks_at_the_same_words():
    """No line is wider than a page beside a sidebar, and where lines end does not depend on what was measured."""
    texts = [
        str(advised(made("sequential", 1.0, workers=1), made("threads", seconds), made("asyncio", loop)))
        for seconds in (0.5, 0.101, 0.00101)
        for loop in (1.0, 0.98)
    ]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 76
    assert len({re.sub(r"~[\d.,]+", "~", text) for text in texts}) == 1
