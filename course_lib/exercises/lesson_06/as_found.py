"""What the bug hunts of lesson 6 show: code as somebody found it, to be mended."""


async def crunch_all(jobs, crunch, pool):
    results = []
    for job in jobs:
        results.append(crunch(job))
    return results
