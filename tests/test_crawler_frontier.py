"""What is known of each URL: depths that shrink, and what must be remembered for it."""

import random

from course_lib.crawler.frontier import Frontier


def frontier(max_depth=9, max_redirects=9):
    queued = []
    made = Frontier(max_depth, max_redirects, lambda url: url != "outside", lambda *item: queued.append(item))
    made.link(["start"], 0)
    return made, queued


def page(made, url, *links):
    made.take(url)
    made.done(url, links)


def test_a_depth_shrinks_and_what_hangs_on_it():
    """A shorter way to a page that is done makes all behind it less deep, and one held back is queued."""
    made, queued = frontier(max_depth=3)
    page(made, "start", "slow", "a")
    page(made, "a", "b")
    page(made, "b", "c")
    page(made, "c", "d")
    assert made.depths["d"] == 4 and made.left()[1] == ["d"]
    page(made, "slow", "c")
    assert (made.depths["c"], made.depths["d"]) == (2, 3) and queued[-1] == ("d", 3)


def test_a_queued_url_counts_at_its_new_depth_only():
    """A URL that waits and becomes less deep is queued again there, and no longer where it was."""
    made, queued = frontier()
    page(made, "start", "a", "b")
    page(made, "a", "c")
    page(made, "c", "d")
    page(made, "b", "d")
    assert queued[-2:] == [("d", 3), ("d", 2)]
    assert made.is_queued("d", 2) and not made.is_queued("d", 3)
    made.take("d")
    assert not made.is_queued("d", 2)


def test_nothing_is_queued_twice_because_of_a_shorter_way():
    """A URL that is in flight, done, or redirects is not queued again when it becomes less deep or better linked."""
    made, queued = frontier()
    page(made, "start", "late", "a")
    page(made, "a", "b")
    page(made, "b", "done", "moved", "flying")
    page(made, "done")
    made.take("moved")
    assert made.redirect("moved", "target") == []
    page(made, "target")
    made.take("flying")
    page(made, "late", "done", "moved", "flying", "target")
    made.done("flying", ["target"])
    assert sorted(url for url, _ in queued) == ["a", "b", "done", "flying", "late", "moved", "start", "target"]
    assert (made.depths["target"], made.depths["flying"], made.unfinished) == (2, 2, 0)


def test_a_redirect_passes_on_depth_and_hops():
    """What a redirect leads to is as deep as its source, and one hop further, whichever of the two improves later."""
    made, queued = frontier(max_depth=3, max_redirects=1)
    page(made, "start", "late", "a")
    page(made, "a", "b")
    page(made, "b", "1")
    made.take("1")
    made.redirect("1", "2")
    made.take("2")
    made.redirect("2", "3")
    assert made.left()[2] == ["3"]
    page(made, "late", "2")
    assert queued[-1] == ("3", 2) and made.depths["2"] == 2


def test_loops():
    """A loop is told of when it is closed, with each URL on it once; what leads into it is none."""
    made, _ = frontier()
    page(made, "start", "in", "self", "1")
    for url, target in (("in", "1"), ("1", "2"), ("2", "3")):
        made.take(url)
        assert made.redirect(url, target) == []
    made.take("3")
    assert made.redirect("3", "1") == ["3", "1", "2"]
    made.take("self")
    assert made.redirect("self", "self") == ["self"]


def test_what_is_out_of_scope_is_not_known():
    """A URL out of scope has no depth, and is asked about each time."""
    made, queued = frontier()
    page(made, "start", "outside", "a", "outside")
    assert set(made.depths) == {"start", "a"} and len(queued) == 2


def test_links_are_remembered_only_while_they_may_matter():
    """Level by level, no page's links are kept once no shorter way to it can be found; in the end none are."""
    made, queued = frontier(max_depth=99)
    chance = random.Random(1)
    done, most = 0, 0
    while done < len(queued):
        url, depth = queued[done]
        done += 1
        if made.is_queued(url, depth):
            page(made, url, *(str(chance.randrange(500)) for _ in range(5)))
            most = max(most, sum(map(len, made._open_pages.values())))
    assert len(made.depths) > 400 and most == 0
    made, _ = frontier(max_depth=99)
    page(made, "start", "slow", "0")
    for number in range(50):
        page(made, str(number), str(number + 1))
    assert sum(map(len, made._open_pages.values())) == 49  # all that are deeper than the slow one
    page(made, "slow")
    page(made, "50")
    assert made._open_pages == {} and made.unfinished == 0
