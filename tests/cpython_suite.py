"""The interpreter's own tests of asyncio, under what watches a program: python tests/cpython_suite.py [--under KIND]

They are those of `test.test_asyncio`, which comes with Python's test package; where that is missing, this says so. Each
module runs bare, and then with loops that are virtual, or recorded, or monitored, in a process of its own. A test that
fails there and not bare has to stand in the table below, with the reason; one that stands there, and that this Python
has, has to fail. Anything else makes the exit status 1.

Needs nothing but the interpreter that runs it, so that it can be asked of any.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
import unittest
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

KINDS = ("virtual", "record", "monitor")
LIMIT = 30  # seconds for one test, after which it counts as one that does not end
PACKAGE = "test.test_asyncio"


@dataclass(frozen=True)
class Fails:
    """Tests that are known to fail, by a pattern that matches all of "module.Class.test", and why they do.

    error: what the error has to say, as a pattern to be found in it
    before: the Python version from which on they do not
    """

    under: str
    pattern: str
    error: str
    reason: str
    before: tuple[int, int] = (4, 0)

    def applies(self, kind: str) -> bool:
        """Return whether it is to be expected of this interpreter."""
        return self.under == kind and sys.version_info[:2] < self.before

    def explains(self, name: str, why: str) -> bool:
        """Return whether this is why a test failed."""
        return bool(re.fullmatch(self.pattern, name) and re.search(self.error, why))


OUTSIDE = "is outside the simulation|a blocking connection"
OUTSIDE_REASON = "the other end is in a thread that the test starts outside of the loop: real, and refused"

KNOWN = [
    Fails("virtual", r"test_subprocess\..*", "a process runs in real time", "processes are real, and refused"),
    Fails(
        "virtual",
        r"test_unix_events\.PidfdChildWatcherTests\.test_pidfd_closed_when_waitpid_raises",
        "a process runs in real time",
        "processes are real, and refused",
    ),
    Fails(
        "virtual",
        r"test_free_threading\..*\.test_all_tasks_from_other_thread_includes_eager_tasks",
        "did not end",
        "a thread outside of the loop waits for its answer: real, and refused",
    ),
    Fails(
        "virtual",
        r"test_server\.TestServer2\.test_close_with_hanging_client",
        "a blocking connection",
        "a blocking client on the loop's own thread would wait in real time, and is refused",
    ),
    Fails("virtual", r"test_(ssl|streams)\..*", OUTSIDE, OUTSIDE_REASON),
    Fails("virtual", r"test_ssl\.TestSSL\.test_start_tls_server_1", "stopped before Future completed", OUTSIDE_REASON),
    Fails(
        "virtual",
        r"test_unix_events\.TestFork\.test_fork_asyncio_subprocess",
        "1 != 0",
        "processes are real, and refused, in a forked child's loop too",
    ),
    Fails(
        "virtual",
        r"test_unix_events\.TestFork\.test_fork_not_share_event_loop",
        "is still running",
        "it looks for the end of a process again and again, and time.sleep between two looks is virtual",
        before=(3, 14),
    ),
]

OPEN = contextlib.ExitStack()  # what stays as it is until the process ends


# In a process of its own.


def install(kind: str) -> None:
    """Let every loop that Python makes by default be one that is watched."""
    if kind == "bare":
        return
    loop_class = virtual_loop() if kind == "virtual" else watched_loop(kind)
    get_policy = getattr(asyncio.events, "_get_event_loop_policy", None) or asyncio.get_event_loop_policy
    # On its class: the tests reset the policy itself.
    type(get_policy())._loop_factory = loop_class  # type: ignore[attr-defined]  # the default policy's
    if hasattr(asyncio, "EventLoop"):  # Python 3.13
        asyncio.EventLoop = loop_class  # type: ignore[misc]


def virtual_loop() -> type[asyncio.AbstractEventLoop]:
    """Return a loop on a virtual clock, which is its thread's clock while it runs."""
    from course_lib.seeing.clock import VirtualClockLoop, clock_for_this_thread, virtual_time_functions

    class Loop(VirtualClockLoop):
        def run_forever(self) -> None:
            with clock_for_this_thread(self.clock):
                super().run_forever()

    OPEN.enter_context(virtual_time_functions())
    return Loop


def watched_loop(kind: str) -> type[asyncio.AbstractEventLoop]:
    """Return a loop that is recorded, or monitored, while it runs."""
    from course_lib.monitor import EventLoopMonitor
    from course_lib.seeing import record

    watch: Any = record if kind == "record" else EventLoopMonitor

    class Loop(asyncio.SelectorEventLoop):
        def run_forever(self) -> None:
            watching = watch()
            self._at_once(watching.__aenter__())
            try:
                super().run_forever()
            finally:
                self._at_once(watching.__aexit__(None, None, None))

        def _at_once(self, coro: Any) -> None:
            before = asyncio._get_running_loop()
            asyncio._set_running_loop(self)
            try:
                with contextlib.suppress(StopIteration):
                    coro.send(None)
            finally:
                asyncio._set_running_loop(before)

    return Loop


class Noted(unittest.TestResult):
    """Writes down, line by line, how each test ends: what comes before a crash is kept."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file, self._errors = file, list[str]()

    def _note(self, test: Any, how: str, why: str = "") -> None:
        print(json.dumps([name_of(test), how, why]), file=self._file, flush=True)

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self._errors = []
        self._note(test, "began")

    def addError(self, test: Any, err: Any) -> None:
        self._errors.append(f"{err[0].__name__}: {err[1]}")
        if not isinstance(test, unittest.TestCase):  # a module or class that could not be set up
            self._note(test, "failed", self._errors[-1])

    addFailure = addError

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.addError(test, err)

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._errors.append("unexpected success")

    def stopTest(self, test: Any) -> None:
        self._note(test, "failed" if self._errors else "passed", "; ".join(self._errors))


def name_of(test: Any) -> str:
    return str(test.id()).removeprefix(PACKAGE + ".")


def each_test(suite: Any) -> Iterator[Any]:
    for test in suite:
        yield from each_test(test) if isinstance(test, unittest.TestSuite) else [test]


def run_here(kind: str, module: str, notes: Path, skipped: set[str]) -> None:
    """Run a module's tests, but for some, in this process."""
    import faulthandler

    install(kind)
    try:
        tests = each_test(unittest.defaultTestLoader.loadTestsFromName(f"{PACKAGE}.{module}"))
    except unittest.SkipTest:  # a module for another system
        return
    suite = unittest.TestSuite([test for test in tests if name_of(test) not in skipped])
    with notes.open("a") as file:
        result = Noted(file)
        began = result.startTest

        def start(test: Any) -> None:
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            began(test)

        result.startTest = start  # type: ignore[method-assign]
        suite.run(result)
    faulthandler.cancel_dump_traceback_later()


# In the process that was called.


def run_module(kind: str, module: str) -> dict[str, tuple[str, str]]:
    """Run a module's tests in other processes; return how each ended, and why."""
    ended: dict[str, tuple[str, str]] = {}
    while True:
        with tempfile.TemporaryDirectory() as folder:
            notes, skipped = Path(folder, "notes"), Path(folder, "skipped")
            notes.touch()
            skipped.write_text(json.dumps(sorted(ended)))
            child = [sys.executable, __file__, "--child", kind, module, str(notes), str(skipped)]
            done = subprocess.run(child, cwd=folder, capture_output=True, check=False, stdin=subprocess.DEVNULL)
            found = [json.loads(line) for line in notes.read_text().splitlines()]
        ended |= {name: ("failed", "it did not end, or ended Python") for name, how, _ in found if how == "began"}
        ended |= {name: (how, why) for name, how, why in found if how != "began"}
        if done.returncode == 0:
            return ended
        if not found:
            return ended | {module: ("failed", done.stderr.decode(errors="replace")[-500:])}


def modules() -> list[str]:
    """Return the modules of the package; end with a sentence where it is missing."""
    try:
        spec = find_spec(PACKAGE)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            f"This Python ({sys.executable}) comes without its test package, so there is nothing to run. Debian has it "
            f"in libpython{sys.version_info.major}.{sys.version_info.minor}-testsuite; pyenv's Pythons have it."
        )
    return sorted(path.stem for path in Path(spec.submodule_search_locations[0]).glob("test_*.py"))


def compare(kind: str, bare: dict[str, tuple[str, str]], found: dict[str, tuple[str, str]]) -> bool:
    """Print what differs from a bare run; return whether all of it is known."""
    known = [each for each in KNOWN if each.applies(kind)]
    failed = {name: why for name, (how, why) in found.items() if how == "failed" and bare.get(name, ("", ""))[0] != how}
    reasons = {name: next((k.reason for k in known if k.explains(name, why)), "") for name, why in failed.items()}
    there = [each for each in known if any(re.fullmatch(each.pattern, name) for name in found)]
    idle = [each for each in there if not any(each.explains(name, why) for name, why in failed.items())]
    print(f"\n{kind}: {len(found)} tests, {len(failed)} fail that pass bare")
    for reason, count in Counter(filter(None, reasons.values())).items():
        print(f"  {count}: {reason}")
    for name in sorted(name for name, reason in reasons.items() if not reason):
        print(f"  UNEXPECTED: {name}: {failed[name][:300]}")
    for each in idle:
        print(f"  UNEXPECTED: nothing that {each.pattern} matches fails ({each.reason})")
    return not idle and all(reasons.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--under", choices=KINDS, help="only this one of the three")
    parser.add_argument("--module", help="only this module, such as test_locks")
    parser.add_argument("--jobs", type=int, default=1, help="how many modules run at once; with more, less is exact")
    arguments = parser.parse_args()
    chosen = [name for name in modules() if arguments.module in (None, name)]
    kinds = ("bare", *([arguments.under] if arguments.under else KINDS))
    pairs, begun = list(itertools.product(kinds, chosen)), time.perf_counter()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = list(pool.map(run_module, *zip(*pairs, strict=True)))
    results: dict[str, dict[str, tuple[str, str]]] = {kind: {} for kind in kinds}
    for (kind, _), ended in zip(pairs, found, strict=True):
        results[kind] |= ended
    bare = results.pop("bare")
    broken = [name for name, (how, _) in bare.items() if how == "failed"]
    print(f"Python {sys.version.split()[0]}, {time.perf_counter() - begun:.0f} s")
    print(f"bare: {len(bare)} tests, of which {len(broken)} fail: {', '.join(broken) or 'none'}")
    return int(not all([compare(kind, bare, found) for kind, found in results.items()]))  # noqa: C419  # each one prints


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        run_here(sys.argv[2], sys.argv[3], Path(sys.argv[4]), set(json.loads(Path(sys.argv[5]).read_text())))
    else:
        sys.exit(main())
