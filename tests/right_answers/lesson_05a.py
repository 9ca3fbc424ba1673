"""Right answers to the exercises of lesson 5a, in other styles than the solutions."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from course_lib.exercises import lesson_05a as ex
from right_answers import right

# with_connection


@right(ex.with_connection)
async def with_wait_for(pool, work):
    try:
        await asyncio.wait_for(pool.slots.acquire(), timeout=pool.timeout)
    except asyncio.TimeoutError as error:  # noqa: UP041  # as a learner may write it
        raise TimeoutError(f"pool of {pool.size}: none free within {pool.timeout} s") from error
    connection = None
    try:
        if pool.idle:
            connection = pool.idle.pop(0)
        else:
            connection = await pool.connect()
        return await work(connection)
    finally:
        if connection is not None and connection.broken:
            connection.close()
        elif connection is not None:
            pool.idle.append(connection)
        pool.slots.release()


@right(ex.with_connection)
async def with_a_stack(pool, work):
    def give_back(connection):
        if connection.broken:
            connection.close()
        else:
            pool.idle.append(connection)

    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(pool.timeout):
                await stack.enter_async_context(pool.slots)
        except TimeoutError:
            raise TimeoutError(f"{pool.size} connections, and none of them free") from None
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        stack.callback(give_back, connection)
        return await work(connection)


@asynccontextmanager
async def _slot(pool):
    try:
        async with asyncio.timeout(pool.timeout):
            await pool.slots.acquire()
    except TimeoutError as error:
        error.args = (f"pool.size = {pool.size} is too few",)
        raise
    try:
        yield
    finally:
        pool.slots.release()


@asynccontextmanager
async def _borrowed(pool):
    async with _slot(pool):
        connection = pool.idle.pop(0) if pool.idle else await pool.connect()
        try:
            yield connection
        finally:
            pool.idle.append(connection) if not connection.broken else connection.close()


@right(ex.with_connection)
async def with_context_managers(pool, work):
    async with _borrowed(pool) as connection:
        return await work(connection)


# pay


@right(ex.pay)
async def with_nested_blocks(pool, bank, order):
    async with pool.acquire() as first:
        amount = await first.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as second:
        async with second.transaction():
            await second.insert(f"log of {order}", "paid")
            await second.insert(f"receipt of {order}", receipt)
        return receipt


@right(ex.pay)
async def starts_and_commits(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        tr = connection.transaction()
        await tr.start()
        try:
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")
        except BaseException:
            await tr.rollback()
            raise
        await tr.commit()
        return receipt


@right(ex.pay)
async def in_two_functions(pool, bank, order):
    async def price():
        async with pool.acquire() as connection:
            return await connection.select(f"price of {order}")

    async def store(receipt):
        async with pool.acquire() as connection, connection.transaction():
            for key, value in (("receipt", receipt), ("log", "paid")):
                await connection.insert(f"{key} of {order}", value)
        return receipt

    return await store(await bank(order, await price()))


@right(ex.pay)
async def stores_what_was_paid_in_any_case(pool, bank, order):
    async def store():
        async with pool.acquire() as connection, connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")

    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    storing = asyncio.create_task(store())
    try:
        await asyncio.shield(storing)
    except asyncio.CancelledError:
        await asyncio.wait({storing})
        raise
    return receipt


# transfer


@right(ex.transfer)
async def serializable_and_again(pool, source, target, amount):
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
                balance, other = await connection.select(source), await connection.select(target)
                if source == target:
                    return balance
                if balance < amount:
                    raise ValueError(f"{source} has only {balance}")
                await connection.update(source, balance - amount)
                await connection.update(target, other + amount)
                return balance - amount
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            continue


@right(ex.transfer)
async def deadlocked_and_again(pool, source, target, amount):
    if source == target:
        raise ValueError("from an account to itself")
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                balance = await connection.select_for_update(source)
                other = await connection.select_for_update(target)
                if balance < amount:
                    raise ValueError(f"{source} has only {balance}")
                await connection.update(source, balance - amount)
                await connection.update(target, other + amount)
                return balance - amount
        except asyncpg.DeadlockDetectedError:
            pass


@right(ex.transfer)
async def starts_and_rolls_back(pool, source, target, amount):
    async with pool.acquire() as connection:
        tr = connection.transaction()
        await tr.start()
        try:
            first, second = min(source, target), max(source, target)
            has = {first: await connection.select_for_update(first)}
            has[second] = await connection.select_for_update(second)
            if has[source] < amount:
                raise ValueError("too little")
            has[source] = has[source] - amount
            has[target] = has[target] + amount
            await connection.update(target, has[target])
            await connection.update(source, has[source])
        except BaseException:
            await tr.rollback()
            raise
        else:
            await tr.commit()
        return has[source]


@right(ex.transfer)
async def refuses_itself_first(pool, source, target, amount):
    if source == target:
        raise ValueError("to itself")
    async with pool.acquire() as connection, connection.transaction():
        locked = [(account, await connection.select_for_update(account)) for account in sorted({source, target})]
        balances = dict(locked)
        if (rest := balances[source] - amount) < 0:
            raise ValueError(source)
        await connection.update(source, rest)
        await connection.update(target, balances[target] + amount)
    return rest
