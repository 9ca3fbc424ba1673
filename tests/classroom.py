"""A class on shared servers: so many learners run the same lessons at the same time, and every output is compared.

    .venv/bin/python tests/classroom.py 30 01 03 05a 05b 09b

Each learner has a kernel of their own; lesson after lesson, all of them run all cells at once. The servers are those of
`python -m course_lib classroom`, started here, or the ones that COURSE_DATABASE_URL and COURSE_REDIS_URL name. It tells
for each lesson how many learners failed, for how many the machine came late (what a real clock drew is longer, and
true), how long they took, and how much memory and how many connections the class took at most; then what differed, and
whether anything lies where it does not belong. Exit status 0: nothing failed.
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

import argparse
import os
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import kernels
import nbformat
import psutil
from serving import client, sql
from test_run_all import comparable

from course_lib.cli.lessons import notebooks_of
from course_lib.lab.servers.classroom import Classroom, classroom

PATIENCE = 900
"""Seconds a kernel may be silent: the guard of a hang. With thirty beside it, it waits its turn for a processor."""

LATE = "no, this machine was busy and came late"
"""What lesson 1 says in place of True."""

SAMPLE_EVERY = 3.0
"""Seconds between two looks at memory and connections."""

HERE = "SELECT coalesce(sum(numbackends), 0)::int FROM pg_stat_database WHERE datname LIKE 'learner%'"


@dataclass
class Ran:
    """One learner's run of one lesson: how long it took, in seconds, what differed, and how many cells came late."""

    learner: str
    seconds: float
    differences: list[str]
    late: int = 0


@dataclass
class Peaks:
    """What the class took at most: MB of its kernels and of the servers, connections to PostgreSQL."""

    kernels: int = 0
    servers: int = 0
    connections: int = 0

    def look(self, room: Classroom | None) -> None:
        """Look now, and keep what is more than before."""
        servers = of_servers(room) if room is not None else set()
        if room is not None:
            self.servers = max(self.servers, memory(servers))
            self.connections = max(self.connections, sql(room.postgres.url, HERE))
        ours = {child.pid for child in psutil.Process().children(recursive=True)}
        self.kernels = max(self.kernels, memory(ours - servers))


def main(argv: list[str]) -> int:
    """Run the class that the arguments ask for, and return 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="tests/classroom.py", description="So many learners at once, shared servers.")
    parser.add_argument("learners", type=int, help="how many")
    parser.add_argument("lesson", nargs="+", help="01, 05a ...")
    options = parser.parse_args(argv)
    kernels.CELL_TIMEOUT = PATIENCE
    lessons = [path for lesson in options.lesson for path in notebooks_of(lesson)]
    learners = [f"{number:02}" for number in range(1, options.learners + 1)]
    with shared_servers(options.learners) as room:
        print(
            f"{'lesson':<30}{'failed':>8}{'late':>6}{'median':>10}{'slowest':>10}{'kernels':>12}{'servers':>12}{'connections':>13}"
        )
        failed = [problem for path in lessons for problem in one_lesson(path, learners, room)]
        if room is not None:
            failed += misplaced(room, learners)
    print("\n".join(["", *failed]) if failed else "\nNothing failed, and nothing was found where it does not belong.")
    return 1 if failed else 0


@contextmanager
def shared_servers(learners: int) -> Iterator[Classroom | None]:
    """Give everybody the URLs of servers started here, or leave those that are given; then None."""
    if os.environ.get("COURSE_DATABASE_URL") and os.environ.get("COURSE_REDIS_URL"):
        yield None
        return
    with classroom(learners) as room:
        os.environ["COURSE_DATABASE_URL"], os.environ["COURSE_REDIS_URL"] = room.database_url, room.redis_url
        yield room


def one_lesson(path: Path, learners: list[str], room: Classroom | None) -> list[str]:
    """Let all learners run a lesson at the same time, print its line, and return what differed, by learner."""
    peaks = Peaks()
    with sampled(lambda: peaks.look(room)):
        runs = at_once(learners, lambda learner, barrier: run(path, learner, barrier))
    print(f"{path.stem:<30}{line(runs)}{peaks.kernels:>9,} MB{peaks.servers:>9,} MB{peaks.connections:>13}", flush=True)
    return problems(path.stem, runs)


def at_once(learners: list[str], work: Callable[[str, threading.Barrier], Ran]) -> list[Ran]:
    """Do the same for all learners at the same time, each in a thread that waits at the barrier for the others."""
    barrier = threading.Barrier(len(learners))
    with ThreadPoolExecutor(len(learners)) as pool:
        return list(pool.map(lambda learner: work(learner, barrier), learners))


def line(runs: list[Ran]) -> str:
    """Return how many failed, in how many a cell came late, and the median and the longest of their times."""
    seconds = [each.seconds for each in runs]
    failed, late = sum(bool(each.differences) for each in runs), sum(bool(each.late) for each in runs)
    return f"{failed:>8}{late:>6}{statistics.median(seconds):>8.0f} s{max(seconds):>8.0f} s"


def problems(what: str, runs: list[Ran]) -> list[str]:
    """Return a sentence for each learner for whom something differed."""
    return [
        f"{what}, learner {each.learner}: {len(each.differences)} cells differ; first {each.differences[0]}"
        for each in runs
        if each.differences
    ]


def run(path: Path, learner: str, barrier: threading.Barrier) -> Ran:
    """Run all cells of a lesson in a kernel of the learner's, and compare them with what is saved."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    barrier.wait(PATIENCE)
    began = time.monotonic()
    try:
        with kernels.start(path.parent, COURSE_LEARNER=learner) as kernel:
            differences, late = run_all(kernel, cells)
    except (LookupError, TimeoutError, RuntimeError) as error:  # the kernel died, or is silent
        differences, late = [f"{type(error).__name__}: {error}"], 0
    return Ran(learner, time.monotonic() - began, differences, late)


def run_all(kernel: kernels.Kernel, cells: list[nbformat.NotebookNode]) -> tuple[list[str], int]:
    """Send all cells at once, as Run All does; return what differs from what is saved, and how many cells came late.

    What was recorded in real time is true on a busy machine, too, where every wait is longer: of a cell that shows it
    the lanes that are saved have to be there, and whatever else it prints the same.
    """
    differences, late, recorded = [], 0, {"record"}
    requests = [kernel.send(cell.source, stop_on_error=False) for cell in cells]
    said = kernel.run(*requests)
    for number, (cell, request) in enumerate(zip(cells, requests, strict=True), start=1):
        now, saved = list(comparable(said[request])), list(comparable(cell.outputs))
        recorded |= set(re.findall(r"\brecord\([^)]*\) as (\w+)", cell.source))
        real = recorded & set(re.findall(r"\w+", cell.source))
        if now != saved and real and in_no_time(now) == in_no_time(saved):
            late += 1
        elif now != saved:
            why = [f"  {each['ename']}: {each['evalue']}" for each in said[request] if "ename" in each]
            differences.append("\n".join([f"code cell {number}", f"  saved: {saved}", f"  now:   {now}", *why]))
    return differences, late


def in_no_time(outputs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return outputs without what a clock has measured: of a swimlane its lanes' names; who was late, told so."""
    return [
        (kind, "\n".join(row.split("  ")[0] for row in text.splitlines() if not row.startswith(("key: ", "the loop")))
         if kind == "text" else text.replace(LATE, "True"))
        for kind, text in outputs
    ]  # fmt: skip


@contextmanager
def sampled(look: Callable[[], None]) -> Iterator[None]:
    """Call `look` now and then, in a thread of its own, while the block runs."""
    done = threading.Event()

    def looking() -> None:
        while not done.wait(SAMPLE_EVERY):
            look()

    thread = threading.Thread(target=looking)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def of_servers(room: Classroom) -> set[int]:
    """Return the process ids of both servers."""
    servers = [psutil.Process(pid) for pid in (room.postgres.pid, room.redis.pid)]
    return {each.pid for server in servers for each in (server, *server.children(recursive=True))}


def memory(pids: set[int]) -> int:
    """Return the MB that processes take together, what they share counted once (where the system tells that)."""
    total = 0
    for pid in pids:
        try:
            told = psutil.Process(pid).memory_full_info()
            total += getattr(told, "pss", told.uss)
        except psutil.Error:
            pass  # it has just ended, or is another user's
    return int(total // 1_000_000)


def misplaced(room: Classroom, learners: list[str]) -> list[str]:
    """Return what lies in PostgreSQL or Redis where it does not belong: cross-talk leaves such."""
    found = []
    databases = sql(room.postgres.url, r"SELECT array_agg(datname) FROM pg_database WHERE datname LIKE 'learner\_%'")
    for database in databases or ():
        if database.removeprefix("learner_") not in learners:
            found.append(f"PostgreSQL: {database} is nobody's")
        strangers = sql(
            room.postgres.url.replace("/postgres?", f"/{database}?"),
            f"SELECT count(*) FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner "
            f"WHERE rolname NOT IN ('{database}', 'postgres')",
        )
        if strangers:
            found.append(f"PostgreSQL: {database} holds {strangers} objects of somebody else")
    owners = tuple(f"{brace}learner_{learner}:" for learner in learners for brace in ("", "{"))
    with client(room.redis.url) as connection:
        keys = [key for key in connection.scan_iter() if not key.startswith((*owners, "classroom:", "board:"))]
    return found + ([f"Redis: keys of nobody's: {', '.join(keys[:5])}"] if keys else [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
