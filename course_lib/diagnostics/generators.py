"""Asynchronous generators that are left in the middle: nobody closes them, so the loop does, at some later time.

Python calls a hook when a generator is first iterated, and one when it goes away unfinished; the loop has hooks of its
own, which go on working.
"""

import sys
from typing import Any, Protocol

from course_lib.diagnostics.findings import Finding, Findings
from course_lib.diagnostics.origins import Origins
from course_lib.diagnostics.places import place, place_of, users_spot
from course_lib.seeing.timeline.frames import is_library
from course_lib.seeing.timeline.layers import Layer, without_ended


class Watching(Protocol):
    """Whose hooks they are."""

    open: bool
    findings: Findings


class Generators:
    """Tells of each generator that is left open, on the thread that starts it."""

    def __init__(self, watch: Watching) -> None:
        self.open, self.watch, self.iterated = False, watch, Origins()

    def start(self) -> None:
        """Begin; call it while the loop runs, since a loop sets its hooks when it begins to run."""
        first, last = sys.get_asyncgen_hooks()
        # Without a hook at the end Python closes a generator at once: a hook of ours would change that.
        self.open = last is not None
        if self.open:
            ours = _First(first, first, self).note, _Last(last, last, self).note  # type: ignore[arg-type]
            sys.set_asyncgen_hooks(*ours)

    def stop(self) -> None:
        """End, and put back what was there; generators begun meanwhile keep the hook, which only passes on."""
        self.open = False
        sys.set_asyncgen_hooks(*(without_ended(hook) for hook in sys.get_asyncgen_hooks()))

    def still_open(self) -> list[tuple[Any, str]]:
        """Return the generators that are begun, not finished and not running, each with the line that iterates it."""
        found = []
        for generator, spot in self.iterated.alive():
            if generator.ag_frame is not None and not generator.ag_running and not is_library(generator.ag_code):
                found.append((generator, place_of(spot)))
        return found


class _First(Layer):
    def note(self, generator: Any) -> None:
        owner: Any = self.owner
        if owner.open:
            owner.iterated.note(generator, users_spot(sys._getframe(1)))
        if self.real is not None:
            self.real(generator)


class _Last(Layer):
    def note(self, generator: Any) -> None:
        owner: Any = self.owner
        if owner.open and owner.watch.open:
            spot, frame = owner.iterated.take(generator), generator.ag_frame
            where = [f"iterated at {place_of(spot)}"] if spot else []
            if frame is not None:
                where.append(f"stopped at {place(frame.f_code.co_filename, frame.f_lineno)}")
            owner.watch.findings.add(Finding("left open", f"generator {generator.__name__}()", where=tuple(where)))
        self.real(generator)
