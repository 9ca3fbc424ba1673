"""Lesson 4a: a fixed set of workers on a queue; no batches."""

from course_lib.exercises.lesson_04a import solutions
from course_lib.exercises.lesson_04a.polite import fetch_politely
from course_lib.exercises.lesson_04a.workers import crawl, fetch_bounded

__all__ = ["EXERCISES", "crawl", "fetch_bounded", "fetch_politely", "solutions"]

EXERCISES = (fetch_bounded, crawl, fetch_politely)
