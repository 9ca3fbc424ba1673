"""Assertions that say nothing: that are always true, or that no run reaches."""

import ast
from collections.abc import Iterator, Set
from types import FunctionType
from typing import Any

from course_lib.exercises.habits import classes, functions, tree_of

LEAVING = {ast.Return: "return", ast.Raise: "raise", ast.Continue: "continue", ast.Break: "break"}
METHODS = frozenset({"cancelled", "done", "exception", "is_set", "locked"})  # asked for without a call they are true
ENDING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "suppress"})  # whose blocks end where one raises
KINDS = {ast.Tuple: "tuple", ast.GeneratorExp: "generator", ast.Lambda: "function"}
MENDS = {
    "tuple": "whatever stands in it. Leave its parentheses out",
    "generator": "whatever it would give. Write `all(...)` around it",
    "function": "whatever it would give. Call it",
}

Line = tuple[str, int]  # a file's name, and the number of a line


def vacuous(test: Any) -> str:
    """Say which assertion of a test is always true, or stands where nothing comes; empty where none does."""
    own = _own_attributes(test)
    for function in functions(test):
        for block in _blocks(tree_of(function)):
            left = ""
            for statement in block:
                if isinstance(statement, ast.Assert) and (said := _always(statement.test, own)):
                    return f"{named(statement, function)}, {said}."
                found = (each for each in ast.walk(statement) if isinstance(each, ast.Assert))
                if left and (behind := next(found, None)):
                    return f"{named(behind, function)}, is never reached: a `{left}` stands before it."
                left = left or LEAVING.get(type(statement), "")
    return ""


def unreached(test: Any, lines: Set[Line]) -> str:
    """Say which assertion stands in a block that ends before it, since what is to be raised is raised there.

    Args:
        test: the learner's.
        lines: those that were run.
    """
    for function in functions(test):
        file = function.__code__.co_filename
        for body in _ended(tree_of(function)):
            for statement in body[1:]:
                run = any((file, number) in lines for number in _numbers(statement))
                if run or (file, body[0].lineno) not in lines or not isinstance(statement, ast.Assert):
                    continue
                if not isinstance(statement.test, ast.Constant):  # `assert False` is there so as not to be reached
                    return (
                        f"{named(statement, function)}, is never reached: what stands before it raises, and ends the "
                        "block. Put it behind the block."
                    )
    return ""


def named(statement: ast.Assert, function: FunctionType) -> str:
    """Name an assertion, and where it stands."""
    asserted = ast.unparse(ast.Assert(statement.test))
    return f"`{asserted:.70}`, at line {statement.lineno} of {function.__name__}"


def _own_attributes(test: Any) -> set[str]:
    """Return the names of the attributes to which a learner's functions and classes give a value."""
    names, found = set[str](), [*functions(test)]
    for kind in classes(test):
        names |= vars(kind).keys()
        found += [each for each in vars(kind).values() if isinstance(each, FunctionType)]
    for node in (node for function in found for node in ast.walk(tree_of(function))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:  # as in SimpleNamespace(done=False)
            names.add(node.arg)
    return names


def _always(test: ast.expr, own: Set[str]) -> str:
    """Say why a test is true whatever happens; empty where that is not known.

    Args:
        test: what is asserted.
        own: the names of attributes that are the learner's own, and need not be methods.
    """
    kind = KINDS.get(type(test), "")
    if kind and not (isinstance(test, ast.Tuple) and not test.elts):
        return f"is of a {kind}, which is always true, {MENDS[kind]}"
    if isinstance(test, ast.Attribute) and test.attr in METHODS - own:
        return f"is of a method, which is always true. Call it: `{ast.unparse(test)}()`"
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        for each in test.values:
            if isinstance(each, ast.Constant) and each.value:
                return (
                    f"is always true: `{ast.unparse(each):.40}` is. What an assertion says when it fails stands behind "
                    "a comma"
                )
    return ""


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _ended(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Give the blocks that an exception ends, and the function goes on behind them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With | ast.AsyncWith):
            calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
            if any(getattr(call.func, "attr", getattr(call.func, "id", "")) in ENDING for call in calls):
                yield node.body
        elif isinstance(node, ast.Try | ast.TryStar) and node.handlers:
            yield node.body


def _numbers(statement: ast.stmt) -> range:
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
