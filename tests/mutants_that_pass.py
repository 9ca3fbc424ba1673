"""Mutants that are right answers: by exercise, why nobody could tell them from the reference, and their names."""

FREE = "The order of these lines is free: neither uses what the other makes."
NOTHING_FAILS = "What was moved over the border of the block cannot fail, and nothing is awaited in between."
NOT_REACHED = "The second `raise` is never reached."
AS_MANY = "There are as many results as there were calls, always."
UNREACHED = "What was added is never reached: a `return` stands before it."
NOBODY_THROWS = "A consumer closes a generator and throws nothing else into it: no `yield` raises what is caught there."
SECONDS = (
    "seconds = {'sequential': work.calls * one, 'threads': max(computing, ceil(work.calls / 10) * one), "
    "'asyncio': computing + work.waits if work.coroutines else work.calls * one, "
    "'processes': 0.5 + ceil(work.calls / work.cores) * one}"
)

REASONS: dict[str, dict[str, tuple[str, ...]]] = {
    "load_page": {
        FREE: (
            "swap `user = asyncio.create_task(get_user())` and `posts = asyncio.create_task(get_posts())`",
            "swap `posts = asyncio.create_task(get_posts())` and `news = asyncio.create_task(get_news())`",
        ),
        "The other two are under way when it is awaited, first of the three.": (
            "drop the call: - user = asyncio.create_task(get_user()) + user = get_user()",
        ),
    },
    "order_page": {
        FREE: (
            "swap `orders = asyncio.create_task(get_orders(customer))` and "
            "`offers = asyncio.create_task(get_offers(customer))`",
        ),
        "The offers are under way when the orders are awaited, first of the two.": (
            "drop the call: - orders = asyncio.create_task(get_orders(customer)) + orders = get_orders(customer)",
        ),
    },
    "in_chunks": {
        "Others have a turn after ten items at most, now at other places.": (
            "drop start: - for number, item in enumerate(items, start=1): + for number, item in enumerate(items):",
            "drop the block around `await asyncio.sleep(0)`",
            "swap `results.append(work(item))` and `if number % 10 == 0:`",
            "the opposite: - if number % 10 == 0: + if not number % 10 == 0:",
            "always: - if number % 10 == 0: + if True:",
            "off by one: - for number, item in enumerate(items, start=1): "
            "+ for number, item in enumerate(items, start=2):",
            "off by one: - for number, item in enumerate(items, start=1): "
            "+ for number, item in enumerate(items, start=0):",
            "off by one: - if number % 10 == 0: + if number % 10 == 1:",
            "another comparison: - if number % 10 == 0: + if number % 10 != 0:",
            "off by one: - if number % 10 == 0: + if number % 9 == 0:",
        ),
        "asyncio takes any number up to 0 for no time at all.": (
            "off by one: - await asyncio.sleep(0) + await asyncio.sleep(-1)",
        ),
    },
    "count_tasks": {
        FREE: (
            "swap `before = loop.get_task_factory()` and `created = failed = 0`",
            "swap `created = failed = 0` and `async def watched(coro):`",
            "swap `async def watched(coro):` and `def factory(loop, coro, **kwargs):`",
            "swap `created += 1` and `task = asyncio.Task(watched(coro), loop=loop, **kwargs)`",
        ),
        NOTHING_FAILS: (
            "take `loop.set_task_factory(factory)` into `try:`",
            "take `return (created, failed)` into `try:`",
        ),
        "It is a declaration, and holds for the whole function.": ("take `nonlocal failed` into `try:`",),
        NOT_REACHED: ("raise again after `except Exception:`",),
        "A task takes the running loop, which is the same.": (
            "drop loop: - task = asyncio.Task(watched(coro), loop=loop, **kwargs) "
            "+ task = asyncio.Task(watched(coro), **kwargs)",
        ),
    },
    "fetch_or_default": {
        "Only the fetch's own exceptions come by there, and what is kept is raised unchanged, whatever its class.": (
            "catch another class: - except TimeoutError as error: + except OSError as error:",
            "catch another class: - except TimeoutError as error: + except Exception as error:",
        ),
        NOT_REACHED: ("raise again after `except TimeoutError:`",),
        "The list has one entry.": ("off by one: - raise failed[0] + raise failed[-1]",),
        NOTHING_FAILS: ("take `failed = []` into `try:`",),
    },
    "work_through": {
        NOTHING_FAILS: ("take `return handled` out of `try:`", "take `handled = 0` into `try:`"),
    },
    "first_answer": {
        FREE: ("swap `tasks = [asyncio.create_task(source()) for source in sources]` and `errors = []`",),
        NOTHING_FAILS: ("take `errors = []` into `try:`",),
        "All tasks have ended by then, and there is nobody left to cancel.": (
            "take `raise ExceptionGroup('no source answered', errors)` out of `try:`",
        ),
        "What as_completed gives are no tasks, but places in the order of arrival: each stands for the next to end.": (
            "backwards: - for finished in asyncio.as_completed(tasks): "
            "+ for finished in list(asyncio.as_completed(tasks))[::-1]:",
        ),
        "They are started, and cancelled, in one turn: in which order makes no difference.": (
            "backwards: - for task in tasks: + for task in list(tasks)[::-1]:",
            "backwards: - tasks = [asyncio.create_task(source()) for source in sources] "
            "+ tasks = [asyncio.create_task(source()) for source in list(sources)[::-1]]",
        ),
    },
    "fetch_bounded": {
        FREE: (
            "swap `for url in urls:` and `pages = {}`",
            "swap `pages = {}` and `async def worker():`",
            "take `async def worker():` into `async with asyncio.TaskGroup() as group:`",
        ),
        "The group waits for its tasks before the value is returned.": (
            "take `return pages` into `async with asyncio.TaskGroup() as group:`",
        ),
        "The queue was not empty a moment ago, and nobody else had a turn.": (
            "take `url = queue.get_nowait()` into `try:`",
        ),
        "The numbers are not used.": ("backwards: - for _ in range(workers): + for _ in list(range(workers))[::-1]:",),
    },
    "crawl": {
        FREE: (
            "swap `queue.put_nowait(start)` and `async def worker():`",
            "swap `seen.add(link)` and `queue.put_nowait(link)`",
        ),
        NOTHING_FAILS: (
            "take `return pages` out of `try:`",
            "take `tasks = [asyncio.create_task(worker()) for _ in range(workers)]` into `try:`",
        ),
        "What is left for a `finally` is a cancellation, after which nobody waits for the queue.": (
            "no finally, and `queue.task_done()` after all",
            "take `url = await queue.get()` into `try:`",
        ),
        "They are started, and cancelled, in one turn: in which order makes no difference.": (
            "backwards: - for task in tasks: + for task in list(tasks)[::-1]:",
            "backwards: - tasks = [asyncio.create_task(worker()) for _ in range(workers)] "
            "+ tasks = [asyncio.create_task(worker()) for _ in list(range(workers))[::-1]]",
        ),
        "Which link of a page is followed first is free.": (
            "backwards: - for link in pages[url]: + for link in list(pages[url])[::-1]:",
        ),
    },
    "fetch_politely": {
        FREE: (
            "swap `everyone = asyncio.Semaphore(total)` and `hosts = defaultdict(lambda: asyncio.Semaphore(per_host))`",
            "swap `hosts = defaultdict(lambda: asyncio.Semaphore(per_host))` and `async def one(url):`",
        ),
        "A sleep raises nothing but CancelledError, which no `except` here catches.": (
            "take `await asyncio.sleep(pause)` into `try:`",
        ),
        "asyncio takes any number up to 0 for no time at all.": (
            "off by one: - for pause in (0, 1, 2): + for pause in (-1, 1, 2):",
        ),
        "The task says that nothing but a ConnectionError is raised.": (
            "catch another class: - except ConnectionError as error: + except OSError as error:",
            "catch another class: - except ConnectionError as error: + except Exception as error:",
        ),
    },
    "use_as_they_come": {
        FREE: (
            "swap `room, values = (asyncio.Semaphore(at_once), {})` and `async def one(url, text):`",
            "take `async def one(url, text):` into "
            "`async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:`",
        ),
        "The group waits for its tasks before the value is returned.": (
            "take `return values` into `async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:`",
        ),
        "The body never waits, so whatever ends the loop comes by way of the stream, and has closed it by then.": (
            "the other way round in `async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:`",
        ),
    },
    "first_match": {
        "The stream is exhausted by then, and has nothing to close.": (
            "take `raise LookupError('no page matches')` into `async with aclosing(stream()) as pages:`",
        ),
    },
    "with_connection": {
        NOT_REACHED: ("raise again after `except TimeoutError:`",),
        "To wait for a slot raises nothing but the TimeoutError of its limit, and CancelledError.": (
            "catch another class: - except TimeoutError: + except OSError:",
            "catch another class: - except TimeoutError: + except Exception:",
        ),
    },
    "pay": {
        "The block is left, and the transaction committed, before the value is returned.": (
            "take `return receipt` into `async with pool.acquire() as connection, connection.transaction():`",
        ),
        "Both are stored or none, in whatever order.": (
            "swap `await connection.insert(f'receipt of {order}', receipt)` and "
            "`await connection.insert(f'log of {order}', 'paid')`",
        ),
    },
    "transfer": {
        FREE: ("swap `balances[source] -= amount` and `balances[target] += amount`",),
        NOTHING_FAILS: (
            "take `return balances[source]` out of `async with pool.acquire() as connection, "
            "connection.transaction():`",
            "take `balances = {}` out of `async with pool.acquire() as connection, connection.transaction():`",
        ),
        "Any order will do that is the same for all transfers.": (
            "backwards: - for account in sorted([source, target]): "
            "+ for account in list(sorted([source, target]))[::-1]:",
        ),
        "Both rows are locked by then: in which order they are written makes no difference.": (
            "backwards: - for account in balances: + for account in list(balances)[::-1]:",
        ),
    },
    "get_or_load": {
        FREE: ("take `async def find():` into `if key not in loading:`",),
        NOTHING_FAILS: ("take `return value` out of `try:`",),
    },
    "cached_prices": {
        FREE: ("swap `async def read(name):` and `async def write(name, price):`",),
        "A price that is found under the token of now is one of now, whichever of the two was read first.": (
            "swap `token = await cache.get(f'token of {name}')` and `found = await cache.get(name)`",
        ),
        "A pair is never falsy.": (
            "truth for None: - if found is not None and found[0] == token: + if found and found[0] == token:",
        ),
    },
    "cached_read": {
        FREE: ("swap `loop = asyncio.get_running_loop()` and `async def ask(call, *args, **options):`",),
        NOTHING_FAILS: ("take `if loop.time() < breaker.retry_at:` into `try:`",),
        "The task says that the calls of the cache raise nothing but a RedisError.": (
            "catch another class: - except (TimeoutError, redis.RedisError): + except Exception:",
        ),
    },
    "cached_row": {
        FREE: (
            "swap `make |= {'datetime': datetime.fromisoformat, 'NoneType': lambda _: None}` and `def encoded(value):`",
            "swap `def encoded(value):` and `def decoded(text):`",
            "swap `def decoded(text):` and `text = await cache.get(key)`",
            "backwards: - make = {kind.__name__: kind for kind in (str, int, float, bool, Decimal)} "
            "+ make = {kind.__name__: kind for kind in list((str, int, float, bool, Decimal))[::-1]}",
        ),
        "The calls of the cache raise neither TypeError nor KeyError.": ("take `if same:` into `try:`",),
        "No JSON is an empty text.": ("truth for None: - if text is not None: + if text:",),
        "Nothing is awaited there, and whatever the encoding raises says that the row cannot be cached.": (
            "catch another class: - except (TypeError, KeyError): + except Exception:",
            "catch another class: - except (TypeError, KeyError): + except BaseException:",
        ),
    },
    "choose_model": {
        FREE: ("swap `one = work.waits + work.computes` and `computing = work.calls * work.computes`",),
        "The order of what max is given makes no difference.": (
            f"swap arguments: - {SECONDS} + "
            + SECONDS.replace("computing, ceil(work.calls / 10) * one", "ceil(work.calls / 10) * one, computing"),
        ),
    },
    "fetch_in_threads": {
        FREE: (
            "swap `def one(url):` and `loop = asyncio.get_running_loop()`",
            "swap `loop = asyncio.get_running_loop()` and `pool = ThreadPoolExecutor(limit)`",
        ),
        NOTHING_FAILS: ("take `pool = ThreadPoolExecutor(limit)` into `try:`",),
        NOT_REACHED: ("raise again after `except OSError:`",),
        "A function without a `return` gives None.": ("drop `return None`", "no return in `return None`"),
    },
    "live_hosts": {
        AS_MANY: (
            "drop strict: - return [host for host, up in zip(hosts, answers, strict=True) if up is True] "
            "+ return [host for host, up in zip(hosts, answers) if up is True]",
            "the other truth: - return [host for host, up in zip(hosts, answers, strict=True) if up is True] "
            "+ return [host for host, up in zip(hosts, answers, strict=False) if up is True]",
        ),
    },
    "notify": {
        FREE: (
            "take `async def one(user):` into `async with asyncio.TaskGroup() as group:`",
            "backwards: - tasks = [group.create_task(one(user)) for user in users] "
            "+ tasks = [group.create_task(one(user)) for user in list(users)[::-1]]",
            "backwards: - return sum((task.result() for task in tasks)) "
            "+ return sum((task.result() for task in list(tasks)[::-1]))",
        ),
        NOTHING_FAILS: ("take `return 1` into `try:`",),
        NOT_REACHED: ("raise again after `except Exception as error:`",),
    },
    "digest_all": {
        AS_MANY: (
            "drop strict: - return dict(zip(files, digests, strict=True)) + return dict(zip(files, digests))",
            "the other truth: - return dict(zip(files, digests, strict=True)) "
            "+ return dict(zip(files, digests, strict=False))",
        ),
    },
    "place_order": {
        FREE: ("swap `group.create_task(check())` and `charging = group.create_task(charge())`",),
        NOTHING_FAILS: ("take `return charging.result()` into `try:`",),
        NOT_REACHED: ("raise again after `except ExceptionGroup as failed:`",),
        "Out of a TaskGroup comes a group, or a cancellation.": (
            "catch another class: - except ExceptionGroup as failed: + except Exception as failed:",
        ),
    },
    "sell": {
        NOT_REACHED: ("raise again after `except BaseException:`",),
        NOTHING_FAILS: ("take `seat = free.pop()` into `try:`", "take `return seat` into `try:`"),
    },
    "work_off": {
        FREE: (
            "swap `for job in jobs:` and `async def worker():`",
            "take `async def worker():` into `async with asyncio.TaskGroup() as group:`",
        ),
        NOTHING_FAILS: ("take `return len(jobs)` into `async with asyncio.TaskGroup() as group:`",),
        "All jobs are done when it returns the first time, and then it returns at once.": (
            "take `await queue.join()` into `for task in tasks:`",
        ),
        "All are cancelled, in whatever order.": ("backwards: - for task in tasks: + for task in list(tasks)[::-1]:",),
        "The numbers are not used.": (
            "backwards: - tasks = [group.create_task(worker()) for _ in range(workers)] "
            "+ tasks = [group.create_task(worker()) for _ in list(range(workers))[::-1]]",
        ),
    },
    "pump": {
        FREE: (
            "swap `queue, count = (asyncio.Queue(maxsize=3), 0)` and `async def reader():`",
            "take `async def reader():` into `async with asyncio.TaskGroup() as group:`",
        ),
        NOTHING_FAILS: ("take `return count` into `async with asyncio.TaskGroup() as group:`",),
        "Where a write fails, nobody sees the count.": ("swap `await write(block)` and `count += 1`",),
        "Two blocks in the queue and one on each side are fewer than five.": (
            "off by one: - queue, count = (asyncio.Queue(maxsize=3), 0) + queue, count = (asyncio.Queue(maxsize=2), 0)",
        ),
    },
    "move": {
        FREE: ("swap `source.balance -= amount` and `target.balance += amount`",),
        NOTHING_FAILS: ("take `return True` out of `async with first.lock, second.lock:`",),
    },
    "ask_within": {
        NOT_REACHED: (
            "raise again after `except TimeoutError:`",
            "raise again after `except TimeoutError:` (2)",
        ),
        "Of what the second `try:` lets out, nothing is a TimeoutError.": ("take `try:` into `try:`",),
        "What waits for a slot raises nothing else but a cancellation.": (
            "catch another class: - except TimeoutError: + except OSError:",
            "catch another class: - except TimeoutError: + except Exception:",
        ),
    },
    "take": {
        "The numbers are not used.": ("backwards: - for _ in range(count): + for _ in list(range(count))[::-1]:",),
        UNREACHED: ("raise again after `except StopAsyncIteration:`",),
        NOBODY_THROWS: ("take `yield item` into `try:`",),
    },
    "each_within": {
        UNREACHED: ("raise again after `except StopAsyncIteration:`",),
        NOBODY_THROWS: ("take `yield item` into `try:`",),
    },
    "in_pairs": {
        "Both are closed, in whatever order.": (
            "the other way round in `async with aclosing(left), aclosing(right):`",
        ),
        "Both tasks are cancelled before either of them runs.": (
            "backwards: - for task in tasks: + for task in list(tasks)[::-1]:",
        ),
        "It asks whether any of the two is END.": (
            "backwards: - if any((item is END for item in pair)): "
            "+ if any((item is END for item in list(pair)[::-1])):",
        ),
        NOTHING_FAILS: (
            "take `tasks = [asyncio.create_task(anext(each, END)) for each in (left, right)]` into `try:`",
            "take `if any((item is END for item in pair)):` into `try:`",
        ),
    },
    "use_all": {
        NOTHING_FAILS: ("take `values = []` out of `async with AsyncExitStack() as stack:`",),
    },
    "leave": {
        "A CancelledError is never falsy.": ("truth for None: - if cancellation is not None: + if cancellation:",),
        "To wait for a task raises nothing but a CancelledError.": (
            "catch another class: - except asyncio.CancelledError as error: + except BaseException as error:",
        ),
    },
    "work_ahead": {
        FREE: ("swap `queue, results = (asyncio.Queue(size), [])` and `async def run_worker():`",),
        NOTHING_FAILS: (
            "take `async def run_worker():` into `async with asyncio.TaskGroup() as group:`",
            "take `return results` into `async with asyncio.TaskGroup() as group:`",
        ),
        "The numbers are not used.": (
            "backwards: - for _ in range(workers): + for _ in list(range(workers))[::-1]:",
            "backwards: - for _ in range(workers): + for _ in list(range(workers))[::-1]: (2)",
        ),
        "All sentinels may wait for room at the same time.": ("together in `for _ in range(workers):`",),
        "A source that has ended says so again: the first round reads, and each puts a sentinel.": (
            "take `async for item in source:` into `for _ in range(workers):` (2)",
        ),
        "One sentinel more than needed has a place: the workers have taken theirs.": (
            "off by one: - for _ in range(workers): + for _ in range(workers + 1): (2)",
        ),
    },
    "keep_newest": {
        FREE: ("swap `queue, dropped = (asyncio.Queue(size), [])` and `async def consume():`",),
        NOTHING_FAILS: (
            "take `async def consume():` into `async with asyncio.TaskGroup() as group:`",
            "take `return dropped` into `async with asyncio.TaskGroup() as group:`",
        ),
    },
    "call_paced": {
        FREE: ("swap `slots, next_start = (asyncio.Semaphore(at_once), loop.time())` and `async def one(item):`",),
        NOTHING_FAILS: ("take `async def one(item):` into `async with asyncio.TaskGroup() as group:`",),
        "`nonlocal` holds for the whole function, wherever it stands before the name is used.": (
            "take `nonlocal next_start` into `async with slots:`",
        ),
        "The order of what max is given makes no difference.": (
            "swap arguments: - start = max(next_start, loop.time()) + start = max(loop.time(), next_start)",
        ),
    },
    "consume": {
        "What was added is never reached: a `continue` stands before it.": ("raise again after `except Exception:`",),
        "A `continue` leaves the block as well.": ("take `if job is None:` into `try:`",),
        "No acknowledgement fails here; whether one that does is to end the consumer is free.": (
            "take `await stream.ack(job.id)` into `try:`",
        ),
        "Every job is true.": ("truth for None: - if job is None: + if not job:",),
    },
    "run_limited": {
        NOT_REACHED: ("raise again after `except TimeoutError:`",),
        "To wait for a program that has ended takes no time.": (
            "take `await process.communicate()` out of `if process.returncode is None:`",
        ),
        "In the block there, nothing is raised but a TimeoutError.": (
            "catch another class: - except TimeoutError: + except OSError:",
            "catch another class: - except TimeoutError: + except Exception:",
        ),
        "The TimeoutError of the grace then leaves the function, in the place of the first.": (
            "drop `suppress(TimeoutError)` from `with suppress(TimeoutError):`",
        ),
        NOTHING_FAILS: ("take `process.terminate()` into `with suppress(TimeoutError):`",),
    },
    "serve": {
        FREE: (
            "swap `jobs = {}` and `stopped = asyncio.create_task(stop.wait())`",
            "swap `stopped = asyncio.create_task(stop.wait())` and `taking = asyncio.create_task(queue.get())`",
            "swap `jobs[job] = taking.result()` and `job.add_done_callback(jobs.pop)`",
            "swap `job.add_done_callback(jobs.pop)` and `taking = asyncio.create_task(queue.get())`",
            "backwards: - for task in tasks: + for task in list(tasks)[::-1]:",
        ),
        NOTHING_FAILS: ("take `taking = asyncio.create_task(queue.get())` into `try:`",),
        "Without jobs the end comes at once, and `finally` cancels it then.": (
            "take `taking.cancel()` into `if jobs:`",
        ),
    },
    "talk": {
        UNREACHED: ("raise again after `except TimeoutError:`",),
        NOTHING_FAILS: ("take `if not line.endswith(b'\\n'):` into `try:`",),
        "In the block there, nothing is raised but a TimeoutError: the client is never torn away.": (
            "catch another class: - except TimeoutError: + except OSError:",
            "catch another class: - except TimeoutError: + except Exception:",
        ),
    },
    "first_found": {
        FREE: (
            "swap `loop, stop = (asyncio.get_running_loop(), threading.Event())` and "
            "`pool = ThreadPoolExecutor(threads)`",
        ),
        NOTHING_FAILS: (
            "take `jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]` into `try:`",
        ),
        "A function that comes to its end gives None.": (
            "take `return None` out of `try:`",
            "drop `return None`",
            "no return in `return None`",
        ),
        "Each thing that as_completed gives is the next job that ends, whichever of them is awaited first.": (
            "backwards: - for job in asyncio.as_completed(jobs): + for job in list(asyncio.as_completed(jobs))[::-1]:",
        ),
    },
    "save_all": {
        FREE: (
            "swap `loop, queue, stop = (asyncio.get_running_loop(), asyncio.Queue(size), threading.Event())` and "
            "`def put(item):`",
            "swap `def put(item):` and `def read():`",
        ),
        NOTHING_FAILS: ("take `reading = asyncio.create_task(asyncio.to_thread(read))` into `try:`",),
        NOT_REACHED: ("raise again after `except BaseException:`",),
        "The thread has put END, which is the last that it does: nobody can tell whether it was waited for.": (
            "drop finally: `await asyncio.wait([reading])`",
            "no finally, and `await asyncio.wait([reading])` after all",
            "drop `await asyncio.wait([reading])`",
            "drop await: - await asyncio.wait([reading]) + asyncio.wait([reading])",
        ),
        "On this clock a thread goes on when the loop has nothing to do, and by then the flag is set. A real one may "
        "begin another reading.": ("take `stop.set()` into `while await queue.get() is not END:`",),
    },
    "cheapest_first": {
        NOTHING_FAILS: (
            "take `prices = [task.result() for task in asked]` into `async with asyncio.TaskGroup() as group:` (2)",
        ),
        AS_MANY: (
            "drop strict: - euros = {offer: amount * rates[currency].result() for offer, (amount, currency) in "
            "zip(offers, prices, strict=True)} + euros = {offer: amount * rates[currency].result() for offer, "
            "(amount, currency) in zip(offers, prices)}",
            "the other truth: - euros = {offer: amount * rates[currency].result() for offer, (amount, currency) in "
            "zip(offers, prices, strict=True)} + euros = {offer: amount * rates[currency].result() for offer, "
            "(amount, currency) in zip(offers, prices, strict=False)}",
        ),
        "In a dict that is only looked things up in, the order is nobody's; and all rates are asked for at once.": (
            "backwards: - euros = {offer: amount * rates[currency].result() for offer, (amount, currency) in "
            "zip(offers, prices, strict=True)} + euros = {offer: amount * rates[currency].result() for offer, "
            "(amount, currency) in list(zip(offers, prices, strict=True))[::-1]}",
            "backwards: - rates = {currency: group.create_task(rate(currency)) for currency in "
            "{currency for _, currency in prices}} + rates = {currency: group.create_task(rate(currency)) for currency "
            "in list({currency for _, currency in prices})[::-1]}",
            "backwards: - rates = {currency: group.create_task(rate(currency)) for currency in "
            "{currency for _, currency in prices}} + rates = {currency: group.create_task(rate(currency)) for currency "
            "in {currency for _, currency in list(prices)[::-1]}}",
        ),
    },
    # Here the function under test is changed, and the reference test judges it.
    "test_retry": {
        "The last attempt that is allowed raises: none comes after it.": (
            "off by one: - for attempt in range(attempts): + for attempt in range(attempts + 1):",
        ),
    },
    "test_limited": {
        FREE: ("swap `slots = asyncio.Semaphore(limit)` and `async def one(call):`",),
        NOTHING_FAILS: (
            "take `async def one(call):` into `try:`",
            "take `return [task.result() for task in tasks]` into `try:`",
        ),
        NOT_REACHED: ("raise again after `except BaseExceptionGroup as errors:`",),
        "What is no Exception comes out of a TaskGroup alone, or is nothing that is promised.": (
            "catch another class: - except BaseExceptionGroup as errors: + except Exception as errors:",
        ),
        "One fails: of several failures, any may come out.": (
            "off by one: - raise errors.exceptions[0] from None + raise errors.exceptions[-1] from None",
        ),
    },
    "test_share": {
        FREE: (
            "swap `loads = {}` and `async def get(key):`",
            "swap `async def get(key):` and `def forget(key, task):`",
        ),
        "To forget again what is forgotten fails in a callback, and the loop's log alone hears of it.": (
            "take `loads[key].add_done_callback(lambda task: forget(key, task))` out of `if key not in loads:`",
        ),
        "Only a load that fails and whose first asker was cancelled just before is kept.": (
            "a pause before `loads[key].add_done_callback(lambda task: forget(key, task))`",
        ),
        "Nothing is promised for a load that cancels itself.": (
            "half a condition: - if task.cancelled() or task.exception(): + if task.exception():",
        ),
    },
    "test_pool": {
        FREE: ("swap `for _ in range(size):` and `@asynccontextmanager`",),
        "The same function, made several times.": ("take `@asynccontextmanager` into `for _ in range(size):`",),
        "All places are alike.": ("backwards: - for _ in range(size): + for _ in list(range(size))[::-1]:",),
    },
    "compare_fairly": {
        FREE: ("swap `async def timed(version):` and `ratios = []`",),
        "What is waited for between two runs is in neither of them.": (
            "a pause before `async def timed(version):`",
            "a pause before `ratios = []`",
            "a pause before `for _ in range(runs):`",
            "a pause before `return median(ratios)`",
            "a pause before `began = time.perf_counter()`",
            "a pause before `ratios.append(await timed(old) / await timed(new))`",
        ),
        "The turns are all alike.": ("backwards: - for _ in range(runs): + for _ in list(range(runs))[::-1]:",),
    },
    "total_size": {
        FREE: ("swap `todo, total = (iter(numbers), 0)` and `async def worker():`",),
        NOTHING_FAILS: ("take `async def worker():` into `async with asyncio.TaskGroup() as group:`",),
        "A declaration is of the whole function, wherever it stands.": (
            "take `nonlocal total` into `for number in todo:`",
        ),
        "The workers are all alike.": ("backwards: - for _ in range(workers): + for _ in list(range(workers))[::-1]:",),
    },
    "sample_while": {
        NOTHING_FAILS: ("take `sampling = asyncio.create_task(sampler())` into `try:`",),
    },
    "print_labels": {
        FREE: (
            "swap `orders = {row['number']: row for row in rows}` and `carriers = {row['carrier'] for row in rows}`",
            "swap `logos = dict(zip(carriers, found, strict=True))` and `printers = asyncio.Semaphore(shop.at_once)`",
            "swap `printers = asyncio.Semaphore(shop.at_once)` and `async def draw(order):`",
        ),
        "Ten times is what is asked for, and 4 downloads in turn leave it.": (
            "one after another: - found = await asyncio.gather(*(shop.download(name) for name in carriers)) "
            "+ found = [await shop.download(name) for name in carriers]",
        ),
        "Nobody else wants the connection.": (
            "take `orders = {row['number']: row for row in rows}` into `async with shop.connect() as connection:`",
        ),
        "The logos are there by then, with a slot and without.": (
            "take `logo = logos[order['carrier']]` out of `async with printers:`",
        ),
        AS_MANY: (
            "drop strict: - logos = dict(zip(carriers, found, strict=True)) + logos = dict(zip(carriers, found))",
            "the other truth: - logos = dict(zip(carriers, found, strict=True)) "
            "+ logos = dict(zip(carriers, found, strict=False))",
        ),
        "A dictionary of rows, each number once, and a set of carriers know no order.": (
            "backwards: - orders = {row['number']: row for row in rows} "
            "+ orders = {row['number']: row for row in list(rows)[::-1]}",
            "backwards: - carriers = {row['carrier'] for row in rows} "
            "+ carriers = {row['carrier'] for row in list(rows)[::-1]}",
        ),
    },
    "find_knee": {FREE: ("swap `knee = 1` and `best = await measure(1)`",)},
    "in_batches": {
        FREE: ("swap `different = list(dict.fromkeys(numbers))` and `rows = {}`",),
        "The batches, and the rows in them, may come in any order: all go into one dictionary.": (
            "backwards: - for start in range(0, len(different), most): "
            "+ for start in list(range(0, len(different), most))[::-1]:",
            "backwards: - for row in await fetch(different[start:start + most]): "
            "+ for row in list(await fetch(different[start:start + most]))[::-1]:",
        ),
    },
    "load_with": {
        FREE: (
            "swap `start, free = (now(), asyncio.Semaphore(connections))` and `took = [None] * (rate * seconds)`",
            "swap `took = [None] * (rate * seconds)` and `async def one(number, due):`",
        ),
        NOTHING_FAILS: (
            "take `async def one(number, due):` into `async with asyncio.TaskGroup() as group:`",
            "take `took[number] = now() - due` into `async with free:`",
        ),
        "A group ends when all its tasks have, also where the block returns.": (
            "take `return took` into `async with asyncio.TaskGroup() as group:`",
        ),
        UNREACHED: ("raise again after `except Exception:`",),
    },
    "guard": {
        UNREACHED: (
            "raise again after `except TimeoutError:`",
            "raise again after `except web.HTTPError as error:`",
            "raise again after `except Exception:`",
        ),
        NOT_REACHED: ("raise again after `except web.HTTPException:`",),
        NOTHING_FAILS: ("take `def refuse(status, why, headers=None):` into `try:`",),
        "Of the handler's, nothing that the outer block catches comes out of the inner one.": (
            "take `try:` into `try:`",
        ),
        "To wait for a place raises nothing but the limit's TimeoutError, which is an OSError.": (
            "catch another class: - except TimeoutError: + except OSError:",
            "catch another class: - except TimeoutError: + except Exception:",
        ),
    },
    "stream_rows": {
        NOTHING_FAILS: (
            "take `response.content_type = 'application/x-ndjson'` into `async with aclosing(rows):`",
            "take `return response` into `async with aclosing(rows):`",
        ),
        "To prepare what is prepared does nothing.": (
            "drop the block around `await response.prepare(request)`",
            "always: - if not response.prepared: + if True:",
        ),
    },
    "ask_again": {
        NOTHING_FAILS: ("take `key = uuid.uuid4().hex` into `async with asyncio.timeout(seconds):`",),
        "A status that is neither 429 nor 503 is 202, or it is refused: the one question may stand in the other.": (
            "take `if answer.status == 202:` into `if answer.status not in (429, 503):`",
        ),
        "What was refused for good has no pause, and nobody asks for it.": (
            "swap `if answer.status not in (429, 503):` and `pause = answer.retry_after`",
        ),
    },
    "submit": {
        "What was just written down is the question that is found.": (
            "half a condition: - if not new and await database.find(key) != question: "
            "+ if await database.find(key) != question:",
        ),
        NOT_REACHED: ("raise again after `except ConnectionError:`",),
        "What says that the queue is away is caught in the inner block; what else it raises, both let through.": (
            "take `try:` into `try:`",
            "take `try:` into `try:` (2)",
        ),
    },
    "through": {
        NOT_REACHED: ("raise again after `except OSError:`", "raise again after `except Exception:`"),
        NOTHING_FAILS: ("take `circuit.trying = opened` into `try:`",),
        FREE: (
            "swap `clock = asyncio.get_running_loop().time` and `opened = circuit.failures >= 3`",
            "swap `circuit.failures += 1` and `circuit.until = clock() + 5`",
        ),
    },
}
