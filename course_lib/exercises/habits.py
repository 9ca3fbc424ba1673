"""What a test's own code shows, and no run of it: that it asserts nothing, sleeps in earnest, or looks inside."""

import ast
import datetime
import dis
import inspect
import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from typing import Any

from course_lib.exercises.places import is_learners

# What looks at code instead of at what it does.
PEEKING = re.compile(
    r"getsource\w*|getclosurevars|currentframe|_getframe|(get|extract|format|print|walk)_stack|(extract|walk)_tb|get_coro|"
    r"get_(objects|referents|referrers)|f_(back|code|locals)|tb_\w+|cr_\w+|co_\w+|__(closure|code|traceback)__"
)
DESCRIBING = frozenset({"ascii", "dir", "format", "id", "repr", "str", "type", "vars"})  # what a function looks like
ASSERTING = frozenset({"raises", "fail", "warns", "AssertionError"})
# Clocks that no simulation moves.
MACHINES = re.compile(r"(process_time|thread_time|clock_gettime)(_ns)?|getrusage")
CALENDAR = frozenset({"now", "today", "utcnow"})


def peeks(test: Any) -> str:
    """Return what a test uses that looks at what it is given, or inside it; empty where it only calls it."""
    inside = (name for code, _ in _codes(test) for name in code.co_names if PEEKING.fullmatch(name))
    return next(inside, "") or _describes(test)


def other_clock(test: Any) -> str:
    """Return which clock of the machine's a test looks at, whose time is not the virtual one; empty for none."""
    for code, names in _codes(test):
        for name in code.co_names:
            if MACHINES.fullmatch(name):
                return name
            if name in CALENDAR:
                given = (each for each in code.co_names if _has_calendar(names.get(each)))
                if of := next(given, ""):
                    return f"{of}.{name}"
    return ""


def sleeps_in_earnest(test: Any) -> bool:
    """Return whether a test has taken `sleep` itself out of the module `time`: there no virtual clock reaches it."""
    return any(
        each.opname.startswith(("LOAD_GLOBAL", "LOAD_DEREF")) and _is_sleep(names.get(each.argval))
        for code, names in _codes(test)
        for each in dis.get_instructions(code)
    )


def asserts(test: Any) -> bool:
    """Return whether a test asserts anything, itself or in a function of the learner's that it names."""
    return any(
        any(name in ASSERTING or name.startswith("assert") for name in code.co_names)
        or any(
            "ASSERTION_ERROR" in each.opname or each.argrepr == "AssertionError" for each in dis.get_instructions(code)
        )
        for code, _ in _codes(test)
    )


def functions(test: Any) -> Iterator[types.FunctionType]:
    """Give a learner's function, and those that it names, each once."""
    seen = set[types.CodeType]()
    todo = [test]
    while todo:
        function = todo.pop()
        if not isinstance(function, types.FunctionType) or not is_learners(function.__code__):
            continue
        if function.__code__ in seen:
            continue
        names = _names(function)
        for code in _nested(function.__code__):
            seen.add(code)
            todo += [names.get(name) for name in code.co_names + code.co_freevars]
        yield function


def classes(test: Any) -> Iterator[type]:
    """Give the learner's classes that a learner's functions name, or have an object of, and what these are built on."""
    for code, names in _codes(test):
        for value in (names.get(name) for name in code.co_names + code.co_freevars):
            for kind in value.__mro__ if isinstance(value, type) else type(value).__mro__:
                if kind.__module__ == names.get("__name__"):
                    yield kind


def tree_of(function: types.FunctionType) -> ast.Module:
    """Return a function as it is written, its lines numbered as in its file; empty where its text cannot be had."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):  # typed at a prompt, or a text in it that begins at the left
        return ast.Module([], [])
    return ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)


def _describes(test: Any) -> str:
    """Return where a test asks what the function that it is given looks like."""
    for node in ast.walk(tree_of(test)) if isinstance(test, types.FunctionType) else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in DESCRIBING:
            continue
        given = [each.id for each in node.args if isinstance(each, ast.Name)]
        if given and given[0] in test.__code__.co_varnames[: test.__code__.co_argcount]:
            return f"{node.func.id}({given[0]})"
    return ""


def _codes(test: Any) -> Iterator[tuple[types.CodeType, Mapping[str, Any]]]:
    """Give the code of a learner's functions and of those in them, each with what its names mean."""
    for function in functions(test):
        names = _names(function)
        for code in _nested(function.__code__):
            yield code, names


def _names(function: types.FunctionType) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    names = dict(function.__globals__)
    for name, cell in cells:
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue  # nothing has been put into it
    return names


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _nested(each)


def _is_sleep(value: Any) -> bool:
    return isinstance(value, types.BuiltinFunctionType) and (value.__module__, value.__name__) == ("time", "sleep")


def _has_calendar(value: Any) -> bool:
    return value is datetime or (isinstance(value, type) and issubclass(value, datetime.date))
