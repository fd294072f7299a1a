"""The keys that developers keep as secrets, sealed, as they stood two seconds ago at most.

Most developers have none, and no call should ask the database for that again. What is kept here is what the database
holds; it is opened for each call.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from django.db.models.functions import Lower

from agents.llm.keys.key_names import ALL_KEY_NAMES
from agents.models import Developer
from agents.vault.models import Secret
from julep_project.core.database import give_connection_back
from julep_project.core.tenancy import tenant_scope

_KEPT_S = 2.0
_MOST_DEVELOPERS = 10_000
_FOLDED = {name.lower(): name for name in ALL_KEY_NAMES}

Keys = Mapping[str, Secret]


class _Kept(NamedTuple):
    keys: Keys
    until: float


_kept: OrderedDict[UUID, _Kept] = OrderedDict()
_lock = Lock()


def known_keys(developer_id: UUID) -> Keys | None:
    """The rows by the names of the table, if they were read just now."""
    with _lock:
        kept = _kept.get(developer_id)
    return kept.keys if kept is not None and time.monotonic() < kept.until else None


def read_keys(developer: Developer) -> Keys:
    """The developer's own rows by the names of the table, and remember them. No connection is held afterwards."""
    until = time.monotonic() + _KEPT_S
    try:
        with tenant_scope(developer.pk):
            rows = Secret.objects.for_developer(developer).filter(agent=None).annotate(folded=Lower("name"))
            keys = {_FOLDED[row.folded]: row for row in rows.filter(folded__in=_FOLDED)}
    finally:
        give_connection_back()
    with _lock:
        _kept[developer.pk] = _Kept(keys, until)
        _kept.move_to_end(developer.pk)
        while len(_kept) > _MOST_DEVELOPERS:
            _kept.popitem(last=False)
    return keys


def forget_keys() -> None:
    """Read all anew."""
    with _lock:
        _kept.clear()
