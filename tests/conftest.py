"""The order of the suite, and what every test may count on."""

import signal

import pytest

# Who is started in the background of a shell ignores interrupts, and so does what it starts: tests that interrupt
# themselves, or a program, would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = [
    "test_run_all.py",
    "test_comparison.py",
    "06_concurrency_comparison.ipynb",
    "01_sync_vs_async.ipynb",
    "05b_cache.ipynb",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: each is one worker's work, and begun last it would end alone."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
