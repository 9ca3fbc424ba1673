"""Lesson 10b's program ends well when it is told to stop, in both of the ways that it knows."""

import ast
import subprocess
import sys

import pytest
from pitfall_programs import notebook

ON_WINDOWS = 'sys.platform == "win32"'


def texts():
    """Return the programs that the lesson keeps as texts, by their names."""
    found = {}
    for cell in notebook("10b_processes_and_streams")["cells"]:
        if cell["cell_type"] != "code":
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                found[node.targets[0].id] = node.value.value
    return found


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param(True, id="by the end of its input"),
        pytest.param(
            False,
            id="by SIGTERM",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM"),
        ),
    ],
)
def test_a_program_that_is_told_to_stop_does_the_job_in_hand_and_closes(windows):
    """What it has begun it ends, it begins nothing more, and its exit status is 0; Windows' way is tried everywhere."""
    listening = texts()["LISTENING"]
    assert listening.count(ON_WINDOWS) == 1
    source = listening.replace(ON_WINDOWS, str(windows)) + texts()["PROGRAM"]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", source], stdin=pipe, stdout=pipe, text=True) as process:
        said = [process.stdout.readline().strip()]
        if windows:
            process.stdin.close()
        else:
            process.terminate()
        said += process.stdout.read().splitlines()
    assert said[-1] == "closed" and set(said[:-1:2]) == {"job begun"} and set(said[1:-1:2]) == {"job done"}
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_program_that_does_not_listen_is_ended_on_the_spot():
    """No `finally` runs: the lesson says so, and it is why a program has to listen."""
    source = texts()["DEAF"] + texts()["PROGRAM"]
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.terminate()
        said = process.stdout.read()
    assert "closed" not in said and process.returncode < 0
