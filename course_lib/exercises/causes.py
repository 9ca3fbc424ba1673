"""What a learner's own line did wrong, read from the line, not from Python's words: each version has its own."""

import ast
import asyncio
import builtins
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from difflib import get_close_matches
from typing import Any

from course_lib.exercises.advice import NOT_AWAITABLE, advice
from course_lib.exercises.iterating import cannot_go_through, enter_first, is_block
from course_lib.exercises.places import Place, assigned, place_of, tree_of
from course_lib.exercises.uncalled import (
    called,
    called_too_early,
    entered_uncalled,
    first,
    uncalled,
    uncalled_list,
)

WRAP = "A pool's own future becomes one by `asyncio.wrap_future(...)`."
IN_BRACKETS = (
    "The `await` inside the brackets finished each call before the next began, and left results, not coroutines: leave "
    "it out."
)
GIVE_FUTURES = ("gather", "create_task", "ensure_future", "shield", "to_thread", "run_in_executor", "wait_for")

STAR_MISSING = "gather was given one generator: put a star before it, `gather(*...)`."

_NEVER_AWAITED = "`{}` holds a coroutine, not what it gives: an `await` is missing where it is made."
_NOT_AWAITED_YET = "`{0}` has to be awaited first: `await {0}` gives the results."


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
    if isinstance(error, TypeError | AttributeError) and (missing := _asked_too_early(error, place)):
        return missing
    if isinstance(error, AttributeError) and place.innermost and isinstance(node, ast.Attribute):
        return _asked_of_another(node, error.obj)
    if isinstance(error, RuntimeError) and (name := _never_awaited(place, asyncio.isfuture)):
        return _NOT_AWAITED_YET.format(name)
    if isinstance(error, TypeError):
        if entered := entered_uncalled(place):
            return entered
        if loop := cannot_go_through(place):
            return loop
        if name := uncalled(node, place):
            return f"You passed `{name}` itself; call it: `{name}()`."
        if name := uncalled_list(node, place):
            return f"`{name}` holds functions; pass what their calls give: `*(each() for each in {name})`."
        if name := _never_awaited(place, inspect.iscoroutine):
            return _NEVER_AWAITED.format(name)
        if early := called_too_early(node):
            return early
        if isinstance(node, ast.Await) and place.innermost:
            return _awaited(node.value, place)
        if isinstance(node, ast.Call) and called(node) in ("gather", "wait") and _submits(node, place):
            return f"What `submit` gives is a pool's own future, and nothing that can be awaited. {WRAP}"
        if isinstance(node, ast.Call) and called(node) in ("gather", "wait") and _has_await(node):
            return IN_BRACKETS
    return advice(error)


def awaited_in_brackets(error: BaseException) -> bool:
    """Return whether an error came from a call that was awaited among the arguments of gather."""
    place = place_of(error)
    return place is not None and isinstance(place.node, ast.Await) and any(called(p) == "gather" for p in place.parents)


def star_missing(function: Callable[..., Any]) -> bool:
    """Return whether a function gives a generator to gather as it is."""
    tree = tree_of(function)
    return tree is not None and any(_without_star(node) for node in ast.walk(tree))


def _awaited(value: ast.expr, place: Place) -> str:
    found = place.value(value.id) if isinstance(value, ast.Name) else None
    if isinstance(first(found), Future):
        return f"Nothing but a coroutine, a task or an asyncio future can be awaited. {WRAP}"
    if isinstance(value, ast.Name) and callable(found):
        return f"`{value.id}` is a function, and `await` needs what its call gives: is its () missing?"
    if isinstance(value, ast.Call):
        name, more = ast.unparse(value.func), f" {WRAP}" if called(value) == "submit" else ""
        if entered := _makes_a_block(value.func, place):
            return f"What `{name:.60}(...)` gives is entered, and not awaited: `{entered} {name:.60}(...)`."
        return (
            f"`{name}(...)` was called, and gave nothing that can be awaited; only a coroutine, a "
            f"task or an asyncio future can be.{more}"
        )
    return NOT_AWAITABLE


def _makes_a_block(function: ast.expr, place: Place) -> str:
    """Return by what word of Python one enters what a function gives that `contextlib` made; "" for any other."""
    made = place.stands_for(function)
    written = inspect.unwrap(made) if callable(made) else None
    if written is None or written is made:
        return ""
    if inspect.isasyncgenfunction(written):
        return "async with"
    return "with" if inspect.isgeneratorfunction(written) else ""


def _asked_of_another(node: ast.Attribute, held: Any) -> str:
    """Say what to write where an attribute was asked of what has another one, or has to be entered first."""
    if is_block(held):
        return f"{enter_first(node.value, held)}, and in its block `it.{node.attr}`."
    own = f"a{node.attr}"
    if inspect.iscoroutinefunction(getattr(held, own, None)) or (inspect.isasyncgen(held) and hasattr(held, own)):
        return f"It has `{own}`, which is awaited: `await {ast.unparse(node.value):.60}.{own}(...)`."
    return ""


def _asked_too_early(error: BaseException, place: Place) -> str:
    """Say where an `await` is missing, when something was asked of what has to be awaited first; else nothing."""
    node = place.node
    if not place.innermost or not isinstance(node, ast.Attribute | ast.Subscript):
        return ""
    text, call = ast.unparse(node.value), node.value if isinstance(node.value, ast.Call) else None
    rest = ast.unparse(node)[len(text) :]
    held = place.value(text) if isinstance(node.value, ast.Name) else getattr(error, "obj", None)
    if inspect.iscoroutine(held) and not call:
        return _NEVER_AWAITED.format(text)
    waits = inspect.iscoroutine(held)
    if call and held is None:  # a TypeError does not keep what could not be asked for an item
        function = place.value(call.func.id) if isinstance(call.func, ast.Name) else None
        waits = inspect.iscoroutinefunction(function) or called(call) in GIVE_FUTURES
    own = get_close_matches(rest, [f".{name}" for name in dir(held)])  # as in `task.results()`
    if waits or (asyncio.isfuture(held) and not own):
        return f"`{text:.60}` has to be awaited first, in brackets: `(await {text:.60}){rest:.40}`."
    return ""


def _never_awaited(place: Place, waits: Callable[[Any], bool]) -> str:
    """Return the name of what has to be awaited, and was used as what it gives: reckoned with, gone through.

    `waits` says what has to be; empty where nothing was.
    """
    # A `for` that cannot go through something is blamed as a whole by some Pythons.
    node = place.node.iter if isinstance(place.node, ast.For) else place.node
    if not place.innermost or not isinstance(node, ast.expr) or _may_await(node, place.parents[0]):
        return ""
    # A future that is gone through gives itself, so the variable of a comprehension holds it, too.
    names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    names = [name for name in names if name not in _stored(node)]
    return next((name for name in names if waits(place.value(name))), "")


def _stored(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


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
        and called(node) == "gather"
        and len(node.args) == 1
        and isinstance(node.args[0], ast.GeneratorExp)
    )


def _submits(call: ast.Call, place: Place) -> bool:
    """Return whether gather, or wait, was given futures of a pool."""
    nodes = [node for arg in call.args for node in ast.walk(arg)]
    return any(
        called(node) == "submit" or (isinstance(node, ast.Name) and isinstance(first(place.value(node.id)), Future))
        for node in nodes
    )


def _has_await(call: ast.Call) -> bool:
    return any(isinstance(node, ast.Await) for arg in call.args for node in ast.walk(arg))


def _set_outside(name: str, place: Place) -> bool:
    functions = [each for each in place.parents if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(name in assigned(each) for each in functions[1:])
