"""Making `.venv` and installing the pins into it: with uv when it can be had, with pip otherwise."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from course_lib.cli.errors import CourseError
from course_lib.cli.lock import inheritable
from course_lib.cli.run import StepFailed, last_lines, quietly, reason, why
from course_lib.paths import REPO

UV = "uv>=0.5"
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input")

# These say where (or what) to install, and the answer is ours; what says how (indexes, proxies, caches, certificates)
# is kept.
MISLEADING = (
    "CONDA_PREFIX",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "UV_NO_EDITABLE",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)

_lock: ContextVar[int | None] = ContextVar("_lock", default=None)


@contextmanager
def keeping(descriptor: int | None) -> Iterator[None]:
    """Let every program run inside the block hold the lock `descriptor` too."""
    token = _lock.set(descriptor)
    try:
        yield
    finally:
        _lock.reset(token)


def into(venv: Path, python: Path) -> None:
    """Make the virtual environment `venv`, whose Python will be `python`, and install requirements.txt into it.

    Raises CourseError, after showing the installer's last lines.
    """
    pip_only = _only_pip_knows_the_index()
    uv = None if pip_only else _uv_on_path()
    try:
        _make(venv, uv)
        if uv is None and not pip_only:
            uv = _fetch_uv(python)
        if uv is not None:
            command: list[str | Path] = [uv, "pip", "install", "--python", python, "-r", "requirements.txt"]
            _run("Installing the packages with uv", command)
        else:
            command = [*_pip(python), "install", *PIP_OPTIONS, "-r", "requirements.txt"]
            _run("Installing the packages with pip (a minute or two)", command)
    except StepFailed as error:
        print(last_lines(error.output), file=sys.stderr)
        raise CourseError(why(error.output)) from error


def further(python: Path, pins: Sequence[str], what: str, size: str) -> None:
    """Install packages into the environment of `python` besides those of requirements.txt.

    Args:
        python: the environment's Python.
        pins: the packages, with their versions.
        what: what to show while it runs.
        size: how much is fetched, in words.

    Raises CourseError, after showing the installer's last lines.
    """
    uv = None if _only_pip_knows_the_index() else _uv_on_path() or _beside(python, "uv")
    command: list[str | Path] = [uv, "pip", "install", "--python", python] if uv else [*_pip(python), "install"]
    try:
        _run(what, [*command, *(() if uv else PIP_OPTIONS), *pins])
    except StepFailed as error:
        print(last_lines(error.output), file=sys.stderr)
        raise CourseError(
            f"{', '.join(pins)} could not be installed; the installer's last lines are above.\n"
            f"Next: this needs the network once (it fetches {size}). Check the connection, and PIP_* and UV_*\n"
            "settings, and run this again."
        ) from error


def _beside(python: Path, program: str) -> str | None:
    return shutil.which(program, path=python.parent)


def _run(what: str, command: Sequence[str | Path]) -> str:
    variables = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    # From the course's folder, so that `-e .` is this course, wherever the command was typed.
    return quietly(what, command, cwd=REPO, env=variables, keep_open=inheritable(_lock.get()))


def _uv_on_path() -> str | None:
    uv = shutil.which("uv")
    if uv is None:
        return None
    try:  # a version manager's shim is on PATH even when no uv is behind it
        ran = subprocess.run([uv, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return uv if ran.returncode == 0 else None


def _base_python() -> str:
    """Return the Python that environments are made from, which inside an environment is not the running one."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _make(venv: Path, uv: str | None) -> None:
    if uv is not None:
        try:
            _run("Making .venv", [uv, "venv", "--no-project", "--python", _base_python(), venv])
            return
        except StepFailed:
            shutil.rmtree(venv, ignore_errors=True)  # an old uv, or a Python that it cannot handle: venv can
    try:
        _run("Making .venv", [_base_python(), "-m", "venv", venv])
    except StepFailed as error:
        shutil.rmtree(venv, ignore_errors=True)
        _make_without_pip(venv, error)


def _fetch_uv(python: Path) -> str | None:
    """Install uv into the environment of `python` and return it, or None where there is none for this machine."""
    try:
        _run("Fetching uv, a fast installer", [*_pip(python), "install", *PIP_OPTIONS, UV])
    except StepFailed as error:
        if reason(error.output) in ("missing", "unknown"):
            return None
        raise  # pip would only fail the same way, slowly
    return str(python.with_name("uv.exe" if os.name == "nt" else "uv"))


def _make_without_pip(venv: Path, error: StepFailed) -> None:
    """Make `venv` where Python came without ensurepip (Debian, Ubuntu), if another pip can fill it."""
    if "ensurepip" not in error.output or reason(error.output) == "disk":
        raise error
    if _runs([_base_python(), "-m", "pip", "--version"]):
        _run("Making .venv without a pip of its own", [_base_python(), "-m", "venv", "--without-pip", venv])
        return
    raise CourseError(
        f"This Python ({sys.executable}) came without the parts that make a virtual environment.\n"
        "Next: sudo apt install python3-venv        (or install uv), and run this again."
    ) from error


def _pip(python: Path) -> list[str | Path]:
    """Return the start of a pip command that installs into the environment of `python`."""
    if _runs([python, "-m", "pip", "--version"]):
        return [python, "-m", "pip"]
    return [_base_python(), "-m", "pip", "--python", python]


def _runs(command: Sequence[str | Path]) -> bool:
    variables = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=variables, timeout=60, check=False)
    return ran.returncode == 0


def _only_pip_knows_the_index() -> bool:
    """Return whether pip is set to an index of its own and uv is not: uv does not read pip's settings."""
    if any(os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_OFFLINE")):
        return False
    try:
        settings = subprocess.run(
            [_base_python(), "-m", "pip", "config", "list"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rb"\.(index-url|no-index)=", settings.stdout) is not None
