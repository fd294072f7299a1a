"""Makes, changes and removes hooks. Each write is one transaction, limited to one developer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.vault.overlap import NOTHING_BEFORE
from agents.vault.values import existing_names
from executions.hooks.mapping import WrongMapping, check_mapping, is_expression
from executions.hooks.models import Hook, HookCall, Scheme, Target
from executions.hooks.secrets import as_previous, forget_secret, make_secret
from executions.hooks.tokens import digest_of, new_token
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest
from julep_project.core.ids import uuid7
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found
from tasks.selectors import get_task
from tasks.steps.event_names import problem_of_key, problem_of_name

MOST_HOOKS = 1000
# What a hook tells repeated calls by, unless it says otherwise: what the senders of its scheme promise to keep.
USUAL_KEYS: Mapping[str, str | None] = {
    Scheme.STANDARD.value: "$ headers.get('webhook-id')",
    Scheme.GITHUB.value: "$ headers.get('x-github-delivery')",
    Scheme.SLACK.value: "$ body.get('event_id')",
    Scheme.STRIPE.value: "$ body.get('id')",
}
# What has nothing to do with what else a hook says.
_BY_THEMSELVES = frozenset({"name", "calls_per_minute", "paused"})
# What a target's mapping may hold, and what it has to.
_PARTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    Target.TASK.value: (frozenset({"input", "metadata"}), frozenset()),
    Target.EVENT.value: (frozenset({"name", "data", "key"}), frozenset({"name"})),
    Target.WAIT.value: (frozenset({"task_token", "input"}), frozenset({"task_token"})),
}


@dataclass(frozen=True, slots=True)
class MadeHook:
    """A new hook with what is told only once: its token, and the secret that was made for it."""

    hook: Hook
    token: str
    secret: str | None = None


def list_hooks(developer: Developer) -> "QuerySet[Hook]":
    rows: QuerySet[Hook] = Hook.objects.for_developer(developer)
    return rows


def get_hook(developer: Developer, hook_id: UUID) -> Hook:
    """One hook.

    Raises:
        NotFound
    """
    return get_or_not_found(list_hooks(developer), hook_id, "Hook")


def list_calls(developer: Developer, hook_id: UUID) -> "QuerySet[HookCall]":
    """What a hook received, the newest first.

    Raises:
        NotFound: there is no such hook.
    """
    return HookCall.objects.filter(hook=get_hook(developer, hook_id))


@transaction.atomic
def create_hook(developer: Developer, values: Mapping[str, Any]) -> MadeHook:
    """Make a hook, and a secret for it unless it names one or its calls are not signed.

    Raises:
        BadRequest: there are too many. InvalidInput: it cannot work as it is.
        NotFound: there is no such task. SecretsNotConfigured
    """
    # Several at once are counted one after the other.
    Developer.objects.select_for_update(no_key=True).get(pk=developer.pk)
    if list_hooks(developer).count() >= MOST_HOOKS:
        raise BadRequest(f"A developer has at most {MOST_HOOKS} hooks")
    token = new_token()
    hook = Hook(id=uuid7(), developer=developer, digest=digest_of(token), **_columns(developer, values))
    secret = None
    if hook.secret_name is None and hook.scheme != Scheme.NONE:
        secret = make_secret(hook)
    hook.save(force_insert=True)
    _record(Verb.CREATE, hook, after=settings_of(hook))
    return MadeHook(get_hook(developer, hook.pk), token, secret)


@transaction.atomic
def change_hook(developer: Developer, hook_id: UUID, values: Mapping[str, Any]) -> Hook:
    """Change what is given of a hook; its address and its secret stay.

    Raises:
        NotFound: there is no such hook or task. InvalidInput: it cannot work as it is.
    """
    hook = get_or_not_found(list_hooks(developer).select_for_update(no_key=True), hook_id, "Hook")
    before = settings_of(hook)
    columns = _changed_columns(developer, hook, values)
    made = hook.secret_name if hook.makes_secret else None
    if made is not None and columns.get("secret_name", made) != made:
        columns["makes_secret"] = False
        forget_secret(developer, made)
    if columns.get("secret_name", hook.secret_name) != hook.secret_name:
        columns |= NOTHING_BEFORE
    for name, value in columns.items():
        setattr(hook, name, value)
    Hook.objects.filter(pk=hook_id).update(**columns, updated_at=DatabaseNow())
    _record(Verb.UPDATE, hook, before=before, after=settings_of(hook))
    return get_hook(developer, hook_id)


@transaction.atomic
def rotate_token(developer: Developer, hook_id: UUID) -> MadeHook:
    """Give the hook another address; nobody reaches it by the old one from then on.

    Raises:
        NotFound
    """
    hook, token = get_hook(developer, hook_id), new_token()
    Hook.objects.filter(pk=hook_id).update(digest=digest_of(token), updated_at=DatabaseNow())
    _record(Verb.ROTATE, hook)
    return MadeHook(get_hook(developer, hook_id), token)


@transaction.atomic
def rotate_secret(
    developer: Developer, hook_id: UUID, *, overlap_s: int, secret_name: str | None = None
) -> tuple[Hook, str | None]:
    """Have calls signed with another secret: the developer's of this name, or a new one, which nobody can have again.
    For `overlap_s` those that are signed with the one before are taken too; the one before that counts no more.

    Raises:
        NotFound
        BadRequest: its calls are not signed. InvalidInput: there is no such secret, or it has that.
        SecretsNotConfigured
    """
    hook = get_or_not_found(list_hooks(developer).select_for_update(no_key=True), hook_id, "Hook")
    if hook.scheme == Scheme.NONE:
        raise BadRequest("Calls of this hook are not signed")
    before, secret = as_previous(hook, overlap_s), None
    if secret_name is None:
        secret = make_secret(hook)
    else:
        _check_other_secret(hook, secret_name)
        if hook.makes_secret and hook.secret_name:
            forget_secret(developer, hook.secret_name)
        hook.secret_name, hook.makes_secret = secret_name, False
    own = {"secret_name": hook.secret_name, "makes_secret": hook.makes_secret}
    Hook.objects.filter(pk=hook_id).update(**own, **before, updated_at=DatabaseNow())
    _record(Verb.ROTATE, hook)
    return get_hook(developer, hook_id), secret


@transaction.atomic
def delete_hook(developer: Developer, hook_id: UUID) -> None:
    """Remove a hook with the record of its calls, and the secret that was made for it.

    Raises:
        NotFound
    """
    hook = get_or_not_found(list_hooks(developer).select_for_update(), hook_id, "Hook")
    _record(Verb.DELETE, hook, before=settings_of(hook))
    if hook.makes_secret and hook.secret_name:
        forget_secret(developer, hook.secret_name)
    Hook.objects.filter(pk=hook_id).delete()


def settings_of(hook: Hook) -> dict[str, Any]:
    """What the audit log keeps of a hook."""
    return {**_given(hook), "task_id": None if hook.task_id is None else str(hook.task_id)}


def _given(hook: Hook) -> dict[str, Any]:
    names = ("name", "target", "task_id", "mapping", "scheme", "options", "secret_name", "deduplicate_by")
    return {name: getattr(hook, name) for name in (*names, "calls_per_minute", "paused")}


def _kept(hook: Hook) -> dict[str, Any]:
    """What stays of a hook that is changed; what tells its calls apart follows the scheme, unless it was chosen."""
    given = _given(hook)
    if hook.deduplicate_by == USUAL_KEYS.get(hook.scheme):
        del given["deduplicate_by"]
    return given


def _changed_columns(developer: Developer, hook: Hook, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is written. A hook whose task or secret is gone does not work any more, and can be paused all the same."""
    if values.keys() <= _BY_THEMSELVES:
        return dict(values)
    columns = _columns(developer, {**_kept(hook), **values})
    if columns["secret_name"] is None and columns["scheme"] != Scheme.NONE:
        raise invalid(["secret_name"], "missing")
    return columns


def _columns(developer: Developer, values: Mapping[str, Any]) -> dict[str, Any]:
    target, scheme, mapping = values["target"], values["scheme"], values.get("mapping") or {}
    _check_mapping(target, mapping)
    task_id = values.get("task_id") if target == Target.TASK else None
    if target == Target.TASK:
        if task_id is None:
            raise invalid(["target", "task_id"], "missing")
        get_task(developer, task_id)
    secret_name = values.get("secret_name")
    if secret_name is not None:
        _check_secret(developer, secret_name)
    by = values["deduplicate_by"] if "deduplicate_by" in values else USUAL_KEYS.get(scheme)
    if by is not None and not is_expression(by):
        # All calls would be the same.
        raise invalid(["deduplicate_by"], "value_error", msg="It must be an expression, behind `$ `", received=by)
    _check(["deduplicate_by"], by)
    return {
        "name": values["name"],
        "target": target,
        "task_id": task_id,
        "mapping": mapping,
        "scheme": scheme,
        "options": values.get("options") or {},
        "secret_name": secret_name,
        "deduplicate_by": by,
        "calls_per_minute": values.get("calls_per_minute"),
        "paused": values.get("paused") or False,
    }


def _check_secret(developer: Developer, name: str) -> None:
    if not existing_names(developer, [name]):
        raise invalid(["secret_name"], "value_error", msg="There is no such secret of the developer", received="")


def _check_other_secret(hook: Hook, name: str) -> None:
    _check_secret(hook.developer, name)
    if name == hook.secret_name:
        raise invalid(["secret_name"], "value_error", msg="The hook has this one already", received="")


def _check_mapping(target: str, mapping: Mapping[str, Any]) -> None:
    known, needed = _PARTS[target]
    for name in sorted(needed - mapping.keys()):
        raise invalid(["target", name], "missing")
    for name in sorted(mapping.keys() - known):
        raise invalid(["target", name], "extra_forbidden")
    _check(["target"], dict(mapping))
    if target == Target.EVENT:
        for name, problem_of in (("name", problem_of_name), ("key", problem_of_key)):
            given = mapping.get(name)
            problem = None if name not in mapping or is_expression(given) else problem_of(given)
            if problem is not None:
                raise invalid(["target", name], "value_error", msg=problem, received=given)


def _check(loc: list[str | int], value: Any) -> None:
    try:
        check_mapping(value)
    except WrongMapping as error:
        raise invalid(loc, "value_error", msg=str(error), received="") from None


def _record(verb: Verb, hook: Hook, **settings: Any) -> None:
    record(hook.developer_id, Act(verb, ObjectKind.HOOK, hook.pk, hook.name, **settings))
