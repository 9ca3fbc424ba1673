"""Run All: JupyterLab sends every cell at once, which nbval and `refresh` do not."""
# mypy: allow-untyped-calls, no-warn-return-any
# (nbformat has no types)

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernels
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbval.plugin import coalesce_streams  # type: ignore[import-untyped]

from course_lib.cli.refresh import refresh, sanitizer
from course_lib.lab.servers import has_redis
from course_lib.paths import MASTERS


def run_all(kernel: kernels.Kernel, notebook: nbformat.NotebookNode) -> None:
    """Send all code cells at once and assert that each ran and said what is saved."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and can_run(cell)]
    expected = ["raises-exception" in cell.metadata.get("tags", ()) for cell in cells]
    requests = [kernel.send(cell.source, stop_on_error=not fails) for cell, fails in zip(cells, expected, strict=True)]
    said = kernel.run(*requests)
    for number, (cell, request) in enumerate(zip(cells, requests, strict=True), start=1):
        now, saved = list(comparable(said[request])), list(comparable(cell.outputs))
        assert now == saved, f"code cell {number}:\n{cell.source}"


def can_run(cell: nbformat.NotebookNode) -> bool:
    """Return whether a cell has the Redis that it needs: there may be a stand-in alone, as the lesson says."""
    return "needs-redis" not in cell.metadata.get("tags", ()) or has_redis()


def comparable(outputs: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield what is compared of a cell's outputs: streams, text and the names of errors, sanitized as nbval does."""
    sanitized = sanitizer()
    streams = []
    for output in coalesce_streams([nbformat.from_dict(dict(output)) for output in outputs]):
        if output.output_type == "stream":
            streams.append((output.name, sanitized(output.text)))
        elif output.output_type == "error":
            yield "error", output.ename
        else:
            yield "text", sanitized(output.data.get("text/plain", ""))
    yield from sorted(streams)  # which of stdout and stderr comes first is chance


@pytest.mark.parametrize("path", sorted(MASTERS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_runs_all_at_once_and_again_after_a_restart(path: Path) -> None:
    """Sent all at once, every cell runs and says what is saved; so it does after a restart, beside the old servers."""
    notebook = nbformat.read(path, as_version=4)
    with kernels.start(path.parent) as kernel:
        run_all(kernel, notebook)
        # Only databases outlive a kernel: without one, the second would be the fresh kernel that the first one was.
        if any("import servers" in cell.source for cell in notebook.cells):
            kernel.restart()
            run_all(kernel, notebook)


@pytest.fixture
def saved(tmp_path: Path) -> nbformat.NotebookNode:
    """A small notebook with its saved outputs."""
    sources = [
        "from course_lib.notebook import setup\nsetup()",
        "import asyncio\nawait asyncio.sleep(0.01)\nprint('first')",
        "1 / 0",
        "print(object())",
    ]
    cells = [new_code_cell(source) for source in sources]
    cells[2].metadata["tags"] = ["raises-exception"]
    path = tmp_path / "small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    refresh(path)
    return nbformat.read(path, as_version=4)


def test_a_cell_that_says_something_else_is_found(saved: nbformat.NotebookNode) -> None:
    """The comparison passes on what was saved, and names the cell whose saved text is another."""
    with kernels.start() as kernel:
        run_all(kernel, saved)
        saved.cells[1].outputs[0].text = "second\n"
        with pytest.raises(AssertionError, match="code cell 2:"):
            run_all(kernel, saved)


def test_a_cell_that_never_ran_is_found(saved: nbformat.NotebookNode) -> None:
    """Cells that the kernel drops, here because one before them failed, do not pass as cells without output."""
    saved.cells[2].metadata["tags"] = []
    saved.cells[3].outputs = []
    with kernels.start() as kernel, pytest.raises(LookupError, match=r"code cells \[4\]"):
        run_all(kernel, saved)
