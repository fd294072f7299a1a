"""Every column that holds what is sealed, so that another master key reaches all of them. Other apps add theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from agents.vault.models import Secret
from agents.vault.sealing import Place, Sealed


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Two columns of a model: what is sealed, and the fingerprint of the key. Both are empty in a row that has none."""

    model: type[Model]
    place: Callable[[Any], Place]
    text: str = "sealed"
    fingerprint: str = "sealed_with"

    def rows(self, **conditions: Any) -> "QuerySet[Any]":
        """Those that hold something."""
        found = self.model._base_manager.exclude(**{self.fingerprint: ""})
        return found.filter(**{f"{self.fingerprint}__{how}": value for how, value in conditions.items()})

    def of(self, row: Any) -> Sealed:
        return Sealed(getattr(row, self.text), getattr(row, self.fingerprint))

    def columns(self, sealed: Sealed) -> dict[str, str]:
        """What a row has with this in it."""
        return {self.text: sealed.text, self.fingerprint: sealed.fingerprint}


def place_of(row: Secret) -> Place:
    """What the value of a secret is sealed for."""
    return Place(row.developer_id, row.agent_id, row.pk)


SECRETS = SealedColumn(Secret, place_of)
SEALED: list[SealedColumn] = [SECRETS]


def register(column: SealedColumn) -> None:
    """Let a new master key reach it."""
    SEALED.append(column)
