"""A small clone of the course in a temporary folder, with stand-ins for uv and JupyterLab: set-up without a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from course_lib.cli.environment import KEY_PACKAGES, STAMP
from course_lib.paths import REPO

FILES = (*(f"course_lib/{name}.py" for name in ("__init__", "__main__", "edition", "files", "paths")), "pyproject.toml")

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Title, with é"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "id": "b",
            "metadata": {"tags": ["kept"]},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["2\n"]}],
            "source": ["print(2)"],
        },
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}

# Makes real environments without packages, and notes its calls. FAKE_UV=offline: it fails as uv does without a network;
# FAKE_UV=slow: it installs half, and the rest when the file `go` is there.
FAKE_UV = """
import json, os, pathlib, subprocess, sys, time
here, argv, mode = pathlib.Path(__file__).parent, sys.argv[1:], os.environ.get("FAKE_UV")
with (here / "calls.jsonl").open("a") as calls:
    print(json.dumps({"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}), file=calls)
if argv[0] == "venv":
    subprocess.run([argv[argv.index("--python") + 1], "-m", "venv", "--without-pip", argv[-1]], check=True)
if argv[0] == "pip":
    if mode == "offline":
        sys.exit("error: Failed to fetch: `an address`\\n  Caused by: dns error: failed to lookup address")
    prefix = pathlib.Path(argv[argv.index("--python") + 1]).parent.parent
    packages = next(prefix.glob("[Ll]ib/python*/site-packages"), prefix / "Lib" / "site-packages")
    for package in PACKAGES:
        (packages / package).mkdir()
        if mode == "slow":
            (here / "half").touch()
            while not (here / "go").exists():
                time.sleep(0.01)
    show = "import json, os, sys; told = {'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}"
    show += "; print(json.dumps(told))"
    (packages / "jupyterlab" / "__main__.py").write_text(show)
    (packages / "pytest.py").write_text(show + "; sys.exit(3)")
""".replace("PACKAGES", repr(KEY_PACKAGES))


class Clone:
    """The course in `root`, and the stand-in for uv in a folder of its own, which is first on PATH."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "the course"  # with a blank, as folders have
        self.venv = self.root / ".venv"
        self.stamp = self.venv / STAMP
        self.bin = folder / "bin"
        shutil.copytree(
            REPO / "course_lib" / "cli", self.root / "course_lib" / "cli", ignore=shutil.ignore_patterns("__pycache__")
        )
        for file in FILES:
            shutil.copy(REPO / file, self.root / file)
        self.require("something==1.0")
        self.add_notebook("00_start_here")
        self.add_notebook("01_sync_vs_async")
        self.bin.mkdir()
        (self.bin / "uv.py").write_text(FAKE_UV, encoding="utf-8")
        if os.name == "nt":
            (self.bin / "uv.cmd").write_text(f'@"{sys.executable}" "%~dp0uv.py" %*\n')
        else:
            (self.bin / "uv").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{self.bin}/uv.py" "$@"\n')
            (self.bin / "uv").chmod(0o755)

    def require(self, pin: str) -> None:
        """Change requirements.txt."""
        (self.root / "requirements.txt").write_text(f"{pin}\n-e .\n", encoding="utf-8")

    def add_notebook(self, name: str) -> Path:
        path = self.root / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(NOTEBOOK, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def variables(self, **more: str) -> dict[str, str]:
        """Return a learner's environment variables: this run's without what steers installers and the course."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "UV_", "PYTEST_", "COURSE_", "JUPYTER", "PYTHON", "COV_", "VIRTUAL_ENV"))
        }
        return kept | {"PATH": os.pathsep.join([str(self.bin), os.environ["PATH"]])} | more

    def start(self, *argv: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "course_lib", *argv],
            cwd=self.root,
            env=self.variables(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; no command may ever show a traceback."""
        process = self.start(*argv, **variables)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def calls(self) -> list[dict]:
        """Return what the stand-in for uv was called with since the last time, apart from questions for its version."""
        log = self.bin / "calls.jsonl"
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        log.unlink(missing_ok=True)
        return [call for call in calls if call["argv"] != ["--version"]]
