"""The reference solutions of lesson 5a, as a learner would write them."""

import asyncio


async def with_connection(pool, work):
    try:
        async with asyncio.timeout(pool.timeout):
            await pool.slots.acquire()
    except TimeoutError:
        raise TimeoutError(f"all {pool.size} connections are in use") from None
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


async def pay(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection, connection.transaction():
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


async def transfer(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balances = {}
        for account in sorted([source, target]):
            balances[account] = await connection.select_for_update(account)
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        balances[source] -= amount
        balances[target] += amount
        for account in balances:
            await connection.update(account, balances[account])
        return balances[source]
