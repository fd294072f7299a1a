"""Takes calls of hooks: what a call begins and the record of it are one transaction."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from agents.models import Developer
from agents.policy.influence import depending_on
from agents.policy.sources import OF_WEB
from executions.events.models import EventSource
from executions.events.recording import NewEvent, count_event, record_event
from executions.hooks.errors import HookPaused, MappingFailed, NotReplayable, SignatureRefused
from executions.hooks.mapping import mapped
from executions.hooks.models import CallStatus, Hook, HookCall, Scheme, Target
from executions.hooks.request import HookRequest
from executions.hooks.secrets import secrets_in_force
from executions.hooks.services import get_hook, list_calls
from executions.hooks.signatures import signature_header, verify
from executions.hooks.tokens import digest_of
from executions.services import resume_by_token, start_execution
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.clock import now
from julep_project.core.errors import DomainError, NotFound, ServiceUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json
from julep_project.core.rates.errors import TooManyRequests
from julep_project.core.rates.limits import Limits
from julep_project.core.rates.windows import take
from julep_project.core.reading.parsers import without_nul
from julep_project.core.tenancy import get_or_not_found, system_scope, tenant_scope

log = logging.getLogger(__name__)

_LONGEST_KEY = 255
_LONGEST_REASON = 500
_CHALLENGE = "url_verification"
_LONGEST_CHALLENGE = 1000


@contextmanager
def opened(token: str, address: str) -> Iterator[Hook]:
    """The hook of a token, in the scope of its developer and acting for it.

    Raises:
        NotFound: there is none.
    """
    digest = digest_of(token)
    with system_scope():
        hooks = Hook.objects.select_related("developer", "task").filter(developer__active=True)
        hook = None if digest is None else hooks.filter(digest=digest).first()
    if hook is None:
        raise NotFound("Hook not found")
    actor = Actor(ActorKind.HOOK, str(hook.pk), hook.name, address)
    with tenant_scope(hook.developer_id), acting_as(actor):
        yield hook


def receive(hook: Hook, request: HookRequest) -> tuple[int, dict[str, Json]]:
    """Take a call: the status and the body of what is answered.

    Raises:
        TooManyRequests: there were as many in the last minute as are allowed.
        SignatureRefused, HookPaused, MappingFailed
        BadRequest, Forbidden, InvalidInput, NotFound, Conflict: as what it begins.
    """
    _count(hook)
    request = _verified(hook, request)
    try:
        scope = request.scope()
        challenge = _challenge(hook, scope["body"])
        if challenge is not None:
            _keep(hook, request, CallStatus.ANSWERED, 200)
            return 200, {"challenge": challenge}
        if hook.paused:
            raise HookPaused
        call = _begin(hook, request, scope)
    except (TooManyRequests, ServiceUnavailable) as error:
        if isinstance(error, HookPaused):
            _keep(hook, request, CallStatus.PAUSED, error.status, error)
        raise
    except DomainError as error:
        _keep(hook, request, CallStatus.FAILED, error.status, error)
        if isinstance(error, MappingFailed):
            # How the hook is made is nothing to whoever calls it.
            raise MappingFailed from error
        raise
    return call.http_status, began_to_wire(call)


def replay_call(developer: Developer, hook_id: UUID, call_id: UUID) -> HookCall:
    """Take a call again that was received before, whatever it began then: what the hook says now counts.

    One that began nothing is the call that its sender may still repeat: both together begin one thing.

    Raises:
        NotFound
        NotReplayable: it was not signed, or not all of it is kept. Others: as `receive`.
    """
    hook = get_hook(developer, hook_id)
    call: HookCall = get_or_not_found(list_calls(developer, hook_id), call_id, "Call")
    if call.status in (CallStatus.REFUSED, CallStatus.ANSWERED):
        raise NotReplayable(f"The call was {call.status}")
    if not call.is_whole:
        raise NotReplayable("Not all of the call is kept")
    request = HookRequest.from_json(call.request)
    try:
        again = _begin(hook, request, request.scope(), replay_of=call.pk, is_known=call.began_id is not None)
    except (TooManyRequests, ServiceUnavailable):
        raise
    except DomainError as error:
        _keep(hook, request, CallStatus.FAILED, error.status, error, replay_of=call.pk)
        raise
    again.refresh_from_db()
    return again


def began_to_wire(call: HookCall) -> dict[str, Json]:
    """What a call began, as its sender is told."""
    return {"id": str(call.pk), "type": call.began, f"{_ID_OF[str(call.began)]}_id": str(call.began_id)}


_ID_OF = {Target.TASK.value: "execution", Target.EVENT.value: "event", Target.WAIT.value: "execution"}


def _count(hook: Hook) -> None:
    for key, most in (
        (f"hook:{hook.pk}", hook.calls_per_minute or settings.HOOK_CALLS_PER_MINUTE),
        ("hooks", settings.TENANT_HOOK_CALLS_PER_MINUTE),
    ):
        if most:
            take(hook.developer_id, key, Limits(0, most, 0, 0), is_stream=False)


def _verified(hook: Hook, request: HookRequest) -> HookRequest:
    """The call without its signature. Whatever keeps it from being checked, nothing is known of who made it then: so
    little of it is kept, and it is not taken again."""
    try:
        _check_signature(hook, request)
    except DomainError as error:
        _keep(hook, request, CallStatus.REFUSED, error.status, error)
        raise
    return request.without(signature_header(hook.options)) if hook.scheme == Scheme.HMAC else request


def _check_signature(hook: Hook, request: HookRequest) -> None:
    if hook.scheme == Scheme.NONE:
        return
    at = now()
    signed: dict[str, Any] = {"headers": request.headers, "body": request.raw, "options": hook.options}
    refused: SignatureRefused | None = None
    for secret in secrets_in_force(hook, at):
        try:
            verify(hook.scheme, secret=secret, now_s=at.timestamp(), **signed)
        except SignatureRefused as error:
            refused = refused or error
        else:
            return
    if refused is not None:
        raise refused


def _challenge(hook: Hook, body: Json) -> str | None:
    """What Slack wants to have back before it sends anything else."""
    if hook.scheme != Scheme.SLACK or not isinstance(body, dict) or body.get("type") != _CHALLENGE:
        return None
    return str(body.get("challenge", ""))[:_LONGEST_CHALLENGE]


def _begin(
    hook: Hook,
    request: HookRequest,
    scope: Mapping[str, Json],
    *,
    replay_of: UUID | None = None,
    is_known: bool = False,
) -> HookCall:
    told, values = mapped([None if is_known else hook.deduplicate_by, hook.mapping], scope)
    key = _key(told)
    call = _row(hook, request, CallStatus.ACCEPTED, 202, known_by=key, replay_of=replay_of, began=hook.target)
    with transaction.atomic():
        HookCall.objects.bulk_create([call], ignore_conflicts=True)
        if key is not None:
            rows = HookCall.objects.filter(hook=hook, known_by=key)
            first: HookCall = rows.get()
            if first.pk != call.pk:
                rows.update(repeats=F("repeats") + 1)
                return first
        call.began_id = _BEGIN[hook.target](hook, call, values)
        HookCall.objects.filter(pk=call.pk).update(began_id=call.began_id)
    log.info("hook called", extra={"action": "hook_called", "hook_id": hook.pk, "call_id": call.pk})
    return call


def _key(value: Json) -> str | None:
    """What tells the call from others, as it is stored; None when nothing does."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= _LONGEST_KEY:
        raise MappingFailed(f"`deduplicate_by` must give a text of at most {_LONGEST_KEY} characters, a number or null")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise MappingFailed("`deduplicate_by` must give a text that can be stored") from None
    return str(value)


def _start_task(hook: Hook, call: HookCall, values: Any) -> UUID:
    if hook.task is None:
        raise NotFound("The task of the hook is gone")
    input_ = values.get("input", {})
    metadata = values.get("metadata", {})
    if not isinstance(input_, dict) or not isinstance(metadata, dict):
        raise MappingFailed("`input` and `metadata` must give objects")
    with depending_on(OF_WEB):
        run = start_execution(
            developer=hook.developer,
            task=hook.task,
            input_=input_,
            metadata={"hook_id": str(hook.pk), "hook_call_id": str(call.pk), **metadata},
        )
    key: UUID = run.pk
    return key


def _record_event(hook: Hook, call: HookCall, values: Any) -> UUID:
    name, data, key = values["name"], values.get("data", {}), values.get("key")
    if not isinstance(name, str) or not isinstance(data, dict) or not isinstance(key, str | None):
        raise MappingFailed("`name` and `key` must give texts, `data` an object")
    count_event(hook.developer)
    recorded = record_event(
        developer=hook.developer,
        new=NewEvent(name, data, key),
        source=EventSource.HOOK,
        source_id=str(hook.pk),
    )
    event_id: UUID = recorded.event.pk
    return event_id


def _answer_wait(hook: Hook, call: HookCall, values: Any) -> UUID:
    token = values["task_token"]
    if not isinstance(token, str):
        raise MappingFailed("`task_token` must give a text")
    with depending_on(OF_WEB):
        run = resume_by_token(developer=hook.developer, token=token, value=values.get("input"))
    key: UUID = run.pk
    return key


_BEGIN = {Target.TASK.value: _start_task, Target.EVENT.value: _record_event, Target.WAIT.value: _answer_wait}


def _keep(
    hook: Hook,
    request: HookRequest,
    status: CallStatus,
    http_status: int,
    error: DomainError | None = None,
    *,
    replay_of: UUID | None = None,
) -> None:
    reason = "" if error is None else without_nul(error.explanation)[:_LONGEST_REASON]
    _row(hook, request, status, http_status, reason=reason, replay_of=replay_of).save(force_insert=True)


def _row(hook: Hook, request: HookRequest, status: CallStatus, http_status: int, **values: Any) -> HookCall:
    size, most = len(request.raw), settings.HOOK_KEPT_BYTES
    # What is not signed may be anything.
    is_signed = status is not CallStatus.REFUSED
    is_whole = is_signed and size <= most and request.text().encode() == request.raw
    return HookCall(
        id=uuid7(),
        developer_id=hook.developer_id,
        hook_id=hook.pk,
        status=status,
        http_status=http_status,
        request=request.kept(most) if is_signed else request.outline(),
        size=size,
        is_whole=is_whole,
        **values,
    )
