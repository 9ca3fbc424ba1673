"""What there is for who teaches: plans that add up, notes whose cells are there, answers, slides and a handout."""

import inspect
import json
import re

import pytest
from wrong_answers import lesson_08b as wrong_08b

from course_lib.cli import main as course
from course_lib.cli import teach
from course_lib.cli.lessons import number_of
from course_lib.exercises import lesson_01
from course_lib.paths import MASTERS
from course_lib.teaching import answers, handout, notes, plans, slides
from course_lib.teaching.lessons import lesson

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
    assert "10 minutes for the core path, 30 with everything" in page
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
    entries = speaker.partition("<ol>")[2].split("<li>")[1:]
    assert len(entries) == len(on_slides(deck))
    told = [place for place, entry in enumerate(entries) if "Wait for a hand." in entry and "Who boils" in entry]
    assert len(told) == 1 and "Hot?" in on_slides(deck)[told[0]]


def test_a_handout_is_the_lesson_as_it_was_run(tea):
    """It has the outputs and the tasks, its diagrams as pictures, and no links into the course's folder."""
    page = handout.write(tea, draw=fake)
    assert "100 degrees" in page and "drawn: flowchart LR" in page
    assert 'href="01' not in page and "lesson 1" in page
    assert "Cooler" not in page and "not attempted" not in page and "Ready." not in page


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
    assert "Day 1: 13:00 to 16:" in plan and "1. Five requests, one after another" in plan
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
