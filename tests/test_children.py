"""Programs in processes of their own."""

import sys

from database_lab import asynchronous

from course_lib.lab.children import hear, kill, start

ECHO = """
import sys
try:
    while True:
        print(input().upper(), flush=True)
finally:
    print("cleaned", flush=True)
"""


@asynchronous
async def test_a_program_reads_lines_and_is_heard() -> None:
    """It gets what it was given, as text; then it waits for more, and what it prints is heard line by line."""
    process = start(ECHO, "one", 2)
    assert [await hear(process), await hear(process)] == ["ONE", "2"]
    assert process.poll() is None
    kill(process)


@asynchronous
async def test_a_killed_program_has_no_finally() -> None:
    """It ends on the spot; `kill` returns when it has, and leaves no pipe open."""
    process = start(ECHO, "one")
    assert await hear(process) == "ONE"
    kill(process)
    assert process.poll() is not None
    assert process.stdin
    assert process.stdin.closed
    assert process.stdout
    assert process.stdout.closed


@asynchronous
async def test_a_program_that_has_ended_says_nothing() -> None:
    """What it printed is heard, and after that an empty text."""
    process = start("print('over')")
    assert [await hear(process), await hear(process)] == ["over", ""]
    kill(process)
    assert process.returncode == 0 or sys.platform == "win32"
