"""The reference solutions of lesson 9b."""


async def consume(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is None:
            continue
        try:
            await handle(job)
        except Exception:
            continue  # it stays pending, and is tried again later
        await stream.ack(job.id)


async def pay_order(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.key):
            await tx.add(job.body["account"], job.body["amount"])


async def work_on(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "its consumers died three times")
    else:
        try:
            await handle(job)
        except Exception as error:
            if start < 3:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)
