"""What is printed for a reader that may go before the end, as `head` does. Standard library only."""

import os
import sys
from collections.abc import Callable

READER_GONE = 141
"""The exit status then: that of a program which the signal for it ends (128 + 13)."""


def piped(command: Callable[[list[str]], int], argv: list[str]) -> int:
    """Run a command and return its exit status; end without a word where nobody reads standard output any more.

    Another pipe that breaks is the command's own matter: its BrokenPipeError is passed on.
    """
    try:
        status = command(argv)
        print(end="", flush=True)  # here, and not at exit, where nobody can catch it
    except BrokenPipeError:
        try:
            print(flush=True)  # fails again if it was this pipe, and else is an empty line above the traceback
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at exit
            return READER_GONE
        raise
    return status
