"""A real kernel for tests: started as Jupyter starts it, spoken to as JupyterLab speaks to it, and always ended."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from course_lib.cli.refresh import CELL_TIMEOUT, ThisPython, kernel_environment, without_ports
from course_lib.paths import MASTERS

Output = dict[str, Any]
Message = tuple[str, dict[str, Any]]  # its kind and its content


class Kernel:
    """A running kernel; `start()` makes one."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=CELL_TIMEOUT)

    @property
    def pid(self) -> int:
        """The process of the kernel that runs now."""
        provisioner: Any = self.manager.provisioner
        return int(provisioner.pid)

    def send(self, source: str, *, stop_on_error: bool = True) -> str:
        """Queue a cell and return the id of its request, without waiting for anything."""
        return str(self.client.execute(source, stop_on_error=stop_on_error))

    def listen(self, *requests: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (request, kind, content) of what the kernel says about these requests, until all of them are done.

        Raises TimeoutError when the kernel says nothing for CELL_TIMEOUT seconds.
        """
        waiting = set(requests)
        while waiting:
            try:
                message = self.client.get_iopub_msg(timeout=CELL_TIMEOUT)
            except Empty:
                raise TimeoutError(f"{len(waiting)} of {len(requests)} cells were never done") from None
            request = message["parent_header"].get("msg_id")
            if request in requests:
                yield request, message["msg_type"], message["content"]
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    waiting.discard(request)

    def run(self, *requests: str) -> dict[str, list[Output]]:
        """Wait for these requests and return the outputs of each, in nbformat's form, streams joined.

        Raises LookupError when the kernel answered a request without running it.
        """
        outputs: dict[str, list[Output]] = {request: [] for request in requests}
        started = set()
        for request, kind, content in self.listen(*requests):
            if kind == "execute_input":
                started.add(request)
            elif kind == "stream":
                _add_text(outputs[request], content)
            elif kind in ("display_data", "execute_result", "error"):
                outputs[request].append({"output_type": kind, **content})
        never = [number for number, request in enumerate(requests, start=1) if request not in started]
        if never:
            raise LookupError(f"the kernel answered without running code cells {never}")
        return outputs

    def printed(self, source: str) -> str:
        """Run a cell and return what it printed, whole; whatever else it gives stands there by its kind's name."""
        request = self.send(source)
        return "".join(output.get("text", output["output_type"]) for output in self.run(request)[request])

    def interrupt_at(self, word: str, source: str) -> tuple[list[str], float]:
        """Run a cell, interrupt it once it prints `word`; return its errors and the seconds until it was done."""
        request = self.send(source)
        errors: list[str] = []
        interrupted, said = 0.0, ""
        for _, kind, content in self.listen(request):
            if kind == "stream":
                said += content["text"]
                if word in said and not interrupted:
                    self.manager.interrupt_kernel()
                    interrupted = time.monotonic()
            elif kind == "error":
                errors.append(content["ename"])
        assert interrupted, f"the cell never printed {word!r}"
        return errors, time.monotonic() - interrupted

    def restart(self) -> None:
        """End the process and start another, as Restart does."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=CELL_TIMEOUT)


def _add_text(outputs: list[Output], stream: dict[str, Any]) -> None:
    """Add a message of a stream: a kernel may send the text of one print in several."""
    if outputs and outputs[-1]["output_type"] == "stream" and outputs[-1]["name"] == stream["name"]:
        outputs[-1]["text"] += stream["text"]
    else:
        outputs.append({"output_type": "stream", **stream})


@contextmanager
def start(folder: Path = MASTERS, **variables: str) -> Iterator[Kernel]:
    """Start a kernel on this Python in `folder`, with more environment variables; end it however the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as ipython_folder:
        manager = without_ports(KernelManager(kernel_spec_manager=ThisPython()))
        environment = os.environ | kernel_environment(ipython_folder) | variables
        manager.start_kernel(cwd=str(folder), env=environment, stderr=subprocess.DEVNULL)
        kernel = None
        try:
            kernel = Kernel(manager)
            yield kernel
        finally:
            if kernel is not None:
                kernel.client.stop_channels()
            manager.shutdown_kernel(now=True)


class Learner:
    """Runs cells, moves sliders and presses buttons, each known by what is written on it."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.sliders: dict[str, tuple[str, dict[str, Any]]] = {}

    def run(self, source: str) -> list[Message]:
        """Run a cell, note the sliders that it opens and return what it shows."""
        shown = []
        for _, kind, content in self.kernel.listen(self.kernel.send(source)):
            if kind == "comm_open":
                state = content["data"]["state"]
                self.sliders[state.get("description", "")] = content["comm_id"], state
            elif kind not in ("status", "execute_input"):
                shown.append((kind, content))
        return shown

    def move(self, name: str, value: float) -> list[Message]:
        """Move a slider and return what the kernel shows in turn."""
        return self._say(name, {"method": "update", "state": {"value": value}, "buffer_paths": []})

    def press(self, name: str) -> list[Message]:
        """Press a button and return what the kernel shows in turn."""
        return self._say(name, {"method": "custom", "content": {"event": "click"}})

    def _say(self, name: str, data: dict[str, Any]) -> list[Message]:
        client = self.kernel.client
        message = client.session.msg("comm_msg", {"comm_id": self.sliders[name][0], "data": data})
        client.shell_channel.send(message)
        said = self.kernel.listen(message["header"]["msg_id"])
        return [(kind, content) for _, kind, content in said if kind not in ("status", "comm_msg")]
