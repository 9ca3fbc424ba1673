"""Who finds 23 planted blocks of a loop, and their lines: python tests/benchmarks/bench_blocks.py [TOOL]

The monitor, with and without step timing, beside aiocop and blockbuster where they are installed (pip install aiocop
blockbuster; the course does not need them). Each has a process of its own, since they patch what is global.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import queue
import re
import select
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from course_lib.monitor import EventLoopMonitor

LONG = 0.15  # seconds that those take which wait; those that compute take more than 0.05 s on a machine of today
SLOW = 0.05
NUMBERS = [(number * 7919) % 1_000_003 for number in range(600_000)]
TEXT = json.dumps(NUMBERS)
STRINGS = ["x" * 1_000_000 + "b"] * 3000
HUGE = 3**300_000
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) SELECT sum(i) FROM n"
CHILD = [sys.executable, "-c", f"import time; time.sleep({LONG})"]

one, other = socket.socketpair()
listening = socket.create_server(("127.0.0.1", 0))
listening.settimeout(LONG)
one.settimeout(LONG)
taken, executor = threading.Lock(), ThreadPoolExecutor(1)
taken.acquire()


def python_loop() -> None:
    total = 0
    for number in range(3_000_000):
        total += number


def recursion(number: int = 26) -> int:
    return number if number < 2 else recursion(number - 1) + recursion(number - 2)


def joined(seconds: float = LONG) -> None:
    thread = threading.Thread(target=time.sleep, args=(seconds,))
    thread.start()
    thread.join()


PLANTED: dict[str, Callable[[], Any]] = {
    "time.sleep": lambda: time.sleep(LONG),
    "a loop in Python": python_loop,
    "recursion": recursion,
    "sum": lambda: sum(range(20_000_000)),
    "sorted": lambda: sorted(NUMBERS),
    "json.dumps": lambda: json.dumps(NUMBERS * 3),
    "json.loads": lambda: json.loads(TEXT.replace("]", ", 1" * 2_000_000 + "]")),
    "re": lambda: re.match(r"(a|a)*b", "a" * 22),
    "in a big list": lambda: "x" * 1_000_000 + "a" in STRINGS,
    "huge numbers": lambda: HUGE * HUGE * HUGE,
    "pbkdf2": lambda: hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 300_000),
    "zlib": lambda: zlib.compress(TEXT.encode() * 2, 9),
    "write": lambda: [Path(os.devnull).write_text(TEXT) for _ in range(100)],
    "subprocess": lambda: subprocess.run(CHILD, check=True),
    "recv": lambda: one.recv(1),
    "accept": lambda: listening.accept(),
    "select": lambda: select.select([], [], [], LONG),
    "lock": lambda: taken.acquire(timeout=LONG),
    "event": lambda: threading.Event().wait(LONG),
    "queue": lambda: queue.Queue[int]().get(timeout=LONG),
    "join": joined,
    "result": lambda: executor.submit(time.sleep, LONG).result(),
    "sqlite3": lambda: sqlite3.connect(":memory:").execute(COUNT).fetchone(),
}


async def planted(block: Callable[[], Any]) -> None:
    await asyncio.sleep(0.02)
    with contextlib.suppress(TimeoutError, queue.Empty):
        block()
    await asyncio.sleep(0.02)


async def with_monitor(block: Callable[[], Any], **options: Any) -> str:
    async with EventLoopMonitor(slow=SLOW, **options) as monitor:
        await asyncio.create_task(planted(block))
    blocks = [each for each in monitor.blocks if each.function == "planted"] or monitor.blocks
    return max(blocks, key=lambda each: each.seconds).line or "found, no line" if blocks else ""


async def with_aiocop(block: Callable[[], Any]) -> str:
    import aiocop

    found: list[str] = []
    if not aiocop.is_monitoring_active():
        aiocop.patch_audit_functions()
        aiocop.start_blocking_io_detection()
        aiocop.detect_slow_tasks(threshold_ms=SLOW * 1000, on_slow_task=lambda event: found.append(str(event)))
        aiocop.activate()
    await asyncio.create_task(planted(block))
    await asyncio.sleep(0)
    aiocop.deactivate()
    return "".join(found)


async def with_blockbuster(block: Callable[[], Any]) -> str:
    import traceback

    from blockbuster import BlockingError, blockbuster_ctx

    with blockbuster_ctx():
        try:
            await asyncio.create_task(planted(block))
        except BlockingError as error:
            return "".join(traceback.format_exception(error))
    return ""


TOOLS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "EventLoopMonitor()": with_monitor,
    "EventLoopMonitor(steps=True)": lambda block: with_monitor(block, steps=True),
    "aiocop": with_aiocop,
    "blockbuster": with_blockbuster,
}


def verdict(said: str, block: Callable[[], Any]) -> str:
    """Return whether the block was found, and whether its line was named, or that it lies between two."""
    lines = {line for _, _, line in block.__code__.co_lines() if line}
    named = {int(number) for number in re.findall(r"\bline (\d+)", said) + re.findall(r"bench_blocks\.py:(\d+)", said)}
    if not said:
        return "missed"
    if said.startswith("between "):
        return "between"
    return "exact" if lines & named else "found" if not named else "wrong"


if __name__ == "__main__":
    logging.disable()
    if len(sys.argv) == 3:  # one tool, one block
        tool, name = sys.argv[1:]
        print(verdict(asyncio.run(TOOLS[tool](PLANTED[name])), PLANTED[name]))
        sys.exit()
    print(f"Python {sys.version.split()[0]}, {len(PLANTED)} planted blocks\n")
    for tool in sys.argv[1:] or TOOLS:
        if tool[0].islower() and not importlib.util.find_spec(tool):
            print(f"{tool} is not installed (pip install {tool}), and not measured.")
            continue
        answers = {}
        for name in PLANTED:
            told = subprocess.run([sys.executable, __file__, tool, name], capture_output=True, text=True, check=False)
            answers[name] = told.stdout.split()[-1] if told.stdout.split() else "failed"
        kinds = ("exact", "between", "found", "wrong", "missed", "failed")
        by_kind = {kind: [name for name, answer in answers.items() if answer == kind] for kind in kinds}
        found = len(PLANTED) - len(by_kind["missed"]) - len(by_kind["failed"])
        print(f"{tool}: {found} found; " + ", ".join(f"{len(by_kind[kind])} {kind}" for kind in kinds))
        for kind in kinds[1:]:
            if by_kind[kind]:
                print(f"    {kind}: {', '.join(by_kind[kind])}")
