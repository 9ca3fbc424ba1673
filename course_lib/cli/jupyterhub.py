"""A JupyterHub for a class, as a process of its own: begun, watched, and ended with all that it started.

with classroom(30) as room, running(Chosen(learners=30, homes=folder, password="on-the-board"), room) as hub:
    print(hub.url)

Its configuration stands in jupyterhub_config.py. `bring_what_it_needs` installs it, and its proxy.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.cli import extras
from course_lib.cli.errors import CourseError
from course_lib.cli.proxy import proxy
from course_lib.cli.run import last_lines
from course_lib.family import OWN_GROUP, Family, uninterrupted

if TYPE_CHECKING:
    from course_lib.lab.servers.classroom import Classroom

THIS_MACHINE = "127.0.0.1"
CONFIGURATION = Path(__file__).with_name("jupyterhub_config.py")
SIZE = "28 MB"
"""What the extra `hub` fetches; it takes 60 MB of disk."""

START_WITHIN = 120.0
END_WITHIN = 60.0
"""Seconds that the hub may take to answer, and to end all servers in order; then they are killed."""

LOOK_EVERY = 2.0
"""Seconds between two looks at whether all live."""


@dataclass(frozen=True)
class Chosen:
    """What is chosen for a class.

    learners: how many servers may run at once, beside the instructor's
    homes: the folder of the learners' folders
    password: the room's, of ASCII, 8 characters or more
    host, port: where learners reach the hub
    accounts: this machine's accounts instead of `homes` and `password`
    """

    learners: int
    homes: Path
    password: str
    host: str = THIS_MACHINE
    port: int = 8000
    accounts: bool = False


class Hub:
    """A JupyterHub that runs; `running` makes one. log: the file it writes, gone at its end."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path, room: "Classroom") -> None:
        self.url, self.log = url, log
        self._process, self._room = process, room
        self._family = Family(process.pid)

    @property
    def pid(self) -> int:
        """The process id of the hub; its children are the proxy and the learners' servers."""
        return self._process.pid

    def wait(self) -> int:
        """Stay while the hub and both servers live; return 1, after a sentence, when a server has ended by itself.

        Raises CourseError when the hub has.
        """
        while self._process.poll() is None:
            self._family.look()  # whom the hub started; were it killed, nobody could tell any more
            for server in (self._room.postgres, self._room.redis):
                if not server.running:
                    print(f"{server.name} has ended by itself, so all is stopped.", file=sys.stderr)
                    print("Next: start this again.", file=sys.stderr)
                    return 1
            time.sleep(LOOK_EVERY)
        raise self._failed()

    def wait_until_it_answers(self) -> None:
        """Return when the hub, behind its proxy, says that it is well. Raises CourseError when it does not."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        give_up = time.monotonic() + START_WITHIN
        while self._process.poll() is None and time.monotonic() < give_up:
            try:
                with direct.open(f"{self.url}hub/health", timeout=10):
                    return
            except OSError:
                time.sleep(0.5)  # its proxy is there first, and writes a line for each that comes too early
        raise self._failed()

    def _failed(self) -> CourseError:
        lines = last_lines(self.log.read_text(encoding="utf-8", errors="replace"))
        return CourseError(
            f"JupyterHub has ended, or does not answer. Its last lines:\n{lines}\nNext: start this again."
        )

    def end(self) -> None:
        """End the hub, the proxy and every learner's server: in order, and whoever does not comply by force."""
        try:
            self._family.look()
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._family.end()
            self._process.kill()
            self._process.wait()


def bring_what_it_needs() -> str:
    """Install JupyterHub and its proxy where they are missing; return the proxy's program.

    Raises CourseError when one cannot be had.
    """
    extras.bring(
        "hub",
        f"To serve a class, JupyterHub and what it needs are installed once ({SIZE} are fetched).",
        "Installing JupyterHub",
        SIZE,
    )
    return proxy()


@contextmanager
def running(chosen: Chosen, room: "Classroom", passes_on: str) -> Iterator[Hub]:
    """Start JupyterHub for a class, and end it, with all that it started, at the end of the block.

    chosen: what is chosen for it
    room: the servers whose URLs all learners are given
    passes_on: the proxy's program

    Raises CourseError when the port is taken, the folder cannot be made, or the hub does not start.
    """
    _check_free(chosen.host, chosen.port)
    if not chosen.accounts:
        _make(chosen.homes)
    with tempfile.TemporaryDirectory(prefix="course-hub-", ignore_cleanup_errors=True) as folder:
        hub_port, proxy_port = _free_ports()
        told = {"folder": folder, "proxy": passes_on, "hub_port": hub_port, "proxy_port": proxy_port}
        own = asdict(chosen) | {"homes": str(chosen.homes.absolute())} | told
        variables = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTERHUB_")}
        variables |= {"COURSE_HUB": json.dumps(own)}
        variables |= {"COURSE_DATABASE_URL": room.database_url, "COURSE_REDIS_URL": room.redis_url}
        log = Path(folder) / "hub.log"
        with log.open("wb") as written, uninterrupted():
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(CONFIGURATION)],
                cwd=folder,
                env=variables,
                stdin=subprocess.PIPE,  # closed when this process is gone, however it ended: the hub waits for that
                stdout=written,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
            )
            hub = Hub(process, f"http://{chosen.host}:{chosen.port}/", log, room)
        try:
            hub.wait_until_it_answers()
            yield hub
        finally:
            hub.end()


def _free_ports() -> tuple[int, int]:
    """Return two ports that nobody has now: JupyterHub cannot be told to find some."""
    with socket.create_server((THIS_MACHINE, 0)) as one, socket.create_server((THIS_MACHINE, 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _make(homes: Path) -> None:
    try:
        homes.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"There can be no folder for learners at {homes}: {error.strerror}.\n"
            "Next: pass one that you may write, with --homes FOLDER."
        ) from error


def _check_free(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise CourseError(
            f"Port {port} cannot be used at {host}: {error.strerror}.\n"
            "Next: end the program that has it (an earlier hub?), or pass another --port."
        ) from error
