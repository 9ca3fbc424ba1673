"""Lesson 8b: who opens closes, also when cancelled."""

from course_lib.exercises.lesson_08b import solutions
from course_lib.exercises.lesson_08b.connecting import connect
from course_lib.exercises.lesson_08b.leaving import leave
from course_lib.exercises.lesson_08b.using import use_all

__all__ = ["EXERCISES", "connect", "leave", "solutions", "use_all"]

EXERCISES = (connect, use_all, leave)
