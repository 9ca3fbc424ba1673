"""The one exception that the commands show to a learner."""


class CourseError(Exception):
    """Something a learner can mend: its text says what happened and what to do next, and is shown without a traceback."""
