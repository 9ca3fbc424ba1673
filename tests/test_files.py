"""Files that are written in one step: whole or not at all, and otherwise as any program leaves them."""

import os
import stat
import sys

import pytest

from course_lib.files import replace_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes, and links for administrators alone")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize(("umask", "wanted"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path, umask, wanted):
    """A file that was not there comes out as `open` would have made it."""
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "new", ["text"])
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == wanted


@posix
def test_an_old_file_keeps_its_mode(tmp_path):
    """A file that others may read, or write, or run, stays so."""
    path = tmp_path / "old"
    path.touch()
    for wanted in (0o666, 0o604, 0o755):
        path.chmod(wanted)
        replace_file(path, [f"{wanted}"])
        assert mode(path) == wanted and path.read_text() == f"{wanted}"


@posix
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, is_there):
    """A link, in another folder too, is a name for its file, also for one that is still to be made."""
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real", tmp_path / "link"
    if is_there:
        real.write_text("old")
    link.symlink_to("far/real")
    replace_file(link, ["new"])
    assert link.is_symlink() and real.read_text() == "new" and os.listdir(tmp_path / "far") == ["real"]


@posix
def test_a_loop_of_links_is_said_to_be_one(tmp_path):
    """Links that lead to each other are no file, and stay."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        replace_file(tmp_path / "a", ["x"])
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_missing_folder_is_named(tmp_path):
    """The error says which folder is not there, and which file was meant; no other name comes up."""
    path = tmp_path / "gone" / "a.json"
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*gone.*: make it first") as raised:
        replace_file(path, ["x"])
    assert raised.value.filename == str(path)


def test_a_folder_is_no_file(tmp_path):
    """A folder of that name is not replaced."""
    with pytest.raises((IsADirectoryError, PermissionError)):
        replace_file(tmp_path, ["x"])
    assert tmp_path.is_dir()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_what_is_no_ordinary_file_is_written_to(tmp_path):
    """A pipe or a device gets the text, and is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        replace_file(pipe, ["a", "b"])
        assert os.read(reader, 10) == b"ab" and stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reader)


@posix
def test_a_protected_file_stays_as_it_is(tmp_path, monkeypatch):
    """A file that may not be written is not replaced, though its folder would allow it."""
    path = tmp_path / "old"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the tests may be allowed everything
    with pytest.raises(PermissionError, match="choose another name"):
        replace_file(path, ["new"])
    assert path.read_text() == "old"


def test_a_long_name_is_no_longer_on_the_way(tmp_path):
    """A name as long as the system allows can be written."""
    path = tmp_path / ("x" * 255)
    replace_file(path, ["text"])
    assert path.read_text() == "text"


@pytest.mark.parametrize("how", ["error", "stopped"])
def test_what_is_not_finished_leaves_the_old_file(tmp_path, how):
    """Text that fails half-way, or is stopped, changes nothing and leaves nothing behind."""
    path = tmp_path / "a"
    path.write_text("old")
    written = []

    def pieces():
        for number in range(3):
            written.append(number)
            yield str(number)
        if how == "error":
            raise ZeroDivisionError

    if how == "error":
        with pytest.raises(ZeroDivisionError):
            replace_file(path, pieces())
    else:
        replace_file(path, pieces(), lambda: len(written) == 2)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_lines_are_the_same_on_every_system(tmp_path):
    """The text is written as UTF-8, its line ends as they are."""
    replace_file(tmp_path / "a", ["\u00e4\r\n", "b\n"])
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa4\r\nb\n"
