"""Diagnostics of a notebook: what each cell did wrong is printed after it."""

import asyncio
import gc
import inspect
from typing import Any

from course_lib.diagnostics.around import cell_here
from course_lib.diagnostics.findings import Finding
from course_lib.diagnostics.places import cells, origin_place
from course_lib.diagnostics.watch import Watch

USAGE = """%diagnostics            what runs now, and what was found
%diagnostics collect    the same, after a garbage collection
%diagnostics slow 0.5   from how many seconds on a step held the loop"""
NAME = "diagnostics"

_loaded: "Cells | None" = None


def load(shell: Any) -> None:
    """Begin, in the shell of a notebook's kernel.

    Raises RuntimeError where no kernel, with a running loop, runs the cells.
    """
    global _loaded
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "%load_ext course_lib.diagnostics watches the event loop of a notebook's kernel, and no loop is running "
            "here: in a program, from course_lib.diagnostics import diagnose, and diagnose(main)"
        ) from None
    if _loaded is None:
        _loaded = Cells(shell, loop)
        _loaded.start()


def unload() -> None:
    """End, tell what was found in the cell that ends it, and put back what was there."""
    global _loaded
    if _loaded is not None:
        _loaded.stop()
        _loaded = None


class Cells(Watch):
    """Watches a kernel's loop, and knows which cell runs."""

    def __init__(self, shell: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._shell = shell
        self._cell = self._number_cells_so_far()

    def start(self) -> None:
        """Begin, with the rest of the cell that says so."""
        super().start()
        self.start_generators()
        cell_here.set(self._cell)
        self._shell.events.register("pre_run_cell", self.cell_begins)
        self._shell.events.register("post_run_cell", self.cell_ended)
        self._shell.register_magic_function(self.magic, "line", NAME)

    def stop(self) -> None:
        """End."""
        self._shell.events.unregister("pre_run_cell", self.cell_begins)
        self._shell.events.unregister("post_run_cell", self.cell_ended)
        self._shell.magics_manager.magics["line"].pop(NAME, None)
        self._tell()
        super().stop()
        cell_here.set(None)
        cells.clear()

    def cell_begins(self, info: Any) -> None:
        """Note which cell runs; it is this cell's code, and what it starts, that is watched."""
        # A client may run cells that do not count (nbval does): they are numbered in the order in which they come.
        self._cell = self._shell.execution_count - 1 if info.store_history else self._cell + 1
        cells[self._file_of(info)] = self._cell
        cell_here.set(self._cell)
        self.sessions.look_for_them()

    def cell_ended(self, result: Any) -> None:
        """Tell what was found."""
        cell_here.set(None)  # a cell that does not await shares its context with the kernel
        value = getattr(result, "result", None)
        if inspect.iscoroutine(value) and inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
            where = (f"made at {origin_place(value)[0]}",)
            what = "not awaited so far, kept as the cell's result"
            self.findings.add(Finding(what, f"{value.__name__}()", self._cell, where=where, fault=False))
        self._tell()

    def magic(self, line: str) -> None:
        """Show what runs now, and what was found; or do what USAGE says."""
        match line.split():
            case []:
                self._tell(again=True)
            case ["collect"]:
                gc.collect()
                self._tell(again=True)
            case ["slow", text] if (seconds := _seconds(text)) > 0:
                self.slow = seconds
            case _:
                print(USAGE)

    def runs_a_cell(self, coro: Any) -> bool:
        """Return whether a coroutine of the kernel's runs a cell."""
        code = getattr(coro, "cr_code", None)
        return code is not None and code is _code_of(self._shell.run_cell_async)

    def _tell(self, *, again: bool = False) -> None:
        self.look_around(again=again)
        told = self.findings.tell(f"asyncio diagnostics, cell {self._cell}:", self._cell)
        if told or again:
            print(told or "asyncio diagnostics: nothing to report")

    def _number_cells_so_far(self) -> int:
        """Number the cells that ran before this one, and return the number of this one."""
        ran: dict[str, int] = getattr(self._shell.compile, "_filename_map", {})  # private: how IPython names cells
        if self._shell.execution_count > 1:
            cells.update(ran)
            return int(self._shell.execution_count) - 1
        cells.update({file: number for number, file in enumerate(ran, start=1)})  # cells that do not count: see below
        return len(ran)

    def _file_of(self, info: Any) -> str:
        return str(self._shell.compile.get_code_name(info.raw_cell, info.transformed_cell, self._shell.execution_count))


def _code_of(function: Any) -> Any:
    return getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
