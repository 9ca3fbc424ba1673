"""The functions that a learner's test is run with: right ones, and some with a seeded bug."""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Code:
    """An implementation: a function, or its text with changes, made anew for each run so that none remembers another.

    Args:
        function: the function as it stands in its module.
        changes: what is written differently: pairs of what stands there once, and what stands there instead.
    """

    function: Callable[..., Any]
    changes: Sequence[tuple[str, str]] = ()

    def make(self) -> Callable[..., Any]:
        """Return the function, made anew."""
        names = dict(vars(sys.modules[self.function.__module__]))
        exec(self._compiled, names)
        made: Callable[..., Any] = names[self.function.__name__]
        return made

    @cached_property
    def source(self) -> str:
        """The text of the function, with the changes."""
        text = inspect.getsource(self.function)
        for before, after in self.changes:
            if text.count(before) != 1:
                raise ValueError(f"changes have {before!r}, which stands {text.count(before)} times in the function")
            text = text.replace(before, after)
        return text

    @cached_property
    def _compiled(self) -> CodeType:
        lines_before = "\n" * (self.function.__code__.co_firstlineno - 1)
        return compile(lines_before + self.source, self.function.__code__.co_filename, "exec")


@dataclass(frozen=True)
class Right:
    """A right implementation; `style` says what it does differently, after "one that"."""

    code: Code
    style: str


@dataclass(frozen=True)
class Bug:
    """A seeded bug.

    Args:
        what: what it does, after "it", in a few words.
        lesson: what a teacher would say to somebody whose test lets it pass.
        code: the implementation that has it.
    """

    what: str
    lesson: str
    code: Code
