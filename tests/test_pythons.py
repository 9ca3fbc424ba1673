"""The command that runs the suite on five Pythons: what it says where it cannot, and that the five agree everywhere."""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import pythons
import unstable

from course_lib.paths import REPO

FULL = ".".join(map(str, sys.version_info[:3]))
HERE = ".".join(map(str, sys.version_info[:2]))
EVERY = [*pythons.VERSIONS]


def test_the_running_python_is_found(tmp_path, capsys):
    """`--list` names the five Pythons in order, and the one that runs this with its full version."""
    assert pythons.main(["--list", "--folder", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == EVERY
    assert FULL in lines[EVERY.index(HERE)]


@pytest.mark.parametrize("asked", [["2.7"], ["3.14", "4"], []])
def test_another_python_is_not_promised(asked, capsys):
    """A version that is not one of the five, or none at all, is answered with the five."""
    with pytest.raises(SystemExit):
        pythons.main(asked)
    assert "3.11, 3.12, 3.13, 3.14, 3.15, or all" in capsys.readouterr().err


def test_what_follows_the_dashes_is_handed_on():
    """Options before `--` or `--run` are this command's, what comes after is not looked at."""
    assert pythons.split(["3.14", "--", "-q", "--list"]) == (["3.14"], ["-q", "--list"], "--")
    assert pythons.split(["all", "--run", "python", "--", "-V"]) == (["all"], ["python", "--", "-V"], "--run")


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """A machine without a Python that could be found, and without a program to get one."""
    for name in ("PYENV_ROOT", "HOME", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


@pytest.mark.parametrize(("version", "said"), [("3.12", "pyenv install 3.12"), ("3.15", "take a Debian machine")])
def test_a_python_that_cannot_be_had_is_refused_in_a_sentence(version, said, nothing_here, capsys):
    """Where a Python cannot be had, nothing runs, and one sentence says why and what to do."""
    assert pythons.main([version, "--folder", str(nothing_here), "--run", "true"]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no root, and is refused before that is asked")
def test_without_roots_rights_debian_is_not_fetched(monkeypatch, tmp_path):
    """A user who is not root is told so before anything is fetched or written."""
    monkeypatch.setattr(unstable.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(unstable.Refused, match=r"root's rights.*user 1000.*Next:"):
        unstable.put_into(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


@pytest.mark.skipif(os.name == "nt", reason="Debian's folder is never used on Windows")
def test_the_network_settings_reach_the_inside(monkeypatch, tmp_path):
    """A file that an environment variable of pip or uv names is among those that are mounted, in its own place."""
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    monkeypatch.setenv("UV_SOME_CERTIFICATE", str(bundle))
    assert any(bundle.is_relative_to(path) for path in unstable.settings())
    command = unstable.inside(tmp_path / "root", tmp_path, ["python", "it's"])
    assert str(tmp_path / "root" / bundle.relative_to("/")) in command[-1]
    assert subprocess.run(["sh", "-n", "-c", command[-1]], check=False).returncode == 0


def test_the_counts_are_pytests(tmp_path):
    """What a run is summed up with is what pytest counted; with no test there is nothing to say."""
    test = tmp_path / "test_three.py"
    test.write_text("import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip()\n")
    report = tmp_path / "counts.xml"
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-c", os.devnull, "-p", "no:cacheprovider"]
    subprocess.run([*command, f"--junitxml={report}", test], capture_output=True, cwd=tmp_path, check=False)
    assert pythons.summary(report) == "1 passed, 1 failed, 1 skipped"
    report.write_text("")
    assert pythons.summary(report) == ""


def test_every_place_that_names_the_pythons_names_the_same():
    """The workflow, the package and the README name the five Pythons that this command runs."""
    workflow = (REPO / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    matrix = re.search(r"python: \[(.*)\]", workflow)
    assert re.findall(r'"(.*?)"', matrix.group(1)) == EVERY
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: "
    assert [each.removeprefix(prefix) for each in project["classifiers"] if each.startswith(prefix)] == EVERY
    assert project["requires-python"] == f">={EVERY[0]}"
    assert f"{EVERY[0]} to {EVERY[-1]}" in (REPO / "README.md").read_text(encoding="utf-8")
