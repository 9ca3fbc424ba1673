"""The first cell of every notebook: `from course_lib.notebook import setup`, then `setup()`.

Importing this module does nothing; `setup()` checks the kernel and makes two small adjustments to it.
"""

from __future__ import annotations  # so that a Python too old for the course can still say so

import asyncio
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_lib.edition import advice

MINIMUM = (3, 11)
PACKAGES = ("aiohttp", "aiomonitor", "asyncpg", "ipywidgets", "matplotlib", "redis", "requests")
MEND = "In a terminal, in the course's folder, run: python -m course_lib doctor"

# An interrupted cell comes back at the next beat: short enough to feel immediate, long enough to cost nothing.
BEAT = 0.25

_beat: asyncio.TimerHandle | None = None


class NotReady(RuntimeError):
    """The kernel cannot run the course; the message is one sentence and the mend."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows this instead of a traceback, which would bury the sentence a newcomer needs.
        return [str(self)]


def setup() -> None:
    """Make this notebook's kernel ready for the course, and print `Ready.`; running it again changes nothing.

    Checks Python and packages, lets Interrupt end a long `await`, and asks for crisp figures. In a learner's copy that
    is older than the course it also says how to get the newer one.

    Raises NotReady when Python is older than 3.11, a package is missing, or no notebook kernel is running this.
    """
    _check(sys.version_info[:2], PACKAGES)
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        raise NotReady(
            "setup() prepares a notebook's kernel, and no kernel is running this code: "
            "a script needs no setup(), remove the call; in a notebook, run it in the first cell."
        )
    _wake_regularly()
    _crisp_figures(shell)
    if told := advice(_file_of(shell)):
        print(told)
    print("Ready.")


def _check(version: tuple[int, ...], packages: Sequence[str]) -> None:
    if tuple(version) < MINIMUM:
        wanted, found = (".".join(map(str, numbers)) for numbers in (MINIMUM, version))
        raise NotReady(f"This kernel's Python is {found}; the course needs {wanted} or newer. {MEND}")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise NotReady(f"This kernel's Python cannot import {', '.join(missing)}. {MEND}")


def _file_of(shell: Any) -> Path:
    """Return the notebook that the kernel was started for, as Jupyter or VS Code tell it; where neither does, ""."""
    return Path(shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", ""))


def _wake_regularly() -> None:
    """Keep a timer on the kernel's loop, so that Interrupt works while a cell awaits.

    ipykernel's signal handler cancels the cell with `call_soon`, which does not wake a loop that sleeps in `select`:
    the cancellation stays queued until something else does. A timer is enough; a task would show up in `all_tasks()`.
    """
    if _beat is not None:
        _beat.cancel()
    _keep_beating(asyncio.get_running_loop())


def _keep_beating(loop: asyncio.AbstractEventLoop) -> None:
    global _beat
    _beat = loop.call_later(BEAT, _keep_beating, loop)


def _crisp_figures(shell: Any) -> None:
    """Ask for figures at twice the pixels, without importing matplotlib: that takes a second or more."""
    shell.config.InlineBackend.figure_formats = {"retina"}
    backend = sys.modules.get("matplotlib_inline.config")
    if backend is not None:  # matplotlib came first, and has read its configuration already
        backend.InlineBackend.instance().figure_formats = {"retina"}
