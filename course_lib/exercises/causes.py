"""What a learner's own line did wrong, read from the line, not from Python's words: each version has its own."""

import ast
import builtins
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from course_lib.exercises.advice import NOT_AWAITABLE, advice
from course_lib.seeing.timeline.frames import is_library

WRAP = "A pool's own future becomes one by `asyncio.wrap_future(...)`."
IN_BRACKETS = (
    "The `await` inside the brackets finished each call before the next began, and left results, not coroutines: leave "
    "it out."
)
CALLS = {"to_thread": 0, "run_in_executor": 1, "submit": 0}
"""What calls a function elsewhere, and which of its arguments that is."""

STAR_MISSING = "gather was given one generator: put a star before it, `gather(*...)`."


@dataclass(frozen=True)
class Place:
    """Where an exception left the learner's code: the expression, what it stands in, and the frame."""

    node: ast.expr | ast.stmt
    parents: tuple[ast.AST, ...]  # the innermost first
    frame: FrameType
    innermost: bool  # whether it was raised there, and not by what was called or awaited there

    def value(self, name: str) -> Any:
        """Return what a name stood for there, None where it stood for nothing.

        For the variable of a comprehension, which is gone when the comprehension is left, what it went through.
        """
        if name in self.frame.f_locals:
            return self.frame.f_locals[name]
        loops = [loop for each in self.parents for loop in getattr(each, "generators", ())]
        for loop in loops:
            if isinstance(loop.target, ast.Name) and loop.target.id == name and isinstance(loop.iter, ast.Name):
                name = loop.iter.id
        return self.frame.f_locals.get(name, self.frame.f_globals.get(name))


def is_learners(code: CodeType) -> bool:
    """Return whether code is a learner's, or stands for it: the programs to mend, and the solutions."""
    path = Path(code.co_filename)
    grading = Path(__file__).parent in path.parents and path.stem not in ("as_found", "solutions")
    return not is_library(code) and not grading


def place_of(error: BaseException) -> Place | None:
    """Return where an exception left the learner's code; None where that cannot be read."""
    found, step = None, error.__traceback__
    while step:
        if is_learners(step.tb_frame.f_code):
            found = step
        step = step.tb_next
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
            return Place(node, parents, found.tb_frame, found.tb_next is None)
    return None


def hint(error: BaseException) -> str:
    """Say what to do about an exception that the learner's code raised; empty where there is nothing to add."""
    place = place_of(error)
    if place is None:
        return advice(error)
    node = place.node
    if isinstance(error, UnboundLocalError) and isinstance(node, ast.Name) and _set_outside(node.id, place):
        return (
            f"An assignment makes a variable of this very function: `nonlocal {node.id}` says that the outer one is "
            "meant."
        )
    # Up to 3.11, gather takes a generator for a coroutine, and a task fails.
    if isinstance(error, TypeError | RuntimeError) and any(
        _without_star(each) for each in (*ast.walk(node), *place.parents)
    ):
        return STAR_MISSING
    if isinstance(error, TypeError):
        if name := _uncalled(node, place):
            return f"You passed `{name}` itself; call it: `{name}()`."
        if name := _uncalled_list(node, place):
            return f"`{name}` holds functions; pass what their calls give: `*(each() for each in {name})`."
        if name := _never_awaited(place):
            return f"`{name}` holds a coroutine, not what it gives: an `await` is missing where it is made."
        if early := _called_too_early(node):
            return early
        if isinstance(node, ast.Await) and place.innermost:
            return _awaited(node.value, place)
        if isinstance(node, ast.Call) and _called(node) in ("gather", "wait") and _submits(node, place):
            return f"What `submit` gives is a pool's own future, and nothing that can be awaited. {WRAP}"
        if isinstance(node, ast.Call) and _called(node) in ("gather", "wait") and _has_await(node):
            return IN_BRACKETS
    return advice(error)


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


def awaited_in_brackets(error: BaseException) -> bool:
    """Return whether an error came from a call that was awaited among the arguments of gather."""
    place = place_of(error)
    return (
        place is not None and isinstance(place.node, ast.Await) and any(_called(p) == "gather" for p in place.parents)
    )


def star_missing(function: Callable[..., Any]) -> bool:
    """Return whether a function gives a generator to gather as it is."""
    tree = _function(function)
    return tree is not None and any(_without_star(node) for node in ast.walk(tree))


def returned_none(function: Callable[..., Any], early: str = "") -> str:
    """Say why a function may have returned None.

    early: what to say instead of a guess, where it returned before there was anything to return
    """
    tree = _function(function)
    given = [node.value for node in (_own_nodes(tree) if tree else ()) if isinstance(node, ast.Return)]
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


def _awaited(value: ast.expr, place: Place) -> str:
    found = place.value(value.id) if isinstance(value, ast.Name) else None
    if isinstance(_first(found), Future):
        return f"Nothing but a coroutine, a task or an asyncio future can be awaited. {WRAP}"
    if isinstance(value, ast.Name) and callable(found):
        return f"`{value.id}` is a function, and `await` needs what its call gives: is its () missing?"
    if isinstance(value, ast.Call):
        more = f" {WRAP}" if _called(value) == "submit" else ""
        return (
            f"`{ast.unparse(value.func)}(...)` was called, and gave nothing that can be awaited; only a coroutine, a "
            f"task or an asyncio future can be.{more}"
        )
    return NOT_AWAITABLE


def _called_too_early(node: ast.AST) -> str:
    """Say how to pass a function to what calls it elsewhere; empty where it was not called on the way."""
    call = node.value if isinstance(node, ast.Await) else node
    place = CALLS.get(_called(call))
    if not isinstance(call, ast.Call) or place is None or place >= len(call.args):
        return ""
    given = call.args[place]
    if not isinstance(given, ast.Call) or _called(given) == "partial":
        return ""
    apart = [*call.args[:place], given.func, *given.args, *call.args[place + 1 :]]
    right = ast.Call(ast.Name(_called(call)), apart, given.keywords)
    return (
        f"`{_called(call)}` calls what it is given, and was given what `{ast.unparse(given):.60}` gave: pass the "
        f"function and its arguments apart, `{ast.unparse(right):.80}`."
    )


def _never_awaited(place: Place) -> str:
    """Return the name of a coroutine that was used as what it gives: reckoned with, gone through; empty if none was."""
    # A `for` that cannot go through something is blamed as a whole by some Pythons.
    node = place.node.iter if isinstance(place.node, ast.For) else place.node
    if not place.innermost or not isinstance(node, ast.expr) or _may_await(node, place.parents[0]):
        return ""
    names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    return next((name for name in names if inspect.iscoroutine(place.value(name))), "")


def _may_await(node: ast.expr, parent: ast.AST) -> bool:
    """Return whether what stands in an expression may be meant to be awaited there, or by what is called there."""
    if isinstance(node, ast.Call):
        return not (isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id))
    loops = [parent, *getattr(node, "generators", ())]
    waits = any(isinstance(each, ast.comprehension) and each.is_async for each in loops)
    return waits or isinstance(node, ast.Await) or isinstance(parent, ast.AsyncFor | ast.withitem)


def _without_star(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and _called(node) == "gather"
        and len(node.args) == 1
        and isinstance(node.args[0], ast.GeneratorExp)
    )


def _uncalled(node: ast.AST, place: Place) -> str:
    """Return the name of a function that was passed where a coroutine belongs, empty if none was."""
    return next((name for name in _passed(node) if inspect.isroutine(place.value(name))), "")


def _uncalled_list(node: ast.AST, place: Place) -> str:
    """Return the name of a list of functions that was passed where coroutines belong, empty if none was."""
    return next((name for name in _passed(node) if inspect.isroutine(_first(place.value(name)))), "")


def _passed(node: ast.AST) -> list[str]:
    """Return the names that were passed to what makes tasks: alone, with a star, or in brackets."""
    call = node.value if isinstance(node, ast.Await) else node
    if not isinstance(call, ast.Call) or _called(call) not in ("gather", "create_task", "ensure_future", "shield"):
        return []
    given = [each.value if isinstance(each, ast.Starred) else each for each in call.args]
    given += [inner for each in given if isinstance(each, ast.List | ast.Tuple) for inner in each.elts]
    return [each.id for each in given if isinstance(each, ast.Name)]


def _submits(call: ast.Call, place: Place) -> bool:
    """Return whether gather, or wait, was given futures of a pool."""
    nodes = [node for arg in call.args for node in ast.walk(arg)]
    return any(
        _called(node) == "submit" or (isinstance(node, ast.Name) and isinstance(_first(place.value(node.id)), Future))
        for node in nodes
    )


def _has_await(call: ast.Call) -> bool:
    return any(isinstance(node, ast.Await) for arg in call.args for node in ast.walk(arg))


def _called(node: ast.AST) -> str:
    func = getattr(node, "func", None)
    return str(getattr(func, "attr", getattr(func, "id", "")))


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value)


def _first(value: Any) -> Any:
    return value[0] if _listed(value) else value


def _set_outside(name: str, place: Place) -> bool:
    functions = [each for each in place.parents if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(name in _assigned(each) for each in functions[1:])


def _set_inside(name: str, tree: ast.AST | None) -> str:
    """Return the inner function that sets a variable of this name for itself alone, empty if none does."""
    for node in ast.walk(tree) if tree else ():
        if node is not tree and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and name in _assigned(node):
            return node.name
    return ""


def _assigned(function: ast.AST) -> set[str]:
    """Return the names that a function assigns and does not declare `nonlocal` or `global`."""
    nodes = list(_own_nodes(function))
    outer = {name for node in nodes if isinstance(node, ast.Nonlocal | ast.Global) for name in node.names}
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} - outer


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes of a function without those of the functions in it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _own_nodes(child)


def _nodes(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    for child in ast.iter_child_nodes(node):
        yield child, (node, *parents)
        yield from _nodes(child, (node, *parents))


def _function(function: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None  # typed at a prompt, or no function at all


@lru_cache(maxsize=8)
def _parsed(source: str) -> ast.AST | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def _tree(filename: str) -> ast.AST | None:
    source = "".join(linecache.getlines(filename))
    return _parsed(source) if source else None
