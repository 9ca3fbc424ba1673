"""What a command needs besides requirements.txt: an extra of pyproject.toml, installed by the command's first call."""

import importlib
import importlib.metadata
import sys
import tomllib
from pathlib import Path

from course_lib.cli import install
from course_lib.paths import REPO


def wanted(extra: str, repo: Path = REPO) -> list[str]:
    """Return the pins of an extra."""
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"][extra])


def bring(extra: str, why: str, what: str, size: str) -> None:
    """Install an extra into the environment that runs this, where a package of it is missing or of another version.

    Args:
        extra: its name in pyproject.toml.
        why: a sentence to print before.
        what: what to show while it runs.
        size: how much is fetched, in words.

    Raises CourseError, after showing the installer's last lines, when it cannot be installed.
    """
    pins = wanted(extra)
    if all(is_there(pin) for pin in pins):
        return
    print(why, file=sys.stderr)
    install.further(Path(sys.executable), pins, what, size)
    importlib.invalidate_caches()


def is_there(pin: str) -> bool:
    """Return whether a package is installed in exactly the version of its pin."""
    name, _, version = pin.partition("==")
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False
