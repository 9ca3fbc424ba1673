"""What is left where a supervisor was killed together with the process that asked for it: nobody ended the server.

The next supervisor in the same place finds it by its folder, whose name says whose it is, ends it and removes it.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from course_lib.lab.servers.children import attempt

SUPERVISOR = "course_lib.lab.servers.supervisor"
"""The module that a supervisor runs, as its command line shows."""

END_WITHIN = 5.0
"""Seconds a killed server may take to be gone."""


def name_of_folder(pid: int) -> str:
    """Return how the name of the folder begins that the supervisor with this process id makes."""
    return f"course-server-{_here()}-{pid}-"


def sweep(base: Path, user: str | None) -> None:
    """End the servers in `base` whose supervisors are gone, and remove their folders.

    user: who runs PostgreSQL for us, and owns its folder, when that is somebody else
    What is unclear is left alone: a folder of another user, machine or container, a process we may not look at.
    """
    for folder in base.glob(f"course-server-{_here()}-*"):
        pid = folder.name.split("-")[3]
        if pid.isdecimal() and _is_ours(folder, user) and not _supervises(int(pid)):
            inside = list(_at_work_in(folder))
            for process in inside:
                attempt(process.kill)
            psutil.wait_procs(inside, END_WITHIN)
            free_shared_memory(folder / "data" / "postmaster.pid")
            shutil.rmtree(folder, ignore_errors=True)


def free_shared_memory(pid_file: Path) -> None:
    """Free the System V segment of a PostgreSQL that was killed; this file of it names it, and nobody else will."""
    if os.name != "nt" and pid_file.exists():
        lines = pid_file.read_text().splitlines()
        if len(lines) > 6 and len(lines[6].split()) == 2:
            attempt(lambda: subprocess.run(["ipcrm", "-m", lines[6].split()[1]], capture_output=True, check=False))


@cache
def _here() -> str:
    """Return what tells this machine from others, and from a container that shares its folders but no processes."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # only Linux has them
        space = ""
    return hashlib.sha256(f"{platform.node()}\n{space}".encode()).hexdigest()[:8]


def _is_ours(folder: Path, user: str | None) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    if sys.platform == "win32":
        return True  # there the temporary folder is the user's own
    import pwd

    owners = {os.geteuid()} | ({pwd.getpwnam(user).pw_uid} if user else set())
    return folder.stat().st_uid in owners


def _supervises(pid: int) -> bool:
    """Return whether a supervisor has this process id now; the ids of the dead are given to others."""
    try:
        return SUPERVISOR in psutil.Process(pid).cmdline()
    except psutil.AccessDenied:
        return True  # it cannot be told
    except psutil.Error:
        return False


def _at_work_in(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                yield process
        except (psutil.Error, OSError):
            pass  # it has just ended, or is somebody else's
