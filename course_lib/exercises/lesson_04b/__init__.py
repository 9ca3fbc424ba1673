"""Lesson 4b: a real crawler; who leaves a stream closes it."""

from course_lib.exercises.lesson_04b import solutions
from course_lib.exercises.lesson_04b.leaving import first_match

__all__ = ["EXERCISES", "first_match", "solutions"]

EXERCISES = (first_match,)
