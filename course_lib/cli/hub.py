"""`python -m course_lib hub`: a JupyterHub for a class on one machine, with a PostgreSQL and a Redis, until Ctrl+C.

What keeps learners apart: their folders, and their accounts on the two servers. What does not: without --accounts all
run as the account that started this, which may read and end everything of everybody's.
"""

import argparse
import getpass
import importlib.metadata
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.cli.errors import CourseError
from course_lib.cli.jupyterhub import SIZE, THIS_MACHINE, Chosen, Hub, bring_what_it_needs, running
from course_lib.cli.run import terminated_cleanly
from course_lib.paths import REPO

if TYPE_CHECKING:
    from course_lib.lab.servers.classroom import Classroom

HOMES = Path("~/async-course-class").expanduser()
PASSWORD = "COURSE_HUB_PASSWORD"
"""The variable that may hold the room's password: a command's arguments are seen by everybody on the machine."""

SHORTEST = 8
"""Characters of a password: JupyterHub's own bound."""

HANDOUT = """\
JupyterHub {version} runs for {learners} learners and you, until Ctrl+C. For the board:

  {url}
  {password}

What you have to know:
- {whose}
- {homes}
- A learner takes 130 MB of memory here, and each open notebook about 120 MB more; {free:,} MB are free.
- {postgres} and {redis} have accounts for each, and end, with what is in them, when this ends.
- A kernel that nobody looks at, and then a server without kernels, ends after an hour. Nothing is encrypted.

Who shares how far they are: python3 -m course_lib classroom --progress --watch in another terminal of this machine.
What the hub writes: {log}
"""

HERE_ALONE = """\
Learners reach it from this machine alone. For those on machines of their own, pass this one's address in the room's
network: --host ADDRESS.
"""


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the command's arguments; end with a sentence, or with the help, where they ask for that.

    Raises CourseError when they cannot be had on this machine, or by this account.
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_lib hub",
        description="Start a JupyterHub for a class on this machine, with a PostgreSQL and a Redis.",
        epilog=f"The first call installs JupyterHub ({SIZE} are fetched) and, with npm, its proxy. The room's password "
        f"is made anew at each start; {PASSWORD} sets another.",
    )
    parser.add_argument("--learners", type=int, default=30, metavar="N", help="how many may come (default: 30)")
    parser.add_argument(
        "--host", default=THIS_MACHINE, metavar="ADDRESS", help="this machine's in the room's network (default: none)"
    )
    parser.add_argument("--port", type=int, default=8000, help="the port to serve on (default: 8000)")
    parser.add_argument(
        "--homes", type=Path, default=HOMES, metavar="FOLDER", help="where learners' folders are (default: %(default)s)"
    )
    parser.add_argument("--accounts", action="store_true", help="this machine's own accounts and passwords; needs root")
    parser.add_argument("--allow-root", action="store_true", help="as root, without --accounts: everybody is root then")
    options = parser.parse_args(argv)
    _check(options)
    return options


def main(argv: list[str]) -> int:
    """Start all, say how to use it, and stay until Ctrl+C (0), or until a part of it ends by itself (1)."""
    from course_lib.lab.servers import board
    from course_lib.lab.servers.classroom import check, classroom
    from course_lib.lab.servers.errors import ServerError

    try:
        options = arguments(argv)
        check(options.learners, options.host)
        if options.accounts:
            _check_open()
        password = os.environ.get(PASSWORD) or _password()
        chosen = Chosen(
            options.learners, options.homes.expanduser(), password, options.host, options.port, options.accounts
        )
        passes_on = bring_what_it_needs()
        with (
            terminated_cleanly(),
            classroom(options.learners) as room,
            board.opened_for_instructor(room.board_url) as hindrance,
            running(chosen, room, passes_on) as hub,
        ):
            print(handout(chosen, room, hub), flush=True)
            if hindrance:
                print(f"But --progress will find no class: {hindrance}", file=sys.stderr, flush=True)
            return hub.wait()
    except (CourseError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nAll is stopped: the hub, the learners' servers, PostgreSQL and Redis.", file=sys.stderr)
        return 0


def _check(options: argparse.Namespace) -> None:
    if os.name == "nt":
        raise CourseError("JupyterHub does not run on Windows.\nNext: start this in WSL2, or on Linux or macOS.")
    root = os.geteuid() == 0
    if options.accounts and not root:
        raise CourseError(
            "--accounts starts each learner's server as that learner, which only root may.\n"
            "Next: sudo python3 -m course_lib hub --accounts; or leave --accounts out: then all run as you."
        )
    if options.accounts and options.host != THIS_MACHINE:
        raise CourseError(
            "With --accounts and --host, this machine's passwords would cross the network unencrypted.\n"
            f"Next: leave --host out, and put a web server with a certificate before {THIS_MACHINE}:{options.port}."
        )
    if root and not options.accounts and not options.allow_root:
        raise CourseError(
            "You are root, and so would be every learner.\n"
            "Next: start this as an account of its own; or with --accounts; or, in a container that is made for this\n"
            "class alone, with --allow-root."
        )
    given = os.environ.get(PASSWORD)
    if given is not None and (len(given) < SHORTEST or not given.isascii() or not given.isprintable()):
        raise CourseError(
            f"{PASSWORD} is not a password for the room.\n"
            f"Next: set it to {SHORTEST} or more characters, of ASCII; or unset it: then one is made."
        )
    if not 1024 <= options.port < 65_536:
        raise CourseError(f"There is no port {options.port} for this.\nNext: pass --port from 1024 to 65535.")


def _check_open() -> None:
    """Raise CourseError when other accounts cannot run this Python, or not enter the course's folder."""
    for path in (Path(sys.executable).resolve(), REPO):
        closed = [each for each in (path, *path.parents) if not each.stat().st_mode & stat.S_IXOTH]
        if closed:
            raise CourseError(
                f"Learners' accounts cannot run the course: {closed[-1]} is closed to them, and {path} is in it.\n"
                "Next: put the course in a folder that all can read, such as /opt, and start it with a Python that is\n"
                "installed for everybody."
            )


def handout(chosen: Chosen, room: "Classroom", hub: Hub) -> str:
    """Return what the instructor reads, and writes on the board."""
    import psutil  # type: ignore[import-untyped]

    password = f"Name: your own, the same one each time. Password: {chosen.password}"
    whose = f"All run as {getpass.getuser()}, and can read and end what is another's, or yours. For a room of trust."
    homes = f"What they write stays in {chosen.homes}, by name. Who types a name that was there gets its folder."
    if chosen.accounts:
        password = "Name and password: those of your account on this machine."
        whose = "Each runs as their own account."
        homes = "What they write stays in async-course, in the home of each."
    text = HANDOUT.format(
        version=importlib.metadata.version("jupyterhub"),
        learners=chosen.learners,
        url=hub.url,
        password=password,
        whose=whose,
        homes=homes,
        free=psutil.virtual_memory().available // 1_000_000,
        postgres=room.postgres.version,
        redis=room.redis.version,
        log=hub.log,
    )
    return text + (HERE_ALONE if chosen.host == THIS_MACHINE and not chosen.accounts else "")


def _password() -> str:
    from course_lib.lab.servers.classroom import LETTERS

    return "".join(secrets.choice(LETTERS) for _ in range(SHORTEST + 2))
