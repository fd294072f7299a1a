"""The table of a benchmark, and the statistics in it."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_TITLES = ("Part", "Measured", "Here", "Raw Celery", "Ratio", "Aim")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was measured here and of the peer, in `unit`; `note` replaces the ratio where there is no peer."""

    part: str
    what: str
    here: float
    unit: str
    peer: float | None = None
    aim: str = ""
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        peer = "" if self.peer is None else quantity(self.peer, self.unit)
        ratio = f"{self.here / self.peer:.2f}" if self.peer else self.note
        return self.part, self.what, quantity(self.here, self.unit), peer, ratio, self.aim


def median(values: Iterable[float]) -> float:
    """The middle value; the mean of the two in the middle of an even number."""
    return percentile(sorted(values), 50)


def percentile(values: Iterable[float], rank: float) -> float:
    """The value below which `rank` per cent lie, interpolated between neighbours.

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values were measured")
    place = (len(ordered) - 1) * rank / 100
    below, above = math.floor(place), math.ceil(place)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def at_ranks(
    part: str, what: str, values: Sequence[float], aims: Mapping[int, str], *, beside: Sequence[float] = ()
) -> list[Row]:
    """A row of milliseconds for each rank, with its aim and what it was `beside`, if that was measured."""
    notes = {rank: f"{percentile(beside, rank):.1f} ms without" if beside else "" for rank in aims}
    return [
        Row(part, f"{what} p{rank}", percentile(values, rank), "ms", aim=aim, note=notes[rank])
        for rank, aim in aims.items()
    ]


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def quantity(value: float, unit: str) -> str:
    """A number of three digits or so, with its unit."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def markdown(rows: Sequence[Row]) -> str:
    lines = [_TITLES, ("---",) * len(_TITLES), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
