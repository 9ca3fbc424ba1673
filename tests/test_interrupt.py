"""Interrupt, in a real kernel: after setup() a cell that awaits comes back too."""

from collections.abc import Iterator

import kernels
import pytest

# A cell that cannot be interrupted takes 600 s; one that can takes about a quarter of a second, on a busy machine more.
SOON = 60


@pytest.fixture(scope="module")
def kernel() -> Iterator[kernels.Kernel]:
    """A kernel whose first cell was setup()."""
    with kernels.start() as kernel:
        assert kernel.printed("from course_lib.notebook import setup\nsetup()") == "Ready.\n"
        yield kernel


@pytest.mark.parametrize(
    ("wait", "error"),
    [
        ("await asyncio.sleep(600)", "CancelledError"),
        ("await asyncio.gather(asyncio.sleep(600), asyncio.sleep(500))", "CancelledError"),
        ("time.sleep(600)", "KeyboardInterrupt"),
        ("from course_lib.interop import run_sync; run_sync(asyncio.sleep, 600)", "KeyboardInterrupt"),
    ],
)
def test_an_interrupted_cell_comes_back(kernel: kernels.Kernel, wait: str, error: str) -> None:
    """Interrupt ends a cell that waits, awaiting or not, and the kernel runs the next one."""
    errors, seconds = kernel.interrupt_at("waiting", f"import asyncio, time\nprint('waiting', flush=True)\n{wait}")
    assert errors == [error]
    assert seconds < SOON
    assert kernel.printed("print('next')") == "next\n"


def test_setup_twice_leaves_one_timer_and_no_task(kernel: kernels.Kernel) -> None:
    """Running the first cell again adds nothing to the loop, and setup() never adds a task for lessons to explain."""
    assert kernel.printed(
        "import asyncio\n"
        "before = asyncio.all_tasks()\n"
        "setup(); setup()\n"
        "timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]\n"
        "print(sum('_keep_beating' in repr(timer) for timer in timers), asyncio.all_tasks() == before)"
    ) == ("Ready.\nReady.\n1 True\n")
