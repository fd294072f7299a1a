"""`/hooks/{token}`: what others call. The token in the address is the whole authority, beside the signature.

In the API description it is a method of `/hooks/{id}`, of which no other path of one more part can be told.
"""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed

from executions.hooks.models import Target
from executions.hooks.receiving import opened, receive
from executions.hooks.request import HookRequest
from julep_project.core.api.api_schema import describe_async
from julep_project.core.api.exception_handler import plain_response
from julep_project.core.api.peer import address_of
from julep_project.core.reading.fields import Answer, Text
from julep_project.core.reading.parsers import body_of


class BegunAnswer(Answer):
    """What a call has begun, or of a repeated one what the first had."""

    sometimes = frozenset({"execution_id", "event_id"})

    id = serializers.UUIDField(help_text="of the call")
    type = serializers.ChoiceField(choices=Target.choices)
    execution_id = serializers.UUIDField(help_text="of a task that was started, or a wait answered")
    event_id = serializers.UUIDField(help_text="of an event that was recorded")


class ChallengeAnswer(Answer):
    """What Slack wants to have back before it sends anything else."""

    challenge = Text()


_TOKEN = OpenApiParameter(
    "id",
    {"type": "string", "pattern": "^hk_[A-Za-z0-9_-]{43}$"},
    OpenApiParameter.PATH,
    description="The token, with which the `url` of the hook ends; not its id.",
    examples=[OpenApiExample("token", "hk_7pQ2mXv0Zr4yTn8kLw3sHd6bJf1cGa5eUo9iKx2vWzM")],
)
# What every scheme wants to see: one of these is there, or one that the hook names.
_SIGNATURES = {
    "webhook-id": "`standard`: names the call, also when it is repeated",
    "webhook-timestamp": "`standard`: when it was signed, in seconds",
    "webhook-signature": "`standard`: signatures as `v1,...`, one of which must be right",
    "x-hub-signature-256": "`github`: the signature, behind `sha256=`",
    "x-github-delivery": "`github`: names the call, also when it is repeated",
    "x-slack-request-timestamp": "`slack`: when it was signed, in seconds",
    "x-slack-signature": "`slack`: the signature, behind `v0=`",
    "stripe-signature": "`stripe`: `t=` the time, `v1=` signatures",
    "x-signature": "`hmac`: the signature, unless the hook names another header",
}
_ERRORS = {
    400: "The body cannot be read, or nothing can be made of it.",
    403: "The signature is missing, wrong or too old.",
    404: "Nobody has this address, or its developer is switched off.",
    409: "The wait that it answers has been answered.",
    429: "More calls than the hook may have in a minute.",
    503: "The hook or all intake is paused, or the database is away; call again later.",
}


@describe_async(
    "hook_call",
    body={
        "application/json": OpenApiTypes.ANY,
        "application/x-www-form-urlencoded": OpenApiTypes.OBJECT,
        "text/plain": OpenApiTypes.STR,
    },
    answer={
        202: BegunAnswer,
        200: ChallengeAnswer,
        **{status: OpenApiResponse(description=text) for status, text in _ERRORS.items()},
    },
    others=[_TOKEN, *(OpenApiParameter(name, str, "header", description=text) for name, text in _SIGNATURES.items())],
    needs_key=False,
    example={"type": "payment", "id": "evt_1", "order": "4711"},
    text="Call a hook: start its task, record its event or answer its wait. No key is needed: who knows the address "
    "may call, with the signature that the `scheme` of the hook asks for. The query may hold anything. A repeated call "
    "begins nothing and is answered as the first was. A `GET` only tells that somebody is there.",
)
def hook_door(request: HttpRequest, id: str) -> HttpResponse:
    """Take a call; tell whoever only looks that somebody is there."""
    try:
        return _served(request, id)
    except Exception as error:
        return _quiet(plain_response(error, request))


def _served(request: HttpRequest, token: str) -> HttpResponse:
    with opened(token, address_of(request) or "") as hook:
        if request.method in ("GET", "HEAD"):
            return _quiet(JsonResponse({"status": "ok"}))
        if request.method != "POST":
            raise MethodNotAllowed(request.method or "")
        raw = body_of(request, settings.MAX_HOOK_BYTES)
        status, body = receive(hook, HookRequest.of(request, raw))
    return _quiet(JsonResponse(body, status=status))


def _quiet(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    # Django would write the path of what failed into the log.
    cast(Any, answer)._has_been_logged = True
    return answer
