"""A job queue on Redis Streams, at least once: `enqueue` here, `Worker` in any number of processes there.

    queue = JobQueue(url, "crawl")
    await queue.enqueue({"url": "https://example.org/"}, key="https://example.org/")
    await Worker(queue, fetch_page, at_once=8).run()

**The promise.** A job that `enqueue` has returned for is worked on until its handler has returned once, or it has been
started `starts` times in vain and lies among the dead letters, with the reason. It is delivered *at least once*: now
and then its handler runs twice, or twice at once. So what a handler does must do no harm when it is done again: write
under the job's key, or remember the key with the effect, in one transaction.

**The protocol.** A job is an entry of a stream, and a consumer group knows who has it.

1. `enqueue` adds the entry and remembers the job's key, in one step. Where the key is known, nothing is added: to
   enqueue again, because the reply was lost, is harmless. A key is remembered for `remember` seconds, a day, whatever
   has become of its job: one that is done, or given up, is not enqueued again meanwhile (`revive` is for the latter).
2. A worker takes entries, as many as it has hands free; they are *pending*, in its name. It counts the start of each,
   and runs the handler.
3. While the handler runs, the worker renews its lease: it tells Redis every third of `lease` that the job is in hand.
4. When the handler has returned, the entry is acknowledged and deleted, in one step: what is done takes no room, and
   the stream need never be trimmed. Acknowledgements are collected: while one request is under way, the jobs that end
   wait, and the next request has them all. If the handler raised, the error is kept, and the entry is due again after
   `pause`: its worker tries it then, as soon as it has a hand free.
5. What was not renewed for a lease is due, too: workers look for that every quarter of one, and take it over. Its own
   worker, if it lives, learns that when it renews, and cancels the handler; a worker that has lost a job says no more
   about it.
6. Where a start has never ended (its worker was killed, or stood still), the job may have been the cause. It is begun
   *alone* from then on: its worker takes nothing new, ends what it has in hand, begins it, and goes on when it has
   ended.

**What can go wrong, and does not:**

- A worker is killed: its jobs are taken over when their leases are over. What it had taken and not begun was not
  counted as started.
- A job kills its workers: it is started `starts` times, and then it is a dead letter. What was in hand beside it has
  been started in vain once, too, and is begun alone from then on. Nothing is given up before its last
  start has raised, or was alone: so not for what a neighbour did.
- Redis is away, or starts again with its data: workers and `enqueue` try again until it is back.
- A worker is stopped: it takes no more, ends what it has in hand within `grace`, and gives back the rest. That start
  does not count: a job that takes longer than `grace` never ends where workers are stopped before it has.
- A reply is lost, or a worker is slow: whoever does not have a job any more cannot acknowledge it, nor fail it.
- Producers are faster than workers: at `backlog` jobs `enqueue` waits.
- An entry vanished while it was pending, by hand or by trimming: its work is gone, and a dead letter says so.

**What is not promised:**

- What Redis itself may lose. By itself it writes snapshots: a crash takes what came since the last one. With
  `appendonly yes` and `appendfsync always` it loses nothing that it has answered; with `everysec`, the default then, a
  crash of the machine takes about a second with it; without a file, a restart takes all (so it is with the course's
  server, but for `private_redis(persistent=True)`). A replica that takes over may lack the newest entries.
- An end of waiting: while Redis is away, `enqueue` waits. Put a limit around it.
- Speed after a death: with many jobs in hand, those of a worker that was killed are begun one at a time, and a handler
  that never ends keeps one that is to be alone waiting in its worker.
- Room: dead letters stay until they are revived or deleted, and each key stays for `remember` seconds.
- Order: jobs begin in the order in which they came, more or less, and end in any.
- A handler that blocks its loop for longer than a lease cannot renew it: the job runs a second time meanwhile. Neither
  is a worker that stands still told from a dead one: what it had in hand is begun alone, too.
"""

from course_lib.jobs.job import DeadLetter, Job
from course_lib.jobs.queue import JobQueue
from course_lib.jobs.worker import Worker

__all__ = ["DeadLetter", "Job", "JobQueue", "Worker"]
