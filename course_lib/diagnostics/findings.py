"""What was found, as text only, so that nothing is kept alive by having been found; and how it is told."""

from dataclasses import dataclass, field

from course_lib.seeing.timeline.text import WIDTH
from course_lib.seeing.timeline.trace import sentence

TOLD = 10  # findings told after one cell
KEPT = 200  # different ones kept until they are told; of further ones only the number


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that went wrong, or, where it is no `fault`, that may be as it should be."""

    what: str  # "never awaited"
    who: str = ""  # "work()", "task crunch"
    cell: int | None = None  # whose it is, where that is known, and where there are cells
    said: str = ""  # "ValueError: no such page"
    where: tuple[str, ...] = ()  # each place on a line of its own
    fault: bool = True


@dataclass(slots=True)
class _Seen:
    times: int = 0
    seconds: float = 0.0  # the longest


@dataclass(slots=True)
class Findings:
    """What was found since it was last told; equal findings are counted, not kept."""

    _seen: dict[Finding, _Seen] = field(default_factory=dict)
    _more: int = 0

    def add(self, finding: Finding, seconds: float = 0.0) -> None:
        """Note something; `seconds` is how long it took, where that is what is wrong with it. Any thread may do so."""
        if finding not in self._seen and len(self._seen) >= KEPT:
            self._more += 1
            return
        seen = self._seen.setdefault(finding, _Seen())
        seen.times += 1
        seen.seconds = max(seen.seconds, seconds)

    def tell(self, title: str, cell: int | None) -> str:
        """Return what was found, faults first, as lines of 76 columns at most, and forget it; "" for nothing.

        Args:
            title: the first line.
            cell: after which cell it is told: findings of other cells say whose they are.
        """
        seen, self._seen = self._seen, {}
        more, self._more = self._more, 0
        if not seen:
            return ""
        told = sorted(seen.items(), key=lambda item: not item[0].fault)
        more += sum(count.times for _, count in told[TOLD:])
        lines = [title]
        for finding, count in told[:TOLD]:
            lines += _lines(finding, count, cell)
        if more:
            lines.append(f"  and {more:,} more")
        return "\n".join(_cut(line) for line in lines)


def _lines(finding: Finding, count: _Seen, cell: int | None) -> list[str]:
    long = f" ~{count.seconds:.2f} s" if count.seconds else ""
    whose = f" of cell {finding.cell}" if finding.cell and finding.cell != cell else ""
    times = f" ({count.times:,} times)" if count.times > 1 else ""
    head = "  " + ": ".join(filter(None, (finding.what + long, finding.who + whose))) + times
    whole = f"{head}: {finding.said}"
    heads = [whole] if len(whole) <= WIDTH else [head, f"    {finding.said}"]
    return [*(heads if finding.said else [head]), *(f"    {place}" for place in finding.where)]


def _cut(line: str) -> str:
    indent = len(line) - len(line.lstrip())
    line = " " * indent + sentence(line)
    return line if len(line) <= WIDTH else line[: WIDTH - 3].rstrip() + "..."
