"""What there is for who teaches: plans that add up, notes whose cells are there, answers, slides and a handout."""

import inspect
import json
import os
import re
import subprocess
import sys

import pytest
from wrong_answers import lesson_08b as wrong_08b

from course_lib.cli import main as course
from course_lib.cli import pipes, teach
from course_lib.cli.lessons import number_of
from course_lib.exercises import lesson_01
from course_lib.paths import MASTERS
from course_lib.teaching import answers, handout, notes, plans, slides
from course_lib.teaching.arrange import arrange
from course_lib.teaching.lessons import lesson
from course_lib.teaching.markup import Markup
from course_lib.teaching.notes import RAN
from course_lib.website.lesson import PREDICT

LESSONS = {number_of(path): lesson(path) for path in sorted(MASTERS.glob("[0-9]*.ipynb"))}
PLANS = plans.plans(LESSONS)
HEADER = """\
# Lesson 99: tea

**You will be able to**
- brew

**You need first**: [lesson 1](01_sync_vs_async.ipynb)

**Minutes**: 10 for the core path, 30 with everything

The one thing to take away: **water first.**"""
NOTES = """\
# Notes

## Misconceptions

### Tea brews itself
Ask: Who boils the water?
Listen for: "We do."
Cell: predict

## Short of time

- `1. Water`: they know it.

## At the cells

### predict
Wait for a hand.
"""


def fake(sources):
    """Stands in for Mermaid."""
    return [f"<svg>drawn: {source}</svg>" for source in sources]


def prose(name, text):
    return {"cell_type": "markdown", "id": name, "source": text}


def code(name, text, *shown):
    outputs = [{"output_type": "stream", "name": "stdout", "text": each} for each in shown]
    return {"cell_type": "code", "id": name, "source": text, "outputs": outputs}


@pytest.fixture
def tea(tmp_path):
    """A small lesson."""
    cells = [
        prose("head", HEADER),
        code("set-up", "from course_lib.notebook import setup\n\nsetup()", "Ready.\n"),
        prose("predict", "## 1. Water\n\nSee [lesson 1](01_sync_vs_async.ipynb). **Predict, then run.** Hot?"),
        code("boil", "print(boil())", "100 degrees\n"),
        prose("told", "It was.\n\n```mermaid\nflowchart LR\n```\n\n### Green\n\n*Beyond the core path.* Cooler."),
        prose(
            "table", "## 2. Kinds\n\n| Kind | Minutes |\n|---|---|\n" + "\n".join(f"| k{n} | {n} |" for n in range(9))
        ),
        prose("task", "## Exercises"),
        code(
            "answer",
            "async def brew():\n    raise NotImplementedError\n\n\nex.brew.check(brew)",
            "brew: not attempted yet.\n",
        ),
    ]
    file = tmp_path / "99_tea.ipynb"
    file.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return lesson(file)


def of(tmp_path, *cells):
    """Return a lesson of these cells."""
    file = tmp_path / "99_cells.ipynb"
    file.write_text(json.dumps({"cells": [prose("head", HEADER), *cells]}), encoding="utf-8")
    return lesson(file)


def arranged(one):
    """Return the slides of a lesson's core path, without its first one."""
    markup = Markup(one.name)
    sections = [each for each in one.sections if not each.beyond and each.level > 1]
    return [slide for section in sections for slide in arrange(section, markup)]


def entries(speaker):
    """Return what stands on the speaker's page, slide by slide."""
    return speaker.partition("<ol>")[2].split("<li>")[1:]


def on_slides(deck):
    """Return the text of each slide."""
    return [re.sub(r"<[^>]*>", " ", slide) for slide in deck.split('<section class="')[1:]]


# Minutes and plans


@pytest.mark.parametrize("number", LESSONS)
def test_the_minutes_of_sections_are_those_of_the_lesson(number):
    """What a plan gives to sections is what the header says of the whole, of the core path and beyond it."""
    one = LESSONS[number]
    assert sum(section.minutes for section in one.sections if not section.beyond) == one.core
    assert sum(section.minutes for section in one.sections) == one.all


def test_a_cell_with_two_headings_is_two_sections(tea):
    """What stands above a heading in a cell still belongs to the section before, and only what is below is beyond."""
    assert [(each.heading, each.beyond, [part.cell for part in each.parts]) for each in tea.sections[1:3]] == [
        ("1. Water", False, ["predict", "boil", "told"]),
        ("Green", True, ["told"]),
    ]


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_teaches_nothing_before_what_it_needs(name):
    """Every lesson of a plan comes after those that its core path needs, and comes once."""
    taught = PLANS[name].lessons
    assert len(set(taught)) == len(taught)
    for place, number in enumerate(taught):
        needed = {before.partition("_")[0] for before in LESSONS[number].needs}
        assert needed <= set(taught[:place]), f"{number} needs {sorted(needed - set(taught[:place]))} before it"


@pytest.mark.parametrize(("name", "hours"), [("half-day", 4), ("day", 8.25), ("two-days", 8.25), ("weekly", 1.75)])
def test_a_plan_adds_up_and_fits(name, hours):
    """Each slot begins where the one before ends, and no day, or meeting, is longer than it is meant to be."""
    for day in range(len(PLANS[name].days)):
        slots = list(plans.slots(PLANS[name], day, LESSONS, 540))
        assert [slot.begin for slot in slots] == [540, *(slot.end for slot in slots[:-1])]
        for slot in slots:
            if slot.lesson:
                assert slot.end - slot.begin == (slot.lesson.all if slot.whole else slot.lesson.core)
        assert slots[-1].end - 540 <= hours * 60


def test_a_term_has_every_lesson():
    """The weekly plan leaves nothing out, and has one number a week."""
    weekly = PLANS["weekly"]
    assert weekly.lessons == list(LESSONS)
    assert all(len({number[:2] for number in day} - {"00"}) == 1 for day in weekly.days)
    assert weekly.whole == {"01", "02", "03", "06", "11"}


# Notes


@pytest.mark.parametrize("number", LESSONS)
def test_what_notes_name_is_in_the_lesson(number):
    """A note whose cell or section is gone is told by this test; every lesson has three misconceptions or more."""
    noted = notes.notes(LESSONS[number].name)
    assert list(notes.faults(LESSONS[number], noted)) == []
    assert len(noted.misconceptions) >= 3 and noted.at


def test_every_file_of_notes_belongs_to_a_lesson():
    """A lesson that is renamed takes its notes along."""
    assert {file.stem for file in notes.FOLDER.glob("*.md")} == {each.name for each in LESSONS.values()}


def test_a_note_whose_cell_is_gone_is_named(tea):
    """The fault says which file, which cell or section, and what to do; so does what cannot be read."""
    gone = NOTES.replace("### predict", "### gone").replace("`1. Water`", "`3. Milk`") + "\n## Jokes\n\n### One\nHa.\n"
    assert list(notes.faults(tea, notes.read(gone))) == [
        "data/teaching/99_tea.md: there is no cell gone any more. Next: move the note to another cell, or take it out",
        "data/teaching/99_tea.md: there is no section '3. Milk' in the core path. Next: name one that can be left out",
        "data/teaching/99_tea.md: the part 'Jokes' is not understood. Next: write it as the others are",
    ]
    half = notes.read("## Misconceptions\n\n### Tea brews itself\nAsk: Who?\n\n## Short of time\n\n- water\n")
    assert [fault.partition(": ")[2][:20] for fault in notes.faults(tea, half)] == [
        "the misconception 'T",
        "an item under Short ",
    ]


def test_the_notes_are_read_in_the_lesson_s_order(tea):
    """On a terminal: minutes by section, what to leave out, what to ask, and what to say where; 79 columns."""
    page = notes.page(tea, notes.read(NOTES))
    assert "10 minutes for the core path, 30 with everything" in page and "In a room: about 12, or 38." in page
    assert re.search(r"20 \+ +Green", page)
    assert "Ask: Who boils the water?" in page and "Wait for a hand." in page
    assert re.search(r"1\. Water \(\d min\): they know it\.", page)
    assert all(
        len(line) <= 79 for each in LESSONS.values() for line in notes.page(each, notes.notes(each.name)).split("\n")
    )


# Answers


def test_the_answer_key_has_a_solution_and_three_wrong_answers_for_each_exercise():
    """The solutions are those that the checks pass, and the wrong answers stand under what they are told."""
    key = answers.key("01")
    for exercise in lesson_01.EXERCISES:
        assert inspect.getsource(exercise.reference) in key
        assert exercise.judge(exercise.reference).passed
    assert key.count("--- A solution") == len(lesson_01.EXERCISES)
    assert "--- Also right\n\nasync def gathers(" in key
    assert key.count("--- Wrong. The check says:") == answers.PLAINEST * len(lesson_01.EXERCISES)
    assert '"... 6 s for what 3 s can do. A call that is awaited at once ..."\n\nasync def sequential(' in key


def test_a_decorator_of_the_answer_belongs_to_it():
    """Of the lines above a recorded answer only the record itself is left out."""
    found = answers.wrong_answers("08b")["logged_in"]
    assert [each.code.splitlines()[0] for each in found[:2]] == [
        "async def a_coroutine_function(open_line, log_in):",
        "@asynccontextmanager",
    ]
    assert found[0].code in inspect.getsource(wrong_08b.a_coroutine_function)


def test_every_exercise_has_its_wrong_answers():
    """No exercise is without three of them in the key."""
    for number in LESSONS:
        wrong = answers.wrong_answers(number)
        assert all(len(wrong[exercise.name]) >= 3 for exercise in answers.exercises(number))
    assert answers.key("00") == "This lesson has no exercises."


# Slides and handout


def test_what_is_to_be_predicted_comes_on_the_next_slide(tea):
    """The question stands over its code, what it shows on a slide after that, with what explains it where it fits."""
    deck, _ = slides.write(tea, notes.read(NOTES), draw=fake)
    shown = on_slides(deck)
    asked = next(place for place, slide in enumerate(shown) if "Hot?" in slide)
    assert "boil" in shown[asked] and "100 degrees" not in shown[asked]
    assert "100 degrees" in shown[asked + 1] and "It was." in shown[asked + 1]


@pytest.mark.parametrize("number", LESSONS)
def test_a_question_is_never_torn_from_its_code(number):
    """Each cell that learners are to predict stands below its question, and nothing that it shows is there."""
    deck = arranged(LESSONS[number])
    for section in LESSONS[number].sections:
        for place, part in enumerate(section.parts):
            if section.beyond or part.code or not PREDICT.search(part.text):
                continue
            for code_part in section.parts[place + 1 :]:
                if not code_part.code or code_part.is_exercise:
                    break
                with_it = [slide for slide in deck if {part.cell, code_part.cell} <= set(slide.cells)]
                assert with_it and with_it[0].asks, f"{code_part.cell} stands without its question, {part.cell}"
                assert "Predict" in with_it[0].body or "Before you run it" in with_it[0].body
                assert code_part.cell + RAN not in with_it[0].cells
                if code_part.outputs:
                    break


def test_a_question_too_long_for_one_slide_comes_again_above_the_rest_of_its_code(tmp_path):
    """What does not ask stays on a slide before."""
    lines = "\n".join(f"print({n})" for n in range(18))
    one = of(
        tmp_path,
        prose("asks", "## 1. Long\n\nA pot.\n\n**Predict, then run.** How many?"),
        code("half", lines),
        code("rest", lines, "1\n"),
    )
    assert [("A pot" in slide.body, "How many" in slide.body, slide.cells) for slide in arranged(one)] == [
        (True, False, ["asks"]),
        (False, True, ["asks", "half"]),
        (False, True, ["asks", "rest"]),
        (False, False, ["rest" + RAN]),
    ]


def test_a_function_that_was_defined_slides_ago_stands_with_the_question_about_its_call(tmp_path):
    """The one that is called, and no other of its cell."""
    one = of(
        tmp_path,
        prose("first", "## 1. Two\n\nTwo functions."),
        code("both", "async def tea():\n    await water()\n\n\n    return 1\n\n\nasync def milk():\n    return 2"),
        prose("between", "Something else."),
        code("other", "print(3)", "3\n"),
        prose("asks", "**Predict, then run.** What comes?"),
        code("call", "show(tea)", "1\n"),
    )
    asked = next(slide for slide in arranged(one) if slide.asks)
    text = re.sub(r"<[^>]*>", "", asked.body)
    assert "async def tea():" in text and "return 1" in text and "milk" not in text
    assert asked.cells == ["asks", "call"]


def test_what_explains_a_picture_has_it_beside_it(tmp_path):
    """Below it where there is room; else on the next slide, where the picture stands again, smaller."""
    picture = '<img src="data:image/png;base64,AAAA" width="1000" height="280" alt="a swimlane">'
    drawn = code("draw", "draw()")
    drawn["outputs"] = [{"output_type": "display_data", "data": {"text/html": picture}}]
    asks = prose("asks", "## 1. Seen\n\n**Predict, then run.** What is drawn?")
    short = arranged(of(tmp_path, asks, drawn, prose("told", "It waits.")))
    assert [slide.cells for slide in short] == [["asks", "draw"], ["draw" + RAN, "told"]]
    long = arranged(of(tmp_path, asks, drawn, prose("told", "\n\n".join(["It waits."] * 4))))
    assert [set(slide.cells) for slide in long] == [{"asks", "draw"}, {"draw" + RAN}, {"told"}]
    assert ["a swimlane" in slide.body for slide in long] == [False, True, True]
    assert 'class="again"' in long[2].body and 'class="again"' not in long[1].body


def test_steps_that_are_played_stand_on_slides_and_paper_as_text(tmp_path):
    """A picture of the first step says nothing, and what the player says of itself still less."""
    played = code("play", "steps(main)")
    texts = [{"text/html": '<img width="9" height="9" alt="step 1">', "text/plain": "step 1\nstep 2"}]
    texts.append({"text/plain": "player: step 0 to 2 (run the cell to move it)"})
    played["outputs"] = [{"output_type": "display_data", "data": each} for each in texts]
    one = of(tmp_path, prose("told", "## 1. Steps\n\nLook."), played)
    for page in (slides.write(one, notes.Notes(), draw=fake)[0], handout.write(one, draw=fake)):
        assert "step 1\nstep 2" in page and "<img" not in page and "player" not in page


def test_a_line_of_output_has_no_slide_of_its_own(tmp_path):
    """It stands below its code, if nothing had to be predicted."""
    long = "\n".join(f"a{n} = {n}" for n in range(19))
    one = of(tmp_path, prose("told", "## 1. Line\n\nLook."), code("many", long, "19\n"))
    assert [slide.cells for slide in arranged(one)] == [["told", "many", "many" + RAN]]


def test_slides_are_of_the_core_path_and_without_plumbing(tea):
    """The set-up, the empty answers and, unless asked for, what is beyond the core path have no slides."""
    deck, _ = slides.write(tea, notes.read(NOTES), draw=fake)
    assert "Lesson 99: tea" in deck and "water first." in deck
    assert not re.search(r"Ready|not attempted|NotImplemented|Cooler|Beyond the core", deck)
    assert "Cooler" in slides.write(tea, notes.read(NOTES), everything=True, draw=fake)[0]


def test_a_long_table_goes_over_several_slides(tea):
    """Each of them has the table's head, and no row is lost."""
    deck, _ = slides.write(tea, notes.read(NOTES), draw=fake)
    with_rows = [slide for slide in on_slides(deck) if re.search(r"\bk\d", slide)]
    assert len(with_rows) == 2 and all("Minutes" in slide for slide in with_rows)
    assert re.findall(r"\bk(\d)", "".join(with_rows)) == [str(n) for n in range(9)]


def test_the_notes_are_on_the_speaker_s_page_alone(tea):
    """So the slides can be given away; the page has an entry for each slide, and the notes at theirs."""
    deck, speaker = slides.write(tea, notes.read(NOTES), draw=fake)
    assert "Wait for a hand." not in deck and "Who boils" not in deck
    told = entries(speaker)
    assert len(told) == len(on_slides(deck))
    told = [place for place, entry in enumerate(told) if "Wait for a hand." in entry and "Who boils" in entry]
    assert len(told) == 1 and "Hot?" in on_slides(deck)[told[0]]


@pytest.mark.parametrize("number", LESSONS)
def test_each_question_stands_once_on_the_speaker_s_page_with_what_to_listen_for(number):
    """Those of the core path; and none of the notes on a cell that has a slide is lost."""
    one = LESSONS[number]
    noted = notes.notes(one.name)
    told = entries(slides.write(one, noted, draw=fake)[1])
    shown = {cell for slide in arranged(one) for cell in slide.cells}
    asked = [each for each in noted.misconceptions if each.cell in shown]
    assert sum(entry.count("<em>Ask:</em>") for entry in told) == len(asked) >= 2
    markup = Markup(one.name)
    for each in asked:
        question, answer = (
            markup.prose(f"*{word}:* {text}") for word, text in (("Ask", each.ask), ("Listen for", each.listen_for))
        )
        assert sum(question in entry and answer in entry for entry in told) == 1, each.belief
    for cell, text in noted.at.items():
        if cell in shown:
            assert sum(markup.prose(text) in entry for entry in told) == 1, cell


def test_a_note_on_what_a_cell_showed_comes_with_that(tea):
    """And not with the cell's code, where it would give the answer away."""
    after = NOTES.replace("Cell: predict", f"Cell: boil{RAN}").replace("### predict", f"### boil{RAN}")
    assert list(notes.faults(tea, notes.read(after))) == []
    deck, speaker = slides.write(tea, notes.read(after), draw=fake)
    told = [place for place, entry in enumerate(entries(speaker)) if "Wait for a hand." in entry and "Who" in entry]
    assert len(told) == 1 and "100 degrees" in on_slides(deck)[told[0]]
    assert f"[boil{RAN}]" in notes.page(tea, notes.read(after))
    silent = notes.read(NOTES.replace("Cell: predict", f"Cell: told{RAN}"))
    assert ["there is nothing that cell told shows" in fault for fault in notes.faults(tea, silent)] == [True]


def test_a_handout_is_the_lesson_as_it_was_run(tea):
    """It has the outputs and the tasks, its diagrams as pictures, and no links into the course's folder."""
    page = handout.write(tea, draw=fake)
    assert "100 degrees" in page and "drawn: flowchart LR" in page
    assert 'href="01' not in page and "lesson 1" in page
    assert "Cooler" not in page and "not attempted" not in page and "Ready." not in page
    assert "For after the lesson" in page and "with everything" not in page
    assert "with everything" in handout.write(tea, everything=True, draw=fake)


@pytest.mark.parametrize("number", ["01", "12b"])
def test_slides_and_handout_need_nothing_else_and_tell_no_answer(number):
    """No file, no network: pictures stand in the page, with their words. No reference solution is in it."""
    one = LESSONS[number]
    for page in (*slides.write(one, notes.notes(one.name), draw=fake), handout.write(one, everything=True, draw=fake)):
        assert not re.search(
            r'<(?:img|script|iframe|source)[^>]* src="(?!data:)|<link rel="stylesheet"|@import|url\(', page
        )
        assert all(re.search(r' alt="[^"]+"', picture) for picture in re.findall(r"<img [^>]*>", page))
        plain = re.sub(r"<[^>]*>", "", page)
        for exercise in answers.exercises(number):
            last = inspect.getsource(exercise.reference).rstrip().splitlines()[-1].strip()
            assert last not in plain


# The command


def test_the_command_writes_files_and_says_where(tmp_path, capsys):
    """Slides, the speaker's page and the handout, by the lesson's name."""
    assert teach.main(["1", "--slides", "--handout", "--output", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{what}: {tmp_path / 'new' / f'01_sync_vs_async_{what}.html'}" for what in ("slides", "speaker", "handout")
    ]
    assert all((tmp_path / "new" / line.rpartition("/")[2].rpartition("\\")[2]).exists() for line in said)


def test_the_command_prints_plans_notes_and_answers(capsys):
    """Without a lesson it prints the plans, with one its notes, with --answers its key."""
    assert teach.main(["--plan", "half-day", "--begin", "13:00", "--sections"]) == 0
    plan = capsys.readouterr().out
    assert "Day 1: 13:00 to 16:" in plan and "How to run" not in plan
    assert re.search(r"13:15 +43 min +Lesson 1.*\n +13:15 .*\n +13:16 +\d min +1\. Five requests, one after", plan)
    assert "<1 min    Is everything there?" in plan
    assert teach.main([]) == 0
    told = capsys.readouterr().out
    assert told.startswith("How to run a lesson") and "A term: " in told and "build/teaching" in told
    assert all(len(line) <= 79 for line in told.partition("Half a day")[0].split("\n"))
    assert teach.main(["01"]) == 0
    assert "WHAT THEY BELIEVE, AND WHAT TO ASK" in capsys.readouterr().out
    assert teach.main(["01", "--answers"]) == 0
    assert "async def load_page" in capsys.readouterr().out
    assert teach.main(["77"]) == 1
    assert "There is no lesson '77'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--slides"], "name a lesson"),
        (["01", "--plan", "day"], "a plan is of many lessons"),
        (["--begin", "9"], "'9' is no time of day: write 09:00"),
    ],
)
def test_a_call_that_makes_no_sense_is_told_before_anything_is_installed(argv, said, capsys):
    """The sentence says what to write."""
    with pytest.raises(SystemExit):
        course.main(["teach", *argv])
    assert said in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="there a pipe without a reader is another error")
@pytest.mark.parametrize("argv", [["teach"], ["teach", "01"], ["doctor"], ["--help"]])
def test_a_reader_that_goes_is_no_failure(argv):
    """As `head` goes: the command ends without a word, however much it had to say."""
    read, write = os.pipe()
    os.close(read)
    program = "import sys; from course_lib.cli.main import main; sys.exit(main(sys.argv[1:]))"
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program, *argv], stdout=write, stderr=subprocess.PIPE, text=True, timeout=120
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (pipes.READER_GONE, "")


def test_another_pipe_that_breaks_is_told(capsys):
    """Nothing is hidden that is not about what the command prints."""

    def talks_to_a_program(argv):
        raise BrokenPipeError("the program has gone")

    with pytest.raises(BrokenPipeError, match="the program has gone"):
        pipes.piped(talks_to_a_program, [])
