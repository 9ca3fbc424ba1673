"""A small test file, run by pytest in a Python of its own: a cell under `%%test NAME`.

pytest cannot run tests of asynchronous code in a notebook's kernel, whose loop runs already. The first line of such a
cell gives the file a name, and may give pytest options:

    %%test shop -W error
    async def test_it(): ...

It becomes test_shop.py; `shop.run()` runs it again, `shop.lint()` shows what ruff says. A cell under `%%module NAME` is
run in the kernel as if it were bare, and lies beside the test files that come after it, as NAME.py.
`%load_ext course_lib.pytests` brings both magics.

Of the plugins that are installed, pytest loads those of pytest-asyncio and anyio, and what `-p` asks for. The promise:
what is shown is the same on every Python and machine, as far as the files' own words are. Left out are pytest's head,
frames and lines of code of all files but these, and hints to its manual; seconds are shown as measured: "in ~0.02 s".
"""

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from course_lib.programs import Program, Ran, tidy

OPTIONS = ("-q", "--no-header", "--tb=short", "-rN", "--color=no", "-p", "no:cacheprovider")
PLUGINS = ("--disable-plugin-autoload", "-p", "asyncio", "-p", "anyio")  # by the names that they registered
SETTINGS = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


class TestFile(Program):
    """A test file as text, to be run by pytest and linted."""

    __test__ = False  # pytest takes a class of this name for tests

    def __init__(self, source: str, name: str, modules: Mapping[str, str] | None = None) -> None:
        super().__init__(source)
        self.file = f"test_{name}.py"
        self.modules = {f"{module}.py": text for module, text in (modules or {}).items()}

    def __repr__(self) -> str:
        return f"<{self.file}, {len(self.source.splitlines())} lines>"

    def _command(self, path: Path, *options: str) -> list[str]:
        # A file of settings in its folder, so that none above it is found.
        for name, text in {"pytest.ini": SETTINGS, **self.modules}.items():
            (path.parent / name).write_text(text, encoding="utf-8")
        return [sys.executable, "-m", "pytest", *OPTIONS, *PLUGINS, *options, str(path)]

    def _tidy(self, output: str, path: Path) -> str:
        folder = re.compile(re.escape(str(path.parent)) + r"[/\\]")
        return tidy(_stable(folder.sub("", output.replace("\r\n", "\n")), {self.file, *self.modules}), path)


def load_ipython_extension(shell: Any) -> None:
    """Bring the cell magics `%%test NAME [options of pytest]` and `%%module NAME`."""
    modules: dict[str, str] = {}

    def test(line: str, cell: str) -> Ran:
        name, *options = _named(line, "%%test shop -W error")
        file = shell.user_ns[name] = TestFile(cell, name, modules)
        return file.run(*options)

    def module(line: str, cell: str) -> None:
        (name,) = _named(line, "%%module shop")
        # As IPython compiles a cell, so that an error shows its lines; the magic's own is the first.
        whole = f"\n{cell}"
        exec(shell.compile(whole, shell.compile.cache(whole), "exec"), shell.user_ns)
        modules[name] = cell

    shell.register_magic_function(test, "cell")
    shell.register_magic_function(module, "cell")


def _named(line: str, example: str) -> list[str]:
    name, *options = line.split() or [""]
    if not name.isidentifier() or (options and "module" in example):
        raise ValueError(f"{line!r} behind the magic: a name is needed, such as {example}")
    return [name, *options]


_FRAME = re.compile(r"^(?P<file>\S[^:]*(?::\\[^:]*)?):\d+: in ")
_WARNED = re.compile(r"^  (?P<file>\S.*\.py):\d+: (?P<said>\w+Warning: .*)")
_HINT = re.compile(r"^(  |E   |-- )(Enable tracemalloc|See https:|Docs: https:)")
_SECONDS = re.compile(r" in (\d+\.\d+)s( \([\d:]+\))?$")


def _stable(output: str, files: Collection[str]) -> str:
    """Cut what pytest printed in its short style down to what is the same everywhere."""
    lines: list[str] = []
    code = True  # whether lines of code are shown: those of `files`
    for line in output.split("\n"):
        if found := _FRAME.match(line):
            code = found["file"] in files
            if not code:
                continue
        elif found := _WARNED.match(line):
            code = found["file"] in files
            line = line if code else f"  {'/'.join(Path(found['file']).parts[-2:])}: {found['said']}"
        elif line.startswith("    "):
            if not code:
                continue
        elif _HINT.match(line):
            continue
        else:
            code = True
        lines.append(_SECONDS.sub(r" in ~\1 s", line))
    return re.sub(r"\n{2,}(?=\d+ (passed|failed))", "\n", "\n".join(lines))
