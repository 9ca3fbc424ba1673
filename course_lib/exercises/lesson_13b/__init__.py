"""Lesson 13b: say what happens when the other side fails."""

from course_lib.exercises.lesson_13b import solutions
from course_lib.exercises.lesson_13b.asking import ask_again
from course_lib.exercises.lesson_13b.breaking import through
from course_lib.exercises.lesson_13b.submitting import submit

__all__ = ["EXERCISES", "ask_again", "solutions", "submit", "through"]

EXERCISES = (ask_again, submit, through)
