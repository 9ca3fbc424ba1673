"""Lesson 7b: every symptom has a cause you can show in ten lines."""

from course_lib.exercises.lesson_07b import as_found, solutions
from course_lib.exercises.lesson_07b.asking import ask_within
from course_lib.exercises.lesson_07b.moving import move
from course_lib.exercises.lesson_07b.pumping import pump
from course_lib.exercises.lesson_07b.selling import sell
from course_lib.exercises.lesson_07b.working import work_off

__all__ = ["EXERCISES", "as_found", "ask_within", "move", "pump", "sell", "solutions", "work_off"]

EXERCISES = (sell, work_off, pump, move, ask_within)
