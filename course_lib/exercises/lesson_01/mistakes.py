"""Wrong answers to the exercises of lesson 1, as learners write them: each must get its own sentence."""

import asyncio

# load_page


async def sequential(get_user, get_posts, get_news):
    return await get_user(), await get_posts(), await get_news()


async def awaits_each_task(get_user, get_posts, get_news):
    user = await asyncio.create_task(get_user())
    posts = await asyncio.create_task(get_posts())
    news = await asyncio.create_task(get_news())
    return user, posts, news


async def calls_only(get_user, get_posts, get_news):
    return get_user(), get_posts(), get_news()


async def awaits_nothing(get_user, get_posts, get_news):
    tasks = [asyncio.create_task(get()) for get in (get_user, get_posts, get_news)]
    return tuple(tasks)


async def forgets_return(get_user, get_posts, get_news):
    await asyncio.gather(get_user(), get_posts(), get_news())


async def as_they_finish(get_user, get_posts, get_news):
    waits = [get_user(), get_posts(), get_news()]
    return [await finished for finished in asyncio.as_completed(waits)]


async def starts_two_too_late(get_user, get_posts, get_news):
    user = await get_user()
    posts, news = await asyncio.gather(get_posts(), get_news())
    return user, posts, news


async def calls_first_awaits_later(get_user, get_posts, get_news):
    user = get_user()
    posts = get_posts()
    news = get_news()
    return await user, await posts, await news


# order_page


async def all_in_a_row(get_customer, get_orders, get_offers):
    customer = await get_customer()
    orders = await get_orders(customer)
    offers = await get_offers(customer)
    return customer, orders, offers


async def passes_the_task(get_customer, get_orders, get_offers):
    customer = asyncio.create_task(get_customer())
    orders = asyncio.create_task(get_orders(customer))
    offers = asyncio.create_task(get_offers(customer))
    return await customer, await orders, await offers


async def asks_twice(get_customer, get_orders, get_offers):
    async def orders():
        return await get_orders(await get_customer())

    async def offers():
        return await get_offers(await get_customer())

    first, second = await asyncio.gather(orders(), offers())
    return "customer 7", first, second


async def forgets_the_customer(get_customer, get_orders, get_offers):
    customer = await get_customer()
    return await asyncio.gather(get_orders(customer), get_offers(customer))


async def tasks_one_by_one(get_customer, get_orders, get_offers):
    customer = await asyncio.create_task(get_customer())
    orders = await asyncio.create_task(get_orders(customer))
    offers = await asyncio.create_task(get_offers(customer))
    return customer, orders, offers


async def knows_the_customer(get_customer, get_orders, get_offers):
    return await asyncio.gather(get_customer(), get_orders("customer 7"), get_offers("customer 7"))


# fetch_all


async def one_by_one(fetch, names):
    results = []
    for name in names:
        try:
            results.append(await fetch(name))
        except Exception as error:
            results.append(error)
    return results


async def plain_gather(fetch, names):
    return await asyncio.gather(*(fetch(name) for name in names))


async def only_what_worked(fetch, names):
    results = await asyncio.gather(*(fetch(name) for name in names), return_exceptions=True)
    return [page for page in results if not isinstance(page, Exception)]


async def as_completed(fetch, names):
    results = []
    for finished in asyncio.as_completed([fetch(name) for name in names]):
        try:
            results.append(await finished)
        except Exception as error:
            results.append(error)
    return results


async def none_instead(fetch, names):
    async def careful(name):
        try:
            return await fetch(name)
        except Exception:
            return None

    return await asyncio.gather(*(careful(name) for name in names))


async def waits_for_tasks(fetch, names):
    tasks = [asyncio.create_task(fetch(name)) for name in names]
    await asyncio.wait(tasks)
    return tasks


async def not_for_nothing(fetch, names):
    tasks = [asyncio.create_task(fetch(name)) for name in names]
    await asyncio.wait(tasks)
    return [task.exception() or task.result() for task in tasks]


async def gather_in_try(fetch, names):
    try:
        return await asyncio.gather(*(fetch(name) for name in names))
    except Exception as error:
        return [error]


async def plain_group(fetch, names):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name)) for name in names]
    return [task.result() for task in tasks]


async def by_name(fetch, names):
    pages = {name: fetch(name) for name in dict.fromkeys(names)}
    return await asyncio.gather(*pages.values(), return_exceptions=True)


async def gathers_a_list(fetch, names):
    return await asyncio.gather([fetch(name) for name in names], return_exceptions=True)
