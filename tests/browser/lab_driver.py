"""A real JupyterLab in a real browser, driven through JupyterLab's own application object.

Menus, and the words "idle" and "busy", come and go; the notebook's model says what is there.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import quote

from course_lib.cli.lab import SETTINGS as OURS
from course_lib.paths import MASTERS, REPO

if TYPE_CHECKING:
    from playwright.sync_api import Page

START = 60
"""Seconds JupyterLab, and then a notebook with its kernel, may take to be there."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
FLAGS = (
    "--no-sandbox",  # without it Chromium does not start as root, as in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = {
    # Cells out of sight have to be there too, for their height and their pictures.
    "notebook-extension/tracker": '{"windowingMode": "none", "scrollPastEnd": false}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}',
    "apputils-extension/themes": '{"theme": "%s"}',
}

NOTEBOOK = "window.jupyterapp.shell.currentWidget"
SCROLLER = ".jp-NotebookPanel-notebook .jp-WindowedPanel-outer"


class NeedsBrowser(RuntimeError):
    """Playwright or a Chromium is missing; the message says how to get it."""


class CellFailed(RuntimeError):
    """A cell raised and is not tagged raises-exception, so the ones after it did not run."""


def chromium() -> str:
    """Return the path of a Chromium, named by COURSE_CHROMIUM or found on PATH.

    Raises NeedsBrowser when there is none, or no Playwright to drive it.
    """
    if find_spec("playwright") is None:
        raise NeedsBrowser("The browser checks need Playwright: python -m pip install playwright")
    named = os.environ.get("COURSE_CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        wrong = f"COURSE_CHROMIUM={named!r} is not a program. " if named else ""
        raise NeedsBrowser(
            f"{wrong}The browser checks need a Chromium: install Chromium or Chrome, and if it is not on PATH, "
            "set the environment variable COURSE_CHROMIUM to the path of its program."
        )
    return found


class Lab:
    """JupyterLab in a page of its own; `jupyterlab()` makes one. `page` is Playwright's, for whatever is not here."""

    def __init__(self, page: "Page", url: str, token: str, root: Path) -> None:
        self.page = page
        self.root = root
        self._url, self._token = url, token

    def open(self, notebook: Path) -> None:
        """Open a copy of `notebook` and wait until its kernel answers.

        A notebook of notebooks/ is opened among the others, so that its links lead somewhere; masters are not touched.
        """
        name = notebook.name
        if notebook.resolve().parent == MASTERS:
            name = f"{MASTERS.name}/{notebook.name}"
        else:
            shutil.copy(notebook, self.root / name)
        self.page.goto(f"{self._url}/doc/tree/{quote(name)}?token={self._token}")
        self.page.wait_for_function(f"() => window.jupyterapp && {NOTEBOOK}?.context?.path === {name!r}")
        kernel = f"{NOTEBOOK}.sessionContext.session?.kernel"
        self.page.evaluate(f"async () => {{ await {NOTEBOOK}.context.ready; await {NOTEBOOK}.sessionContext.ready; }}")
        self.page.wait_for_function(f"() => {kernel}?.connectionStatus === 'connected'")
        self.page.evaluate(f"async () => {{ await {kernel}.requestKernelInfo(); }}")
        # JupyterLab drops a whole settings file without a word when it does not know one name in it.
        mode = self.page.evaluate(f"() => {NOTEBOOK}.content.notebookConfig.windowingMode")
        if mode != "none":
            raise RuntimeError(f"JupyterLab did not take SETTINGS (windowingMode is {mode!r}): compare their names.")
        self.settle()

    def show_sidebar(self) -> None:
        """Open the list of files beside the notebook, as JupyterLab itself begins; the notebook gets narrower."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('filebrowser:activate'); }")
        self.page.locator("#jp-left-stack").wait_for(state="visible")
        self.settle()

    def show_as(self, *, width: int, dark: bool) -> None:
        """Make the window so wide, in pixels, and take JupyterLab's dark theme, or its light one."""
        self.page.set_viewport_size({"width": width, "height": (self.page.viewport_size or {"height": 1000})["height"]})
        self.page.evaluate(
            "async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', {theme}); }",
            _theme(dark),
        )
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg="false" if dark else "true"
        )
        self.settle()

    def run_all(self, timeout: float = 120) -> None:
        """Run all cells and wait until each has an execution count, for at most `timeout` seconds.

        Raises CellFailed when a cell without the tag raises-exception raised.
        """
        run = "window.jupyterapp.commands.execute"
        self.page.evaluate(f"async () => {{ await {run}('notebook:clear-all-cell-outputs'); }}")
        self.page.evaluate(f"() => {{ void {run}('notebook:run-all-cells'); }}")
        # Ends at the first failure, too: JupyterLab gives the cells behind it no count, ever.
        failed = self.page.wait_for_function(
            f"""() => {{
                const cells = {NOTEBOOK}.content.model.toJSON().cells
                    .filter(cell => cell.cell_type === 'code' && [cell.source].flat().join('').trim());
                const failed = cells.find(cell => cell.outputs.some(output => output.output_type === 'error')
                    && !(cell.metadata.tags ?? []).includes('raises-exception'));
                if (failed) return [failed.source].flat().join('');
                return cells.every(cell => cell.execution_count !== null) ? 'all ran' : null;
            }}""",
            timeout=timeout * 1000,
        ).json_value()
        self.settle()
        if failed != "all ran":
            raise CellFailed(f"this cell raised, and is not tagged raises-exception:\n{failed}")

    def cells(self) -> list[dict[str, Any]]:
        """Return the notebook's cells as JupyterLab would save them now."""
        return list(self.page.evaluate(f"() => {NOTEBOOK}.content.model.toJSON().cells"))

    def outputs(self) -> list[list[dict[str, Any]]]:
        """Return the outputs of each code cell."""
        return [cell["outputs"] for cell in self.cells() if cell["cell_type"] == "code"]

    def settle(self) -> None:
        """Wait until pictures are loaded and the notebook's height has stayed the same for a second."""
        self.page.evaluate(
            """async selector => {
                const tick = () => new Promise(done => setTimeout(done, 100));
                let last = -1, same = 0;
                for (let turn = 0; turn < 200 && same < 10; turn++) {
                    await tick();
                    const height = document.querySelector(selector)?.scrollHeight;
                    const loaded = [...document.images].every(image => image.complete);
                    same = loaded && height === last ? same + 1 : 0;
                    last = height;
                }
            }""",
            SCROLLER,
        )

    def screenshot(self, target: Path, *, split: int | None = None) -> list[Path]:
        """Save the whole notebook as a PNG, or as several of at most `split` pixels' height; return the files.

        The notebook scrolls inside the page, so it is taken one window at a time and put together.
        """
        from PIL import Image

        area = self.page.locator(SCROLLER)
        width, window, height = area.evaluate("e => [e.clientWidth, e.clientHeight, e.scrollHeight]")
        whole = Image.new("RGB", (width, height))
        with tempfile.TemporaryDirectory() as folder:
            piece = Path(folder) / "piece.png"
            for top in range(0, height, window):
                at = area.evaluate("(e, top) => { e.scrollTop = top; return e.scrollTop; }", top)
                area.screenshot(path=piece, animations="disabled")
                with Image.open(piece) as image:
                    whole.paste(image.crop((0, 0, width, window)), (0, round(at)))
        tall = split or height
        pages = [(top, min(top + tall, height)) for top in range(0, height, tall)]
        files = []
        for number, (top, bottom) in enumerate(pages, start=1):
            file = target if len(pages) == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
            whole.crop((0, top, width, bottom)).save(file)
            files.append(file)
        return files


@contextmanager
def jupyterlab(*, dark: bool = False, width: int = 1200, height: int = 1000) -> Iterator[Lab]:
    """Start JupyterLab on a free port and a headless browser with it, of `width` by `height` pixels; end both.

    It serves copies from a temporary folder; no settings, extensions or browser profile of the user's take part.
    Raises NeedsBrowser when there is no browser.
    """
    program = chromium()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="course-lab-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        root = folder / "root"
        shutil.copytree(MASTERS, root / MASTERS.name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        shutil.copytree(REPO / "data", root / "data")
        shutil.copy(REPO / "README.md", root)
        with _server(folder, root, dark=dark) as (url, token), sync_playwright() as playwright:
            browser = playwright.chromium.launch_persistent_context(
                folder / "browser",
                executable_path=program,
                headless=True,
                args=list(FLAGS),
                viewport={"width": width, "height": height},
            )
            try:
                page = browser.pages[0]
                page.set_default_timeout(START * 1000)
                yield Lab(page, url, token, root)
            finally:
                browser.close()


@contextmanager
def _server(folder: Path, root: Path, *, dark: bool) -> Iterator[tuple[str, str]]:
    settings = folder / "settings"
    for name, text in SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("%s", _theme(dark)), encoding="utf-8")
    own = {
        "COURSE_PROGRESS": "memory",
        "JUPYTER_CONFIG_PATH": str(OURS),  # what the course starts JupyterLab with; beside it nothing
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = os.environ | {key: value if value == "memory" else str(folder / value) for key, value in own.items()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    url = f"http://127.0.0.1:{port}"
    log = folder / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"),
                *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"),
                *(f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True"),
            ],
            cwd=root,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(server, f"{url}/api", log)
        yield url, token
    finally:
        server.terminate()  # JupyterLab ends its kernels on this
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _theme(dark: bool) -> str:
    return "JupyterLab Dark" if dark else "JupyterLab Light"


def _wait_for(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    give_up = time.monotonic() + START
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(
        f"JupyterLab did not answer within {START} s:\n{log.read_text(encoding='utf-8', errors='replace')}"
    )
