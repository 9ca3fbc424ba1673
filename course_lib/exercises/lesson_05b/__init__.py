"""Lesson 5b: cache only what you can invalidate."""

from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.outage import cached_read
from course_lib.exercises.lesson_05b.sharing import get_or_load
from course_lib.exercises.lesson_05b.stale import cached_prices
from course_lib.exercises.lesson_05b.types_kept import cached_row

__all__ = ["EXERCISES", "cached_prices", "cached_read", "cached_row", "get_or_load", "solutions"]

EXERCISES = (get_or_load, cached_prices, cached_read, cached_row)
