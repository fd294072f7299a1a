"""The kinds of rows that have a period, each registered by the app it belongs to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.retention.pace import Pace
from julep_project.core.database import fetch

# How many due rows a count goes to.
MOST_COUNTED = 1_000_000
_COUNT = "SELECT count(*) FROM ({due} LIMIT {most}) AS due"
_DELETE = "DELETE FROM {table} WHERE id IN ({due} ORDER BY {order} LIMIT %(rows)s) RETURNING id"


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows of one developer from before a moment."""

    developer_id: UUID
    before: datetime

    @property
    def values(self) -> Mapping[str, Any]:
        """Parameters of a kind's statements."""
        return {"developer": self.developer_id, "before": self.before}


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows with a period. `due` is SQL that selects those which are too old: `%(developer)s`, `%(before)s`. `remove`
    removes them at a pace, and says how many there were; what they own goes with them. It may be killed at any time,
    and begun again."""

    name: str
    text: str
    due: str
    remove: Callable[[Expired, Pace], int]

    def is_due(self, expired: Expired) -> bool:
        """Whether any row is."""
        return bool(fetch(f"{self.due} LIMIT 1", expired.values))

    def count(self, expired: Expired) -> int:
        """How many rows are due, as far as they are counted."""
        [(count,)] = fetch(_COUNT.format(due=self.due, most=MOST_COUNTED), expired.values)
        return int(count)


@dataclass(frozen=True, slots=True)
class Person:
    """A user of one developer."""

    developer_id: UUID
    user_id: UUID

    @property
    def values(self) -> Mapping[str, Any]:
        """Parameters of the statements of those who know of users."""
        return {"developer": self.developer_id, "user": self.user_id}


@dataclass(frozen=True, slots=True)
class Personal:
    """Rows that belong to a user. `found` is SQL that selects those of `%(user)s` of `%(developer)s`; `remove` removes
    them as that of a kind does."""

    name: str
    found: str
    remove: Callable[[Person, Pace], int]

    def is_found(self, person: Person) -> bool:
        """Whether there are any."""
        return bool(fetch(f"{self.found} LIMIT 1", person.values))


KINDS: dict[str, Kind] = {}
PERSONAL: dict[str, Personal] = {}


def register(kind: Kind) -> Kind:
    """Put it into the table."""
    KINDS[kind.name] = kind
    return kind


def register_personal(personal: Personal) -> Personal:
    """Let it go with its user."""
    PERSONAL[personal.name] = personal
    return personal


def deletion(table: str, due: str, *, order: str = "created_at") -> str:
    """A statement that deletes up to `%(rows)s` of the rows that are due, and returns their ids."""
    return _DELETE.format(table=table, due=due, order=order)


def removed_by(statement: str) -> Callable[[Expired, Pace], int]:
    """How rows are removed that own nothing: by a statement for up to `%(rows)s` of them that returns each."""

    def remove(expired: Expired, pace: Pace) -> int:
        return pace.drain(statement, expired.values)

    return remove
