"""Diagnostics of a notebook, in a real kernel: what is told after which cell, and that nothing is left of it."""

import re
from collections.abc import Iterator

import kernels
import pytest

LOAD = "%load_ext course_lib.diagnostics"
UNLOAD = "%unload_ext course_lib.diagnostics"
# No step of a test takes as long, on any machine: of slow steps nothing is told, but where that is what is tested.
PATIENT = "%diagnostics slow 600"

BASICS = """import asyncio, time
async def work(): await asyncio.sleep(0)
async def fails():
    await asyncio.sleep(0)
    raise ValueError("no such page")
async def waits(): await asyncio.Event().wait()
async def ticks():
    yield 1
    yield 2
"""


class Notebook:
    """A notebook with diagnostics: its first cell loads them, its second defines what is used here, as cell 2."""

    def __init__(self, kernel: kernels.Kernel) -> None:
        self.kernel = kernel
        kernel.send(UNLOAD)
        request = kernel.send(LOAD + "\n" + PATIENT)
        self.before = next(
            content["execution_count"] - 1 for _, kind, content in kernel.listen(request) if kind == "execute_input"
        )
        assert self.after(BASICS) == []

    def after(self, source: str) -> list[str]:
        """Run a cell, and return what is told after it, in lines without the text of the lines of code."""
        (told,) = self.after_all(source)
        return told

    def after_all(self, *sources: str) -> list[list[str]]:
        """Run cells as Run All does, and return what is told after each."""
        requests = [self.kernel.send(source, stop_on_error=False) for source in sources]
        outputs = self.kernel.run(*requests)
        return [self.told(outputs[request]) for request in requests]

    def told(self, outputs: list[kernels.Output]) -> list[str]:
        """Return what is told in the outputs of a cell."""
        text = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
        found = re.search(r"^asyncio diagnostics, (cell \d+):\n((?:  .*\n)+)", text, re.MULTILINE)
        if not found:
            return []
        rows = [re.sub(r"(, line \d+): .*", r"\1", row.strip()) for row in found[2].splitlines()]
        return [re.sub(r"\bcell (\d+)", lambda cell: f"cell {int(cell[1]) - self.before}", row) for row in rows]


@pytest.fixture(scope="module")
def kernel() -> Iterator[kernels.Kernel]:
    """A kernel for all tests of this file."""
    with kernels.start() as kernel:
        assert kernel.printed("from course_lib.notebook import setup\nsetup()") == "Ready.\n"
        yield kernel


@pytest.fixture
def notebook(kernel: kernels.Kernel) -> Notebook:
    """A notebook whose first two cells have run."""
    return Notebook(kernel)


def test_cells_in_order_are_followed_by_nothing(notebook: Notebook) -> None:
    """Awaiting, gathering, groups, limits, a slow cell and plain code give no word."""
    assert (
        notebook.after_all(
            "await work()",
            "await asyncio.gather(work(), work())",
            "async with asyncio.TaskGroup() as group:\n    group.create_task(work())",
            "try:\n    await asyncio.wait_for(waits(), 0.01)\nexcept TimeoutError:\n    pass",
            "%diagnostics slow 0.1\nprint('set')",
            "time.sleep(0.3)",
            "time.sleep(0.3)\nawait asyncio.sleep(0)",
            "_ = [number async for number in ticks()]",
            "1 + 1",
        )
        == [[]] * 9
    )


def test_each_fault_is_told_after_its_cell(notebook: Notebook) -> None:
    """Never awaited, never asked, held by nobody, left open: with the lines, as cell and line."""
    assert notebook.after_all(
        "work()\nNone",
        "await asyncio.wait([asyncio.create_task(fails())])\nNone",
        "asyncio.create_task(waits())\nawait asyncio.sleep(0)\nimport gc; gc.collect()\nNone",
        "async for _ in ticks():\n    break",
    ) == [
        ["never awaited: work()", "made at cell 3, line 1"],
        [
            "failed, nobody asked: task fails: ValueError: no such page",
            "raised at cell 2, line 5",
            "made at cell 4, line 1",
        ],
        ["gone in the middle, held by nobody: task waits", "made at cell 5, line 1"],
        ["left open: generator ticks()", "iterated at cell 6, line 1", "stopped at cell 2, line 8"],
    ]


def test_a_step_of_a_task_that_holds_the_loop_is_told(notebook: Notebook) -> None:
    """With the line, and in a cell of its own code only where another task stood ready."""
    notebook.after("%diagnostics slow 0.1\nprint('set')")
    slow = "async def slow():\n    time.sleep(0.3)\nawait asyncio.create_task(slow())"
    own = "task = asyncio.create_task(work())\ntime.sleep(0.4)\nawait task"
    first, second = notebook.after_all(slow, own)
    assert re.fullmatch(r"held the loop ~0\.\d\d s: task slow", first[0])
    assert first[1:] == ["at cell 4, line 2"]
    assert re.fullmatch(r"held the loop ~0\.\d\d s: the cell, while tasks stood ready", second[0])
    assert second[1:] == ["at cell 5, line 2"]


def test_a_cell_that_lets_nobody_look_is_told_where_a_time_had_come(notebook: Notebook) -> None:
    """Code in C keeps the interpreter to itself: that a task had slept long enough meanwhile is known afterwards."""
    notebook.after(
        "many = 1_000_000\n"
        "while True:\n"
        "    begun = time.thread_time(); sum(range(many))\n"
        "    if time.thread_time() - begun > 0.5:\n        break\n"
        "    many *= 2"
    )
    notebook.after("%diagnostics slow 0.1\nprint('set')")
    source = "task = asyncio.create_task(asyncio.sleep(0.05))\nawait asyncio.sleep(0)\nsum(range(many))\nawait task"
    told = notebook.after(source)
    assert re.fullmatch(r"held the loop ~\d\.\d\d s: the cell, while tasks stood ready", told[0])


def test_what_is_found_later_is_told_later_and_names_its_cell(notebook: Notebook) -> None:
    """A failure whose task dies two cells on, a coroutine that is dropped later, and what happens between two cells."""
    assert notebook.after_all(
        "task = asyncio.create_task(fails()); await asyncio.wait([task])\nkept = work()",
        "1",
        "del task",
        "kept = None",
        "asyncio.create_task(fails())\nNone",
        "await asyncio.sleep(0.05)",
    ) == [
        ["failed, nobody has asked so far: task fails: ValueError: no such page", "raised at cell 2, line 5"],
        [],
        [
            "failed, nobody asked: task fails of cell 3: ValueError: no such page",
            "raised at cell 2, line 5",
            "made at cell 3, line 1",
        ],
        ["never awaited: work()", "made at cell 3, line 2"],
        ["still running: task fails", "not begun", "made at cell 7, line 1"],
        [
            "failed, nobody asked: task fails of cell 7: ValueError: no such page",
            "raised at cell 2, line 5",
            "made at cell 7, line 1",
        ],
    ]


def test_what_still_runs_is_told_once_and_shown_on_request(notebook: Notebook) -> None:
    """A task that outlives its cell is told after it; %diagnostics shows it again; once it has ended, nothing does."""
    told = ["still running: task waits", "waits at cell 2, line 6"]
    later = ["still running: task waits of cell 3", "waits at cell 2, line 6"]
    assert notebook.after_all(
        "task = asyncio.create_task(waits()); await asyncio.sleep(0)",
        "await work()",
        "%diagnostics",
        "task.cancel(); await asyncio.wait([task])\nNone",
    ) == [told, [], later, []]
    assert notebook.kernel.printed("%diagnostics") == "asyncio diagnostics: nothing to report\n"


def test_a_task_of_a_task_is_its_cells(notebook: Notebook) -> None:
    """What a task of an earlier cell starts while another cell runs belongs to the earlier one."""
    notebook.after(
        "go = asyncio.Event()\n"
        "async def starts():\n    await go.wait()\n    await asyncio.wait([asyncio.create_task(fails())])\n"
        "task = asyncio.create_task(starts()); await asyncio.sleep(0)"
    )
    told = notebook.after("go.set(); await task")
    assert told[0] == "failed, nobody asked: task fails of cell 3: ValueError: no such page"


def test_a_coroutine_that_the_last_line_makes_is_told(notebook: Notebook) -> None:
    """Jupyter keeps it, so that Python never warns: it is told as not awaited so far."""
    told = ["not awaited so far, kept as the cell's result: work()", "made at cell 3, line 1"]
    assert notebook.after_all("work()", "await _") == [told, []]


def test_a_held_generator_is_told_once_as_open(notebook: Notebook) -> None:
    """And as left open, when it goes."""
    assert notebook.after_all("generator = ticks(); await anext(generator)\nNone", "1", "del generator") == [
        ["still open: generator ticks()", "iterated at cell 3, line 1"],
        [],
        ["left open: generator ticks()", "iterated at cell 3, line 1", "stopped at cell 2, line 8"],
    ]


def test_a_cell_that_fails_is_followed_by_what_it_did_wrong(notebook: Notebook) -> None:
    """Synchronous or not, and the cells that an error aborts are followed by nothing; the next one works."""
    assert notebook.after("work()\n1 / 0") == ["never awaited: work()", "made at cell 3, line 1"]
    assert notebook.after("work()\nawait work()\n1 / 0") == ["never awaited: work()", "made at cell 4, line 1"]
    kernel = notebook.kernel
    requests = [kernel.send(source) for source in ("await asyncio.sleep(0.5)\n1 / 0", "work()\nNone", "work()\nNone")]
    heard: dict[str, list[str]] = {request: [] for request in requests}
    for request, kind, _ in kernel.listen(*requests):
        heard[request].append(kind)
    # A cell that reaches the kernel only after the error is not aborted; this is so in no run but of a busy machine.
    assert all("stream" not in kinds for kinds in heard.values() if "execute_input" not in kinds)
    assert notebook.after("print('next')") == []
    assert notebook.after("work()\nNone")[0] == "never awaited: work()"


def test_a_cell_that_cannot_be_compiled_changes_nothing(notebook: Notebook) -> None:
    """A syntax error is followed by nothing, and counts as the cell that it is."""
    assert notebook.after_all("work(", "", "work()\nNone") == [
        [],
        [],
        ["never awaited: work()", "made at cell 4, line 1"],
    ]


@pytest.mark.parametrize("wait", ["await asyncio.sleep(600)", "time.sleep(600)"])
def test_an_interrupted_cell_is_followed_by_what_it_left(notebook: Notebook, wait: str) -> None:
    """Interrupt ends a cell as without diagnostics, and what it started is told."""
    errors, _ = notebook.kernel.interrupt_at(
        "waiting", f"task = asyncio.create_task(waits())\nprint('waiting', flush=True)\n{wait}"
    )
    assert errors == ["CancelledError" if wait.startswith("await") else "KeyboardInterrupt"]
    told = notebook.after("%diagnostics")
    assert told[0] == "still running: task waits of cell 3"
    assert notebook.after("task.cancel()\nawait asyncio.wait([task])\nNone") == []


def test_tasks_of_the_kernel_are_not_told(notebook: Notebook) -> None:
    """Those that run the cells, and the timer of setup(), are nobody's fault."""
    source = "names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}\nprint(*names)\nawait work()"
    assert "shell_main" in notebook.kernel.printed(source)
    assert notebook.after("%diagnostics") == []


def test_a_session_is_told_with_the_line_that_made_it(notebook: Notebook) -> None:
    """Also where aiohttp has been imported only after the diagnostics."""
    assert notebook.after_all("import aiohttp", "async def main():\n    aiohttp.ClientSession()\nawait main()") == [
        [],
        ["Unclosed client session", "made at cell 4, line 2"],
    ]


def test_many_findings_are_bounded_and_narrow(notebook: Notebook) -> None:
    """Of a thousand kinds ten are told, in lines of 79 columns at most, without paths and addresses."""
    notebook.after("async def fail(n):\n    raise ValueError(f'{n} ' + 'x' * 200, object())")
    printed = notebook.kernel.printed("await asyncio.wait([asyncio.create_task(fail(n)) for n in range(1000)])\nNone")
    text = printed[printed.index("asyncio diagnostics") :]
    rows = text.split("\n")[:-1]
    assert rows[-1] == "  and 990 more"
    assert max(map(len, rows)) <= 79
    assert "0x" not in text
    assert "/" not in text


def test_unloading_leaves_no_trace(notebook: Notebook) -> None:
    """Hooks, methods, threads, events, magics and modules' functions are what they were before."""
    notebook.kernel.printed(UNLOAD)
    notebook.after(
        "import gc, sys, threading, warnings\n"
        "def hooks():\n"
        "    loop, shell = asyncio.get_running_loop(), get_ipython()\n"
        "    return [\n"
        "        {name: value for name, value in vars(loop).items() if callable(value)},\n"
        "        loop.get_exception_handler(), loop.get_task_factory(), loop.get_debug(),\n"
        "        tuple(sys.get_asyncgen_hooks()), sys.get_coroutine_origin_tracking_depth(),\n"
        "        warnings._warn_unawaited_coroutine, list(warnings.filters), sys.unraisablehook,\n"
        "        {event: list(found) for event, found in shell.events.callbacks.items()},\n"
        "        sorted(shell.magics_manager.magics['line']), threading.active_count(), sys.excepthook,\n"
        "    ]\n"
        "before = hooks()"
    )
    notebook.after(LOAD)
    assert notebook.kernel.printed("print([a == b for a, b in zip(before, hooks())].count(False) > 3)") == "True\n"
    notebook.after("await asyncio.gather(work(), work())")
    notebook.kernel.printed(UNLOAD)
    assert notebook.kernel.printed("print([a == b for a, b in zip(before, hooks())])") == f"{[True] * 13}\n"
    assert notebook.kernel.printed("hooks = before = None\nwork()\nNone").count("diagnostics") == 0


def test_the_cell_that_unloads_is_followed_by_what_it_did_wrong(notebook: Notebook) -> None:
    """Up to the line that unloads; a second unloading, and a second loading, are said to be what they are."""
    assert notebook.after(f"work()\n{UNLOAD}") == ["never awaited: work()", "made at cell 3, line 1"]
    assert "not loaded" in notebook.kernel.printed(UNLOAD)
    assert notebook.after(LOAD + "\nwork()\nNone") == ["never awaited: work()", "made at cell 5, line 2"]
    assert "already loaded" in notebook.kernel.printed(LOAD)
    assert notebook.after("%reload_ext course_lib.diagnostics\nwork()\nNone")[0] == "never awaited: work()"
    assert notebook.after("work()\nNone") == ["never awaited: work()", "made at cell 8, line 1"]


def test_loading_in_a_cell_that_awaits_works(notebook: Notebook) -> None:
    """The cell that loads may be of any kind, and its rest is watched."""
    notebook.kernel.printed(UNLOAD)
    told = notebook.after(f"await work()\n{LOAD}\nawait asyncio.wait([asyncio.create_task(fails())])\nNone")
    assert told[0] == "failed, nobody asked: task fails: ValueError: no such page"
    assert told[-1] == "made at cell 4, line 3"
    assert notebook.after("work()\nNone") == ["never awaited: work()", "made at cell 5, line 1"]


def test_the_magic_says_how_it_is_used(notebook: Notebook) -> None:
    """What it does not know it answers with the three ways to call it."""
    for wrong in ("%diagnostics colect", "%diagnostics slow", "%diagnostics slow -1", "%diagnostics slow x"):
        assert "%diagnostics slow 0.5" in notebook.kernel.printed(wrong)


def test_the_collector_is_called_on_request(notebook: Notebook) -> None:
    """A coroutine in a circle of references is found by %diagnostics collect, and not before."""
    assert notebook.after_all("gc.disable()\ncircle = [work()]; circle.append(circle); del circle", "1") == [[], []]
    assert notebook.after("%diagnostics collect") == ["never awaited: work()", "made at cell 3, line 2"]
    assert notebook.after("gc.enable()") == []


def test_cells_that_do_not_count_are_numbered_in_their_order() -> None:
    """A client that stores no history, as nbval, gets the numbers that a reader sees in the saved notebook."""
    with kernels.start() as kernel:
        sources = [
            "import asyncio\nasync def work(): pass",
            LOAD,
            "work()\nNone",
            "print(3)",
            "kept = work()",
            "kept = 1",
        ]
        requests = [kernel.client.execute(source, store_history=False) for source in sources]
        outputs = kernel.run(*requests)
    said = ["".join(output["text"] for output in outputs[one] if output.get("name") == "stdout") for one in requests]
    assert said[2].startswith(
        "asyncio diagnostics, cell 3:\n  never awaited: work()\n    made at cell 3, line 1: work()"
    )
    assert "cell 6:" in said[5]
    assert "made at cell 5, line 1: kept = work()" in said[5]
    assert [said[0], said[1], said[3], said[4]] == ["", "", "3\n", ""]
