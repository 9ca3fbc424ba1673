"""The order of the suite, and what every test may count on."""

import re
import signal

import pytest
from garbage import freeze
from xdist.scheduler import LoadFileScheduling

# Who is started in the background of a shell ignores interrupts, and so does what it starts: tests that interrupt
# themselves, or a program, would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = [
    "test_run_all.py::test_notebook_runs_all_at_once_and_again_after_a_restart[06",
    "test_comparison.py",
    "06_concurrency_comparison.ipynb",
    "test_exercises.py",
    "test_run_all.py",
    "05b_cache.ipynb",
    "test_service",
]


class ByFile(LoadFileScheduling):
    """A file's tests stay on one worker; but each notebook that runs all at once is work of its own.

    So is each lesson's part of the exercises' tests, which alone would take as long as all the rest.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        lesson = re.search(r"\[(lesson_\w+)", nodeid) if file.endswith("test_exercises.py") else None
        return nodeid if file.endswith("test_run_all.py") else f"{file} {lesson[1]}" if lesson else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """Spread the work so."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: begun last it would end alone."""
    items.sort(key=lambda item: next((place for place, name in enumerate(FIRST) if name in item.nodeid), len(FIRST)))


@pytest.fixture(autouse=True, scope="module")
def quick_collections() -> None:
    """Many tests collect garbage, each check of an exercise does, and so does Python by itself."""
    freeze()
