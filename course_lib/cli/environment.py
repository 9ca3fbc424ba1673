"""The environment the course runs in: the one it is already installed in, or `.venv` in the course's folder.

Only the standard library is used: this runs before anything is installed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_lib.cli import install
from course_lib.cli.errors import MEND_FILES, CourseError
from course_lib.cli.lock import only_one
from course_lib.cli.run import terminated_cleanly
from course_lib.paths import REPO

VENV = REPO / ".venv"
ASIDE = REPO / ".venv.old"
LOCK = REPO / ".venv.lock"
REQUIREMENTS = REPO / "requirements.txt"
PACKAGES = "Lib/site-packages" if os.name == "nt" else "lib/*/site-packages"
BYTECODE = "bytecode"
STAMP = "course-stamp.json"
"""The file written into `.venv` when, and only when, everything has been installed."""

KEY_PACKAGES = ("jupyterlab", "ipykernel", "aiohttp", "matplotlib", "nbval")
"""Without one of these no lesson opens; with all of them the rest is there too, short of somebody deleting it."""


@dataclass(frozen=True)
class Environment:
    """An environment that has the course. `own` is true for `.venv`, false for one somebody else made."""

    python: Path
    own: bool

    def variables(self) -> dict[str, str]:
        """Return the environment variables for a program that runs in this environment, as if it were activated."""
        variables = dict(os.environ)
        if self.own:
            variables["VIRTUAL_ENV"] = str(VENV)
            variables["PATH"] = os.pathsep.join([str(self.python.parent), variables.get("PATH", os.defpath)])
            variables.pop("PYTHONHOME", None)
            # Who sets it, as container images do, wants nothing written beside the sources. But without bytecode every
            # kernel compiles all that it imports, which takes longer than the rest of its start: so it goes in here.
            if variables.pop("PYTHONDONTWRITEBYTECODE", ""):
                variables.setdefault("PYTHONPYCACHEPREFIX", str(VENV / BYTECODE))
        return variables


@dataclass(frozen=True)
class Fault:
    """Why `.venv` cannot be used as it is. `usable` is true when only its packages are of an earlier version."""

    reason: str
    usable: bool = False


def inside_own() -> bool:
    """Return whether the Python that runs this is the one of `.venv`."""
    try:
        return os.path.samefile(sys.prefix, VENV)
    except OSError:
        return False


def installed_here() -> bool:
    """Return whether the Python that runs this already has the course: conda, Binder, a hub.

    A kernel starts in another folder, so the course must be importable without the current one, and it must be this
    copy of it: with another copy's editable install, a learner's edits would seem to do nothing.
    """
    beyond_here = sys.path if sys.flags.safe_path else sys.path[1:]
    if not any(_same(entry, REPO) for entry in beyond_here if entry):
        return False
    from importlib.metadata import PackageNotFoundError, distribution  # here: 20 ms that `.venv` users need not wait
    from importlib.util import find_spec

    try:
        distribution("async-course")
    except PackageNotFoundError:
        return False
    return all(find_spec(package) for package in KEY_PACKAGES)


def _same(entry: str, folder: Path) -> bool:
    try:
        return os.path.samefile(entry, folder)
    except OSError:
        return False


def python_of(venv: Path) -> Path:
    """Return where the virtual environment `venv` keeps its Python."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def wanted() -> dict[str, str]:
    """Return what the stamp of an environment that fits must hold.

    The folder is part of it, because scripts and the editable install name it: a moved or copied `.venv` is another's.
    """
    return {
        "folder": str(REPO),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "requirements": hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest(),
    }


def fault(venv: Path = VENV) -> Fault | None:
    """Return what is wrong with `venv`, or None when it is ready."""
    if not os.path.lexists(venv):
        return Fault("there is no .venv yet")
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Fault("an earlier set-up did not come to its end")
    want = wanted()
    if not isinstance(stamp, dict) or stamp.get("folder") != want["folder"]:
        return Fault("it was made in another folder")
    if stamp.get("python") != want["python"]:
        return Fault(f"it was made with Python {stamp.get('python')}, and this is Python {want['python']}")
    if _version(python_of(venv)) != want["python"]:
        return Fault("its Python does not run")
    for package in KEY_PACKAGES:
        if not any(venv.glob(f"{PACKAGES}/{package}")):
            return Fault(f"its package {package} is gone")
    if stamp.get("requirements") != want["requirements"]:
        return Fault("requirements.txt has changed since", usable=True)
    return None


def _version(python: Path) -> str | None:
    try:
        ran = subprocess.run(
            [python, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.decode().strip()


def find() -> Environment | None:
    """Return the environment that is ready, without making one; None when there is none."""
    if not inside_own() and installed_here():
        return Environment(Path(sys.executable), own=False)
    return Environment(python_of(VENV), own=True) if fault() is None else None


def prepare(*, outdated_will_do: bool = False) -> Environment:
    """Return an environment that is ready, making or mending `.venv` when needed.

    outdated_will_do: when the packages cannot be brought up to date (no network), say so and use the last set-up's

    Raises CourseError when it cannot be made.
    """
    ready = find()
    if ready is not None:
        return ready
    if not os.access(REPO, os.W_OK):
        raise CourseError(
            f"The course's folder cannot be written: {REPO}\n"
            "Next: copy the folder to a place of your own and start it there (the packages go into its .venv), or ask\n"
            "whoever keeps it to run `python -m course_lib test` there once."
        )
    with _only_set_up():
        before = fault()  # again: another start may have finished it while this one waited
        if before is not None:
            _rebuild(before, outdated_will_do)
    return Environment(python_of(VENV), own=True)


def _rebuild(before: Fault, outdated_will_do: bool) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Setting the course up with Python {version} ({before.reason}).", file=sys.stderr)
    _remove(ASIDE)
    if before.usable:
        VENV.rename(ASIDE)  # not updated in place: killed half-way that would leave a mixture nobody can see
    else:
        _remove(VENV)
    try:
        install.into(VENV, python_of(VENV))
        _write_stamp()
    except CourseError as error:
        _remove(VENV)
        if before.usable:
            ASIDE.rename(VENV)
            if outdated_will_do:
                print(f"{error}\nUntil then: going on with the packages of the last set-up.", file=sys.stderr)
                return
        raise
    _remove(ASIDE)


def _write_stamp() -> None:
    half = VENV / f"{STAMP}.half"
    half.write_text(json.dumps(wanted(), indent=1), encoding="utf-8")
    half.replace(VENV / STAMP)


def _remove(folder: Path) -> None:
    try:
        if folder.is_dir() and not folder.is_symlink():
            (folder / STAMP).unlink(missing_ok=True)  # first, so that a removal cut short is not taken for ready
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(
            f"Cannot remove the old environment {folder}: {error.strerror}.\n"
            "Next: close JupyterLab and every terminal that uses it, or delete that folder, and run this again."
        ) from error


@contextmanager
def _only_set_up() -> Iterator[None]:
    def waiting() -> None:
        print("Another set-up of this folder is running; waiting for it to end.", file=sys.stderr)

    try:
        with terminated_cleanly(), only_one(LOCK, waiting) as descriptor, install.keeping(descriptor):
            yield
    except OSError as error:
        raise CourseError(f"Set-up stopped: {error}.\n{MEND_FILES}") from error
