"""`python -m course_lib classroom`: a PostgreSQL and a Redis for a whole class, until Ctrl+C.

It prints the two URLs, and the lines that learners type; both are the same for everybody. What each learner then gets
for themselves, and what that keeps apart, stands in course_lib/lab/servers/accounts.py. With --progress it shows how
far those are who share it (course_lib/exercises/sharing.py): in a second terminal, while the servers run.
"""

import argparse
import sys
import time

from course_lib.lab.servers import board
from course_lib.lab.servers.accounts import EACH
from course_lib.lab.servers.classroom import THIS_MACHINE, Classroom, classroom
from course_lib.lab.servers.errors import ServerError

LOOK_EVERY = 2.0
"""Seconds between two looks at whether both servers live."""

REDRAW_EVERY = 5.0
"""Seconds between two looks at the class's progress."""

HANDOUT = """\
{postgres} and {redis} run for {learners} learners, each with up to {each} connections.
Each gets accounts of their own at the first cell that asks for a server. Ctrl+C ends both servers, and what is in them.

COURSE_DATABASE_URL={database_url}
COURSE_REDIS_URL={redis_url}

Lines to hand out, the same for everybody. Linux, macOS:

  export COURSE_DATABASE_URL='{database_url}'
  export COURSE_REDIS_URL='{redis_url}'
  python3 -m course_lib

Windows, PowerShell:

  $env:COURSE_DATABASE_URL = '{database_url}'
  $env:COURSE_REDIS_URL = '{redis_url}'
  py -m course_lib

Who wants you to see how far they are says so in a notebook, under any name; nobody else is seen, and no code:

  from course_lib.exercises import progress
  progress.share("Ann")

You see them by python3 -m course_lib classroom --progress --watch in another terminal of this machine.
"""

HERE_ALONE = """
Learners reach them from this machine alone. For those on machines of their own, pass this one's address in the room's
network: --host ADDRESS.
"""


def main(argv: list[str]) -> int:
    """Start both, say how to use them, and stay until Ctrl+C (0), or until one of them ends by itself (1).

    With --progress: print the table of the class (0), or say why there is none (1).
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_lib classroom",
        description="Start a PostgreSQL and a Redis for a class, and print the lines to hand out.",
        epilog="Nothing is encrypted, and nothing is kept: for a network that you trust, and for the course's data.",
    )
    parser.add_argument("--learners", type=int, default=30, metavar="N", help="how many may come (default: 30)")
    parser.add_argument(
        "--host", default=THIS_MACHINE, metavar="ADDRESS", help="this machine's in the room's network (default: none)"
    )
    parser.add_argument(
        "--progress", nargs="*", metavar="LESSON", help="start nothing: show how far a class is, in these lessons"
    )
    parser.add_argument("--watch", action="store_true", help="with --progress: anew every 5 s, until Ctrl+C")
    options = parser.parse_args(argv)
    if options.watch and options.progress is None:
        parser.error("--watch goes with --progress")
    if options.progress is not None:
        return _show_progress(options.progress, watch=options.watch)
    try:
        with (
            classroom(options.learners, options.host) as room,
            board.opened_for_instructor(room.board_url) as hindrance,
        ):
            print(handout(room), flush=True)
            if hindrance:
                print(f"But --progress will find no class: {hindrance}", file=sys.stderr, flush=True)
            return _wait(room)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nBoth servers are stopped.", file=sys.stderr)
        return 0


def handout(room: Classroom) -> str:
    """Return what the instructor reads, and hands out."""
    text = HANDOUT.format(
        postgres=room.postgres.version,
        redis=room.redis.version,
        learners=room.learners,
        each=EACH,
        database_url=room.database_url,
        redis_url=room.redis_url,
    )
    return text + (HERE_ALONE if f"@{THIS_MACHINE}:" in room.database_url else "")


def _show_progress(lessons: list[str], *, watch: bool) -> int:
    from course_lib.exercises import class_progress, progress  # here: to start servers it is not needed

    course = progress.course()
    try:
        while True:
            try:
                text, status = str(class_progress.look(*lessons, course=course)), 0
            except ServerError as error:  # under --watch it may come back
                text, status = str(error), 1
            if not watch:
                print(text, file=sys.stderr if status else sys.stdout)
                return status
            anew = "\x1b[2J\x1b[H" if sys.stdout.isatty() else ""
            print(f"{anew}{time.strftime('%H:%M:%S')}  {text}\n", flush=True)
            time.sleep(REDRAW_EVERY)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _wait(room: Classroom) -> int:
    while True:
        for server in (room.postgres, room.redis):
            if not server.running:
                print(f"{server.name} has ended by itself, so the other one is stopped, too.", file=sys.stderr)
                print("Next: start this again; what was in the servers is gone, and the URLs are new.", file=sys.stderr)
                return 1
        time.sleep(LOOK_EVERY)
