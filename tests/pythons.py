"""Runs the suite, or anything else, on each Python the course promises: 3.11 to 3.15.

    python tests/pythons.py --list
    python tests/pythons.py 3.14 -- -q tests/test_clock.py     (what follows `--` goes to pytest)
    python tests/pythons.py 3.15 --run python                  (what follows `--run` is any command)
    python tests/pythons.py all

A Python of the machine is taken where there is one: on PATH, or pyenv's. For 3.14 and 3.15 there is another way, on
Debian and for root: Debian unstable is put into a folder once (700 MB, a minute or two), and everything runs in there.
Elsewhere, and for 3.11 to 3.13, a Python that is missing is installed by hand (pyenv has them all).

Each Python has an environment of its own per course folder, outside of it, with the pins of requirements.txt.
"""

import argparse
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this runs before anything is installed
import unstable
from unstable import Refused, output_of

from course_lib.cli.lock import only_one
from course_lib.cli.run import terminated_cleanly

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
FOLDER = os.environ.get("COURSE_PYTHONS") or str(Path.home() / ".cache" / "async-course-pythons")

MISLEADING = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PYENV_VERSION")

INSTALL = "import sys, pathlib; from course_lib.cli import install; install.into(*map(pathlib.Path, sys.argv[1:]))"
WHICH = "import sys; print('%d.%d.%d' % sys.version_info[:3], getattr(sys, '_base_executable', sys.executable))"


@dataclass(frozen=True)
class Python:
    """A Python that can run the course: where it is, and the root folder it sees as `/` (None: this machine's)."""

    version: str
    full: str
    path: str
    root: Path | None = None

    def command(self, argv: Sequence[str], tree: Path) -> list[str]:
        """Return the command that runs `argv` in the folder `tree` as this Python's machine sees it."""
        return list(argv) if self.root is None else unstable.inside(self.root, tree, argv)


def main(argv: list[str]) -> int:
    """Run the command line `argv`; return 0 when all that was asked for went well."""
    own, further, kind = split(argv)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"{', '.join(VERSIONS)}, or all")
    parser.add_argument("--list", action="store_true", help="say which Pythons are here, and where")
    parser.add_argument("--install", action="store_true", help="put Debian unstable into the folder, and no more")
    parser.add_argument("--folder", default=FOLDER, help="where Debian and the environments are kept (COURSE_PYTHONS)")
    parser.add_argument("--tree", default=str(Path(__file__).parent.parent), help="the course's folder (default: this)")
    options = parser.parse_args(own)
    folder, tree = Path(options.folder).resolve(), Path(options.tree).resolve()
    if options.list:
        for version in VERSIONS:
            python = find(version, folder)
            print(f"{version}  {f'{python.full:8} {place(python)}' if python else f'not here. {remedy(version)}'}")
        return 0
    if options.install:
        unstable.put_into(folder)
        return 0
    versions = VERSIONS if "all" in options.versions else options.versions
    if not versions or not set(versions) <= set(VERSIONS):
        parser.error(f"name a Python, or several: {', '.join(VERSIONS)}, or all")
    ran = []
    for version in versions:
        ran.append(run(version, folder, tree, kind, further))
        if ran[-1].interrupted:
            break
    if len(versions) > 1:
        print("\n" + "\n".join(f"{each.version:8} {each.said}" for each in ran), flush=True)
    return 0 if all(each.status == 0 for each in ran) else 1


def split(argv: list[str]) -> tuple[list[str], list[str], str]:
    """Return the options of this command, what follows `--` or `--run`, and which of them it was."""
    for at, word in enumerate(argv):
        if word in ("--", "--run"):
            return argv[:at], argv[at + 1 :], word
    return argv, [], "--"


@dataclass(frozen=True)
class Ran:
    """How a run ended: its exit status, in words, and whether somebody interrupted it."""

    version: str
    status: int
    said: str
    interrupted: bool = False


def run(version: str, folder: Path, tree: Path, kind: str, further: list[str]) -> Ran:
    """Run pytest with `further`, or the command `further`, on Python `version`."""
    try:
        python = find(version, folder) or unpacked(version, folder)
        venv = environment(python, folder, tree)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return Ran(version, 1, f"did not run: {refused}")
    variables = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    path = unstable.PATH if python.root else variables.get("PATH", os.defpath)
    variables["PATH"] = f"{venv}/bin:{path}"
    with tempfile.NamedTemporaryFile(suffix=".xml") as counts:
        argv = further
        if kind == "--":
            argv = ["python", "-m", "pytest", f"--junitxml={counts.name}", *further]
        begun = time.monotonic()
        status, interrupted = patiently(python.command(["env", *argv], tree), tree, variables)
        said = summary(Path(counts.name)) or f"ended with status {status}"
    return Ran(python.full, status, f"{said}, {time.monotonic() - begun:.0f} s", interrupted)


def patiently(command: list[str], tree: Path, variables: dict[str, str]) -> tuple[int, bool]:
    """Run `command` to its end; return its status, and whether Ctrl+C was pressed.

    The terminal sends that to the command as well, which decides when to end; SIGTERM is passed on to it.
    """
    child = subprocess.Popen(command, cwd=tree, env=variables)
    interrupted = False
    try:
        with terminated_cleanly():
            while True:
                try:
                    return child.wait(), interrupted
                except KeyboardInterrupt:
                    interrupted = True
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def summary(counts: Path) -> str:
    """Return what pytest counted, or "" when it wrote nothing."""
    text = counts.read_text(encoding="utf-8")
    found = ET.fromstring(text).find("testsuite") if text else None
    if found is None or found.get("tests") == "0":
        return ""
    of = {name: int(found.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    failed = of["failures"] + of["errors"]
    return f"{of['tests'] - failed - of['skipped']} passed, {failed} failed, {of['skipped']} skipped"


def find(version: str, folder: Path) -> Python | None:
    """Return the Python of that version on this machine, or in the folder's Debian; None when there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(glob.glob(f"{pyenv}/{version}.*/bin/python"), key=numbers, reverse=True)
    for path in [sys.executable, *installed, shutil.which(f"python{version}")]:
        said = output_of([str(path), "-I", "-S", "-c", WHICH]) if path else ""
        if said.startswith(f"{version}."):
            full, _, base = said.partition(" ")
            return Python(version, full, base)
    root = folder / "debian"
    if version in unstable.VERSIONS and root.exists():
        path = f"/usr/bin/python{version}"
        full = output_of(["chroot", str(root), path, "-I", "-S", "-c", WHICH]).partition(" ")[0]
        return Python(version, full, path, root) if full else None
    return None


def numbers(path: str) -> list[int]:
    """Return the numbers in `path`, to sort versions by."""
    return [int(number) for number in re.findall(r"\d+", path)]


def place(python: Python) -> str:
    """Return where a Python is, in words."""
    return f"{python.path} in {python.root}" if python.root else python.path


def remedy(version: str) -> str:
    """Return how a Python that is missing is had."""
    if version in unstable.VERSIONS:
        return "On Debian, as root, the first run fetches it; elsewhere install it (pyenv has it)."
    return f"Install it: pyenv install {version}"


def unpacked(version: str, folder: Path) -> Python:
    """Return Python `version` of Debian unstable, put into `folder` when it is not there.

    Raises Refused when it cannot be had.
    """
    if version not in unstable.VERSIONS:
        raise Refused(f"There is no Python {version} on this machine. {remedy(version)}")
    root = unstable.put_into(folder)
    python = find(version, folder)
    if python is None:
        raise Refused(f"Debian unstable in {root} has no Python {version}. Next: remove that folder and try again.")
    return python


def environment(python: Python, folder: Path, tree: Path) -> str:
    """Return the environment of `python` for the course in `tree`, made when it is missing or its pins are others.

    The path is as the Python's own machine sees it.
    """
    key = f"{tree.name}-{hashlib.sha256(str(tree).encode()).hexdigest()[:8]}-{python.version}"
    seen = f"/venvs/{key}" if python.root else str(folder / "venvs" / key)
    real = python.root / seen[1:] if python.root else Path(seen)
    real.parent.mkdir(parents=True, exist_ok=True)
    pins = (tree / "requirements.txt").read_bytes() + (tree / "pyproject.toml").read_bytes()
    stamp, want = real / "pythons.json", {"python": python.full, "pins": hashlib.sha256(pins).hexdigest()}
    with only_one(real.parent / f"{key}.lock", lambda: print(f"Another run is making {real}; waiting for it.")):
        if stamp.exists() and json.loads(stamp.read_text()) == want:
            return seen
        shutil.rmtree(real, ignore_errors=True)
        variables = {name: value for name, value in os.environ.items() if name not in MISLEADING}
        if python.root:
            variables["PATH"] = unstable.PATH
        made = [python.path, "-c", INSTALL, seen, f"{seen}/bin/python"]
        if subprocess.run(python.command(made, tree), cwd=tree, env=variables, check=False).returncode != 0:
            raise Refused(f"The packages could not be installed on Python {python.full}; what was said is above.")
        stamp.write_text(json.dumps(want))
    return seen


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Refused, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
