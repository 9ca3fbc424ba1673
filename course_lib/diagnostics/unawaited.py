"""Coroutines that nobody awaited: Python calls `warnings._warn_unawaited_coroutine` with each, as it goes.

The name is private, and the same in Python 3.7 to 3.15. The warning stays what it is without this layer, which costs
some care: it names the line of whoever called the layer, and says nothing of the origin that is noted for the layer.
"""

import sys
import traceback
import warnings
from typing import Any, Protocol

from course_lib.diagnostics.findings import Finding, Findings
from course_lib.diagnostics.places import origin_place, place, place_of, users_spot
from course_lib.seeing.timeline.layers import Layer, put_layer, take_layers_off

DEPTH = 1  # frames that Python is asked to note of each new coroutine: the line that made it


class Watching(Protocol):
    """Whose layer it is."""

    open: bool
    findings: Findings


class Unawaited:
    """Asks Python to note where this thread's coroutines are made, and tells of each that nobody awaited."""

    def __init__(self, watch: Watching) -> None:
        self._watch = watch

    def start(self, loop: Any) -> None:
        """Begin."""
        self._loop, self._depth = loop, sys.get_coroutine_origin_tracking_depth()
        if self._depth < DEPTH:
            sys.set_coroutine_origin_tracking_depth(DEPTH)
        put_layer(warnings, "_warn_unawaited_coroutine", _Layer, self._watch)

    def stop(self) -> None:
        """End, and put back what was there."""
        take_layers_off(warnings, "_warn_unawaited_coroutine")
        if self._depth >= DEPTH:
            return
        if sys.get_coroutine_origin_tracking_depth() == DEPTH:
            sys.set_coroutine_origin_tracking_depth(self._depth)
        elif getattr(self._loop, "_coroutine_origin_tracking_saved_depth", None) == DEPTH:
            # The loop's debug mode was switched on meanwhile, and will put back what it found.
            self._loop._coroutine_origin_tracking_saved_depth = self._depth


class _Layer(Layer):
    def __call__(self, coro: Any) -> None:
        layer: Any = self
        while isinstance(layer, _Layer):
            if layer.owner.open:
                layer.owner.findings.add(_finding(coro))
            layer = layer.real
        if getattr(layer, "__module__", "") not in ("warnings", "_py_warnings"):
            layer(coro)  # somebody else's
            return
        # What Python's own function does. It cannot be called: the warning would name the line of the call.
        lines = [f"coroutine '{coro.__qualname__}' was never awaited\n"]
        if coro.cr_origin is not None and len(coro.cr_origin) > DEPTH:  # debug mode asks for ten
            lines.append("Coroutine created at (most recent call last)\n")
            lines += traceback.format_list([(*frame, None) for frame in reversed(coro.cr_origin)])
        warnings.warn("".join(lines).rstrip("\n"), category=RuntimeWarning, stacklevel=2, source=coro)


def _finding(coro: Any) -> Finding:
    where, users = origin_place(coro)
    places = [f"made at {where}"] if where else []
    if not users:
        if not where:
            places.append(f"defined at {place(coro.cr_code.co_filename, coro.cr_code.co_firstlineno)}")
        if dropped := place_of(users_spot(sys._getframe(2))):  # a call without await drops its coroutine on that line
            places.append(f"dropped at {dropped}")
    return Finding("never awaited", f"{coro.__name__}()", where=tuple(places))
