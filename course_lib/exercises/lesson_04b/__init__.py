"""Lesson 4b: results as they come, and whoever leaves closes."""

from course_lib.exercises.lesson_04b import solutions
from course_lib.exercises.lesson_04b.leaving import first_match
from course_lib.exercises.lesson_04b.sharing import fetch_in_one_session
from course_lib.exercises.lesson_04b.using import use_as_they_come

__all__ = ["EXERCISES", "fetch_in_one_session", "first_match", "solutions", "use_as_they_come"]

EXERCISES = (first_match, fetch_in_one_session, use_as_they_come)
