"""The text of a timeline: what it draws, that it always fits, and what it answers to wrong questions."""

import random
import unicodedata
from itertools import pairwise

import pytest

from course_lib.seeing import Lane, Outcome, Span, State, Timeline

WAITING, RUNNING, BLOCKING = State.WAITING, State.RUNNING, State.BLOCKING


def waits(name, start, end, outcome=Outcome.DONE, error=""):
    spans = (Span(start, end, WAITING),) if end > start else ()
    return Lane(name, start, end, spans, outcome, error)


def timeline(*lanes, virtual=True, **kwargs):
    return Timeline(lanes, max((lane.end for lane in lanes), default=0.0), virtual, **kwargs)


def drawn(text):
    """Compare without the indentation that a test's own text has."""
    lines = text.strip("\n").split("\n")
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines).rstrip()


def columns(line):
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
    return len(line) + wide - sum(unicodedata.combining(character) > 0 for character in line)


def test_waits_that_overlap():
    """Tasks that wait together stand on rows of their own, with their times and how they ended."""
    assert str(timeline(waits("main", 0, 3), *(waits(f"fetch {n}", 0, n) for n in (1, 2, 3)))) == drawn("""
        seconds  0         1         2         3
                 |         |         |         |
        main     ------------------------------|  0 to 3 s
        fetch 1  ----------|                      0 to 1 s
        fetch 2  --------------------|            0 to 2 s
        fetch 3  ------------------------------|  0 to 3 s
        key: - waiting  | done
    """)


def test_all_that_can_happen_to_a_lane():
    """Running, blocking, cancelled, failed and left running each have their mark, and the key explains those drawn."""
    lanes = [
        Lane("main", 0, 2, (Span(0, 1, WAITING), Span(1, 1.5, BLOCKING), Span(1.5, 2, WAITING))),
        Lane("busy", 0, 1, (Span(0, 0.5, RUNNING), Span(0.5, 1, WAITING))),
        waits("cancelled", 0.5, 1, Outcome.CANCELLED),
        waits("failed", 0, 1.5, Outcome.FAILED, "ValueError: no such page"),
        waits("left", 0.25, 2, Outcome.LEFT),
        waits("at once", 1, 1),
    ]
    notes = ["left was still running when main ended, and was cancelled then"]
    assert str(timeline(*lanes, blocks=[(1, 1.5)], notes=notes)) == drawn("""
        seconds    0         1         2
                   |         |         |
        the loop             !!!!!        blocked for 0.5 s
        main       ----------!!!!!-----|  0 to 2 s, blocked 0.5 s
        busy       #####-----|            0 to 1 s
        cancelled       -----x            0.5 to 1 s, cancelled
        failed     ---------------E       0 to 1.5 s, failed
        left         ------------------>  0.25 to 2 s, left running
        at once              |            at 1 s
        key: - waiting  # running  ! blocking the loop  | done  x cancelled
             E failed  > left running
        failed: ValueError: no such page
        note: left was still running when main ended, and was cancelled then
    """)


def test_nothing_happened():
    """A timeline of no length, and one without lanes, can be drawn."""
    assert str(timeline(waits("main", 0, 0))) == drawn("""
        seconds  0
                 |
        main     |  at 0 s
        key: | done
    """)
    assert str(Timeline()).splitlines() == ["seconds  0", "         |", "no task was made and no span named"]


def test_a_short_step_is_seen():
    """In virtual time, which is exact, a block far shorter than a column is drawn all the same."""
    lanes = Lane("main", 0, 100, (Span(0, 50, WAITING), Span(50, 50.001, BLOCKING), Span(50.001, 100, WAITING)))
    row = str(timeline(lanes, blocks=[(50, 50.001)])).splitlines()[3]
    assert row == f"main      {'-' * 10}!{'-' * 9}|  0 to 100 s, blocked 0.001 s"


@pytest.mark.parametrize("length", [2e-9, 1.23e-7, 1e-3, 0.7, 59, 3600, 31_536_000, 3_153_600_000])
def test_any_length_has_a_legible_axis(length):
    """From nanoseconds to a century, axis labels stand apart and the last one is not beyond the end."""
    lines = str(timeline(waits("main", 0, length))).splitlines()
    labels = [float(label) for label in lines[0].split()[1:]]
    assert len(labels) == lines[1].count("|") >= 2
    assert labels == sorted(labels) and length / 2 <= labels[-1] <= length * (1 + 1e-9)
    for label in lines[0].split()[1:]:
        assert lines[1][lines[0].index(f" {label}") + 1] == "|"


def test_twenty_lanes_and_what_is_left_out():
    """Twenty rows are drawn; the text says how many more there are and how they ended."""
    lanes = [waits(f"fetch {n}", 0, 1) for n in range(20)]
    assert len(str(timeline(*lanes)).splitlines()) == 23
    more = [waits("x", 0, 1, Outcome.FAILED), *(waits("y", 0, 1) for _ in range(4))]
    lines = str(timeline(*lanes, *more)).splitlines()
    assert lines[22] == "and 5 more: 1 failed, 4 done"
    assert len(lines) == 24
    assert len(timeline(*lanes, *more).text(lanes=25).splitlines()) == 28
    assert timeline(*lanes).text(lanes=1).splitlines()[3] == "and 19 more: 19 done"


def test_names_of_any_kind_keep_the_rows_in_line():
    """Long names are cut, line breaks become spaces, and Chinese characters, twice as wide, keep the rows aligned."""
    names = [
        "a" * 50,
        "two\nlines\tand a tab",
        "",
        "获取页面",
        "获取页面获取页面获取页面",
        "e\u0301te\u0301",
        "\x1b[31mred",
    ]
    lines = str(timeline(*(waits(name, 0, 1) for name in names))).splitlines()
    rows = lines[2 : 2 + len(names)]
    assert [row.split("  ")[0] for row in rows] == [
        "a" * 14 + "..",
        "two lines and ..",
        "(no name)",
        "获取页面",
        "获取页面获取页..",
        "e\u0301te\u0301",
        "[31mred",
    ]
    assert {columns(row[: row.index("--")]) for row in rows} == {lines[1].index("|")}


def test_errors_and_notes_of_any_length_stay_legible():
    """Long errors and notes stand below the rows and are wrapped, so that nothing of them is lost."""
    words = " ".join(f"word{n}" for n in range(60))
    text = str(
        timeline(waits("main", 0, 1, Outcome.FAILED, f"ValueError:\n{words}"), notes=[f"look:\n{words}", "x" * 300])
    )
    lines = text.splitlines()
    assert lines[2].endswith("failed")
    told = next(n for n, line in enumerate(lines) if line.startswith("main: ValueError: word0"))
    start = next(n for n, line in enumerate(lines) if line.startswith("note: look: word0"))
    assert " ".join(lines[told:start]) == f"main: ValueError: {words}"
    wrapped = " ".join(line.strip() for line in lines[start:-1])
    assert wrapped == f"note: look: {words}"
    assert all(line.startswith("      word") for line in lines[start + 1 : -1])
    assert lines[-1].endswith("xx..")


def test_many_notes_are_counted():
    """Twenty notes are shown and the rest counted."""
    text = str(timeline(waits("main", 0, 1), notes=[f"note {n}" for n in range(25)]))
    assert text.endswith("note: note 19\nand 5 more notes")


def test_a_fine_tick_cuts_the_chart_and_keeps_the_words():
    """A chart too wide for the page is cut where it says so; the words behind it stay."""
    lines = timeline(waits("main", 0, 20), waits("fetch", 0, 1)).text(tick=0.1).splitlines()
    assert lines[2].endswith("--..  0 to 20 s")
    assert lines[3].endswith("..  0 to 1 s") and "----------|   " in lines[3]
    assert max(map(len, lines)) <= 76


def test_a_chart_is_cut_only_where_its_words_need_the_columns():
    """Short words leave their columns to the chart."""
    lines = timeline(waits("in queue 1", 0, 52)).text(tick=1).splitlines()
    assert lines[2].endswith("-|  0 to 52 s")
    assert len(lines[2]) == 76


def test_words_that_do_not_fit_are_left_out_as_a_whole():
    """Of what is said behind a row, what has no room is not said in half: the row's marks say it, too."""
    step = Lane("logo of Swift #1", 0.08, 0.1, (Span(0.08, 0.1, BLOCKING),))
    lines = str(timeline(waits("main", 0, 0.3), step)).splitlines()
    assert lines[3].endswith("!!|                      0.08 to 0.1 s")


def test_any_timeline_fits_on_the_page():
    """No line is longer than 76 columns and rows stay aligned, for timelines of all kinds."""
    rng = random.Random(20240229)
    alphabet = "abc XYZ-_.\n\t获取é😀\u0301"
    for _ in range(150):
        length = 10 ** rng.uniform(-8, 9)
        lanes = []
        for _ in range(rng.choice([0, 1, 2, 7, 20, 25])):
            start, end = sorted(rng.uniform(0, length) for _ in range(2))
            cuts = sorted(rng.uniform(start, end) for _ in range(rng.randrange(6)))
            edges = [start, *cuts, end]
            spans = tuple(Span(a, b, rng.choice(list(State))) for a, b in pairwise(edges))
            name, error = ("".join(rng.choices(alphabet, k=rng.randrange(n))) for n in (40, 200))
            lanes.append(Lane(name, start, end, spans, rng.choice(list(Outcome)), error))
        blocks = [(length * 0.2, length * 0.4)] * rng.randrange(2)
        notes = ["".join(rng.choices(alphabet, k=rng.randrange(400))) for _ in range(rng.randrange(3))]
        made = Timeline(lanes, length, rng.random() < 0.5, None, blocks, notes)
        tick = rng.choice([None, length / rng.uniform(1, 399), length * 3])
        lines = made.text(tick, lanes=rng.choice([1, 20, 50])).splitlines()
        assert all(columns(line) <= 76 for line in lines), (made, tick)
        assert all(line == line.rstrip() and line.isprintable() for line in lines)
        assert lines[0].startswith("seconds ") and lines[1].lstrip().startswith("|")


# What was measured in real time.


def jittered(rng, late):
    """Return a recording of fetches of 1, 2, 1, 3, 1 tenths in which every end comes up to `late` seconds late.

    A wait may begin late and last too long, but no clock makes it shorter than it is.
    """

    def measured(seconds):
        return seconds + rng.uniform(0.0002, late / 2)

    lanes = []
    for n, tenths in enumerate([1, 2, 1, 3, 1], 1):
        start = measured(0)
        end = start + measured(tenths / 10)
        step = rng.uniform(0, late / 5)
        spans = (
            Span(start, start + step, RUNNING),
            Span(start + step, end - step, WAITING),
            Span(end - step, end, RUNNING),
        )
        lanes.append(Lane(f"fetch {n}", start, end, spans))
    start = measured(0.4)
    end = start + measured(0.2)
    lanes.append(Lane("blocks", start, end, (Span(start, end, BLOCKING),)))
    return Timeline(lanes, end, False, None, [(start, end)])


def test_a_coarse_tick_gives_one_text_on_a_busy_machine():
    """Two hundred recordings whose events come up to 70 ms late read the same at a tick of 0.1 s, and right."""
    rng = random.Random(1)
    texts = {jittered(rng, 0.07).text(tick=0.1) for _ in range(200)}
    assert texts == {
        drawn("""
        seconds   0         0.2       0.4       0.6
                  |         |         |         |
        the loop                      !!!!!!!!!!   blocked for 0.2 s
        fetch 1   -----|                           0 to 0.1 s
        fetch 2   ----------|                      0 to 0.2 s
        fetch 3   -----|                           0 to 0.1 s
        fetch 4   ---------------|                 0 to 0.3 s
        fetch 5   -----|                           0 to 0.1 s
        blocks                        !!!!!!!!!!|  0.4 to 0.6 s, blocked 0.2 s
        key: - waiting  ! blocking the loop  | done
        """)
    }


def test_a_recordings_own_tick_is_the_default():
    """The tick given to record() is what the text is drawn with; a caller's own comes first."""
    made = jittered(random.Random(1), 0.07)
    made.tick = 0.1
    assert str(made) == made.text(tick=0.1) != made.text(tick=0.2)


# Questions.


def test_a_lane_is_found_by_its_name():
    """timeline["name"] gives the first lane of that name, and a wrong name gets the names there are."""
    made = timeline(waits("main", 0, 3), waits("fetch", 0, 1), waits("fetch", 0, 2))
    assert made["fetch"].end == 1
    with pytest.raises(KeyError, match="no lane is named 'fetsch'; the lanes of this timeline: 'main', 'fetch'"):
        made["fetsch"]
    with pytest.raises(KeyError, match="timeline: none"):
        Timeline()["main"]


def test_the_peak_counts_what_was_open_at_one_time():
    """peak() counts overlapping lanes; those that only touch do not overlap, and one of no length still counts."""
    made = timeline(waits("main", 0, 4), *(waits(f"fetch {n}", n, n + 1) for n in range(4)), waits("fetch 9", 0.5, 2.5))
    assert made.peak("fetch") == 2
    assert made.peak() == 3
    assert made.peak("nothing") == 0
    assert timeline(waits("a", 1, 1)).peak() == 1


def test_blocked_adds_up():
    """blocked counts the blocking of a lane, and of the loop, in seconds."""
    lane = Lane(
        "main", 0, 4, (Span(0, 1, BLOCKING), Span(1, 2, WAITING), Span(2, 2.5, BLOCKING), Span(2.5, 4, RUNNING))
    )
    made = timeline(lane, blocks=[(0, 1), (2, 2.5)])
    assert (made["main"].blocked, made.blocked, lane.seconds) == (1.5, 1.5, 4)
    assert list(made) == [lane]


def test_wrong_ticks_and_rows_say_what_to_pass():
    """A tick of nothing, one far too fine, and no rows are refused with what would work."""
    made = timeline(waits("main", 0, 8))
    for tick in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"more than 0 and at least 0\.02"):
            made.text(tick=tick)
    with pytest.raises(ValueError, match=r"tick=0\.01: pass seconds a column, more than 0 and at least 0\.02"):
        made.text(tick=0.01)
    with pytest.raises(ValueError, match="lanes=0: pass the number of rows to draw, 1 or more"):
        made.text(lanes=0)
