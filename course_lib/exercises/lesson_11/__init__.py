"""Lesson 11: a race is an order you did not try."""

from course_lib.exercises.lesson_11 import solutions, under_test
from course_lib.exercises.lesson_11.limiting import test_limited
from course_lib.exercises.lesson_11.pooling import test_pool
from course_lib.exercises.lesson_11.retrying import test_retry
from course_lib.exercises.lesson_11.sharing import test_share

__all__ = ["EXERCISES", "solutions", "test_limited", "test_pool", "test_retry", "test_share", "under_test"]

EXERCISES = (test_retry, test_limited, test_share, test_pool)
