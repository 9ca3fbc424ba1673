"""Lesson 8a: who opens closes, also when cancelled."""

from course_lib.exercises.lesson_08a import solutions
from course_lib.exercises.lesson_08a.limits import each_within
from course_lib.exercises.lesson_08a.pairs import in_pairs
from course_lib.exercises.lesson_08a.taking import take

__all__ = ["EXERCISES", "each_within", "in_pairs", "solutions", "take"]

EXERCISES = (each_within, take, in_pairs)
