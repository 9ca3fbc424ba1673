"""Between synchronous and asynchronous code, by the doors: calls and iterators, in both directions.

    run_sync(fetch, url)                          plain code calls a coroutine function
    with LoopThread() as loop: loop.run(...)      plain code that needs one event loop for many calls
    for item in iterate_sync(stream): ...         plain code goes through an asynchronous iterable
    async for row in iterate_in_thread(rows): ... a coroutine goes through an iterable whose `next` blocks

(A coroutine calls a plain function that blocks by `asyncio.to_thread`, which needs no help.)

The promise, for all four:

- A result, or an exception, comes out on the other side as it is, once. Where a call ends by a cancellation, what else
  failed is handed to a loop's exception handler, and not lost.
- A cancellation crosses over: what is cancelled, or interrupted (KeyboardInterrupt), on this side is cancelled on that
  one, its clean-up is waited for, and then the cancellation is raised. Code in a thread cannot be cancelled: it is
  waited for.
- A second interrupt stops the waiting for a clean-up: to leave the block then cancels that too, and waits for its end.
  A third one ends this as well, and what is left ends with the program.
- Context variables are those of the caller; what is set over there stays there, as with `asyncio.run`.
- When a call or a block is over, its thread, its event loop, its tasks and its iterator are, too.
- Nothing is patched, and no loop is entered a second time.

`LoopThread.submit` does it the usual way: its concurrent.futures.Future ends by that module's CancelledError, and as
soon as it is cancelled; who waits for it in the loop's own thread waits for ever.

Not promised: that an iteration ends before its `next` does. In `iterate_in_thread`, further interrupts of `asyncio.run`
(the third, as a rule) end the waiting for it, and not the thread, which Python waits for at its exit: a `next` that
never returns never lets the program end.

Nor that what belongs to one loop works on another. A future or a task of the caller's loop, and most of what
is built on them, raises RuntimeError when it is awaited over there. A lock or a queue that nobody has waited at yet
belongs to no loop: who waits at it in `run_sync` for something that the caller's loop is to do waits for ever, because
that loop stands still meanwhile. `simulate` finds this (DeadlockError); an interrupt ends it. An asynchronous caller is
better served by `await`: a function between the two that is not `async def` is what to change.

There is no queue here: `janus.Queue` has one face for threads and one for tasks, and works on all our Pythons.

Source: asyncio.Runner and run_coroutine_threadsafe of the standard library, and BlockingPortal of anyio. What is
different from run_coroutine_threadsafe: an interrupted call ends when its task has ended, and not when that was asked
to; nobody waits for ever for work that came while the loop ended; and all items of an iterator come from one task, or
one thread.
"""

from course_lib.interop.iterating import iterate_in_thread, iterate_sync
from course_lib.interop.loops import LoopThread, run_sync

__all__ = ["LoopThread", "iterate_in_thread", "iterate_sync", "run_sync"]
