"""Starting JupyterLab on the learner's copy. Standard library only."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from course_lib.cli.environment import Environment
from course_lib.cli.errors import CourseError
from course_lib.cli.run import instead
from course_lib.cli.work import START
from course_lib.paths import REPO, work_folder

SETTINGS = Path(__file__).parent / "jupyter"
"""Jupyter configuration that is read beside the user's own, never instead of it, and never written."""

# JupyterLab asks on its first start whether to fetch news, looks for a newer JupyterLab, lists extensions from a
# package index, and looks for language servers by starting npm: nothing of that belongs in a lesson, and a class
# without network would wait for it.
QUIET = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--LanguageServerManager.autodetect=False",
    "--ServerApp.answer_yes=True",  # or it asks back after Ctrl+C, and goes on
    "--Application.log_level=WARN",
)


def open_lab(ready: Environment, *, browser: bool, port: int | None, further: Sequence[str]) -> int:
    """Become JupyterLab, opened at the start page; return an exit status where a process cannot become another.

    ready: the environment to run it in
    browser: whether to open one; otherwise the address is printed
    port: the port to serve on; None takes JupyterLab's own, or the next free one
    further: options for JupyterLab, which win over those set here

    Raises CourseError when another program has the port, or it cannot be one.
    """
    if _served_by_hub(os.environ):
        print(
            "This JupyterLab belongs to a hub and is running already: there is no second one to start.\n"
            f"Next: open {_relative_to(Path(os.path.expanduser('~')))} in its file browser, on the left."
        )
        return 0
    hub = "JUPYTERHUB_SERVICE_URL" in os.environ
    if not hub:
        _check_free(port)
        print(f"JupyterLab opens {work_folder() / START}. To end it: Ctrl+C.", file=sys.stderr)
    program = "jupyterlab.labhubapp" if hub else "jupyterlab"
    command = [str(ready.python), "-m", program, *options(browser=browser, port=port, hub=hub), *further]
    variables = ready.variables()
    config = [str(SETTINGS), variables.get("JUPYTER_CONFIG_PATH", "")]
    variables["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, config))
    return instead(command, cwd=root(), env=variables)


def root() -> Path:
    """Return the folder JupyterLab serves: the course's, or the learner's own where that lies elsewhere."""
    folder = work_folder()
    return REPO if folder.is_relative_to(REPO) else folder


def options(*, browser: bool, port: int | None, hub: bool = False) -> list[str]:
    """Return the options JupyterLab is started with; under a hub, the hub decides about browser and port."""
    start = work_folder() / START
    page = "/lab"
    if start.exists():
        page = f"/lab/tree/{quote(start.relative_to(root()).as_posix())}"
    chosen = [f"--ServerApp.root_dir={root()}", f"--{'ServerApp' if hub else 'LabApp'}.default_url={page}", *QUIET]
    if hub:
        return chosen
    chosen.append("--ServerApp.ip=127.0.0.1")
    if not browser:
        chosen.append("--ServerApp.open_browser=False")
    if port is not None:
        chosen += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]  # that one, or none
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        chosen.append("--allow-root")  # in a container everybody is root; it serves this machine only, with a token
    return chosen


def _check_free(port: int | None) -> None:
    """Raise CourseError when JupyterLab could not listen on `port`: it would take another one, or ask in its log."""
    if port is None:
        return
    if not 0 <= port < 65_536:
        raise CourseError(f"There is no port {port}.\nNext: pass --port from 1024 to 65535, or leave it out.")
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise CourseError(
            f"Port {port} cannot be used: {error.strerror}.\n"
            "Next: end the program that has it (an earlier JupyterLab?), or pass another --port, or leave it out:\n"
            "then the next free one is taken."
        ) from error


def _served_by_hub(variables: Mapping[str, str]) -> bool:
    """Return whether a hub's server runs already: then this is typed in its terminal, not started by the hub."""
    address = urlsplit(variables.get("JUPYTERHUB_SERVICE_URL", ""))
    if not address.port:
        return False
    host = address.hostname if address.hostname not in (None, "0.0.0.0", "::") else "127.0.0.1"
    with socket.socket(socket.AF_INET6 if ":" in str(host) else socket.AF_INET) as probe:
        probe.settimeout(1)
        return probe.connect_ex((str(host), address.port)) == 0


def _relative_to(folder: Path) -> Path:
    start = work_folder() / START
    return start.relative_to(folder) if start.is_relative_to(folder) else start
