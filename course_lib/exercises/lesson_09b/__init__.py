"""Lesson 9b: acknowledge after the work."""

from course_lib.exercises.lesson_09b import solutions
from course_lib.exercises.lesson_09b.consuming import consume
from course_lib.exercises.lesson_09b.paying import pay_order
from course_lib.exercises.lesson_09b.starts import work_on

__all__ = ["EXERCISES", "consume", "pay_order", "solutions", "work_on"]

EXERCISES = (consume, pay_order, work_on)
