"""Lesson 3: every task has an owner, and cancellation passes through."""

from course_lib.exercises.lesson_03 import solutions
from course_lib.exercises.lesson_03.limiting import fetch_or_default
from course_lib.exercises.lesson_03.racing import first_answer
from course_lib.exercises.lesson_03.working import work_through

__all__ = ["EXERCISES", "fetch_or_default", "first_answer", "solutions", "work_through"]

EXERCISES = (fetch_or_default, work_through, first_answer)
