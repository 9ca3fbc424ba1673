"""Buttons and a slider under a step: the learner goes through a program by hand, or lets it play."""
# mypy: allow-untyped-calls
# (IPython's display has no types)

from collections.abc import Mapping
from typing import Any

from course_lib.seeing.stepping.model import Steps
from course_lib.seeing.widgets import HANDLE, in_notebook, show_widget

PAUSE = 1500  # milliseconds between two steps that play by themselves: time to read one


def play(steps: Steps) -> None:
    """Show the beginning of a program, and below it buttons and a slider that redraw it for any other step.

    Where there are no widgets, the picture of the beginning stands there with the table of all steps as its text.
    Outside a notebook the table is printed.
    """
    if not in_notebook():
        print(steps)
        return
    from IPython.display import display  # these here: a script that imports this module may do without them
    from ipywidgets import Button, HBox, IntSlider, Play, jslink  # type: ignore[import-untyped]

    beginning, _ = steps[0]._repr_mimebundle_()
    shown = display(beginning | {"text/plain": str(steps)}, raw=True, display_id=True)
    last = len(steps) - 1
    slider = IntSlider(
        value=0, min=0, max=last, description="step", continuous_update=True,
        style={"description_width": "6ch", "handle_color": HANDLE}, layout={"width": "420px", "max_width": "100%"},
    )  # fmt: skip
    player = Play(value=0, min=0, max=last, interval=PAUSE)
    jslink((player, "value"), (slider, "value"))
    width = {"width": "10ch", "flex": "none"}  # the slider gets narrower, not the words
    back = Button(description="back", tooltip="go one step back", layout=width)
    forward = Button(description="forward", tooltip="go one step forward", layout=width)

    def moved(change: Mapping[str, Any]) -> None:
        bundle, _ = steps[change["new"]]._repr_mimebundle_()
        shown.update(bundle, raw=True)

    def by(step: int) -> Any:
        def move(_: Any) -> None:
            slider.value = min(max(slider.value + step, 0), last)

        return move

    slider.observe(moved, names="value")
    back.on_click(by(-1))
    forward.on_click(by(+1))
    show_widget(HBox([player, back, forward, slider]), f"player: step 0 to {last} (run the cell to move it)")
