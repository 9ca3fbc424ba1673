"""Each pitfall of lesson 7a fails as the lesson says, and its mend does not: the lesson's own programs are run."""

import asyncio
import json
import sys

import kernels
import pytest
from pitfall_programs import definitions, programs

from course_lib.programs import program
from course_lib.seeing import simulate

LESSON = "07a_tasks_and_loops"
PROGRAMS = programs(LESSON)
HERE = definitions(LESSON)


def mended(name, old, new):
    source = PROGRAMS[name].source
    assert source.count(old) == 1
    return program(source.replace(old, new))


def test_a_coroutine_that_is_never_awaited_is_named_by_the_line_that_made_it_in_development_mode_alone():
    """The bare call names its line; the one in a variable a line of asyncio's, and the true one with -X dev."""
    plain, dev = (PROGRAMS["forgotten"].run(*options).text for options in ((), ("-X", "dev")))
    assert "program.py:9: RuntimeWarning" in plain and ":10: " not in plain
    assert "line 9" in dev and "line 10" in dev
    assert "saved" not in plain


def test_no_check_fails_for_a_coroutine_that_is_never_awaited():
    """ruff names the unused variable alone, and with warnings as errors the exit status is 0."""
    assert PROGRAMS["forgotten"].lint().rules == ["F841"]
    assert PROGRAMS["forgotten"].run("-W", "error").status == 0


def test_an_awaited_coroutine_runs():
    """The mend: an await, and nothing is said."""
    ran = mended(
        "forgotten", '    save("Ann")\n    later = save("Ben")', '    await save("Ann")\n    await save("Ben")'
    )
    said = ran.run("-X", "dev").text.splitlines()
    # A busy machine makes steps slow, of which debug mode tells.
    assert [line for line in said if not line.startswith("Executing")] == ["saved Ann", "saved Ben", "done"]


def test_a_task_that_nobody_holds_is_collected_unless_a_timer_holds_it():
    """The listener is destroyed while it waits, the sleeper is not, and ruff would have said so of both."""
    ran = PROGRAMS["vanished"].run()
    assert ran.text.startswith("Task was destroyed") and "listener" in ran.text
    assert ran.text.endswith("left: ['sleeper']")
    assert PROGRAMS["vanished"].lint("RUF006").rules == ["RUF006", "RUF006"]


def test_ruff_misses_a_dropped_task_in_a_lambda_a_comprehension_or_of_a_loop_handed_in():
    """It looks at statements, and at loops that it saw come from asyncio."""
    dropped = """
        import asyncio

        async def work(loop, job):
            loop.create_task(job())
            [asyncio.create_task(job()) for _ in range(2)]
            (lambda: asyncio.create_task(job()))()
            asyncio.create_task(job())
    """
    assert [line for line, *_ in program(dropped).lint("RUF006")] == [7]


def test_a_task_that_is_held_stays():
    """The mend: somebody has it."""
    ran = mended("vanished", "    asyncio.create_task(listen", "    kept = asyncio.create_task(listen")
    ran = program(ran.source.replace('    print("left', '    kept.cancel()\n    print("left')).run()
    assert "destroyed" not in ran.text and "listener" in ran.text


def test_a_keeper_lets_go_of_what_is_done():
    """A task is held until it is done, and not longer."""

    async def main():
        keeper = HERE.Keeper()
        tasks = [keeper.add_task(asyncio.sleep(seconds)) for seconds in (1, 2)]
        counts = [len(keeper.tasks)]
        for task in tasks:
            await task
            counts.append(len(keeper.tasks))
        return counts

    assert simulate(main).result == [2, 1, 0]


def test_a_lost_exception_is_told_when_the_last_reference_dies():
    """The dropped task's complaint comes at once, the kept one's at the end, and the exit status is 0."""
    ran = PROGRAMS["lost"].run()
    places = [ran.text.index(words) for words in ("disk full: Ben", "done, and all is well", "disk full: Ann")]
    assert places == sorted(places) and ran.status == 0


def test_an_owner_hears_of_every_exception():
    """The mend: with a TaskGroup the program fails, and says why."""
    ran = mended(
        "lost",
        '    kept = asyncio.create_task(save("Ann"))\n    dropped = asyncio.create_task(save("Ben"))\n',
        '    async with asyncio.TaskGroup() as group:\n        kept = dropped = group.create_task(save("Ann"))\n',
    ).run()
    assert ran.status == 1 and "disk full: Ann" in ran.text and "never retrieved" not in ran.text


def test_a_task_that_fails_as_the_program_ends_is_told_by_asyncio_run():
    """What asyncio.run cancels at the end and fails in its clean-up is logged, and the exit status is 0."""
    ran = program("""
        import asyncio

        async def work():
            try:
                await asyncio.sleep(60)
            finally:
                raise OSError("disk full")

        async def main():
            task = asyncio.create_task(work())
            await asyncio.sleep(0)

        asyncio.run(main())
    """).run()
    assert ran.text.startswith("unhandled exception during asyncio.run() shutdown") and ran.status == 0


@pytest.mark.parametrize(("owner", "third"), [("TaskManager", "done"), ("TaskGroup", "cancelled")])
def test_a_failure_ends_the_others_of_a_group_and_not_those_of_a_manager(owner, third):
    """Of three jobs the second fails: the third goes on in a TaskManager, and is cancelled in a TaskGroup."""
    made = HERE.TaskManager() if owner == "TaskManager" else asyncio.TaskGroup()
    start = getattr(made, "add_task" if owner == "TaskManager" else "create_task")
    timeline = simulate(lambda: HERE.three(made, start))
    assert timeline.end == (4 if third == "done" else 2)


def test_a_plain_call_holds_up_everybody_and_in_a_thread_nobody():
    """The loop is blocked for the 2 s of the call, and not at all once it is in a thread."""
    assert simulate(lambda: HERE.both(HERE.report)).blocked == 2
    assert simulate(lambda: HERE.both(HERE.report_in_thread)).blocked == 0


def test_a_plain_call_is_found_by_name_or_by_its_time():
    """ruff knows time.sleep; debug mode names the task of the step that took long."""
    assert PROGRAMS["slow"].lint("ASYNC").rules == ["ASYNC251"]
    assert "report()" in PROGRAMS["slow"].run("-X", "dev").text


SWALLOWED = program(
    PROGRAMS["swallowers"].source
    + """
async def main():
    for swallower in (blind, by_hand, by_return):
        try:
            async with asyncio.timeout(0.01):
                await swallower()
            print(swallower.__name__, "went on")
        except TimeoutError:
            print(swallower.__name__, "ended")

asyncio.run(main())
"""
)


def test_every_swallower_eats_the_limit():
    """A bare except, a caught CancelledError, a return in finally, suppress: none of them lets TimeoutError out."""
    ran = SWALLOWED.run("-W", "ignore")
    assert str(ran) == "blind went on\nby_hand went on\nby_return went on"
    assert simulate(HERE.limited).end == 6


def test_a_cancellation_that_is_passed_on_ends_in_time():
    """The mend: raise, and the limit strikes at 1 s."""
    passing = program(SWALLOWED.source.replace("        pass", "        raise").replace("        return", "        0"))
    assert str(passing.run("-W", "ignore")) == "blind ended\nby_hand ended\nby_return ended"


def test_a_return_in_finally_is_warned_of_from_python_3_14_on():
    """ruff names it on every Python, and recommends suppress for what swallows by hand."""
    assert ("SyntaxWarning" in PROGRAMS["swallowers"].run().text) == (sys.version_info >= (3, 14))
    assert PROGRAMS["swallowers"].lint("B012", "SIM105").rules == ["SIM105", "SIM105", "B012"]


def test_gather_leaves_the_others_running_and_a_group_does_not(capsys):
    """After the failed check the customer is charged; in a TaskGroup not."""
    simulate(HERE.gathered)
    assert capsys.readouterr().out == "order refused: sold out\ncharged\n"
    simulate(HERE.grouped)
    assert capsys.readouterr().out == "order refused: sold out\n"


@pytest.mark.parametrize(("careful", "ended"), [(False, 1), (True, 2)])
def test_a_gather_that_is_cancelled_waits_for_all_only_if_exceptions_are_results(careful, ended):
    """It ends with the first that has cleaned up, at 1 s, and with return_exceptions=True with the last, at 2 s."""

    async def clean_up(seconds):
        try:
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(seconds)

    async def main():
        async def both():
            await asyncio.gather(clean_up(1), clean_up(2), return_exceptions=careful)

        task = asyncio.create_task(both())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return asyncio.get_running_loop().time(), task.cancelled()

    assert simulate(main).result == (ended, True)


def test_a_loop_cannot_be_run_inside_another_but_in_a_thread():
    """load() works where no loop runs and in a thread, and raises RuntimeError in a coroutine."""
    assert HERE.load() == "page"

    async def main():
        with pytest.raises(RuntimeError):
            HERE.load()
        return await asyncio.to_thread(HERE.load)

    assert asyncio.run(main()) == "page"


@pytest.mark.parametrize("package", ["nest_asyncio", "nest_asyncio2"])
def test_nested_runs_let_others_in_and_return_last_in_first_out(package):
    """With either package another call runs inside a plain one, so that the account is overdrawn."""
    nested = program(PROGRAMS["nested"].source.replace("nest_asyncio2", package))
    assert str(nested.run()) == "Ben returns; balance 20\nAnn returns; balance -60"


def test_what_nest_asyncio2_patches():
    """asyncio.run and four methods of the loop, everywhere; Task up to 3.13."""
    patched = PROGRAMS["patched"].run().text.splitlines()
    assert patched[:4] == ["_check_running", "_run_once", "run_forever", "run_until_complete"]
    assert patched[4:] == ["run replaced: True", "Task, up to 3.13: True"]


def test_limits_fail_under_the_archived_package_from_python_3_14_on():
    """Its successor's work on all; under the archived one there is no current task any more."""
    successor = PROGRAMS["successor"]
    assert str(successor.run()) == "a limit works"
    archived = program(successor.source.replace("nest_asyncio2", "nest_asyncio")).run()
    assert (archived.status != 0) == (sys.version_info >= (3, 14))


@pytest.mark.parametrize(("package", "loses"), [("nest_asyncio", True), ("nest_asyncio2", False)])
def test_cells_queued_behind_a_nested_run_are_lost_with_the_archived_package_alone(package, loses):
    """Under Run All, with 1.6.0, the cells behind one that calls asyncio.run never run, and nobody says so."""
    with kernels.start() as kernel:
        kernel.printed(f"import asyncio, {package}; ran = []; {package}.apply()")
        cells = [kernel.send(f"asyncio.run(asyncio.sleep(0.5)); ran.append({number})") for number in range(4)]
        list(kernel.listen(cells[0]))
        ran = json.loads(kernel.printed("print(ran)"))
    assert ran[0] == 0 and (len(ran) < 4) == loses


def test_a_loop_nested_without_a_patch_cannot_enter_a_task():
    """Who runs a loop inside itself by force gets RuntimeError from the first task it comes to, and no end."""
    ran = program("""
        import asyncio
        import os

        async def main():
            loop = asyncio.get_running_loop()
            work = asyncio.sleep(0)
            asyncio.events._set_running_loop(None)
            loop._thread_id = None
            loop.call_later(0.1, os._exit, 3)  # nothing else would end it
            loop.run_until_complete(work)

        asyncio.run(main())
    """).run()
    assert "Cannot enter into task" in ran.text and ran.status == 3


def test_a_task_needs_a_running_loop():
    """In plain code create_task says so, and asyncio.run works."""
    assert str(PROGRAMS["no_loop"].run()) == "no running event loop\nslept"


def test_a_loop_is_given_to_plain_code_by_the_python():
    """get_event_loop() where none is set: a loop on 3.11, one and a warning on 3.12 and 3.13, an error from 3.14 on."""
    ran = program("import asyncio\nasyncio.get_event_loop().close()").run()
    assert (ran.status != 0) == (sys.version_info >= (3, 14))
    assert ("There is no current event loop" in ran.text) == (sys.version_info >= (3, 12))


@pytest.mark.parametrize("before", ["asyncio.run(asyncio.sleep(0))", "import threading"])
def test_no_loop_is_given_to_a_thread_nor_after_a_run(before):
    """Where asyncio.run has been, or in another thread, get_event_loop() raises on every Python."""
    thread = "threading" in before
    call = "threading.Thread(target=asyncio.get_event_loop).start()" if thread else "asyncio.get_event_loop()"
    assert "RuntimeError: There is no current event loop" in program(f"import asyncio\n{before}\n{call}").run().text


def test_a_shield_loses_its_work_and_finish_does_not(capsys):
    """What is shielded is cancelled at the program's end; finish waits for it."""
    assert simulate(lambda: HERE.cancelled_at_1(False)).leaked
    assert capsys.readouterr().out == ""
    assert not simulate(lambda: HERE.cancelled_at_1(True)).leaked
    assert capsys.readouterr().out == "saved\n"


@pytest.mark.parametrize(
    ("work", "told"),
    [
        ("asyncio.shield(asyncio.sleep(60))", "still running: task sleep"),
        ("swallow()", "cancelled, and returned: task worker"),
    ],
)
def test_diagnose_tells_what_a_shield_left_and_who_swallowed_a_cancellation(work, told):
    """Python says nothing of either; diagnose(main) names the task."""
    plain = f"""
import asyncio

async def swallow():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        pass

async def worker():
    await {work}

async def main():
    task = asyncio.create_task(worker(), name="worker")
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])

asyncio.run(main())
"""
    diagnosed = "from course_lib.diagnostics import diagnose\ndiagnose(main)"
    watched = plain.replace("asyncio.run(main())", diagnosed)
    assert program(plain).run().text == ""
    assert told in program(watched).run().text


def test_diagnose_does_not_tell_of_a_limit_that_was_eaten():
    """The limit takes its request back at the end of its block, and nothing is left to be seen."""
    ran = program("""
        import asyncio
        from contextlib import suppress
        from course_lib.diagnostics import diagnose

        async def main():
            async with asyncio.timeout(0.1) as limit:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(9)
            print("over the limit:", limit.expired())

        diagnose(main)
    """).run()
    assert str(ran) == "over the limit: True"


def test_plain_code_does_not_await():
    """filter finds every coroutine true, awaited they differ, and call_soon refuses in debug mode alone."""
    plain, dev = (PROGRAMS["callback"].run(*options).text for options in ((), ("-X", "dev")))
    assert "['a', 'b']\n['a']" in plain
    assert "coroutines cannot be used with call_soon()" in dev and "cannot be used" not in plain


def test_a_lock_of_another_loop_is_noticed_under_contention_alone():
    """Two runs with one user, and one with two, work; the second with two fails, unless the lock is made inside."""
    ran = PROGRAMS["two_loops"].run()
    assert ran.text.startswith("1 used it\n1 used it\n2 used it\n") and ran.status == 1
    assert "is bound to a different event loop" in ran.text
    inside = mended(
        "two_loops", "async def main(users):\n", "async def main(users):\n    global lock\n    lock = asyncio.Lock()\n"
    )
    assert inside.run().status == 0


@pytest.mark.parametrize(
    ("wait", "cancelled"),
    [
        ("with_timeout", True),
        ("with_wait_for", sys.version_info >= (3, 12)),
        ("around_a_swallower", sys.version_info < (3, 12)),
    ],
)
def test_wait_for_loses_a_cancellation_by_the_python(wait, cancelled):
    """In the same turn as the answer wait_for loses it on 3.11; around what swallows, from 3.12 on; timeout never."""
    assert simulate(lambda: HERE.same_turn(getattr(HERE, wait))).result is cancelled


@pytest.mark.parametrize("text", ["lambda: await f()", "def __init__(self): await f()"])
def test_an_await_outside_of_async_def_does_not_compile(text):
    """Python says so before anything runs."""
    with pytest.raises(SyntaxError):
        compile(text, "here", "exec")


def test_a_class_method_waits_before_it_makes_the_object():
    """The mend for __init__."""
    assert asyncio.run(HERE.Client.open()).page == "page"
