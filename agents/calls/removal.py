"""Removes records of calls: those that are too old, and those of a conversation or a run that is to be forgotten."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from agents.calls.models import Call, CallText
from agents.calls.texts import ids_in, unpacked
from agents.retention.kinds import Expired, Kind, Person, Personal, deletion
from agents.retention.pace import Pace

_OLD_CALLS = "SELECT id FROM calls_call WHERE developer_id = %(developer)s AND started_at < %(before)s"
# A text is needed for as long as the calls of the day are there on which it was last used, and of the next, which began
# while a process still took it for stored.
_OLD_TEXTS = """
    SELECT id FROM calls_calltext
    WHERE developer_id = %(developer)s AND last_used < (%(before)s AT TIME ZONE 'UTC')::date - 1
"""
_DUE = f"{_OLD_CALLS} UNION ALL {_OLD_TEXTS}"
_REMOVALS = (
    deletion("calls_call", _OLD_CALLS, order="started_at"),
    deletion("calls_calltext", _OLD_TEXTS, order="last_used"),
)


def _remove(expired: Expired, pace: Pace) -> int:
    return sum(pace.drain(statement, expired.values) for statement in _REMOVALS)


RECORDS = Kind("records", "What models and tools were asked and answered", _DUE, _remove)

_OF = """
    DELETE FROM calls_call WHERE id IN (
        SELECT id FROM calls_call WHERE {column} = ANY (%(ids)s) LIMIT %(rows)s) RETURNING id
"""
_COLUMNS = {"session": "session_id", "run": "execution_id", "response": "response_id"}
_AT_ONCE = 1000
_TEXTS = """
    DELETE FROM calls_calltext WHERE id IN (
        SELECT id FROM calls_calltext WHERE developer_id = %(developer)s AND id = ANY (%(ids)s) LIMIT %(rows)s)
    RETURNING id
"""

Item = TypeVar("Item")


def forget_calls(of: str, ids: Iterable[UUID], pace: Pace) -> int:
    """Remove the records of calls for these sessions, runs or responses; how many. Their texts stay."""
    return pace.drain(_OF.format(column=_COLUMNS[of]), {"ids": list(ids)})


def forget_unused_texts(developer_id: UUID, pace: Pace) -> int:
    """Remove the texts that no record of the developer refers to; how many. Looks through all of them.

    A record that is written meanwhile may refer to a text that has gone: whoever shows it says so.
    """
    used = _used(developer_id)
    unused = (text_id for text_id in _all_texts(developer_id) if text_id not in used)
    return sum(pace.drain(_TEXTS, {"developer": developer_id, "ids": some}) for some in _in_lots(unused))


def _remove_texts(person: Person, pace: Pace) -> int:
    return forget_unused_texts(person.developer_id, pace)


# Whoever removes what belongs to a user removes the records of its calls, too. This comes after all of them.
TEXTS = Personal("texts of calls", "SELECT id FROM calls_calltext WHERE false", _remove_texts)


def _used(developer_id: UUID) -> set[UUID]:
    """Ids of texts that records refer to."""
    used: set[UUID] = set()
    pieces: set[UUID] = set()
    calls = Call.objects.filter(developer=developer_id).values_list("pieces", "rest", "tools")
    for their_pieces, rest, tools in calls.iterator(chunk_size=_AT_ONCE):
        pieces.update(their_pieces)
        used.update(rest)
        if tools is not None:
            used.add(tools)
    for some in _in_lots(pieces):
        for content, is_packed in CallText.objects.filter(pk__in=some).values_list("content", "is_packed"):
            used.update(ids_in(unpacked(content, is_packed=is_packed)))
    return used | pieces


def _all_texts(developer_id: UUID) -> Iterator[UUID]:
    texts = CallText.objects.filter(developer=developer_id).order_by("pk").values_list("pk", flat=True)
    left: Any = texts
    while found := list(left[:_AT_ONCE]):
        yield from found
        left = texts.filter(pk__gt=found[-1])


def _in_lots(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(islice(left, _AT_ONCE)):
        yield some
