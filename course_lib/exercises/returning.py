"""Why a function may have returned None, read from its source."""

import ast
from collections.abc import Callable
from typing import Any

from course_lib.exercises.places import assigned, own_nodes, tree_of


def returned_none(function: Callable[..., Any], early: str = "") -> str:
    """Say why a function may have returned None.

    early: what to say instead of a guess, where it returned before there was anything to return
    """
    tree = tree_of(function)
    given = [node.value for node in (own_nodes(tree) if tree else ()) if isinstance(node, ast.Return)]
    returns = [value for value in given if value and not (isinstance(value, ast.Constant) and value.value is None)]
    if not returns:
        return early or "Your function returned None. Is a `return` missing?"
    for value in returns:
        if isinstance(value, ast.Name) and (inner := _set_inside(value.id, tree)):
            return (
                f"Your function returned None: `{value.id}` was never set. In {inner}, the assignment makes a variable "
                f"of its own; `nonlocal {value.id}` says that the outer one is meant."
            )
    text = ast.unparse(returns[-1])
    if len(given) > len(returns) and not early:
        return (
            f"Your function returned None. Besides `return {text:.60}` there is a `return` in it that gives nothing: "
            "say there, too, what your caller is to get."
        )
    if len(returns) == 1 and not isinstance(returns[0], ast.Name) and returns[0] in _surely_returned(tree):
        return f"Your function returned None: that is what `{text:.60}` gave."
    return early or (
        f"Your function returned None, though `return {text:.60}` stands there: that was None, or it was never "
        "reached. Is a `return` missing on the way that your function took?"
    )


def _surely_returned(tree: ast.AST | None) -> list[ast.expr | None]:
    """Return what the returns give that a function reaches whatever is true, unless something is raised."""
    statements = list(getattr(tree, "body", ()))
    for each in statements:
        if isinstance(each, ast.With | ast.AsyncWith | ast.Try):
            statements += each.body
    return [each.value for each in statements if isinstance(each, ast.Return)]


def _set_inside(name: str, tree: ast.AST | None) -> str:
    """Return the inner function that sets a variable of this name for itself alone, empty if none does."""
    for node in ast.walk(tree) if tree else ():
        if node is not tree and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and name in assigned(node):
            return node.name
    return ""
