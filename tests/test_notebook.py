"""setup(), the first cell of every notebook."""

import base64
import subprocess
import sys
import tomllib

import kernels
import pytest

from course_lib import notebook
from course_lib.notebook import NotReady
from course_lib.paths import REPO


def python(code: str) -> "subprocess.CompletedProcess[str]":
    """Run a script on this Python, away from this process."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPO, timeout=60, check=True)


def test_in_a_script_setup_says_what_to_do() -> None:
    """Without a kernel setup() raises, and says that a script does not need it."""
    with pytest.raises(
        NotReady, match="no kernel is running this code: a script needs no setup\\(\\), remove the call"
    ):
        notebook.setup()


def test_importing_does_nothing() -> None:
    """The import starts nothing and brings in neither IPython nor matplotlib."""
    done = python("import sys, course_lib.notebook; print({'IPython', 'matplotlib', 'ipykernel'} & set(sys.modules))")
    assert done.stdout == "set()\n"


def test_an_old_python_is_named() -> None:
    """A Python older than 3.11 gets one sentence with both versions and the mend."""
    with pytest.raises(NotReady, match=r"is 3\.10; the course needs 3\.11 or newer\. .*python -m course_lib doctor"):
        notebook._check((3, 10), ())


def test_missing_packages_are_named() -> None:
    """Every missing package is named, with the mend, and those that are there are not."""
    with pytest.raises(NotReady, match=r"cannot import nopackage, nothing\. .*python -m course_lib doctor"):
        notebook._check((3, 11), ("nopackage", "aiohttp", "nothing"))


def test_the_packages_looked_for_are_the_course_s_own() -> None:
    """setup() looks for packages that pyproject.toml declares, under the same names."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {requirement.split(">")[0] for requirement in project["dependencies"]}
    assert set(notebook.PACKAGES) <= declared


def test_a_kernel_that_is_not_ready_shows_a_sentence_instead_of_a_traceback() -> None:
    """In a notebook the failure is the sentence alone."""
    with kernels.start() as kernel:
        request = kernel.send("from course_lib import notebook\nnotebook.PACKAGES = ('nopackage',)\nnotebook.setup()")
        (output,) = kernel.run(request)[request]
    assert output["ename"] == "NotReady"
    assert output["traceback"] == [output["evalue"]]


@pytest.mark.parametrize("first", ["", "import matplotlib.pyplot as plt\nplt.subplots()\nplt.close()"])
def test_figures_are_crisp(first: str) -> None:
    """Figures have twice the pixels they are shown at, whether matplotlib came before setup() or after."""
    with kernels.start() as kernel:
        cells = [
            "from course_lib.notebook import setup",
            first,
            "setup()",
            "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
        ]
        requests = [kernel.send(cell) for cell in cells]
        (figure,) = kernel.run(*(request for request, cell in zip(requests, cells, strict=True) if cell))[requests[-1]]
    shown = figure["metadata"]["image/png"]["width"]
    assert shown == pytest.approx(_width(figure["data"]["image/png"]) / 2, abs=1)


def _width(png: str) -> int:
    return int.from_bytes(base64.b64decode(png)[16:20], "big")


def test_an_older_copy_says_so_in_its_first_cell(tmp_path, monkeypatch) -> None:
    """In the learner's copy of a lesson that has changed since, setup() says how to get the newer one, and goes on."""
    copy = tmp_path / "01_sync_vs_async.ipynb"
    copy.write_text('{"cells": [], "metadata": {}}')
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    monkeypatch.setenv("JPY_SESSION_NAME", str(copy))
    with kernels.start() as kernel:
        request = kernel.send("from course_lib.notebook import setup\nsetup()")
        outputs = kernel.run(request)[request]
    text = "".join(output["text"] for output in outputs)
    assert "python -m course_lib reset 01" in text
    assert text.endswith("Ready.\n")
