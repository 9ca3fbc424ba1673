"""Tests of asynchronous code that do not wait, and do not hope: `from course_lib.testing import in_virtual_time`.

    @in_virtual_time
    async def test_a_lease_ends_after_an_hour(): ...      # an hour's sleep takes no time

    @in_every_order(outside="fetch")
    async def test_no_answer_is_lost(): ...               # once for each order in which the answers may come

    def test_cancelled_anywhere():
        cancel_everywhere(transfer, make=Bank, check=Bank.check)      # once for each moment, cancelled there

    @no_leaks()
    async def test_the_server_stops(): ...                # on a real loop, under whatever runs it

The decorators give a plain function that takes what the test takes. So pytest runs it without a plugin and beside
pytest-asyncio (strict and auto) and anyio's, unittest runs it as a method, and a notebook cell by calling it. Only
asynchronous fixtures need the plugin: `pytest_plugins = ["course_lib.testing.plugin"]`, or `-p
course_lib.testing.plugin`; it is never loaded by itself.

**What is promised:**

- `in_virtual_time`: the test runs on a virtual clock that starts at 0, by `simulate`, and fails where `simulate` does:
  a deadlock, an exception that nobody asked for, a connection to the outside. What the clock cannot see, because it
  takes real time, is a `VirtualTimeWarning`. A failure carries the swimlane up to then.
- `in_every_order`: the test runs once for each order in which its waits outside may end, by `every_order`, each time
  with new asynchronous fixtures. It raises what the first failing order raised, the one that departs least from the
  usual, with that order drawn. Where there are more orders than were run, or nothing waits outside, an
  `OrdersWarning` says so.
- `cancel_everywhere`: `main` runs once without, and then once for each moment at which a task of the program suspends,
  cancelled there: as it suspends, as what it waits for arrives, and again at its next suspensions. Each time it ends
  with CancelledError (or as `allow` allows), in time where `within` says so, `check` holds, and nothing is left.
- `no_leaks`: at the end of the block there is no task, no open async generator, no thread and no open socket that was
  made inside; else `LeakError` says what was left, and where it was made. The first three look at this, too.

**What can go wrong, and does not:** a leak hides no failure of the test's own; where an order or a moment cannot be met
again, because the test does not do the same each time, that is refused, and not counted as passed; so are a fixture
that would live on another loop, and a program without a moment at which it could be cancelled.

**What is not promised:** orders that `every_order` does not see (its package says which), and moments in other threads
and processes; a cancellation of another task than main's; the moments of tasks that the program makes by a factory of
its own; what is left by C code or by uvloop, files, pipes and processes; what a thread of the outside makes meanwhile;
that what `asyncSetUp` of unittest makes, on a loop of its own, can be used on the test's.
"""

from course_lib.testing.cancelling import CancellationError, Cancelled, cancel_everywhere
from course_lib.testing.decorators import OrderError, OrdersWarning, VirtualTimeWarning, in_every_order, in_virtual_time
from course_lib.testing.leaks import LeakError, no_leaks
from course_lib.testing.stepping import Stepped

__all__ = [
    "CancellationError",
    "Cancelled",
    "LeakError",
    "OrderError",
    "OrdersWarning",
    "Stepped",
    "VirtualTimeWarning",
    "cancel_everywhere",
    "in_every_order",
    "in_virtual_time",
    "no_leaks",
]
