"""Right answers to the exercises of lesson 4b, in other styles than the solutions."""

from contextlib import AsyncExitStack, aclosing

from course_lib.exercises import lesson_04b as ex
from right_answers import right


@right(ex.first_match)
async def closes_in_a_finally(stream, matches):
    pages = stream()
    try:
        async for url, text in pages:
            if await matches(text):
                return url
        raise LookupError
    finally:
        await pages.aclose()


@right(ex.first_match)
async def with_a_stack(stream, matches):
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(aclosing(stream()))
        async for url, text in pages:
            if not await matches(text):
                continue
            return url
        raise LookupError("nothing")


@right(ex.first_match)
async def page_by_page(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        while True:
            try:
                url, text = await anext(pages)
            except StopAsyncIteration:
                break
            if await matches(text):
                found = url
                break
    if found is None:
        raise KeyError("no page")
    return found
