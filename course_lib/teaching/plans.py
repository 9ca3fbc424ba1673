"""Plans: which lessons fill half a day, a day, two days, or a term, and when each begins.

A plan names lessons and breaks; how long a lesson takes is read from its notebook. Between two lessons lie some minutes
for questions, because a lesson's minutes are those of a reader alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from course_lib.teaching.lessons import Lesson, brief
from course_lib.teaching.room import in_a_room

BREAKS = {"break": 15, "lunch": 60}
QUESTIONS = 5
"""Minutes after each lesson."""


@dataclass(frozen=True)
class Plan:
    """A plan.

    Attributes:
        title: what it is for.
        days: for each day, the numbers of its lessons and its breaks ("01", "break"), in their order.
        whole: the numbers of lessons that are taken with all that is beyond their core path.
    """

    title: str
    days: Sequence[Sequence[str]]
    whole: frozenset[str] = frozenset()

    @property
    def lessons(self) -> list[str]:
        """The numbers of its lessons, in their order."""
        return [item for day in self.days for item in day if item not in BREAKS]


@dataclass(frozen=True)
class Slot:
    """A stretch of a day: what it is for, when it begins and ends in minutes of the day, and its lesson, if it is one.

    `whole` says whether the lesson is taken with what is beyond its core path.
    """

    what: str
    begin: int
    end: int
    lesson: Lesson | None = None
    whole: bool = False


MORNING = ("00", "01", "02", "break", "03", "04a")
DAY = (*MORNING, "lunch", "06", "07a", "break", "07b", "11")

PLANS = {
    "half-day": Plan("Half a day: what asynchronous code is, and how it ends", [MORNING]),
    "day": Plan("A day: the foundations, when to take which model, and what goes wrong", [DAY]),
    "two-days": Plan(
        "Two days: the foundations and what goes wrong, then what programs in production need",
        [
            DAY,
            ("04b", "08a", "break", "08b", "09a", "lunch", "05a", "12a", "break", "13a"),
        ],
    ),
}
"""The plans with fixed lessons; `weekly` makes the one of a term."""


def plans(lessons: Mapping[str, Lesson]) -> dict[str, Plan]:
    """Return all plans by their names, for the lessons that there are, by their numbers."""
    return {**PLANS, "weekly": weekly(lessons)}


def weekly(lessons: Mapping[str, Lesson]) -> Plan:
    """Return a plan of one meeting a week: a lesson with everything, or the core paths of two of one number (5a, 5b).

    The start page comes before lesson 1.
    """
    meetings: dict[int, list[str]] = {}
    for number in lessons:
        meetings.setdefault(max(1, int(re.sub(r"\D", "", number))), []).append(number)
    alone = {numbers[-1] for numbers in meetings.values() if len(numbers) == 1 or numbers[0] == "00"}
    return Plan(
        f"A term: {len(meetings)} weeks, one meeting of about an hour and a half in each",
        list(meetings.values()),
        frozenset(alone),
    )


def slots(plan: Plan, day: int, lessons: Mapping[str, Lesson], begin: int) -> Iterator[Slot]:
    """Yield the slots of one day of a plan.

    Args:
        plan: the plan.
        day: which of its days, from 0.
        lessons: the lessons by their numbers.
        begin: when the day begins, in minutes after midnight.
    """
    now, before = begin, "break"
    for item in plan.days[day]:
        if item in BREAKS:
            yield Slot(item, now, now := now + BREAKS[item])
        else:
            if before not in BREAKS:
                yield Slot("questions", now, now := now + QUESTIONS)
            lesson, whole = lessons[item], item in plan.whole
            yield Slot(lesson.title, now, now := now + (lesson.all if whole else lesson.core), lesson, whole)
        before = item


def table(plan: Plan, lessons: Mapping[str, Lesson], begin: int = 9 * 60, *, sections: bool = False) -> str:
    """Return a plan as text: when each lesson begins and how many minutes it takes.

    Args:
        plan: the plan.
        lessons: the lessons by their numbers.
        begin: when a day begins, in minutes after midnight.
        sections: whether to list each lesson's sections, too.
    """
    lines = [plan.title]
    word = "Week" if len(plan.days) > 2 else "Day"
    for day in range(len(plan.days)):
        slotted = list(slots(plan, day, lessons, begin))
        total = slotted[-1].end - begin
        alone = sum(slot.end - slot.begin for slot in slotted if slot.lesson)
        lines += ["", f"{word} {day + 1}: {clock(begin)} to {clock(slotted[-1].end)}, {total} minutes"]
        lines.append(f"  (in a room about {in_a_room(alone) - alone} minutes longer)")
        for slot in slotted:
            what = f"{slot.what}, with everything" if slot.whole else slot.what
            now = slot.begin
            lines.append(f"  {clock(slot.begin)}  {slot.end - slot.begin:>3} min  {what}")
            if sections and slot.lesson:
                for section in slot.lesson.sections:
                    if slot.whole or not section.beyond:
                        lines.append(f"    {clock(now)}  {brief(section.minutes):>3} min    {section.heading}")
                        now += section.minutes
    return "\n".join(lines)


def clock(minutes: int) -> str:
    """Return "09:30" for 570 minutes after midnight."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
