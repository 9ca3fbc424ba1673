"""What the bug hunt of lesson 9b shows: code as somebody found it, to be mended."""


async def pay_order(db, job):
    async with db.transaction() as tx:
        if await tx.knows(job.key):
            return
        await tx.add(job.body["account"], job.body["amount"])
    async with db.transaction() as tx:
        await tx.remember(job.key)
