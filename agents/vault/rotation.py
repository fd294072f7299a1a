"""Sealing anew what older master keys have sealed. Servers that have both keys may run meanwhile.

How far it is stands in the rows: what was interrupted is begun again, and goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.vault.errors import SecretNotReadable
from agents.vault.models import Secret
from agents.vault.sealed_columns import SEALED, SECRETS, SealedColumn
from agents.vault.sealing import Sealed, master_keys, reseal
from julep_project.core.tenancy import system_scope

_BATCH = 200
# Somebody may change a secret just when it is looked at; a server that does not have the new key yet, again and again.
_MOST_PASSES = 5


@dataclass(slots=True)
class Rotation:
    """What came of it. `unreadable` says why, by secret; `left` are sealed with an older key still."""

    fingerprint: str
    sealed: int = 0
    left: int = 0
    unreadable: dict[UUID, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """The older keys are needed no more."""
        return not self.left


@system_scope()
def rotate(report: Callable[[Rotation], None] = lambda _: None) -> Rotation:
    """Seal everything with the newest key; `report` hears of each batch. Nothing else of a row changes.

    Raises:
        SecretsNotConfigured
    """
    rotation = Rotation(master_keys()[0].fingerprint)
    for _ in range(_MOST_PASSES):
        for column in SEALED:
            for batch in _batches(_older(column, rotation)):
                for row in batch:
                    _seal_anew(column, row, rotation)
                rotation.left = _left(rotation)
                report(rotation)
        rotation.left = _left(rotation)
        if rotation.left <= len(rotation.unreadable):
            break
    return rotation


@system_scope()
def delete_lost(fingerprint: str) -> list[Secret]:
    """Remove the secrets that were sealed with a master key which is lost; those that are removed. Rows of other
    kinds stay, without what was sealed of them.

    Raises:
        ValueError: this server has the key.
        SecretsNotConfigured
    """
    if fingerprint in {key.fingerprint for key in master_keys()}:
        raise ValueError(f"{fingerprint} is a key of SECRETS_MASTER_KEY: what it sealed can be opened")
    with transaction.atomic():
        rows = list(Secret.objects.filter(sealed_with=fingerprint).order_by("developer", "name").select_for_update())
        for row in rows:
            record(row.developer_id, Act(Verb.DELETE, ObjectKind.SECRET, row.pk, row.name))
        Secret.objects.filter(pk__in=[row.pk for row in rows]).delete()
        for column in SEALED:
            if column is not SECRETS:
                column.rows(exact=fingerprint).update(**column.columns(Sealed("", "")))
    return rows


def _older(column: SealedColumn, rotation: Rotation) -> "QuerySet[Any]":
    return column.rows().exclude(**{column.fingerprint: rotation.fingerprint})


def _left(rotation: Rotation) -> int:
    return sum(_older(column, rotation).count() for column in SEALED)


def _batches(rows: "QuerySet[Any]") -> Iterator[list[Any]]:
    """Each row once, however many of them are still among the rows afterwards."""
    last = UUID(int=0)
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        yield batch
        last = batch[-1].pk


def _seal_anew(column: SealedColumn, row: Any, rotation: Rotation) -> None:
    before = column.of(row)
    try:
        sealed = reseal(before, column.place(row))
    except SecretNotReadable as error:
        rotation.unreadable[row.pk] = error.message
        return
    rotation.unreadable.pop(row.pk, None)
    # A value that was set meanwhile stays.
    unchanged = column.model._base_manager.filter(pk=row.pk, **column.columns(before))
    rotation.sealed += unchanged.update(**column.columns(sealed))
