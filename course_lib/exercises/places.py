"""Where an exception left the learner's code, and the code itself as a tree."""

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from course_lib.seeing.timeline.frames import is_library


@dataclass(frozen=True)
class Place:
    """Where an exception left the learner's code: the expression, what it stands in, and the frame."""

    node: ast.expr | ast.stmt
    parents: tuple[ast.AST, ...]  # the innermost first
    frame: FrameType
    innermost: bool  # whether it was raised there, and not by what was called or awaited there
    outer: FrameType | None = None  # of a comprehension, up to 3.11: the frame of the function that it stands in

    def value(self, name: str) -> Any:
        """Return what a name stood for there, None where it stood for nothing.

        For the variable of a comprehension, which is gone when the comprehension is left, what it went through.
        """
        known = (self.outer.f_locals if self.outer else {}) | self.frame.f_locals
        if name in known:
            return known[name]
        loops = [loop for each in self.parents for loop in getattr(each, "generators", ())]
        for loop in loops:
            if isinstance(loop.target, ast.Name) and loop.target.id == name and isinstance(loop.iter, ast.Name):
                name = loop.iter.id
        return known.get(name, self.frame.f_globals.get(name))

    def stands_for(self, node: ast.expr) -> Any:
        """Return what a name, or an attribute of a name, stood for there; None of everything else."""
        if isinstance(node, ast.Name):
            return self.value(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return inspect.getattr_static(self.value(node.value.id), node.attr, None)
        return None


def is_learners(code: CodeType) -> bool:
    """Return whether code is a learner's, or stands for it: the programs to mend, and the solutions."""
    path = Path(code.co_filename)
    grading = Path(__file__).parent in path.parents and path.stem not in ("as_found", "solutions")
    return not is_library(code) and not grading


def place_of(error: BaseException) -> Place | None:
    """Return where an exception left the learner's code; None where that cannot be read."""
    found, before, step, last = None, None, error.__traceback__, None
    while step:
        if is_learners(step.tb_frame.f_code):
            found, before = step, last
        last, step = step, step.tb_next
    if found is None:
        return None
    code = found.tb_frame.f_code
    line, end_line, column, end_column = list(code.co_positions())[found.tb_lasti // 2]
    tree = _tree(code.co_filename)
    if tree is None or None in (line, end_line, column, end_column):
        return None
    for node, parents in _nodes(tree, ()):
        # A statement that is nothing but an expression stands where the expression does.
        if not isinstance(node, ast.expr | ast.stmt) or isinstance(node, ast.Expr):
            continue
        if (line, end_line, column, end_column) == (
            node.lineno,
            node.end_lineno,
            node.col_offset,
            node.end_col_offset,
        ):
            outer = before.tb_frame if before and code.co_name.endswith("comp>") else None
            return Place(node, parents, found.tb_frame, found.tb_next is None, outer)
    return None


def raised_kind(error: BaseException) -> str:
    """Return an error's class and, where a line of the learner's own failed and did not `raise`, that line."""
    place = place_of(error)
    if place is None or not place.innermost or isinstance(place.node, ast.Raise):
        return type(error).__name__
    return f"{type(error).__name__} (at line {place.node.lineno} of {place.frame.f_code.co_name})"


def tree_of(function: Callable[..., Any]) -> ast.AST | None:
    """Return a function as a tree; None where it was typed at a prompt, or is no function at all."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None


def assigned(function: ast.AST) -> set[str]:
    """Return the names that a function assigns and does not declare `nonlocal` or `global`."""
    nodes = list(own_nodes(function))
    outer = {name for node in nodes if isinstance(node, ast.Nonlocal | ast.Global) for name in node.names}
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} - outer


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes of a function without those of the functions in it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from own_nodes(child)


def _nodes(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    for child in ast.iter_child_nodes(node):
        yield child, (node, *parents)
        yield from _nodes(child, (node, *parents))


@lru_cache(maxsize=8)
def _parsed(source: str) -> ast.AST | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def _tree(filename: str) -> ast.AST | None:
    source = "".join(linecache.getlines(filename))
    return _parsed(source) if source else None
