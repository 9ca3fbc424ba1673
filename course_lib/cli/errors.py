"""What goes wrong, in words for a learner."""

MEND_FILES = "Next: mend that (permissions, disk space), and run this again."


class CourseError(Exception):
    """Something a learner can mend: its text, shown without a traceback, says what happened and what to do next."""
