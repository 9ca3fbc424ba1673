"""What it costs a server to be traced: python tests/benchmarks/bench_trace.py

A small aiohttp server, each time in a process of its own, answers requests of one client: plainly, and under
`python -m course_lib trace`. What counts is the processor time of the server's process for one request: the machine may
be busy with other things. Requests a second are printed too. The two take turns, and the ratio is that of one run.
Beside it, the worst case: trivial tasks, gathered by the thousand, where all that is measured is what surrounds them.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import aiohttp

from course_lib.paths import REPO

REQUESTS, TOGETHER, ROUNDS = 3000, 20, 5

SERVER = """
import asyncio, time
from aiohttp import web

async def answer(request):
    await asyncio.sleep(0)
    return web.json_response({"path": request.path, "words": ["a"] * 20})

async def spent(request):
    return web.json_response(time.process_time())

async def main():
    app = web.Application()
    app.add_routes([web.get("/spent", spent), web.get("/{name}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(input)
    await runner.cleanup()

asyncio.run(main())
"""

TASKS = """
import asyncio, time

async def nothing():
    pass

async def main():
    began = time.process_time()
    for _ in range(100):
        await asyncio.gather(*[nothing() for _ in range(1000)])
    print(time.process_time() - began)

asyncio.run(main())
"""

WAYS = {"plain": [], "traced": ["-m", "course_lib", "trace", "--out", "told.txt", "--no-page"]}


@contextmanager
def serving(folder: Path, way: str) -> Iterator[str]:
    """Run the server, give its address, and end it by a line of input."""
    command = [sys.executable, *WAYS[way], "server.py"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=variables(), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as child:
        assert child.stdin and child.stdout
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        child.stdin.write("\n")
        child.stdin.close()


def variables() -> dict[str, str]:
    """Return the environment in which course_lib is found from another folder."""
    return os.environ | {"PYTHONPATH": str(REPO)}


async def load(address: str) -> tuple[float, float]:
    """Return the server's processor time for a request, in microseconds, and the requests a second."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TOGETHER)) as session:

        async def get(path: str) -> object:
            async with session.get(f"{address}/{path}") as answer:
                return await answer.json()

        async def client(number: int) -> None:
            for each in range(REQUESTS // TOGETHER):
                await get(f"{number}-{each}")

        await asyncio.gather(*(client(number) for number in range(TOGETHER)))  # warm
        before, began = float(str(await get("spent"))), time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(TOGETHER)))
        took = time.perf_counter() - began
        return (float(str(await get("spent"))) - before) / REQUESTS * 1e6, REQUESTS / took


def main() -> None:
    """Print both ways and their ratio."""
    figures: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    tasks: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "server.py").write_text(SERVER)
        (folder / "tasks.py").write_text(TASKS)
        for _ in range(ROUNDS):
            for way in WAYS:
                with serving(folder, way) as address:
                    figures[way].append(asyncio.run(load(address)))
                command = [sys.executable, *WAYS[way], "tasks.py"]
                said = subprocess.run(command, cwd=folder, env=variables(), capture_output=True, check=True)
                tasks[way].append(float(said.stdout) / 100_000 * 1e6)
    print(f"Python {sys.version.split()[0]}; {REQUESTS:,} requests, {TOGETHER} at a time; medians of {ROUNDS} rounds")
    for way in WAYS:
        spent, speed = (median(column) for column in zip(*figures[way], strict=True))
        print(f"{way:<8}{spent:>7.0f} us of processor a request, {speed:>7,.0f} requests/s", end="")
        print(f", {median(tasks[way]):.2f} us a trivial task")
    ratios = [after[0] / before[0] for before, after in zip(figures["plain"], figures["traced"], strict=True)]
    worst = [after / before for before, after in zip(tasks["plain"], tasks["traced"], strict=True)]
    print(f"a request costs {median(ratios):.2f} times as much, a trivial task {median(worst):.2f} times")


if __name__ == "__main__":
    main()
