"""Reads and writes of secrets, limited to one developer: those of the developer itself, or those of one of its agents.

No value leaves here, and none is kept: what is given is sealed before it is written.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Agent, Developer
from agents.vault.models import Secret
from agents.vault.sealing import Place, seal
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import completed
from julep_project.core.tenancy import get_or_not_found

_FIELDS = ("name", "description", "metadata")


def list_secrets(developer: Developer, agent_id: UUID | None = None) -> "QuerySet[Secret]":
    """The secrets of an agent, or without one those of the developer itself.

    Raises:
        NotFound: there is no such agent.
    """
    if agent_id is not None:
        get_or_not_found(Agent.objects.for_developer(developer), agent_id, "Agent")
    rows: QuerySet[Secret] = Secret.objects.for_developer(developer).filter(agent=agent_id)
    return rows


def create_secret(*, developer: Developer, values: Mapping[str, Any], agent_id: UUID | None = None) -> Secret:
    """Store a secret. `values` has `name` and `value`, and may have `description` and `metadata`.

    Raises:
        NotFound: there is no such agent.
        SecretsNotConfigured
        IntegrityError: the name is taken.
    """
    secrets = list_secrets(developer, agent_id)
    row = Secret(id=uuid7(), developer=developer, agent_id=agent_id, **_columns(values))
    sealed = seal(values["value"], Place(developer.pk, agent_id, row.pk))
    row.sealed, row.sealed_with = sealed.text, sealed.fingerprint
    with transaction.atomic():
        row.save(force_insert=True)
        _record(Verb.CREATE, row, after=_settings_of(row))
    return get_or_not_found(secrets, row.pk, "Secret")


def replace_secret(
    *, developer: Developer, secret_id: UUID, values: Mapping[str, Any], agent_id: UUID | None = None
) -> Secret:
    """Overwrite a secret; what `values` leaves out gets its default.

    Raises:
        NotFound: there is no such secret, or no such agent.
        SecretsNotConfigured
        IntegrityError: the name is taken.
    """
    secrets = list_secrets(developer, agent_id)
    get_or_not_found(secrets, secret_id, "Secret")
    sealed = seal(values["value"], Place(developer.pk, agent_id, secret_id))
    with transaction.atomic():
        row = _locked(secrets, secret_id)
        after = {"agent": _settings_of(row)["agent"], "name": values["name"]}
        _record(Verb.UPDATE, row, before=_settings_of(row), after=after)
        secrets.filter(pk=secret_id).update(
            updated_at=DatabaseNow(), sealed=sealed.text, sealed_with=sealed.fingerprint, **_columns(values)
        )
    return get_or_not_found(secrets, secret_id, "Secret")


def delete_secret(*, developer: Developer, secret_id: UUID, agent_id: UUID | None = None) -> None:
    """Remove a secret. What names it fails from then on.

    Raises:
        NotFound: there is no such secret (any more), or no such agent.
    """
    with transaction.atomic():
        row = _locked(list_secrets(developer, agent_id), secret_id)
        _record(Verb.DELETE, row, before=_settings_of(row))
        row.delete()


def _locked(secrets: "QuerySet[Secret]", secret_id: UUID) -> Secret:
    return get_or_not_found(secrets.select_for_update(), secret_id, "Secret")


def _settings_of(row: Secret) -> dict[str, Any]:
    """What the audit log keeps of a secret: whose it is, and its name."""
    return {"agent": str(row.agent_id) if row.agent_id else None, "name": row.name}


def _record(verb: Verb, row: Secret, **settings: Any) -> None:
    record(row.developer_id, Act(verb, ObjectKind.SECRET, row.pk, row.name, **settings))


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return completed(Secret, _FIELDS, values)
