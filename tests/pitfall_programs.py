"""The programs of a lesson on pitfalls, read from its notebook's cells by name, so that tests and lesson stay one.

`programs("07a_tasks_and_loops")["forgotten"].run()` runs what stands under `%%program forgotten` in the lesson;
`definitions("07a_tasks_and_loops").gathered` is the function of that name, as the lesson has it in the end.
"""

import ast
import json
from functools import cache
from types import SimpleNamespace
from typing import Any

from course_lib.paths import MASTERS
from course_lib.programs import Program

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def programs(lesson: str) -> dict[str, Program]:
    """Return the programs that stand under `%%program NAME` in a lesson, by their names."""
    found = {}
    for source in _code_cells(lesson):
        first, _, rest = source.partition("\n")
        if first.startswith("%%program "):
            found[first.split()[1]] = Program(rest)
    return found


def definitions(lesson: str) -> Any:
    """Return what a lesson's other cells import and define, without running anything else of them."""
    namespace: dict[str, Any] = {"__name__": lesson}
    for source in _code_cells(lesson):
        if source.startswith("%%"):
            continue
        lines = ["" if line.startswith("%") else line for line in source.splitlines()]
        tree = ast.parse("\n".join(lines))
        tree.body = [node for node in tree.body if isinstance(node, KEPT)]
        exec(compile(tree, lesson, "exec"), namespace)
    return SimpleNamespace(**{name: value for name, value in namespace.items() if name.isidentifier()})


@cache
def notebook(lesson: str) -> Any:
    """Return a lesson's notebook, as JSON has it."""
    return json.loads((MASTERS / f"{lesson}.ipynb").read_text(encoding="utf-8"))


def _code_cells(lesson: str) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook(lesson)["cells"] if cell["cell_type"] == "code"]
