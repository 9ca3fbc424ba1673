"""Lesson 8b: who opens closes, also when cancelled."""

from course_lib.exercises.lesson_08b import solutions
from course_lib.exercises.lesson_08b.leaving import leave
from course_lib.exercises.lesson_08b.logging_in import logged_in
from course_lib.exercises.lesson_08b.using import use_all

__all__ = ["EXERCISES", "leave", "logged_in", "solutions", "use_all"]

EXERCISES = (logged_in, use_all, leave)
