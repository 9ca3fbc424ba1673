"""`python -m course_lib doctor`: what is there, what is missing, and how to mend it. It changes nothing.

Run in the course's environment when there is one; otherwise it says why there is none and checks what it can without.
"""

import argparse
import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from course_lib.cli import environment
from course_lib.cli.packages import REBUILD, SET_UP, Missing, imports, pins
from course_lib.paths import work_folder

KERNEL_TIMEOUT = 60.0
"""Seconds a kernel may take to start and answer: an old laptop's first start, with a virus scanner looking on."""

OWN_FOLDER = "set COURSE_WORK to a folder of your own"
LISTEN = "allow Python to listen on 127.0.0.1 (firewall, sandbox)"

FONTS = """
import matplotlib, matplotlib.font_manager
matplotlib.font_manager.findfont("DejaVu Sans", fallback_to_default=False)
print(matplotlib.get_cachedir())
"""


@dataclass(frozen=True)
class Check:
    """One thing to look at. `look` returns what it found, or raises Missing."""

    name: str
    look: Callable[[], str]


def main(argv: list[str]) -> int:
    """Print the state of everything the course needs; return 0 when all is well, 1 otherwise."""
    argparse.ArgumentParser(prog="python -m course_lib doctor").parse_args(argv)
    ready = environment.find() is not None
    faults = 0
    for check in [*BEFORE, *(INSIDE if ready else ())]:
        if sys.stdout.isatty():
            print(f"  ...  {check.name}", end="\r", flush=True)
        try:
            found, mend = check.look(), ""
        except Missing as missing:
            found, mend = str(missing), missing.mend
            faults += 1
        print(f"  {'FAIL' if mend else 'ok  '} {check.name}: {found}")
        if mend:
            print(f"       mend: {mend}")
    if not ready:
        print("       (packages, kernel, servers and pictures are looked at once the environment is there)")
    print("All is well." if not faults else f"To mend: {faults}.")
    return 1 if faults else 0


def python() -> str:
    """Look at the Python that runs this."""
    return f"{platform.python_version()} at {sys.executable}, {platform.system()} {platform.machine()}"


def which_environment() -> str:
    """Look at the environment the course uses."""
    ready = environment.find()
    if ready is None:
        fault = environment.fault()
        raise Missing(f"not ready: {fault.reason if fault else 'unknown'}", SET_UP)
    return f"{sys.prefix} ({'made by the course' if ready.own else 'the course was installed into it'})"


def work() -> str:
    """Write and remove a file where the learner's copy is, or would be made."""
    folder = work_folder()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise Missing(f"{folder} cannot be written: {error.strerror}", OWN_FOLDER) from error
    return f"{folder}{'' if nearest == folder else ' (made at the first start)'}"


def port() -> str:
    """Take a free port on this machine and let it go."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return f"127.0.0.1 gives one, such as {server.getsockname()[1]}"
    except OSError as error:
        raise Missing(f"none can be had on 127.0.0.1: {error.strerror}", LISTEN) from error


def kernel() -> str:
    """Start a kernel, let it add two numbers and end it."""
    from jupyter_client.manager import start_new_kernel

    try:
        manager, client = start_new_kernel(KERNEL_TIMEOUT, "python3", stderr=subprocess.DEVNULL)
    except Exception as error:  # whatever it is, it is the finding
        raise Missing(f"does not start: {type(error).__name__}: {error}", REBUILD) from error
    said: list[str] = []
    try:
        answer = client.execute_interactive(
            "import sys, course_lib; print(sys.prefix)",
            timeout=KERNEL_TIMEOUT,
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
    except TimeoutError as error:
        raise Missing(f"does not answer within {KERNEL_TIMEOUT:.0f} s", "restart the machine and try again") from error
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    prefix = "".join(said).strip()
    if answer["content"]["status"] != "ok" or not os.path.samefile(prefix, sys.prefix):
        raise Missing(
            f"the kernel named python3 is another Python's ({answer['content'].get('evalue') or prefix})",
            "set JUPYTER_PREFER_ENV_PATH=1, or remove the other one: jupyter kernelspec remove python3",
        )
    return "starts and answers"


def web_server() -> str:
    """Start the lab's web server and stop it."""
    from course_lib.lab import web

    try:
        server = web.start()
    except OSError as error:
        raise Missing(f"does not start: {error}", LISTEN) from error
    url = server.url
    server.stop()
    return f"starts ({url})"


def postgresql() -> str:
    """Start a PostgreSQL and stop it, or knock at the one that COURSE_DATABASE_URL gives."""
    return database_server("COURSE_DATABASE_URL")


def redis() -> str:
    """Start a Redis and stop it, or knock at the one that COURSE_REDIS_URL gives."""
    return database_server("COURSE_REDIS_URL")


def database_server(variable: str) -> str:
    """Look at a server of lessons 5a and 5b: the class's one, when `variable` gives it, or one of our own."""
    from course_lib.lab import servers

    is_redis = variable == "COURSE_REDIS_URL"
    try:
        if os.environ.get(variable, "").strip():
            _ = servers.redis() if is_redis else servers.postgres()
            return f"the one that {variable} gives answers"
        with servers.private_redis() if is_redis else servers.private_postgres() as server:
            found = f"{server.version}, from {server.source}, was ready in {server.seconds:.1f} s"
            return "\n       ".join([found, *server.note.splitlines()])
    except servers.ServerError as error:
        raise Missing(error.found, error.mend) from error
    except ImportError as error:  # of the client, with which a given server is asked
        raise Missing(f"cannot be asked: {error}", REBUILD) from error


def pictures() -> str:
    """Look for matplotlib's fonts, and for a cache folder that lasts."""
    looked = subprocess.run(  # as a kernel would: in a process of its own
        [sys.executable, "-c", FONTS], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if looked.returncode != 0:
        last = (looked.stderr.strip().splitlines() or ["no word why"])[-1]
        raise Missing(f"matplotlib does not work: {last}", REBUILD)
    if "temporary" in looked.stderr:
        raise Missing(
            "matplotlib has no cache folder that lasts, so every kernel looks for fonts again, for some seconds",
            "set MPLCONFIGDIR to a folder of your own",
        )
    return f"fonts found, cache in {looked.stdout.strip()}"


BEFORE = (
    Check("Python", python),
    Check("Environment", which_environment),
    Check("Your copy", work),
    Check("A port", port),
)
INSIDE = (
    Check("Packages", pins),
    Check("Imports", imports),
    Check("Kernel", kernel),
    Check("Web server", web_server),
    Check("PostgreSQL", postgresql),
    Check("Redis", redis),
    Check("Pictures", pictures),
)
