"""Lesson 9a: a queue without a limit only hides the problem."""

from course_lib.exercises.lesson_09a import solutions
from course_lib.exercises.lesson_09a.ahead import work_ahead
from course_lib.exercises.lesson_09a.newest import keep_newest
from course_lib.exercises.lesson_09a.paced import call_paced

__all__ = ["EXERCISES", "call_paced", "keep_newest", "solutions", "work_ahead"]

EXERCISES = (work_ahead, keep_newest, call_paced)
