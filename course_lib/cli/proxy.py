"""JupyterHub's proxy, configurable-http-proxy: a program for Node.js, found here, or fetched once with npm."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from course_lib.cli.errors import CourseError
from course_lib.cli.run import StepFailed, last_lines, quietly

NAME = "configurable-http-proxy"
PIN = f"{NAME}@5.3.0"
NODE = 20
"""The oldest Node.js that it runs on."""

FOLDER = Path(sys.prefix) / "hub"
"""Where npm puts it: in the course's environment, and gone with it."""


def proxy() -> str:
    """Return the path of the proxy's program, which is installed where it is missing.

    Raises CourseError, which says what to install, when there is no Node.js for it, or npm fails.
    """
    own = FOLDER / "node_modules" / ".bin" / NAME
    found = str(own) if own.exists() else shutil.which(NAME)
    npm, version = shutil.which("npm"), _node_version()
    here = "no Node.js" if not version else f"Node.js {version}" if version < NODE else "" if found or npm else "no npm"
    if here:
        raise CourseError(
            f"JupyterHub needs {NAME}, a program for Node.js {NODE} or newer, and here is {here}.\n"
            f"Next: install Node.js {NODE} or newer, with its npm, and run this again: the rest is fetched with npm."
        )
    if found:
        return found
    print(f"To pass learners on to their servers, {PIN} is installed once with npm (9 MB).", file=sys.stderr)
    command: list[str | Path] = [str(npm), "install", "--prefix", FOLDER, "--no-audit", "--no-fund", PIN]
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        quietly("Installing JupyterHub's proxy", command, cwd=FOLDER, env=os.environ)
    except StepFailed as error:
        print(last_lines(error.output), file=sys.stderr)
        raise CourseError(
            f"{PIN} could not be installed; npm's last lines are above.\n"
            f"Next: check the connection and npm's settings, and run this again; or put a {NAME} on PATH."
        ) from error
    return str(own)


def _node_version() -> int:
    """Return the first number of Node.js's version; 0 where there is none."""
    try:
        told = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    number = re.match(r"v(\d+)", told)
    return int(number[1]) if number else 0
