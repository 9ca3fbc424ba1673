"""How a test failed, told to who wrote it: what was asserted at which line, and what the names there stood for."""

import ast
import dis
import math
from collections.abc import Iterator, Mapping
from typing import Any

from course_lib.exercises.framework import describe_raised, leaves
from course_lib.exercises.places import is_learners, place_of
from course_lib.exercises.trials import UNENDED, Trial, step_of, where


def why(trial: Trial) -> str:
    """Say how a trial ended that did not pass; once it is drawn, with the values at a failed assertion."""
    if trial.kind == "deadlock":
        return f"your test waits for something that never happens{trial.notes.waits}."
    if trial.kind == "endless":
        return f"your test does not come to an end ({trial.text})."
    if trial.error is None:  # nothing was raised, and an asynchronous generator is still open
        left = trial.text.removeprefix("left running: ").rpartition("; returned ")[0]
        return f"your test ends, and leaves open what it began: {left}."
    if is_assertion(trial.error):
        return f"your test fails{_line(trial)}."
    return describe_raised(trial.error).replace("Your code raised", "your test ends with", 1)


def is_assertion(error: BaseException | None) -> bool:
    """Return whether an error, alone or in a group, is a failed assertion, of pytest's own too."""
    return any(isinstance(each, AssertionError) or type(each).__name__ == "Failed" for each in leaves(error))


def late(trial: Trial) -> float:
    """Return by how many seconds all times are late that a failed assertion compares with some from 0 on."""
    found, wanted = _compared(trial)
    by = _apart(found, wanted)
    times = isinstance(found, list | tuple) and all(isinstance(each, float) for each in found)
    return by if times and by > 0 and wanted[0] == 0 else 0


def rounded(trial: Trial) -> bool:
    """Return whether a failed assertion compares floats that differ by their rounding alone."""
    found, wanted = _compared(trial)
    return _apart(found, wanted) == 0 or _apart([found], [wanted]) == 0


def _compared(trial: Trial) -> tuple[Any, Any]:
    """Return what a failed assertion found under a name, and what it wanted; None where that is not known."""
    test, values = _asserted(trial)
    if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name) or not isinstance(test.ops[0], ast.Eq):
        return None, None
    try:
        return ast.literal_eval(values.get(test.left.id, "")), ast.literal_eval(test.comparators[0])
    except (ValueError, TypeError, SyntaxError):
        return None, None  # too long to be shown whole, or more than a literal


def _apart(found: Any, wanted: Any) -> float:
    """Return by how much each number in a list is above its like in another; nan where there is no one such number."""
    if not isinstance(found, list | tuple) or not isinstance(wanted, list | tuple):
        return math.nan
    try:
        (by,) = {round(one - other, 6) for one, other in zip(found, wanted, strict=True)}
        return float(by)
    except (ValueError, TypeError, OverflowError):
        return math.nan


def looks_too_early(trial: Trial) -> bool:
    """Return whether a failed assertion asks a task that was cancelled, and has had no turn since."""
    test, values = _asserted(trial)
    if test is None:
        return False
    asks = any(isinstance(node, ast.Attribute) and node.attr in ("cancelled", "done") for node in ast.walk(test))
    return asks and any(values.get(name) == UNENDED for name in _names(test))


def look_alike(trial: Trial) -> bool:
    """Return whether a failed assertion compares what is shown by the same text, as two exceptions are."""
    test, values = _asserted(trial)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    one, other = (values.get(text, text) for text in map(ast.unparse, (test.left, test.comparators[0])))
    return one == other and not one.endswith(" ...")


def _line(trial: Trial) -> str:
    first = next(leaves(trial.error))
    said = where(first)
    test, values = _asserted(trial)
    if test is None:
        return said
    told = ", ".join(f"{name} = {values[name]}" for name in _names(test) if name in values)
    return f"{said.partition(', `')[0]}, `{ast.unparse(ast.Assert(test)):.70}`{f' ({told})' if told else ''}"


def _names(test: ast.expr) -> list[str]:
    """Return the names that stand in what is asserted, each once."""
    return list(dict.fromkeys(node.id for node in ast.walk(test) if isinstance(node, ast.Name)))


def _asserted(trial: Trial) -> tuple[ast.expr | None, Mapping[str, str]]:
    """Return what a failed assertion asserted, None where that cannot be read, and the values of the names there."""
    first = next(leaves(trial.error), None)
    if first is None or (place := place_of(first)) is None or (step := step_of(first)) is None:
        return None, {}
    tests = (each.test for each in (place.node, *place.parents) if isinstance(each, ast.Assert))
    return next(tests, None), trial.notes.stood.get((step[0].f_code, step[1]), {})


def slips(error: BaseException | None) -> Iterator[str]:
    """Give the name of each exception that a line of the learner's own gave by accident: no assertion, no `raise`."""
    for each in leaves(error):
        step = each.__traceback__
        while step and step.tb_next:
            step = step.tb_next
        if step is None or not is_learners(step.tb_frame.f_code) or is_assertion(each):
            continue
        if dis.opname[step.tb_frame.f_code.co_code[step.tb_lasti]] != "RAISE_VARARGS":
            yield type(each).__name__
