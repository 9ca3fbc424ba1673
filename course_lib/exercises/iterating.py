"""What goes through something that it cannot: a plain loop what waits for its items, an asynchronous one a list."""

import ast
import builtins
import inspect
from typing import Any

from course_lib.exercises.places import Place
from course_lib.exercises.uncalled import called

_GO_THROUGH = (
    *("all", "any", "chain", "dict", "enumerate", "filter", "frozenset", "islice", "iter", "join", "len", "list"),
    *("map", "max", "min", "next", "reversed", "set", "sorted", "sum", "tuple", "zip", "zip_longest"),
)


def cannot_go_through(place: Place) -> str:
    """Say what to write where something was gone through by what cannot do that; "" where nothing was."""
    node = place.node
    if not place.innermost:
        return ""
    if isinstance(node, ast.Call) and (told := _by_call(node, place)):
        return told
    if loop := _loop_at(place):
        waits = isinstance(loop, ast.AsyncFor) or (isinstance(loop, ast.comprehension) and bool(loop.is_async))
        return _by_loop(loop.iter, place, waits=waits)
    return ""


def is_block(value: Any) -> bool:
    """Return whether a value is a block that `contextlib` made, which is nothing before it is entered."""
    return type(value).__module__ == "contextlib" and not hasattr(value, "enter_context")


def enter_first(node: ast.expr, block: Any) -> str:
    """Say how a block is entered; without the full stop."""
    text, how = ast.unparse(node), "async with" if hasattr(block, "__aenter__") else "with"
    return f"`{text:.60}` has to be entered first: `{how} {text:.60} as it:`"


def _by_call(call: ast.Call, place: Place) -> str:
    given = [each.value if isinstance(each, ast.Starred) else each for each in call.args]
    starred = [each.value for each in call.args if isinstance(each, ast.Starred)]
    plain = called(call) == "join" or (isinstance(call.func, ast.Name) and hasattr(builtins, call.func.id))
    if plain and any(isinstance(each, ast.GeneratorExp) and _waits(each) for each in given):
        return (
            f"A generator that waits is an asynchronous one, through which `{called(call)}` cannot go. Square brackets "
            "around it make a list first."
        )
    one = called(call) in ("anext", "aiter", "next", "iter") and len(given) > 0
    if one and is_block(place.stands_for(given[0])):
        return f"{enter_first(given[0], place.stands_for(given[0]))}."
    # Of any other call, one that fails may have another reason, such as an argument too few.
    through = given if called(call) in _GO_THROUGH else starred
    stream = next((each for each in through if _is_asynchronous(each, place)), None)
    if stream is None:
        return ""
    text = ast.unparse(stream)
    if called(call) in ("next", "iter"):
        return f"`{called(call)}` does not wait. `await anext({text:.60})` does."
    return f"`{called(call)}` does not wait for items: go through `{text:.60}` by `async for`, or make a list so."


def _loop_at(place: Place) -> ast.For | ast.AsyncFor | ast.comprehension | None:
    """Return the loop that could not begin: some Pythons blame what stands behind its `in`, some all of it."""
    loop = getattr(place.node, "generators", [place.node])[0]
    if isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
        return loop
    around = place.parents[0]
    if isinstance(around, ast.For | ast.AsyncFor | ast.comprehension) and around.iter is place.node:
        return around
    return None


def _by_loop(what: ast.expr, place: Place, *, waits: bool) -> str:
    text, value = ast.unparse(what), place.stands_for(what)
    if is_block(value):
        return f"{enter_first(what, value)}."
    if not waits:
        return f"A plain `for` does not wait for items: `async for ... in {text:.60}`." * _is_asynchronous(what, place)
    if isinstance(what, ast.Call) and inspect.iscoroutinefunction(place.stands_for(what.func)):
        return f"`{text:.60}` gives one thing, and is awaited; `async for` is for what gives many."
    plain = hasattr(value, "__iter__") and not hasattr(value, "__aiter__")
    plain = plain or isinstance(what, ast.List | ast.Tuple | ast.Dict | ast.Set)
    if plain or (isinstance(what, ast.Call) and called(what) in ("range", "enumerate", "zip", "sorted", "list")):
        return f"`async for` is for what waits for its items. `{text:.60}` has them all: `for ... in {text:.60}`."
    return ""


def _is_asynchronous(node: ast.expr, place: Place) -> bool:
    """Return whether an expression is, or calls, what only `async for` goes through."""
    if isinstance(node, ast.Call):
        return inspect.isasyncgenfunction(place.stands_for(node.func))
    value = place.stands_for(node)
    return hasattr(value, "__aiter__") and not hasattr(value, "__iter__")


def _waits(generator: ast.GeneratorExp) -> bool:
    """Return whether a generator expression waits for each item; what its first `in` gives is awaited outside."""
    outermost, *inner_loops = generator.generators
    parts = [generator.elt, *outermost.ifs, *inner_loops]
    return any(each.is_async for each in generator.generators) or any(
        isinstance(inner, ast.Await) for part in parts for inner in ast.walk(part)
    )
