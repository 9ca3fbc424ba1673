"""Which part of course_lib may import which: the arrows of the design, and how to find one that points back."""

import ast
from collections.abc import Iterator
from pathlib import Path

LESSONS = ("fetching", "monitor", "lifecycle", "crawler", "database", "users", "comparison")
"""The lesson modules, in the order of the course. Any may import those before it, and none what comes after."""

LOOKING = {"clock", "timeline"}

MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli"},
    "paths": set(),
    "clock": {"timeline"},
    "timeline": {"clock"},
    "plotting": {"timeline"},
    "explore": {"timeline", "plotting"},
    "notebook": {"paths"},
    "lab": {"paths"},
    "cli": {"__init__", "paths", "lab"},
    "exercises": {*LESSONS, *LOOKING, "lab", "paths"},
    **{lesson: {*LOOKING, *LESSONS[:place]} for place, lesson in enumerate(LESSONS)},
}
"""What each part may import besides itself."""

MAY_IMPORT_LATE = {"timeline": {"plotting"}}
"""What a part may import inside a function only."""

ONLY_IN = {"matplotlib": "plotting"}
"""Outside packages that one part keeps to itself."""


def violations(package: Path) -> Iterator[str]:
    """Yield a sentence for every import in the folder `package` (course_lib) that the table above does not allow."""
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package)
        part = place.parts[0].removesuffix(".py")
        if part not in MAY_IMPORT:
            yield f"{part}: say in tests/arrows.py where this part stands"
            continue
        for name, late in imports(ast.parse(file.read_bytes()), (package.name, *place.with_suffix("").parts)):
            top, _, rest = name.partition(".")
            if part == "__init__" or top == "tests" or top.startswith("test_"):
                yield f"{place} imports {name}"
            elif top in ONLY_IN and part != ONLY_IN[top]:
                yield f"{place} imports {name}, which only {ONLY_IN[top]} may"
            elif top == package.name:
                named = rest.partition(".")[0]
                target = named if named in MAY_IMPORT else "__init__"  # `from course_lib import __version__`
                allowed = {part, *MAY_IMPORT[part], *(MAY_IMPORT_LATE.get(part, set()) if late else ())}
                if target not in allowed:
                    where = ", " if late else ", at the top: "
                    yield f"{place} imports {name}{where}but {part} may not import {target}"


def imports(tree: ast.AST, module: tuple[str, ...], *, late: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield the full name of everything imported in `tree`, the code of `module`, and whether inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module[: len(module) - node.level] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            # `from course_lib import lab` names a part only in what it imports.
            yield from ((f"{base}.{alias.name}" if base == module[0] else base, late) for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            yield from ((arg.value, late) for arg in node.args if isinstance(arg, ast.Constant))
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, module, late=inside)
