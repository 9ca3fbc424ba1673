"""`python -m course_lib trace program.py`: the program as it is, and what it did."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from course_lib.paths import REPO
from course_lib.seeing.plotting import look
from course_lib.seeing.timeline import State
from course_lib.tracing.journal import Journal, read
from course_lib.tracing.page import TEMPLATE

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
SECONDS = 60


@dataclass
class Ran:
    """How a traced program ended, what it printed, and what was told of it."""

    status: int
    out: str
    err: str  # the program's own
    told: str


class Folder:
    """A folder with programs in it, to be run plainly and traced."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, source: str, name: str = "program.py") -> None:
        (self.path / name).write_text(textwrap.dedent(source))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "course_lib", "trace", "--out", "told.txt", *arguments]

    def trace(self, *arguments: str, text: str = "") -> Ran:
        return self.ended(self.start(*arguments), text)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return self.popen(self.command(*(arguments or ("program.py",))))

    def plain(self, *arguments: str, text: str = "") -> Ran:
        child = self.popen([sys.executable, *(arguments or ("program.py",))])
        out, err = child.communicate(text, timeout=SECONDS)
        return Ran(child.returncode, out, err, "")

    def popen(self, command: list[str]) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        paths = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH", "")]))
        return subprocess.Popen(
            command, cwd=self.path, env=os.environ | {"PYTHONPATH": paths}, stdin=pipe, stdout=pipe, stderr=pipe,
            text=True, start_new_session=os.name != "nt",
        )  # fmt: skip

    def ended(self, child: "subprocess.Popen[str]", text: str = "") -> Ran:
        out, err = child.communicate(text, timeout=SECONDS)
        told = self.path / "told.txt"
        ours = "trace: told.txt\n", "the same to zoom into: trace.html\n"
        lines = [line for line in err.splitlines(keepends=True) if line not in ours]
        return Ran(child.returncode, out, "".join(lines), told.read_text() if told.exists() else "")


@pytest.fixture
def here(tmp_path):
    """Return a folder for programs."""
    return Folder(tmp_path)


THREE_ENDS = """
    import asyncio, sys

    async def work(number):
        await asyncio.sleep(0.2)
        if number == 2:
            raise ValueError("two")
        return number

    async def stopped():
        await asyncio.Event().wait()

    async def main():
        waiting = asyncio.create_task(stopped(), name="waiting")
        print(await asyncio.gather(*(work(n) for n in range(3)), return_exceptions=True))
        waiting.cancel()

    asyncio.run(main())
    """


def test_every_task_has_a_row_and_a_total(here):
    """Tasks are told with their names, their ends and the exact numbers, at a coarse tick the same in every run."""
    here.write(THREE_ENDS)
    ran = here.trace("--tick", "0.1", "program.py")
    assert "tasks: 5 made: 3 done, 1 failed, 1 cancelled" in ran.told
    rows = [line.split("  ")[0] for line in ran.told.splitlines()]
    assert {"main", "waiting", "work #1", "work #2", "work #3"} <= set(rows)
    assert re.search(r"^work #3 .*E +0 to 0.2 s, failed$", ran.told, re.MULTILINE)
    assert re.search(r"^waiting .*x +0 to 0.2 s, cancelled$", ran.told, re.MULTILINE)
    assert "work #3: ValueError: two" in ran.told
    assert max(map(len, ran.told.splitlines())) <= 79


PROGRAMS = {
    "arguments": "import sys; print(sys.argv, __name__, __file__, sys.path[0])",
    "input": "print(input()[::-1])",
    "exit status": "import sys; sys.exit(3)",
    "a last word": "import sys; sys.exit('that was it')",
    "a crash": "import asyncio\nasync def main():\n    1 / 0\nasyncio.run(main())",
    "a syntax error": "print(1\n2",
    "a group of errors": """
        import asyncio
        async def fail(number):
            raise ValueError(number)
        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(1))
                group.create_task(fail(2))
        asyncio.run(main())
    """,
    "never awaited": "import asyncio\nasync def main():\n    main()\nasyncio.run(main())",
    "nobody asked": """
        import asyncio
        async def fail():
            raise ValueError("no")
        async def main():
            task = asyncio.create_task(fail(), name="failing")
            await asyncio.sleep(0)
            del task
        asyncio.run(main())
    """,
    "debug mode": """
        import asyncio, time
        async def fail():
            raise ValueError("no")
        async def main():
            asyncio.get_running_loop().slow_callback_duration = 60  # a busy machine makes steps slow
            task = asyncio.create_task(fail(), name="failing")
            await asyncio.sleep(0)
            del task
        asyncio.run(main(), debug=True)
    """,
    "its main module": """
        import asyncio, pickle, sys
        class Thing: pass
        assert sys.modules["__main__"].Thing is Thing
        print(type(pickle.loads(pickle.dumps(Thing()))), __spec__, "course" in str(sys.path))
    """,
    "tasks": """
        import asyncio
        async def main():
            me = asyncio.current_task()
            print(me.get_coro().__name__, type(me).__name__, type(me) is asyncio.Task, isinstance(me, asyncio.Future))
            print(asyncio.iscoroutine(me.get_coro()), asyncio.get_running_loop().get_task_factory())
            print(repr(me).partition(" coro=")[2].partition("main()")[1])
            try:
                asyncio.create_task(3)
            except TypeError as error:
                print(error)
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_what_it_would_be(here, name):
    """What a program prints, on both streams, its tracebacks included, and its exit status are its own."""
    here.write(PROGRAMS[name])
    arguments = "program.py", "--out", "one two", "-m"
    plain, ran = here.plain(*arguments, text="abc\n"), here.trace(*arguments, text="abc\n")
    assert (ran.status, ran.out, ran.err) == (plain.status, plain.out, plain.err)


def test_a_module_is_run_as_by_python_m(here):
    """With -m a module of a package runs, with the package's own imports and argv[0]."""
    (here.path / "pack").mkdir()
    here.write("", "pack/__init__.py")
    here.write("NAME = 'friend'", "pack/friend.py")
    here.write("import sys\nfrom .friend import NAME\nprint(NAME, sys.argv, __package__)\n1 / 0", "pack/__main__.py")
    plain, ran = here.plain("-m", "pack", "x"), here.trace("-m", "pack", "x")
    assert (ran.status, ran.out, ran.err) == (plain.status, plain.out, plain.err)


def test_what_holds_the_loop_is_named_by_its_line(here):
    """A step and a callback that block are told with the line, equal ones together, the longest first."""
    here.write("""
        import asyncio, time
        def callback():
            time.sleep(0.6)
        async def slow():
            time.sleep(0.3)  # here
        async def main():
            await slow()
            await asyncio.sleep(0)
            await slow()
            asyncio.get_running_loop().call_soon(callback)
            await asyncio.sleep(0.01)
        asyncio.run(main())
    """)
    told = here.trace("--tick", "0.3", "program.py").told
    assert "the loop was held for 0.05 s or more" in told
    held = re.findall(r"^  (\S.*) for ~\d+\.\d\d s(.*)\n    at (.*)$", told, re.MULTILINE)
    assert [(task, place) for task, _, place in held] == [
        ("a callback", "program.py, line 4: time.sleep(0.6)"),
        ("task main", "program.py, line 6: time.sleep(0.3) # here"),
    ]
    assert held[0][1] == "" and held[1][1].startswith(", 2 times, together ~")
    assert re.search(r"^main .*!", told, re.MULTILINE)


def test_what_was_left_behind_is_told(here):
    """A coroutine never awaited, an exception nobody asked for and a task that still ran are told, with their lines."""
    here.write("""
        import asyncio
        kept = []
        async def fail():
            raise ValueError("no")
        async def forever():
            await asyncio.Event().wait()  # waits
        async def main():
            fail()  # forgotten
            kept.append(asyncio.create_task(fail(), name="failing"))
            kept.append(asyncio.create_task(forever(), name="waiter"))
            await asyncio.sleep(0.01)
        asyncio.run(main())
    """)
    told = " ".join(here.trace().told.split())
    assert "never awaited: fail() made at program.py, line 9: fail() # forgotten" in told
    assert "failed, nobody has asked: task failing: ValueError: no" in told
    waits = "waits at program.py, line 7: await asyncio.Event().wait() # waits"
    assert f"running when its loop stopped: task waiter {waits}" in told


def test_several_loops_are_drawn_one_by_one(here):
    """Loops one after another, and a loop in a thread, have a swimlane each; the totals are of all."""
    here.write("""
        import asyncio, threading
        async def child(): pass
        async def main(many):
            await asyncio.gather(*(child() for _ in range(many)))
        asyncio.run(main(1))
        thread = threading.Thread(target=lambda: asyncio.run(main(2)), name="beside")
        thread.start()
        thread.join()
        asyncio.run(main(3))
        asyncio.run(main(4))
    """)
    told = here.trace().told
    assert "tasks: 14 made: 14 done; 4 loops" in told
    assert "not drawn here: 1 other loop\n" in told
    assert "loop 2, in beside, from ~" in told and "loop 4, in MainThread, from ~" in told


def test_a_program_without_a_loop_is_said_to_have_none(here):
    """Where no loop ran, that is said, and there is no page."""
    here.write("print(1)")
    assert "no event loop of asyncio's was run" in here.trace().told
    assert not (here.path / "trace.html").exists()


def test_tasks_are_seen_whoever_makes_them(here):
    """A task factory of the program's own, asyncio.Task and a class derived from it, and eager tasks are all traced."""
    here.write("""
        import asyncio, sys
        class Own(asyncio.Task): pass
        async def child(): await asyncio.sleep(0)
        async def main():
            loop = asyncio.get_running_loop()
            await asyncio.Task(child(), name="direct")
            await Own(child(), name="derived")
            loop.set_task_factory(lambda loop, coro, **options: Own(coro, loop=loop, **options))
            await asyncio.create_task(child(), name="factory")
            if sys.version_info >= (3, 12):
                loop.set_task_factory(asyncio.eager_task_factory)
            await asyncio.create_task(child(), name="eager")
            print(len(asyncio.all_tasks()))
        asyncio.run(main())
    """)
    ran = here.trace()
    assert ran.out == "1\n"
    assert "tasks: 5 made: 5 done" in ran.told
    for name in ("direct", "derived", "factory", "eager"):
        assert re.search(rf"^{name} ", ran.told, re.MULTILINE), name


WAITING = """
    import asyncio
    async def main():
        try:
            print("ready", flush=True)
            await asyncio.sleep(1000)
        finally:
            print("tidied")
    asyncio.run(main())
    """


@POSIX
@pytest.mark.parametrize("whom", ["the command", "the group"])
def test_an_interrupt_reaches_the_program_once_and_the_report_follows(here, whom):
    """Ctrl+C ends the program as it would without, by the same signal, after its clean-up; then comes the report."""
    here.write(WAITING)
    child = here.start()
    assert child.stdout.readline() == "ready\n"
    (os.kill if whom == "the command" else os.killpg)(child.pid, signal.SIGINT)
    ran = here.ended(child)
    assert (ran.status, ran.out) == (-signal.SIGINT, "tidied\n")
    assert ran.err.rstrip().endswith("KeyboardInterrupt") and "course_lib" not in ran.err
    assert "ended by SIGINT" in ran.told and "tasks: 1 made: 1 cancelled" in ran.told


@POSIX
def test_of_a_killed_program_it_is_told_what_is_known(here):
    """A program that is killed while it holds the loop has a report that says so, with the line, and its own status."""
    here.write("""
        import asyncio, os, signal, sys, threading, time
        async def main():
            await asyncio.sleep(0)
            threading.Timer(2, os.kill, (os.getpid(), signal.SIGKILL)).start()
            time.sleep(1000)
        asyncio.run(main())
    """)
    ran = here.trace()
    said = " ".join(ran.told.split())
    assert ran.status == -signal.SIGKILL
    assert "ended by SIGKILL" in said and "of its last quarter of a second nothing is known" in said
    assert "tasks: 1 made: 1 left running" in said
    place = "at program.py, line 6: time.sleep"
    assert re.search(rf"held when it was last seen: task main for ~\S+ s {place}", said)
    assert re.search(rf"held for 0.05 s or more once, together ~\S+ s: task main for ~\S+ s {place}", said)


@POSIX
def test_a_program_ends_with_who_started_it(here):
    """Where the command itself is killed, the program does not outlive it."""
    here.write(WAITING)
    child = here.start()
    assert child.stdout.readline() == "ready\n"
    child.kill()
    # The pipe is the program's, too, and comes to its end with it.
    assert child.communicate(timeout=SECONDS)[0] == ""


@POSIX
def test_a_forked_child_writes_nothing_and_goes_on(here):
    """A child made by fork runs its own loop untraced; the parent's totals are the parent's."""
    here.write("""
        import asyncio, os
        async def child(): await asyncio.sleep(0)
        async def main(many):
            await asyncio.gather(*(child() for _ in range(many)))
        asyncio.run(main(2))
        if pid := os.fork():
            os.waitpid(pid, 0)
        else:
            asyncio.run(main(30))
            os._exit(0)
        asyncio.run(main(1))
    """)
    ran = here.trace()
    assert ran.status == 0 and ran.err == ""
    assert "tasks: 5 made: 5 done; 2 loops" in ran.told


def test_the_last_seconds_are_drawn_and_the_totals_are_of_all(here):
    """Of a long run, what began and ended before the last seconds has no row, and counts."""
    here.write("""
        import asyncio
        async def early(): pass
        async def late(): pass
        async def main():
            await asyncio.gather(*(early() for _ in range(100)))
            await asyncio.sleep(1.5)
            await late()
            await asyncio.create_task(late())
        asyncio.run(main())
    """)
    told = here.trace("--last", "0.5", "program.py").told
    assert "tasks: 102 made: 102 done" in told
    assert "the last ~" in told
    assert "late" in told and "early" not in told


def test_a_journal_keeps_the_end_within_its_limit(tmp_path):
    """However much is written, the segments take no more than their limit, and the newest entries are there."""
    journal, log = Journal(tmp_path, 3600), [1.0, 2.0, 3.0] * 30_000
    for number in range(40):
        journal.write({"entry": number, "loops": [{}]}, [log])
    journal.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 16_000_000
    entries = [entry["entry"] for entry, _, _ in read(tmp_path)]
    assert entries[-1] == 39 and entries == list(range(entries[0], 40))


def test_an_entry_that_was_cut_short_is_the_end(tmp_path):
    """A journal whose writer was killed in the middle of an entry tells all before it."""
    journal = Journal(tmp_path, 60)
    for number in range(3):
        journal.write({"entry": number, "loops": [{}]}, [[1.0, 2.0, 3.0]])
    journal.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert [entry["entry"] for entry, _, _ in read(tmp_path)] == [0, 1]


def test_the_page_holds_everything_and_asks_nobody(here):
    """The page has the text and the data in it, escaped, names no other address, and has the course's colours."""
    here.write("""
        import asyncio
        async def main(): await asyncio.sleep(0)
        async def both():
            await asyncio.create_task(main(), name="</script><b>& bold")
        asyncio.run(both())
    """)
    ran = here.trace()
    page = (here.path / "trace.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2 and "<b>" not in page
    assert "&lt;b&gt;" in page
    assert not re.search(r"https?:|src=|url\(|@import", page.replace("default-src", "").replace("-src ", ""))
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    names = [lane["name"] for loop in data["loops"] for lane in loop["lanes"]]
    assert names == ["both", "</script><b>& bold"]
    assert ran.told.splitlines()[0] in page
    light = TEMPLATE.read_text(encoding="utf-8").partition("@media")[0]
    for colour in (*look.COLOUR.values(), look.PAPER, look.INK, look.MUTED, look.GRID, look.EDGE, look.ALARM):
        assert colour in light, colour
    assert State.BLOCKING in look.COLOUR


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["nothing.py"], "name a file, or a module: trace -m nothing.py"),
        (["--python", "no-such-python", "program.py"], "give the path of a Python"),
        (["--last", "0", "program.py"], "give seconds, more than 0"),
        (["--slow", "fast", "program.py"], "give seconds, more than 0"),
    ],
)
def test_what_cannot_be_run_is_said_with_the_next_step(here, arguments, hint):
    """A program or a Python that is not there, and a number that is none, are refused with what to do."""
    here.write("print(1)")
    ran = here.trace(*arguments)
    assert ran.status != 0 and ran.out == ""
    assert hint in ran.err


def test_the_recorder_needs_the_standard_library_alone():
    """What runs beside the program imports no package that somebody had to install."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import course_lib.tracing.running; print('fine')"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(REPO)], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert ran.stdout == "fine\n"
