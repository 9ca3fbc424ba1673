"""A service made of the course's parts: crawls for whoever asks over HTTP, and goes on while others fail.

    python3 -m course_lib service                 # all of it, with its servers; prints its address
    python3 -m course_lib service --worker        # one more worker, anywhere: it needs the two URLs and nothing else

**The promise.** A crawl that was answered with 202 ends: it is *done*, with its pages, or *failed*, with the reason, at
the latest half a minute (`GRACE`, and sweeps) after the time that it was given, or as soon after that as PostgreSQL and
a worker are there. Until then it is neither lost nor made twice, whatever of the following happens, in any order:

- SIGTERM, or Ctrl+C, to any process: requests in hand are answered, crawls in hand have ten seconds to end, and the
  rest is given back, uncounted, and begun anew by another worker. Where another process listens on the port, callers
  are answered by that one. A process of the HTTP side has ended `CLOSING + QUIET_AT_MOST + request_timeout` seconds (8)
  and a moment later.
- SIGKILL of a worker: its crawls are begun anew by others when their leases are over (10 s). A crawl that kills its
  workers is begun three times (`STARTS`), and then has failed.
- Redis restarts, with its data or without: crawls are accepted meanwhile, and what the queue has lost is enqueued again
  when it is back.
- PostgreSQL restarts: callers get 503 meanwhile, and workers wait; what was accepted is done afterwards.

And to its callers: every refusal says what is wrong, and 429 and 503 say when to ask again (Retry-After). Whoever asks
again with the same Idempotency-Key, after one of these or after no answer at all, gets the same crawl, for a day after
its end. A request, unless it is for a stream of events, is answered within `request_timeout` (5 s), or in the time that
its caller has (Request-Timeout).

**The protocol.**

1. A crawl is written down in PostgreSQL, by one statement, under an id that is made of the idempotency key. That is
   what 202 means. Then it is enqueued in Redis, under the same id; and if that fails, the answer is the same.
2. Every five seconds each worker enqueues again whatever is written down and unfinished: where the queue has it, or has
   done it, its key is known, and nothing is added (`sweeping.py`).
3. A worker begins a crawl by giving it a new number, `starts`, and writes its pages under it, as they come, each only
   while the crawl still has that number (`crawls.py`).
4. The end is written down before the queue's job is acknowledged. A job that comes again finds that, and does nothing.

**What can go wrong, and does not:**

- The answer 202 is lost: the same key makes the same id, and the primary key lets it exist once.
- A worker is taken for dead, and wakes: what it writes has an old number, and finds nothing to write to.
- The queue gives a job up: it is revived, and the crawl's row, not the queue, says when it was begun too often.
- Redis hangs: an answer waits half a second for it, and after three such waits the breaker lets nobody wait.
- One kind of request stands still: submissions, reads and event streams have places of their own (`bulkhead.py`), and
  submissions connections of their own.
- More is asked for than can be done: 429, when `backlog` crawls are unfinished, or too many requests wait.
- A caller has gone: what is done for it ends with its deadline, in PostgreSQL, too.
- Clocks: a crawl's deadline is kept by PostgreSQL's alone, and between processes travel seconds that are left.

**What is not promised:**

- What PostgreSQL itself loses is lost. The course's own server does not wait for its disk: it survives its process's
  end, not the machine's.
- A crawl is begun at least once: a page may be requested again, when its worker has died.
- A crawl that a worker cannot give back, because PostgreSQL is away just then, counts as begun.
- While Redis is away, crawls are slow: a write through the pool, of each page, waits up to five seconds, until no older
  value can be in a cache.
- `backlog` may be exceeded by as many crawls as are accepted at the same moment.
- A request on a connection that was idle until its process closed it may go without an answer, and so may a connection
  that the system accepts in the microseconds between the last look and the end of listening: ask again, with the key.
  With a single process, new connections are refused from a second after SIGTERM on.
- It has no users and no passwords: it listens on 127.0.0.1, and crawls what it is told to.
- Windows has no SIGTERM, and lets one process listen on a port: there it ends at Ctrl+C, and a pair needs a switch in
  front that asks /readyz. Its Redis must be a real one (in WSL2, or by URL): the course's stand-in has no streams. A
  process that is killed there is not started again: the service ends.
"""

from course_lib.service.breaker import CircuitBreaker, CircuitOpen
from course_lib.service.bulkhead import Bulkhead, BulkheadFull
from course_lib.service.deadline import DeadlineExceeded, time_left, within

__all__ = [
    "Bulkhead",
    "BulkheadFull",
    "CircuitBreaker",
    "CircuitOpen",
    "DeadlineExceeded",
    "time_left",
    "within",
]
