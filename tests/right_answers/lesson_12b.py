"""Right answers to the exercises of lesson 12b, in other styles than the solutions."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from course_lib.exercises import lesson_12b as ex
from right_answers import right

# print_labels


@right(ex.print_labels)
async def a_pool_of_printers(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    carriers = sorted({order["carrier"] for order in orders.values()})
    logos = dict(zip(carriers, await asyncio.gather(*map(shop.download, carriers)), strict=True))
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(shop.at_once) as pool:
        drawing = [
            loop.run_in_executor(pool, shop.draw, orders[number], logos[orders[number]["carrier"]])
            for number in numbers
        ]
        return await asyncio.gather(*drawing)


@right(ex.print_labels)
async def tasks_that_share_downloads(shop, numbers):
    async with shop.connect() as connection:
        orders = await connection.fetch(numbers)
    downloads, printers, labels = {}, asyncio.Semaphore(shop.at_once), {}

    async def draw(order):
        carrier = order["carrier"]
        if carrier not in downloads:
            downloads[carrier] = asyncio.create_task(shop.download(carrier))
        logo = await downloads[carrier]
        async with printers:
            labels[order["number"]] = await asyncio.to_thread(shop.draw, order, logo)

    async with asyncio.TaskGroup() as group:
        for order in orders:
            group.create_task(draw(order))
    return [labels[number] for number in numbers]


@right(ex.print_labels)
async def workers(shop, numbers):
    async with shop.connect() as connection:
        orders = await connection.fetch(numbers)
    logos = {order["carrier"]: "" for order in orders}

    async def download(carrier):
        logos[carrier] = await shop.download(carrier)

    async with asyncio.TaskGroup() as group:
        for carrier in logos:
            group.create_task(download(carrier))
    labels, todo = {}, iter(orders)

    async def worker():
        for order in todo:
            labels[order["number"]] = await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    await asyncio.gather(*(worker() for _ in range(shop.at_once)))
    return list(map(labels.get, numbers))


@right(ex.print_labels)
async def draws_while_it_downloads(shop, numbers):
    async with shop.connect() as connection:
        orders = await connection.fetch(numbers)
    printers, labels = asyncio.Semaphore(shop.at_once), dict.fromkeys(numbers)

    async def draw(order, logo):
        async with printers:
            labels[order["number"]] = await asyncio.to_thread(shop.draw, order, logo)

    async with asyncio.TaskGroup() as group:
        for carrier in dict.fromkeys(order["carrier"] for order in orders):
            logo = await shop.download(carrier)
            for order in orders:
                if order["carrier"] == carrier:
                    group.create_task(draw(order, logo))
    return list(labels.values())


@right(ex.print_labels)
async def mends_the_table_and_no_more(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    logos, printers = {}, asyncio.Semaphore(shop.at_once)
    for order in orders.values():
        if order["carrier"] not in logos:
            logos[order["carrier"]] = await shop.download(order["carrier"])

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@right(ex.print_labels)
async def fetches_a_set(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(set(numbers))}
    carriers = {order["carrier"] for order in orders.values()}
    logos = {carrier: asyncio.create_task(shop.download(carrier)) for carrier in carriers}
    labels = []
    for start in range(0, len(numbers), shop.at_once):
        batch = [orders[number] for number in numbers[start : start + shop.at_once]]
        drawing = [asyncio.to_thread(shop.draw, order, await logos[order["carrier"]]) for order in batch]
        labels += await asyncio.gather(*drawing)
    return labels


# find_knee


@right(ex.find_knee)
async def measures_first(measure, most):
    before, number = 0, 1
    while number <= most:
        found = await measure(number)
        if before and found < 1.25 * before:
            return number // 2
        before, number = found, 2 * number
    return number // 2


@right(ex.find_knee)
async def by_powers(measure, most):
    throughputs = [await measure(1)]
    for power in range(1, most.bit_length()):
        throughputs.append(await measure(1 << power))
        if throughputs[-1] / throughputs[-2] < 1.25:
            return 1 << power - 1
    return 1 << most.bit_length() - 1


@right(ex.find_knee)
async def calls_itself(measure, most):
    async def climb(number, throughput):
        if 2 * number > most or (found := await measure(2 * number)) < 1.25 * throughput:
            return number
        return await climb(2 * number, found)

    return await climb(1, await measure(1))


# in_batches


@right(ex.in_batches)
async def with_a_set(fetch, numbers, most):
    left, rows = set(numbers), dict.fromkeys(numbers)
    while left:
        batch = [left.pop() for _ in range(min(most, len(left)))]
        for row in await fetch(batch):
            rows[row["number"]] = row
    return [rows[number] for number in numbers]


@right(ex.in_batches)
async def with_an_iterator(fetch, numbers, most):
    different, found = iter(dict.fromkeys(numbers)), []
    while batch := list(islice(different, most)):
        found.extend(await fetch(batch))
    rows = {row["number"]: row for row in found}
    return [rows.get(number) for number in numbers]


@right(ex.in_batches)
async def with_places(fetch, numbers, most):
    answer, places = [None] * len(numbers), {}
    for place, number in enumerate(numbers):
        places.setdefault(number, []).append(place)
    different = sorted(places)
    for start in range(0, len(different), most):
        for row in await fetch(tuple(different[start : start + most])):
            for place in places[row["number"]]:
                answer[place] = row
    return answer
