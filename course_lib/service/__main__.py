"""What `python -m course_lib service` runs: everything, or one process of it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from course_lib.service.processes import ProcessFailed, run_all
from course_lib.service.settings import Settings
from course_lib.service.stopping import stop_when_told
from course_lib.service.tracing import log_to_stderr

DATABASE, REDIS, NAME = "SERVICE_DATABASE_URL", "SERVICE_REDIS_URL", "SERVICE_NAME"
NO_STREAMS = (
    "The service needs a real Redis, and there is none here: the course's stand-in has neither streams nor scripts.\n"
    f"Next: start one (on Windows: in WSL2), and set {DATABASE} and {REDIS} to the URLs of PostgreSQL and Redis."
)


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments say, and return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib service",
        description="Crawls for whoever asks over HTTP. Without --api and --worker: all of it, with its servers.",
        epilog=f"{DATABASE} and {REDIS} say where PostgreSQL and Redis are; where neither is set, both are started.",
    )
    role = parser.add_mutually_exclusive_group()
    role.add_argument("--api", action="store_true", help="only the HTTP side; needs the two URLs")
    role.add_argument("--worker", action="store_true", help="only a worker; needs the two URLs, and nothing else")
    parser.add_argument("--port", type=int, default=0, help="of the HTTP side, on 127.0.0.1 (default: any free one)")
    parser.add_argument("--reuse-port", action="store_true", help="let several --api listen on one port (not Windows)")
    parser.add_argument("--workers", type=int, default=2, help="how many workers, from 1 (default: 2)")
    parser.add_argument("--backlog", type=int, default=1000, help="unfinished crawls before more are refused")
    parser.add_argument("--waiting", type=int, default=100, help="requests that may wait before more are refused")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)  # end when standard input ends
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.backlog < 1 or options.waiting < 0 or not 0 <= options.port < 65536:
        parser.error("pass --workers and --backlog from 1, --waiting from 0, and --port from 0 to 65535")
    urls = [os.environ.get(DATABASE, ""), os.environ.get(REDIS, "")]
    if any(urls) != all(urls) or ((options.api or options.worker) and not all(urls)):
        parser.error(f"set both {DATABASE} and {REDIS}: --api and --worker need them")
    log_to_stderr()
    try:
        return asyncio.run(_run(options, *urls))
    except ProcessFailed as error:
        print(f"Stopped: {error}.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Stopped: {error}.\nNext: take another --port, or leave it out.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def _run(options: argparse.Namespace, database: str, redis: str) -> int:
    stopping = stop_when_told(by_stdin=options.child)
    name = os.environ.get(NAME) or Settings.name
    if options.api:  # each role imports what is its own: that is half of how long it starts
        from course_lib.service.shutdown import serve

        settings = Settings(database, redis, name=name, backlog=options.backlog, waiting=options.waiting)
        await serve(settings, stopping, port=options.port, reuse_port=options.reuse_port)
        return 0
    if options.worker:
        from course_lib.service.working import work

        await work(Settings(database, redis, name=name), stopping)
        return 0
    if not database:
        from course_lib.lab import servers  # here: who has the URLs needs none of it

        if not await asyncio.to_thread(servers.has_redis):
            print(NO_STREAMS, file=sys.stderr)
            return 1
        database, redis = await asyncio.to_thread(servers.start_all)
        name = servers.key_prefix() + name
    variables = {**os.environ, DATABASE: database, REDIS: redis, NAME: name}
    print("The service starts: it prints its address when it answers. Ctrl+C ends it.", file=sys.stderr, flush=True)
    await run_all(variables, stopping, port=options.port, workers=options.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
