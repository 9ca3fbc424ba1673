"""What a test's own code shows, and no run of it: that it asserts nothing, sleeps in earnest, or looks inside."""

import dis
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any

from course_lib.exercises.causes import is_learners

# What looks at code instead of at what it does.
PEEKING = re.compile(
    r"getsource\w*|getclosurevars|currentframe|_getframe|(get|extract|format|print|walk)_stack|(extract|walk)_tb|get_coro|"
    r"get_(objects|referents|referrers)|f_(back|code|locals)|tb_\w+|cr_\w+|co_\w+|__(closure|code|traceback)__"
)
ASSERTING = frozenset({"raises", "fail", "warns", "AssertionError"})


def peeks(test: Any) -> str:
    """Return what a test uses that looks inside what it is given; empty where it only calls it."""
    return next((name for code, _ in _codes(test) for name in code.co_names if PEEKING.fullmatch(name)), "")


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


def _codes(function: Any) -> Iterator[tuple[types.CodeType, Mapping[str, Any]]]:
    """Give the code of a learner's function, of those in it and those that it names, each with what its names mean."""
    seen = set[types.CodeType]()
    todo = [function]
    while todo:
        function = todo.pop()
        if not isinstance(function, types.FunctionType) or not is_learners(function.__code__):
            continue
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        names = dict(function.__globals__)
        for name, cell in cells:
            try:
                names[name] = cell.cell_contents
            except ValueError:
                continue  # nothing has been put into it
        for code in _nested(function.__code__):
            if code not in seen:
                seen.add(code)
                yield code, names
                todo += [names.get(name) for name in code.co_names + code.co_freevars]


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _nested(each)


def _is_sleep(value: Any) -> bool:
    return isinstance(value, types.BuiltinFunctionType) and (value.__module__, value.__name__) == ("time", "sleep")
