"""A server of one's own: start, stop, kill, pause; gone with the block, or with the process, however that ends.

with private_redis() as server:
    client = redis.asyncio.from_url(server.url)
    server.stop()                                 # what does the program do now?
    server.start()                                # the same URL again
"""

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any, Self
from urllib.parse import urlsplit

from course_lib.lab.servers.errors import ServerError
from course_lib.lab.servers.leftovers import SUPERVISOR
from course_lib.lab.servers.recipes import Plan, shell_overruled
from course_lib.paths import REPO

MEND = (
    "mend what these lines say (disk space, permissions, a virus scanner) and ask for the server again; or use another "
    "one: set COURSE_DATABASE_URL or COURSE_REDIS_URL to its URL"
)

END_WITHIN = 15.0
"""Seconds a supervisor may take to end its server; it does so without us, too."""


class Server:
    """A server on 127.0.0.1, in a folder of its own, with a supervisor. Methods may be called from any thread.

    name: "PostgreSQL" or "Redis"
    version, source: what runs, such as "Valkey 9.1.2", and where its program was found
    note: what else to know of it: that it is no real Redis, and how to get one; usually nothing
    seconds: how long it took from the call until it was ready
    """

    def __init__(self, name: str, plan: Plan) -> None:
        """Launch it, and return without waiting: `wait_ready` does."""
        self.name, self.version, self.source = name, plan.program.version, plan.program.source
        self.note = plan.program.note
        self.seconds = 0.0
        self._url, self._password = plan.url, plan.password
        self._lock = threading.RLock()
        self._number = self._port = 0
        self._began = time.perf_counter()
        self._supervisor = _start_supervisor()
        self._pipes = (self._supervisor.stdin, self._supervisor.stdout)
        _alive.add(self)
        self._write(plan.recipe)

    def wait_ready(self) -> Self:
        """Return this server when it answers.

        Raises ServerError, with the last lines that the server wrote, when it does not start.
        """
        if self.ready:
            return self
        try:
            self._port = int(self._answer(0)["port"])
        except BaseException:  # an interrupt too: nobody will use it
            self.close()
            raise
        self.seconds = time.perf_counter() - self._began
        return self

    @property
    def ready(self) -> bool:
        """Whether it has been ready once: it has a port then."""
        return bool(self._port)

    @property
    def url(self) -> str:
        """Where it is, with its password; the same for the server's whole life."""
        end = shell_overruled() if self._url.startswith("postgresql:") else ""
        return self._url.replace("{port}", str(self._port)) + end

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the server, or of the last one that ran."""
        return int(self._ask("state")["pid"])

    @property
    def running(self) -> bool:
        """Whether its process lives: not after `stop`, `kill`, `close` or a crash. A paused one does."""
        try:
            return not self.closed and bool(self._ask("state")["running"])
        except ServerError:
            if not self.closed:
                raise
            return False  # its supervisor ended at this very moment

    def start(self) -> None:
        """Start it again after `stop`, `kill` or a crash, on the same port; nothing to do when it runs.

        What PostgreSQL had committed is there again; a Redis is empty, unless it was made `persistent`.

        Raises ServerError when it does not start, for one because another program has taken the port.
        """
        self._ask("start")

    def stop(self) -> None:
        """End it in order; its folder stays. PostgreSQL sends clients away and rolls back what was not committed."""
        self._ask("stop")

    def kill(self) -> None:
        """End it and its children on the spot, as a crash does (SIGKILL); its folder stays."""
        self._ask("kill")

    def pause(self) -> None:
        """Freeze it: connections stay open and are even accepted, and nobody answers, until `resume`."""
        self._ask("pause")

    def resume(self) -> None:
        """Let a paused server go on, with what was sent to it meanwhile."""
        self._ask("resume")

    def close(self) -> None:
        """End the server and its supervisor, and remove its folder; a second call does nothing."""
        with self._lock:
            _alive.discard(self)
            assert self._supervisor.stdin is not None
            if self._supervisor.stdin.closed:
                return
            try:
                self._write({"id": -1, "do": "end"})
            except ServerError:
                pass  # the supervisor has ended
            for pipe in self._pipes:
                if pipe is not None:
                    pipe.close()
            try:
                self._supervisor.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                pass  # it goes on without us

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it is gone for good: after `close`, or when its supervisor was killed."""
        pipe = self._supervisor.stdin
        return pipe is None or pipe.closed or self._supervisor.poll() is not None

    def _ask(self, what: str) -> dict[str, Any]:
        with self._lock:
            if self.closed:
                raise ServerError(f"This {self.name} is closed.", "ask for another one")
            self._number += 1
            self._write({"id": self._number, "do": what})
            return self._answer(self._number)

    def _write(self, message: dict[str, Any]) -> None:
        assert self._supervisor.stdin is not None
        try:
            self._supervisor.stdin.write(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise self._lost(str(error)) from error

    def _answer(self, number: int) -> dict[str, Any]:
        """Return the answer to a request; an interrupt may have left answers to earlier ones, which are dropped."""
        assert self._supervisor.stdout is not None
        other = b""
        for line in iter(self._supervisor.stdout.readline, b""):
            if not line.startswith(b"{"):
                other += line  # of a traceback
                continue
            answer: dict[str, Any] = json.loads(line)
            if answer["id"] != number:
                continue
            if "error" in answer:
                raise ServerError(f"{self.name} ({self.version}, {self.source}): {answer['error']}", MEND)
            return answer
        raise self._lost(other.decode(errors="replace"))

    def _lost(self, told: str) -> ServerError:
        """Return what to raise when the supervisor's pipes are closed; it is gone a moment later, and then `closed`."""
        try:
            self._supervisor.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            pass  # it is ending
        return ServerError(f"The supervisor of {self.name} ended: {told}", MEND)


def _start_supervisor() -> subprocess.Popen[bytes]:
    path = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    apart: dict[str, Any] = {"start_new_session": True}  # where an interrupt, which goes to the group, does not reach
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", SUPERVISOR],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO), *path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,  # nothing is lost when an interrupt comes, and a forked child can close its copies without a lock
        **apart,
    )


_alive: set[Server] = set()


def is_private(url: str) -> bool:
    """Return whether `url` leads to a server that this process started, maybe through a proxy: nobody else uses it.

    Whatever destroys (dropping what one did not make, FLUSHALL, filling the memory) is for private servers only.
    """
    password = urlsplit(url).password  # random, so no other server has it
    return password is not None and any(server._password == password for server in list(_alive))


def _close_all() -> None:
    for server in list(_alive):
        server.close()


def _let_go() -> None:
    """In a forked child: close its copies of the pipes; the servers are the parent's."""
    for server in list(_alive):
        for pipe in server._pipes:
            if pipe is not None:
                pipe.close()
        server._lock = threading.RLock()
        server._supervisor.returncode = 0  # not its child: it shall not wait for it, nor warn that it runs
        _alive.discard(server)


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_let_go)
