"""Text from outside, read as the standards have it: a file for each thing that bytes of strangers are made into.

Nothing here raises anything but what its docstring names, whatever the text; what cannot be read is None, or said to
be unreadable, and never something near it.
"""
