"""The reference solutions of lesson 1, as a learner would write them."""

import asyncio


async def load_page(get_user, get_posts, get_news):
    user = asyncio.create_task(get_user())
    posts = asyncio.create_task(get_posts())
    news = asyncio.create_task(get_news())
    return await user, await posts, await news


async def order_page(get_customer, get_orders, get_offers):
    customer = await get_customer()
    orders = asyncio.create_task(get_orders(customer))
    offers = asyncio.create_task(get_offers(customer))
    return customer, await orders, await offers


async def fetch_all(fetch, names):
    return await asyncio.gather(*(fetch(name) for name in names), return_exceptions=True)
