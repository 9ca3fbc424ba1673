"""Code as somebody found it, to be mended: it wants to run a loop inside a loop."""

import asyncio


async def cheapest_first(offers, price, rate):
    loop = asyncio.get_running_loop()

    def in_euros(offer):
        amount, currency = loop.run_until_complete(price(offer))
        return amount * loop.run_until_complete(rate(currency))

    return sorted(offers, key=in_euros)
