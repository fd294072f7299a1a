"""Notes of the attempts of a step's calls, and when what a row of the log tells of happened.

One list of small objects goes from the effect to the event that ends it, and from there to the frame of the step: each
says of an attempt when it was made (`at`), those that failed also why, which is what clients are shown.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from executions.models import TIMES
from julep_project.core.clock import now

_AT = "at"
SUCCEEDED = "ok"
# A prompt with tool rounds may have many effects, each with attempts of its own.
_MOST_SHOWN = 50
_MOST_TIMES = 50

Note = dict[str, Any]


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def time_of_attempt(asked: datetime, began: datetime, status: str, key: str) -> dict[str, Any]:
    """What a note says of an attempt that has ended now: when it was asked for, began and ended, how, and by which
    `key` others know the effect."""
    return {_AT: [to_ms(asked), to_ms(began), to_ms(now()), status, key]}


def kept(notes: Sequence[Note]) -> list[Note]:
    """The newest notes, as many as a frame carries along."""
    shown = [place for place, note in enumerate(notes) if "error" in note][-_MOST_SHOWN:]
    others = [place for place, note in enumerate(notes) if "error" not in note][-_MOST_TIMES:]
    return [notes[place] for place in sorted((*shown, *others))]


def shown_retries(notes: Sequence[Note]) -> dict[str, Any]:
    """What clients see of attempts that failed, for the metadata of the step's row."""
    shown = [{name: part for name, part in note.items() if name != _AT} for note in notes if "error" in note]
    return {"retries": shown} if shown else {}


class Times:
    """Tells of each row of a slice when the branch was ready for it, a worker began and it was written."""

    def __init__(self, ready: datetime | None) -> None:
        """`ready`: since when the branch had waited for the worker, if it had."""
        self._ready = None if ready is None else to_ms(ready)
        self._began = to_ms(now())

    def of_row(self, written: datetime, notes: Sequence[Note] = ()) -> dict[str, Any]:
        """For the row's metadata: `ready`, `start` and `end`, and of a step's attempts `calls`. A row that took no
        time, and for which nothing waited, has none."""
        calls = [note[_AT] for note in notes if _AT in note]
        ready, began, ended = self._ready, self._began, to_ms(written)
        self._ready, self._began = None, ended
        if calls:
            ready, began = calls[0][:2]
        if ready is None and began >= ended:
            return {}
        times: dict[str, Any] = {"start": began, "end": max(began, ended)}
        if ready is not None:
            times["ready"] = min(ready, began)
        if calls:
            times["calls"] = [call[1:] for call in calls]
        return {TIMES: times}
