"""`/hooks/{token}`: what others call. The token in the address is the whole authority, beside the signature."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import MethodNotAllowed

from executions.hooks.receiving import opened, receive
from executions.hooks.request import HookRequest
from julep_project.core.api.exception_handler import plain_response
from julep_project.core.api.peer import address_of
from julep_project.core.reading.parsers import body_of


def hook_door(request: HttpRequest, token: str) -> HttpResponse:
    """Take a call; tell whoever only looks that somebody is there."""
    try:
        return _served(request, token)
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
