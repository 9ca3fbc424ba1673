"""For who teaches the course: plans of half a day to a term, notes on each lesson, answers, slides and a handout.

The promise: nothing here is typed twice. Plans and minutes are computed from the notebooks, slides and handout are made
of their saved outputs, and answers are those that the tests of the exercises run. What a person wrote is in
data/teaching: one file a lesson, and each of its notes names the cell that it belongs to. Learners see none of it,
unless they look: the notebooks do not mention it, and slides and handout hold neither notes nor answers.

    lessons -> a notebook's sections, with the minutes that each takes
    plans   -> which lessons fill half a day, a day, two days, a term; with the clock
    notes   -> what a person wrote on a lesson, and whether what it names is still there
    answers -> reference solutions, and the plainest wrong answers, with what the check says
    markup  -> a lesson's parts as HTML that needs no other file
    room    -> how to run a lesson in a room, and how long it takes there
    blocks  -> what a cell puts on slides, in pieces, and how high each is
    arrange -> which pieces stand on which slide
    slides  -> a lesson on a projector, and a page for the speaker beside it
    handout -> a lesson on paper
"""
