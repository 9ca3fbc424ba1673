"""Which part of course_lib may import which: the arrows of the design, and how to find one that points back."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LESSONS: dict[str, set[str]] = {
    "fetching": {"seeing", "standards"},
    "monitor": {"seeing"},
    "lifecycle": set(),
    "crawler": {"seeing", "lifecycle", "standards", "files"},
    "database": {"lifecycle"},
    "users": {"database"},
    "comparison": {"seeing", "lifecycle", "family"},
    "tasks": {"lifecycle"},
    "programs": {"family"},
    "pytests": {"programs"},
    "diagnostics": {"monitor", "seeing"},
    "tracing": {"monitor", "diagnostics", "seeing"},
    "streams": set(),
    "pipeline": {"seeing", "streams", "lifecycle"},
    "jobs": {"lifecycle"},
    "interop": {"lifecycle"},
    "commands": {"family", "lifecycle"},
    "testing": {"seeing", "diagnostics"},
    "profiling": {"seeing", "monitor"},
    "load": {"lifecycle"},
}
"""The lesson modules, in the order of the course, and what each may import: never one that comes after."""

BASE = {"files", "standards", "family"}
"""What knows nothing of the course: how a file is written, text from outside is read, and processes are ended."""

SHOWN = {"seeing.shown", "seeing.clock", "seeing.timeline"}
"""What a verb that makes something visible stands on."""

VERBS = {
    "seeing.bars",
    "seeing.comparing",
    "seeing.counting",
    "seeing.charts",
    "seeing.grids",
    "seeing.links",
    "seeing.stepping",
    "seeing.orders",
}
"""What can be drawn, besides a timeline."""

MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli"},
    "paths": set(),
    **{part: set() for part in BASE},
    "seeing.shown": set(),
    "seeing.clock": set(),
    "seeing.timeline": {"seeing.shown", "seeing.clock"},
    "seeing.bars": SHOWN,
    "seeing.comparing": SHOWN,
    "seeing.counting": SHOWN,
    "seeing.charts": SHOWN,
    "seeing.grids": SHOWN,
    "seeing.links": SHOWN,
    "seeing.widgets": set(),
    "seeing.exploring": {*SHOWN, "seeing.widgets"},
    "seeing.stepping": {*SHOWN, "seeing.widgets"},
    "seeing.orders": {*SHOWN, "seeing.comparing"},
    "seeing.plotting": {*SHOWN, *VERBS},
    "seeing": {*SHOWN, *VERBS, "seeing.exploring"},
    "edition": {"paths"},
    "notebook": {"edition"},
    "lab": {"paths", "files"},
    "website": {"paths"},
    "teaching": {"exercises", "paths", "website"},
    "cli": {"__init__", "paths", "edition", "family", "files", "lab", "teaching", "tracing", "website", "exercises"},
    "exercises": {"seeing", "paths", "files", "lab"},
    "service": {"lifecycle", "monitor", "crawler", "database", "tasks", "jobs", "lab"},  # made of lessons, not one
    **LESSONS,
}
"""What each part may import besides itself. For the lessons, "seeing" is its face, its clock and its timeline."""

MAY_IMPORT_LATE = {"seeing": {"seeing.plotting"}}
"""What a part may import inside a function only."""

ONLY_IN = {"matplotlib": "seeing.plotting"}
"""Outside packages that one part keeps to itself."""


def violations(package: Path) -> Iterator[str]:
    """Yield a sentence for every import in the folder `package` (course_lib) that the table above does not allow."""
    graph: dict[str, set[str]] = {}
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package)
        module = ".".join(place.with_suffix("").parts)
        part = part_of(module)
        if part is None:
            yield f"{place.parts[0].removesuffix('.py')}: say in tests/arrows.py where this part stands"
            continue
        graph[module] = set()
        for name, late in imports(ast.parse(file.read_bytes()), (package.name, *place.with_suffix("").parts)):
            top, _, rest = name.partition(".")
            if part == "__init__" or top == "tests" or top.startswith("test_"):
                yield f"{place} imports {name}"
            elif top in ONLY_IN and part != ONLY_IN[top]:
                yield f"{place} imports {name}, which only {ONLY_IN[top]} may"
            elif top == package.name:
                graph[module] |= set() if late else {rest}
                target = part_of(rest) or "__init__"  # `from course_lib import __version__`
                allowed = {part, *MAY_IMPORT[part], *(MAY_IMPORT_LATE.get(part, set()) if late else ())}
                if "seeing" in allowed:
                    allowed |= SHOWN
                if target not in allowed:
                    where = ", " if late else ", at the top: "
                    yield f"{place} imports {name}{where}but {part} may not import {target}"
    if circle := circle_in(graph):
        yield f"a circle: {' imports '.join(circle)}"


def part_of(name: str) -> str | None:
    """Return the part that a name of course_lib, given without the package, lies in; None where there is none."""
    names = name.split(".")
    parts = (".".join(names[:depth]) for depth in range(len(names), 0, -1))
    return next((part for part in parts if part in MAY_IMPORT), None)


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """Return modules that import one another in a circle, the first one again at its end; [] where there is none.

    Args:
        graph: the names that each module imports: of modules, or of what stands in one.
    """
    files = {module.removesuffix(".__init__"): module for module in graph}

    def file(name: str) -> str | None:
        return files.get(name) or files.get(name.rpartition(".")[0])

    try:
        TopologicalSorter(
            {module: {file(name) or "" for name in graph[module]} - {module} for module in graph}
        ).prepare()
    except CycleError as error:
        return [str(name) for name in reversed(error.args[1])]
    return []


def imports(tree: ast.AST, module: tuple[str, ...], *, late: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield the full name of all that is imported in `tree`, the code of `module`, and whether inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module[: len(module) - node.level] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            yield from ((f"{base}.{alias.name}", late) for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            yield from ((arg.value, late) for arg in node.args if isinstance(arg, ast.Constant))
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, module, late=inside)
