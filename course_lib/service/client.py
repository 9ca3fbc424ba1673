"""A caller of the service: asks once, and hears what became of it; who asks again, and when, is not decided here."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from course_lib.lifecycle.checks import check_number
from course_lib.service.answers import TIMEOUT
from course_lib.service.api import KEY
from course_lib.service.deadline import DeadlineExceeded, time_left
from course_lib.service.tracing import HEADER

EVERY = 0.02  # seconds between two looks
PATIENCE = 60.0  # seconds for what is waited for, unless the caller says otherwise
ENDS = ("done", "failed")


@dataclass(frozen=True)
class Reply:
    """An answer to a crawl that was submitted.

    Attributes:
        status: 202 when it is accepted.
        id: of the crawl, "" unless it is accepted.
        retry_after: seconds after which to ask again; None where the answer does not say it in seconds.
    """

    status: int
    id: str = ""
    retry_after: float | None = None


class Client:
    """Asks the service at `address`, such as "http://127.0.0.1:8000"; `async with` or `aclose` ends it.

    `sent` counts the questions that were sent, those without an answer included.

    Raises RuntimeError where no event loop runs.
    """

    def __init__(self, address: str) -> None:
        self._address, self.sent = address, 0
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def send(self, question: dict[str, Any], key: str | None = None, *, request: str | None = None) -> Reply:
        """Submit a crawl, once.

        Args:
            question: such as {"url": "http://127.0.0.1:8000/", "pages": 20}.
            key: the idempotency key.
            request: the id by which the request can be followed.

        The seconds that are left of the deadline around it (`within`) travel with it.

        Raises ConnectionError when no answer came, or a 202 without an id: then the crawl may have been accepted; and
        DeadlineExceeded when nothing is left.
        """
        headers = {name: text for name, text in ((KEY, key), (HEADER, request)) if text is not None}
        headers[TIMEOUT] = f"{time_left(PATIENCE):g}"
        self.sent += 1
        try:
            async with self._session.post(f"{self._address}/crawls", json=question, headers=headers) as answer:
                crawl, after = _id(await answer.read()), answer.headers.get("Retry-After", "")
        except DeadlineExceeded:
            raise  # an OSError, too, as every TimeoutError
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionError(f"no answer ({error!r}), and perhaps accepted: ask again, with its key") from error
        if answer.status == 202 and not crawl:
            raise ConnectionError("a 202 without an id, and perhaps accepted: ask again, with its key")
        return Reply(answer.status, crawl, float(after) if re.fullmatch(r"[0-9]{1,9}", after) else None)

    async def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """GET a path, and return status and answer.

        Raises aiohttp.ClientError, or an OSError, when no answer came, ValueError for one that is no JSON.
        """
        async with self._session.get(f"{self._address}{path}") as answer:
            return answer.status, await answer.json()

    async def look(self, crawl: str) -> dict[str, Any]:
        """Return how a crawl stands. Raises LookupError for one that is unknown, and what `ask` raises."""
        status, found = await self.ask(f"/crawls/{crawl}")
        if status == 404:
            raise LookupError(f"the crawl {crawl!r:.60} is unknown: pass the id that came with its 202")
        return found

    async def until(self, crawl: str, **what: object) -> dict[str, Any]:
        """Wait until a crawl stands so, as in `until(crawl, state="done")`, and return how it stands.

        Raises TimeoutError when it has ended otherwise, or after `PATIENCE` seconds; and what `look` raises.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + PATIENCE
        while True:
            found = await self.look(crawl)
            if found.items() >= what.items():
                return found
            if found.get("state") in ENDS or clock() >= end:
                raise TimeoutError(f"the crawl {crawl!r:.60} did not come to {what}: it stands at {found}")
            await asyncio.sleep(EVERY)

    async def end(self, crawl: str, seconds: float = PATIENCE) -> str:
        """Wait until a crawl has ended, and return how: "done", "failed", or "lost".

        Args:
            crawl: its id.
            seconds: after which one that has not ended is lost; one that is unknown is so at once.

        Raises TypeError and ValueError for what is no time, and what `ask` raises.
        """
        check_number("seconds", seconds, 0, "seconds", "60 is the default")
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while True:
            try:
                state = (await self.look(crawl)).get("state")
            except LookupError:
                return "lost"
            if state in ENDS:
                return str(state)
            if clock() >= end:
                return "lost"
            await asyncio.sleep(EVERY)

    async def aclose(self) -> None:
        """Drop the connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _id(body: bytes) -> str:
    """Return the id in an answer; "" where there is none, as in the HTML of a proxy."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = said.get("id", "") if isinstance(said, dict) else ""
    return found if isinstance(found, str) else ""
