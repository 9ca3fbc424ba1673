"""A coroutine's life: watched, limited in time, tried again, and cleaned up after (article, section 3).

Class and method names are the article's; beneath each class are plain functions. Its defects, and what we do instead:

- calls are filed under name and task, so five tracked calls in one task count as one, and a recursive call rubs out the
  outer one (L384): each call has a number of its own, never used again
- a timeout counts as a success (L556): whichever decorator is outermost, the outcome is "timeout"
- the callee's own TimeoutError is taken for ours (L472): it is passed on
- one default={...} for all callers (L478): each caller gets a copy
- every Exception is tried again, bugs too, at the same instants for all, and `max_attempts=0` returns None (L501): bugs
  are raised, the wait is drawn at random, and arguments without sense are refused
- results are kept for ever (L429): no result is kept, and a bounded number of finished calls, while totals stay exact
- a second cancellation interrupts the clean-up (L552): the clean-up runs to its end, then the cancellation is passed on
- `asyncio.wait_for`, which on 3.11 can lose a cancellation: `asyncio.timeout`
- `logging.basicConfig` on import: a logger per module, and nothing above the level INFO
"""

from course_lib.lifecycle.resources import finish, managed_resource
from course_lib.lifecycle.retries import BUGS, Attempt, RetryManager, retry_decorator, with_retry
from course_lib.lifecycle.timeouts import TimeoutManager, timeout_decorator, with_timeout
from course_lib.lifecycle.tracking import Call, CallLog, CoroutineLifecycleManager, Outcome, track

__all__ = [
    "BUGS",
    "Attempt",
    "Call",
    "CallLog",
    "CoroutineLifecycleManager",
    "Outcome",
    "RetryManager",
    "TimeoutManager",
    "finish",
    "managed_resource",
    "retry_decorator",
    "timeout_decorator",
    "track",
    "with_retry",
    "with_timeout",
]
