"""Garbage that tests collect: looked for among what they made, not in all that the process holds."""

import gc
import warnings


def freeze() -> None:
    """Leave all that there is now out of each collection to come: a suite's process holds what takes long to look at.

    What is garbage now is collected first: it would never be.
    """
    with warnings.catch_warnings(action="ignore"):  # of a coroutine that was never awaited, on purpose
        gc.collect()
    gc.freeze()
