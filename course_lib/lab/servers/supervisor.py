"""The supervisor of one server: a process that starts it, and ends it when the process that asked for it is gone.

A server that is a plain child of a notebook's kernel dies with every interrupt of a cell, and lives on when the kernel
is killed. This process stands between the two, in a session of its own, which an interrupt does not reach. However the
kernel ends, it closes this process's standard input, or this process gets another parent (a forked child of the
kernel may hold the pipe open): then the server is ended and its folder removed.

Run as a program, by server.py. It reads lines of JSON: a recipe (see recipes.py), then requests such as
{"id": 1, "do": "stop"}; and answers each with a line of JSON. What else it writes is a traceback.
"""

import itertools
import json
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil  # type: ignore[import-untyped]

from course_lib.lab.servers.children import Output, apart, attempt, ended, family, halt, lives
from course_lib.lab.servers.leftovers import free_shared_memory, name_of_folder, sweep

PORTS = range(20_000, 32_768)
"""Where ports are taken: below those that systems hand out by themselves. A client that knocks at the port of a stopped
server can then neither be given that very port, and so be connected to itself, nor keep the server from coming back."""

PATIENCE = 60.0
"""Seconds a step may take: the first start on an old laptop, with a virus scanner looking on."""

GRACE = 5.0
"""Seconds a server may take to end when told to, before it is killed."""

BEAT = 0.2
"""Seconds between two looks at the parent."""


class Failed(Exception):
    """A step went wrong; the text says which, with the last lines that the server wrote."""


class Supervisor:
    """One server in a private folder."""

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.recipe = recipe
        self.port: int | None = None
        self.server: psutil.Process | None = None
        self.paused = False
        # Held while something is being made, and for ever once the end has begun: nothing can be made after it.
        self.gate = threading.Lock()
        self.step: psutil.Process | None = None
        self.folder = Path(tempfile.mkdtemp(prefix=name_of_folder(os.getpid()), dir=recipe["base"]))

    def prepare(self) -> None:
        """Fill the folder: copies of programs, files, and what the recipe's commands make."""
        os.umask(0o022)
        with self.gate:  # or the end, in another thread, would remove the folder while it is being filled
            for place, original in self.recipe["copy"].items():
                shutil.copytree(original, self.folder / place, copy_function=_copy, ignore=_not_needed)
            for name, text in self.recipe["files"].items():
                (self.folder / name).write_text(text, encoding="utf-8")
            if user := self.recipe["user"]:
                for path in (self.folder, *map(self.folder.joinpath, self.recipe["files"])):
                    shutil.chown(path, user)
        for command in self.recipe["prepare"]:
            output = Output(self.spawn(command))
            if output.process.wait(PATIENCE) != 0:
                raise Failed(f"{Path(command[0]).name} failed:\n{output.tail()}")

    def start(self) -> None:
        """Start the server, on the port it had before if it ran before, and wait until it is ready.

        Raises Failed when it ends or is not ready in time.
        """
        if self.running():
            return
        give_up = time.monotonic() + GRACE
        for port in itertools.repeat(self.port) if self.port else ports():
            told = self.launch(port)
            if told is None:
                self.port, self.paused = port, False
                return
            # Another program was quicker, or a child of a killed PostgreSQL still works: either may go.
            if not any(word in told for word in ("bind", "still in use")) or time.monotonic() > give_up:
                raise Failed(f"port {port} is in use" if "bind" in told else told)
            time.sleep(0.05 if self.port else 0)
        raise Failed("no free port on 127.0.0.1")

    def launch(self, port: int) -> str | None:
        """Try one port; return None when the server is ready, and what it wrote when it ended instead."""
        command = [part.replace("{port}", str(port)) for part in self.recipe["serve"]]
        if self.recipe["launcher"]:  # the command starts the server and ends
            process = self.spawn(command, quiet=True)
            written = self.folder / "log"
            if process.wait(PATIENCE) != 0:
                return written.read_text(errors="replace")[-2000:] if written.exists() else "it wrote nothing"
            self.server = psutil.Process(int((self.folder / self.recipe["pid_file"]).read_text().split()[0]))
            return None
        output = Output(self.spawn(command), self.recipe["ready"])
        self.server = psutil.Process(output.process.pid)
        if not output.event.wait(PATIENCE):
            self.kill()
            return f"not ready within {PATIENCE:.0f} s:\n{output.tail()}"
        if output.ready:
            return None
        if not ended(self.server, GRACE):  # its output ends before it does, and meanwhile it would count as running
            self.kill()
        return output.tail()

    def spawn(self, command: list[str], *, quiet: bool = False) -> subprocess.Popen[bytes]:
        """Start a program in the folder, as the recipe's user, out of reach of the terminal's signals."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        home = str(self.folder) if self.recipe["copy"] else ""
        with self.gate:
            process = subprocess.Popen(
                [part.replace("{folder}", home) for part in command],
                cwd=self.folder,
                env=kept | {"LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                **apart(self.recipe["user"]),
            )
            self.step = psutil.Process(process.pid)
        return process

    def running(self) -> bool:
        """Return whether the server's process lives."""
        return self.server is not None and ended(self.server, 0) is False

    def stop(self) -> None:
        """Let the server end in order."""
        self.resume()
        if self.server is None or not self.running():
            return
        self.tell(self.server, self.recipe["stop"])
        if not ended(self.server, GRACE):
            self.kill()

    def kill(self) -> None:
        """End the server and its children as a crash does, and wait until none is left."""
        if self.server is None or not self.running():
            return
        everybody = family(self.server)
        for process in everybody:  # the first is the server: it starts no more children
            attempt(process.kill)
        ended(self.server, GRACE)
        give_up = time.monotonic() + GRACE
        while any(map(lives, everybody)) and time.monotonic() < give_up:
            time.sleep(0.005)
        self.paused = False

    def pause(self) -> None:
        """Stop the clocks of the server and its children: connections stay, nobody answers."""
        if self.server is not None and self.running():
            halt(self.server, GRACE)  # first, so that the list of its children is complete
            for process in family(self.server)[1:]:
                halt(process, GRACE)
            self.paused = True

    def resume(self) -> None:
        """Undo `pause`."""
        if self.server is not None and self.paused:
            for process in reversed(family(self.server)):
                attempt(process.resume)
            self.paused = False

    def tell(self, server: psutil.Process, how: str | list[str]) -> None:
        """Ask the server to end, by a signal of that name or by a command."""
        if isinstance(how, str):
            attempt(lambda: server.send_signal(signal.Signals[how]))
        else:
            subprocess.run(how, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def end(self) -> NoReturn:
        """End the server, remove its folder, and end this process. Any thread may call it; the first one does it."""
        self.gate.acquire()
        try:
            if self.running() and self.server is not None:
                self.resume()
                self.tell(self.server, self.recipe["end"])
                if not ended(self.server, GRACE):
                    self.kill()
            elif self.step is not None:
                for process in family(self.step):
                    attempt(process.kill)
                ended(self.step, GRACE)
            free_shared_memory(self.folder / (self.recipe["pid_file"] or "-"))
            for _ in range(10):  # Windows lets go of a dead process's files a moment later
                shutil.rmtree(self.folder, ignore_errors=True)
                if not self.folder.exists():
                    break
                time.sleep(0.1)
        finally:
            os._exit(0)

    def state(self) -> dict[str, Any]:
        """Return what the other side wants to know."""
        return {"port": self.port, "running": self.running(), "pid": self.server.pid if self.server else None}


def ports() -> Iterator[int]:
    """Yield free ports; another program can still be quicker than the server."""
    for port in random.sample(PORTS, 200):  # at random, so that servers that start together do not meet
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        yield port


def _copy(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)  # whatever the umask of the installation: another user shall run it
    return target


def _not_needed(folder: str, names: list[str]) -> set[str]:
    spare = {name for name in names if name == "include" or name.endswith(".a")}
    return spare | (set(names) - {"postgres", "initdb"} if Path(folder).name == "bin" else set())


def main() -> None:
    """Serve one recipe until it is over."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    supervisor = Supervisor(json.loads(line))
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            requests.put(json.loads(line))
        supervisor.end()

    def watch_parent() -> None:
        while os.getppid() == supervisor.recipe["parent"]:
            time.sleep(BEAT)
        supervisor.end()

    def told_to_end(*_: object) -> None:
        threading.Thread(target=supervisor.end).start()  # not here: the main thread may be holding the gate

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), told_to_end)
    signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which programs inherit
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it is ignored here, too, the end of a child cannot be seen
    threading.Thread(target=listen, daemon=True).start()
    # Beside the start, which shall not wait for it.
    left = (Path(supervisor.recipe["base"]), supervisor.recipe["user"])
    threading.Thread(target=sweep, args=left, daemon=True).start()
    if os.name != "nt":  # there a process keeps its parent's number, and the pipe always closes
        threading.Thread(target=watch_parent, daemon=True).start()

    def answer(number: int, *actions: Any) -> None:
        reply: dict[str, Any] = {"id": number}
        try:
            for action in actions:
                action()
            reply |= supervisor.state()
        except (Failed, OSError, subprocess.TimeoutExpired, psutil.Error) as error:
            reply["error"] = str(error)
        print(json.dumps(reply), flush=True)

    try:
        answer(0, supervisor.prepare, supervisor.start)
        while True:
            request = requests.get()
            answer(request["id"], getattr(supervisor, request["do"]))
    except BrokenPipeError:
        pass  # nobody reads any more
    except Exception:
        traceback.print_exc()  # now: the end leaves no time for it
        raise
    finally:
        supervisor.end()


if __name__ == "__main__":
    main()
