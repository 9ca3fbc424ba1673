"""What the bug hunts of lesson 5b show: code as somebody found it, to be mended."""


async def cached_prices(db, cache):
    async def read(name):
        price = await cache.get(name)
        if price is None:
            price = await db.select(name)
            await cache.set(name, price)
        return price

    async def write(name, price):
        await cache.delete(name)
        await db.update(name, price)

    return read, write
