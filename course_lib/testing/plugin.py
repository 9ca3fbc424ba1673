"""The pytest plugin, asked for by name: `pytest_plugins = ["course_lib.testing.plugin"]` in the top conftest.py.

It adds two things:

- asynchronous fixtures (`async def`, and with `yield`) for tests under `in_virtual_time` and `in_every_order`: they run
  on the test's own loop and clock, in every order anew, and end before the test is looked at for leaks. Their scope is
  "function"; a wider one, and a synchronous fixture that takes an asynchronous one, are refused with a sentence.
- a fixture `no_leaks`: `pytestmark = pytest.mark.usefixtures("no_leaks")` puts every test of a module, whatever runs
  it, into such a block.

Other tests and other plugins' fixtures are left alone.
"""
