"""pyproject.toml, requirements.txt and environment.yml agree, and none of them names a place to fetch from."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from course_lib.paths import REPO

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = (REPO / "requirements.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if line and not line.startswith(("#", "-"))]
CONDA = yaml.safe_load((REPO / "environment.yml").read_text(encoding="utf-8"))
PYTHONS = ("3.11.0", "3.11.9", "3.12.4", "3.13.0", "3.14.0", "3.15.0")
PLATFORMS = ("linux", "darwin", "win32")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_declared_dependency_is_pinned_to_a_version_it_allows(python, platform):
    """On each Python and system, every dependency that pyproject.toml has there has one pin, within its bounds."""
    system = {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": platform}
    for declared in map(Requirement, PROJECT["dependencies"]):
        if declared.marker and not declared.marker.evaluate(system):
            continue
        pins = [
            pin
            for pin in PINS
            if canonicalize_name(pin.name) == canonicalize_name(declared.name)
            and (pin.marker is None or pin.marker.evaluate(system))
        ]
        assert len(pins) == 1, f"{declared.name} has {len(pins)} pins"
        (version,) = (specifier.version for specifier in pins[0].specifier)
        assert declared.specifier.contains(version), f"{pins[0]} is outside {declared}"


def test_every_pin_is_exact():
    """requirements.txt holds exact versions, sorted, and nothing twice for one Python."""
    for pin in PINS:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert not pin.extras
    names = [pin.name for pin in PINS]
    assert names == sorted(names)
    assert all(pin.marker for pin in PINS if names.count(pin.name) > 1)


@pytest.mark.parametrize("name", ["site", "hub"])
def test_what_a_command_needs_besides_is_exact_and_nothing_else_needs_it(name):
    """An extra names exact versions, sorted, of packages that requirements.txt does not have."""
    extra = [Requirement(line) for line in PROJECT["optional-dependencies"][name]]
    assert [pin.name for pin in extra] == sorted(pin.name for pin in extra)
    assert all([specifier.operator for specifier in pin.specifier] == ["=="] for pin in extra)
    assert not {pin.name for pin in extra} & {pin.name for pin in PINS}


def test_the_course_itself_comes_last():
    """requirements.txt ends with `-e .`, its only option, so that course_lib is importable from anywhere."""
    assert LINES[-1] == "-e ."
    assert [line for line in LINES if line.startswith("-")] == ["-e ."]


def test_the_build_needs_one_pinned_package():
    """What builds the editable install is pinned, too."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    (build,) = map(Requirement, project["build-system"]["requires"])
    assert [specifier.operator for specifier in build.specifier] == ["=="]


def test_conda_installs_the_same_pins():
    """environment.yml has a Python that the course supports, pip, and requirements.txt for all the rest."""
    python, pip, rest = CONDA["dependencies"]
    assert re.fullmatch(r"python=3\.\d+", python)  # Binder reads the version from exactly this form
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert pip == "pip"
    assert rest == {"pip": ["-r requirements.txt"]}


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "requirements.txt",
        "environment.yml",
        ".ci/run",
        ".github/workflows/ci.yml",
        ".github/workflows/site.yml",
    ],
)
def test_no_file_names_a_place_to_fetch_packages_from(name):
    """No index, no link to a file and no registry's host is written down: the user's settings decide."""
    text = (REPO / name).read_text(encoding="utf-8")
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.M)
    assert set(re.findall(r"[\w+]+://([\w.]*)", text)) <= {"docs.python.org"}
    assert not [pin for pin in PINS if pin.url]
