"""The exercises: right answers pass, each recorded mistake gets its own sentence, and nonsense gets a useful one."""

import asyncio
import gc
import importlib
import inspect
import json
import pkgutil
import stat
import subprocess
import sys
import textwrap
import threading
import time
import types
from pathlib import Path

import pytest
from garbage import freeze
from right_answers import right_answers
from wrong_answers import lesson_01 as wrong_01
from wrong_answers import lesson_02 as wrong_02
from wrong_answers import wrong_answers

import course_lib.exercises
from course_lib.exercises import lesson_01, lesson_02, lesson_08a, progress
from course_lib.exercises.framework import Exercise, Wrong, run
from course_lib.seeing import Outcome

LESSONS = [
    importlib.import_module(f"course_lib.exercises.{module.name}")
    for module in pkgutil.iter_modules(course_lib.exercises.__path__)
    if module.name.startswith("lesson_")
]
# In names, the lesson comes first: by it `test 05b` finds what belongs to it.
EXERCISES = [exercise for lesson in LESSONS for exercise in lesson.EXERCISES]
MISTAKES = list(wrong_answers())
RIGHT = list(right_answers())


def named(exercise):
    return f"{exercise.lesson}-{exercise.name}"


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.setattr(progress, "_memory", {})
    return tmp_path / "progress.json"


@pytest.fixture(autouse=True)
def quick_checks():
    freeze()  # each check collects garbage: let it not go through what others before it have loaded and cached


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_the_reference_solution_passes(exercise):
    """A reference solution passes its own check, and the tasks of its runs go: no try makes a kernel larger."""
    verdict = exercise.judge(exercise.reference)
    assert verdict.passed, verdict.sentence
    for _ in range(2):  # what coroutines do as they are closed may need another
        gc.collect()
    tasks = [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Task)]  # without what is frozen
    assert len(tasks) < 2, tasks  # of hundreds; on Python 3.11 the last one may hang on the frame of a time limit
    codes = [thing.tb_frame.f_code for thing in gc.get_objects() if isinstance(thing, types.TracebackType)]
    kept = [code for code in codes if Path(code.co_filename).is_relative_to(course_lib.exercises.__path__[0])]
    assert not kept, kept  # by one exception for all runs; from 3.12 on it keeps their tasks, too


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda it: f"{named(it.exercise)}-{it.function.__name__}")
def test_a_recorded_mistake_gets_its_sentence(mistake):
    """A typical wrong answer does not pass, and is told what is wrong with it in particular."""
    verdict = mistake.exercise.judge(mistake.function)
    assert verdict.passed is False
    assert mistake.sentence in verdict.sentence
    assert verdict.sentence.endswith((".", "?"))
    assert (
        "raised Wrong" not in verdict.sentence and ":  " not in verdict.sentence and ", :" not in str(verdict.timeline)
    )


def test_a_check_does_not_blame_coroutines_of_its_own():
    """Where the program to mend breaks create_task, the sentence says that, and nothing of coroutines never awaited."""
    verdict = lesson_02.count_tasks.judge(lesson_02.as_found.count_tasks)
    assert "**kwargs" in verdict.sentence
    assert "never awaited" not in verdict.sentence


@pytest.mark.parametrize(
    "answer", RIGHT, ids=lambda it: f"{it.exercise.lesson}-{it.exercise.name}-{it.function.__name__}"
)
def test_a_right_answer_of_another_style_passes(answer):
    """What does as the task says is right, however it does so."""
    verdict = answer.exercise.judge(answer.function)
    assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__.rpartition(".")[2])
def test_a_lesson_has_three_exercises_or_more(lesson):
    """A lesson has at least three exercises, each with hints, a task that names it, and three recorded mistakes."""
    assert len(lesson.EXERCISES) >= 3
    for exercise in lesson.EXERCISES:
        assert getattr(lesson, exercise.name) is exercise
        assert f"`{exercise.name}(" in exercise.task
        assert len(exercise.hints) >= 2
        assert len({mistake.sentence for mistake in MISTAKES if mistake.exercise is exercise}) >= 3


async def stub(get_user, get_posts, get_news):
    raise NotImplementedError


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_a_stub_is_not_attempted_yet(exercise, capsys, own_progress):
    """A stub as the notebook ships it is called not attempted yet, and does not count as a try."""
    names = ", ".join(inspect.signature(exercise.reference).parameters)
    made: dict = {}
    exec(f"async def {exercise.name}({names}):\n    raise NotImplementedError", made)
    exercise.check(made[exercise.name])
    assert capsys.readouterr().out.startswith(f"{exercise.name}: not attempted yet.")
    assert not own_progress.exists()


def test_an_exercise_may_ask_for_a_generator():
    """Where a generator is asked for, one that was called and a plain function are told what to pass and to write."""
    take = lesson_08a.take
    assert "pass it without parentheses, ex.take.check(take)" in take.judge(take.reference(None, 1)).sentence
    told = take.judge(lambda source, count: source).sentence
    assert "write it with `async def take(source, count)` and `yield`" in told


# What people pass by mistake, or write.


class NotAFunction:
    pass


def plain(get_user, get_posts, get_news):
    return "user", "posts", "news"


async def two_arguments(get_user, get_posts):
    return "user", "posts", "news"


async def yields(get_user, get_posts, get_news):
    yield "user"


async def loops_for_ever(get_user, get_posts, get_news):
    while True:
        pass


async def polls_for_ever(get_user, get_posts, get_news):
    while True:
        await asyncio.sleep(0)


async def sleeps_for_ever(get_user, get_posts, get_news):
    while True:
        await asyncio.sleep(1)


async def waits_for_ever(get_user, get_posts, get_news):
    await asyncio.get_running_loop().create_future()


async def waits_for_one_that_failed(get_user, get_posts, get_news):
    done = asyncio.Queue()
    task = asyncio.create_task(raises(get_user, get_posts, get_news), name="reader")
    await done.get()
    await task


async def forgets_one_that_failed(get_user, get_posts, get_news):
    task = asyncio.create_task(raises(get_user, get_posts, get_news), name="reader")
    other = asyncio.create_task(asyncio.sleep(9), name="other")
    answers = await asyncio.gather(get_user(), get_posts(), get_news())
    return answers if not other.done() and task else None


async def raises(get_user, get_posts, get_news):
    return {}["user"]


async def leaves(get_user, get_posts, get_news):
    raise SystemExit(3)


async def raises_a_group(get_user, get_posts, get_news):
    async with asyncio.TaskGroup() as group:
        group.create_task(raises(get_user, get_posts, get_news))


async def raises_without_a_message(get_user, get_posts, get_news):
    raise TimeoutError


async def returns_a_mixture(get_user, get_posts, get_news):
    user, posts, news = await asyncio.gather(get_user(), get_posts(), get_news())
    return user, len(posts), [news]


class Incomparable:
    def __eq__(self, other):
        raise TypeError("not to be compared")


async def returns_the_incomparable(get_user, get_posts, get_news):
    await asyncio.gather(get_user(), get_posts(), get_news())
    return Incomparable(), Incomparable(), Incomparable()


async def misspells_a_callback(get_user, get_posts, get_news):
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1, lambda: done.set_resutl("user"))
    await done


async def blocks(get_user, get_posts, get_news):
    time.sleep(3)
    return await asyncio.gather(get_user(), get_posts(), get_news())


SOON = 60.0  # seconds: what has not come back by then hangs

NONSENSE = [
    (None, "pass your function, ex.load_page.check(load_page)"),
    (5, "5 is not a function: write it with `async def load_page(get_user, get_posts, get_news)`"),
    (NotAFunction, "NotAFunction is a class, not a function"),
    (plain, "plain is a plain function, which cannot await"),
    (two_arguments, "two_arguments takes other arguments than the task says"),
    (yields, "yields contains `yield`"),
    (raises, "Your code raised KeyError: 'user' (at line 1 of raises"),
    (
        raises_a_group,
        "Your code raised ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): KeyError: 'user'",
    ),
    (raises_without_a_message, "Your code raised TimeoutError (at line 1 of raises_without_a_message)."),
    (returns_a_mixture, "Expected ('user', 'posts', 'news'), got ('user', 5, ['news'])"),
    (returns_the_incomparable, "The check cannot make sense of what your function gave: TypeError"),
    (misspells_a_callback, "The callback <lambda> failed, line"),
    (leaves, "SystemExit"),
    (blocks, "The event loop was blocked for 3 s"),
    (waits_for_ever, "Your code waits for something that never happens"),
    (waits_for_one_that_failed, "Look first at reader, which had failed, and nobody asked: KeyError: 'user'."),
    (forgets_one_that_failed, "Look first at reader, which had failed, and nobody asked: KeyError: 'user'."),
    (loops_for_ever, "Your code did not come to an end"),
    (polls_for_ever, "Your code did not come to an end"),
    (sleeps_for_ever, "Your code did not come to an end"),
]


@pytest.mark.parametrize(("answer", "sentence"), NONSENSE, ids=lambda x: getattr(x, "__name__", str(x))[:20])
def test_nonsense_gets_a_sentence_soon(answer, sentence):
    """Whatever is passed, the check comes back soon with a sentence that says what was seen."""
    begun, used = time.perf_counter(), time.process_time()
    verdict = lesson_01.load_page.judge(answer)
    assert time.perf_counter() - begun < SOON
    assert time.process_time() - used < 5  # seconds of computing, and its limit is 2: others can only make it less
    assert verdict.passed is False
    line = answer.__code__.co_firstlineno + 1 if inspect.isfunction(answer) else 0
    assert sentence.replace("line 1 ", f"line {line} ") in verdict.sentence
    assert verdict.sentence.endswith((".", "?"))


UNSTOPPABLE = {
    "catches_everything": """
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
    """,
    "waits_in_a_call": """
        lock = _thread.allocate_lock()
        lock.acquire()
        lock.acquire()
    """,
}


@pytest.mark.parametrize("name", UNSTOPPABLE)
def test_what_cannot_be_stopped_is_said(name):
    """A function that Python cannot stop gets a sentence soon, too: to restart the kernel."""
    # In a process of its own: the thread would outlive the test.
    program = f"""
        import _thread, os, time
        from course_lib.exercises import lesson_01
        async def answer(get_user, get_posts, get_news):{textwrap.indent(UNSTOPPABLE[name], "    ")}
        used = time.process_time()
        verdict = lesson_01.load_page.judge(answer)
        print(verdict.passed, verdict.sentence, time.process_time() - used < 5, flush=True)
        os._exit(0)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=SOON)
    assert run.stdout.startswith("False Your code did not come to an end"), run.stderr
    if name == "waits_in_a_call":  # with luck, a loop that catches everything is stopped between two of its catches
        assert "Nothing can stop it: restart the kernel." in run.stdout
    assert run.stdout.rstrip().endswith("True")


def test_a_coroutine_instead_of_the_function_is_closed():
    """Passing load_page(...) instead of load_page is told, and leaves no warning about a coroutine never awaited."""
    coroutine = stub(1, 2, 3)
    assert "without parentheses" in lesson_01.load_page.judge(coroutine).sentence
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_a_loop_that_awaits_nothing_is_stopped_without_noise(monkeypatch):
    """Stopped in the midst of a coroutine's finalizer, it is told by the verdict, and not by Python as well."""

    async def never_awaits(get_user, get_posts, get_news):
        while True:
            get_user()

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)  # pytest's prints nothing
    verdict = lesson_01.load_page.judge(never_awaits)
    assert "Your code did not come to an end" in verdict.sentence
    assert verdict.printed == ""


def test_output_is_shown_cut(capsys):
    """What the learner's code prints is shown after the verdict, its first 2,000 characters."""

    async def prints(get_user, get_posts, get_news):
        for _ in range(100):
            print("x" * 99_999)
        return await asyncio.gather(get_user(), get_posts(), get_news())

    lesson_01.load_page.check(prints)
    shown = capsys.readouterr().out
    assert shown.startswith("load_page: passed.")
    assert shown.count("x") == 2_000
    assert "19,998,000 characters more" in shown  # two runs of ten million each


def test_a_wrong_answer_is_shown_what_happened(capsys):
    """After a wrong answer stands the swimlane of the learner's own run."""
    lesson_01.load_page.check(wrong_01.sequential)
    shown = capsys.readouterr().out
    assert "What happened:" in shown
    assert "get_news" in shown
    assert "3 to 6 s" in shown


def test_what_a_check_says_fits_beside_an_open_sidebar(capsys):
    """Verdicts, swimlanes and hints are 76 columns wide at most; no word is lost or cut."""
    exercise = lesson_01.load_page
    exercise.check(wrong_01.sequential)
    exercise.hint()
    exercise.solution()
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 76
    assert exercise.judge(wrong_01.sequential).sentence.split() == shown.split("\n\n")[0].split()[3:]


def test_no_function_of_the_check_is_named():
    """What Python says of a function that was passed uncalled may name a scene of ours; the verdict does not."""
    for mistake in (wrong_01.makes_tasks_of_the_functions, wrong_01.gathers_the_functions):
        sentence = lesson_01.load_page.judge(mistake).sentence
        assert "TypeError" in sentence and "<" not in sentence and "lambda" not in sentence


def test_a_forgotten_await_is_named():
    """When a coroutine was never awaited, the sentence says so, and no warning reaches the learner."""

    async def forgets(get_user, get_posts, get_news):
        get_news()
        return await get_user(), await get_posts(), "news"

    assert "never awaited" in lesson_01.load_page.judge(forgets).sentence


def test_what_an_earlier_answer_forgot_is_not_held_against_the_next():
    """A coroutine that an earlier answer made and never awaited is garbage by then, and no part of the next verdict."""

    async def forgets(get_user, get_posts, get_news):
        kept = [get_user()]
        kept.append(kept)  # only the garbage collector finds it
        return await get_user(), await get_posts(), await get_news()

    async def collects(get_user, get_posts, get_news):
        gc.collect()
        return await get_user(), await get_posts(), await get_news()

    gc.disable()
    try:
        lesson_01.load_page.judge(forgets)
        assert "never awaited" not in lesson_01.load_page.judge(collects).sentence
    finally:
        gc.enable()


@pytest.mark.parametrize("grouped", [False, True])
def test_a_finding_inside_the_simulation_is_the_verdict(grouped):
    """What a stand-in finds, a Wrong raised in the learner's own run, is told as it is, alone or in a group."""

    async def answer():
        if not grouped:
            raise Wrong("Not like this.")
        raise ExceptionGroup("outer", [KeyError("first"), ExceptionGroup("inner", [Wrong("Not like this.")])])

    with pytest.raises(Wrong, match=r"^Not like this\.$") as raised:
        run(answer)
    assert raised.value.timeline["main"].outcome is Outcome.FAILED


def test_a_failed_callback_is_noted_by_name():
    """The note of a callback that failed names it; a line stands there only where it is the learner's own."""
    verdict = lesson_02.ask.judge(wrong_02.swaps_the_callbacks)
    assert verdict.timeline.notes[0].startswith("the callback Future.set_exception failed: TypeError")


def test_hints_lead_on(capsys):
    """Each call gives the next hint, and the last one stays."""
    exercise = Exercise(
        **{name: getattr(lesson_01.load_page, name) for name in ("lesson", "task", "reference", "grade", "hints")}
    )
    for _ in range(4):
        exercise.hint()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Hint")]
    assert [line[:11] for line in lines] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]


def test_the_solution_opens_after_three_tries(capsys):
    """Before a pass or three tries the solution stays shut, and says when it opens."""
    exercise = lesson_01.fetch_all
    exercise.solution()
    assert "opens when you have passed, or after 3 tries; so far: 0" in capsys.readouterr().out
    for _ in range(3):
        exercise.check(wrong_01.plain_gather)
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("Try 3. ex.fetch_all.hint() gives a hint, ex.fetch_all.solution() the solution.")
    exercise.solution()
    assert "return_exceptions=True" in capsys.readouterr().out


def test_the_solution_opens_after_a_pass(capsys):
    """A pass at the first try opens the solution."""
    lesson_01.fetch_all.check(lesson_01.solutions.fetch_all)
    capsys.readouterr()
    lesson_01.fetch_all.solution()
    assert capsys.readouterr().out.startswith("async def fetch_all(fetch, names):")


def test_progress_outlives_the_kernel(own_progress, monkeypatch, capsys):
    """What was passed stands in work/progress.json, stays passed after a later wrong try, and is shown."""
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    lesson_01.load_page.check(wrong_01.sequential)
    monkeypatch.setattr(progress, "_memory", {})
    assert json.loads(own_progress.read_text())["lesson_01"]["load_page"] == {"passed": True, "tries": 2}
    capsys.readouterr()
    progress.show()
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    exercises = sum(map(len, progress.course().values()))
    begun = "Lesson 1 load_page passed tries: 2 order_page not attempted yet tries: 0"
    assert words.startswith(f"1 of {exercises} exercises passed {begun}")
    assert "Lesson 2: 3 exercises, none attempted yet" in shown.splitlines()


def test_progress_is_a_table_however_long_a_name_is(capsys):
    """The states stand under one another, and so do the tries."""
    for lesson, names in progress.course().items():
        progress.note_try(lesson, names[0], passed=False)
    progress.show()
    rows = [line for line in capsys.readouterr().out.splitlines() if "tries:" in line]
    assert any("fetch_in_one_session" in row for row in rows)
    assert len({(row.index(" not ") + 1, row.index("tries:")) for row in rows}) == 1


def test_progress_is_kept_when_an_exercise_moves(own_progress):
    """What was passed under another lesson's name counts, and is noted there again: no try is lost or counted twice."""
    own_progress.write_text('{"lesson_00": {"load_page": {"tries": 2, "passed": true}}}')
    assert progress.passed("lesson_01", "load_page")
    lesson_01.load_page.check(wrong_01.sequential)
    assert json.loads(own_progress.read_text()) == {"lesson_00": {"load_page": {"tries": 3, "passed": True}}}


def test_no_two_exercises_share_a_name():
    """An exercise is known by its name, in whatever lesson it stands."""
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)


@pytest.mark.parametrize("content", ["{not json", "[]", '{"lesson_01": 5}', '{"lesson_01": {"load_page": 1}}'])
def test_a_damaged_progress_file_is_kept_aside(own_progress, content, capsys):
    """A progress file that cannot be read is renamed, said, and never overwritten."""
    own_progress.write_text(content)
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    assert "progress.damaged.json" in capsys.readouterr().out
    assert own_progress.with_name("progress.damaged.json").read_text() == content
    assert progress.passed("lesson_01", "load_page")


def test_progress_is_kept_in_memory_where_nothing_can_be_written(own_progress, monkeypatch):
    """Where the work folder cannot be made, progress lasts as long as the kernel."""
    in_the_way = own_progress.with_name("file")
    in_the_way.write_text("")
    monkeypatch.setenv("COURSE_WORK", str(in_the_way / "work"))
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    assert progress.passed("lesson_01", "load_page")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes, and links for administrators alone")
def test_progress_is_a_file_like_any_other(own_progress, tmp_path):
    """Progress keeps its mode, and a link to where a learner has put it."""
    real = tmp_path / "elsewhere.json"
    real.write_text("{}")
    real.chmod(0o640)
    own_progress.parent.mkdir(parents=True, exist_ok=True)
    own_progress.symlink_to(real)
    progress.note_try("lesson_01", "x", passed=True)
    assert own_progress.is_symlink() and "lesson_01" in real.read_text() and stat.S_IMODE(real.stat().st_mode) == 0o640


def test_progress_in_memory_writes_nothing(own_progress, monkeypatch):
    """With COURSE_PROGRESS=memory, as in the tests of the notebooks, no file is read or written."""
    own_progress.write_text('{"lesson_01": {"load_page": {"tries": 9, "passed": true}}}')
    monkeypatch.setenv("COURSE_PROGRESS", "memory")
    assert progress.tries("lesson_01", "load_page") == 0
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    assert "9" in own_progress.read_text()


def test_a_check_leaves_no_thread_and_real_time():
    """After a check that had to stop an endless loop, its thread is gone and `time` is as it was."""
    sleep, before = time.sleep, threading.active_count()
    lesson_01.load_page.judge(loops_for_ever)
    assert time.sleep is sleep
    assert threading.active_count() <= before
