"""The keys that developers keep as secrets, sealed, as they stood two seconds ago at most.

Most developers have none, and no call should ask the database for that again. What is kept here is what the database
holds; it is opened for each call.
"""

from collections.abc import Mapping
from uuid import UUID

from django.db.models.functions import Lower

from agents.llm.keys.key_names import ALL_KEY_NAMES
from agents.models import Developer
from agents.vault.models import Secret
from julep_project.core.database import give_connection_back
from julep_project.core.process.remembered import Memory
from julep_project.core.tenancy import tenant_scope

_FOLDED = {name.lower(): name for name in ALL_KEY_NAMES}

Keys = Mapping[str, Secret]

_kept: Memory[UUID, Keys] = Memory(most=10_000, for_s=2.0)


def known_keys(developer_id: UUID) -> Keys | None:
    """The rows by the names of the table, if they were read just now."""
    return _kept.recall(developer_id)


def read_keys(developer: Developer) -> Keys:
    """The developer's own rows by the names of the table, and remember them. No connection is held afterwards."""
    return _kept.find(developer.pk, _read)


def forget_keys() -> None:
    """Read all anew."""
    _kept.forget_all()


def _read(developer_id: UUID) -> Keys:
    try:
        with tenant_scope(developer_id):
            rows = Secret.objects.filter(developer=developer_id, agent=None).annotate(folded=Lower("name"))
            return {_FOLDED[row.folded]: row for row in rows.filter(folded__in=_FOLDED)}
    finally:
        give_connection_back()
