"""`no_leaks`: whatever is left of a block is named, with the line that made it."""

import asyncio
import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from course_lib.diagnostics.places import label
from course_lib.seeing import simulate
from course_lib.testing import LeakError, leaks, no_leaks

HERE = r"test_testing_leaks\.py, line \d+"


@pytest.fixture(params=["real time", "virtual time"])
def run(request):
    """Run a coroutine function, on a real loop or on the virtual clock."""
    return (lambda main: asyncio.run(main())) if request.param == "real time" else (lambda main: simulate(main).result)


def left_of(run, body):
    """Return what is told of a body: an entry for each thing that it leaves; what it returns is held meanwhile."""
    held = []

    async def main():
        try:
            async with no_leaks():
                held.append(await body())
        except LeakError as error:
            return error.left
        return []

    return run(main)


async def work():
    await asyncio.sleep(9)


async def numbers():
    for number in range(3):
        yield number


def test_a_task_is_named_with_where_it_waits_and_was_made(run):
    """A task that runs on is told; one that has ended is not."""

    async def body():
        await asyncio.create_task(asyncio.sleep(0))
        task = asyncio.create_task(work(), name="left")
        await asyncio.sleep(0)
        return task

    (told,) = left_of(run, body)
    assert re.fullmatch(
        rf"  task left\n    waits at {HERE}: await asyncio\.sleep\(9\)\n    made at {HERE}: task = .*", told
    )


def test_a_task_that_was_only_asked_to_end_is_told(run):
    """Who cancels a task and does not wait for it leaves it."""

    async def body():
        task = asyncio.create_task(work(), name="asked")
        await asyncio.sleep(0)
        task.cancel()
        return task

    assert "task asked" in left_of(run, body)[0]


def test_what_was_there_before_is_no_leak_of_the_block(run):
    """A task and a thread of the outside that run on are not told."""

    async def main():
        outside = asyncio.create_task(work())
        await asyncio.sleep(0)
        async with no_leaks():
            await asyncio.sleep(0)
        outside.cancel()
        await asyncio.wait({outside})
        return "passed"

    assert run(main) == "passed"


def test_an_async_generator_that_is_left_open_is_named(run):
    """A generator that is left in the middle is told, held or dropped; one that is closed or exhausted is not."""

    async def body():
        async for _ in numbers():
            pass
        async with aclosing(numbers()) as closed:
            await anext(closed)
        async for _ in numbers():
            break
        held = numbers()
        await anext(held)
        return held

    dropped, held = left_of(run, body)
    assert re.match(rf"  async generator numbers\(\)\n    iterated at {HERE}: async for _ in numbers\(\)", dropped)
    assert re.fullmatch(rf"  async generator numbers\(\)\n    iterated at {HERE}: await anext\(held\)", held)


def test_a_generator_that_the_loop_is_closing_is_told_once(run):
    """Where the loop is closing a dropped generator, the generator is told, and not the task in which it does."""

    async def slow():
        try:
            yield 1
        finally:
            await asyncio.sleep(0.05)

    async def body():
        async for _ in slow():
            break
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    (told,) = left_of(run, body)
    assert told.startswith("  async generator slow()")


def test_a_thread_is_named_with_the_line_that_started_it(run, monkeypatch):
    """A thread that runs on is told; one that ends is not, nor the loop's own pool."""
    monkeypatch.setattr(leaks, "GRACE", 0.05)

    async def main():
        end = threading.Event()
        thread = threading.Thread(target=end.wait, name="waits", daemon=True)
        try:
            async with no_leaks():
                await asyncio.to_thread(int)
                ended = threading.Thread(target=int)
                ended.start()
                ended.join()
                thread.start()
        except LeakError as error:
            return error.left
        finally:
            end.set()
            thread.join()

    (told,) = run(main)
    assert re.fullmatch(rf"  thread waits\n    made at {HERE}: thread\.start\(\)", told)


def test_a_pool_of_threads_that_is_not_shut_down_is_told(monkeypatch):
    """The idle threads of a pool of one's own are left until somebody shuts it down."""
    monkeypatch.setattr(leaks, "GRACE", 0.05)

    async def main():
        pool = ThreadPoolExecutor(1, thread_name_prefix="mine")
        try:
            async with no_leaks():
                await asyncio.get_running_loop().run_in_executor(pool, int)
        finally:
            pool.shutdown()

    with pytest.raises(LeakError, match=rf"thread mine_0\n    made at {HERE}: await asyncio.get_running_loop"):
        asyncio.run(main())


def test_a_thread_that_is_about_to_end_is_waited_for(monkeypatch):
    """A thread that ends a moment later is no leak: nobody joined it, and it holds nothing."""
    monkeypatch.setattr(leaks, "GRACE", 60.0)

    async def body():
        end = threading.Event()
        thread = threading.Thread(target=end.wait)
        thread.start()
        threading.Timer(0.05, end.set).start()
        return thread

    assert left_of(lambda main: asyncio.run(main()), body) == []


async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


async def connected(server):
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    return writer


def test_sockets_that_are_left_open_are_named(run):
    """A server that nobody closed, a connection and a bare socket are told, each with its line."""

    async def main():
        server = writer = bare = None
        try:
            async with no_leaks():
                server = await asyncio.start_server(echo, "127.0.0.1", 0)
                writer = await connected(server)
                bare = socket.socket()
        except LeakError as error:
            return error.left
        finally:
            for thing in (server, writer, bare):
                thing.close()
            await server.wait_closed()

    told = run(main)
    assert [bool(re.fullmatch(rf"  socket\n    made at {HERE}: {line}.*", text)) for text, line in zip(
        told, ["server = ", "reader, writer = ", "bare = "], strict=True
    )] == [True] * 3  # fmt: skip


def test_a_connection_that_a_server_accepted_is_nobodys_line(run):
    """What the loop accepts, while no line of the program runs, is not put down to whoever started the loop."""

    async def holds(reader, writer):
        writers.append(writer)

    writers = []

    async def main():
        try:
            async with no_leaks():
                server = await asyncio.start_server(holds, "127.0.0.1", 0)
                _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                while not writers:
                    await asyncio.sleep(0.001)
                writer.close()
                server.close()
        except LeakError as error:
            return error.left
        finally:
            writers[0].close()

    assert run(main) == ["  socket\n    made by code of a library"]


def test_a_server_and_a_client_that_close_leave_nothing(run):
    """A transport that is about to close, and a server that was closed, are no leaks."""

    async def body():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        writer = await connected(server)
        writer.close()
        server.close()
        await server.wait_closed()

    assert left_of(run, body) == []


def test_what_another_thread_makes_is_its_own_affair():
    """A socket and a thread that a thread of the outside makes meanwhile are not told; one's own thread's are."""
    go, made, end = threading.Event(), [], threading.Event()

    def make():
        go.wait()
        made.extend([socket.socket(), threading.Thread(target=end.wait)])
        made[-1].start()
        end.wait()

    outside = threading.Thread(target=make)
    outside.start()

    async def main():
        async with no_leaks():
            go.set()
            while len(made) < 2 or not made[-1].is_alive():
                await asyncio.sleep(0.001)

    try:
        asyncio.run(main())
        inside = left_of(lambda main: asyncio.run(main()), lambda: asyncio.to_thread(socket.socket))
        assert re.fullmatch(r"  socket\n    made by code of a library", inside[0])
    finally:
        end.set()
        outside.join()
        made[0].close()


def test_a_failure_passes_and_nothing_is_looked_at(run):
    """What the block raises comes out as it is, whatever is left."""

    async def main():
        async with no_leaks():
            task = asyncio.create_task(work())
            raise ValueError(task.done())

    with pytest.raises(ValueError, match="False"):
        run(main)


def test_as_a_decorator_it_is_a_block_for_each_call(run):
    """A decorated coroutine function stays one, and is looked at in each of its calls."""

    @no_leaks()
    async def test(leave):
        return asyncio.create_task(work()) if leave else "nothing"

    async def main():
        assert await test(False) == "nothing"
        with pytest.raises(LeakError):
            await test(True)
        assert await test(False) == "nothing"

    run(main)


def test_a_block_opened_twice_is_refused():
    """A block is one stretch of code; opened again inside itself, it says so."""

    async def main():
        block = no_leaks()
        async with block, block:
            pass

    with pytest.raises(RuntimeError, match="open already"):
        asyncio.run(main())


def test_afterwards_everything_is_as_it_was(run):
    """Hooks, the tracking of origins, and the methods of threads and sockets are put back, after a failure, too."""

    async def body():
        return asyncio.create_task(work())

    def state():
        return sys.get_coroutine_origin_tracking_depth(), threading.Thread.start, socket.socket.__init__

    async def main():
        inside = state(), sys.get_asyncgen_hooks()
        with pytest.raises(LeakError):
            async with no_leaks():
                await body()
        return inside == (state(), sys.get_asyncgen_hooks())

    before = state()
    assert run(main) and state() == before


def test_a_place_in_a_notebook_is_a_cells_line():
    """The name that a kernel gives a cell's file says nothing to its reader."""
    assert label("/elsewhere/ipykernel_123/4567.py", 3) == "a cell's line 3"
    assert label("/elsewhere/4567.py", 3) == "4567.py, line 3"
