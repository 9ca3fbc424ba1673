"""Which of a section's parts stand on which slide.

A question stands above the code that it asks about; what that code shows comes on the next slide; and what explains it
stands below it or, where there is no room, beside a smaller copy of it. Heights are in lines of prose.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from course_lib.teaching.blocks import FRAME, JOINED, ROOM, Block, blocks_of, code_of, is_task
from course_lib.teaching.lessons import Part, Section
from course_lib.teaching.markup import Markup
from course_lib.website.lesson import PREDICT

SHRUNK = 16.5
"""How high what a slide holds may be, instead of ROOM, where one belongs to the other: an output, say, to its code."""

MOST = 20.0
"""And where a question stands above its code: with more, its letters could not be read in a room."""

SHORT = 3.0
"""How high an output is that gets no slide of its own, if nothing has to be predicted."""

AGAIN = 0.62
"""How large a picture is beside its explanation, as a share of its size when it was first seen (slides.css)."""

FUNCTION = re.compile(r"^(?:async )?def (\w+)\(.*\n(?:(?:[ \t].*)?\n)*[ \t]+\S.*", re.MULTILINE)


@dataclass
class Slide:
    """A slide: its title and minutes, what stands on it, and what it shows of which cells.

    `asks` says whether it holds a question with its code: what comes next is the answer.
    """

    title: str
    minutes: int | None = None
    body: str = ""
    height: float = 0.0
    cells: list[str] = field(default_factory=list)
    asks: bool = False

    def add(self, block: Block) -> None:
        """Put something more on it."""
        self.body += block.body
        self.height += block.height
        if block.cell:
            self.cells.append(block.cell)


class Stack:
    """The slides of a section, the last of which is being filled."""

    def __init__(self, title: str, minutes: int) -> None:
        self.title = title
        self.slides = [Slide(title, minutes)]

    def begin(self) -> None:
        """Begin a slide, unless the last one is still empty."""
        if self.slides[-1].body:
            self.slides.append(Slide(self.title))

    def put(self, block: Block, room: float) -> None:
        """Put something on the last slide, or, where it would be higher than `room` with it, on a new one."""
        if self.slides[-1].height + block.height > room:
            self.begin()
        self.slides[-1].add(block)


def arrange(section: Section, markup: Markup) -> list[Slide]:
    """Return a section's slides."""
    stack = Stack(section.heading.replace("`", ""), section.minutes)
    shown: Block | None = None
    asked = False
    done = set[str]()
    for place, part in enumerate(section.parts):
        blocks = list(blocks_of(part, markup))
        if not part.code:
            codes = _until_shown(section.parts[place + 1 :])
            asked = bool(codes and PREDICT.search(part.text))
            if asked:
                _ask(stack, blocks, codes, section.parts[:place], shown, markup)
                done.update(code.cell for code in codes)
            else:
                _tell(stack, blocks, shown, _below(section.parts[place + 1 :], markup))
            shown = None
            continue
        for block in blocks:
            if block.kind == "code":
                if part.cell not in done:
                    stack.put(block, SHRUNK)
                continue
            if asked:
                stack.begin()
            line = block.kind == "text" and block.height < SHORT
            stack.put(block, MOST if line else SHRUNK if block.kind == "text" else ROOM)
            shown = block if asked or block.kind == "picture" else None
            asked = False
    return [slide for slide in stack.slides if slide.body]


def _until_shown(parts: Sequence[Part]) -> list[Part]:
    """Return the cells of code that come first, up to the one that shows something."""
    found = list[Part]()
    for part in parts:
        if not part.code or part.is_exercise or is_task(part):
            break
        found.append(part)
        if part.outputs:
            break
    return found


def _ask(
    stack: Stack,
    blocks: Sequence[Block],
    codes: Sequence[Part],
    before: Sequence[Part],
    shown: Block | None,
    markup: Markup,
) -> None:
    """Put a question above its code, with the functions of the section that it calls and that were long ago.

    What does not fit with them, and is no question, stands on a slide before; if the code alone is too long, the
    question comes again above the rest of it.
    """
    needed = sum(block.height for block in [*blocks, *(code_of(code, markup) for code in codes)])
    needed -= (FRAME - JOINED) * (len(codes) - 1)
    if needed > MOST:
        first = next((place for place, block in enumerate(blocks) if block.kind == "question"), 0)
        _tell(stack, blocks[:first], shown)
        needed -= sum(block.height for block in blocks[:first])
        blocks = blocks[first:]
    seen = set(stack.slides[-1].cells)
    stack.begin()
    for block in blocks:
        stack.slides[-1].add(block)
    used = "\n".join(code.text for code in codes)
    for part in before:
        for found in FUNCTION.finditer(part.text) if part.code and part.cell not in seen else ():
            function = code_of(replace(part, text=found[0], cell=""), markup)
            if re.search(rf"\b{found[1]}\b", used) and needed + function.height <= MOST:
                stack.slides[-1].add(function)
                needed += function.height
    for number, code in enumerate(codes):
        block = code_of(code, markup)
        if number:
            block = replace(block, height=block.height - FRAME + JOINED)
        if number and stack.slides[-1].height + block.height > MOST:
            stack.slides[-1].asks = True
            stack.begin()
            for again in blocks:
                if again.kind == "question":
                    stack.slides[-1].add(again)
        stack.slides[-1].add(block)
    stack.slides[-1].asks = True


def _below(parts: Sequence[Part], markup: Markup) -> float:
    """Return the height of what comes before the next prose, or the next picture, and belongs to what is above it."""
    height = 0.0
    for part in parts:
        for block in blocks_of(part, markup):
            if not part.code or block.kind == "picture":
                return height
            height += block.height
    return height


def _tell(stack: Stack, blocks: Sequence[Block], shown: Block | None, below: float = 0.0) -> None:
    """Put prose below what it explains, or on a new slide, with that on it again, smaller, if all has room.

    Args:
        stack: the slides.
        blocks: the prose.
        shown: what was shown just before.
        below: the height of what comes after the prose, on the same slide.
    """
    height = sum(block.height for block in blocks)
    if not blocks or (shown and stack.slides[-1].height + height <= ROOM):
        for block in blocks:
            stack.slides[-1].add(block)
        return
    stack.begin()
    if shown:
        small = shown.height * (AGAIN if shown.kind == "picture" else 1)
        if small + height + below <= SHRUNK:
            stack.slides[-1].add(
                replace(shown, body=f'<div class="again">\n{shown.body}</div>\n', height=small, cell="")
            )
            height += small
    for block in blocks:
        stack.put(block, max(ROOM, min(height, SHRUNK)) if shown else ROOM)
