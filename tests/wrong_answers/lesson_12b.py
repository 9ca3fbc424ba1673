"""Wrong answers to the exercises of lesson 12b, as learners write them: each must get its own sentence."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from course_lib.exercises import lesson_12b as ex
from wrong_answers import told

# print_labels: one cause is mended after another

told(ex.print_labels, "40 connections were opened, and one is enough")(ex.as_found.print_labels)


@told(ex.print_labels, "40 queries were made, each a round trip: `fetch` takes a list")
async def one_connection(shop, numbers):
    labels = []
    async with shop.connect() as connection:
        for number in numbers:
            [order] = await connection.fetch([number])
            logo = await shop.download(order["carrier"])
            labels.append(shop.draw(order, logo))
    return labels


@told(ex.print_labels, "8.0 MB were downloaded, the logo of Swift 10 times. Keep what you have downloaded.")
async def one_query(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    labels = []
    for number in numbers:
        order = orders[number]
        labels.append(shop.draw(order, await shop.download(order["carrier"])))
    return labels


@told(ex.print_labels, "40 of 40 calls of `draw` held the event loop")
async def with_a_cache(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    labels, logos = [], {}
    for number in numbers:
        order = orders[number]
        carrier = order["carrier"]
        if carrier not in logos:
            logos[carrier] = await shop.download(carrier)
        labels.append(shop.draw(order, logos[carrier]))
    return labels


@told(ex.print_labels, "had 1 at most: each waited for the one before. Draw them in tasks, 4 at a time.")
async def in_threads(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    labels, logos = [], {}
    for number in numbers:
        order = orders[number]
        carrier = order["carrier"]
        if carrier not in logos:
            logos[carrier] = await shop.download(carrier)
        labels.append(await asyncio.to_thread(shop.draw, order, logos[carrier]))
    return labels


async def fetched(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    carriers = list({order["carrier"] for order in orders.values()})
    found = await asyncio.gather(*map(shop.download, carriers))
    return orders, dict(zip(carriers, found, strict=True))


@told(ex.print_labels, "the printers take 4 labels at one time, and had 1 at most: each waited for the one before")
async def draws_in_turn(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    return [await asyncio.to_thread(shop.draw, orders[number], logos[orders[number]["carrier"]]) for number in numbers]


@told(ex.print_labels, "labels were drawn at one time, and the printers take 2. One semaphore of `shop.at_once`")
async def without_a_limit(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    drawing = (asyncio.to_thread(shop.draw, orders[number], logos[orders[number]["carrier"]]) for number in numbers)
    return await asyncio.gather(*drawing)


@told(ex.print_labels, "3 labels were drawn at one time, and the printers take 2")
async def four_whatever_the_shop_says(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    printers = asyncio.Semaphore(4)

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(ex.print_labels, "One semaphore of `shop.at_once`, made once and used for all, limits them")
async def a_semaphore_each(shop, numbers):
    orders, logos = await fetched(shop, numbers)

    async def draw(order):
        async with asyncio.Semaphore(shop.at_once):
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(ex.print_labels, "had 1 at most: each waited for the one before. Draw them in tasks, 4 at a time.")
async def a_semaphore_of_one(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    printers = asyncio.Semaphore()

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(
    ex.print_labels, "the logo of Swift 10 times. Keep what you have downloaded. Tasks that look at the same moment all"
)
async def a_stampede(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    logos, printers = {}, asyncio.Semaphore(shop.at_once)

    async def draw(order):
        carrier = order["carrier"]
        if carrier not in logos:
            logos[carrier] = await shop.download(carrier)
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[carrier])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(ex.print_labels, "the labels stand in the order of `numbers`, whatever order the rows come in")
async def in_the_order_of_the_rows(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    printers = asyncio.Semaphore(shop.at_once)

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(order) for order in orders.values()))


@told(ex.print_labels, "Two queries were under way on one connection: it does one thing at a time")
async def queries_at_once(shop, numbers):
    async with shop.connect() as connection:
        rows = await asyncio.gather(*(connection.fetch([number]) for number in numbers))
    return [shop.draw(order, await shop.download(order["carrier"])) for [order] in rows]


@told(ex.print_labels, "`fetch` takes a list of numbers; you gave")
async def one_number(shop, numbers):
    async with shop.connect() as connection:
        return [await connection.fetch(number) for number in numbers]


@told(ex.print_labels, "A connection was used after its `async with` block had ended")
async def uses_it_afterwards(shop, numbers):
    async with shop.connect() as connection:
        pass
    return await connection.fetch(numbers)


@told(ex.print_labels, "your list has None: a `return` is missing where it is drawn")
async def forgets_the_label(shop, numbers):
    orders, logos = await fetched(shop, numbers)

    async def draw(order):
        await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return [await draw(orders[number]) for number in numbers]


@told(ex.print_labels, "3 tasks were still running: await what you start")
async def does_not_await(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    return [asyncio.create_task(asyncio.to_thread(shop.draw, orders[n], logos[orders[n]["carrier"]])) for n in numbers]


@told(ex.print_labels, "You gave `draw` a coroutine or a task: an `await` is missing")
async def draws_a_coroutine(shop, numbers):
    async with shop.connect() as connection:
        rows = await connection.fetch(numbers)
    return [shop.draw(order, shop.download(order["carrier"])) for order in rows]


PLAIN = (
    "`shop.draw(...)` gives a label at once, which can be neither awaited nor run. Give a thread the function and its "
    "arguments: `await asyncio.to_thread(shop.draw, order, logo)`."
)


@told(ex.print_labels, PLAIN)
async def gives_a_thread_the_label(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    return [await asyncio.to_thread(shop.draw(orders[n], logos[orders[n]["carrier"]])) for n in numbers]


@told(ex.print_labels, PLAIN)
async def gives_an_executor_the_label(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    loop = asyncio.get_running_loop()
    return [await loop.run_in_executor(None, shop.draw(orders[n], logos[orders[n]["carrier"]])) for n in numbers]


@told(ex.print_labels, PLAIN)
async def awaits_the_label(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    return [await shop.draw(orders[number], logos[orders[number]["carrier"]]) for number in numbers]


@told(ex.print_labels, PLAIN)
async def gathers_labels(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    return await asyncio.gather(*(shop.draw(orders[number], logos[orders[number]["carrier"]]) for number in numbers))


@told(ex.print_labels, PLAIN)
async def makes_a_task_of_a_label(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(shop.draw(orders[n], logos[orders[n]["carrier"]])) for n in numbers]
    return [task.result() for task in tasks]


@told(ex.print_labels, "Your code raised TypeError")
async def adds_a_label_to_a_list(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    labels = []
    for number in numbers:
        labels = labels + shop.draw(orders[number], logos[orders[number]["carrier"]])
    return labels


@told(ex.print_labels, "There is no carrier {'number': ")
async def downloads_a_row(shop, numbers):
    async with shop.connect() as connection:
        rows = await connection.fetch(numbers)
    return [shop.draw(row, await shop.download(row)) for row in rows]


@told(ex.print_labels, "`fetch` takes a list of numbers; you gave a generator")
async def fetches_a_generator(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(number for number in numbers)}
    return [shop.draw(orders[number], await shop.download(orders[number]["carrier"])) for number in numbers]


@told(ex.print_labels, "`fetch` takes a list of numbers; you gave None")
async def fetches_nothing(shop, numbers):
    async with shop.connect() as connection:
        return await connection.fetch(None)


@told(
    ex.print_labels, "2 tasks were still running: await what you start; a worker that waits for ever is cancelled first"
)
async def leaves_its_workers(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    todo, labels = asyncio.Queue(), {}
    for number in numbers:
        todo.put_nowait(number)

    async def worker():
        while True:
            number = await todo.get()
            labels[number] = await asyncio.to_thread(shop.draw, orders[number], logos[orders[number]["carrier"]])
            todo.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(shop.at_once)]
    await todo.join()
    return [labels[number] for number in numbers if workers]


@told(ex.print_labels, "The label of order 103 was drawn not at all: `shop.draw` makes a label")
async def copies_the_labels(shop, numbers):
    return [shop.label(number) for number in numbers]


@told(ex.print_labels, "The label of order 103 was drawn 2 times: once is enough")
async def draws_to_try(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    for order in orders.values():
        shop.draw(order, logos[order["carrier"]])
    return await ex.print_labels.reference(shop, numbers)


@told(ex.print_labels, "No query was made: an order is what `fetch` gives")
async def asks_nobody(shop, numbers):
    orders = {order["number"]: order for order in shop.rows(numbers)}
    return [shop.draw(orders[number], await shop.download(orders[number]["carrier"])) for number in numbers]


@told(ex.print_labels, "something else waits without an `await`, such as `time.sleep`, or a pool's `map`")
async def waits_for_a_pool(shop, numbers):
    orders, logos = await fetched(shop, numbers)

    def draw(number):
        return shop.draw(orders[number], logos[orders[number]["carrier"]])

    with ThreadPoolExecutor(shop.at_once) as pool:
        return list(pool.map(draw, numbers))


@told(ex.print_labels, "blocked for 0.01 s, and not by `draw` alone")
async def sleeps_on_the_loop(shop, numbers):
    time.sleep(0.01)
    return await ex.print_labels.reference(shop, numbers)


@told(ex.print_labels, "blocked for 0.09 s, and not by `draw` alone")
async def draws_and_sleeps_on_the_loop(shop, numbers):
    time.sleep(0.01)
    return await with_a_cache(shop, numbers)


@told(ex.print_labels, "in the order of `numbers`, whatever order the rows come in and the drawings end in")
async def in_the_order_of_the_ends(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    printers, labels = asyncio.Semaphore(shop.at_once), []

    async def draw(order):
        async with printers:
            labels.append(await asyncio.to_thread(shop.draw, order, logos[order["carrier"]]))

    await asyncio.gather(*(draw(orders[number]) for number in numbers))
    return labels


@told(ex.print_labels, "in the order of `numbers`, whatever order the rows come in and the drawings end in")
async def as_completed(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    printers = asyncio.Semaphore(shop.at_once)

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return [await each for each in asyncio.as_completed([draw(orders[number]) for number in numbers])]


@told(ex.print_labels, "3 at most: let in 4.")
async def one_place_is_left(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    printers = asyncio.Semaphore(max(1, shop.at_once - 1))

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(ex.print_labels, "3 labels were drawn at one time, and the printers take 2. One semaphore of")
async def returns_what_was_wrong(shop, numbers):
    orders, logos = await fetched(shop, numbers)
    drawing = (asyncio.to_thread(shop.draw, orders[number], logos[orders[number]["carrier"]]) for number in numbers)
    return await asyncio.gather(*drawing, return_exceptions=True)


@told(ex.print_labels, "Your function changed `numbers`, a list of the caller's: leave it as it is")
async def sorts_the_numbers(shop, numbers):
    numbers.sort()
    return await ex.print_labels.reference(shop, numbers)


@told(ex.print_labels, "A connection was opened, and not closed when your function had ended")
async def never_closes(shop, numbers):
    connection = await shop.connect().__aenter__()
    orders = {order["number"]: order for order in await connection.fetch(numbers)}
    return [shop.draw(orders[number], await shop.download(orders[number]["carrier"])) for number in numbers]


@told(ex.print_labels, "`rows` holds a coroutine, not what it gives: an `await` is missing where it is made")
async def does_not_wait_for_the_rows(shop, numbers):
    async with shop.connect() as connection:
        rows = connection.fetch(numbers)
    return {row["number"]: row for row in rows}


@told(ex.print_labels, "With 19 orders by one carrier, and printers that take 2 at one time: 0.4 MB were downloaded")
async def a_stampede_of_a_few(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    logos, printers = {}, asyncio.Semaphore(shop.at_once)

    async def draw(order):
        carrier = order["carrier"]
        async with printers:
            if carrier not in logos:
                logos[carrier] = await shop.download(carrier)
            return await asyncio.to_thread(shop.draw, order, logos[carrier])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(ex.print_labels, "10 times can be had. The 4 logos were downloaded one after another: begin them together")
async def downloads_in_turn_and_a_pause(shop, numbers):
    async with shop.connect() as connection:
        orders = {order["number"]: order for order in await connection.fetch(numbers)}
    logos, printers = {}, asyncio.Semaphore(shop.at_once)
    for order in orders.values():
        if order["carrier"] not in logos:
            logos[order["carrier"]] = await shop.download(order["carrier"])
            await asyncio.sleep(0.01)

    async def draw(order):
        async with printers:
            return await asyncio.to_thread(shop.draw, order, logos[order["carrier"]])

    return await asyncio.gather(*(draw(orders[number]) for number in numbers))


@told(ex.print_labels, "All of the table is mended, and 10 times can be had. What else does it wait for?")
async def waits_for_nothing(shop, numbers):
    await asyncio.sleep(0.5)
    return await ex.print_labels.reference(shop, numbers)


@told(ex.print_labels, "ran on an event loop of its own, in another thread: what can be awaited needs none")
async def all_in_a_thread(shop, numbers):
    return await asyncio.to_thread(asyncio.run, ex.print_labels.reference(shop, numbers))


# find_knee


@told(ex.find_knee, "`measure(2)` began while another measurement was under way: they disturb each other")
async def measures_at_once(measure, most):
    numbers = [2**power for power in range(most.bit_length())]
    found = await asyncio.gather(*map(measure, numbers))
    knee = 0
    while knee + 1 < len(numbers) and found[knee + 1] >= 1.25 * found[knee]:
        knee += 1
    return numbers[knee]


@told(ex.find_knee, "From 4 to 8 the throughput grew by less than a quarter: stop there")
async def measures_all(measure, most):
    found, number = {}, 1
    while number <= most:
        found[number] = await measure(number)
        number *= 2
    return max(found, key=found.get)


@told(ex.find_knee, "You measured with 3 in flight: measure 1, 2, 4, 8 and so on")
async def one_more_each_time(measure, most):
    best = await measure(1)
    for number in range(2, most + 1):
        found = await measure(number)
        if found < 1.25 * best:
            return number - 1
        best = found
    return most


@told(ex.find_knee, "The knee is 4: from there to 8 it grew by less than a quarter. You returned 8")
async def returns_the_first_beyond(measure, most):
    number, best = 1, await measure(1)
    while 2 * number <= most:
        found = await measure(2 * number)
        number *= 2
        if found < 1.25 * best:
            break
        best = found
    return number


@told(ex.find_knee, "2 in flight 100/s, and stopped. No doubling brought less than a quarter so far: measure on")
async def a_quarter_is_too_little(measure, most):
    knee, best = 1, await measure(1)
    while 2 * knee <= most and (found := await measure(2 * knee)) > 1.25 * best:
        knee, best = 2 * knee, found
    return knee


@told(ex.find_knee, "that is more than `most`")
async def measures_beyond_most(measure, most):
    knee, best = 1, await measure(1)
    while (found := await measure(2 * knee)) >= 1.25 * best:
        knee, best = 2 * knee, found
    return min(knee, most)


@told(
    ex.find_knee,
    "you measured 2 in flight 200/s, 1 in flight 100/s, 4 in flight 390/s, 2 in flight 200/s, 8 in flight 400/s, "
    "4 in flight 390/s: a measurement costs something. Keep what you have measured",
)
async def measures_twice(measure, most):
    knee = 1
    while 2 * knee <= most and await measure(2 * knee) >= 1.25 * await measure(knee):
        knee *= 2
    return knee


@told(ex.find_knee, "you measured 2 in flight 200/s, 4 in flight 390/s, 8 in flight 400/s: measure 1, 2, 4, 8, in")
async def begins_with_two(measure, most):
    knee, best = 2, await measure(2)
    while 2 * knee <= most and (found := await measure(2 * knee)) >= 1.25 * best:
        knee, best = 2 * knee, found
    return knee


@told(ex.find_knee, "1 in flight 100/s, and stopped. No doubling brought less than a quarter so far: measure on.")
async def never_doubles(measure, most):
    await measure(1)
    return 1


@told(ex.find_knee, "The knee is 8, the last that you measured: no doubling brought less than a quarter. You returned")
async def the_most_that_is_allowed(measure, most):
    knee, best = 1, await measure(1)
    while 2 * knee <= most:
        found = await measure(2 * knee)
        if found < 1.25 * best:
            return knee
        knee, best = 2 * knee, found
    return most


@told(ex.find_knee, "let it through")
async def guesses(measure, most):
    knee = 1
    try:
        best = await measure(1)
        while 2 * knee <= most:
            found = await measure(2 * knee)
            if found < 1.25 * best:
                break
            knee, best = 2 * knee, found
    except Exception:
        pass
    return knee


@told(ex.find_knee, "You measured with 2 in flight ten times: does your number double each time round?")
async def never_goes_on(measure, most):
    knee, best = 1, await measure(1)
    while 2 * knee <= most and await measure(2 * knee) >= 1.25 * best:
        pass
    return knee


@told(ex.find_knee, "Nothing was measured: begin with `await measure(1)`")
async def knows_it(measure, most):
    return 4


@told(ex.find_knee, "The knee is 4: from there to 8 it grew by less than a quarter. You returned 4.0")
async def returns_a_fraction(measure, most):
    return float(await ex.find_knee.reference(measure, most))


@told(ex.find_knee, "`best` holds a coroutine, not what it gives: an `await` is missing where it is made")
async def does_not_wait_for_the_first(measure, most):
    knee, best = 1, measure(1)
    while 2 * knee <= most and (found := await measure(2 * knee)) >= 1.25 * best:
        knee, best = 2 * knee, found
    return knee


# in_batches


@told(ex.in_batches, "Your function changed `numbers`, a list of the caller's: leave it as it is")
async def sorts_the_list(fetch, numbers, most):
    numbers.sort()
    return await ex.in_batches.reference(fetch, numbers, most)


@told(ex.in_batches, "Your function changed `numbers`, a list of the caller's: leave it as it is")
async def takes_from_the_list(fetch, numbers, most):
    places, rows = list(numbers), {}
    numbers[:] = dict.fromkeys(numbers)
    while numbers:
        batch = [numbers.pop() for _ in range(min(most, len(numbers)))]
        rows |= {row["number"]: row for row in await fetch(batch)}
    return [rows.get(number) for number in places]


@told(ex.in_batches, "`found` holds a coroutine, not what it gives: an `await` is missing where it is made")
async def does_not_wait(fetch, numbers, most):
    found = fetch(numbers[:most])
    rows = {row["number"]: row for row in found}
    return [rows[number] for number in numbers]


@told(ex.in_batches, "the place of number 7 has 7: its row belongs there, the dictionary {'number': 7,")
async def gives_numbers(fetch, numbers, most):
    different, there = sorted(set(numbers)), set()
    for start in range(0, len(different), most):
        there |= {row["number"] for row in await fetch(different[start : start + most])}
    return [number if number in there else None for number in numbers]


@told(ex.in_batches, "`fetch` was asked for 99 a third time: there is no such row")
async def asks_until_it_comes(fetch, numbers, most):
    rows = {}
    while left := [number for number in dict.fromkeys(numbers) if number not in rows]:
        for row in await fetch(left[:most]):
            rows[row["number"]] = row
    return [rows[number] for number in numbers]


@told(ex.in_batches, "`fetch` gives its rows in no order in particular, and none for what is not there")
async def as_they_come(fetch, numbers, most):
    rows = []
    for start in range(0, len(numbers), most):
        rows += await fetch(numbers[start : start + most])
    return rows


@told(ex.in_batches, "`fetch` was given 6 numbers, and takes 4 at most")
async def all_in_one(fetch, numbers, most):
    rows = {row["number"]: row for row in await fetch(numbers)}
    return [rows.get(number) for number in numbers]


@told(ex.in_batches, "you made 4 queries, and 1 would do: fill each batch")
async def one_by_one(fetch, numbers, most):
    rows = {}
    for number in dict.fromkeys(numbers):
        for row in await fetch([number]):
            rows[number] = row
    return [rows.get(number) for number in numbers]


@told(ex.in_batches, "was asked for [5, 3, 5, 5, 3, 1]: ask for each number once")
async def asks_again(fetch, numbers, most):
    rows = {}
    for start in range(0, len(numbers), most):
        rows |= {row["number"]: row for row in await fetch(numbers[start : start + most])}
    return [rows.get(number) for number in numbers]


@told(ex.in_batches, "Your code raised KeyError: 99")
async def takes_all_for_there(fetch, numbers, most):
    different, rows = sorted(set(numbers)), {}
    for start in range(0, len(different), most):
        rows |= {row["number"]: row for row in await fetch(different[start : start + most])}
    return [rows[number] for number in numbers]


@told(ex.in_batches, "Two queries were under way at one time: a connection does one thing at a time")
async def at_once(fetch, numbers, most):
    different = sorted(set(numbers))
    parts = [different[start : start + most] for start in range(0, len(different), most)]
    found = await asyncio.gather(*map(fetch, parts))
    rows = {row["number"]: row for part in found for row in part}
    return [rows.get(number) for number in numbers]


@told(ex.in_batches, "`fetch` was asked for nothing, an empty list")
async def asks_for_nothing(fetch, numbers, most):
    left, rows = list(dict.fromkeys(numbers)), {}
    while True:
        rows |= {row["number"]: row for row in await fetch(left[:most])}
        if len(left) < most:
            return [rows.get(number) for number in numbers]
        left = left[most:]


@told(ex.in_batches, "return a list of 6, one for each number")
async def each_once(fetch, numbers, most):
    return await ex.in_batches.reference(fetch, list(dict.fromkeys(numbers)), most)


@told(ex.in_batches, "the place of number 0 has None: its row came")
async def falsy_numbers(fetch, numbers, most):
    different, rows = sorted(set(numbers)), {}
    for start in range(0, len(different), most):
        for row in await fetch(different[start : start + most]):
            if row["number"]:
                rows[row["number"]] = row
    return [rows.get(number) for number in numbers]


@told(ex.in_batches, "let it through")
async def goes_on(fetch, numbers, most):
    different, rows = sorted(set(numbers)), {}
    for start in range(0, len(different), most):
        try:
            found = await fetch(different[start : start + most])
        except Exception:
            continue
        rows |= {row["number"]: row for row in found}
    return [rows.get(number) for number in numbers]
