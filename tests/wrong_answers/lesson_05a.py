"""Wrong answers to the exercises of lesson 5a, as learners write them: each must get its own sentence."""

import asyncio

import asyncpg

from course_lib.exercises import lesson_05a as ex
from course_lib.exercises.lesson_05a import as_found
from wrong_answers import told

# with_connection


async def _slot(pool):
    try:
        async with asyncio.timeout(pool.timeout):
            await pool.slots.acquire()
    except TimeoutError:
        raise TimeoutError(f"all {pool.size} connections are in use") from None


@told(ex.with_connection, "Put each back into `pool.idle`, take from there")
async def connects_each_time(pool, work):
    await _slot(pool)
    try:
        connection = await pool.connect()
        try:
            return await work(connection)
        finally:
            connection.close()
    finally:
        pool.slots.release()


@told(ex.with_connection, "5 connections were open at one time; 2 is the limit")
async def takes_no_slot(pool, work):
    connection = pool.idle.pop() if pool.idle else await pool.connect()
    try:
        return await work(connection)
    finally:
        if connection.broken:
            connection.close()
        else:
            pool.idle.append(connection)


@told(ex.with_connection, "must take it out of `idle`")
async def leaves_it_in_idle(pool, work):
    await _slot(pool)
    try:
        if not pool.idle:
            pool.idle.append(await pool.connect())
        connection = pool.idle[0]
        try:
            return await work(connection)
        finally:
            if connection.broken:
                connection.close()
                pool.idle.remove(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "the second long after the first, and you opened 3 connections")
async def opens_all_at_once(pool, work):
    await _slot(pool)
    try:
        if not pool.idle:
            pool.idle.extend(await asyncio.gather(*(pool.connect() for _ in range(pool.size))))
        connection = pool.idle.pop()
        try:
            return await work(connection)
        finally:
            pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "you gave it a coroutine. Is an `await` missing")
async def forgets_to_await_connect(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else pool.connect()
        return await work(connection)
    finally:
        pool.slots.release()


_everyone = asyncio.Lock()


@told(ex.with_connection, "you took 6 s for what 4 s can do")
async def one_at_a_time(pool, work):
    async with _everyone:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            pool.idle.append(connection)


@told(ex.with_connection, "`pool.timeout` is for waiting for a connection, not for working")
async def limits_the_work(pool, work):
    try:
        async with asyncio.timeout(pool.timeout), pool.slots:
            connection = pool.idle.pop() if pool.idle else await pool.connect()
            try:
                return await work(connection)
            finally:
                if connection.broken:
                    connection.close()
                else:
                    pool.idle.append(connection)
    except TimeoutError:
        raise TimeoutError(f"all {pool.size} connections are in use") from None


@told(ex.with_connection, "`pool.timeout` is for waiting for a connection, not for")
async def limits_connect_and_work(pool, work):
    async def used():
        async with pool.slots:
            connection = pool.idle.pop() if pool.idle else await pool.connect()
            try:
                return await work(connection)
            finally:
                if connection.broken:
                    connection.close()
                else:
                    pool.idle.append(connection)

    return await asyncio.wait_for(used(), pool.timeout)


@told(ex.with_connection, "early waited for a connection that long held until 7 s")
async def waits_for_ever(pool, work):
    async with pool.slots:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)


@told(ex.with_connection, "query 3 raised TimeoutError after 0 s; it may wait pool.timeout")
async def does_not_wait(pool, work):
    if pool.slots.locked():
        raise TimeoutError(f"all {pool.size} connections are in use")
    async with pool.slots:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)


@told(ex.with_connection, "`connection.close(...)` was called, and gave nothing that can be awaited")
async def awaits_close(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            if connection.broken:
                await connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "work(connection) raised TimeoutError, and your function returned")
async def returns_the_error(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        except Exception as error:
            return error
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "The message of your TimeoutError is ''")
async def says_nothing(pool, work):
    async with asyncio.timeout(pool.timeout):
        await pool.slots.acquire()
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


@told(ex.with_connection, "and you took it for the pool's")
async def takes_any_timeout(pool, work):
    try:
        async with asyncio.timeout(pool.timeout):
            await pool.slots.acquire()
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
    except TimeoutError:
        raise TimeoutError(f"all {pool.size} connections are in use") from None


@told(ex.with_connection, "whoever had one before, or its slot, did not give it back")
async def gives_back_after_success(pool, work):
    await _slot(pool)
    connection = pool.idle.pop() if pool.idle else await pool.connect()
    result = await work(connection)
    pool.idle.append(connection)
    pool.slots.release()
    return result


@told(ex.with_connection, "It is not `broken`: it can be used again")
async def throws_away_after_failure(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            result = await work(connection)
        except BaseException:
            connection.close()
            raise
        pool.idle.append(connection)
        return result
    finally:
        pool.slots.release()


@told(ex.with_connection, "and read the answer to 'lost query', which nobody had waited for")
async def keeps_the_broken(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "at the server it is still open, 2 in all where 1 is the limit")
async def forgets_to_close(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            if not connection.broken:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "next got no connection, though all others had ended")
async def except_exception(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        result = await work(connection)
    except Exception:
        if connection.broken:
            connection.close()
        else:
            pool.idle.append(connection)
        pool.slots.release()
        raise
    pool.idle.append(connection)
    pool.slots.release()
    return result


@told(ex.with_connection, "next got no connection, though all others had ended")
async def connects_outside_the_try(pool, work):
    await _slot(pool)
    connection = pool.idle.pop() if pool.idle else await pool.connect()
    try:
        return await work(connection)
    finally:
        if connection.broken:
            connection.close()
        else:
            pool.idle.append(connection)
        pool.slots.release()


@told(ex.with_connection, "only given back by who took it")
async def releases_what_it_never_took(pool, work):
    connection = None
    try:
        await _slot(pool)
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        return await work(connection)
    finally:
        if connection and connection.broken:
            connection.close()
        elif connection:
            pool.idle.append(connection)
        pool.slots.release()


@told(ex.with_connection, "work() of 'lost query' was called 2 times")
async def works_again(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        except ConnectionError:
            connection.close()
            connection = await pool.connect()
            return await work(connection)
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "Is a `return` missing?")
async def forgets_the_result(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            await work(connection)
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "only given back by who took it, and once")
async def releases_twice(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        except Exception:
            pool.slots.release()
            raise
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "Keep a connection only if it is not `broken`")
async def looks_only_where_it_failed(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            result = await work(connection)
        except BaseException:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
            raise
        pool.idle.append(connection)
        return result
    finally:
        pool.slots.release()


@told(ex.with_connection, "A connection was closed that is not `broken`: it can be used again")
async def closes_when_cancelled(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            if connection.broken:
                connection.close()
            elif not connection.closed:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "nothing was left to wait for")
async def closes_a_moment_later(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        finally:
            if connection.broken:
                await asyncio.sleep(0.5)
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "Return what work(connection) gives")
async def nothing_for_falsy(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection) or "nothing"
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


@told(ex.with_connection, "pass it on")
async def keeps_what_it_knows(pool, work):
    await _slot(pool)
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        try:
            return await work(connection)
        except (ValueError, OSError):
            raise
        except Exception as error:
            return error
        finally:
            if connection.broken:
                connection.close()
            else:
                pool.idle.append(connection)
    finally:
        pool.slots.release()


# pay


told(ex.pay, "each holds one connection and waits for another")(as_found.pay)


@told(ex.pay, "From 1 s to 4 s the bank was working, and your function held a")
async def holds_it_at_the_bank(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
        receipt = await bank(order, amount)
        async with connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "Give it back before, and borrow another one after")
async def all_in_one_transaction(pool, bank, order):
    async with pool.acquire() as connection, connection.transaction():
        amount = await connection.select(f"price of {order}")
        receipt = await bank(order, amount)
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "'log of order 1' could not be stored, and 'receipt of order 1'")
async def without_a_transaction(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "Both or none: put both into one transaction")
async def a_transaction_each(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
        async with connection.transaction():
            await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "Who holds a connection must not ask for a second one")
async def nested_for_the_log(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection, connection.transaction():
        await connection.insert(f"receipt of {order}", receipt)
        async with pool.acquire() as another:
            await another.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "One connection does one thing at a time")
async def both_at_once(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection, connection.transaction():
        await asyncio.gather(
            connection.insert(f"receipt of {order}", receipt), connection.insert(f"log of {order}", "paid")
        )
    return receipt


@told(ex.pay, "after it had been given back")
async def uses_it_after_the_block(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with connection.transaction():
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "Borrow by `async with pool.acquire() as connection:`")
async def awaits_acquire(pool, bank, order):
    connection = await pool.acquire()
    amount = await connection.select(f"price of {order}")
    return await bank(order, amount)


@told(ex.pay, "Use `async with connection.transaction():`, which commits")
async def awaits_transaction(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        await connection.transaction()
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "The bank refused, and yet there is 'log of order 1'")
async def logs_before_the_bank(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
        await connection.insert(f"log of {order}", "paid")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        await connection.insert(f"receipt of {order}", receipt)
    return receipt


@told(ex.pay, "The bank raised ValueError, and your function returned 'refused'")
async def hides_a_refusal(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    try:
        receipt = await bank(order, amount)
    except Exception:
        return "refused"
    async with pool.acquire() as connection, connection.transaction():
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "Under 'log of order 1' there should be 'paid'; there is None")
async def forgets_the_log(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        await connection.insert(f"receipt of {order}", receipt)
    return receipt


@told(ex.pay, "you took 18 s for what 10 s can do")
async def one_customer_at_a_time(pool, bank, order):
    async with vars(pool).setdefault("counter", asyncio.Lock()):
        async with pool.acquire() as connection:
            amount = await connection.select(f"price of {order}")
        receipt = await bank(order, amount)
        async with pool.acquire() as connection, connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")
    return receipt


_counter = asyncio.Lock()


@told(ex.pay, "You keep a lock or the like outside of your function")
async def with_a_lock_outside(pool, bank, order):
    async with _counter:
        async with pool.acquire() as connection:
            amount = await connection.select(f"price of {order}")
        receipt = await bank(order, amount)
        async with pool.acquire() as connection, connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "the card was charged again for the same order")
async def tries_all_of_it_again(pool, bank, order):
    for left in (2, 1, 0):
        try:
            async with pool.acquire() as connection:
                amount = await connection.select(f"price of {order}")
            receipt = await bank(order, amount)
            async with pool.acquire() as connection, connection.transaction():
                await connection.insert(f"receipt of {order}", receipt)
                await connection.insert(f"log of {order}", "paid")
            return receipt
        except ConnectionError:
            if not left:
                raise


@told(ex.pay, "Under 'receipt of order 1' there should be 'receipt for 100'; there is None")
async def never_commits(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        await connection.transaction().start()
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "who holds a connection must not ask for a second one")
async def notes_a_failure_through_another(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)
    async with pool.acquire() as connection:
        try:
            async with connection.transaction():
                await connection.insert(f"receipt of {order}", receipt)
                await connection.insert(f"log of {order}", "paid")
        except Exception:
            async with pool.acquire() as another:
                await another.insert(f"failure of {order}", "not stored")
            raise
    return receipt


@told(ex.pay, "The bank raised ConnectionError, and your function returned None: pass it on")
async def hides_one_kind(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    try:
        receipt = await bank(order, amount)
    except ConnectionError:
        return None
    async with pool.acquire() as connection, connection.transaction():
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "Cancelled at")
async def hides_a_cancellation(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    try:
        receipt = await bank(order, amount)
    except asyncio.CancelledError:
        return "cancelled"
    async with pool.acquire() as connection, connection.transaction():
        await connection.insert(f"receipt of {order}", receipt)
        await connection.insert(f"log of {order}", "paid")
    return receipt


@told(ex.pay, "that is what `await store()` gave")
async def returns_what_storing_gave(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)

    async def store():
        async with pool.acquire() as connection, connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")

    return await store()


# transfer


told(ex.transfer, "There is no account 'nobody', and the money had left")(as_found.transfer)


@told(ex.transfer, "Both had read the balance before either wrote it")
async def only_a_transaction(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balance = await connection.select(source)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        other = await connection.select(target)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "which leaves all or nothing")
async def only_locks(pool, source, target, amount):
    async with pool.acquire() as connection:
        balance = await connection.select_for_update(source)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        other = await connection.select_for_update(target)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "outside of one, it is gone at once")
async def locks_before_the_transaction(pool, source, target, amount):
    async with pool.acquire() as connection:
        balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        async with connection.transaction():
            await connection.update(source, balances[source] - amount)
            await connection.update(target, balances[target] + amount)
        return balances[source] - amount


@told(ex.transfer, "Then carol should have 150, and has")
async def locks_the_source_only(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balance = await connection.select_for_update(source)
        other = await connection.select(target)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "Let all transfers lock in the same order")
async def source_first(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balance = await connection.select_for_update(source)
        other = await connection.select_for_update(target)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "looked at after it was locked, not before")
async def checks_before_it_locks(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        if await connection.select(source) < amount:
            raise ValueError(f"{source} has too little")
        balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
        await connection.update(source, balances[source] - amount)
        await connection.update(target, balances[target] + amount)
        return balances[source] - amount


@told(ex.transfer, "is to be tried again, as a whole, until it succeeds")
async def serializable_once(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
        balance, other = await connection.select(source), await connection.select(target)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "as a whole on DeadlockDetectedError, too")
async def repeats_on_one_error_only(pool, source, target, amount):
    while True:
        try:
            return await serializable_once(pool, source, target, amount)
        except asyncpg.SerializationError:
            pass


@told(ex.transfer, "Alice gave 30 to herself, and then she had 130, not 100")
async def makes_money_of_itself(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        await connection.update(source, balances[source] - amount)
        await connection.update(target, balances[target] + amount)
        return balances[source] - amount


@told(ex.transfer, "Repeat it as a whole: the `try` stands around")
async def repeats_inside(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
        while True:
            try:
                balance, other = await connection.select(source), await connection.select(target)
                if balance < amount:
                    raise ValueError(f"{source} has only {balance}")
                await connection.update(source, balance - amount)
                await connection.update(target, other + amount)
                return balance - amount
            except asyncpg.SerializationError:
                pass


@told(ex.transfer, "Whom do they wait for, or what do they repeat?")
async def repeats_for_ever(pool, source, target, amount):
    while True:
        try:
            return await source_first(pool, source, target, amount)
        except Exception:
            pass


@told(ex.transfer, "A lock of your own program does not stop another program")
async def a_lock_for_all(pool, source, target, amount):
    everybody = vars(pool).setdefault("everybody", asyncio.Lock())
    async with everybody, pool.acquire() as connection, connection.transaction():
        balance, other = await connection.select(source), await connection.select(target)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "A lock of your own program does not stop another program")
async def locks_of_this_process(pool, source, target, amount):
    first, second = (vars(pool).setdefault(account, asyncio.Lock()) for account in sorted([source, target]))
    async with first, second, pool.acquire() as connection, connection.transaction():
        balance, other = await connection.select(source), await connection.select(target)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        await connection.update(target, other + amount)
        return balance - amount


@told(ex.transfer, "then alice had 70 and bob had 100")
async def repairs_it_itself(pool, source, target, amount):
    async with pool.acquire() as connection:
        balance = await connection.select(source)
        if balance < amount:
            raise ValueError(f"{source} has only {balance}")
        await connection.update(source, balance - amount)
        try:
            await connection.update(target, await connection.select(target) + amount)
        except Exception:
            await connection.update(source, balance)
            raise
        return balance - amount


@told(ex.transfer, "There is no account 'nobody', and your function returned 0: pass the error on")
async def hides_the_failure(pool, source, target, amount):
    async with pool.acquire() as connection:
        try:
            async with connection.transaction():
                balances = {a: await connection.select_for_update(a) for a in sorted([source, target])}
                if balances[source] < amount:
                    raise ValueError(f"{source} has only {balances[source]}")
                await connection.update(source, balances[source] - amount)
                await connection.update(target, balances[target] + amount)
        except LookupError:
            return 0
        return balances[source] - amount


@told(ex.transfer, "Alice has 100 and was to give 101: raise ValueError")
async def lends_without_limit(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
        await connection.update(source, balances[source] - amount)
        await connection.update(target, balances[target] + amount)
        return balances[source] - amount


@told(ex.transfer, "the order in which a set is gone through is an accident")
async def locks_in_the_order_of_a_set(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balances = {account: await connection.select_for_update(account) for account in {source, target}}
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        balances[source] -= amount
        balances[target] += amount
        for account in balances:
            await connection.update(account, balances[account])
        return balances[source]


@told(ex.transfer, "Alice has 100 and gives 100, which leaves 0")
async def keeps_a_little(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
        if balances[source] <= amount:
            raise ValueError(f"{source} has only {balances[source]}")
        balances[source] -= amount
        balances[target] += amount
        for account in balances:
            await connection.update(account, balances[account])
        return balances[source]


@told(ex.transfer, "Wait for the database and for nothing else")
async def lets_the_others_go_first(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
        await asyncio.sleep(0.5)
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        balances[source] -= amount
        balances[target] += amount
        for account in balances:
            await connection.update(account, balances[account])
        return balances[source]


@told(ex.transfer, "Bob's account could not be written, ConnectionError, and your function returned 0")
async def hides_a_lost_database(pool, source, target, amount):
    try:
        async with pool.acquire() as connection, connection.transaction():
            balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
            if balances[source] < amount:
                raise ValueError(f"{source} has only {balances[source]}")
            balances[source] -= amount
            balances[target] += amount
            for account in balances:
                await connection.update(account, balances[account])
            return balances[source]
    except ConnectionError:
        return 0


@told(ex.transfer, "Cancelled at 0.375 s, your function returned 'cancelled'")
async def hides_a_cancellation_too(pool, source, target, amount):
    try:
        async with pool.acquire() as connection, connection.transaction():
            balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
            if balances[source] < amount:
                raise ValueError(f"{source} has only {balances[source]}")
            balances[source] -= amount
            balances[target] += amount
            for account in balances:
                await connection.update(account, balances[account])
            return balances[source]
    except asyncio.CancelledError:
        return "cancelled"


@told(ex.transfer, "and nothing have changed")
async def goes_on_when_cancelled(pool, source, target, amount):
    async def move():
        async with pool.acquire() as connection, connection.transaction():
            balances = {account: await connection.select_for_update(account) for account in sorted([source, target])}
            if balances[source] < amount:
                raise ValueError(f"{source} has only {balances[source]}")
            balances[source] -= amount
            balances[target] += amount
            for account in balances:
                await connection.update(account, balances[account])
            return balances[source]

    moving = asyncio.create_task(move())
    try:
        return await asyncio.shield(moving)
    except asyncio.CancelledError:
        await asyncio.wait({moving})
        raise


@told(ex.transfer, "Is a `return` missing on the way that your function took?")
async def gives_up_after_three(pool, source, target, amount):
    for _ in range(3):
        try:
            async with pool.acquire() as connection, connection.transaction():
                balance = await connection.select_for_update(source)
                other = await connection.select_for_update(target)
                if source == target:
                    return balance
                if balance < amount:
                    raise ValueError(f"{source} has only {balance}")
                await connection.update(source, balance - amount)
                await connection.update(target, other + amount)
                return balance - amount
        except asyncpg.DeadlockDetectedError:
            pass


@told(ex.transfer, "Let all transfers lock in the same order, such as sorted by name")
async def locks_the_shorter_name_first(pool, source, target, amount):
    async with pool.acquire() as connection, connection.transaction():
        accounts = sorted([source, target], key=len)
        balances = {account: await connection.select_for_update(account) for account in accounts}
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        balances[source] -= amount
        balances[target] += amount
        for account in balances:
            await connection.update(account, balances[account])
        return balances[source]


@told(ex.with_connection, "3 connections were open at one time; 2 is the limit")
async def gives_the_slot_back_first(pool, work):
    await _slot(pool)
    connection = None
    try:
        connection = pool.idle.pop() if pool.idle else await pool.connect()
        return await work(connection)
    finally:
        pool.slots.release()
        await asyncio.sleep(0)
        if connection and connection.broken:
            connection.close()
        elif connection:
            pool.idle.append(connection)


@told(ex.pay, "When your function had ended, this was still running: store")
async def shields_the_storing(pool, bank, order):
    async with pool.acquire() as connection:
        amount = await connection.select(f"price of {order}")
    receipt = await bank(order, amount)

    async def store():
        async with pool.acquire() as connection, connection.transaction():
            await connection.insert(f"receipt of {order}", receipt)
            await connection.insert(f"log of {order}", "paid")

    await asyncio.shield(store())
    return receipt


@told(ex.transfer, "there is a `return` in it that gives nothing")
async def gives_oneself_nothing(pool, source, target, amount):
    if source == target:
        return None
    async with pool.acquire() as connection, connection.transaction():
        balances = {each: await connection.select_for_update(each) for each in sorted([source, target])}
        if balances[source] < amount:
            raise ValueError(f"{source} has only {balances[source]}")
        await connection.update(source, balances[source] - amount)
        await connection.update(target, balances[target] + amount)
        return balances[source] - amount
