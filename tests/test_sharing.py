"""What learners share of their progress: by their word alone, no more than promised, and never in a check's way.

The board is a folder here; on a class's Redis it is in test_servers_classroom.py.
"""

import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest
from serving import SOON
from test_plotting import crowded
from wrong_answers import lesson_01 as wrong_01

from course_lib.cli import classroom as command
from course_lib.exercises import class_progress, lesson_01, progress, sharing
from course_lib.lab.servers import ServerError, board

COURSE = {"lesson_01": ["load_page", "order_page", "fetch_all"], "lesson_05a": ["with_connection", "pay", "transfer"]}


@pytest.fixture(autouse=True)
def shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The class's folder; and this process is Ann's, in a kernel that has just started."""
    folder = tmp_path / "class"
    folder.mkdir()
    monkeypatch.setenv("COURSE_CLASS", str(folder))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.delenv("COURSE_REDIS_URL", raising=False)
    monkeypatch.setattr(sharing, "WAIT", SOON)
    monkeypatch.setattr(board, "PATIENCE", SOON)
    become("ann", tmp_path, monkeypatch)
    return folder


def become(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be this learner from now on, in a kernel that has just started."""
    monkeypatch.setenv("COURSE_LEARNER", name)
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work of" / name))
    monkeypatch.setattr(progress, "_memory", {})
    monkeypatch.setattr(sharing, "_memory", None)
    monkeypatch.setattr(sharing, "_sending", sharing._Sending())


def seen() -> str:
    """What the instructor sees."""
    return str(class_progress.look(course=COURSE))


def rows() -> list[str]:
    """The rows of learners that the instructor sees."""
    _, _, grid = seen().partition(class_progress.KEY)
    return grid.splitlines()[3:]


def test_before_the_learner_s_word_nothing_is_shared(shared_folder: Path) -> None:
    """Answers are graded and noted, and the class's folder stays empty."""
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    assert list(shared_folder.iterdir()) == []
    assert seen().startswith("Nobody shares yet, in the folder ")


def test_two_learners_share_and_the_instructor_sees_who_is_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was tried before counts, what comes after is added, and each stands in a row of their own."""
    lesson_01.load_page.check(wrong_01.sequential)
    progress.share("Ann")
    told = capsys.readouterr().out
    assert "Shared as Ann, with the folder " in told and "progress.stop_sharing() takes it back." in told
    become("ben", tmp_path, monkeypatch)
    progress.share("Ben")
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    progress.note_try("lesson_05a", "pay", passed=False)
    assert rows() == ["1..       ...        Ann", "#..       .1.        Ben"]
    assert re.search(r"load_page +1 +1 +0\n", seen())
    assert "order_page" in seen()


def test_what_is_shared_is_the_name_the_states_and_the_tries(shared_folder: Path) -> None:
    """No code, no lesson's text, nothing of the machine or the user; not even what somebody adds to progress.json."""
    progress.share("a fox")
    lesson_01.load_page.check(lesson_01.solutions.load_page)
    notes = {
        "lesson_01": {"load_page": {"tries": 1, "passed": True, "code": "x = 1"}, "x y": {"tries": 1, "passed": True}},
        "mine": {"diary": {"text": "dear diary"}, "pay": {"tries": "x", "passed": True}},
    }
    (sharing.work_folder() / "progress.json").write_text(json.dumps(notes))
    progress.note_try("lesson_01", "order_page", passed=False)
    (file,) = shared_folder.iterdir()
    assert json.loads(file.read_text()) == {
        "name": "a fox",
        "exercises": {"load_page": {"tries": 1, "passed": True}, "order_page": {"tries": 1, "passed": False}},
    }
    assert "ann" not in file.name


def test_a_row_is_read_by_others_and_written_by_its_owner_alone(shared_folder: Path) -> None:
    """Whatever the umask: the instructor, who is another user, can read it."""
    if os.name == "nt":
        pytest.skip("Windows has no modes")
    before = os.umask(0o077)
    try:
        progress.share("Ann")
    finally:
        os.umask(before)
    (file,) = shared_folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_the_word_holds_for_other_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Another kernel of the learner shares, too, and `show` says so."""
    progress.share("Ann")
    become("ann", tmp_path, monkeypatch)
    progress.note_try("lesson_01", "load_page", passed=True)
    assert rows() == ["#..       Ann"]
    progress.show()
    assert "Shared as Ann, with the folder " in capsys.readouterr().out.splitlines()[-2]


def test_where_nothing_can_be_kept_the_word_holds_for_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """On a folder that cannot be written the learner is told so; it can be taken back as ever."""
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "a file" / "work"))
    progress.share("Ann")
    assert "this holds for this notebook, until its kernel stops" in capsys.readouterr().out
    progress.note_try("lesson_01", "load_page", passed=True)
    assert rows() == ["#..       Ann"]
    progress.stop_sharing()
    assert seen().startswith("Nobody shares yet")
    become("ann", tmp_path, monkeypatch)
    assert sharing.state() == ""


def test_taken_back_the_row_is_gone_and_nothing_more_is_shared(shared_folder: Path, capsys) -> None:
    """`stop_sharing` removes the row at once; later answers are noted at home alone; twice does no harm."""
    progress.share("Ann")
    progress.stop_sharing()
    assert "your row is removed" in capsys.readouterr().out
    progress.note_try("lesson_01", "load_page", passed=True)
    assert list(shared_folder.iterdir()) == []
    progress.stop_sharing()
    progress.show()
    told = capsys.readouterr().out
    assert told.startswith("Nothing is shared.\n") and "Shared as" not in told


def test_taken_back_while_another_notebook_sends_it_is_gone(
    shared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that arrives after the word was taken back elsewhere is removed by the one who brought it."""
    progress.share("Ann")
    put = board.Folder.put

    def slow(self: board.Folder, row: str, text: str) -> None:
        (tmp_path / "work of" / "ann" / "sharing.json").unlink()  # what the other notebook does, with the row
        self.remove(row)
        put(self, row, text)

    monkeypatch.setattr(board.Folder, "put", slow)
    progress.note_try("lesson_01", "load_page", passed=True)
    assert list(shared_folder.iterdir()) == []


def test_another_class_is_sent_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The word is for one class; in another one a sentence says so, once; at home there is none to say."""
    progress.share("Ann")
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("COURSE_CLASS", str(other))
    capsys.readouterr()
    for _ in range(2):
        progress.note_try("lesson_01", "load_page", passed=True)
    assert capsys.readouterr().out == (
        "This is not the class you share with; progress.share('Ann') shares with this one.\n"
    )
    assert list(other.iterdir()) == []
    progress.share("Ann")
    assert re.search(r"What the folder .*class has of you stays there.\n$", capsys.readouterr().out)
    assert len(list(other.iterdir())) == 1
    monkeypatch.delenv("COURSE_CLASS")
    progress.note_try("lesson_01", "load_page", passed=True)
    progress.stop_sharing()
    assert capsys.readouterr().out.startswith("Nothing more is shared. What the folder ")


def test_a_class_that_cannot_be_written_to_disturbs_no_check(shared_folder: Path, monkeypatch, capsys) -> None:
    """The verdict comes as ever, one sentence says what failed, once; when the class is back, all of it arrives."""
    progress.share("Ann")
    put = board.Folder.put
    monkeypatch.setattr(board.Folder, "put", lambda *_: (_ for _ in ()).throw(OSError("no route to host")))
    capsys.readouterr()
    for _ in range(3):
        lesson_01.load_page.check(wrong_01.sequential)
        sharing._sending.not_before = 0.0  # a minute later
    told = capsys.readouterr().out
    assert told.count("load_page: not yet.") == 3
    assert told.count("did not reach the class (no route to host). It is kept here, and sent later.") == 1
    monkeypatch.setattr(board.Folder, "put", put)
    progress.note_try("lesson_01", "load_page", passed=True)
    assert rows() == ["#..       Ann"]


def test_a_class_that_does_not_answer_is_waited_for_once_in_a_while(shared_folder: Path, monkeypatch, capsys) -> None:
    """A network drive that keeps the call delays one check, by two seconds at most; meanwhile no other is begun."""
    progress.share("Ann")
    monkeypatch.setattr(sharing, "WAIT", 0.0)
    asked, answer, put = threading.Semaphore(0), threading.Event(), board.Folder.put

    def slow(self: board.Folder, row: str, text: str) -> None:
        asked.release()
        answer.wait()
        put(self, row, text)

    monkeypatch.setattr(board.Folder, "put", slow)
    capsys.readouterr()
    try:
        for _ in range(2):
            progress.note_try("lesson_01", "load_page", passed=True)
            sharing._sending.not_before = 0.0
        assert capsys.readouterr().out.count("did not reach the class (no answer within 0 s)") == 1
        assert asked.acquire() and not asked.acquire(blocking=False)
    finally:
        answer.set()
    progress.stop_sharing()  # waits for what is on its way
    assert list(shared_folder.iterdir()) == []


def test_a_row_that_cannot_be_removed_is_said(monkeypatch, capsys) -> None:
    """The word is taken back all the same, and a later call removes the row."""
    progress.share("Ann")
    with monkeypatch.context() as patch:
        patch.setattr(board.Folder, "remove", lambda *_: (_ for _ in ()).throw(OSError("no route to host")))
        progress.stop_sharing()
    assert "Nothing more is shared, but your row is still there: no route to host" in capsys.readouterr().out
    assert sharing.state() == ""
    progress.stop_sharing()
    assert seen().startswith("Nobody shares yet")


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\x1b[2J", "\u202egnihton", "x" * 25, 7, None])
def test_a_name_that_cannot_be_shown_is_refused(name: object, shared_folder: Path) -> None:
    """The message tells the name, what is allowed and an example; nothing is shared."""
    with pytest.raises(ValueError, match=r'name=.*1 to 24 characters that can be printed.*share\("Ann"\)'):
        progress.share(name)  # type: ignore[arg-type]
    assert list(shared_folder.iterdir()) == []


@pytest.mark.parametrize("name", ["Zoë", "李小龍", "محمد", "$x^2$", "<b>Bo</b>", "../../up", "a{b}%s", "🦊", "'; --"])
def test_odd_names_are_names(name: str, shared_folder: Path) -> None:
    """They stand in the table as they were given, and the picture can be drawn."""
    progress.share(f" {name} ")
    progress.note_try("lesson_01", "load_page", passed=True)
    assert rows() == [f"#..       {name}"]
    assert crowded(class_progress.look(course=COURSE).draw()) == []
    assert len(list(shared_folder.iterdir())) == 1


def test_two_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one's row says so; neither hides the other."""
    for learner in ("ann", "ben"):
        become(learner, tmp_path, monkeypatch)
        progress.share("Kim")
        progress.note_try("lesson_01", "load_page", passed=True)
    assert rows() == ["#..       Kim", "#..       Kim (2)"]


def test_without_a_class_sharing_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a folder nor a server is named, or the folder is not there: the sentence says so."""
    monkeypatch.delenv("COURSE_CLASS")
    with pytest.raises(ServerError, match=r"no class here to share with(.|\n)*Next: ask the instructor"):
        progress.share("Ann")
    with pytest.raises(ServerError, match=r"no class to look at(.|\n)*Next: start one"):
        class_progress.look(course=COURSE)
    monkeypatch.setenv("COURSE_CLASS", str(tmp_path / "nowhere"))
    with pytest.raises(ServerError, match=r"COURSE_CLASS names .*nowhere, and there is no such folder(.|\n)*mkdir"):
        progress.share("Ann")


def test_a_class_whose_server_has_gone_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A port that nobody listens at: a check says so once and goes on, and to share anew is refused."""
    monkeypatch.delenv("COURSE_CLASS")
    monkeypatch.setenv("COURSE_REDIS_URL", "redis://classroom:word@127.0.0.1:1/0")
    there = board.learners_board()
    assert isinstance(there, board.ClassRedis)
    sharing._keep(sharing.Word("Ann", there.identity, there.where))
    for _ in range(2):
        lesson_01.load_page.check(lesson_01.solutions.load_page)
    told = capsys.readouterr().out
    assert (told.count("load_page: passed."), told.count("did not reach the class")) == (2, 1)
    with pytest.raises(ServerError, match=r"127\.0\.0\.1:1, given by COURSE_REDIS_URL, cannot be used"):
        progress.share("Ann")


@pytest.mark.parametrize("kept", ["{", "[]", "{}", '{"name": "", "board": "x", "where": "y"}', '{"name": 1}'])
def test_a_word_that_cannot_be_read_is_none(kept: str, shared_folder: Path) -> None:
    """What may be a yes is not taken for one."""
    progress.share("Ann")
    (file,) = shared_folder.iterdir()
    before = file.read_text()
    (sharing.work_folder() / "sharing.json").write_text(kept)
    progress.note_try("lesson_01", "load_page", passed=True)
    assert file.read_text() == before
    assert sharing.state() == ""


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 20_000,
        b'{"name": "Ann"}',
        b'{"name": "\\u001b[2J", "exercises": {}}',
        b'{"name": "Ann", "exercises": {"pay": 1}}',
        b'{"name": "Ann", "exercises": {"pay": {"tries": "1", "passed": true}}}',
        b"\xff\xfe",
    ],
)
def test_a_row_that_others_made_up_is_counted_and_not_shown(row: bytes, shared_folder: Path) -> None:
    """In a folder anybody may write anything: the others' rows are seen, and that one could not be read."""
    progress.share("Ann")
    (shared_folder / "0.json").write_bytes(row)
    assert seen().startswith("1 learner shares, in the folder ")
    assert "Besides, 1 row on the board cannot be read." in seen()


def test_exercises_that_this_course_does_not_have_are_said() -> None:
    """A learner's course may be another edition: what the table leaves out, it counts."""
    progress.share("Ann")
    progress.note_try("lesson_01", "an_old_one", passed=True)
    assert "Left out, for this course has no such exercise: 1 exercises." in seen()


def test_the_lessons_to_show_can_be_chosen() -> None:
    """By number, with or without the zero, or the two parts of a lesson together; another one is refused."""
    progress.share("Ann")
    for asked in ("5a", "05a", "5"):
        assert list(class_progress.look(asked, course=COURSE).columns) == ["Lesson 5a"]
    with pytest.raises(ValueError, match=r"lesson='99': there is none. Choose from 1, 5a"):
        class_progress.look("99", course=COURSE)


def test_the_command_shows_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """`classroom --progress` prints it, with 0; a lesson that is not there gets a sentence, with 1."""
    progress.share("Ann")
    progress.note_try("lesson_05a", "pay", passed=True)
    capsys.readouterr()
    assert command.main(["--progress"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["Lesson 5a", ".#.        Ann"]
    assert command.main(["--progress", "99"]) == 1
    assert "lesson='99': there is none." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["--watch"])
    assert "--watch goes with --progress" in capsys.readouterr().err


def test_a_running_classroom_is_found_by_its_own_user_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By a file that is gone with it, but for that of one started later; where none can be written it is said."""
    monkeypatch.delenv("COURSE_CLASS")
    with board.opened_for_instructor("redis://instructor:1@127.0.0.1:1/0") as hindrance:
        assert hindrance is None
        assert board.instructors_board().where == "the class's Redis at 127.0.0.1:1"
        with pytest.raises(ServerError, match=r"board cannot be read, in the class's Redis(.|\n)*Next: see whether"):
            class_progress.look(course=COURSE)
        with board.opened_for_instructor("redis://instructor:2@127.0.0.1:2/0"):
            assert board.instructors_board().where == "the class's Redis at 127.0.0.1:2"
    with pytest.raises(ServerError, match="no class to look at"):
        board.instructors_board()
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "a file" / "work"))
    with board.opened_for_instructor("redis://instructor:1@127.0.0.1:1/0") as hindrance:
        assert isinstance(hindrance, OSError)


def test_the_command_watches_until_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """With --watch the table comes anew; a class that is away meanwhile is a sentence, and is looked for again."""
    folder = os.environ["COURSE_CLASS"]
    waits = iter(["no class", "a class", "the end"])

    def wait(_: float) -> None:
        match next(waits):
            case "no class":
                monkeypatch.setenv("COURSE_CLASS", f"{folder} no more")
            case "a class":
                monkeypatch.setenv("COURSE_CLASS", folder)
            case _:
                raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", wait)
    assert command.main(["--progress", "--watch"]) == 0
    told = capsys.readouterr().out
    assert (told.count("Nobody shares yet"), told.count("there is no such folder")) == (2, 1)
