"""Fetch many URLs: one after another with requests, or all together with aiohttp (article, section 1).

The four names are the article's. Its defects, and what is done here instead:

- one failing URL loses every result (L136): each URL has its FetchResult, in input order, with its error
- the speed-up ignores how long async took (L170): `speed_up` divides one wall clock by the other
- no timeout, so one silent server holds everything up: `timeout`, for each request as a whole, on both sides
- as many requests at once as there are URLs: `max_in_flight`, and a request that waits for its turn is not being timed
- a new connection for each synchronous request: one `requests.Session`
- time.time(), which jumps when the clock is set: time.perf_counter()
- printing in the middle of the work: what to show is the caller's decision

Both sides read a server's words in the same way: where a redirect leads, and how a body is packed, is read by
`course_lib.standards` and not by two libraries.
"""

from course_lib.fetching.fetch import (
    FetchResult,
    async_fetch_multiple,
    async_fetch_url,
    ideal_speed_up,
    speed_up,
    sync_fetch_multiple,
    sync_fetch_url,
)

__all__ = [
    "FetchResult",
    "async_fetch_multiple",
    "async_fetch_url",
    "ideal_speed_up",
    "speed_up",
    "sync_fetch_multiple",
    "sync_fetch_url",
]
