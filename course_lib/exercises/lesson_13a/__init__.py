"""Lesson 13a: say what happens when the other side fails."""

from course_lib.exercises.lesson_13a import solutions
from course_lib.exercises.lesson_13a.guarding import guard
from course_lib.exercises.lesson_13a.loading import load_with
from course_lib.exercises.lesson_13a.streaming import stream_rows

__all__ = ["EXERCISES", "guard", "load_with", "solutions", "stream_rows"]

EXERCISES = (load_with, guard, stream_rows)
