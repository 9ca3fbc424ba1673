"""What surrounds every request: its id, its deadline, and an answer in the same form for all that goes wrong.

    400 the request makes no sense     422 an idempotency key was used for another question
    429 there is no room now           503 something the request needs is away, or its time was over

With 429 and 503 comes Retry-After. Whoever asks again after one of these, or after no answer at all, sends the same
Idempotency-Key: perhaps the first request did its work.
"""

import logging
import math
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from course_lib.service import tracing
from course_lib.service.accepting import TooMany
from course_lib.service.breaker import CircuitOpen
from course_lib.service.bulkhead import BulkheadFull
from course_lib.service.crawls import AWAY
from course_lib.service.deadline import within
from course_lib.service.idempotency import KeyReused

TIMEOUT = "Request-Timeout"  # how many seconds the caller waits: this service's own name, there is no standard
UNLIMITED = "unlimited"  # the name of the route that has no deadline: a stream of events
BACKLOG_PAUSE = 2.0  # seconds after which there may be room for a crawl again

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


class BadRequest(Exception):
    """The request makes no sense; the sentence says what would."""


def surround(most: float) -> Middleware:
    """Return the middleware.

    Args:
        most: seconds that a request has.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        token = tracing.CURRENT.set(tracing.request_id(request.headers.get(tracing.HEADER)))
        try:
            response = await _answered(request, handler, most)
            if not response.prepared:
                response.headers[tracing.HEADER] = tracing.CURRENT.get()
            return response
        finally:
            tracing.CURRENT.reset(token)

    return middleware


async def _answered(request: web.Request, handler: Handler, most: float) -> web.StreamResponse:
    try:
        if request.match_info.route.name == UNLIMITED:
            return await handler(request)
        async with within(_seconds(request, most)):
            return await handler(request)
    except BadRequest as error:
        return refusal(400, str(error))
    except KeyReused as error:
        return refusal(422, str(error))
    except BulkheadFull as error:
        return refusal(429, str(error), error.retry_after)
    except TooMany as error:
        return refusal(429, str(error), BACKLOG_PAUSE)
    except CircuitOpen as error:
        return refusal(503, str(error), error.retry_after)
    except web.HTTPException as error:  # of aiohttp: no such route, a body that is too large
        return refusal(error.status, error.reason)
    except AWAY as error:  # the deadline, too
        _log.warning("%s %s: %r", request.method, request.path, error)
        return refusal(503, f"not now: {type(error).__name__}; ask again, with the same Idempotency-Key", 1.0)


def refusal(status: int, sentence: str, retry_after: float | None = None) -> web.Response:
    """Return an answer that says what is wrong, and when to ask again; Retry-After has whole seconds, from 1."""
    headers = {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}
    return web.json_response({"error": sentence}, status=status, headers=headers)


def _seconds(request: web.Request, most: float) -> float:
    sent = request.headers.get(TIMEOUT)
    if sent is None:
        return most
    try:
        seconds = float(sent)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadRequest(f"{TIMEOUT} is {sent!r:.40}: send how many seconds you wait, such as 2.5")
    return min(seconds, most)
