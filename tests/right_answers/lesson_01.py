"""Right answers to the exercises of lesson 1, in other styles than the solutions."""

import asyncio

from course_lib.exercises import lesson_01 as ex
from right_answers import right

# load_page


@right(ex.load_page)
async def gathers(get_user, get_posts, get_news):
    return await asyncio.gather(get_user(), get_posts(), get_news())


@right(ex.load_page)
async def in_a_group(get_user, get_posts, get_news):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(get()) for get in (get_user, get_posts, get_news)]
    return [task.result() for task in tasks]


@right(ex.load_page)
async def awaits_the_last_directly(get_user, get_posts, get_news):
    user = asyncio.ensure_future(get_user())
    posts = asyncio.ensure_future(get_posts())
    news = await get_news()
    return await user, await posts, news


@right(ex.load_page)
async def waits_and_looks(get_user, get_posts, get_news):
    tasks = [asyncio.create_task(get()) for get in (get_user, get_posts, get_news)]
    await asyncio.wait(tasks)
    return tuple(task.result() for task in tasks)


# order_page


@right(ex.order_page)
async def gathers_two(get_customer, get_orders, get_offers):
    customer = await get_customer()
    return customer, *await asyncio.gather(get_orders(customer), get_offers(customer))


@right(ex.order_page)
async def groups_two(get_customer, get_orders, get_offers):
    customer = await get_customer()
    async with asyncio.TaskGroup() as group:
        orders, offers = group.create_task(get_orders(customer)), group.create_task(get_offers(customer))
    return [customer, orders.result(), offers.result()]


@right(ex.order_page)
async def chains_of_tasks(get_customer, get_orders, get_offers):
    customer = asyncio.create_task(get_customer())

    async def with_customer(get):
        return await get(await customer)

    orders, offers = await asyncio.gather(with_customer(get_orders), with_customer(get_offers))
    return await customer, orders, offers


# fetch_all


@right(ex.fetch_all)
async def catches_in_each(fetch, names):
    async def careful(name):
        try:
            return await fetch(name)
        except Exception as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(careful(name)) for name in names]
    return [task.result() for task in tasks]


@right(ex.fetch_all)
async def awaits_one_task_after_the_other(fetch, names):
    tasks = [asyncio.create_task(fetch(name)) for name in names]
    results = []
    for task in tasks:
        try:
            results.append(await task)
        except Exception as error:
            results.append(error)
    return results


@right(ex.fetch_all)
async def waits_for_all(fetch, names):
    tasks = [asyncio.create_task(fetch(name)) for name in names]
    if tasks:
        await asyncio.wait(tasks)
    return [task.exception() if task.exception() else task.result() for task in tasks]


@right(ex.fetch_all)
async def by_index(fetch, names):
    results = [None] * len(names)

    async def one(index):
        try:
            results[index] = await fetch(names[index])
        except Exception as error:
            results[index] = error

    await asyncio.gather(*map(one, range(len(names))))
    return results
