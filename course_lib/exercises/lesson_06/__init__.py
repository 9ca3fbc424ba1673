"""Lesson 6: waiting goes to asyncio, computing to processes, and you measure."""

from course_lib.exercises.lesson_06 import solutions
from course_lib.exercises.lesson_06.choosing import choose_model
from course_lib.exercises.lesson_06.crunching import crunch_all
from course_lib.exercises.lesson_06.fetching import fetch_in_threads

__all__ = ["EXERCISES", "choose_model", "crunch_all", "fetch_in_threads", "solutions"]

EXERCISES = (choose_model, crunch_all, fetch_in_threads)
