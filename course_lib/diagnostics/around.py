"""What is put around methods of one loop.

Around its methods, and not in by its setters: whoever sets a task factory or an exception handler, before or after, has
it alone in its place, and `get_task_factory()` and `get_exception_handler()` say what they would say.
"""

from contextvars import ContextVar
from types import CoroutineType
from typing import Any

from course_lib.diagnostics.watched import Watched
from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.layers import Layer, take_layers_off

# The cell that code runs for; 0 where there are no cells. A task inherits it from its creator. None: not watched.
cell_here: ContextVar[int | None] = ContextVar("diagnostics_cell", default=None)


def put_around(loop: Any, watch: Any) -> None:
    """Put the layers around the methods of a loop; `watch` is who hears of it."""
    for name, layer in _LAYERS.items():
        setattr(loop, name, layer(vars(loop).get(name), getattr(loop, name), watch).call)


def take_off(loop: Any) -> None:
    """Take off what is of an ended watch; what lies below somebody else's stays, and passes on."""
    for name in _LAYERS:
        take_layers_off(loop, name)


class _Create(Layer):
    def call(self, coro: Any, **kwargs: Any) -> Any:
        """Create a task. This is put in the method's place, and not a `__call__`, which Python takes longer to find."""
        watch: Any = self.owner
        if watch.open:
            # Here, and not in a method, for the sake of a call a task.
            context = kwargs.get("context") if kwargs else None
            cell = cell_here.get() if context is None else context.get(cell_here)
            if cell is not None and type(coro) is CoroutineType:
                coro = Watched(coro, watch, cell)
            else:
                coro = watch.of_another_kind(coro, cell)
        try:
            return self.real(coro, **kwargs) if kwargs else self.real(coro)
        except BaseException as error:
            leave_no_line(error)
            raise


class _Handle(Layer):
    def call(self, context: dict[str, Any]) -> None:
        """Handle what the loop is told."""
        watch: Any = self.owner
        if watch.open:
            watch.told(context)
        self.real(context)


_LAYERS: dict[str, type[Any]] = {"create_task": _Create, "call_exception_handler": _Handle}
