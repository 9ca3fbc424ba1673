"""One request: a response within its limits, or an error with a name."""

import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from yarl import URL

from course_lib.standards import headers
from course_lib.standards.bodies import ACCEPTED, TooLarge, Unpacker, UnpackError

# What can go wrong on the way; anything else is a bug, and is raised.
FAILURES = (OSError, aiohttp.ClientError, UnicodeError, UnpackError)  # OSError takes in TimeoutError
_PASSING = (OSError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)  # a second attempt may succeed
_LASTING = (aiohttp.ClientSSLError, ssl.SSLError)  # a certificate is as wrong a second later

_LONGEST_FIELD = 65_536  # bytes; aiohttp's own limit, 8,190, is less than some sites' security policies take


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
        try:
            address = URL(url, encoded=True)  # the URL is in normal form, and must reach the server as it is
        except ValueError as error:
            raise aiohttp.InvalidURL(url, str(error)) from None
        request = self._session.get(
            address,
            allow_redirects=False,
            headers=self._headers,
            raise_for_status=False,
            auto_decompress=False,  # aiohttp undoes one coding at most, under one name, and says nothing of others
            max_line_size=_LONGEST_FIELD,
            max_field_size=_LONGEST_FIELD,
        )
        async with request as answer:
            response = Response(answer.status, answer.headers)
            if not 200 <= answer.status < 300:
                return response
            if kinds is not None and media_type(answer.headers)[0] not in kinds:
                return response  # and the connection is closed: cheaper than to receive what nobody wants
            await _read(answer, response, limit)
            return response


async def _read(answer: aiohttp.ClientResponse, response: Response, limit: int) -> None:
    codings = joined(answer.headers, "Content-Encoding")
    unpacker = Unpacker(codings, limit) if codings else None
    pieces, size = [], 0
    try:
        async for piece in answer.content.iter_any():
            for plain in unpacker.feed(piece) if unpacker else (piece,):  # a bomb is cut at the limit
                pieces.append(plain)
                size += len(plain)
            if size > limit:
                raise TooLarge
        if unpacker:
            unpacker.end()
    except TooLarge:
        response.complete = False
    except UnpackError as error:
        raise aiohttp.ClientPayloadError(str(error)) from None
    response.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)


def joined(fields: Mapping[str, str], name: str) -> str:
    """Return a field's value; those of several with that name are one list (RFC 9110, section 5.2)."""
    if name not in fields:
        return ""
    everyone = getattr(fields, "getall", None)
    return ", ".join(everyone(name)) if everyone else fields[name]


def sent(user_agent: str) -> dict[str, str]:
    """Return the headers without which no request is sent, whose session it may be."""
    return {"User-Agent": user_agent, "Accept-Encoding": ACCEPTED}


def new_session(user_agent: str) -> aiohttp.ClientSession:
    """Return a session made for crawling: it keeps connections and no cookies, and leaves all limits to the crawler."""
    return aiohttp.ClientSession(
        # The crawler bounds what is in flight. A second limit, here, would be a second queue inside the timeout.
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={**sent(user_agent), "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    )


def media_type(fields: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the media type, in lower case, and the charset (None: not stated) that Content-Type names; "" for none."""
    return headers.media_type(joined(fields, "Content-Type")[:1000])


def location(fields: Mapping[str, str]) -> str | None:
    """Return where a response leads, as written but in ASCII; None when it has no Location."""
    value = fields.get("Location")
    # aiohttp decodes what it can as UTF-8, and keeps the other bytes as surrogates.
    return None if value is None else headers.location(value.encode("utf-8", "surrogateescape"))


def is_passing(error: BaseException) -> bool:
    """Return whether what went wrong may be right the next time."""
    return isinstance(error, _PASSING) and not isinstance(error, _LASTING)


def retry_after(fields: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for, stated as such or as a date; None when it does not."""
    return headers.retry_after(fields.get("Retry-After", ""), time.time())
