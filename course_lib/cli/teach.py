"""`python -m course_lib teach`: what there is for who teaches: plans, notes, answers, slides, a handout.

Run in the course's environment.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from course_lib.cli.errors import CourseError
from course_lib.cli.lessons import notebooks_of, number_of
from course_lib.cli.site import install_drawing
from course_lib.files import replace_file
from course_lib.paths import MASTERS, REPO
from course_lib.teaching import notes, plans, room
from course_lib.teaching.lessons import lesson

FOLDER = REPO / "build" / "teaching"
PLANS = ("half-day", "day", "two-days", "weekly")
MERMAID = "```mermaid"


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the command's arguments; end with a sentence, or with the help, where they ask for that."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib teach",
        description="For who teaches: plans, and for each lesson notes, answers, slides and a handout.",
        epilog="Without options: the notes on the lesson that is named, or, if none is, how to run one, and all plans.",
    )
    parser.add_argument("lesson", nargs="*", help="its number: 01, 5b; several are taken one after another")
    parser.add_argument("--plan", choices=PLANS, help="print this plan")
    parser.add_argument("--begin", type=_clock, default=9 * 60, metavar="HH:MM", help="of a day (default: 09:00)")
    parser.add_argument("--sections", action="store_true", help="a plan with the sections of each lesson")
    parser.add_argument("--answers", action="store_true", help="print the answer key of the lesson's exercises")
    parser.add_argument("--slides", action="store_true", help="write slides, and a page for the speaker")
    parser.add_argument("--handout", action="store_true", help="write a handout to print")
    parser.add_argument("--all", action="store_true", help="slides and handout with what is beyond the core path")
    parser.add_argument(
        "--output", type=Path, default=FOLDER, metavar="FOLDER", help="where pages go (default: %(default)s)"
    )
    chosen = parser.parse_args(argv)
    if not chosen.lesson and (chosen.answers or chosen.slides or chosen.handout):
        parser.error("name a lesson: python -m course_lib teach 01 --slides")
    if chosen.lesson and chosen.plan:
        parser.error("a plan is of many lessons: leave the lesson out, or --plan")
    return chosen


def main(argv: Sequence[str]) -> int:
    """Do what is asked; return 0, or 1 after a sentence that says what is wrong."""
    chosen = arguments(argv)
    try:
        if chosen.lesson:
            for path in [path for number in chosen.lesson for path in notebooks_of(number.lower())]:
                _lesson(path, chosen)
        else:
            _plans([chosen.plan] if chosen.plan else list(PLANS), chosen)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _plans(names: Sequence[str], chosen: argparse.Namespace) -> None:
    by_number = {number_of(path): lesson(path) for path in sorted(MASTERS.glob("[0-9]*.ipynb"))}
    known = plans.plans(by_number)
    told = (plans.table(known[name], by_number, chosen.begin, sections=chosen.sections) for name in names)
    if not chosen.plan:
        print(f"{room.HOW.format(questions=plans.QUESTIONS)}\n\n")
    print("\n\n".join(told))
    print("\nMinutes are those of each lesson's core path, where it does not say otherwise, for one who reads alone.")


def _lesson(path: Path, chosen: argparse.Namespace) -> None:
    taught = lesson(path)
    noted = notes.notes(taught.name)
    if chosen.answers:
        from course_lib.teaching import answers  # here: the exercises take a second to import

        print(answers.key(number_of(path)))
    if chosen.slides or chosen.handout:
        from course_lib.teaching import handout, slides  # here: what they need is not in every environment

        if MERMAID in path.read_text(encoding="utf-8"):
            install_drawing()
        chosen.output.mkdir(parents=True, exist_ok=True)
        written = {}
        if chosen.slides:
            written["slides"], written["speaker"] = slides.write(taught, noted, everything=chosen.all)
        if chosen.handout:
            written["handout"] = handout.write(taught, everything=chosen.all)
        for what, page in written.items():
            file = chosen.output.absolute() / f"{taught.name}_{what}.html"
            replace_file(file, [page])
            print(f"{what}: {file}")
    if not (chosen.answers or chosen.slides or chosen.handout):
        print(f"{notes.page(taught, noted)}\n")


def _clock(text: str) -> int:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of day: write 09:00")
    return int(found[1]) * 60 + int(found[2])
