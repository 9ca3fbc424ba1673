"""One request: a response within its limits, or an error with a name."""

import re
import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Protocol

import aiohttp
from yarl import URL

# What can go wrong on the way; anything else is a bug, and is raised.
FAILURES = (OSError, aiohttp.ClientError, UnicodeError)  # OSError takes in TimeoutError
_PASSING = (OSError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)  # a second attempt may succeed
_LASTING = (aiohttp.ClientSSLError, ssl.SSLError)  # a certificate is as wrong a second later

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"']+)""", re.IGNORECASE)


@dataclass(slots=True)
class Response:
    """What a server answered.

    headers: under the usual names, such as "Content-Type"
    body: what was read of it, decompressed
    complete: whether the body is whole; False when it is larger than was allowed
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = True


class Fetch(Protocol):
    """How a crawler gets at the web; tests and simulations put one of their own in its place."""

    async def __call__(self, url: str, *, limit: int, kinds: Collection[str] | None) -> Response:
        """Request a URL once, following no redirect.

        limit: bytes of the body, decompressed, that are read at most
        kinds: media types whose body is wanted, None for any; a body is read only of a 2xx response
        Raises one of FAILURES when there is no whole response.
        """


class HttpFetch:
    """The web itself, by a session of aiohttp."""

    def __init__(self, session: aiohttp.ClientSession, headers: Mapping[str, str] | None = None) -> None:
        self._session, self._headers = session, headers

    async def __call__(self, url: str, *, limit: int, kinds: Collection[str] | None) -> Response:
        """Do what Fetch says."""
        # encoded: the URL is in normal form, and must reach the server as it is.
        request = self._session.get(
            URL(url, encoded=True), allow_redirects=False, headers=self._headers, raise_for_status=False
        )
        async with request as answer:
            response = Response(answer.status, answer.headers)
            if not 200 <= answer.status < 300:
                return response
            if kinds is not None and media_type(answer.headers.get("Content-Type", ""))[0] not in kinds:
                return response  # and the connection is closed: cheaper than to receive what nobody wants
            pieces, size = [], 0
            async for piece in answer.content.iter_any():  # decompressed, piece by piece: a bomb is cut at the limit
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    response.complete = False
                    break
            response.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            return response


def new_session(user_agent: str) -> aiohttp.ClientSession:
    """Return a session made for crawling: it keeps connections and no cookies, and leaves all limits to the crawler."""
    return aiohttp.ClientSession(
        # The crawler bounds what is in flight. A second limit, here, would be a second queue inside the timeout.
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": user_agent, "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    )


@lru_cache(maxsize=256)
def media_type(content_type: str) -> tuple[str, str | None]:
    """Return the media type, in lower case, and the charset (None: not stated) that a Content-Type header names."""
    kind, _, parameters = content_type.partition(";")
    charset = _CHARSET.search(parameters)
    return kind.strip().lower(), charset[1] if charset else None


def is_passing(error: BaseException) -> bool:
    """Return whether what went wrong may be right the next time."""
    return isinstance(error, _PASSING) and not isinstance(error, _LASTING)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for, stated as such or as a date; None when it is not there."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, when.replace(tzinfo=when.tzinfo or UTC).timestamp() - time.time())
