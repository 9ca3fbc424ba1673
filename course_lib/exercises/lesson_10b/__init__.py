"""Lesson 10b: what you start, you end."""

from course_lib.exercises.lesson_10b import solutions
from course_lib.exercises.lesson_10b.limiting import run_limited
from course_lib.exercises.lesson_10b.serving import serve
from course_lib.exercises.lesson_10b.talking import talk

__all__ = ["EXERCISES", "run_limited", "serve", "solutions", "talk"]

EXERCISES = (run_limited, serve, talk)
