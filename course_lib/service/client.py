"""A caller of the service: asks once, and hears what became of it; who asks again, and when, is not decided here."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from course_lib.service.api import KEY
from course_lib.service.tracing import HEADER

EVERY = 0.02  # seconds between two looks


@dataclass(frozen=True)
class Reply:
    """An answer to a crawl that was submitted.

    Attributes:
        status: 202 when it is accepted.
        id: of the crawl, "" unless it is accepted.
        retry_after: seconds after which to ask again; None where the answer does not say.
    """

    status: int
    id: str = ""
    retry_after: float | None = None


class Client:
    """Asks the service at `address`, such as "http://127.0.0.1:8000"; `async with` or `aclose` ends it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def send(self, question: dict[str, Any], key: str | None = None, *, request: str | None = None) -> Reply:
        """Submit a crawl, once.

        Args:
            question: such as {"url": "http://127.0.0.1:8000/", "pages": 20}.
            key: the idempotency key.
            request: the id by which the request can be followed.

        Raises ConnectionError when no answer came: then the crawl may have been accepted.
        """
        headers = {name: text for name, text in ((KEY, key), (HEADER, request)) if text is not None}
        try:
            async with self._session.post(f"{self._address}/crawls", json=question, headers=headers) as answer:
                said, after = await answer.json(), answer.headers.get("Retry-After")
                return Reply(answer.status, said.get("id", ""), None if after is None else float(after))
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionError(f"no answer ({error!r}), and perhaps accepted: ask again, with its key") from error

    async def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """GET a path, and return status and answer."""
        async with self._session.get(f"{self._address}{path}") as answer:
            return answer.status, await answer.json()

    async def look(self, crawl: str) -> dict[str, Any]:
        """Return how a crawl stands."""
        return (await self.ask(f"/crawls/{crawl}"))[1]

    async def until(self, crawl: str, **what: object) -> dict[str, Any]:
        """Wait until a crawl stands so, as in `until(crawl, state="done")`, and return how it stands."""
        while True:
            found = await self.look(crawl)
            if found.items() >= what.items():
                return found
            await asyncio.sleep(EVERY)

    async def aclose(self) -> None:
        """Drop the connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
