"""What the bug hunt of lesson 8a shows: code as somebody found it, to be mended."""

import asyncio


async def each_within(source, seconds):
    async with asyncio.timeout(seconds):
        async for item in source:
            yield item
