"""Play with a simulation: move a slider, and the swimlane redraws at once."""
# mypy: allow-untyped-calls
# (IPython's display has no types)

import contextlib
import inspect
import io
import math
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from course_lib.seeing.timeline import Timeline, simulate
from course_lib.seeing.timeline.mains import check_main
from course_lib.seeing.timeline.text import round_up
from course_lib.seeing.widgets import HANDLE, in_notebook, show_widget

POSITIONS = 64  # of the sliders together: so many are looked at for the time axis; of more, only the sliders' ends
LONGEST = 1.0  # real seconds that each of them may take

Main = Callable[..., Coroutine[Any, Any, Any]]
Number = int | float


@dataclass(frozen=True)
class _Slider:
    name: str
    low: Number
    high: Number
    step: Number
    value: Number

    @property
    def positions(self) -> list[Number]:
        """Every value it can have."""
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        # A slider of floats counts low + step + step: 0.1 + 2 * 0.1 is not 0.3.
        return [round(self.low + place * self.step, 9) for place in range(count + 1)]

    @property
    def description(self) -> str:
        """What stands in the slider's place where there are no widgets."""
        return f"slider: {self.name}, {self.low} to {self.high} (run the cell to move it)"


def explore(main: Main, /, **sliders: tuple[Number, ...]) -> None:
    """Simulate a coroutine function, show its timeline, and below it sliders for its parameters that redraw it.

    All positions have one time axis: so that it is known, main is simulated at each of them first, unseen.

    Args:
        main: the coroutine function, written with async def; it runs on a virtual clock, as with `simulate`.
        sliders: a range for each parameter to play with: `in_flight=(1, 10)`, `delay=(0.1, 2.0)`, or with a step
            `delay=(0.1, 2.0, 0.1)`; ints for a slider of whole numbers. It starts at the parameter's own default, or
            at the low end.

    Outside a notebook it prints the timeline's text. What main raises at the first values is raised; what it raises
    when a slider has moved is shown in place of the timeline. Raises TypeError when main is no coroutine function, when
    a name is not a parameter of main, when a parameter has neither slider nor default, or when a range is not two or
    three numbers of one type; ValueError when a range is empty, its step too large, or the default outside.
    """
    chosen = [_slider(name, given, parameter) for name, given, parameter in _pairs(main, sliders)]
    values = {slider.name: slider.value for slider in chosen}
    timeline = simulate(lambda: main(**values))
    if not in_notebook():
        print(timeline)
        return
    end = max([timeline.end, *_ends(main, chosen)])
    _show(main, chosen, values, replace(timeline, end=end))


def _ends(main: Main, sliders: list[_Slider]) -> Iterator[float]:
    """Give how long main takes at each position of the sliders; nothing for those at which it fails."""
    places = [slider.positions for slider in sliders]
    if math.prod(map(len, places)) > POSITIONS:
        places = [[each[0], each[-1]] for each in places]
    names = [slider.name for slider in sliders]
    for chosen in product(*places):
        values = dict(zip(names, chosen, strict=True))
        # What main prints there, and how it fails, is shown when the learner comes there.
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            yield simulate(partial(main, **values), limit=LONGEST).end


def _show(main: Main, sliders: list[_Slider], values: dict[str, Number], timeline: Timeline) -> None:
    from IPython.display import display  # these three here: a script that imports this module may do without them
    from ipywidgets import FloatSlider, IntSlider, VBox  # type: ignore[import-untyped]

    shown = display(timeline, display_id=True)
    longest = max(len(slider.name) for slider in sliders)  # so that several start at one place
    boxes = []
    for slider in sliders:
        box = (IntSlider if isinstance(slider.low, int) else FloatSlider)(
            value=slider.value, min=slider.low, max=slider.high, step=slider.step, description=slider.name,
            readout_format=f".{_decimals(slider.low, slider.step, slider.value)}f",
            style={"description_width": f"{longest + 2}ch", "handle_color": HANDLE},
            layout={"width": "480px", "max_width": "100%"},
        )  # fmt: skip

        def moved(change: Mapping[str, Any], name: str = slider.name) -> None:
            values[name] = round(change["new"], 9)
            shown.update(_simulated(main, values, timeline.end))

        box.observe(moved, names="value")
        boxes.append(box)
    widget = boxes[0] if len(boxes) == 1 else VBox(boxes)
    show_widget(widget, "\n".join(slider.description for slider in sliders))


class _Sentence:
    """Shown in place of a timeline."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _simulated(main: Main, values: Mapping[str, Number], end: float) -> Timeline | _Sentence:
    try:
        timeline = simulate(lambda: main(**values))
        return replace(timeline, end=max(end, timeline.end))
    except Exception as error:  # noqa: BLE001  # a widget's callback would lose it; a learner looks at the picture
        called = ", ".join(f"{name}={value}" for name, value in values.items())
        return _Sentence(f"{_name(main)}({called}) raised {type(error).__name__}: {error}".rstrip(": "))


def _pairs(main: Main, sliders: Mapping[str, Any]) -> list[tuple[str, Any, inspect.Parameter]]:
    """Pair each slider with its parameter of main, or say what does not match."""
    check_main(main, "explore")
    if not inspect.iscoroutinefunction(main):
        raise TypeError(f"main={main!r}: pass a coroutine function, one written with async def")
    called, parameters = _name(main), inspect.signature(main).parameters
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    names = ", ".join(named) or "none"
    if not sliders:
        raise TypeError(
            f"no slider for {called}: pass a range for one of its parameters ({names}), such as in_flight=(1, 10)"
        )
    for name in sliders:
        if name not in named:
            raise TypeError(f"{name} is not a parameter of {called}, which has: {names}. Name the slider so")
    for name, parameter in parameters.items():
        optional = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name not in sliders and parameter.default is parameter.empty and not optional:
            raise TypeError(f"{name} of {called} has neither a slider nor a default: give it one of the two")
    return [(name, given, named[name]) for name, given in sliders.items()]


def _slider(name: str, given: Any, parameter: inspect.Parameter) -> _Slider:
    """Make sense of a range, or say what is wrong with it."""
    if not (isinstance(given, tuple | list) and len(given) in (2, 3)):
        raise TypeError(f"{name}={given!r}: pass (low, high) or (low, high, step)")
    kinds = {type(number) for number in given}
    if kinds not in ({int}, {float}):
        raise TypeError(f"{name}={given!r}: pass ints alone or floats alone, such as (1, 10) or (0.5, 2.0)")
    low, high, *rest = given
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name}={given!r}: the low end must be less than the high end; pass (low, high)")
    step = rest[0] if rest else 1 if kinds == {int} else round_up((high - low) / 50)
    if not 0 < step <= high - low:
        raise ValueError(f"{name}={given!r}: the step must be more than 0 and at most {high - low:.9g}, high minus low")
    value = low if parameter.default is parameter.empty else parameter.default
    allowed = (int,) if kinds == {int} else (int, float)
    if type(value) not in allowed or not low <= value <= high:
        kind = "a whole number" if kinds == {int} else "a number"
        raise ValueError(
            f"{name}={given!r}: the default of {name}, {value!r}, must be {kind} from {low} to {high}; "
            "change the default or the range"
        )
    return _Slider(name, low, high, step, kinds.pop()(value))


def _name(main: Main) -> str:
    return getattr(main, "__name__", "main")  # a functools.partial has none


def _decimals(*numbers: Number) -> int:
    """Return how many decimals are needed to write the numbers, 9 at most."""
    return max(len(f"{number:.9f}".rstrip("0").partition(".")[2]) for number in numbers)
