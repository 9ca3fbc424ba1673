"""JupyterHub's configuration for the course: what each learner's server needs, and a whole hub on one machine.

A hub that is there already takes the first part over, whatever its spawner, with one line in its own configuration:

    load_subconfig("/path/to/the/course/course_lib/cli/jupyterhub_config.py")

The second part is for the hub that `python -m course_lib hub` starts: it says so, and what it chose, in COURSE_HUB.
Nothing of the course is imported here: another hub's Python may not have it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821  # JupyterHub gives it
own = json.loads(os.environ.get("COURSE_HUB", "{}"))

# --- for any hub

# A learner's server is the course's command: it copies the lessons, and opens JupyterLab at the start page. The
# environment has to have the extra `hub`, too. What follows "--" goes to JupyterLab.
python = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "python"
c.Spawner.cmd = [sys.executable if own else str(python), "-m", "course_lib", "lab", "--"]

# A kernel that nobody looks at, and then a server without kernels, end after an hour in which nothing happened.
c.Spawner.args.extend(
    ["--MappingKernelManager.cull_idle_timeout=3600", "--ServerApp.shutdown_no_activity_timeout=3600"]
)

# The learner's own copy, in their home; and the class's servers, where the hub was given some.
c.Spawner.environment.update({"COURSE_WORK": "~/async-course"})
c.Spawner.environment.update(
    {key: os.environ[key] for key in ("COURSE_DATABASE_URL", "COURSE_REDIS_URL") if key in os.environ}
)

# --- for the course's own hub

NAME = r"[a-z][a-z0-9_-]{0,30}"
"""Of a learner, a folder, and in an address: other letters would be quoted there, not by all in the same way."""

RULE = "A name of your own: a letter, then letters, digits, - and _, up to 31 in all."


def end_with_command() -> None:
    """Wait until the command that started this hub is gone, however it ended, and end the hub as Ctrl+C would."""
    os.read(0, 1)  # standard input is a pipe from it, into which nobody writes: this returns when that is closed
    os.kill(os.getpid(), signal.SIGTERM)


if own:
    threading.Thread(target=end_with_command, daemon=True).start()

    c.JupyterHub.bind_url = f"http://{own['host']}:{own['port']}"
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{own['hub_port']}"
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{own['proxy_port']}"
    c.ConfigurableHTTPProxy.command = [own["proxy"]]
    # Nothing of the hub's outlives it: who was there, and who is logged in. What learners wrote is in their homes.
    c.ConfigurableHTTPProxy.pid_file = f"{own['folder']}/proxy.pid"
    c.JupyterHub.db_url = f"sqlite:///{own['folder']}/hub.sqlite"
    c.JupyterHub.cookie_secret = os.urandom(32)

    # A class comes in all at once: everybody waits for a minute, and nobody is sent away to try again later.
    c.JupyterHub.concurrent_spawn_limit = 0
    c.JupyterHub.active_server_limit = own["learners"] + 1  # and the instructor
    c.Spawner.start_timeout = c.Spawner.http_timeout = 300
    c.Spawner.ip = "127.0.0.1"
    c.LocalProcessSpawner.popen_kwargs = {"stdin": subprocess.DEVNULL}

    c.Authenticator.allow_all = True
    if own["accounts"]:
        c.JupyterHub.authenticator_class = "pam"
        c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
        c.Authenticator.blocked_users = {"root"}
    else:
        from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
        from tornado.web import HTTPError

        class RoomAuthenticator(SharedPasswordAuthenticator):  # type: ignore[misc]
            """Any name that can be a folder's, and one password."""

            async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
                """Return who comes; what cannot be right gets a sentence, which JupyterHub shows above its form."""
                if not re.fullmatch(NAME, self.normalize_username(data["username"])):
                    raise HTTPError(400, RULE, reason=RULE)
                if not data["password"].isascii():  # which the comparison of passwords cannot take
                    return None
                return await super().authenticate(handler, data)

        c.JupyterHub.authenticator_class = RoomAuthenticator
        c.SharedPasswordAuthenticator.user_password = own["password"]
        c.JupyterHub.template_vars = {"announcement_login": f"{RULE} And the room's password."}
        c.JupyterHub.spawner_class = "simple"
        homes = own["homes"].replace("{", "{{").replace("}", "}}")
        c.SimpleLocalProcessSpawner.home_dir_template = f"{homes}/{{username}}"
        # Jupyter finds free ports for a kernel, lets go of them, and the kernel takes them a moment later: of thirty
        # that start at once some find theirs taken, and end. So they listen at files, where the names have room.
        longest = f"{own['folder']}/{'n' * 31}/kernel-{'i' * 36}-ipc-5"
        if len(os.fsencode(longest)) <= (107 if sys.platform == "linux" else 103):
            c.Spawner.args.append("--KernelManager.transport=ipc")
            c.Spawner.environment.update(
                {"JUPYTER_RUNTIME_DIR": lambda spawner: f"{own['folder']}/{spawner.user.name}"}
            )
        if os.geteuid() == 0:
            c.Spawner.args.append("--allow-root")
