"""Lesson 1: waits overlap only if their tasks are made before the first is awaited."""

from collections.abc import Coroutine, Mapping, Sequence
from itertools import pairwise
from typing import Any

from course_lib.exercises.causes import IN_BRACKETS, STAR_MISSING, awaited_in_brackets, star_missing
from course_lib.exercises.chance import Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise, Service, Wrong, await_missing, leaves, run
from course_lib.exercises.lesson_01 import solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline


def overlapped(service: Service, timeline: Timeline, possible: float) -> None:
    """Raise Wrong, saying why, if the calls took longer than `possible` seconds."""
    took = timeline.end
    if took <= possible:
        return
    if service.peak > 1:
        raise Wrong(
            f"Some waits overlapped, but the whole took {took:g} s for what {possible:g} s can do. "
            "Start everything that can be started before you await the first.",
            timeline,
        )
    tasks = [lane for lane in timeline if lane.is_task and lane.name != "main"]
    if len(tasks) > 1 and all(a.end <= b.start for a, b in pairwise(tasks)):
        why = "You made tasks, but awaited each one before the next was made. Make all of them, then await."
    elif service.made_before_the_first_ran > 1:
        why = (
            "You made all the calls first, but a call starts nothing: it only makes a coroutine. create_task starts it."
        )
    else:
        why = "A call that is awaited at once is finished before the next one starts. Start first, await later."
    raise Wrong(f"The calls ran one after another: {took:g} s for what {possible:g} s can do. {why}", timeline)


def called_once(service: Service, names: Sequence[str], timeline: Timeline) -> None:
    """Raise Wrong unless each of the functions was called exactly once."""
    for name in names:
        if service.calls[name] != 1:
            times = f"ran {service.calls[name]} times" if service.calls[name] else "never ran"
            raise Wrong(f"{name} {times}; once is what the page needs.", timeline)


ROUNDS = 20  # scenes drawn at random, after those that tell most

# Exercise 1


def _grade_load_page(load_page: Answer) -> str:
    told = ("user", "posts", "news")
    for delays in [(1.0, 2.0, 3.0), (3.0, 1.0, 2.0)]:
        _one_page(load_page, told, delays)
    chance = Chance("load_page")
    for _ in range(ROUNDS):
        longest = chance.one_of((0, 1, 3, 1000))
        _one_page(load_page, [chance.value(name) for name in told], [chance.seconds(0, longest) for _ in told])
    in_every_order(load_page, lambda: _three_calls(told), lambda scene, _: _as_wanted(scene, told))
    return "Three waits of 1, 2 and 3 s took 3 s together, not 6 s."


def _one_page(load_page: Answer, wanted: Sequence[Any], delays: Sequence[float]) -> None:
    names = ["get_user", "get_posts", "get_news"]
    service = Service()
    calls = [
        lambda each=each: service.offer(*each)  # a default keeps what `each` is now
        for each in zip(names, delays, wanted, strict=True)
    ]
    timeline = run(load_page, *calls)
    got = timeline.result
    _three(got, timeline, "user, posts, news")
    called_once(service, names, timeline)
    if list(got) != list(wanted):
        if all(each in got for each in wanted):
            raise Wrong(
                f"The order should be user, posts, news; you returned {', '.join(map(str, got))}. They took "
                f"{', '.join(f'{delay:g}' for delay in delays)} s: the order in which they end is no order to return.",
                timeline,
            )
        raise Wrong(f"Expected {tuple(wanted)!r}, got {got!r}.", timeline)
    overlapped(service, timeline, max(delays))


def _three_calls(answers: Sequence[str]) -> tuple[Service, list[Any]]:
    service = Service()
    return service, [lambda each=each: service.offer(f"get_{each}", 1, each) for each in answers]


def _as_wanted(scene: Scene, wanted: Sequence[Any]) -> None:
    got = scene.result()
    if not isinstance(got, tuple | list) or list(got) != list(wanted):
        raise scene.wrong(f"expected {tuple(wanted)!r}, got {shown(got)}.")


def _three(got: Any, timeline: Timeline, wanted: str) -> None:
    """Raise Wrong unless `got` is a tuple or a list of three results."""
    if await_missing(got if isinstance(got, tuple | list) else [got]):
        raise Wrong("You returned a coroutine or a task where its result belongs: an `await` is missing.", timeline)
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise Wrong(f"Return three things, {wanted}; you returned {shown(got)}.", timeline)


load_page = Exercise(
    lesson="lesson_01",
    task="""\
**Exercise 1: one page, three waits.** Write `load_page(get_user, get_posts, get_news)`.

- You are given three coroutine functions without parameters. Each takes a few seconds.
- Return their three results, in the order user, posts, news.
- All three waits must overlap: the page takes as long as its slowest part. One event loop is enough: no threads.""",
    reference=solutions.load_page,
    grade=_grade_load_page,
    hints=[
        "Awaiting a coroutine directly runs it to its end. What starts one without waiting for it?",
        "`asyncio.create_task(get_user())` starts it. Do that three times, before the first `await`.",
        "Keep the three tasks in three variables, then return `await user, await posts, await news`.",
    ],
)


# Exercise 2


def _grade_order_page(order_page: Answer) -> str:
    for customer in ("customer 7", "customer 8"):
        _one_customer(order_page, (customer, [f"order of {customer}"], ["offer 1"]), (1, 3, 2))
    chance = Chance("order_page")
    for _ in range(ROUNDS):
        values = [chance.value(name) for name in ("customer 9", "orders", "offers")]
        longest = chance.one_of((0, 1, 3, 1000))
        _one_customer(order_page, values, [chance.seconds(0, longest) for _ in values])
    in_every_order(order_page, _customer_calls, lambda scene, _: _as_wanted(scene, ("customer", "orders", "offers")))
    return "1 s for the customer, then orders (3 s) and offers (2 s) together: 4 s, not 6 s."


def _one_customer(order_page: Answer, wanted: Sequence[Any], delays: Sequence[float]) -> None:
    service, names = Service(), ("get_customer", "get_orders", "get_offers")

    def offer(place: int, *args: Any) -> Any:
        return service.offer(names[place], delays[place], wanted[place], *args)

    timeline = run(
        order_page,
        lambda: offer(0),
        lambda customer: offer(1, customer),
        lambda customer: offer(2, customer),
    )
    _three(timeline.result, timeline, "customer, orders, offers")
    for name in names[1:]:
        (given,) = service.arguments.get(name, (wanted[0],))
        if await_missing([given]):
            raise Wrong(
                f"{name} was given a task or a coroutine, not the customer: await the customer first.", timeline
            )
        if given != wanted[0]:
            raise Wrong(f"{name} was given {shown(given, 40)}; it needs what get_customer() returned.", timeline)
    called_once(service, names, timeline)
    if list(timeline.result) != list(wanted):
        raise Wrong(
            f"Return customer, orders, offers in this order, {shown(wanted)}; you returned {shown(timeline.result)}. "
            f"The orders took {delays[1]:g} s and the offers {delays[2]:g} s.",
            timeline,
        )
    overlapped(service, timeline, delays[0] + max(delays[1:]))


def _customer_calls() -> tuple[Service, list[Any]]:
    service = Service()
    return service, [
        lambda: service.offer("get_customer", 1, "customer"),
        lambda customer: service.offer("get_orders", 1, "orders", customer),
        lambda customer: service.offer("get_offers", 1, "offers", customer),
    ]


order_page = Exercise(
    lesson="lesson_01",
    task="""\
**Exercise 2: what can overlap, and what cannot.** Write `order_page(get_customer, get_orders, get_offers)`.

- `get_customer()` takes no argument. `get_orders(customer)` and `get_offers(customer)` need the customer.
- Return customer, orders, offers, in this order. Ask for each of them once.
- Let overlap what can overlap: 1 s for the customer, 3 s for the orders, 2 s for the offers make 4 s in all.""",
    reference=solutions.order_page,
    grade=_grade_order_page,
    hints=[
        "Which of the three calls can be made before you know the customer?",
        "Await the customer. From there on it is exercise 1 again, with two calls.",
        "After `customer = await get_customer()`, make two tasks, then return `customer, await orders, await offers`.",
    ],
)


# Exercise 3


def _grade_fetch_all(fetch_all: Answer) -> str:
    _all_fetched(
        fetch_all,
        {
            "a": (3, "page a"),
            "b": (1, "page b"),
            "c": (2, ConnectionError("no answer from c")),
            "d": (1.5, "page d"),
        },
    )
    pages: dict[str, tuple[float, Any]] = {"a": (3, "page a"), "b": (1, "page b")}
    timeline = _fetched(fetch_all, Service(), pages, ["a", "b", "a"])
    if not isinstance(timeline.result, list | tuple) or list(timeline.result) != ["page a", "page b", "page a"]:
        raise Wrong(f"A name may come twice: for a, b, a you returned {shown(timeline.result)}.", timeline)
    empty = run(fetch_all, lambda name: Service().offer("fetch", 1, name), [])
    if not isinstance(empty.result, list | tuple) or empty.result:
        raise Wrong(f"With no names at all, return an empty list; you returned {shown(empty.result)}.")
    many = [f"page {number}" for number in range(1, 101)]
    _all_fetched(fetch_all, {name: (1, f"text of {name}") for name in many})
    chance = Chance("fetch_all")
    for _ in range(ROUNDS):
        names = [f"name {number}" for number in range(chance.number(1, 6))]
        longest = chance.one_of((0, 1, 3, 1000))
        _all_fetched(
            fetch_all, {name: (chance.seconds(0, longest), chance.answer(f"page of {name}")) for name in names}
        )
    four = {"a": "page a", "b": Unreadable("b"), "c": 0, "d": ConnectionError("no answer from d")}
    in_every_order(fetch_all, lambda: _fetches(four), lambda scene, _: _as_wanted(scene, list(four.values())))
    return "Four fetches in 3 s, in input order, and the one that failed cost only itself."


def _fetches(answers: Mapping[str, Any]) -> tuple[Service, list[Any]]:
    service = Service()
    return service, [lambda name: service.offer(f"fetch {name}", 1, answers[name]), list(answers)]


def _fetched(
    fetch_all: Answer, service: Service, pages: Mapping[str, tuple[float, Any]], names: Sequence[str]
) -> Timeline:
    def fetch(name: str) -> Coroutine[Any, Any, Any]:
        if not isinstance(name, str) or name not in pages:
            raise Wrong(
                f"You called fetch({shown(name, 40)}): it takes one of the names. Call it once for each of them."
            )
        return service.offer(f"fetch {name}", *pages[name], name)

    try:
        timeline = run(fetch_all, fetch, list(names))
    except Wrong as wrong:
        raise _sunk(wrong, pages) or wrong from None
    # On 3.11, gather takes a generator for a coroutine, and gives back how that failed.
    got = timeline.result
    if isinstance(got, list) and len(got) == 1 and isinstance(got[0], RuntimeError) and star_missing(fetch_all):
        raise Wrong(STAR_MISSING, timeline)
    return timeline


def _all_fetched(fetch_all: Answer, pages: Mapping[str, tuple[float, Any]]) -> None:
    service = Service()
    timeline = _fetched(fetch_all, service, pages, list(pages))
    _in_order(timeline, [answer for _, answer in pages.values()])
    called_once(service, [f"fetch {name}" for name in pages], timeline)
    overlapped(service, timeline, max(seconds for seconds, _ in pages.values()))


def _sunk(wrong: Wrong, pages: Mapping[str, tuple[float, Any]]) -> Wrong | None:
    """Return what to say where one failure cost the other results; None if that is not what happened."""
    error, result = wrong.error, wrong.timeline and wrong.timeline.result
    failed = {id(answer): name for name, (_, answer) in pages.items() if isinstance(answer, Exception)}
    if error and id(error) in failed and awaited_in_brackets(error):
        return Wrong(f"fetch({failed[id(error)]!r}) failed before gather was called. {IN_BRACKETS}", wrong.timeline)
    if id(error) in failed:
        return Wrong(
            f"fetch({failed[id(error)]!r}) raised {type(error).__name__}, which left your function: the pages that did "
            "arrive are lost. Any exception of a fetch, of whatever class, is to cost that page only.",
            wrong.timeline,
        )
    if isinstance(error, BaseExceptionGroup) and any(id(each) in failed for each in leaves(error)):
        return Wrong(
            f"fetch({next(iter(failed.values()))!r}) failed, and the group cancelled the fetches that were still under "
            "way.",
            wrong.timeline,
        )
    if isinstance(result, list | tuple) and len(result) == 1 < len(pages) and id(result[0]) in failed:
        return Wrong("gather gave up at the first failure: the other pages are lost.", wrong.timeline)
    return None


def _in_order(timeline: Timeline, wanted: list[Any]) -> None:
    got = timeline.result
    if not isinstance(got, list | tuple):
        raise Wrong(f"Return a list; you returned {shown(got)}.", timeline)
    if await_missing(got):
        raise Wrong(
            "There is a coroutine or a task in the list where its result belongs: an `await` is missing.", timeline
        )
    if list(got) == wanted:
        return
    pages = [page for page in wanted if not isinstance(page, Exception)]
    if list(got) == pages:
        raise Wrong("The fetch that failed left no trace, so nobody can tell which page is missing.", timeline)
    if len(got) != len(wanted):
        raise Wrong(f"Expected {len(wanted)} entries, {shown(wanted, 100)}; you returned {shown(got, 100)}.", timeline)
    if all(page in got for page in wanted):
        raise Wrong("Every result is there, but not in input order.", timeline)
    odd, right = next((mine, page) for mine, page in zip(got, wanted, strict=True) if mine is not page and mine != page)
    if isinstance(right, Exception):
        raise Wrong(
            f"In place of the page that failed stands {shown(odd, 60)}; put the exception itself there.", timeline
        )
    raise Wrong(f"In place of the page {right!r} stands {shown(odd, 60)}.", timeline)


fetch_all = Exercise(
    lesson="lesson_01",
    task="""\
**Exercise 3: fetch all of these.** Write `fetch_all(fetch, names)`.

- `await fetch(name)` gives the page of that name after a while, or raises an exception.
- Return a list with one entry a name, in the order of `names`: the page or, where the fetch failed, the exception.
- All fetches overlap, and one that fails must not cost you the others. An empty list of names gives an empty list.""",
    reference=solutions.fetch_all,
    grade=_grade_fetch_all,
    hints=[
        "In which order does `asyncio.gather` return its results?",
        "What does `asyncio.gather` do with an exception by default, and which argument changes that?",
        "`return await asyncio.gather(*(fetch(name) for name in names), return_exceptions=True)`",
    ],
)

EXERCISES = (load_page, order_page, fetch_all)
