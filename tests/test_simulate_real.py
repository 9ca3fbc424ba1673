"""What is real in or around a simulation: it is waited for, or refused in a sentence, never overtaken in silence."""

import asyncio
import concurrent.futures
import contextlib
import datetime
import gc
import itertools
import logging
import multiprocessing
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from time import sleep as escaped_sleep
from types import FrameType

import aiohttp
import pytest
import requests
from aiohttp import web

from course_lib.seeing import RunawayError, SimulationError, every_order, simulate
from course_lib.seeing.clock import threads
from course_lib.seeing.timeline import watching
from course_lib.seeing.timeline.frames import running_line
from course_lib.seeing.timeline.turns import Turns

METHODS = multiprocessing.get_all_start_methods()
TAKES_A_WHILE = [sys.executable, "-c", "import time; time.sleep(1); print('done')"]
TOOK_REAL_TIME = "took real time, which the virtual clock cannot see, while the clock waited: "


def now() -> float:
    return time.monotonic()


def failing(main, kind, **kwargs):
    """Run a simulation that must fail, and return its error."""
    with pytest.raises(kind) as caught:
        simulate(main, **kwargs)
    return caught.value


# The machine.


@pytest.mark.parametrize("start", ["to_thread", "Thread"])
def test_a_thread_that_the_machine_starts_slowly_blocks_nothing(start, monkeypatch):
    """What a busy machine takes to start a thread is no work of the program's."""
    real = threads._real_start

    def slowly(thread):
        escaped_sleep(0.2)
        real(thread)

    async def main():
        if start == "Thread":
            threading.Thread(target=time.sleep, args=(1,)).start()
        await asyncio.to_thread(time.sleep, 2)
        return now()

    monkeypatch.setattr(threads, "_real_start", slowly)
    timeline = simulate(main)
    assert (timeline.result, timeline.blocking_lines) == (2, [])


def test_what_a_thread_starts_when_its_task_is_cancelled_is_cancelled_too(capfd):
    """A thread whose `put` is cancelled at the end, and which puts once more, leaves no task for the collector."""

    async def main():
        loop, queue = asyncio.get_running_loop(), asyncio.Queue(1)

        def put(item):
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

        def read():
            try:
                for number in range(5):
                    put(number)
            finally:
                put("the end")

        asyncio.create_task(asyncio.to_thread(read))  # noqa: RUF006  # main forgets it
        await asyncio.sleep(1)

    simulate(main)
    gc.collect()
    assert capfd.readouterr().err == ""


# Processes.


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", METHODS)
def test_a_pool_of_processes_is_waited_for(method):
    """Jobs of processes take real time and no virtual time, by every start method, and the timeline says so."""

    async def main():
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            async with asyncio.timeout(0.1):
                await loop.run_in_executor(pool, time.sleep, 0.3)
                real = await asyncio.wrap_future(pool.submit(time.time))
            assert pool.submit(abs, -1).result() == 1
            assert await asyncio.to_thread(lambda: list(pool.map(abs, [-1, -2]))) == [1, 2]
            with pytest.raises(ZeroDivisionError):
                await loop.run_in_executor(pool, divmod, 1, 0)
        await asyncio.sleep(1)
        return real, now()

    timeline = simulate(main, limit=60)
    assert timeline.result[0] > 1e9 and timeline.result[1] == 1
    assert TOOK_REAL_TIME + "the jobs of a pool of processes" in timeline.notes


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_forgets_the_clock():
    """A child that is forked inside a simulation sleeps, and tells the time, in real time."""

    async def main():
        child = os.fork()
        if not child:
            time.sleep(0.01)
            os._exit(7 if time.time() > 1e9 else 8)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        return os.waitstatus_to_exitcode(status), now()

    assert simulate(main).result == (7, 0)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_multiprocessing_is_waited_for():
    """A Process and a Pool in a worker are joined in real time, and a timeout does not overtake them."""

    async def main():
        context = multiprocessing.get_context(METHODS[0])
        process = context.Process(target=time.sleep, args=(0.3,))
        process.start()

        def work():
            process.join()
            with context.Pool(1) as pool:
                return process.exitcode, pool.apply(abs, (-1,))

        async with asyncio.timeout(0.1):
            return await asyncio.to_thread(work), now()

    assert simulate(main, limit=60).result == ((0, 1), 0)


@pytest.mark.parametrize("timeout", [None, 60])
def test_a_subprocess_in_a_worker_is_waited_for(timeout):
    """subprocess.run in a worker takes real time, with a time limit of its own too, and the timeline says where."""

    async def main():
        def work():
            return subprocess.run(TAKES_A_WHILE, capture_output=True, text=True, check=True, timeout=timeout).stdout

        async with asyncio.timeout(0.1):
            return await asyncio.to_thread(work), now()

    timeline = simulate(main)
    assert timeline.result == ("done\n", 0)
    assert any(note.startswith(TOOK_REAL_TIME) and " of work: " in note for note in timeline.notes)


def test_a_subprocess_ends_at_its_real_time_limit():
    """The time limit of subprocess.run is one of real time, by which the process is ended."""

    async def main():
        with pytest.raises(subprocess.TimeoutExpired):
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", "while True: pass"], timeout=0.2)
        return now()

    begun = time.perf_counter()
    assert simulate(main).result == 0
    assert time.perf_counter() - begun >= 0.2


class OwnExecutor(Executor):
    """Runs each job in a new thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = concurrent.futures.Future()
        threading.Thread(target=lambda: future.set_result(fn(*args, **kwargs))).start()
        return future


def test_an_executor_of_an_unknown_kind_is_waited_for():
    """A job of an executor that the clock does not know takes real time, for which it waits."""

    async def main():
        async with asyncio.timeout(0.01):
            await asyncio.get_running_loop().run_in_executor(OwnExecutor(), time.sleep, 0.1)
        return now()

    timeline = simulate(main)
    assert (timeline.result, timeline.notes) == (0, [TOOK_REAL_TIME + "the jobs of OwnExecutor"])


@pytest.mark.skipif(sys.version_info < (3, 14), reason="interpreters came with Python 3.14")
def test_a_pool_of_interpreters_is_waited_for():
    """Jobs of other interpreters, which have a clock of their own, take real time."""

    async def main():
        with concurrent.futures.InterpreterPoolExecutor(1) as pool:
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.1)
        return now()

    timeline = simulate(main)
    assert timeline.result == 0
    assert TOOK_REAL_TIME + "the jobs of a pool of interpreters" in timeline.notes


def test_a_loop_of_another_kind_is_waited_for():
    """A loop that a worker makes by its class lives in real time, and holds the clock while it runs."""

    async def main():
        def work():
            loop = asyncio.SelectorEventLoop()
            try:
                return loop.run_until_complete(asyncio.sleep(0.1, "done"))
            finally:
                loop.close()

        async with asyncio.timeout(0.01):
            return await asyncio.to_thread(work), now()

    assert simulate(main).result == ("done", 0)


# Threads of the outside.


def test_a_thread_outside_that_wakes_the_loop_is_refused():
    """call_soon_threadsafe from a thread that was there before ends the simulation, with the thread's name."""
    loops = []
    asked = threading.Event()

    def outside():
        asked.wait()
        loops[0].call_soon_threadsafe(int)

    thread = threading.Thread(target=outside, name="the feed")
    thread.start()

    async def main():
        loops.append(asyncio.get_running_loop())
        asked.set()
        while True:
            await asyncio.sleep(1)

    error = failing(main, SimulationError)
    thread.join()
    assert "the thread 'the feed', which is no part of the simulation, woke it" in str(error)
    assert "use record() instead of simulate(), or start the thread inside main" in str(error)


def test_a_thread_outside_that_wakes_a_worker_is_refused():
    """An event that is set by a thread that was there before ends the simulation, too."""
    event, asked = threading.Event(), threading.Event()

    def outside():
        asked.wait()
        event.set()

    thread = threading.Thread(target=outside, name="the feed")
    thread.start()

    async def main():
        waits = asyncio.create_task(asyncio.to_thread(event.wait))
        await asyncio.sleep(1)
        asked.set()
        while not waits.done():
            await asyncio.sleep(1)

    assert "'the feed'" in str(failing(main, SimulationError))
    thread.join()


def test_a_pool_made_outside_is_as_exact():
    """A pool whose threads were there before runs its jobs in virtual time, in this simulation and in the next."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()

        async def main():
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 1)
            pool.submit(time.sleep, 1).result()
            return now()

        assert [simulate(main).result for _ in range(3)] == [2, 2, 2]
        assert pool.submit(time.time).result() > 1e9


# What tells the time.


def test_dates_and_log_records_tell_the_real_time(caplog):
    """datetime.now() and log records show the real time: virtual time, which begins at 0, would be 1970 there."""

    async def main():
        await asyncio.sleep(3600)
        logging.getLogger("course").warning("late")
        return datetime.datetime.now()

    before = datetime.datetime.now()
    assert before <= simulate(main).result <= datetime.datetime.now()
    assert before.timestamp() - 1 <= caplog.records[0].created <= time.time() + 1
    assert "datetime.now()" in simulate.__doc__ and "from time import sleep" in simulate.__doc__


def test_a_sleep_taken_earlier_is_noted_in_a_worker_too():
    """`from time import sleep` sleeps really: the clock waits for a worker that uses it, and names the line."""

    async def main():
        def work():
            escaped_sleep(1)

        async with asyncio.timeout(0.1):
            await asyncio.to_thread(work)

    timeline = simulate(main)
    assert timeline.end == 0 and timeline.blocking_lines == []
    assert len(timeline.notes) == 1
    assert timeline.notes[0].startswith(TOOK_REAL_TIME + "line ")
    assert timeline.notes[0].endswith("of work: escaped_sleep(1)")


def test_what_a_kernel_shows_is_waited_for():
    """Code of ipykernel that waits for the thread which shows what was printed does not move the clock."""
    shown = threading.Event()
    made: dict = {"__name__": "ipykernel.iostream", "wait": lambda: None}
    exec("def flush(event):\n    return event.wait(10)", made)

    async def main():
        asyncio.get_running_loop().run_in_executor(OwnExecutor(), lambda: [escaped_sleep(0.1), shown.set()])
        return made["flush"](shown), now()

    assert simulate(main).result == (True, 0)


# The loop itself.


def test_closing_the_loop_twice_is_no_error():
    """close() may be called again, and is refused in a sentence while the loop runs, which goes on."""
    loops = []

    async def main():
        loops.append(asyncio.get_running_loop())
        with pytest.raises(RuntimeError, match="this loop is running"):
            loops[0].close()
        await asyncio.to_thread(time.sleep, 1)
        return now()

    assert simulate(main).result == 1
    loops[0].close()
    assert loops[0].is_closed()


# Sockets.


def test_connections_to_the_outside_are_refused():
    """asyncio, aiohttp and requests alike are told to use record(), and no name server is asked."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        port = outside.getsockname()[1]

        async def streams():
            await asyncio.open_connection("127.0.0.1", port)

        async def client():
            async with aiohttp.ClientSession() as session:
                await session.get(f"http://127.0.0.1:{port}")

        async def named():
            async with aiohttp.ClientSession() as session:
                await session.get("http://example.com")

        async def synchronous():
            requests.get(f"http://127.0.0.1:{port}")

        async def in_a_thread():
            await asyncio.to_thread(requests.get, "http://example.com")

        async def process():
            await asyncio.create_subprocess_exec(sys.executable)

        for program in (streams, client, named, synchronous, in_a_thread, process):
            assert "use record()" in str(failing(program, OSError)), program


def test_a_blocking_client_of_ones_own_server_is_refused():
    """requests to a simulated server would wait in real time for a loop that it blocks: an error says so."""

    async def main():
        async with asyncio.timeout(10):
            server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            async with server:
                await asyncio.to_thread(requests.get, f"http://127.0.0.1:{port}")

    assert "use an asynchronous client" in str(failing(main, requests.ConnectionError))


def test_a_server_inside_the_simulation_is_exact():
    """Fifty requests of two seconds, ten at a time, take exactly ten seconds, in 20 runs out of 20."""

    async def answer(request):
        await asyncio.sleep(2)
        return web.Response(text="hello")

    async def main():
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        slots, loop = asyncio.Semaphore(10), asyncio.get_running_loop()
        async with aiohttp.ClientSession() as session:

            async def get():
                async with slots, session.get(f"http://127.0.0.1:{port}") as response:
                    return await response.text()

            begun = loop.time()
            texts = await asyncio.gather(*(get() for _ in range(50)))
            seconds = loop.time() - begun
        await runner.cleanup()
        return set(texts), seconds

    assert [simulate(main).result for _ in range(20)] == [({"hello"}, 10.0)] * 20


async def echo(reader, writer):
    """Answer after a second, byte by byte."""
    async with asyncio.timeout(100):
        for byte in await reader.read(100):
            await asyncio.sleep(1)
            writer.write(bytes([byte]))
            await writer.drain()
    writer.close()
    await writer.wait_closed()


async def ask(opening):
    reader, writer = await opening
    writer.write(b"hi")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer, now()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Windows has no Unix sockets")
def test_a_unix_server_inside_the_simulation_is_exact(tmp_path):
    """A server at a path is reached like one at a port, and a path of the outside is refused."""
    path = str(tmp_path / "s")

    async def main():
        async with await asyncio.start_unix_server(echo, path):
            return await ask(asyncio.open_unix_connection(path))

    assert simulate(main).result == (b"hi", 2)
    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(str(tmp_path / "o"))
        outside.listen()
        error = failing(lambda: asyncio.open_unix_connection(str(tmp_path / "o")), OSError)
    assert "is outside the simulation" in str(error)


@pytest.mark.parametrize("outside", [False, True])
def test_a_server_on_a_socket_of_ones_own_is_exact(outside):
    """A server made with sock= is reached, wherever the socket was made, and small packets are not overtaken."""
    made = socket.create_server(("127.0.0.1", 0)) if outside else None

    async def main():
        sock = made or socket.socket()
        if not outside:
            sock.bind(("127.0.0.1", 0))

        async def count(reader, writer):
            while await reader.read(1):
                writer.write(b"a")
                writer.write(b"b")  # behind a packet that is not acknowledged yet, Nagle's algorithm holds it back
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(count, sock=sock), asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            for _ in range(20):
                writer.write(b"?")
                assert await reader.readexactly(2) == b"ab"
            writer.close()
            await writer.wait_closed()
        return now()

    assert simulate(main).result == 0


@pytest.fixture
def late_packets(monkeypatch):
    """Let a selector see what came by a socket only when it waits, as if every packet took a moment."""
    look, arrived = selectors.DefaultSelector.select, set()

    def select(self, timeout=None):
        found = look(self, timeout)
        if timeout:
            arrived.update(key.fd for key, _ in found)
        own = next(iter(self.get_map()), None)  # by which other threads wake the loop
        seen = [(key, events) for key, events in found if key.fd == own or key.fd in arrived]
        if not timeout:
            arrived.difference_update(key.fd for key, _ in seen)
        return seen

    monkeypatch.setattr(selectors.DefaultSelector, "select", select)


@pytest.mark.parametrize("where", ["beside a worker", "in a worker"])
def test_a_late_packet_is_not_overtaken(late_packets, where):
    """A packet that takes a moment arrives at the instant at which it was sent, also where a thread's time is next."""

    async def talk():
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            await ask(asyncio.open_connection(*server.sockets[0].getsockname()))
        return now()

    def blink():
        for _ in range(5):
            time.sleep(0.01)

    async def main():
        if where == "beside a worker":
            blinking = asyncio.create_task(asyncio.to_thread(blink))
            took = await talk()
            await blinking
            return took
        pool = ThreadPoolExecutor()
        job = pool.submit(asyncio.run, talk())
        blink()
        return job.result()

    assert simulate(main).result == 2


class Echo(asyncio.DatagramProtocol):
    """Answers a packet after a second."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        asyncio.get_running_loop().call_later(1, self.transport.sendto, data, address)


class Asking(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, address):
        self.answer.set_result(data)


@pytest.mark.parametrize("connected", [True, False])
def test_a_udp_server_inside_the_simulation_is_exact(connected):
    """Packets between endpoints of the simulation take no time, and answers come when they are sent."""

    async def main():
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        where = {"remote_addr": address} if connected else {"local_addr": ("127.0.0.1", 0)}
        client, asking = await loop.create_datagram_endpoint(Asking, **where)
        client.sendto(b"hi", *([] if connected else [address]))
        answer = await asking.answer
        client.close()
        server.close()
        return answer, now()

    assert simulate(main).result == (b"hi", 1)


def test_a_packet_to_the_outside_is_refused():
    """A packet to an address of the outside ends the simulation, although asyncio keeps the error to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.bind(("127.0.0.1", 0))

        async def main():
            loop = asyncio.get_running_loop()
            client, _ = await loop.create_datagram_endpoint(Asking, local_addr=("127.0.0.1", 0))
            client.sendto(b"hi", outside.getsockname())
            client.close()

        assert "use record() instead of simulate()" in str(failing(main, OSError))


def test_a_connection_made_outside_is_refused():
    """A socket that was connected before the simulation leads to real time, and is refused when it is used."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as outside:
        outside.setblocking(False)

        async def streams():
            await asyncio.open_connection(sock=outside.dup())
            await asyncio.sleep(1)

        async def plain():
            async with asyncio.timeout(1):
                await asyncio.get_running_loop().sock_recv(outside, 1)

        for program in (streams, plain):
            assert "is outside the simulation" in str(failing(program, OSError)), program


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' loop has no pipes")
def test_a_pipe_is_refused():
    """A pipe may lead to a process or a terminal: the advice is to use record()."""
    read, write = os.pipe()

    async def main():
        await asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, os.fdopen(read, "rb"))
        await asyncio.sleep(1)

    assert "is a pipe or a device" in str(failing(main, OSError))
    os.close(write)


def test_code_between_two_lines_is_named_by_its_first() -> None:
    """A thread may be looked at in a moment in which its code is at no line: its function is named all the same."""

    def lineless() -> FrameType:
        return sys._getframe()

    lineless.__code__ = lineless.__code__.replace(co_linetable=b"")
    frame = lineless()
    assert frame.f_lineno is None
    assert running_line(frame).startswith(f"line {lineless.__code__.co_firstlineno} of lineless")


def test_a_machine_without_a_free_processor_blames_nobody(monkeypatch):
    """A step that was long because its thread had to queue for a processor is not told as one that blocks."""

    class Queued(watching.Turns):
        @classmethod
        def of(cls, ident):
            return cls(0.0, time.monotonic(), ready=True)

    async def main():
        escaped_sleep(0.2)

    assert simulate(main).blocking_lines
    monkeypatch.setattr(watching, "Turns", Queued)
    assert not simulate(main).blocking_lines


@pytest.mark.parametrize("run", [simulate, every_order], ids=["simulate", "every_order"])
def test_what_has_no_processor_is_given_its_time_all_the_same(monkeypatch, run):
    """Seconds in which a thread queued for a processor do not count for the limit of what never ends."""
    begun = time.monotonic()

    def of(ident):  # for half a second nobody lets it run
        gone = time.monotonic() - begun
        return Turns(used=gone, queued=min(gone, 0.5), ready=True)

    monkeypatch.setattr(Turns, "of", of)

    async def endless():
        while True:
            pass

    with contextlib.suppress(RunawayError):  # with which `simulate` ends
        run(endless, limit=0.2)
    assert time.monotonic() - begun > 0.6


def test_a_thread_of_which_nothing_is_told_any_more_takes_no_time_back(monkeypatch):
    """When a watched thread has ended, the system has no count of it: the limit is not the nearer for that."""
    looks = itertools.count()
    monkeypatch.setattr(Turns, "of", lambda ident: Turns(queued=60.0) if next(looks) < 5 else Turns())

    async def main():
        escaped_sleep(0.3)
        return "done"

    assert simulate(main, limit=30).result == "done"


def test_a_step_that_computes_or_waits_is_told_whoever_else_wants_a_processor():
    """The queueing that is forgiven is what the system has counted for that thread, and nothing else."""

    async def computes():
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass

    assert simulate(computes).blocking_lines
    if sys.platform == "linux":
        before, used = Turns.of(threading.get_ident()), time.thread_time()
        while time.thread_time() < used + 0.05:
            pass
        after = Turns.of(threading.get_ident())
        assert after.ready and after.used > before.used and not after.queues_since(before)
    assert Turns.of(-1) == Turns()
