"""Pages and their links: near one another what is linked, large what is linked to often."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from course_lib.seeing.shown import Shown

NAMED = 10  # pages named in the text, those that most others link to


@dataclass(frozen=True)
class LinkGraph(Shown):
    """A graph of pages: print it for the text, end a notebook cell with it for the picture."""

    links: Mapping[str, frozenset[str]]

    @property
    def linked_from(self) -> Counter[str]:
        """How many pages link to each page; a page that none links to counts 0."""
        linked = Counter(dict.fromkeys(self.links, 0))
        linked.update(target for targets in self.links.values() for target in targets)
        return linked

    @property
    def alt(self) -> str:
        """How many pages and links there are, and which pages most others link to."""
        best = ", ".join(page for page, _ in most_popular(self.linked_from)[:3])
        return f"Graph of {len(self.links)} pages, {self._total} links between them; most link to {best}."

    @property
    def _total(self) -> int:
        return sum(len(targets) for targets in self.links.values())

    def __str__(self) -> str:
        lines = [f"{len(self.links)} pages, {self._total} links between them. Most linked to:"]
        best = most_popular(self.linked_from)[:NAMED]
        wide = max((len(page) for page, _ in best), default=0)
        return "\n".join(
            [*lines, *(f"{page:<{wide}}  {count:>3}  {'#' * count}"[:100].rstrip() for page, count in best)]
        )


def link_graph(links: Mapping[str, Iterable[str]]) -> LinkGraph:
    """Lay out pages by their links, and name those that most others link to.

    Args:
        links: the pages that each page links to, by the page's name. Links to itself, links that occur twice, and links
            to what is not among the keys are left out.

    Raises ValueError when there is no page.
    """
    if not links:
        raise ValueError('links is empty: pass the targets of one page or more by its name, {"task": ["coroutine"]}')
    known = links.keys()
    return LinkGraph({page: frozenset(targets) & known - {page} for page, targets in links.items()})


def most_popular(linked_from: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the pages and how many link to each, those with the most first."""
    return sorted(linked_from.items(), key=lambda item: (-item[1], item[0]))
