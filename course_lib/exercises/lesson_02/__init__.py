"""Lesson 2: the loop runs one step at a time; a long step delays everyone."""

from course_lib.exercises.lesson_02 import solutions
from course_lib.exercises.lesson_02.asking import ask
from course_lib.exercises.lesson_02.chunks import in_chunks
from course_lib.exercises.lesson_02.counting import count_tasks

__all__ = ["EXERCISES", "ask", "count_tasks", "in_chunks", "solutions"]

EXERCISES = (in_chunks, ask, count_tasks)
