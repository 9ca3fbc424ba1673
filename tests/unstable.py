"""Debian unstable in a folder, which has the newest Pythons: how it is put there, and what a command sees in it.

The mirror is the one that apt uses; the settings of this machine's network, pip and uv are read at each run, and stay
where they are. What is mounted is seen by the started command alone (a mount namespace), so it is gone when the
command is, however it ended.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from course_lib.cli.lock import only_one

VERSIONS = ("3.14", "3.15")
PACKAGES = ["ca-certificates", "git", "procps"]
for version in VERSIONS:
    PACKAGES += [f"python{version}", f"python{version}-venv", f"libpython{version}-testsuite"]

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
SETTINGS = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl", "/etc/pip.conf", "/etc/xdg/pip", "/etc/uv", "/etc/xdg/uv")
HOME_SETTINGS = (".config/pip", ".pip", ".config/uv", ".netrc")


class Refused(Exception):
    """It cannot be done on this machine, and why."""


def put_into(folder: Path) -> Path:
    """Return the root of a Debian unstable in `folder`, put there when it is not.

    Raises Refused where that cannot be done, CalledProcessError when a program it takes has failed.
    """
    _check_machine()
    root, half = folder / "debian", folder / "debian.half"
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / "debian.lock", lambda: print("Another run is fetching Debian unstable; waiting for it.")):
        if not root.exists():
            if shutil.which("debootstrap") is None:
                subprocess.run(["apt-get", "update"], check=True)
                subprocess.run(["apt-get", "install", "--yes", "debootstrap"], check=True)
            shutil.rmtree(half, ignore_errors=True)
            include = f"--include={','.join(PACKAGES)}"
            subprocess.run(["debootstrap", "--variant=minbase", include, "sid", str(half), _mirror()], check=True)
            half.rename(root)
    return root


def _check_machine() -> None:
    missing = [name for name in ("apt-get", "unshare", "chroot") if shutil.which(name) is None]
    if sys.platform != "linux" or missing:
        _refuse("a Debian machine", f"this one is without {', '.join(missing) or 'Linux'}")
    if os.geteuid() != 0:
        _refuse("root's rights", f"this is user {os.geteuid()} (try sudo --preserve-env)")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        _refuse("a mount namespace", "this machine (a container?) gives none")


def _mirror() -> str:
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    mirrors = output_of(asked).split()
    if not mirrors:
        _refuse("a mirror of Debian in apt's settings", "there is none (or apt-get update never ran)")
    return mirrors[0]


def _refuse(need: str, but: str) -> NoReturn:
    raise Refused(
        f"Python {' and '.join(VERSIONS)} from Debian unstable take {need}, and {but}. "
        "Next: install them another way (pyenv has them)."
    )


def output_of(command: Sequence[str]) -> str:
    """Return what `command` printed, or "" when it failed or is not there."""
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout.strip()


def inside(root: Path, tree: Path, argv: Sequence[str]) -> list[str]:
    """Return the command that runs `argv` with `root` as `/`, in the folder `tree`, which is where it is outside.

    It sees this machine's processes, devices and temporary files, and has a /dev/shm of its own.
    """
    mounts = "\n".join(shlex.join(["mount", *mount]) for mount in _mounts(root, tree))
    command = shlex.join(["chroot", str(root), "/usr/bin/env", f"--chdir={tree}", *argv])
    return ["unshare", "--mount", "--", "/bin/sh", "-euc", f"{mounts}\nexec {command}"]


def _mounts(root: Path, tree: Path) -> Iterator[list[str]]:
    for shared in map(Path, ("/proc", "/dev", "/sys", tempfile.gettempdir())):
        yield ["--rbind", str(shared), str(_point(root, shared))]
    yield ["-t", "tmpfs", "tmpfs", str(root / "dev" / "shm")]
    if not tree.is_relative_to(tempfile.gettempdir()):
        yield ["--bind", str(tree), str(_point(root, tree))]
    for path in settings():
        yield ["--bind", "-o", "ro", str(path), str(_point(root, path))]


def _point(root: Path, path: Path) -> Path:
    """Return where `path` is in `root`, made when it is not there."""
    point = root / path.relative_to("/")
    if path.is_dir():
        point.mkdir(parents=True, exist_ok=True)
    else:
        point.parent.mkdir(parents=True, exist_ok=True)
        point.touch()
    return point


def settings() -> list[Path]:
    """Return the files and folders that say how this machine reaches the network and the package index."""
    named = [*SETTINGS, *(str(Path.home() / path) for path in HOME_SETTINGS)]
    told = [value for name, value in os.environ.items() if re.match(r"PIP_|UV_|SSL_|.*_CA_BUNDLE|.*CERT", name)]
    for pip in ([sys.executable, "-m", "pip"], ["pip"]):  # an environment's Python may be without pip
        told += re.findall(r"='(.*)'", output_of([*pip, "config", "list"]))
    named += [word for value in told for word in value.split() if word.startswith("/")]
    kept: list[Path] = []
    for path in sorted(Path(name) for name in named if os.path.exists(name)):
        if not any(path.is_relative_to(above) for above in kept):
            kept.append(path)
    return kept
