"""Mutants that are right answers: by exercise, why nobody could tell them from the reference, and their names."""

FREE = "The order of these lines is free: neither uses what the other makes."

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
}
