"""Lesson 12a: find the one bottleneck, change one thing, measure again."""

from course_lib.exercises.lesson_12a import solutions
from course_lib.exercises.lesson_12a.comparing import compare_fairly
from course_lib.exercises.lesson_12a.sampling import sample_while
from course_lib.exercises.lesson_12a.streaming import total_size

__all__ = ["EXERCISES", "compare_fairly", "sample_while", "solutions", "total_size"]

EXERCISES = (compare_fairly, total_size, sample_while)
