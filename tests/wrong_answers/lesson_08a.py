"""Wrong answers to the exercises of lesson 8a, as learners write them: each must get its own sentence."""

import asyncio
from contextlib import aclosing

from course_lib.exercises import lesson_08a as ex
from course_lib.exercises.lesson_08a import as_found
from course_lib.streams import merge
from wrong_answers import told

# take


@told(ex.take, "asked the source for 3 items. What was asked for in vain took time")
async def looks_too_late(source, count):
    async with aclosing(source) as items:
        async for item in items:
            if count == 0:
                return
            count -= 1
            yield item


@told(ex.take, "`source` was still open then. Neither the end of a loop nor a `return` closes a generator")
async def leaves_by_return(source, count):
    for _ in range(count):
        try:
            yield await anext(source)
        except StopAsyncIteration:
            return


@told(ex.take, "The consumer left after 1 item, and closed your generator; `source` was still open")
async def closes_at_the_end_only(source, count):
    for _ in range(count):
        try:
            item = await anext(source)
        except StopAsyncIteration:
            break
        yield item
    await source.aclose()


@told(ex.take, "which left your generator: Python turns it into a RuntimeError there. Catch it, and `return`")
async def lets_the_end_out(source, count):
    async with aclosing(source) as items:
        for _ in range(count):
            yield await anext(items)


@told(ex.take, "Item 1, 'a', could be there at 1 s, and your generator gave it at 3.5 s: hand over each as it comes")
async def collects_first(source, count):
    found = []
    async with aclosing(source) as items:
        while len(found) < count:
            try:
                found.append(await anext(items))
            except StopAsyncIteration:
                break
    for item in found:
        yield item


@told(ex.take, "contains no `yield`, so it is a coroutine that returns once")
async def returns_a_list(source, count):
    async with aclosing(source) as items:
        return [await anext(items) for _ in range(count)]


@told(ex.take, "With count=0, your generator asked the source for 1 item.")
async def asks_at_least_once(source, count):
    async with aclosing(source) as items:
        async for item in items:
            if count > 0:
                yield item
            count -= 1
            if count <= 0:
                return


@told(ex.take, "The source raised ValueError, and your generator returned ['a']: let it through")
async def takes_a_failure_for_the_end(source, count):
    async with aclosing(source) as items:
        for _ in range(count):
            try:
                item = await anext(items)
            except Exception:
                return
            yield item


@told(ex.take, "Item 1, None, was due at")
async def takes_none_for_the_end(source, count):
    async with aclosing(source) as items:
        for _ in range(count):
            item = await anext(items, None)
            if item is None:
                return
            yield item


@told(ex.take, "your generator let no CancelledError through. Which `except` catches it?")
async def ends_when_cancelled(source, count):
    async with aclosing(source) as items:
        for _ in range(count):
            try:
                item = await anext(items)
            except (StopAsyncIteration, asyncio.CancelledError):
                return
            yield item


@told(ex.take, "The source is an async generator already: take from it as it is, without calling it")
async def calls_the_source(source, count):
    async with aclosing(source()) as items:
        for _ in range(count):
            yield await anext(items)


@told(ex.take, "With count=0: Your generator had ended; `source` was still open then")
async def does_not_close_what_it_does_not_need(source, count):
    if count == 0:
        return
    async with aclosing(source) as items:
        async for item in items:
            yield item
            count -= 1
            if count == 0:
                return


# each_within


told(ex.each_within, "At 2 s the consumer was using its item 1, and was cancelled there, by your generator")(
    as_found.each_within
)


@told(ex.each_within, "At 2 s the consumer was using its item 1, and was cancelled there, by your generator")
async def closes_and_strikes_the_consumer(source, seconds):
    async with aclosing(source) as items, asyncio.timeout(seconds):
        async for item in items:
            yield item


@told(ex.each_within, "was cancelled there, by your generator: a time limit, or a task group")
async def yields_inside_the_limit(source, seconds):
    async with aclosing(source) as items:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    yield await anext(items)
            except StopAsyncIteration:
                return


@told(ex.each_within, "TimeoutError left your generator; `source` was still open then")
async def relies_on_the_limit(source, seconds):
    while True:
        waiting = asyncio.ensure_future(anext(source))
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        if not done:
            raise TimeoutError
        try:
            item = waiting.result()
        except StopAsyncIteration:
            return
        yield item


@told(ex.each_within, "and did not come in 2 s; your generator returned ['a']: raise")
async def ends_in_silence(source, seconds):
    async with aclosing(source) as items:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    item = await anext(items)
            except (StopAsyncIteration, TimeoutError):
                return
            yield item


@told(ex.each_within, "The source raised TimeoutError('the line is dead'), and your generator raised TimeoutError")
async def makes_an_error_of_its_own(source, seconds):
    async with aclosing(source) as items:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    item = await anext(items)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise TimeoutError(f"nothing came in {seconds} s") from None
            yield item


@told(ex.each_within, "The consumer left after 2 items, and closed your generator; `source` was still open")
async def does_not_close(source, seconds):
    while True:
        try:
            async with asyncio.timeout(seconds):
                item = await anext(source)
        except StopAsyncIteration:
            return
        yield item


@told(ex.each_within, "and your generator raised TimeoutError at 6.5 s: count anew for each item")
async def one_limit_for_all(source, seconds):
    deadline = asyncio.get_running_loop().time() + seconds
    async with aclosing(source) as items:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await anext(items)
            except StopAsyncIteration:
                return
            yield item


@told(ex.each_within, "Catch it, and `return`")
async def forgets_the_end(source, seconds):
    async with aclosing(source) as items:
        while True:
            async with asyncio.timeout(seconds):
                item = await anext(items)
            yield item


@told(ex.each_within, "Item 1 is something to be awaited, not an item: an `await` is missing")
async def forgets_to_await(source, seconds):
    async with aclosing(source) as items:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    item = anext(items)
            except StopAsyncIteration:
                return
            yield item


@told(ex.each_within, "`source` was asked for its item 2 at 1 s, before the consumer wanted that item")
async def lets_it_run_ahead(source, seconds):
    async with merge(source) as items:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    item = await anext(items)
            except StopAsyncIteration:
                return
            yield item


# in_pairs


@told(ex.in_pairs, "It was there at 3 s, and could be at 2 s: ask both at the same time")
async def one_after_another(left, right):
    async with aclosing(left), aclosing(right):
        async for item in left:
            try:
                other = await anext(right)
            except StopAsyncIteration:
                return
            yield item, other


@told(ex.in_pairs, "`right` was closed while a task still waited for its next item, which a generator refuses")
async def leaves_the_other_waiting(left, right):
    end = object()
    async with aclosing(left), aclosing(right):
        while True:
            pair = await asyncio.gather(anext(left, end), anext(right, end))
            if end in pair:
                return
            yield tuple(pair)


@told(ex.in_pairs, "Your generator had ended; `left` was still open then")
async def closes_nothing(left, right):
    end = object()
    while True:
        tasks = [asyncio.ensure_future(anext(each, end)) for each in (left, right)]
        try:
            pair = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if end in pair:
            return
        yield tuple(pair)


@told(ex.in_pairs, "let the very same exception through, not in a group")
async def in_a_group(left, right):
    end = object()

    async def one(source):
        return await anext(source, end)

    async with aclosing(left), aclosing(right):
        while True:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(each)) for each in (left, right)]
            pair = [task.result() for task in tasks]
            if end in pair:
                return
            yield tuple(pair)


@told(ex.in_pairs, "`left` was asked for its item 2 at")
async def asks_ahead(left, right):
    end = object()
    async with aclosing(left), aclosing(right):
        tasks = [asyncio.ensure_future(anext(each, end)) for each in (left, right)]
        try:
            while True:
                pair = await asyncio.gather(*tasks)
                if end in pair:
                    return
                tasks = [asyncio.ensure_future(anext(each, end)) for each in (left, right)]
                yield tuple(pair)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@told(ex.in_pairs, "One source failed at")
async def waits_for_the_other(left, right):
    end = object()
    async with aclosing(left), aclosing(right):
        while True:
            pair = await asyncio.gather(anext(left, end), anext(right, end), return_exceptions=True)
            for each in pair:
                if isinstance(each, Exception):
                    raise each
            if end in pair:
                return
            yield tuple(pair)


@told(ex.in_pairs, "A pair is a tuple of two, (left, right); your generator gave ['a', 1]")
async def gives_lists(left, right):
    end = object()
    async with aclosing(left), aclosing(right):
        while True:
            tasks = [asyncio.ensure_future(anext(each, end)) for each in (left, right)]
            try:
                pair = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if end in pair:
                return
            yield pair


@told(ex.in_pairs, "was due at")
async def ends_at_none(left, right):
    async with aclosing(left), aclosing(right):
        while True:
            tasks = [asyncio.ensure_future(anext(each, None)) for each in (left, right)]
            try:
                one, other = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if one is None or other is None:
                return
            yield one, other


@told(ex.in_pairs, "your generator had ended")
async def takes_a_text_for_the_end(left, right):
    async with aclosing(left), aclosing(right):
        while True:
            tasks = [asyncio.create_task(anext(each, "END")) for each in (left, right)]
            try:
                pair = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if "END" in pair:
                return
            yield tuple(pair)


@told(ex.take, "Item 2, <an item equal to any text or number>, was due at 2 s, and your generator had ended")
async def takes_a_text_for_the_end_of_it(source, count):
    async with aclosing(source) as items:
        for _ in range(count):
            if (item := await anext(items, "END")) == "END":
                return
            yield item


@told(ex.take, "`enumerate` does not wait for items: go through `items` by `async for`")
async def numbers_what_waits(source, count):
    async with aclosing(source) as items:
        for number, item in enumerate(items):
            if number == count:
                return
            yield item


@told(ex.take, "Your code raised AttributeError")
async def closes_it_as_a_file(source, count):
    try:
        for _ in range(count):
            try:
                item = await anext(source)
            except StopAsyncIteration:
                return
            yield item
    finally:
        await source.close()


@told(ex.each_within, "What may wait when it is entered or left needs `async with`")
async def enters_what_closes_by_a_plain_with(source, seconds):
    with aclosing(source) as items:
        while True:
            async with asyncio.timeout(seconds):
                item = await anext(items)
            yield item


@told(ex.each_within, "`next` does not wait. `await anext(items)` does")
async def asks_by_next(source, seconds):
    async with aclosing(source) as items:
        while True:
            async with asyncio.timeout(seconds):
                item = next(items)
            yield item
