"""Lesson 12b: find the one bottleneck, change one thing, measure again."""

from course_lib.exercises.lesson_12b import as_found, solutions
from course_lib.exercises.lesson_12b.batching import in_batches
from course_lib.exercises.lesson_12b.knee import find_knee
from course_lib.exercises.lesson_12b.labels import print_labels
from course_lib.exercises.lesson_12b.shop import Shop

__all__ = ["EXERCISES", "Shop", "as_found", "find_knee", "in_batches", "print_labels", "solutions"]

EXERCISES = (print_labels, find_knee, in_batches)
