"""Which waits are outside: those whose end nobody in the program decides."""

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from types import CodeType, FrameType

# The innermost span that this code lies in; a task that is made inside a span lies in it, too.
_innermost: ContextVar["Stretch | None"] = ContextVar("innermost", default=None)


class Stretch:
    """A `span` as the explorer sees it: a name, open or not."""

    name: str
    open: bool
    around: "Stretch | None"

    def __init__(self, name: str) -> None:
        around = _innermost.get()
        while around is not None and not around.open:
            around = around.around
        self.name, self.open, self.around = name, True, around
        _innermost.set(self)

    def finish(self, _: float, __: BaseException | None) -> None:
        """Note the end of the span."""
        self.open = False
        if _innermost.get() is self:
            _innermost.set(self.around)


class Outside:
    """Which sleeps are waits outside: those in a span; or in spans and functions that somebody named."""

    def __init__(self, prefixes: Sequence[str] | None = None, functions: Sequence[CodeType] = ()) -> None:
        self._prefixes = None if prefixes is None else tuple(prefixes)
        self._functions = frozenset(functions)

    def name(self) -> str | None:
        """Return the name of the outside wait that the calling sleep is; None where it is a timer."""
        if self._functions:
            frame: FrameType | None = sys._getframe(2)
            while frame is not None:
                if frame.f_code in self._functions:
                    return frame.f_code.co_name
                frame = frame.f_back
        stretch = _innermost.get()
        while stretch is not None:
            if stretch.open and (self._prefixes is None or stretch.name.startswith(self._prefixes)):
                return stretch.name
            stretch = stretch.around
        return None
