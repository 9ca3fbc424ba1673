"""Lesson 5a: borrow a connection briefly."""

from course_lib.exercises.lesson_05a import solutions
from course_lib.exercises.lesson_05a.borrowing import with_connection
from course_lib.exercises.lesson_05a.paying import pay
from course_lib.exercises.lesson_05a.transferring import transfer

__all__ = ["EXERCISES", "pay", "solutions", "transfer", "with_connection"]

EXERCISES = (with_connection, pay, transfer)
