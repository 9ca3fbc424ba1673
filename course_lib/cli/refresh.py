"""`python -m course_lib refresh [NOTEBOOK...]`: run notebooks and save their outputs, the same bytes each time.

What a notebook shows is part of the course and is compared on every run, so its file holds what cells print and draw
and nothing about the run: no times, no versions, no paths, no widget models.
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

import argparse
import hashlib
import os
import re
import site
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import nbformat
import zmq
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_core.paths import jupyter_runtime_dir
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_lib.paths import MASTERS, REPO

CELL_TIMEOUT = 60
"""Seconds a cell may take, here and in the tests."""

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
# What an author sets on purpose; the rest is left behind by editors.
CELL_METADATA = ("deletable", "editable", "jupyter", "slideshow", "tags")

# A saved widget has no model behind it: without this JupyterLab shows the text beside it instead of an error.
LIVE_ONLY = "application/vnd.jupyter.widget-view+json"

PICTURE = re.compile(r"data:image/[^\"]+")

CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

ROOM_FOR_SOCKETS = 45
"""Bytes that the runtime folder's path may have: a socket's is some 55 longer, and macOS takes 103."""

Manager = TypeVar("Manager", bound=KernelManager)


class ThisPython(KernelSpecManager):
    """Starts kernels on the Python that runs this code, whatever kernels a user has installed under the same name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the specification of a kernel on this Python; `kernel_name` is not looked at."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def without_ports(manager: Manager) -> Manager:
    """Let a kernel that is to be started listen at files, not at TCP ports, where that is possible; return `manager`.

    Jupyter finds free ports, lets go of them, and the kernel takes them a moment later. In between another kernel, or
    any server, may take one: JupyterLab then starts the kernel again, but whoever starts just one waits in vain.
    """
    folder = jupyter_runtime_dir()
    if zmq.has("ipc") and len(os.fsencode(folder)) <= ROOM_FOR_SOCKETS:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        manager.transport = "ipc"
        # The sockets are named after this file, and would else lie in the working folder, which is not the kernel's.
        manager.connection_file = os.path.join(folder, f"kernel-{uuid.uuid4()}.json")
    return manager


class RefreshError(Exception):
    """A notebook could not be run to its end; its file was not changed."""


def kernel_environment(ipython_folder: str) -> dict[str, str]:
    """Return the environment variables that keep a kernel's outputs the same for everyone.

    `ipython_folder` is an empty folder: a user's own start-up files and settings stay out of the run. Progress is kept
    in memory, so that running the masters never counts as the learner's work.
    """
    return {
        "COURSE_PROGRESS": "memory",
        "IPYTHONDIR": ipython_folder,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def sanitizer(rules: Path = MASTERS / "sanitize.cfg") -> Callable[[Any], Any]:
    """Return a function that replaces, in every string of a value, what may differ between runs.

    `rules` is a file of nbval's form: pairs of lines `regex: ...` and `replace: ...`. Lists and dictionaries are
    walked; pictures are left alone.
    """
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", rules.read_text(encoding="utf-8"), flags=re.MULTILINE)

    def sanitized(value: Any) -> Any:
        if isinstance(value, str):
            for regex, replacement in pairs:
                value = re.sub(regex, replacement, value)
            return value
        if isinstance(value, dict):
            return {key: part if key.startswith("image/") else sanitized(part) for key, part in value.items()}
        return [sanitized(part) for part in value] if isinstance(value, list) else value

    return sanitized


def refresh(path: Path) -> bool:
    """Run the notebook at `path` in its own folder and save its outputs; return whether the file changed.

    Raises RefreshError, and leaves the file alone, when a cell fails without the tag raises-exception, takes longer
    than CELL_TIMEOUT seconds, or ends its kernel.
    """
    before = path.read_bytes()
    # Not nbformat.reads: it gives cells without an id, or with another's, a random one.
    saved, fresh = (nbformat.v4.reads(before.decode("utf-8")) for _ in range(2))
    _name_cells(fresh)
    _run(fresh, path)
    tidy(fresh, saved)
    after = (nbformat.writes(fresh) + "\n").encode("utf-8")
    if after != before:
        path.write_bytes(after)
    return bool(after != before)


def _run(notebook: NotebookNode, path: Path) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook,
            km=without_ports(AsyncKernelManager(kernel_spec_manager=ThisPython())),
            resources={"metadata": {"path": str(path.parent)}},
            timeout=CELL_TIMEOUT,
            record_timing=False,
            store_widget_state=False,
        )
        try:
            # The kernel's own log goes nowhere; what cells write to stderr is an output and arrives all the same.
            environment = os.environ | kernel_environment(folder)
            client.execute(cleanup_kc=True, env=environment, stderr=subprocess.DEVNULL)
        except CellExecutionError as error:
            raise RefreshError(
                f"{_failed_cell(notebook)} raised {error.ename}: {error.evalue}. "
                "Mend it, or tag it raises-exception if the error is the lesson."
            ) from error
        except CellTimeoutError as error:
            raise RefreshError(
                f"A cell took longer than {CELL_TIMEOUT} s; make the notebook shorter, or use virtual time (simulate)."
            ) from error
        except DeadKernelError as error:
            raise RefreshError(
                "The kernel died while running it; run the notebook in JupyterLab to see where."
            ) from error


def _failed_cell(notebook: NotebookNode) -> str:
    for number, cell in enumerate(notebook.cells, start=1):
        failed = any(output.output_type == "error" for output in cell.get("outputs", ()))
        if failed and "raises-exception" not in cell.metadata.get("tags", ()):
            return f"Cell {number} ({cell.source.splitlines()[0]!r})"
    return "A cell"


def tidy(notebook: NotebookNode, saved: NotebookNode) -> None:
    """Bring a notebook that was run into the form that is saved; `saved` is what its file held before the run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _name_cells(notebook)
    sanitized = sanitizer()
    count = 0
    for cell, old in zip(notebook.cells, saved.cells, strict=True):
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in CELL_METADATA})
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            count += 1
            cell.execution_count = count
        cell.outputs, kept = ([_clean(output, count) for output in _merged(c.outputs)] for c in (cell, old))
        # Where only addresses or measured seconds differ, the saved ones stay: such a diff would say nothing.
        if sanitized(cell.outputs) == sanitized(kept) and _pictures(cell.outputs) == _pictures(kept):
            cell.outputs = kept


def _pictures(outputs: list[NotebookNode]) -> list[str]:
    """Return the pictures in HTML, which the sanitizer makes equal: a new one is to be saved."""
    pages = ("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    return [picture for page in pages for picture in PICTURE.findall(page)]


def _name_cells(notebook: NotebookNode) -> None:
    """Keep each cell's id, so that moving a cell moves lines; name new ones after their text, never at random."""
    taken: set[str] = set()
    for cell in notebook.cells:
        name = cell.get("id", "")
        if not CELL_ID.fullmatch(name) or name in taken:
            stem = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
            name = next(candidate for candidate in _numbered(stem) if candidate not in taken)
        taken.add(name)
        cell.id = name


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    for number in range(2, sys.maxsize):
        yield f"{stem}-{number}"


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join the streams between two pictures into one stdout and one stderr: how they were cut and mixed is chance."""
    merged: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output.output_type != "stream":
            merged += [streams[name] for name in sorted(streams, reverse=True)]  # stdout first
            streams = {}
            merged.append(output)
        elif output.name in streams:
            streams[output.name].text += output.text
        else:
            streams[output.name] = nbformat.from_dict(output)
    return merged + [streams[name] for name in sorted(streams, reverse=True)]


def _clean(output: NotebookNode, count: int) -> NotebookNode:
    output = nbformat.from_dict(output)
    if "data" in output:
        output.data.pop(LIVE_ONLY, None)
    if "execution_count" in output:
        output.execution_count = count
    cleaned: NotebookNode = nbformat.from_dict(_without_paths(output))
    return cleaned


def _without_paths(value: Any) -> Any:
    """Shorten the folders in tracebacks and warnings: the course's own to nothing, Python's to `python/`."""
    if isinstance(value, str):
        for folder, short in _FOLDERS:
            value = value.replace(folder + os.sep, short)
        return value
    if isinstance(value, dict):
        return {key: part if key.startswith("image/") else _without_paths(part) for key, part in value.items()}
    return [_without_paths(part) for part in value] if isinstance(value, list) else value


def _machine_folders() -> list[tuple[str, str]]:
    python = {*sysconfig.get_paths().values(), *site.getsitepackages(), sys.prefix, sys.base_prefix}
    folders = {str(REPO): ""} | {folder: "python/" for folder in python if folder not in ("", os.sep)}
    home = os.path.expanduser("~")
    # IPython writes ~ for the home folder in tracebacks.
    folders |= {"~" + f.removeprefix(home): short for f, short in folders.items() if f.startswith(home + os.sep)}
    return sorted(folders.items(), key=lambda pair: -len(pair[0]))  # longest first: folders lie inside each other


_FOLDERS = _machine_folders()


def main(argv: list[str]) -> int:
    """Refresh the notebooks named in `argv` (all of notebooks/ when none is), and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib refresh", description="Run notebooks and save their outputs, reproducibly."
    )
    parser.add_argument("notebook", nargs="*", help="a path, or a name in notebooks/ such as 01_sync_vs_async")
    status = 0
    known = sorted(MASTERS.glob("*.ipynb"))
    for path in map(_find, parser.parse_args(argv).notebook) if argv else known:
        if not path.is_file():
            names = ", ".join(file.stem for file in known) or "none yet"
            print(f"There is no notebook {path.name!r}. There are: {names}.", file=sys.stderr)
            status = 1
            continue
        print(f"{path.name}: running", end="", flush=True)
        try:
            print(", saved." if refresh(path) else ", unchanged.")
        except RefreshError as error:
            print(", failed; the file was not changed.", flush=True)
            print(error, file=sys.stderr)
            status = 1
    return status


def _find(name: str) -> Path:
    path = Path(name)
    return path if path.suffix == ".ipynb" and path.exists() else MASTERS / f"{path.name.removesuffix('.ipynb')}.ipynb"
