"""How to run a lesson in a room, and how long it takes there."""

IN_A_ROOM = 1.25
"""How many times as long as one who reads alone a class takes: it asks, and its slowest needs its turn."""

STUCK = 8
"""After how many minutes who has not passed an exercise gets its hints."""

HOW = f"""\
How to run a lesson

Minutes are those of one who reads alone. In a room count {IN_A_ROOM:g} times as
many: 55 for 44. The plans have {{questions}} minutes between two lessons, and no
other reserve; `teach 01` says what of lesson 1 can be left out, and in which
order.

The day before: write the slides (the first with a diagram fetch 6 MB), and see
that everybody's first cell says *Ready* (`python3 -m course_lib doctor` tells
what is missing). The lessons need no network. Give nobody the handout yet.

Slides, or the notebook? Slides for what is told, the notebook for what is run:
slides on the projector, JupyterLab on everybody's own screen. Slides ask on
one page and show on the next: read the question out, everybody writes a number
down and runs the cell, then you go on. Show JupyterLab yourself where
something moves (`steps`, `explore`), and for exercises. P on a slide opens the
speaker's window: what to ask, what to listen for, what to say. Ask its
questions before you go on: the next slide may answer them.

Exercises: after {STUCK} minutes ask who has not passed. They call the exercise's
`hint()`, up to three times; who is stuck then writes the solution with you, on
the projector. Who is done takes what is marked *Beyond the core path*.

At the end ask each for the one thing to take away, before you show it. Then
give the handout: it shows the outcome of every prediction.

  python3 -m course_lib teach 01                     minutes, what to ask
  python3 -m course_lib teach 01 --answers           right and wrong answers
  python3 -m course_lib teach 01 --slides --handout  pages, in build/teaching
  python3 -m course_lib teach --plan day --begin 10:00 --sections"""


def in_a_room(minutes: int) -> int:
    """Return how many minutes a class takes for what one who reads alone does in `minutes`."""
    return round(IN_A_ROOM * minutes)
