"""Putting a function in another's place for a while, when others do so too and may end in any order."""

from collections.abc import Callable
from typing import Any


class Layer:
    """A function put in another's place: `before` is what stood there (None: nothing of its own), `real` what it calls.

    `owner` is whose layer it is; its `open` says whether the layer still does anything. A layer whose owner has ended
    passes everything on, and stays until it is the outermost.
    """

    def __init__(self, before: Any, real: Callable[..., Any], owner: Any) -> None:
        self.before, self.real, self.owner = before, real, owner


def without_ended(outermost: Any) -> Any:
    """Return what is left of a function, or of a layer's method, without the layers on top whose owner has ended."""
    while isinstance(layer := getattr(outermost, "__self__", outermost), Layer) and not layer.owner.open:
        outermost = layer.before
    return outermost


def put_layer(owner_of_method: Any, name: str, layer: Callable[..., Any], owner: Any) -> Any:
    """Put a layer around a method of one object, and return it."""
    made = layer(vars(owner_of_method).get(name), getattr(owner_of_method, name), owner)
    setattr(owner_of_method, name, made)
    return made


def take_layers_off(owner_of_method: Any, name: str) -> None:
    """Take off the layers around a method whose owner has ended, from the outside in."""
    left = without_ended(vars(owner_of_method).get(name))
    if left is not None:
        setattr(owner_of_method, name, left)
    elif name in vars(owner_of_method):
        delattr(owner_of_method, name)
