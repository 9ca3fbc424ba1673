"""The code reads as one: ruff, its formatter and mypy have nothing to say, and every test says what it tests."""

import ast
import os
import subprocess
import sys

import pytest

from course_lib.paths import REPO


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["ruff", "check", "--no-cache", "."], id="ruff"),
        pytest.param(["ruff", "format", "--no-cache", "--check", "."], id="format"),
        pytest.param(["mypy", "--strict", "--cache-dir", os.devnull, "course_lib"], id="mypy"),
    ],
)
def test_nothing_to_say(arguments):
    """Lint and format (notebooks included) and strict types pass."""
    found = subprocess.run([sys.executable, "-m", *arguments], cwd=REPO, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_test_says_in_a_sentence_what_it_tests():
    """Every test has a docstring that ends as a sentence does."""
    silent = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in (REPO / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").rstrip().endswith((".", "?", ":"))
    ]
    assert not silent, "\n".join(silent)
