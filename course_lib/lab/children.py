"""Programs in processes of their own, which a lesson speaks to by lines, and kills."""

import asyncio
import subprocess
import sys


def start(program: str, *lines: object) -> "subprocess.Popen[str]":
    """Start a program, given as its text, and give it lines to read with `input()`; there it waits for ever for more.

    Its end is the caller's: `kill` it. When the caller's process ends, the program's `input()` raises EOFError.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdin
    process.stdin.writelines(f"{line}\n" for line in lines)
    process.stdin.flush()
    return process


async def hear(process: "subprocess.Popen[str]") -> str:
    """Wait for the next line that a program prints, and return it; "" when it has ended."""
    assert process.stdout
    return (await asyncio.to_thread(process.stdout.readline)).rstrip("\n")


def kill(process: "subprocess.Popen[str]") -> None:
    """End a program on the spot: no `finally` of its runs. Returns when it has ended."""
    process.kill()
    process.communicate()  # closes the pipes, too
