"""Reads and writes of endpoints, limited to one developer."""

import ipaddress
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.retention.pace import Pace
from agents.vault.overlap import becoming_previous
from agents.webhooks.endpoint_health import disable
from agents.webhooks.errors import EndpointDisabled, TooManyEndpoints
from agents.webhooks.models import Delivery, Endpoint, Message
from agents.webhooks.rows import DELIVER
from agents.webhooks.secrets import sealed_secret
from agents.webhooks.signing import new_secret
from agents.webhooks.types import EventType
from julep_project.core.actor import current_actor
from julep_project.core.clock import DatabaseNow
from julep_project.core.http import BadUrl, HttpError, check_reachable, host_and_port
from julep_project.core.http.request import place_of, read_url
from julep_project.core.ids import uuid7
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found
from julep_project.core.work import rings

_FIELDS = ("url", "description", "events")
_OTHER_URL = "Provide an http or https URL with a host, and without a user"
_REACHABLE = "Use an address on the public internet, or have the operator permit it in JULEP_HTTP_ALLOW"
_LOOK_S = 1.0
DISABLED_BY_HAND = "somebody disabled it"


def list_endpoints(developer: Developer) -> "QuerySet[Endpoint]":
    rows: QuerySet[Endpoint] = Endpoint.objects.for_developer(developer)
    return rows


def get_endpoint(developer: Developer, endpoint_id: UUID) -> Endpoint:
    """One endpoint.

    Raises:
        NotFound
    """
    return get_or_not_found(list_endpoints(developer), endpoint_id, "Webhook")


@transaction.atomic
def create_endpoint(*, developer: Developer, values: Mapping[str, Any]) -> tuple[Endpoint, str]:
    """A new endpoint, and its secret: nobody can have that again.

    Raises:
        InvalidInput: nothing can be sent to the address.
        TooManyEndpoints
        SecretsNotConfigured
    """
    check_url(values["url"])
    Developer.objects.select_for_update(no_key=True).get(pk=developer.pk)
    if list_endpoints(developer).count() >= settings.WEBHOOK_ENDPOINTS:
        raise TooManyEndpoints(f"There are {settings.WEBHOOK_ENDPOINTS} webhooks already; delete some first")
    actor, endpoint_id, secret = current_actor(), uuid7(), new_secret()
    row = Endpoint(
        id=endpoint_id,
        developer=developer,
        created_by=actor.label or actor.kind.value,
        **{name: values[name] for name in _FIELDS if name in values},
        **sealed_secret(secret, developer.pk, endpoint_id),
    )
    row.save(force_insert=True)
    _record(Verb.CREATE, row, after=_settings_of(row))
    if values.get("enabled") is False:
        disable(endpoint_id, DISABLED_BY_HAND)
    return get_endpoint(developer, endpoint_id), secret


@transaction.atomic
def change_endpoint(*, developer: Developer, endpoint_id: UUID, values: Mapping[str, Any]) -> Endpoint:
    """Change what `values` name. One that is enabled again begins without failures; one that is disabled drops what is
    on its way.

    Raises:
        NotFound
        InvalidInput: nothing can be sent to the address.
    """
    row = _locked(developer, endpoint_id)
    changes = {name: values[name] for name in _FIELDS if name in values}
    if "url" in changes:
        check_url(changes["url"])
    if values.get("enabled") and not row.enabled:
        changes |= {"enabled": True, "disabled_reason": "", "disabled_at": None, "failures": 0, "failing_since": None}
    list_endpoints(developer).filter(pk=endpoint_id).update(updated_at=DatabaseNow(), **changes)
    changed = get_endpoint(developer, endpoint_id)
    if (before := _settings_of(row)) != (after := _settings_of(changed)):
        _record(Verb.UPDATE, row, before=before, after=after)
    if values.get("enabled") is False and disable(endpoint_id, DISABLED_BY_HAND):
        return get_endpoint(developer, endpoint_id)
    return changed


# What somebody writes just now is left for the row's own removal.
_REMOVE_DELIVERIES = """
    DELETE FROM webhooks_delivery WHERE id IN (
        SELECT id FROM webhooks_delivery WHERE endpoint_id = %(endpoint)s LIMIT %(rows)s FOR UPDATE SKIP LOCKED)
    RETURNING id
"""


def delete_endpoint(developer: Developer, endpoint_id: UUID) -> None:
    """Remove an endpoint with its deliveries: those first and a few at a time, so that nobody waits for long for locks
    of theirs.

    Raises:
        NotFound
    """
    before = _settings_of(get_endpoint(developer, endpoint_id))
    told = {"enabled": False, "disabled_reason": DISABLED_BY_HAND, "disabled_at": DatabaseNow()}
    list_endpoints(developer).filter(pk=endpoint_id, enabled=True).update(**told)
    Pace().drain(_REMOVE_DELIVERIES, {"endpoint": endpoint_id})
    with transaction.atomic():
        row = get_or_not_found(list_endpoints(developer).select_for_update(), endpoint_id, "Webhook")
        _record(Verb.DELETE, row, before=before)
        row.delete()


@transaction.atomic
def rotate_secret(developer: Developer, endpoint_id: UUID, *, overlap_s: int) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret. For `overlap_s` messages are signed with the one before, too; the one before that
    counts no more.

    Raises:
        NotFound
        SecretsNotConfigured
    """
    row, secret = _locked(developer, endpoint_id), new_secret()
    list_endpoints(developer).filter(pk=endpoint_id).update(
        updated_at=DatabaseNow(),
        **becoming_previous(F("sealed"), F("sealed_with"), overlap_s=overlap_s),
        **sealed_secret(secret, developer.pk, endpoint_id),
    )
    _record(Verb.ROTATE, row)
    return get_endpoint(developer, endpoint_id), secret


@transaction.atomic
def send_test(developer: Developer, endpoint_id: UUID) -> Delivery:
    """Send a message to this endpoint alone, to see whether it arrives; the delivery that tells.

    Raises:
        NotFound
        EndpointDisabled
    """
    row = _locked(developer, endpoint_id)
    if not row.enabled:
        raise EndpointDisabled
    subject = uuid7()
    message = Message.objects.create(
        developer=developer, type=EventType.WEBHOOK_TEST, subject_id=subject, data={"id": str(endpoint_id)}
    )
    delivery = Delivery.objects.create(developer=developer, endpoint=row, message=message, subject_id=subject)
    _record(Verb.RING, row)
    transaction.on_commit(partial(rings.ring, DELIVER, delivery.pk))
    return delivery


def check_url(url: str) -> None:
    """Refuse an address to which nothing can be sent. Names are looked up when something is.

    Raises:
        InvalidInput
    """
    try:
        read = read_url(url)
        host, port = host_and_port(url)
        if read.userinfo:
            raise BadUrl("the URL must not hold a user or a password")
        if _is_address(host):
            check_reachable(host.strip("[]"), port, _LOOK_S)
    except BadUrl as error:
        raise invalid(("url",), "url_parsing", msg=str(error), received=url, fix=_OTHER_URL) from None
    except HttpError as error:
        raise invalid(("url",), "value_error", msg=str(error), received=url, fix=_REACHABLE) from None


def place(url: str) -> str:
    """An address for people other than its owner: the long parts of its path may be keys."""
    return place_of(read_url(url))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _locked(developer: Developer, endpoint_id: UUID) -> Endpoint:
    return get_or_not_found(list_endpoints(developer).select_for_update(no_key=True), endpoint_id, "Webhook")


def _settings_of(row: Endpoint) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("description", "events", "enabled")}
    return {**told, "url": place(row.url)}


def _record(verb: Verb, row: Endpoint, **settings: Any) -> None:
    record(row.developer_id, Act(verb, ObjectKind.WEBHOOK, row.pk, row.description, **settings))
