"""`/hooks`: addresses that others call, and what they received."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.vault.api.serializers import USUAL_OVERLAP_S, RotationBody
from executions.api.serializers import AnyJson
from executions.hooks import services
from executions.hooks.models import CallStatus, Hook, HookCall, Scheme, Target
from executions.hooks.receiving import replay_call
from executions.hooks.request import shown_to_readers
from executions.hooks.services import MadeHook
from executions.hooks.signatures import ALGORITHMS, DEFAULT_TOLERANCE_S, ENCODINGS
from julep_project.core.api.api_schema import created_of, describe
from julep_project.core.api.query import choice_in
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    Answer,
    CanonicalName,
    DisplayName,
    Example,
    JsonObject,
    StoredAnswer,
    StrictBody,
    Text,
    Timestamp,
)
from julep_project.core.reading.validation import invalid

_LONGEST_EXPRESSION = 2000


class TargetBody(StrictBody):
    """What a call does: starts a task, records an event, or answers a wait. Texts behind `$` are expressions over
    `body`, `headers`, `query` and `method`."""

    type = serializers.ChoiceField(choices=Target.choices)
    task_id = serializers.UUIDField(required=False, help_text="of a task: the task that is started")
    input = AnyJson(required=False, help_text="of a task: its input; of a wait: the answer")
    metadata = AnyJson(required=False, help_text="of a task: metadata of the execution")
    name = Text(required=False, max_length=_LONGEST_EXPRESSION, help_text="of an event: its name")
    data = AnyJson(required=False, help_text="of an event: its data")  # type: ignore[assignment]  # a field
    key = Text(required=False, max_length=_LONGEST_EXPRESSION, help_text="of an event: its key")
    task_token = Text(required=False, max_length=_LONGEST_EXPRESSION, help_text="of a wait: which one is answered")


class OptionsBody(StrictBody):
    """How calls are signed, where the scheme leaves it open."""

    header = Text(required=False, min_length=1, max_length=100, help_text="of `hmac`: where the signature stands")
    algorithm = serializers.ChoiceField(choices=ALGORITHMS, required=False, help_text="of `hmac`")
    encoding = serializers.ChoiceField(choices=ENCODINGS, required=False, help_text="of `hmac`")
    prefix = Text(required=False, max_length=20, help_text="of `hmac`: what comes before it, such as `sha256=`")
    tolerance = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=86_400,
        help_text=f"seconds that the time of a signature may be off; {DEFAULT_TOLERANCE_S} without",
    )


class HookBody(StrictBody):
    """A new hook."""

    example = Example(
        name="Orders",
        target={"type": "event", "name": "order.paid", "data": {"order": "$ body['order_id']"}},
        scheme="none",
    )

    example_of_changes = Example(paused=True)

    name = DisplayName()
    target = TargetBody()
    scheme = serializers.ChoiceField(choices=Scheme.choices, required=False, help_text="`standard` without")
    options = OptionsBody(required=False)
    secret_name = CanonicalName(
        required=False, min_length=1, help_text="a secret of the developer; one is made without, and told once"
    )
    deduplicate_by = Text(
        required=False,
        allow_null=True,
        max_length=_LONGEST_EXPRESSION,
        help_text="an expression for what is the same in repeated calls; without, what the scheme has; null: nothing",
    )
    calls_per_minute = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    paused = serializers.BooleanField(required=False)

    @classmethod
    def values(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """Values of a hook's columns."""
        given = cls.read(data, partial=partial)
        target = given.pop("target", None)
        if target is not None:
            target = dict(target)
            if "type" not in target:
                # Of changes nothing is required, but what is changed has to say what it is.
                raise invalid(["target", "type"], "missing")
            given |= {"target": target.pop("type"), "task_id": target.pop("task_id", None), "mapping": target}
        if "options" in given:
            given["options"] = dict(given["options"])
        if not partial:
            given.setdefault("scheme", Scheme.STANDARD.value)
        return given


class HookAnswer(StoredAnswer):
    """A hook, without what opens it."""

    name = Text()
    target = JsonObject()
    scheme = serializers.ChoiceField(choices=Scheme.choices)
    options = JsonObject()
    secret_name = Text(allow_null=True)
    deduplicate_by = Text(allow_null=True)
    calls_per_minute = serializers.IntegerField(allow_null=True)
    paused = serializers.BooleanField()
    previous_secret_until = Timestamp(allow_null=True, help_text="until then the secret before is taken, too")


class NewHookAnswer(HookAnswer):
    """A hook as it is shown once."""

    url = Text(help_text="the address to call: it cannot be had again")
    secret = Text(allow_null=True, help_text="the secret that was made for it: it cannot be had again")


class HookRotationBody(RotationBody):
    """How the secret of a hook is replaced."""

    example = Example(overlap_seconds=3600)

    secret_name = CanonicalName(
        required=False, min_length=1, help_text="another secret of the developer; one is made without, and told once"
    )


class HookWithSecretAnswer(HookAnswer):
    """A hook with the secret that was made for it."""

    secret = Text(allow_null=True, help_text="null where another was named; it cannot be had again")


class HookCallAnswer(Answer):
    """A call as it is answered."""

    id = serializers.UUIDField()
    hook_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=CallStatus.choices)
    reason = Text()
    http_status = serializers.IntegerField()
    known_by = Text(allow_null=True)
    repeats = serializers.IntegerField()
    began = JsonObject(allow_null=True)
    request = JsonObject()
    size = serializers.IntegerField()
    is_whole = serializers.BooleanField()
    replay_of = serializers.UUIDField(allow_null=True)
    created_at = Timestamp()


def hook_to_wire(hook: Hook) -> dict[str, Any]:
    task = {"task_id": None if hook.task_id is None else str(hook.task_id)} if hook.target == Target.TASK else {}
    names = ("name", "scheme", "options", "secret_name", "deduplicate_by", "calls_per_minute", "paused")
    until = None if hook.overlap_until is None else to_wire(hook.overlap_until)
    target = {"type": hook.target, **task, **hook.mapping}
    return {**row_to_wire(hook, *names), "target": target, "previous_secret_until": until}


def call_to_wire(call: HookCall) -> dict[str, Any]:
    names = ("status", "reason", "http_status", "known_by", "repeats", "size", "is_whole")
    began = None if call.began_id is None else {"type": call.began, "id": str(call.began_id)}
    return {
        "id": str(call.pk),
        "hook_id": str(call.hook_id),
        **{name: getattr(call, name) for name in names},
        "began": began,
        "request": shown_to_readers(call.request),
        "replay_of": None if call.replay_of is None else str(call.replay_of),
        "created_at": to_wire(call.created_at),
    }


def url_of(request: HttpRequest, token: str) -> str:
    """Where the hook is, for the world outside."""
    return f"{settings.PUBLIC_URL or request.build_absolute_uri('/')[:-1]}/hooks/{token}"


@describe(
    "hook",
    body=HookBody,
    answer=HookAnswer,
    is_sorted=False,
    answers={"create": {201: created_of(NewHookAnswer)}},
)
class HookViewSet(ApiViewSet):
    """`/hooks` and `/hooks/{id}`."""

    has_secret_answers = True
    resource = "Hook"

    def list(self, request: Request) -> Response:
        """Hooks, the newest first."""
        return self.page(services.list_hooks(self.developer), hook_to_wire)

    def create(self, request: Request) -> Response:
        """Make a hook. Its `url` and the `secret` that was made for it are in this answer, and never again."""
        made = services.create_hook(self.developer, HookBody.values(request.data))
        return _unstored(created(self._told(made)))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One hook."""
        return Response(hook_to_wire(services.get_hook(self.developer, id)))

    def update(self, request: Request, id: UUID) -> Response:
        """Replace a hook; its address stays."""
        values = HookBody.values(request.data)
        return self._changed(id, {**_BARE, "deduplicate_by": services.USUAL_KEYS.get(values["scheme"]), **values})

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change what is given of a hook."""
        return self._changed(id, HookBody.values(request.data, partial=True))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a hook with the record of its calls."""
        services.delete_hook(self.developer, id)
        return deleted(id)

    @extend_schema(operation_id="hook_rotate", request=None, responses=NewHookAnswer)
    def rotate(self, request: Request, id: UUID) -> Response:
        """Give it another address, which is in this answer only. Nobody reaches it by the old one any more."""
        return _unstored(Response(self._told(services.rotate_token(self.developer, id))))

    @extend_schema(operation_id="hook_rotate_secret", request=HookRotationBody, responses=HookWithSecretAnswer)
    def rotate_secret(self, request: Request, id: UUID) -> Response:
        """Give a hook another secret: a new one, which is in this answer and never again. For a time both are taken."""
        body = HookRotationBody.read(request.data)
        overlap_s = body.get("overlap_seconds", USUAL_OVERLAP_S)
        hook, secret = services.rotate_secret(
            self.developer, id, overlap_s=overlap_s, secret_name=body.get("secret_name")
        )
        return _unstored(Response({**hook_to_wire(hook), "secret": secret}))

    def _changed(self, hook_id: UUID, values: dict[str, Any]) -> Response:
        return Response(hook_to_wire(services.change_hook(self.developer, hook_id, values)))

    def _told(self, made: MadeHook) -> dict[str, Any]:
        url = url_of(self.request._request, made.token)
        return {**hook_to_wire(made.hook), "url": url, "secret": made.secret}


# What a hook is changed to that leaves it out; its secret stays as long as no other one is named.
_BARE: dict[str, Any] = {"options": {}, "calls_per_minute": None, "paused": False}


def _unstored(answer: Response) -> Response:
    answer["Cache-Control"] = "no-store"
    return answer


_STATUS = OpenApiParameter("status", enum=list(CallStatus.values), description="what became of them")


@describe("hook_call", body=None, answer=HookCallAnswer, ids=("hook_id", "id"), is_sorted=False, query=(_STATUS,))
class HookCallViewSet(ApiViewSet):
    """`/hooks/{hook_id}/calls`."""

    resource = "Call"

    def list(self, request: Request, hook_id: UUID) -> Response:
        """What the hook received, the newest first. A call that came again is there once."""
        rows = services.list_calls(self.developer, hook_id)
        status = choice_in(request.query_params, "status", CallStatus.values)
        return self.page(rows.filter(status=status) if status else rows, call_to_wire)

    @extend_schema(operation_id="hook_call_replay", request=None, responses={202: HookCallAnswer})
    def replay(self, request: Request, hook_id: UUID, id: UUID) -> Response:
        """Take a call again, whatever it began then."""
        return Response(call_to_wire(replay_call(self.developer, hook_id, id)), status=202)
