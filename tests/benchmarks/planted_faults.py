"""Twelve small programs with one fault each, and one with none; `# here` marks the line at fault."""

HEAD = "import asyncio, gc, threading, time\n"

PLANTED: dict[str, str] = {
    "never awaited": """
async def save():
    pass

async def main():
    kept = save()  # here
    await asyncio.sleep(0)
    kept = None
""",
    "task held by nobody": """
async def wait():
    await asyncio.Event().wait()

async def main():
    asyncio.create_task(wait())  # here
    await asyncio.sleep(0)
    gc.collect()
""",
    "exception lost": """
async def fail():
    raise ValueError("no such page")  # here

async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(0.01)
""",
    "time.sleep": """
async def work():
    time.sleep(0.3)  # here
    await asyncio.sleep(0)

async def main():
    await asyncio.gather(work(), asyncio.sleep(0.1))
""",
    "computing": """
async def work():
    end = time.perf_counter() + 0.3
    total = 0
    while time.perf_counter() < end: total += 1  # here
    await asyncio.sleep(0)

async def main():
    await asyncio.gather(work(), asyncio.sleep(0.1))
""",
    "requests.get": """
import http.server, requests

class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        threading.Event().wait(0.3)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass

async def work(url):
    requests.get(url, timeout=10)  # here
    await asyncio.sleep(0)

async def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    await asyncio.gather(work(f"http://127.0.0.1:{server.server_port}/"), asyncio.sleep(0.1))
""",
    "task left running": """
async def poll():
    while True:
        await asyncio.sleep(10)  # here

async def main():
    task = asyncio.create_task(poll())
    await asyncio.sleep(0.01)
""",
    "session never closed": """
import aiohttp

async def work():
    session = aiohttp.ClientSession()  # here

async def main():
    await work()
    gc.collect()
""",
    "cancellation swallowed": """
async def work():
    while True:
        try:
            await asyncio.sleep(10)  # here
        except BaseException:
            break

async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
""",
    "generator left open": """
async def rows():
    try:
        for number in range(10):
            yield number
    finally:
        await asyncio.sleep(0)

async def main():
    async for row in rows():  # here
        break
    await asyncio.sleep(0.01)
""",
    "deadlock": """
one, other = asyncio.Lock(), asyncio.Lock()

async def work(first, second):
    async with first:
        await asyncio.sleep(0.01)
        async with second:  # here
            pass

async def main():
    tasks = [asyncio.create_task(work(one, other)), asyncio.create_task(work(other, one))]
    await asyncio.wait(tasks, timeout=0.1)
""",
    "queue that grows": """
async def produce(queue):
    for number in range(100_000):
        queue.put_nowait(number)  # here
        if number % 1000 == 0:
            await asyncio.sleep(0)

async def consume(queue):
    while not queue.empty():
        await queue.get()
        queue.task_done()
        await asyncio.sleep(0)

async def main():
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(produce(queue)), asyncio.create_task(consume(queue))]
    await tasks[0]
    tasks[1].cancel()
    await asyncio.wait(tasks)
""",
    "(no fault)": """
async def work(number):
    await asyncio.sleep(0.01)
    return number

async def rows():
    for number in range(3):
        yield number

async def main():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number)) for number in range(3)]
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)
    except TimeoutError:
        pass
    await asyncio.to_thread(time.sleep, 0.3)
    return [task.result() for task in tasks], [row async for row in rows()]
""",
}
