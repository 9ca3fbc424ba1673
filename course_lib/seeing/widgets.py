"""Sliders and buttons: whether there is a notebook to show them in, and the words that stand for them elsewhere."""
# mypy: allow-untyped-calls
# (IPython's display has no types)

from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"

HANDLE = "#0b4a7d"
"""The colour of a slider's handle, that of a running step: the widget's own is white on white."""


def in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this code: in IPython's terminal a slider could not be shown."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def show_widget(widget: Any, text: str) -> None:
    """Show a widget, with a text in its place where there are no widgets.

    By hand: the text of a widget is its class and state, which helps nobody where it is all that is shown.
    """
    from IPython.display import display  # here: a script that imports this module may do without it

    display({"text/plain": text, WIDGET: widget._repr_mimebundle_()[WIDGET]}, raw=True)
