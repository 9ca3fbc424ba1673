"""Where objects were made, noted without keeping them alive."""

from dataclasses import dataclass, field
from typing import Any
from weakref import ref

from course_lib.diagnostics.places import Spot

_FEW = 100  # entries below which nobody looks for those of objects that are gone


@dataclass(slots=True)
class Origins:
    """Notes of objects, by identity: at the end of an object's life its weak references are dead already.

    A note is true of the object that has this identity, since every new one overwrites what the last one left.
    """

    _notes: "dict[int, tuple[ref[Any], Spot | None]]" = field(default_factory=dict)
    _tidy_at: int = _FEW

    def note(self, thing: Any, spot: Spot | None) -> None:
        """Note where an object was made; an object that cannot be referred to weakly is not noted."""
        try:
            self._notes[id(thing)] = ref(thing), spot
        except TypeError:
            return
        if len(self._notes) >= self._tidy_at:
            self._notes = {key: note for key, note in list(self._notes.items()) if note[0]() is not None}
            self._tidy_at = max(_FEW, 2 * len(self._notes))

    def take(self, thing: Any) -> Spot | None:
        """Return the note of an object at the end of its life, and forget it; None without one."""
        _, spot = self._notes.pop(id(thing), (None, None))
        return spot

    def alive(self) -> list[tuple[Any, Spot | None]]:
        """Return the objects that are alive, each with its note, in order of the notes."""
        found = ((reference(), spot) for reference, spot in list(self._notes.values()))
        return [(thing, spot) for thing, spot in found if thing is not None]
