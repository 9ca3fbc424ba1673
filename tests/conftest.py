"""The order of the suite."""

import pytest

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
