"""Sealing anew what older master keys have sealed. Servers that have both keys may run meanwhile.

How far it is stands in the rows: what was interrupted is begun again, and goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.vault.errors import SecretNotReadable
from agents.vault.models import Secret
from agents.vault.sealing import Sealed, master_keys, reseal
from agents.vault.values import place_of
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
    """Seal every secret with the newest key; `report` hears of each batch. Nothing else of a row changes.

    Raises:
        SecretsNotConfigured
    """
    rotation = Rotation(master_keys()[0].fingerprint)
    for _ in range(_MOST_PASSES):
        for batch in _batches(_older(rotation)):
            for row in batch:
                _seal_anew(row, rotation)
            rotation.left = _older(rotation).count()
            report(rotation)
        rotation.left = _older(rotation).count()
        if rotation.left <= len(rotation.unreadable):
            break
    return rotation


@system_scope()
def delete_lost(fingerprint: str) -> list[Secret]:
    """Remove the secrets that were sealed with a master key which is lost; those that are removed.

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
    return rows


def _older(rotation: Rotation) -> "QuerySet[Secret]":
    rows: QuerySet[Secret] = Secret.objects.exclude(sealed_with=rotation.fingerprint)
    return rows


def _batches(rows: "QuerySet[Secret]") -> Iterator[list[Secret]]:
    """Each row once, however many of them are still among the rows afterwards."""
    last = UUID(int=0)
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        yield batch
        last = batch[-1].pk


def _seal_anew(row: Secret, rotation: Rotation) -> None:
    try:
        sealed = reseal(Sealed(row.sealed, row.sealed_with), place_of(row))
    except SecretNotReadable as error:
        rotation.unreadable[row.pk] = error.message
        return
    rotation.unreadable.pop(row.pk, None)
    # A value that was set meanwhile stays.
    unchanged = Secret.objects.filter(pk=row.pk, sealed=row.sealed, sealed_with=row.sealed_with)
    rotation.sealed += unchanged.update(sealed=sealed.text, sealed_with=sealed.fingerprint)
