"""How a test failed, told to who wrote it: what was asserted at which line, and what the names there stood for."""

import ast
import dis
from collections.abc import Iterator

from course_lib.exercises.causes import Place, is_learners, place_of
from course_lib.exercises.framework import describe_raised, leaves
from course_lib.exercises.shown import shown
from course_lib.exercises.trials import Trial, where

PLAIN = (int, float, str, bool, list, tuple, dict, set, BaseException, type(None))  # what is shown as it is


def why(trial: Trial) -> str:
    """Say how a trial ended that did not pass."""
    if trial.kind == "deadlock":
        return f"your test waits for something that never happens{trial.notes.waits}."
    if trial.kind == "endless":
        return f"your test does not come to an end ({trial.text})."
    if trial.error is None:  # nothing was raised, and an asynchronous generator is still open
        left = trial.text.removeprefix("left running: ").rpartition("; returned ")[0]
        return f"your test ends, and leaves open what it began: {left}."
    if is_assertion(trial.error):
        return f"your test fails{_line(trial.error)}."
    return describe_raised(trial.error).replace("Your code raised", "your test ends with", 1)


def is_assertion(error: BaseException | None) -> bool:
    """Return whether an error, alone or in a group, is a failed assertion, of pytest's own too."""
    return any(isinstance(each, AssertionError) or type(each).__name__ == "Failed" for each in leaves(error))


def _line(error: BaseException) -> str:
    first = next(leaves(error))
    said = where(first)
    if place := place_of(first):
        for each in (place.node, *place.parents):
            if isinstance(each, ast.Assert):
                asserted = ast.unparse(ast.Assert(each.test))
                return f"{said.partition(', `')[0]}, `{asserted:.70}`{_values(each.test, place)}"
    return said


def _values(test: ast.expr, place: Place) -> str:
    names = dict.fromkeys(node.id for node in ast.walk(test) if isinstance(node, ast.Name))
    values = {name: place.value(name) for name in names}
    told = [f"{name} = {shown(value, 60)}" for name, value in values.items() if isinstance(value, PLAIN)]
    return f" ({', '.join(told)})" if told else ""


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
