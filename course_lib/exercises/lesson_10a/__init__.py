"""Lesson 10a: one loop, one thread; cross the border by its doors."""

from course_lib.exercises.lesson_10a import as_found, solutions
from course_lib.exercises.lesson_10a.finding import first_found
from course_lib.exercises.lesson_10a.saving import save_all
from course_lib.exercises.lesson_10a.sorting import cheapest_first

__all__ = ["EXERCISES", "as_found", "cheapest_first", "first_found", "save_all", "solutions"]

EXERCISES = (cheapest_first, first_found, save_all)
