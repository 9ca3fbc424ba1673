"""The pytest plugin: asynchronous fixtures on a test's own clock, beside pytest-asyncio and anyio's plugin."""

import re

import pytest

import course_lib.testing.plugin  # noqa: F401  # so that the runs inside this process need not import it anew

pytest_plugins = ["pytester"]

OURS = ("-p", "course_lib.testing.plugin")
ALONE = ("--disable-plugin-autoload",)
BESIDE = {
    "alone": ALONE,
    "pytest-asyncio, strict": (*ALONE, "-p", "pytest_asyncio.plugin", "--asyncio-mode=strict"),
    "pytest-asyncio, auto": (*ALONE, "-p", "pytest_asyncio.plugin", "-p", "anyio", "--asyncio-mode=auto"),
    "anyio's": (*ALONE, "-p", "anyio"),
}

HEAD = """
import asyncio
import pytest
from course_lib.seeing import span
from course_lib.testing import in_every_order, in_virtual_time, no_leaks

def now():
    return asyncio.get_running_loop().time()
"""


@pytest.fixture
def ran(pytester):
    """Run a test file under the plugin, without a plugin besides or with those that the options name."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def run(file, *options, python=False):
        pytester.makepyfile(HEAD + file)
        start = pytester.runpytest_subprocess if python else pytester.runpytest_inprocess
        return start(*OURS, *(options or ALONE))

    return run


MIXED = """
@pytest.fixture
async def number():
    await asyncio.sleep(30)
    return 5

@pytest.fixture
async def server(number, request):
    opened = now()
    yield number, opened
    await asyncio.sleep(30)
    print("closed", request.node.name, now())

@in_virtual_time
async def test_virtual(server):
    await asyncio.sleep(3600)
    assert server == (5, 30) and now() == 3630

@in_every_order
async def test_orders(server):
    seen = []
    async def fetch(number):
        with span("fetch"):
            await asyncio.sleep(number)
        seen.append(number)
    await asyncio.gather(fetch(1), fetch(2))
    assert sorted(seen) == [1, 2]

class TestMethods:
    @pytest.fixture
    async def mine(self):
        self.seconds = 60
        return self

    @pytest.mark.parametrize("more", [0, 1])
    @in_virtual_time
    async def test_method(self, mine, more):
        await asyncio.sleep(self.seconds + more)
        assert mine is self and now() == 60 + more
"""

THEIRS = {
    "alone": "",
    "pytest-asyncio, strict": """
import pytest_asyncio

@pytest_asyncio.fixture
async def real():
    yield asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_theirs(real):
    assert real is asyncio.get_running_loop() and now() > 0

@in_virtual_time
async def test_ours_with_their_fixture(real):
    assert real is asyncio.get_running_loop() and now() == 0
""",
    "pytest-asyncio, auto": """
@pytest.fixture
async def real(number):
    yield asyncio.get_running_loop()

async def test_theirs(number_of_theirs):
    assert number_of_theirs is asyncio.get_running_loop() and now() > 0

@pytest.fixture
async def number_of_theirs():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()

@in_virtual_time
async def test_ours_with_the_same_fixture(number_of_theirs):
    assert number_of_theirs is asyncio.get_running_loop() and now() == 0
""",
    "anyio's": """
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture
async def real(anyio_backend):
    yield asyncio.get_running_loop()

@pytest.mark.anyio
async def test_theirs(real):
    assert real is asyncio.get_running_loop() and now() > 0

@in_virtual_time
async def test_ours_with_their_fixture(real):
    assert real is asyncio.get_running_loop() and now() == 0
""",
}


@pytest.mark.parametrize("beside", BESIDE)
def test_fixtures_live_on_the_tests_clock_beside_every_plugin(ran, beside):
    """Tests of ours have their fixtures on their own loop, and those of another plugin theirs, also the same ones."""
    result = ran(MIXED + THEIRS[beside], *BESIDE[beside], "-rA", python=True)
    result.assert_outcomes(passed=4 + 2 * bool(THEIRS[beside]))
    result.stdout.fnmatch_lines(["closed test_virtual 3660*"])
    assert len(re.findall("closed test_orders", str(result.stdout))) == 0  # what runs in every order prints nothing


def test_each_order_has_its_own_fixtures(ran):
    """In every order a fixture is made anew, on the loop of that run, and ended before it is looked for leaks."""
    ran("""
made = []

@pytest.fixture
async def opened():
    made.append(set())
    task = asyncio.create_task(asyncio.sleep(999))
    yield made[-1]
    task.cancel()
    await asyncio.wait({task})

@in_every_order
async def test_orders(opened):
    assert not opened
    async def fetch(number):
        with span("fetch"):
            await asyncio.sleep(number)
        opened.add(number)
    await asyncio.gather(fetch(1), fetch(2))

def test_made():
    assert len(made) > 3
""").assert_outcomes(passed=2)


def test_fixtures_that_no_test_takes_are_made_as_well(ran):
    """Fixtures of autouse and usefixtures are made on the test's loop before those it takes, and ended after it."""
    ran("""
log = []

@pytest.fixture
async def used():
    log.append(("used", now()))

@pytest.fixture
async def taken():
    log.append(("taken", now()))

class TestIt:
    @pytest.fixture(autouse=True)
    async def always(self):
        log.append(("always", now()))
        await asyncio.sleep(1)
        yield
        log.append(("ended", now()))

    @pytest.mark.usefixtures("used")
    @in_virtual_time
    async def test_it(self, taken):
        log.append(("test", now()))

def test_log():
    assert log == [("always", 0), ("used", 1), ("taken", 1), ("test", 1), ("ended", 1)]
""").assert_outcomes(passed=2)


def test_a_failure_shows_the_order(ran):
    """The report of a failing test shows its own line, what pytest says of it, and the order drawn; no line of ours."""
    result = ran("""
@in_every_order
async def test_orders():
    seen = []
    async def fetch(number):
        with span(f"fetch {number}"):
            await asyncio.sleep(number)
        seen.append(number)
    await asyncio.gather(fetch(1), fetch(2))
    assert seen == [1, 2]
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*assert seen == [[]1, 2]",
            "E*At index 0 diff: 2 != 1",
            "E*1 choice off the usual order:",
            "E*fetch 2; fetch 1",
        ]
    )
    assert "simulate(" not in str(result.stdout) and "every_order(main" not in str(result.stdout)


@pytest.mark.parametrize(
    ("fixture", "told"),
    [
        (
            '@pytest.fixture(scope="module")\nasync def wide():\n    yield 1',
            "*asynchronous fixture 'wide' has scope='module', and test_it has a loop of its own: *scope=\"function\"",
        ),
        (
            "@pytest.fixture\nasync def inner(): ...\n@pytest.fixture\ndef wide(inner): ...",
            "*fixture 'wide' is synchronous and takes 'inner', which is asynchronous *async def",
        ),
    ],
    ids=["wider than its loop", "synchronous, takes an asynchronous one"],
)
def test_a_fixture_that_cannot_be_on_the_tests_loop_is_refused(ran, fixture, told):
    """It is told before anything is set up, with what to do."""
    result = ran(f"{fixture}\n@in_virtual_time\nasync def test_it(wide): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_a_fixture_that_is_asked_for_too_early_says_so(ran):
    """A synchronous fixture that gets hold of an asynchronous one all the same is told when it uses it."""
    result = ran("""
@pytest.fixture
async def client(): ...

@pytest.fixture
def name(request):
    return request.getfixturevalue("client").name

@in_virtual_time
async def test_it(name): ...
""")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*'client' has no value before the test's loop runs: take it as an argument*"])


def test_a_fixture_that_fails_or_leaves_something_fails_the_test(ran):
    """What goes wrong in a fixture, before or after, is a failure of the test, in the fixture's own lines."""
    result = ran("""
@pytest.fixture
async def before():
    raise ValueError("no server")

@pytest.fixture
async def after():
    yield
    raise ValueError("does not close")

@pytest.fixture
async def leaves():
    return asyncio.create_task(asyncio.sleep(9), name="fixture's")

@in_virtual_time
async def test_before(before): ...

@in_virtual_time
async def test_after(after): ...

@in_virtual_time
async def test_leaves(leaves): ...
""")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["E*ValueError: no server", "E*ValueError: does not close", "E*task fixture's"])


def test_without_the_plugin_pytest_refuses_asynchronous_fixtures(pytester):
    """Nobody's test passes with a coroutine in the place of a value: pytest says that a plugin is needed."""
    pytester.makepyfile(HEAD + "@pytest.fixture\nasync def one(): ...\n@in_virtual_time\nasync def test_it(one): ...")
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(errors=1)


def test_a_conftest_asks_for_it_by_name(pytester):
    """`pytest_plugins` in the top conftest.py is one way to ask for the plugin."""
    pytester.makeconftest('pytest_plugins = ["course_lib.testing.plugin"]')
    pytester.makepyfile(
        HEAD
        + "@pytest.fixture\nasync def one():\n    return 1\n@in_virtual_time\nasync def test_it(one):\n    assert one"
    )
    pytester.runpytest_inprocess(*ALONE).assert_outcomes(passed=1)


LEAVES = """
pytestmark = [pytest.mark.usefixtures("no_leaks"), *MARKS]
held = []

async def test_leaves():
    held.append(asyncio.create_task(asyncio.sleep(9), name="left"))

async def test_is_clean():
    await asyncio.sleep(0)

@in_virtual_time
async def test_is_looked_at_anyway(): ...
"""


@pytest.mark.parametrize(
    ("beside", "marks"),
    [
        ("pytest-asyncio, strict", "[pytest.mark.asyncio]"),
        ("pytest-asyncio, auto", "[]"),
        ("anyio's", '[pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]'),
    ],
)
def test_no_leaks_as_a_fixture_looks_at_tests_of_other_plugins(ran, beside, marks):
    """A module's tests leave nothing, whichever plugin runs them, or say what it is."""
    file = LEAVES.replace("*MARKS", f"*{marks}")
    if "anyio" in beside:
        file = file.replace("@in_virtual_time\nasync def test_is_looked_at_anyway(): ...", "")
    result = ran(file, *BESIDE[beside], python=True)
    result.assert_outcomes(failed=1, passed=1 if "anyio" in beside else 2)
    result.stdout.fnmatch_lines(["E*LeakError: left behind:", "E*task left", "E*made at *held.append*"])


def test_no_leaks_as_a_fixture_refuses_a_synchronous_test(ran):
    """Of a synchronous test nobody knows what it leaves: that is no pass."""
    result = ran("def test_it(no_leaks): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_it is not an asynchronous test, *"])


def test_the_plugin_is_not_loaded_by_itself(pytester):
    """Where nobody asks for it there is no fixture of ours."""
    pytester.makepyfile("def test_it(no_leaks): ...")
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'no_leaks' not found"])
