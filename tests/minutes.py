"""How many minutes each lesson takes: what its header and the README say, and what its text makes likely.

`python tests/minutes.py` prints the table beside an estimate of the lessons as they are now.

The estimate is words at 180 a minute, 8 seconds a line of code and 20 seconds a code cell, a tenth off, and 6 minutes
an exercise: it came within 15 % of what fresh readers needed for six of seven lessons. What readers need goes before
it: when a lesson has had new ones, put their minutes in the table, with the date.
"""

from dataclasses import dataclass

from course_lib.paths import MASTERS
from course_lib.teaching.lessons import estimated, load


@dataclass(frozen=True)
class Minutes:
    """What a lesson takes: its core path, everything (None: its header does not say), and how that was found, when.

    pace: how many minutes its readers needed for one of the estimate's, of the text as they read it
    """

    core: int
    all: int | None
    date: str
    how: str
    pace: float = 1.0

    @property
    def in_outline(self) -> str:
        """The README's column."""
        return f"{self.core}" if self.all is None else f"{self.core} ({self.all})"


ESTIMATE = "estimated from its text"
READER = "estimated from its text, at the pace of its readers"
UNPACED = "everything: reader; core: estimated from its text"
MINUTES = {
    "00_start_here": Minutes(10, None, "2026-11-28", "as its author read it"),
    "01_sync_vs_async": Minutes(43, 77, "2026-11-28", UNPACED),
    "02_event_loop": Minutes(43, 87, "2026-11-28", UNPACED),
    "03_coroutine_lifecycle": Minutes(44, 89, "2026-11-28", UNPACED),
    "04a_workers": Minutes(44, 78, "2026-11-28", READER, pace=1.2),
    "04b_web_crawler": Minutes(39, 62, "2026-11-28", READER, pace=1.16),
    "05a_database_pool": Minutes(45, 97, "2026-11-29", READER, pace=1.25),
    "05b_cache": Minutes(45, 91, "2026-11-29", READER, pace=1.25),
    "06_concurrency_comparison": Minutes(43, 78, "2026-11-28", READER, pace=1.2),
    "07a_tasks_and_loops": Minutes(43, 145, "2026-11-29", READER, pace=1.38),
    "07b_shared_state_and_memory": Minutes(45, 155, "2026-11-29", READER, pace=1.4),
    "08a_streams": Minutes(43, 78, "2026-11-29", READER, pace=1.35),
    "08b_context_managers": Minutes(44, 91, "2026-11-29", READER, pace=1.3),
    "09a_queues_and_backpressure": Minutes(45, 112, "2026-11-29", READER, pace=1.35),
    "09b_message_queue": Minutes(43, 87, "2026-11-29", READER, pace=1.1),
    "10a_threads_and_loops": Minutes(45, 104, "2026-11-29", UNPACED, pace=1.26),
    "10b_processes_and_streams": Minutes(43, 78, "2026-11-29", READER, pace=1.29),
    "11_testing": Minutes(45, 89, "2026-11-29", READER, pace=1.37),
    "12a_measuring": Minutes(44, 77, "2026-11-29", READER, pace=1.3),
    "12b_five_tips": Minutes(45, 75, "2026-11-29", READER, pace=1.36),
    "13a_web_server": Minutes(45, 80, "2026-11-29", READER, pace=1.35),
    "13b_service": Minutes(44, 83, "2026-11-29", READER, pace=1.28),
}


if __name__ == "__main__":
    print(f"{'lesson':<28} {'core':>4} {'all':>4}   estimate now")
    for name, minutes in MINUTES.items():
        core, everything = estimated(load(MASTERS / f"{name}.ipynb"))
        now = f"{core}, {everything}"
        print(f"{name:<28} {minutes.core:>4} {minutes.all or '':>4}   {now:<12}   {minutes.date}, {minutes.how}")
