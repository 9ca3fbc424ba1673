"""`python -m course_lib site`: the lessons as a website, with their saved outputs. It runs no notebook.

Run in the course's environment. What draws the diagrams is installed into it by the first call.
"""

import argparse
import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from course_lib.cli import extras
from course_lib.cli.errors import CourseError
from course_lib.paths import REPO

FOLDER = REPO / "build" / "site"
SIZE = "6 MB"
"""What the extra `site` fetches; it takes 18 MB of disk."""


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the command's arguments; end with a sentence, or with the help, where they ask for that."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib site",
        description="Make a website of the lessons, to be read without running anything.",
        epilog=f"The first call fetches {SIZE}, to draw the diagrams with; then no network is needed.",
    )
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER", help="where (default: %(default)s)")
    parser.add_argument("--serve", action="store_true", help="serve it on 127.0.0.1, too, until Ctrl+C")
    parser.add_argument("--port", type=int, default=0, help="the port to serve on (default: a free one)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Build the site and say where it is; return 0, or 1 after a sentence that says what is wrong."""
    chosen = arguments(argv)
    try:
        install_drawing()
        _build(chosen.output.absolute())
        if chosen.serve:
            _serve(chosen.output.absolute(), chosen.port)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def install_drawing() -> None:
    """Install what draws diagrams, where it is missing. Raises CourseError where that fails."""
    why = f"To draw the diagrams, four small packages are installed once ({SIZE} are fetched)."
    extras.bring("site", why, "Installing what draws the diagrams", SIZE)


def _build(folder: Path) -> None:
    from course_lib.website import SiteError, build  # here: it needs packages, and --help does not

    began = time.monotonic()
    try:
        pages = build(folder)
    except SiteError as error:
        raise CourseError(str(error)) from error
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    print(f"{pages} pages, {size:.0f} MB, made in {time.monotonic() - began:.0f} s. Open {folder / 'index.html'}")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _serve(folder: Path, port: int) -> None:
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=folder))
    except OSError as error:
        raise CourseError(
            f"Port {port} cannot be had on 127.0.0.1: {error.strerror}.\nNext: leave --port out; a free one is taken"
        ) from error
    with server:
        print(f"It is at http://127.0.0.1:{server.server_port}/ until Ctrl+C.", flush=True)
        server.serve_forever()
