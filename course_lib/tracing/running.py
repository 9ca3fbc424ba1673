"""Running a program as Python itself would: its own `__main__`, path, arguments, traceback and exit status."""

import atexit
import json
import os
import runpy
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from course_lib.tracing.journal import Journal
from course_lib.tracing.tracer import Tracer

_OURS = str(Path(__file__).parent)


def run(settings: str, target: str, arguments: list[str]) -> None:
    """Run a program under a tracer; errors and SystemExit come out as they would of the program itself.

    Args:
        settings: as JSON, "folder" for the journal, "last" seconds to keep, from how many seconds on a step is "slow",
            "module", whether the program is a module's name, and "parent", the process to end with, or 0.
        target: the program's path, or the module's name.
        arguments: the program's own.
    """
    chosen = json.loads(settings)
    journal = Journal(Path(chosen["folder"]), chosen["last"])
    tracer = Tracer(journal, chosen["slow"], chosen["parent"])
    atexit.register(tracer.stop)  # the first registered is the last one called: after the program's own
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    # What Python itself has made as `__main__` is this package's, and must not come to its end.
    _keep.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    sys.argv[:] = [target, *arguments]
    tracer.start()
    try:
        if chosen["module"]:
            _enter(os.getcwd())
            # Private, and what `python -m` itself calls: it sets argv[0], and says what it cannot find.
            runpy._run_module_as_main(target)  # type: ignore[attr-defined]
        else:
            _enter(os.path.dirname(os.path.realpath(target)))
            _run_file(target, main)
    except BaseException:
        # Python itself prints the error, and sees to the exit status; what it prints begins with the program.
        sys.excepthook = _without_us(sys.excepthook)
        raise


_keep: list[Any] = []


def _enter(folder: str) -> None:
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)


def _run_file(path: str, main: ModuleType) -> None:
    path = os.path.join(os.getcwd(), path)
    loader = SourceFileLoader("__main__", path)
    main.__dict__.update(__file__=path, __loader__=loader, __spec__=None, __cached__=None, __package__=None)
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        print(f"{sys.executable}: can't open file {path!r}: {error}", file=sys.stderr)
        sys.exit(2)
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


def _without_us(hook: Any) -> Any:
    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OURS):
            traceback = traceback.tb_next
        hook(kind, error.with_traceback(traceback), traceback)

    return excepthook
