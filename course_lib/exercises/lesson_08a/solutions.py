"""The reference solutions of lesson 8a, as a learner would write them."""

import asyncio
from contextlib import aclosing


async def each_within(source, seconds):
    async with aclosing(source) as items:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    item = await anext(items)
            except StopAsyncIteration:
                return
            yield item


async def take(source, count):
    async with aclosing(source) as items:
        for _ in range(count):
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            yield item


END = object()


async def in_pairs(left, right):
    async with aclosing(left), aclosing(right):
        while True:
            tasks = [asyncio.create_task(anext(each, END)) for each in (left, right)]
            try:
                pair = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if any(item is END for item in pair):
                return
            yield tuple(pair)
