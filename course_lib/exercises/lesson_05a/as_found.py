"""What the bug hunts of lesson 5a show: code as somebody found it, to be mended."""


async def pay(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
        receipt = await bank(order, amount)
        await connection.insert(f"receipt of {order}", receipt)
        async with pool.acquire() as another:
            await another.insert(f"log of {order}", "paid")
    return receipt


async def transfer(pool, source, target, amount):
    async with pool.acquire() as connection:
        balance = await connection.select(source)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        other = await connection.select(target)
        await connection.update(target, other + amount)
        return balance - amount
