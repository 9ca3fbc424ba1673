"""Look at a notebook as a learner sees it: run it in a real JupyterLab and save a picture of the whole page.

python tests/browser/look.py notebooks/01_sync_vs_async.ipynb -o lesson.png --split
python tests/browser/look.py notebooks/01_sync_vs_async.ipynb -o lesson.png --split --looks
"""

import argparse
import sys
from pathlib import Path

from lab_driver import CellFailed, NeedsBrowser, jupyterlab

LOOKS = ((1280, False), (1280, True), (1024, True), (1024, False))
"""Width of the window, in pixels, and whether it is dark: a laptop, and a projector."""


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 seen, 1 seen, but a cell failed, 2 not seen."""
    parser = argparse.ArgumentParser(description="Run a notebook in a real JupyterLab and save a picture of the page.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="the PNG to write; the notebook's name here when left out")
    parser.add_argument("--dark", action="store_true", help="in JupyterLab's dark theme")
    parser.add_argument("--no-run", action="store_true", help="show the saved outputs, run nothing")
    parser.add_argument(
        "--split", nargs="?", type=int, const=1800, metavar="PIXELS", help="several PNGs of at most this height (1800)"
    )
    parser.add_argument("--sidebar", action="store_true", help="with the list of files open beside the notebook")
    parser.add_argument("--width", type=int, default=1200, help="of the window, in pixels (1200)")
    parser.add_argument("--looks", action="store_true", help="from one run: at 1280 and at 1024 pixels, light and dark")
    chosen = parser.parse_args(argv)
    if not chosen.notebook.is_file():
        parser.error(f"there is no file {chosen.notebook}")
    status = 0
    try:
        with jupyterlab(dark=chosen.dark, width=chosen.width) as lab:
            lab.open(chosen.notebook)
            if chosen.sidebar:
                lab.show_sidebar()
            if not chosen.no_run:
                try:
                    lab.run_all()
                except CellFailed as error:
                    print(error, file=sys.stderr)
                    status = 1
            target = chosen.output or Path(f"{chosen.notebook.stem}.png")
            for width, dark in LOOKS if chosen.looks else [(chosen.width, chosen.dark)]:
                if chosen.looks:
                    lab.show_as(width=width, dark=dark)
                name = f"{target.stem}-{width}-{'dark' if dark else 'light'}" if chosen.looks else target.stem
                for file in lab.screenshot(target.with_stem(name), split=chosen.split):
                    print(file)
    except NeedsBrowser as error:
        print(error, file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
