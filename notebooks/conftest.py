"""How nbval runs these notebooks, however and wherever pytest is called.

pytest calls `pytest_configure` of a conftest that it finds only while
collecting, too, and always before it collects what lies beside it; so a bare
`pytest`, one notebook's path and the workers of pytest-xdist all come here.
"""

import os
import tempfile
from pathlib import Path

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

from course_lib.cli.refresh import (
    CELL_TIMEOUT,
    kernel_environment,
    without_ports,
)
from course_lib.lab.servers import has_redis

# Tag of a cell that asks Redis for what the stand-in has not.
NEEDS_REDIS = "needs-redis"


def pytest_configure(config: pytest.Config) -> None:
    """Set nbval's options and the kernels' environment.

    An option given on the command line is kept where it can be.
    """
    option = config.option
    option.nbval = not option.nbval_lax  # strict, unless someone asks for less
    option.nbval_current_env = option.nbval_kernel_name is None
    ours = Path(__file__).parent / "sanitize.cfg"
    option.nbval_sanitize_with = option.nbval_sanitize_with or str(ours)
    # nbval's own default is 2,000 s.
    option.nbval_cell_timeout = min(option.nbval_cell_timeout, CELL_TIMEOUT)

    folder = tempfile.TemporaryDirectory(
        prefix="course-ipython-", ignore_cleanup_errors=True
    )
    config.add_cleanup(folder.cleanup)
    os.environ.update(kernel_environment(folder.name))
    nbval.kernel.KernelManager = _manager


def _manager(**options: object) -> KernelManager:
    return without_ports(KernelManager(**options))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs a real Redis where there is only the stand-in.

    The lesson says so in that place, and doctor says how to get one.
    """
    marked = [item for item in items if NEEDS_REDIS in _tags(item)]
    if marked and not has_redis():
        for item in marked:
            item.add_marker(
                pytest.mark.skip(reason="no real Redis here, a stand-in")
            )


def _tags(item: pytest.Item) -> list[str]:
    cell = getattr(item, "cell", None)  # of nbval's items
    return list(cell.metadata.get("tags", ())) if cell else []
