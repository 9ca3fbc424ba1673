"""What diagnostics cost, and who finds which of twelve planted faults: python tests/benchmarks/bench_diagnostics.py

The peers are no dependencies of the course. They are run where they are installed, so make an environment for them:

    uv venv peers
    uv pip install --python peers -r requirements.txt blockbuster==1.5.29 pyleak==0.2.0 aiocop==1.2.1 \
        pytest-asyncio==1.5.0
    peers/bin/python tests/benchmarks/bench_diagnostics.py

The ways take turns, so that a busy moment of the machine does not fall on one of them alone. Each program runs under
each tool in a process of its own, since most of them patch what is global.
"""

import asyncio
import gc
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from statistics import median
from typing import Any

from planted_faults import HEAD, PLANTED

from course_lib.diagnostics.around import cell_here
from course_lib.diagnostics.watch import Watch
from course_lib.paths import REPO

TASKS, ROUNDS = 10_000, 9
IN_A_ROW = 5  # gathers on one loop: whether a full garbage collection falls into one alone is chance
TIMEOUT = 60

# The cost.


async def nothing() -> None:
    """Nothing: the worst case, since all that is measured beside it is overhead."""


async def one_wait() -> None:
    await asyncio.sleep(0)


async def a_timer() -> None:
    await asyncio.sleep(0.001)


def gathered(work: Callable[[], Coroutine[Any, Any, None]], *, diagnosed: bool) -> float:
    """Return the microseconds of processor time that a task takes, of TASKS gathered on a fresh loop."""

    async def main() -> float:
        watch = None
        if diagnosed:
            cell_here.set(0)
            watch = Watch(asyncio.get_running_loop())
            watch.start()
            watch.start_generators()
        begun = time.process_time()
        for _ in range(IN_A_ROW):
            await asyncio.gather(*[work() for _ in range(TASKS)])
        took = time.process_time() - begun
        if watch is not None:
            watch.stop()
        return took / IN_A_ROW / TASKS * 1e6

    gc.collect()
    return asyncio.run(main())


def cost() -> None:
    """Print what diagnostics make of the time that a task takes."""
    print(f"{TASKS:,} gathered tasks, {IN_A_ROW} times in a row; processor time, medians of {ROUNDS} rounds.\n")
    print(f"{'':<26}{'bare':>12}{'diagnosed':>12}{'times':>8}")
    for work in (nothing, one_wait, a_timer):
        rounds = [(gathered(work, diagnosed=False), gathered(work, diagnosed=True)) for _ in range(ROUNDS)]
        bare, with_it = (median(figures) for figures in zip(*rounds, strict=True))
        times = median(after / before for before, after in rounds)
        print(f"{work.__name__.replace('_', ' '):<26}{bare:>9.2f} us{with_it:>9.2f} us{times:>8.2f}")
    print()


# The faults.

RUNNERS: dict[str, str] = {
    "ours": "from course_lib.diagnostics import diagnose; import program; diagnose(program.main)",
    "Python": "import asyncio, program; asyncio.run(program.main())",
    "blockbuster": """
import asyncio, program, traceback
from blockbuster import blockbuster_ctx
with blockbuster_ctx():
    asyncio.run(program.main())
""",
    "pyleak": """
import asyncio, program
from pyleak import no_event_loop_blocking, no_task_leaks
async def main():
    async with no_task_leaks(action="raise", enable_creation_tracking=True):
        async with no_event_loop_blocking(action="raise", threshold=0.1, check_interval=0.01):
            await program.main()
asyncio.run(main())
""",
    "aiocop": """
import aiocop, asyncio, json, program
async def main():
    aiocop.patch_audit_functions()
    aiocop.start_blocking_io_detection()
    aiocop.detect_slow_tasks(threshold_ms=100, on_slow_task=lambda event: print("aiocop:", event))
    aiocop.activate()
    await asyncio.create_task(program.main())
    await asyncio.sleep(0)
    aiocop.deactivate()
asyncio.run(main())
""",
}
TEST = "import program\nasync def test_it():\n    await program.main()\n"
PYTEST = ["-q", "-W", "error", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
PYTEST += ["-o", "asyncio_default_fixture_loop_scope=function"]
COMMANDS: dict[str, list[str]] = {
    **{name: ["-c", source] for name, source in RUNNERS.items()},
    "debug": ["-c", RUNNERS["Python"]],
    "-X dev": ["-X", "dev", "-c", RUNNERS["Python"]],
    "pytest": ["-m", "pytest", *PYTEST, "test_program.py"],
    "ruff": ["-m", "ruff", "check", "--isolated", "--select", "ASYNC,RUF006", "--output-format", "full", "program.py"],
}
NEEDS = {"blockbuster": "blockbuster", "pyleak": "pyleak", "aiocop": "aiocop", "pytest": "pytest_asyncio"}
BLOCKED = r"held the loop|took \d|BlockingError|EventLoopBlock|aiocop:|ASYNC2\d\d"
SAYS: dict[str, str] = {  # by fault, what whoever finds it says
    "never awaited": r"never awaited",
    "task held by nobody": r"held by nobody|destroyed but it is pending|RUF006",
    "exception lost": r"nobody asked|never retrieved",
    "time.sleep": BLOCKED,
    "computing": BLOCKED,
    "requests.get": BLOCKED,
    "task left running": r"still running|TaskLeakError|RUF006",
    "session never closed": r"Unclosed client session|ResourceWarning",
    "cancellation swallowed": r"cancelled, and returned|cancell?ation",
    "generator left open": r"left open|ASYNC",
    "deadlock": r"still running|TaskLeakError",
    "queue that grows": r"grows|unbounded",
    "(no fault)": r"asyncio diagnostics|Error|aiocop:|took \d|ASYNC|RUF",
}


def said(tool: str, folder: Path) -> str:
    """Return all that a tool says of the program in a folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(REPO)]), "NO_COLOR": "1"}
    if tool == "debug":
        environment["PYTHONASYNCIODEBUG"] = "1"
    done = subprocess.run(
        [sys.executable, *COMMANDS[tool]],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def verdict(fault: str, source: str, text: str) -> str:
    """Return "line" if a text names fault and line, "found" if it names the fault alone, else ""."""
    if not re.search(SAYS[fault], text):
        return ""
    marked = [number for number, line in enumerate(source.splitlines(), start=1) if line.endswith("# here")]
    line = marked[0] if marked else 0
    return "line" if re.search(rf"program\.py(:|\", line |, line ){line}\b", text) else "found"


def faults(only: str = "") -> None:
    """Print who finds what; with the name of a tool, also what it says."""
    print(
        "line: found, and the true line named; found: without the line; =: no more than Python says without the tool;"
    )
    print("-: not found. In the last row, found is a false alarm.\n")
    tools = {tool: importlib.util.find_spec(NEEDS.get(tool, "sys")) is not None for tool in COMMANDS}
    print(f"{'':<24}" + "".join(f"{tool:>12}" for tool in tools))
    for fault, program in PLANTED.items():
        source, row, python = HEAD + program, "", "-"
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "program.py").write_text(source)
            (folder / "test_program.py").write_text(TEST)
            for tool, installed in tools.items():
                text = said(tool, folder) if installed else ""
                found = verdict(fault, source, text) or "-"
                python = found if tool == "Python" else python
                same = found == python != "-" and tool not in ("ours", "Python")
                row += f"{'=' if same else found:>12}" if installed else f"{'no':>12}"
                if tool == only:
                    print(f"--- {fault}\n{text}")
        print(f"{fault:<24}{row}", flush=True)
    if missing := [tool for tool, installed in tools.items() if not installed]:
        print(f"\nno: not installed ({', '.join(missing)}); how to install it stands at the top of this file")


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}")
    if "faults" not in sys.argv:
        cost()
    if "cost" not in sys.argv:
        faults(sys.argv[-1] if sys.argv[-1] in COMMANDS else "")
