"""What the slow program of lesson 12b works with: a database, logos to download, a printer; and what was seen of it.

All of it takes virtual time: a millisecond more or less decides nothing, and no machine is too busy for it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from math import ceil
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Wrong, await_missing, elsewhere
from course_lib.exercises.shown import shown
from course_lib.seeing import span

CONNECT = 0.03  # seconds until a connection is open
QUERY = 0.01  # the round trip of a query, whatever it asks for
WAY = 0.02  # from asking for a logo to its first byte
SENT = 0.02  # for the bytes of a logo: the line carries one at a time
DRAW = 0.02  # at the printer
LOGO = 200_000  # bytes
CARRIERS = ("Swift", "Hermit", "Parcels", "Quick", "Northern", "Post")

Row = dict[str, Any]


class Shop:
    """A shop that prints labels for parcels, and counts what it costs.

    Args:
        orders: how many there are.
        carriers: how many parcel services they go by, at most six.
        at_once: how many labels its printers take at one time.
        first: how many seconds the label of the first number takes at the printer.
        graded: whether what waits must run on the loop that `framework.run` started.

    Raises ValueError where one of the first three is less than 1, or there are more than six carriers.
    """

    def __init__(
        self, orders: int = 40, carriers: int = 4, at_once: int = 4, *, first: float = DRAW, graded: bool = False
    ) -> None:
        for name, value, most in (
            ("orders", orders, None),
            ("carriers", carriers, len(CARRIERS)),
            ("at_once", at_once, None),
        ):
            if value < 1 or (most and value > most):
                allowed = f"from 1 to {most}" if most else "1 or more"
                raise ValueError(f"{name} is {value}, but must be {allowed}: Shop(orders=40, carriers=4, at_once=4)")
        self.at_once = at_once
        self.first = first
        self.graded = graded
        chance = Chance(f"{orders} orders")
        self.numbers = chance.some(range(101, 101 + orders), orders)
        self._orders = {
            number: {
                "number": number,
                "customer": f"customer {number}",
                "carrier": CARRIERS[place % carriers],
            }
            for place, number in enumerate(self.numbers)
        }
        self.connections = self.queries = self.bytes = self.blocked = 0
        self.downloads: Counter[str] = Counter()
        self.drawn: Counter[int] = Counter()
        self.most_downloads = self.most_drawn = 0
        self.held = 0.0  # for how many seconds `draw` held the loop
        self.logos_came = 0.0  # when the last one had come, by the loop's clock
        self._downloading = self._drawing = 0
        self._chance = chance

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Connection"]:
        """Open a connection to the database, and close it after the block."""
        self.at_home("connect")
        self.connections += 1
        with span(f"connect {self.connections}"):
            await asyncio.sleep(CONNECT)
        connection = Connection(self)
        try:
            yield connection
        finally:
            connection.closed = True

    async def download(self, carrier: str) -> str:
        """Return a carrier's logo; the line carries one at a time."""
        self.at_home("download")
        if carrier not in [order["carrier"] for order in self._orders.values()]:  # a row has no hash
            raise Wrong(f"There is no carrier {shown(carrier, 40)}: give what stands in the order, order['carrier'].")
        if not self._downloading:
            self._line = asyncio.Lock()  # a lock belongs to one loop, and each run has its own
        self.downloads[carrier] += 1
        self.bytes += LOGO
        self._downloading += 1
        self.most_downloads = max(self.most_downloads, self._downloading)
        try:
            with span(f"logo of {carrier}"):
                await asyncio.sleep(WAY)
                async with self._line:
                    await asyncio.sleep(SENT)
            self.logos_came = asyncio.get_running_loop().time()
        finally:
            self._downloading -= 1
        return _logo(carrier)

    def draw(self, order: Row, logo: str) -> str:
        """Draw a label and return it: a plain function, which waits for the printer."""
        if await_missing([order, logo]):
            raise Wrong("You gave `draw` a coroutine or a task: an `await` is missing.")
        number = order.get("number") if isinstance(order, dict) else None
        if number not in self._orders:
            raise Wrong(f"`draw` takes an order, a row that `fetch` gave; you gave {shown(order, 40)}.")
        if logo != _logo(order["carrier"]):
            raise Wrong(f"The label of order {number}, which goes by {order['carrier']}, was given {shown(logo, 40)}.")
        takes = self.first if number == self.numbers[0] else DRAW
        if asyncio._get_running_loop():
            self.blocked += 1
            self.held += takes
        self.drawn[number] += 1
        self._drawing += 1
        self.most_drawn = max(self.most_drawn, self._drawing)
        try:
            if self._drawing > self.at_once:
                raise Wrong(
                    f"{self._drawing} labels were drawn at one time, and the printers take {self.at_once}. One "
                    "semaphore of `shop.at_once`, made once and used for all, limits them."
                )
            with span(f"draw {number}"):
                time.sleep(takes)
        finally:
            self._drawing -= 1
        return self.label(number)

    def label(self, number: int) -> str:
        """Return the label of an order, as `draw` does."""
        order = self._orders[number]
        return f"{number}: {order['customer']}, by {order['carrier']}"

    @property
    def drawn_by(self) -> float:
        """When all labels are drawn if the printers, once the last logo has come, take all they can."""
        return self.logos_came + DRAW * ceil(len(self._orders) / self.at_once)

    def rows(self, numbers: Iterable[int]) -> list[Row]:
        """Return the rows of orders, each once, in an order of the database's own."""
        found = [dict(self._orders[number]) for number in dict.fromkeys(numbers) if number in self._orders]
        return self._chance.some(found, len(found))

    def at_home(self, name: str) -> None:
        """Raise Wrong where what waits runs in another thread, on a loop of its own."""
        if self.graded and elsewhere():
            raise Wrong(f"`{name}` ran on an event loop of its own, in another thread: what can be awaited needs none.")

    def __str__(self) -> str:
        counts = {
            "connections opened": self.connections,
            "queries": self.queries,
            "bytes downloaded": self.bytes,
            "labels that blocked the loop": self.blocked,
            "labels at once, at most": self.most_drawn,
        }
        return "\n".join(f"{what:<29}{count:>10,}" for what, count in counts.items())


class Connection:
    """A connection to the shop's database: it does one thing at a time."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._busy = self.closed = False

    async def fetch(self, numbers: Collection[int]) -> list[Row]:
        """Return the orders with these numbers, in no order in particular."""
        self._shop.at_home("fetch")
        if self.closed:
            raise Wrong("A connection was used after its `async with` block had ended.")
        # A generator could be gone through only once.
        if not isinstance(numbers, Collection) or any(not isinstance(number, int) for number in numbers):
            raise Wrong(f"`fetch` takes a list of numbers; you gave {shown(numbers, 40)}.")
        if self._busy:
            raise Wrong("Two queries were under way on one connection: it does one thing at a time.")
        self._busy = True
        self._shop.queries += 1
        try:
            with span(f"query {self._shop.queries}"):
                await asyncio.sleep(QUERY)
        finally:
            self._busy = False
        return self._shop.rows(numbers)


def _logo(carrier: str) -> str:
    return f"<the logo of {carrier}>"
