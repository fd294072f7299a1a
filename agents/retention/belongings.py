"""What belongs to a row in such number that its removal cannot be one transaction.

A row goes with its belongings by the database's cascades, and of most rows that is little. Of one that has much, they
go first, at a pace: what is asked for once more goes on where the last request ended.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.audit.verbs import ObjectKind
from agents.retention.pace import OutOfTime, Pace
from julep_project.core.database import fetch
from julep_project.core.errors import ServiceUnavailable

# More than these are not left to a cascade.
MOST_AT_ONCE = 5000
_LOOK = "SELECT EXISTS ({parts} OFFSET {most} LIMIT 1)"
# Short of what clients, proxies and the database wait for an answer.
_REQUEST_S = 15.0


@dataclass(frozen=True, slots=True)
class Belonging:
    """Rows that belong to `%(id)s`. `parts` is SQL that selects the smallest of their parts, by an index; `drain`
    removes them at a pace. It may be killed at any time, and begun again."""

    parts: str
    drain: Callable[[UUID, Pace], object]


_OF: dict[ObjectKind, list[Belonging]] = defaultdict(list)


def register(kind: ObjectKind, belonging: Belonging) -> None:
    """Let it go before rows of this kind do."""
    _OF[kind].append(belonging)


def removed_together(some: str, remove: Callable[[list[UUID], Pace], object]) -> Callable[[UUID, Pace], None]:
    """How rows go of which each has parts: `some` is SQL that selects ids of a few, which go with all they have.
    What is left when there is no more time is whole."""

    def drain(row_id: UUID, pace: Pace) -> None:
        while found := [some_id for (some_id,) in fetch(some, {"id": row_id})]:
            with pace.whole():
                remove(found, pace)

    return drain


@contextmanager
def within_a_request() -> Iterator[Pace]:
    """The pace of a removal that somebody waits for.

    Raises:
        ServiceUnavailable: it takes longer than a request may; the next one goes on with it.
    """
    try:
        yield Pace(seconds=_REQUEST_S)
    except OutOfTime:
        raise ServiceUnavailable("A part of what belongs to it is removed; ask again for the rest") from None


def is_much(parts: str, values: Mapping[str, Any]) -> bool:
    """Whether SQL selects more parts than a cascade is given."""
    [(is_more,)] = fetch(_LOOK.format(parts=parts, most=MOST_AT_ONCE), values)
    return bool(is_more)


def remove_belongings(kind: ObjectKind, row_id: UUID) -> None:
    """Before a row of the caller's is removed, outside of that transaction: remove what it has too much of.

    Raises:
        ServiceUnavailable: there is so much of it that it takes more requests than this.
    """
    with within_a_request() as pace:
        for belonging in _OF[kind]:
            if is_much(belonging.parts, {"id": row_id}):
                belonging.drain(row_id, pace)
