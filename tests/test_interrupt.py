"""Interrupt, in a real kernel: after setup() a cell that awaits comes back too."""

from collections.abc import Iterator

import kernels
import pytest

# A cell that cannot be interrupted takes 60 s; one that can takes about a quarter of a second, on a busy machine more.
SOON = 10


@pytest.fixture(scope="module")
def kernel() -> Iterator[kernels.Kernel]:
    """A kernel whose first cell was setup()."""
    with kernels.start() as kernel:
        request = kernel.send("from course_lib.notebook import setup\nsetup()")
        assert kernel.run(request)[request][0]["text"] == "Ready.\n"
        yield kernel


@pytest.mark.parametrize(
    ("wait", "error"),
    [
        ("await asyncio.sleep(60)", "CancelledError"),
        ("await asyncio.gather(asyncio.sleep(60), asyncio.sleep(50))", "CancelledError"),
        ("time.sleep(60)", "KeyboardInterrupt"),
    ],
)
def test_an_interrupted_cell_comes_back(kernel: kernels.Kernel, wait: str, error: str) -> None:
    """Interrupt ends a cell that waits, awaiting or not, and the kernel runs the next one."""
    errors, seconds = kernel.interrupt_at("waiting", f"import asyncio, time\nprint('waiting', flush=True)\n{wait}")
    assert errors == [error]
    assert seconds < SOON
    request = kernel.send("print('next')")
    assert kernel.run(request)[request][0]["text"] == "next\n"


def test_setup_twice_leaves_one_timer_and_no_task(kernel: kernels.Kernel) -> None:
    """Running the first cell again adds nothing to the loop, and setup() never adds a task for lessons to explain."""
    request = kernel.send(
        "import asyncio\n"
        "before = asyncio.all_tasks()\n"
        "setup(); setup()\n"
        "timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]\n"
        "print(sum('_keep_beating' in repr(timer) for timer in timers), asyncio.all_tasks() == before)"
    )
    assert kernel.run(request)[request][0]["text"] == "Ready.\nReady.\n1 True\n"
