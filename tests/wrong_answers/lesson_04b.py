"""Wrong answers to the exercises of lesson 4b, as learners write them: each must get its own sentence."""

from contextlib import aclosing

from course_lib.exercises import lesson_04b as ex
from wrong_answers import told


@told(ex.first_match, "Leaving an `async for` does not close its generator")
async def leaves_it_open(stream, matches):
    async for url, text in stream():
        if await matches(text):
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "after 4 pages: look at each as it comes")
async def collects_them_first(stream, matches):
    for url, text in [page async for page in stream()]:
        if await matches(text):
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "after 4 pages: look at each as it comes")
async def goes_on_to_the_end(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if found is None and await matches(text):
                found = url
    if found is None:
        raise LookupError("no page matches")
    return found


@told(ex.first_match, "You returned 'd' at")
async def takes_the_last(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                found = url
    if found is None:
        raise LookupError("no page matches")
    return found


@told(ex.first_match, "and its stream was still open")
async def closes_after_success_only(stream, matches):
    pages = stream()
    async for url, text in pages:
        if await matches(text):
            await pages.aclose()
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "take its pages with `async for`")
async def plain_for(stream, matches):
    async with aclosing(stream()) as pages:
        for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "take its pages with `async for`")
async def awaits_the_stream(stream, matches):
    for url, text in await stream():
        if await matches(text):
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "matches(text) is a coroutine, await it")
async def forgets_to_await_matches(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "No page matches, and your function returned None: raise LookupError")
async def returns_none(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                return url


@told(ex.first_match, "matches(text) raised ValueError, and your function raised LookupError")
async def hides_a_failure(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            try:
                if await matches(text):
                    return url
            except Exception:
                continue
    raise LookupError("no page matches")


@told(ex.first_match, "you never called it: `stream()` gives the pages")
async def does_not_call_it(stream, matches):
    async with aclosing(stream) as pages:
        async for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "You called `stream()` 2 times")
async def opens_two_streams(stream, matches):
    async with aclosing(stream()):
        async for url, text in stream():
            if await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "leave at once")
async def looks_again_to_be_sure(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text) and await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "let it through")
async def hides_one_kind(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            try:
                if await matches(text):
                    return url
            except LookupError:
                continue
    raise LookupError("no page matches")
