"""Lesson 4: a fixed set of workers on a queue; no batches."""

from course_lib.exercises.lesson_04 import solutions
from course_lib.exercises.lesson_04.leaving import first_match
from course_lib.exercises.lesson_04.polite import fetch_politely
from course_lib.exercises.lesson_04.workers import crawl, fetch_bounded

__all__ = ["EXERCISES", "crawl", "fetch_bounded", "fetch_politely", "first_match", "solutions"]

EXERCISES = (fetch_bounded, crawl, fetch_politely, first_match)
