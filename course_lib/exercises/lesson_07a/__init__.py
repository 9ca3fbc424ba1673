"""Lesson 7a: every symptom has a cause you can show in ten lines."""

from course_lib.exercises.lesson_07a import as_found, solutions
from course_lib.exercises.lesson_07a.digesting import digest_all
from course_lib.exercises.lesson_07a.hosts import live_hosts
from course_lib.exercises.lesson_07a.notifying import notify
from course_lib.exercises.lesson_07a.placing import place_order
from course_lib.exercises.lesson_07a.stopping import stop

__all__ = ["EXERCISES", "as_found", "digest_all", "live_hosts", "notify", "place_order", "solutions", "stop"]

EXERCISES = (live_hosts, notify, stop, digest_all, place_order)
