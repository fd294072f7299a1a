"""Removes files that are too old, and their contents behind them: no row lacks its content, and a content whose removal
is not reached is known by a row of its own."""

from typing import Any

from agents.retention.kinds import Expired, Kind, deletion
from agents.retention.pace import Pace
from docs_store.files.services import forget_contents

_DUE = "SELECT id FROM docs_store_file WHERE developer_id = %(developer)s AND created_at < %(before)s"
_REMOVE = deletion("docs_store_file", _DUE)


def _remove(expired: Expired, pace: Pace) -> int:
    def forget(found: list[tuple[Any, ...]]) -> None:
        forget_contents([file_id for (file_id,) in found])

    return pace.drain(_REMOVE, expired.values, forget)


FILES = Kind("files", "Files, with their contents", _DUE, _remove)
