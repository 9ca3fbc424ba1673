"""`refresh`: the same notebook gives the same bytes."""
# mypy: allow-untyped-calls
# (nbformat has no types)

import json
import sys
from pathlib import Path

import kernels
import nbformat
import psutil
import pytest
import zmq
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib.cli import refresh as module
from course_lib.cli.refresh import main, refresh, without_ports
from course_lib.paths import REPO


def write(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    """Write a notebook with these code cells, the last one tagged."""
    made = [new_markdown_cell("# A title"), *(new_code_cell(cell) for cell in cells)]
    if tags:
        made[-1].metadata["tags"] = list(tags)
    nbformat.write(new_notebook(cells=made), path)
    return path


def outputs(path: Path) -> list[list[dict[str, object]]]:
    """Return the outputs of each code cell in a file."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def test_a_notebook_comes_out_byte_for_byte_the_same(tmp_path: Path) -> None:
    """Two runs, neither of which sees the other's outputs, write the same file, pictures included."""
    path = write(
        tmp_path / "lesson.ipynb",
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('out again')",
        "import matplotlib.pyplot as plt\n_ = plt.plot([1, 3, 2])",
        "import os\nos.environ['COURSE_PROGRESS']",
        "1 / 0",
        tags=("raises-exception",),
    )
    empty = path.read_bytes()
    assert refresh(path)
    first = path.read_bytes()
    path.write_bytes(empty)
    refresh(path)
    assert path.read_bytes() == first


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook after refresh, with one cell for each thing a run leaves behind."""
    path = write(
        tmp_path_factory.mktemp("refresh") / "lesson.ipynb",
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('out again')",
        "import os\nprint(os.environ['COURSE_PROGRESS'], os.path.basename(os.getcwd()).startswith('refresh'))",
        "import ipywidgets\nipywidgets.IntSlider(3)",
        "from IPython.display import display\nprint('before')\ndisplay('shown')\nprint('after')",
        "print(object(), '~0.31 s')",
        "from pathlib import Path\nfrom course_lib.cli.refresh import refresh\nrefresh(Path('nowhere.ipynb'))",
        tags=("raises-exception",),
    )
    refresh(path)
    return path


def test_streams_are_joined(saved: Path) -> None:
    """One stdout and one stderr between two pictures, and prints stay on their side of what is displayed."""
    out, err = outputs(saved)[0]
    assert (out["text"], err["text"]) == (["out\n", "out again\n"], ["err\n"])
    assert [output.get("text", "shown") for output in outputs(saved)[3]] == [["before\n"], "shown", ["after\n"]]


def test_the_kernel_runs_beside_its_notebook_and_touches_no_progress(saved: Path) -> None:
    """The kernel's folder is the notebook's, and progress stays in memory."""
    assert outputs(saved)[1][0]["text"] == ["memory True\n"]


def test_a_widget_is_saved_as_its_text(saved: Path) -> None:
    """What needs a running kernel is dropped; the text beside it stays."""
    assert [list(output["data"]) for output in outputs(saved)[2]] == [["text/plain"]]  # type: ignore[call-overload]
    assert "widget-view" not in saved.read_text(encoding="utf-8")


def test_nothing_of_the_machine_is_saved(saved: Path) -> None:
    """No version, no time and none of this machine's folders get into the file, tracebacks included."""
    text = saved.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"] == module.METADATA
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])
    assert "course_lib/cli/refresh.py" in text.replace("\\\\", "/") and "python/" in text
    assert not any(folder in text for folder in (str(REPO), sys.prefix, sys.base_prefix))


def test_what_only_differs_by_chance_is_kept(saved: Path) -> None:
    """A new address or a newly measured quantity changes no byte; a new word does."""
    text = saved.read_text(encoding="utf-8")
    saved.write_text(text.replace("0x", "0xabcdef"), encoding="utf-8", newline="\n")
    assert not refresh(saved)
    saved.write_text(text.replace("out again\\n", "out once\\n"), encoding="utf-8", newline="\n")
    assert refresh(saved)


def test_ids_are_kept_and_made_from_the_text(tmp_path: Path) -> None:
    """A cell keeps its id when others move; missing and doubled ids are made from the cell's text, not at random."""
    path = write(tmp_path / "lesson.ipynb", "a = 1", "b = 2", "b = 2")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][0]["id"] = "kept"
    for cell in notebook["cells"][1:]:
        cell["id"] = "doubled"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    refresh(path)
    ids = [cell["id"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    assert ids[:2] == ["kept", "doubled"]
    assert ids[3] == f"{ids[2]}-2"


def test_a_failing_cell_leaves_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell that fails without its tag is named with its error, the file is not changed, and the status says so."""
    path = write(tmp_path / "lesson.ipynb", "print('fine')", "1 / 0")
    before = path.read_bytes()
    assert main([str(path)]) == 1
    assert path.read_bytes() == before
    said = capsys.readouterr()
    assert said.out == "lesson.ipynb: running, failed; the file was not changed.\n"
    assert (
        "Cell 3 ('1 / 0') raised ZeroDivisionError: division by zero. Mend it, or tag it raises-exception" in said.err
    )


def test_a_cell_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that takes too long ends the run, with the advice to use virtual time."""
    monkeypatch.setattr(module, "CELL_TIMEOUT", 1)
    path = write(tmp_path / "lesson.ipynb", "import time\ntime.sleep(60)")
    with pytest.raises(module.RefreshError, match=r"longer than 1 s; .*virtual time"):
        refresh(path)


def test_an_unknown_notebook_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no notebook's is answered with those that are."""
    assert main(["99_nothing"]) == 1
    assert "There is no notebook '99_nothing.ipynb'. There are: " in capsys.readouterr().err


def test_a_new_picture_is_saved_though_its_text_stayed(tmp_path: Path) -> None:
    """In HTML, too, a picture that is drawn in another way replaces the saved one; the same one is left alone."""
    source = 'from IPython.display import HTML\nHTML(\'<img src="data:image/png;base64,AAAA" alt="a dot">\')'
    path = write(tmp_path / "lesson.ipynb", source)
    assert refresh(path) and not refresh(path)
    drawn = path.read_text(encoding="utf-8")
    first, _, last = drawn.partition("AAAA")  # the output stands before the source
    path.write_text(f"{first}CCCC{last}", encoding="utf-8")
    refresh(path)
    assert path.read_text(encoding="utf-8") == drawn


@pytest.mark.skipif(not zmq.has("ipc"), reason="no sockets of ZeroMQ's as files here")
def test_a_kernel_has_no_port_that_another_could_take_first() -> None:
    """Between a port's being found free and its being taken another program may take it: a kernel listens at files."""
    with kernels.start() as kernel:
        assert kernel.printed("print('here')") == "here\n"
        told = {value for name, value in kernel.manager.get_connection_info().items() if name.endswith("_port")}
        found = psutil.Process(kernel.pid).net_connections(
            "tcp"
        )  # one that it has found itself, and kept, is ipykernel's
        assert told and told.isdisjoint(each.laddr.port for each in found)


def test_where_paths_are_too_long_for_sockets_there_are_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with a long name has no room for them: then a kernel is started as Jupyter does it."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", f"/home/{'a' * 60}/runtime")
    assert without_ports(KernelManager()).transport == "tcp"
