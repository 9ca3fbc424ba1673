"""What the bug hunt of lesson 8b shows: code as somebody found it, to be mended."""


async def use_all(resources, work):
    values = []
    try:
        for resource in resources:
            values.append(await resource.__aenter__())
        return await work(values)
    finally:
        for resource in resources:
            await resource.__aexit__(None, None, None)
