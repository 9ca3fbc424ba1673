"""What `python3 -m course_lib test` adds to pytest: how far it is, and at the end what that means, in one sentence.

A plugin of pytest. On a terminal one line counts; in a log there is a line for each tenth. With -v pytest shows each
test itself, and this keeps silent until the end.
"""

import time
from collections.abc import Generator
from typing import Any

import pytest

AGAIN = "python3 -m course_lib test"
NAMED = 3  # failures in the last sentence; all stand above it
EVERY = 0.2  # seconds between two drawings of the line


@pytest.hookimpl(trylast=True)  # pytest's own terminal comes before
def pytest_configure(config: pytest.Config) -> None:
    """Report for the whole run; the processes that pytest-xdist starts have nothing to say."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(config), "course report")


class Report:
    """Counts what is done and what failed."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal: Any = config.pluginmanager.getplugin("terminalreporter")
        self._live = bool(self._terminal and self._terminal.isatty)
        self._shows = bool(self._terminal) and config.option.verbose <= 0 and not config.option.collectonly
        if self._shows:
            self._terminal.showfspath = False  # nor the names of files, between which its dots would stand
        self._running = True
        self._began = time.monotonic()
        self._drawn = 0.0
        self._total = self._done = self._skipped = self._tenth = 0
        self._failed: dict[str, None] = {}
        self._status = -1

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn how many checks there are, where this process runs them itself."""
        self._total = max(self._total, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        """Learn it from one of those that run them."""
        self._total = max(self._total, len(ids))

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self, report: object) -> Generator[None, Any, Any]:
        """Keep pytest's dots back while the line counts."""
        category, letter, word = yield
        return (category, "", "") if self._shows and self._running else (category, letter, word)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be read."""
        if report.failed:
            self._note(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed, before, in or after its test."""
        self._skipped += report.skipped and not hasattr(report, "wasxfail")
        if report.failed:
            self._note(report.nodeid)

    def pytest_runtest_logfinish(self) -> None:
        """Count, and show how far it is."""
        self._done += 1
        if self._shows and self._total:
            self._show()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Give pytest its words back, for the summary."""
        self._running, self._status = False, int(exitstatus)
        if self._shows and self._live and self._drawn:
            self._terminal.write("\n")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Say what came out, after everything else."""
        if self._terminal and self._status >= 0:
            self._terminal.write_line(f"\n{self.sentence()}")

    def sentence(self) -> str:
        """Return what came out, and what to do next."""
        took, checks = _minutes(time.monotonic() - self._began), f"{self._done:,} check{'s' * (self._done != 1)}"
        if self._failed:
            named = ", ".join(list(self._failed)[:NAMED])
            more = f" and {len(self._failed) - NAMED:,} more" if len(self._failed) > NAMED else ""
            return (
                f"{len(self._failed):,} of {checks} failed: {named}{more}. Next: {AGAIN} --lf runs what failed again; "
                "if it fails again, python3 -m course_lib doctor says what is missing on this machine."
            )
        if self._status == pytest.ExitCode.OK:
            are = "is" if self._skipped == 1 else "are"
            skipped = f" ({self._skipped:,} of them {are} left out on this machine)" if self._skipped else ""
            return f"All {checks} passed in {took}{skipped}. Next: python3 -m course_lib opens the course."
        if self._status == pytest.ExitCode.NO_TESTS_COLLECTED:
            return f"No check was found for these arguments. Next: {AGAIN} 01 runs lesson 1, {AGAIN} runs everything."
        if self._status == pytest.ExitCode.INTERRUPTED:
            return f"Stopped after {checks} and {took}; none of them failed. Next: run the same command again."
        return f"The checks could not be run; the reason stands above. Next: mend it, or try {AGAIN} without arguments."

    def _note(self, nodeid: str) -> None:
        if nodeid not in self._failed:
            self._failed[nodeid] = None
            if self._shows:
                self._write_line(f"  failed: {nodeid}")

    def _show(self) -> None:
        now, tenth = time.monotonic(), 10 * self._done // self._total
        line = (
            f"  {self._done / self._total:4.0%}  {self._done:,} of {self._total:,} checks, {len(self._failed):,} failed"
        )
        line += f", {_minutes(now - self._began)}"
        if self._live and (now - self._drawn > EVERY or self._done == self._total):
            self._drawn = now
            self._terminal.rewrite(line, erase=True)
        elif not self._live and tenth > self._tenth:
            self._tenth = tenth
            self._write_line(line)

    def _write_line(self, line: str) -> None:
        if self._live and self._drawn:
            self._terminal.rewrite("", erase=True)
        self._terminal.write_line(line)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
