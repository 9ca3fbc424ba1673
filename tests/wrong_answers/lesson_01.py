"""Wrong answers to the exercises of lesson 1, as learners write them: each must get its own sentence."""

import asyncio

from course_lib.exercises import lesson_01 as ex
from wrong_answers import told

# load_page


@told(ex.load_page, "6 s for what 3 s can do. A call that is awaited at once")
async def sequential(get_user, get_posts, get_news):
    return await get_user(), await get_posts(), await get_news()


@told(ex.load_page, "You made tasks, but awaited each one before the next was made")
async def awaits_each_task(get_user, get_posts, get_news):
    user = await asyncio.create_task(get_user())
    posts = await asyncio.create_task(get_posts())
    news = await asyncio.create_task(get_news())
    return user, posts, news


@told(ex.load_page, "an `await` is missing")
async def calls_only(get_user, get_posts, get_news):
    return get_user(), get_posts(), get_news()


@told(ex.load_page, "this was still running: get_user, get_posts, get_news")
async def awaits_nothing(get_user, get_posts, get_news):
    tasks = [asyncio.create_task(get()) for get in (get_user, get_posts, get_news)]
    return tuple(tasks)


@told(ex.load_page, "Is a `return` missing?")
async def forgets_return(get_user, get_posts, get_news):
    await asyncio.gather(get_user(), get_posts(), get_news())


@told(ex.load_page, "The order should be user, posts, news; you returned posts, news, user.")
async def as_they_finish(get_user, get_posts, get_news):
    waits = [get_user(), get_posts(), get_news()]
    return [await finished for finished in asyncio.as_completed(waits)]


@told(ex.load_page, "Some waits overlapped, but the whole took 4 s for what 3 s can do")
async def starts_two_too_late(get_user, get_posts, get_news):
    user = await get_user()
    posts, news = await asyncio.gather(get_posts(), get_news())
    return user, posts, news


@told(ex.load_page, "a call starts nothing: it only makes a coroutine")
async def calls_first_awaits_later(get_user, get_posts, get_news):
    user = get_user()
    posts = get_posts()
    news = get_news()
    return await user, await posts, await news


# order_page


@told(ex.order_page, "6 s for what 4 s can do. A call that is awaited at once")
async def all_in_a_row(get_customer, get_orders, get_offers):
    customer = await get_customer()
    orders = await get_orders(customer)
    offers = await get_offers(customer)
    return customer, orders, offers


@told(ex.order_page, "get_orders was given a task or a coroutine, not the customer")
async def passes_the_task(get_customer, get_orders, get_offers):
    customer = asyncio.create_task(get_customer())
    orders = asyncio.create_task(get_orders(customer))
    offers = asyncio.create_task(get_offers(customer))
    return await customer, await orders, await offers


@told(ex.order_page, "get_customer ran 2 times")
async def asks_twice(get_customer, get_orders, get_offers):
    async def orders():
        return await get_orders(await get_customer())

    async def offers():
        return await get_offers(await get_customer())

    first, second = await asyncio.gather(orders(), offers())
    return "customer 7", first, second


@told(ex.order_page, "Return three things, customer, orders, offers")
async def forgets_the_customer(get_customer, get_orders, get_offers):
    customer = await get_customer()
    return await asyncio.gather(get_orders(customer), get_offers(customer))


@told(ex.order_page, "You made tasks, but awaited each one before the next was made")
async def tasks_one_by_one(get_customer, get_orders, get_offers):
    customer = await asyncio.create_task(get_customer())
    orders = await asyncio.create_task(get_orders(customer))
    offers = await asyncio.create_task(get_offers(customer))
    return customer, orders, offers


@told(ex.order_page, "get_orders was given 'customer 7'; it needs what get_customer() returned")
async def knows_the_customer(get_customer, get_orders, get_offers):
    return await asyncio.gather(get_customer(), get_orders("customer 7"), get_offers("customer 7"))


# fetch_all


@told(ex.fetch_all, "7.5 s for what 3 s can do")
async def one_by_one(fetch, names):
    results = []
    for name in names:
        try:
            results.append(await fetch(name))
        except Exception as error:
            results.append(error)
    return results


@told(ex.fetch_all, "the pages that did arrive are lost")
async def plain_gather(fetch, names):
    return await asyncio.gather(*(fetch(name) for name in names))


@told(ex.fetch_all, "left no trace")
async def only_what_worked(fetch, names):
    results = await asyncio.gather(*(fetch(name) for name in names), return_exceptions=True)
    return [page for page in results if not isinstance(page, Exception)]


@told(ex.fetch_all, "Every result is there, but not in input order")
async def as_completed(fetch, names):
    results = []
    for finished in asyncio.as_completed([fetch(name) for name in names]):
        try:
            results.append(await finished)
        except Exception as error:
            results.append(error)
    return results


@told(ex.fetch_all, "In place of the page that failed stands None")
async def none_instead(fetch, names):
    async def careful(name):
        try:
            return await fetch(name)
        except Exception:
            return None

    return await asyncio.gather(*(careful(name) for name in names))


@told(ex.fetch_all, "There is a coroutine or a task in the list")
async def waits_for_tasks(fetch, names):
    tasks = [asyncio.create_task(fetch(name)) for name in names]
    await asyncio.wait(tasks)
    return tasks


@told(ex.fetch_all, "ValueError")
async def not_for_nothing(fetch, names):
    tasks = [asyncio.create_task(fetch(name)) for name in names]
    await asyncio.wait(tasks)
    return [task.exception() or task.result() for task in tasks]


@told(ex.fetch_all, "gather gave up at the first failure")
async def gather_in_try(fetch, names):
    try:
        return await asyncio.gather(*(fetch(name) for name in names))
    except Exception as error:
        return [error]


@told(ex.fetch_all, "the group cancelled the fetches that were still under way")
async def plain_group(fetch, names):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name)) for name in names]
    return [task.result() for task in tasks]


@told(ex.fetch_all, "A name may come twice")
async def by_name(fetch, names):
    pages = {name: fetch(name) for name in dict.fromkeys(names)}
    return await asyncio.gather(*pages.values(), return_exceptions=True)


@told(ex.fetch_all, "gather(*coroutines)")
async def gathers_a_list(fetch, names):
    return await asyncio.gather([fetch(name) for name in names], return_exceptions=True)


# What passes where a check has one order, one kind of failure, and numbers that fit.


@told(ex.load_page, "the order in which they end is no order to return")
async def unpacks_what_wait_gives(get_user, get_posts, get_news):
    done, _ = await asyncio.wait([asyncio.create_task(get()) for get in (get_user, get_posts, get_news)])
    user, posts, news = done
    return user.result(), posts.result(), news.result()


@told(ex.load_page, "ran on an event loop of its own, in another thread")
async def loops_in_threads(get_user, get_posts, get_news):
    calls = (asyncio.to_thread(asyncio.run, get()) for get in (get_user, get_posts, get_news))
    return await asyncio.gather(*calls)


@told(ex.load_page, "Expected (")
async def leaves_out_what_is_falsy(get_user, get_posts, get_news):
    user, posts, news = await asyncio.gather(get_user(), get_posts(), get_news())
    return user or "nobody", posts or "nothing", news or "no news"


@told(ex.load_page, "The `await` inside the brackets finished each call before the next began")
async def awaits_in_the_brackets(get_user, get_posts, get_news):
    return await asyncio.gather(*[await get() for get in (get_user, get_posts, get_news)])


@told(ex.load_page, "`get_user` is a function, and `await` needs what its call gives: is its () missing?")
async def awaits_the_function(get_user, get_posts, get_news):
    return await get_user, await get_posts, await get_news


@told(ex.order_page, "Return customer, orders, offers in this order")
async def as_they_come(get_customer, get_orders, get_offers):
    customer = await get_customer()
    first, second = asyncio.as_completed([get_offers(customer), get_orders(customer)])
    offers = await first
    return customer, await second, offers


@told(ex.order_page, "Return customer, orders, offers in this order")
async def unpacks_a_set(get_customer, get_orders, get_offers):
    customer = await get_customer()
    done, _ = await asyncio.wait([asyncio.create_task(get_orders(customer)), asyncio.create_task(get_offers(customer))])
    orders, offers = done
    return customer, orders.result(), offers.result()


@told(ex.fetch_all, "raised Unreadable, which left your function")
async def most_kinds(fetch, names):
    async def careful(name):
        try:
            return await fetch(name)
        except (OSError, ValueError, LookupError, RuntimeError, ArithmeticError) as error:
            return error

    return await asyncio.gather(*(careful(name) for name in names))


@told(ex.fetch_all, "which left your function: the pages that did arrive are lost")
async def one_kind(fetch, names):
    async def careful(name):
        try:
            return await fetch(name)
        except ConnectionError as error:
            return error

    return await asyncio.gather(*(careful(name) for name in names))


@told(ex.fetch_all, "Some waits overlapped")
async def ten_at_a_time(fetch, names):
    slots = asyncio.Semaphore(10)

    async def one(name):
        async with slots:
            return await fetch(name)

    return await asyncio.gather(*(one(name) for name in names), return_exceptions=True)


@told(ex.fetch_all, "You called fetch(['a', 'b', 'c', 'd']): it takes one of the names")
async def fetches_the_list(fetch, names):
    return await asyncio.gather(fetch(names))


@told(ex.fetch_all, "Every result is there, but not in input order")
async def goes_through_a_set(fetch, names):
    tasks = {asyncio.create_task(fetch(name)) for name in names}
    results = []
    for task in tasks:
        try:
            results.append(await task)
        except Exception as error:
            results.append(error)
    return results


@told(ex.fetch_all, "failed before gather was called. The `await` inside the brackets")
async def awaits_in_the_list(fetch, names):
    return await asyncio.gather(*[await fetch(name) for name in names], return_exceptions=True)


@told(ex.fetch_all, "Some waits overlapped")
async def two_at_a_time(fetch, names):
    results = []
    for first in range(0, len(names), 2):
        pair = [fetch(name) for name in names[first : first + 2]]
        results += await asyncio.gather(*pair, return_exceptions=True)
    return results


# What used to get Python's words, or a text cut in the middle.


@told(ex.load_page, "You passed `get_user` itself; call it: `get_user()`")
async def gathers_the_functions(get_user, get_posts, get_news):
    return await asyncio.gather(get_user, get_posts, get_news)


@told(ex.load_page, "You passed `get_user` itself; call it: `get_user()`")
async def makes_tasks_of_the_functions(get_user, get_posts, get_news):
    tasks = [asyncio.create_task(get_user), asyncio.create_task(get_posts), asyncio.create_task(get_news)]
    return [await task for task in tasks]


@told(ex.load_page, "`both` holds functions; pass what their calls give: `*(each() for each in both)`.")
async def gathers_a_list_of_functions(get_user, get_posts, get_news):
    both = [get_posts, get_news]
    return [await get_user(), *await asyncio.gather(*both)]


@told(ex.load_page, "Return three things, user, posts, news; you returned a tuple of two sets.")
async def returns_both_sets(get_user, get_posts, get_news):
    return await asyncio.wait([asyncio.create_task(get()) for get in (get_user, get_posts, get_news)])


@told(ex.order_page, "get_orders was given a function; it needs what get_customer() returned")
async def passes_the_function(get_customer, get_orders, get_offers):
    customer = await get_customer()
    return customer, *await asyncio.gather(get_orders(get_customer), get_offers(get_customer))


@told(ex.fetch_all, "gather was given one generator: put a star before it, `gather(*...)`.")
async def forgets_the_star(fetch, names):
    return await asyncio.gather((fetch(name) for name in names), return_exceptions=True)


@told(ex.fetch_all, "gather was given one generator: put a star before it, `gather(*...)`.")
async def forgets_the_star_and_the_argument(fetch, names):
    return await asyncio.gather(fetch(name) for name in names)
