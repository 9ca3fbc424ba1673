"""A class on the course's hub: so many learners log in at the same time, and every output is compared.

    .venv/bin/python tests/hub.py 10 01 03 05a 05b 09b

Each learner does by HTTP and WebSocket, through the hub's proxy, what a browser does: fills in the form, waits for a
server, opens the notebook in a kernel, runs all cells, and shuts the kernel down; all learners do each step at the same
time. The hub is that of `python -m course_lib hub`, started here, with homes in a temporary folder. It tells for each
step how many learners failed, how long it took them, and what the learners' servers, their kernels and the two servers
of all took of memory at most; then what differed, and whether anything lies where it does not belong. Exit status 0:
nothing failed, and nothing is left.
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

import argparse
import json
import re
import secrets
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

import kernels
import nbformat
import psutil
import requests
import websocket
from classroom import HERE, PATIENCE, Ran, at_once, line, memory, misplaced, of_servers, problems, run_all, sampled
from serving import lives, sql, until

from course_lib.cli.jupyterhub import THIS_MACHINE, Chosen, Hub, bring_what_it_needs, running
from course_lib.cli.lessons import notebooks_of
from course_lib.cli.run import terminated_cleanly
from course_lib.cli.work import START
from course_lib.lab.servers.classroom import Classroom, classroom

LOOK_AGAIN = 1.0
"""Seconds between two looks whether one's server is there, as the page does that waits for it."""


def main(argv: list[str]) -> int:
    """Run the class that the arguments ask for, and return 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="tests/hub.py", description="So many learners at once, on a hub.")
    parser.add_argument("learners", type=int, help="how many")
    parser.add_argument("lesson", nargs="+", help="01, 05a ...")
    options = parser.parse_args(argv)
    kernels.CELL_TIMEOUT = PATIENCE
    lessons = [path for lesson in options.lesson for path in notebooks_of(lesson)]
    names = [f"l{number:02}" for number in range(1, options.learners + 1)]
    passes_on = bring_what_it_needs()
    with socket.create_server((THIS_MACHINE, 0)) as free:
        port = free.getsockname()[1]
    with (
        terminated_cleanly(),
        tempfile.TemporaryDirectory(prefix="course-homes-") as homes,
        classroom(options.learners) as room,
    ):
        chosen = Chosen(options.learners, Path(homes), secrets.token_hex(8), port=port)
        with running(chosen, room, passes_on) as hub:
            failed = a_class(hub, room, chosen, names, lessons)
            failed += misplaced(room, accounts(room, names)) if lessons else []
            failed += [f"{each} lies among the homes" for each in strangers(Path(homes), names)]
            started = psutil.Process(hub.pid).children(recursive=True)
        until(lambda: not any(map(lives, started)))
    print("\n".join(["", *failed]) if failed else "\nNothing failed, and nothing was found where it does not belong.")
    return 1 if failed else 0


def a_class(hub: Hub, room: Classroom, chosen: Chosen, names: list[str], lessons: list[Path]) -> list[str]:
    """Let all learners log in, and run the lessons; print a line for each step, and return what failed."""
    learners = {name: Learner(hub.url, name) for name in names}
    print(
        f"{'step':<30}{'failed':>8}{'late':>6}{'median':>10}{'slowest':>10}{'hub':>9}{'servers':>12}{'kernels':>12}",
        end="",
    )
    print(f"{'a learner':>12}{'databases':>12}{'connections':>13}")
    steps: list[tuple[str, Callable[[Learner], list[str]]]] = [
        ("log in, and start a server", lambda learner: learner.arrive(chosen.password)),
        *((path.stem, partial(Learner.run, path=path)) for path in lessons),
    ]
    failed: list[str] = []
    for what, step in steps:
        peaks = Peaks(hub.pid)
        with sampled(lambda peaks=peaks: peaks.look(room)):  # type: ignore[misc]
            runs = at_once(names, lambda name, barrier, step=step: timed(learners[name], step, barrier))  # type: ignore[misc]
            peaks.look(room)
        print(f"{what:<30}{line(runs)}{peaks.line(len(names))}", flush=True)
        failed += problems(what, runs)
    return failed


class Peaks:
    """What the class took at most: MB of the hub, of servers, of kernels and of databases, and connections."""

    def __init__(self, hub: int) -> None:
        self.hub = psutil.Process(hub)
        self.most = {"hub": 0, "servers": 0, "kernels": 0, "class": 0, "databases": 0, "connections": 0}

    def look(self, room: Classroom) -> None:
        """Look now, and keep what is more than before."""
        proxy = [child for child in self.hub.children() if "node" in child.name()]
        servers = [child for child in self.hub.children() if child not in proxy]
        under = {child.pid for server in servers for child in _children(server)}
        now = {
            "hub": memory({self.hub.pid, *(each.pid for each in proxy)}),
            "servers": memory({each.pid for each in servers}),
            "kernels": memory(under),
            "databases": memory(of_servers(room)),
            "connections": sql(room.postgres.url, HERE),
        }
        now["class"] = now["servers"] + now["kernels"]
        self.most = {key: max(most, now[key]) for key, most in self.most.items()}

    def line(self, learners: int) -> str:
        """Return the columns of the table."""
        most = self.most
        return (
            f"{most['hub']:>6,} MB{most['servers']:>9,} MB{most['kernels']:>9,} MB{most['class'] // learners:>9,} MB"
            f"{most['databases']:>9,} MB{most['connections']:>13}"
        )


def _children(server: psutil.Process) -> list[psutil.Process]:
    try:
        return list(server.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


class Learner:
    """A learner with a browser: cookies, and what is done with them."""

    def __init__(self, hub: str, name: str) -> None:
        self.hub, self.name, self.late = hub, name, 0
        self.server = f"{hub}user/{name}/"
        self.browser = requests.Session()
        self.browser.trust_env = False  # no proxy but the hub's
        # A connection that is kept may be closed over there just as it is used again: a browser then asks again.
        self.browser.headers["Connection"] = "close"

    def arrive(self, password: str) -> list[str]:
        """Log in, wait for the server, and return what is wrong with the page that comes then."""
        form = self._get(f"{self.hub}hub/login").text
        (xsrf,) = re.findall(r'name="_xsrf" value="([^"]*)"', form)
        entered = {"_xsrf": xsrf, "username": self.name, "password": password}
        page = self._get(f"{self.hub}hub/login", entered)
        while f"/user/{self.name}/" not in page.url:
            time.sleep(LOOK_AGAIN)
            page = self._get(f"{self.hub}hub/spawn-pending/{self.name}")
        page = self._get(self.server)
        return [] if page.url == f"{self.server}lab/tree/{START}" else [f"the page is {page.url}"]

    def run(self, path: Path) -> list[str]:
        """Open a lesson, run all cells, compare them with the master's outputs, and shut its kernel down."""
        copy = self._get(f"{self.server}api/contents/{path.name}").json()["content"]
        masters = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        sources = ["".join(cell["source"]) for cell in copy["cells"] if cell["cell_type"] == "code"]
        if sources != [cell.source for cell in masters]:
            return ["the copy's cells are not the master's"]
        opened = {"path": path.name, "name": path.name, "type": "notebook", "kernel": {"name": "python3"}}
        session = self._api("POST", "api/sessions", json=opened).json()
        kernel = RemoteKernel(self, session["kernel"]["id"])
        try:
            wrong, self.late = run_all(kernel, masters)
        except (LookupError, RuntimeError) as error:
            wrong = [f"{type(error).__name__}: {error}"]  # told even if the kernel is gone, so that what follows fails
        finally:
            kernel.client.socket.close()
        try:
            self._api("DELETE", f"api/sessions/{session['id']}")
        except requests.HTTPError as error:
            wrong.append(f"the kernel was gone: {error}")
        return wrong

    def cookies(self, url: str) -> str:
        """Return the header that a browser sends to a URL."""
        asked = self.browser.prepare_request(requests.Request("GET", url))
        return asked.headers["Cookie"]

    def _get(self, url: str, entered: dict[str, str] | None = None) -> requests.Response:
        said = self.browser.request("POST" if entered else "GET", url, data=entered, timeout=PATIENCE)
        said.raise_for_status()
        return said

    def _api(self, method: str, path: str, **more: Any) -> requests.Response:
        (xsrf,) = (each.value for each in self.browser.cookies if each.name == "_xsrf" and "/user/" in each.path)
        headers = {"X-XSRFToken": str(xsrf)}
        said = self.browser.request(method, self.server + path, headers=headers, timeout=PATIENCE, **more)
        said.raise_for_status()
        return said


class RemoteKernel(kernels.Kernel):
    """A kernel behind a WebSocket."""

    def __init__(self, learner: Learner, kernel: str) -> None:
        self.client: Any = Channels(learner, kernel)  # no manager: the learner's server has it


class Channels:
    """A kernel's channels, with as much of a client's face as `kernels.Kernel` uses."""

    def __init__(self, learner: Learner, kernel: str) -> None:
        self.session = uuid.uuid4().hex
        url = f"{learner.server}api/kernels/{kernel}/channels?session_id={self.session}"
        self.socket = websocket.create_connection(
            url.replace("http://", "ws://"),
            cookie=learner.cookies(url),
            origin=f"http://{urlsplit(url).netloc}",
            timeout=PATIENCE,
            http_no_proxy=["*"],
        )

    def execute(self, source: str, *, stop_on_error: bool) -> str:
        """Send a cell, and return the id of its request."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": self.session}
        header |= {"username": "", "version": "5.3"}
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": stop_on_error}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}
        self.socket.send(json.dumps(message | {"channel": "shell"}))
        return header["msg_id"]

    def get_iopub_msg(self, timeout: float) -> dict[str, Any]:
        """Return the next message that is an output; those with bytes in them, which widgets send, are left out."""
        while True:
            try:
                said = self.socket.recv()
            except websocket.WebSocketTimeoutException:
                raise Empty from None
            except websocket.WebSocketException as error:
                raise RuntimeError(f"the connection to the kernel ended: {error}") from error
            message = json.loads(said) if isinstance(said, str) else {"channel": "bytes"}
            if message["channel"] == "iopub":
                return dict(message)


def timed(learner: Learner, step: Callable[[Learner], list[str]], barrier: threading.Barrier) -> Ran:
    """Let a learner do a step when all are there, and return how long it took and what was wrong."""
    learner.late = 0
    barrier.wait(PATIENCE)
    began = time.monotonic()
    try:
        wrong = step(learner)
    except (OSError, LookupError, RuntimeError, ValueError, websocket.WebSocketException) as error:  # refused
        wrong = [f"{type(error).__name__}: {error}"]
    return Ran(learner.name, time.monotonic() - began, wrong, learner.late)


def accounts(room: Classroom, names: list[str]) -> list[str]:
    """Return the learners' accounts, without "learner_": each has one, of their name and a digest."""
    roles = sql(room.postgres.url, r"SELECT array_agg(rolname::text) FROM pg_roles WHERE rolname LIKE 'learner\_%'")
    of_each = [re.fullmatch(r"learner_((\w+)_[0-9a-f]{8})", role) for role in roles or ()]
    owners = [found[2] for found in of_each if found]
    return [found[1] for found in of_each if found and found[2] in names and owners.count(found[2]) == 1]


def strangers(homes: Path, names: list[str]) -> list[str]:
    """Return what lies beside the learners' folders."""
    return sorted({each.name for each in homes.iterdir()} - set(names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
