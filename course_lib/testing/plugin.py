"""The pytest plugin, asked for by name: `pytest_plugins = ["course_lib.testing.plugin"]` in the top conftest.py.

It adds two things:

- asynchronous fixtures (`async def`, and with `yield`) for tests under `in_virtual_time` and `in_every_order`: they run
  on the test's own loop and clock, in every order anew, and end before the test is looked at for leaks. Their scope is
  "function"; a wider one, and a synchronous fixture that takes an asynchronous one, are refused with a sentence.
- a fixture `no_leaks`: `pytestmark = pytest.mark.usefixtures("no_leaks")` puts every asynchronous test of a module,
  whichever plugin runs it, into such a block.

Other tests and other plugins' fixtures are left alone.
"""

import inspect
from collections.abc import Callable, Generator
from typing import Any

import pytest

from course_lib.testing import leaks
from course_lib.testing.fixtures import AsyncFixture, of_the_test

_made = pytest.StashKey[list[AsyncFixture]]()


@pytest.fixture(name="no_leaks")
def _no_leaks(request: pytest.FixtureRequest) -> None:
    """Nothing may be left at the end of the asynchronous test that uses this."""
    item: Any = request.node
    test = item.obj
    if inspect.iscoroutinefunction(test):
        item.obj = leaks.no_leaks()(test)
    elif not _makes_its_fixtures(item):
        pytest.fail(
            f"{item.name} is not an asynchronous test, of which alone the fixture no_leaks knows what is left"
            + (": put @no_leaks() under @given" if hasattr(test, "hypothesis") else ""),
            pytrace=False,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse, before anything is set up, fixtures that could not be on the test's own loop."""
    if not _makes_its_fixtures(item):
        return
    item.stash[_made] = []  # anew, where a test is run again
    known = {name: found[-1] for name, found in item._fixtureinfo.name2fixturedefs.items()}  # type: ignore[attr-defined]
    asynchronous = {name for name, fixture in known.items() if _is_async(fixture.func)}
    for name in sorted(asynchronous):
        if known[name].scope != "function":
            pytest.fail(
                f"the asynchronous fixture {name!r} has scope={known[name].scope!r}, and {item.name} has a loop of its "
                'own: give the fixture scope="function"',
                pytrace=False,
            )
    for name in sorted(known.keys() - asynchronous):
        if taken := sorted(asynchronous & set(known[name].argnames)):
            pytest.fail(
                f"the fixture {name!r} is synchronous and takes {taken[0]!r}, which is asynchronous and has no value "
                f"before the loop of {item.name} runs: write {name!r} with async def",
                pytrace=False,
            )


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest-asyncio and anyio would run it on a loop of theirs
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, object, object]:
    """Hand a test of ours an AsyncFixture in the place of an asynchronous fixture's value."""
    function = fixturedef.func
    if not (_makes_its_fixtures(request.node) and _is_async(function)):
        return (yield)
    bound = _bound(function, request.instance)

    def stand_in(**arguments: Any) -> AsyncFixture:
        fixture = AsyncFixture(fixturedef.argname, bound, arguments)
        request.node.stash[_made].append(fixture)
        return fixture

    fixturedef.func = stand_in
    try:
        return (yield)
    finally:
        fixturedef.func = function


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test of ours know its asynchronous fixtures, also those that it does not take."""
    made: list[AsyncFixture] = item.stash.get(_made, [])
    token = of_the_test.set(made)
    try:
        return (yield)
    finally:
        of_the_test.reset(token)


def _makes_its_fixtures(item: Any) -> bool:
    return getattr(getattr(item, "obj", None), "makes_its_fixtures", False)


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _bound(function: Any, instance: Any) -> Callable[..., Any]:
    """Return a fixture that is a method as one of the test's instance: it was found on another of the class."""
    owner = getattr(function, "__self__", None)
    if owner is None or instance is None or not isinstance(instance, type(owner)):
        return function  # type: ignore[no-any-return]
    return function.__func__.__get__(instance)  # type: ignore[no-any-return]
