"""Functions that stand where what their calls give belongs, and calls that stand where their function does."""

import ast
import inspect
from typing import Any

from course_lib.exercises.places import Place, place_of

CALLS = {"to_thread": 0, "run_in_executor": 1, "submit": 0}
"""What calls a function elsewhere, and which of its arguments that is."""


def entered_uncalled(place: Place) -> str:
    """Say what has to be called, when a function or a class was entered in the place of what it gives; else nothing."""
    whole, parent = place.node, place.parents[0]
    # Up to 3.12, a `with` that cannot be entered is blamed as a whole.
    statement = place.parents[1] if isinstance(parent, ast.withitem) else whole
    if not place.innermost or not isinstance(statement, ast.With | ast.AsyncWith):
        return ""
    enter = "__aenter__" if isinstance(statement, ast.AsyncWith) else "__enter__"
    for each in (item.context_expr for item in statement.items):
        value = place.stands_for(each)
        if callable(value) and not hasattr(type(value), enter):
            name = ast.unparse(each)
            return f"`{name}` has to be called, and what it gives is entered: `{name}(...)`. Are its () missing?"
    return ""


def passed_uncalled(kind: type, error: BaseException) -> bool:
    """Return whether an error came from using an object of `kind`, or a list of them, where its call belongs."""
    place = place_of(error)
    if place is None or not isinstance(error, TypeError | AttributeError):
        return False
    # Up to 3.12, a `with` that cannot be entered or left fails as a whole.
    parts = place.node.items if isinstance(place.node, ast.With | ast.AsyncWith) else [place.node]
    nodes = [node for part in parts for node in ast.walk(part)]
    fine = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    fine |= {id(node.iter) for node in nodes if isinstance(node, ast.comprehension)}
    values = [place.value(node.id) for node in nodes if isinstance(node, ast.Name) and id(node) not in fine]
    return any(isinstance(value, kind) or (_listed(value) and isinstance(value[0], kind)) for value in values)


def uncalled(node: ast.AST, place: Place) -> str:
    """Return the name of a function that was passed where a coroutine belongs, empty if none was."""
    return next((name for name in _passed(node) if inspect.isroutine(place.value(name))), "")


def uncalled_list(node: ast.AST, place: Place) -> str:
    """Return the name of a list of functions that was passed where coroutines belong, empty if none was."""
    return next((name for name in _passed(node) if inspect.isroutine(first(place.value(name)))), "")


def called_too_early(node: ast.AST) -> str:
    """Say how to pass a function to what calls it elsewhere; empty where it was not called on the way."""
    call = node.value if isinstance(node, ast.Await) else node
    place = CALLS.get(called(call))
    if not isinstance(call, ast.Call) or place is None or place >= len(call.args):
        return ""
    given = call.args[place]
    if not isinstance(given, ast.Call) or called(given) == "partial":
        return ""
    apart = [*call.args[:place], given.func, *given.args, *call.args[place + 1 :]]
    right = ast.Call(ast.Name(called(call)), apart, given.keywords)
    return (
        f"`{called(call)}` calls what it is given, and was given what `{ast.unparse(given):.60}` gave: pass the "
        f"function and its arguments apart, `{ast.unparse(right):.80}`."
    )


def _passed(node: ast.AST) -> list[str]:
    """Return the names that were passed to what makes tasks: alone, with a star, or in brackets."""
    call = node.value if isinstance(node, ast.Await) else node
    if not isinstance(call, ast.Call) or called(call) not in ("gather", "create_task", "ensure_future", "shield"):
        return []
    given = [each.value if isinstance(each, ast.Starred) else each for each in call.args]
    given += [inner for each in given if isinstance(each, ast.List | ast.Tuple) for inner in each.elts]
    return [each.id for each in given if isinstance(each, ast.Name)]


def called(node: ast.AST) -> str:
    """Return the name of the function or method that a call calls; empty for anything else."""
    func = getattr(node, "func", None)
    return str(getattr(func, "attr", getattr(func, "id", "")))


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value)


def first(value: Any) -> Any:
    """Return what stands first in a list, or the value itself."""
    return value[0] if _listed(value) else value
