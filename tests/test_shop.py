"""The shop of lesson 12b: what its programs cost, and that ten times is to be had."""

import asyncio

import pytest
from wrong_answers import lesson_12b as steps

from course_lib.exercises.framework import Wrong
from course_lib.exercises.lesson_12b import Shop, as_found, solutions
from course_lib.seeing import simulate


def printed(program, shop):
    return simulate(lambda: program(shop, shop.numbers))


def test_the_slow_program_has_five_causes():
    """Forty orders cost forty connections, queries, downloads and blocks of the loop, and nothing is done together."""
    shop = Shop()
    timeline = printed(as_found.print_labels, shop)
    assert timeline.end == pytest.approx(4)
    assert (shop.connections, shop.queries, shop.bytes, shop.blocked) == (40, 40, 8_000_000, 40)
    assert (shop.most_drawn, shop.most_downloads) == (1, 1)
    assert str(shop).splitlines()[0].split() == ["connections", "opened", "40"]


def test_the_reference_is_ten_times_as_fast():
    """The same labels, by one connection, one query and four downloads, in less than a tenth of the time."""
    before, after = Shop(), Shop()
    slow, fast = printed(as_found.print_labels, before), printed(solutions.print_labels, after)
    assert fast.result == slow.result
    assert slow.end > 10 * fast.end
    assert fast.end == pytest.approx(after.drawn_by)
    assert (after.connections, after.queries, after.bytes, after.blocked) == (1, 1, 800_000, 0)
    assert after.most_drawn == after.at_once == 4


def test_each_mend_brings_its_part():
    """Step by step as the check asks for it: each cause costs what the lesson says, the thread alone nothing."""
    ways = (
        as_found.print_labels,
        steps.one_connection,
        steps.one_query,
        steps.with_a_cache,
        steps.in_threads,
        steps.draws_in_turn,
        solutions.print_labels,
    )
    ends = [printed(way, Shop()).end for way in ways]
    assert ends == pytest.approx([4.00, 2.83, 2.44, 1.00, 1.00, 0.94, 0.34])


def test_a_shop_may_be_asked_again():
    """A second run, on a loop of its own, finds the line free, and adds to what was counted."""
    shop = Shop(orders=6)
    ends = [printed(solutions.print_labels, shop).end for _ in range(2)]
    assert ends == [pytest.approx(ends[0])] * 2
    assert (shop.connections, shop.bytes) == (2, 1_600_000)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ({"carriers": 0}, "carriers is 0, but must be from 1 to 6"),
        ({"carriers": 7}, "carriers is 7, but must be from 1 to 6"),
        ({"orders": 0}, "orders is 0, but must be 1 or more"),
        ({"at_once": 0}, r"at_once is 0, but must be 1 or more: Shop\("),
    ],
)
def test_no_shop_is_empty(size, told):
    """A size that cannot be gets a sentence with what is allowed."""
    with pytest.raises(ValueError, match=told):
        Shop(**size)


def test_rows_come_once_and_in_an_order_of_their_own():
    """As of a database: a number asked for twice gives one row, an unknown one none, and their order says nothing."""
    shop = Shop(orders=20)
    rows = shop.rows([*shop.numbers, shop.numbers[0], 7])
    assert sorted(row["number"] for row in rows) == sorted(shop.numbers)
    assert [row["number"] for row in rows] != shop.numbers


def test_the_printers_take_no_more_than_they_say():
    """One label too many at one time is an error that says what to do."""

    async def all_at_once(shop, numbers):
        drawing = [asyncio.to_thread(shop.draw, row, f"<the logo of {row['carrier']}>") for row in shop.rows(numbers)]
        await asyncio.gather(*drawing)

    with pytest.raises(Wrong, match=r"3 labels were drawn .* the printers take 2\. One semaphore"):
        printed(all_at_once, Shop(orders=4, at_once=2))
