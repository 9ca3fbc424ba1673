"""What diagnostics say of the lessons: python tests/diagnosed_lessons.py [notebooks]

Each notebook is run whole, as Run All runs it, with `%load_ext course_lib.diagnostics` after its first code cell. Many
lessons show a fault on purpose; what else is told is a finding about the lesson, or about the diagnostics.
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import kernels
import nbformat

from course_lib.paths import MASTERS

LOAD = "%load_ext course_lib.diagnostics"
TOLD = re.compile(r"^asyncio diagnostics, cell \d+:\n(?:  .*\n?)+", re.MULTILINE)


def told_after_each_cell(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number, the source and what is told, for each code cell of a notebook after which something is."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    with kernels.start(path.parent) as kernel:
        sources = [cells[0].source, LOAD, *(cell.source for cell in cells[1:])]
        sent = [kernel.send(source, stop_on_error=False) for source in sources]
        outputs = kernel.run(*sent)
    for number, (source, request) in enumerate(zip(sources, sent, strict=True), start=1):
        text = "".join(output["text"] for output in outputs[request] if output.get("name") == "stdout")
        for told in TOLD.findall(text):
            yield number, source, told


def main(names: list[str]) -> None:
    """Print what is told of these notebooks, or of all."""
    for path in map(Path, names) if names else sorted(MASTERS.glob("*.ipynb")):
        print(f"== {path.name}")
        for number, source, told in told_after_each_cell(path):
            print(f"after cell {number} ({source.strip().splitlines()[0]}):\n{told}")


if __name__ == "__main__":
    main(sys.argv[1:])
