"""The one place that turns errors into HTTP answers."""

import logging
import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from django import db
from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.template.loader import render_to_string
from rest_framework.exceptions import (
    APIException,
    ParseError,
    Throttled,
    ValidationError,
)
from rest_framework.response import Response

from julep_project.core.api.answer_headers import is_for_api, speaks_anthropic
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import (
    BadRequest,
    BodyTooLarge,
    CostLimitExceeded,
    DomainError,
    Forbidden,
    InvalidInput,
    ModelOverloaded,
    NotAuthenticated,
    NotFound,
    ServiceUnavailable,
)
from julep_project.core.health import health
from julep_project.core.process.request_id import current_request_id
from julep_project.core.reading.serializer_errors import problems_of
from julep_project.core.storage_errors import as_domain_error

log = logging.getLogger(__name__)

# Below it are the operations that others publish too, whose errors name the parameter.
_PUBLISHED = "/v1/"
_LONGEST_PATH = 200
# Where Anthropic's API has another status for an error, and what it calls those of a status.
_ANTHROPIC_STATUSES: Mapping[type[Exception], int] = {
    NotAuthenticated: 401,
    CostLimitExceeded: 402,
    ModelOverloaded: 529,
}
_OTHER_STATUSES: Mapping[int, int] = {422: 400, 503: 529}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
ANTHROPIC_TYPES = (*dict.fromkeys(_ANTHROPIC_TYPES.values()), "invalid_request_error", "api_error")
# Paths where a request without a good key is answered as HTTP has it.
_WITH_CHALLENGE = ("/mcp",)
_OPERATIONS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class ErrorAnswer:
    """An error ready to be sent."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def event(self) -> dict[str, Any]:
        """The body for a stream that has begun; what a header would say of repeating stands in the error."""
        if self.headers.get("x-should-retry") != "false":
            return self.body
        return {**self.body, "error": {**self.body["error"], "should_retry": False}}


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler."""
    view = context.get("view")
    answer = answer_for(
        error,
        operation=getattr(view, "action", None) or _OPERATIONS.get(context["request"].method, "get"),
        resource=getattr(view, "resource", "Resource"),
        request_id=getattr(context["request"], "request_id", ""),
        is_published=context["request"].path_info.startswith(_PUBLISHED),
    )
    return Response(answer.body, status=answer.status, headers=dict(answer.headers))


def plain_response(error: Exception, request: HttpRequest) -> HttpResponse:
    """The answer for an error outside DRF: middleware, async views."""
    answer = answer_for(
        error,
        operation=_OPERATIONS.get(request.method or "", "get"),
        resource="Resource",
        request_id=getattr(request, "request_id", ""),
        is_published=request.path_info.startswith(_PUBLISHED),
    )
    return _as_http(in_form_of(answer, request.path_info, request.headers, error))


def unknown_route(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The last route of all, and Django's `handler404`. A page for people where staff look for one."""
    if is_for_api(request.path_info):
        told = _with_param(_body(404, _no_path(request)), None) if request.path_info.startswith(_PUBLISHED) else {}
        answer = ErrorAnswer(404, {"detail": "Not Found", **told})
        return _as_http(in_form_of(answer, request.path_info, request.headers))
    message = str(exception) if type(exception) is Http404 else ""
    return _as_page(ErrorAnswer(404, _body(404, message or "There is no such page")))


def _no_path(request: HttpRequest) -> str:
    """For who moves a program here: what it asks for may not be there, or its client adds what the address has."""
    path = request.path_info
    if path.startswith(f"{_PUBLISHED}v1/"):
        return "Not Found: `/v1` is there twice. Leave it out of the client's base URL, for the client adds it"
    shown = path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}..."
    return f"Not Found: this server has no {request.method} {shown}. `/docs` shows what it has"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`."""
    if not is_for_api(request.path_info):
        return _as_page(ErrorAnswer(400, _body(400, str(exception))))
    return plain_response(exception if isinstance(exception, SuspiciousOperation) else BadRequest(), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, called while what failed is handled; Django logs it. A page for people, of a neighbour
    that is away too: staff pages meet the database in middleware, before and after their views."""
    error = sys.exc_info()[1]
    known = _known(error, operation="get", resource="Page") if isinstance(error, db.Error | DomainError) else None
    answer = _internal() if known is None else _from_domain(known)
    if not is_for_api(request.path_info):
        return _as_page(answer)
    return _as_http(in_form_of(answer, request.path_info, request.headers, error))


def answer_for(
    error: Exception, *, operation: str, resource: str, request_id: str = "", is_published: bool = False
) -> ErrorAnswer:
    """Status, body and headers of any error. An unexpected one is logged with its trace and told nothing of. Where the
    operation `is_published` by others, the body names the parameter, and the message says all there is to say."""
    known = _known(error, operation=operation, resource=resource)
    if known is not None:
        answer = _from_domain(known)
    elif isinstance(error, APIException):
        answer = _from_framework(error)
    else:
        log.error(
            "request failed unexpectedly",
            exc_info=error,
            extra={"action": "request_failed", "operation": operation, "resource": resource, "request_id": request_id},
        )
        answer = _internal()
    return replace(answer, body=_as_published(answer.body, known)) if is_published else answer


def _as_published(body: dict[str, Any], known: DomainError | None) -> dict[str, Any]:
    """Clients of others show the message alone: it says what is wrong at which place, and what to do about it."""
    told = _with_param(body, known.param if known else None)
    return {**told, "error": {**told["error"], "message": _in_words(body)["message"]}}


def _with_param(body: dict[str, Any], param: str | None) -> dict[str, Any]:
    return {**body, "error": {**body["error"], "param": param}}


def in_form_of(
    answer: ErrorAnswer, path: str, headers: Container[str], error: BaseException | None = None
) -> ErrorAnswer:
    """The answer to an error, in the form of the API that the request speaks."""
    if isinstance(error, NotAuthenticated) and path in _WITH_CHALLENGE:
        return replace(answer, status=HTTPStatus.UNAUTHORIZED, headers={**answer.headers, **_challenge()})
    return in_anthropics_form(answer, current_request_id(), error) if speaks_anthropic(path, headers) else answer


def _challenge() -> dict[str, str]:
    """What sends clients of MCP to whoever gives out tokens, if anybody does."""
    if not settings.MCP_AUTHORIZATION_SERVERS or not settings.PUBLIC_URL:
        return {"WWW-Authenticate": "Bearer"}
    metadata = f"{settings.PUBLIC_URL}/.well-known/oauth-protected-resource/mcp"
    return {"WWW-Authenticate": f'Bearer resource_metadata="{metadata}"'}


def in_anthropics_form(answer: ErrorAnswer, request_id: str, error: BaseException | None = None) -> ErrorAnswer:
    """The answer to an error as Anthropic's API has it. Details that are an object are for its clients as they are."""
    status = next((told for kind, told in _ANTHROPIC_STATUSES.items() if isinstance(error, kind)), answer.status)
    status = _OTHER_STATUSES.get(status, status)
    usual = "api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    told = {"type": _ANTHROPIC_TYPES.get(status, usual), **_in_words(answer.body)}
    return replace(answer, status=status, body={"type": "error", "error": told, "request_id": request_id or None})


def _in_words(body: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said of an error, with the places of what is wrong."""
    error = body.get("error")
    if not isinstance(error, Mapping):
        return {"message": str(body.get("detail") or "")}
    details = error.get("details")
    if isinstance(details, Mapping):
        return {"message": error["message"], "details": details}
    if isinstance(details, list) and details:
        places = (f"{detail['loc']}: {detail['msg']}" if detail["loc"] else detail["msg"] for detail in details)
        return {"message": "; ".join(places)}
    told, fix = str(error.get("message", "")), error.get("fix")
    return {"message": f"{told.rstrip('.')}. {fix}" if fix and fix not in told else told}


def _known(error: Exception, *, operation: str, resource: str) -> DomainError | None:
    """The domain error that this is, or stands for."""
    match error:
        case DomainError():
            return error
        case db.Error():
            return as_domain_error(error, operation=operation, resource=resource) or _before_migrations(error)
        case ValidationError():
            return InvalidInput(problems_of(error.detail))
        case Http404():
            return NotFound(f"{resource} not found")
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return BodyTooLarge()
        case SuspiciousOperation() | UnreadablePostError() | ParseError():
            return BadRequest(str(error) or None)
    return None


def _before_migrations(error: db.Error) -> DomainError | None:
    """A table or column that is not there is a bug, or the code was started before the migrations were applied."""
    if isinstance(error, db.ProgrammingError) and health.is_unmigrated():
        return ServiceUnavailable("The database is being prepared; try again")
    return None


def _from_domain(error: DomainError) -> ErrorAnswer:
    body: dict[str, Any] = {
        "message": error.message,
        "code": error.code or f"http_{error.status}",
        "type": error.type,
        **error.extra,
    }
    if error.fix:
        body["fix"] = error.fix
    is_conflict = error.status == HTTPStatus.CONFLICT
    final = error.is_final or (not error.retryable and (is_conflict or error.status >= 500))
    headers = {"x-should-retry": "false"} if final else _told_to_retry(error)
    return ErrorAnswer(error.status, {"error": body}, headers)


def _told_to_retry(error: DomainError) -> dict[str, str]:
    asked = {"x-should-retry": "true"} if error.status == HTTPStatus.CONFLICT else {}
    asked = {**asked, **error.headers}
    return asked if error.retry_after_s is None else {**asked, "retry-after": str(error.retry_after_s)}


def _from_framework(error: APIException) -> ErrorAnswer:
    """Method not allowed, throttled and the like."""
    headers = {}
    wait = getattr(error, "wait", None)
    if isinstance(error, Throttled) and wait is not None:
        headers["retry-after"] = str(int(wait) + 1)
    return ErrorAnswer(error.status_code, _body(error.status_code, str(error.detail)), headers)


def _internal() -> ErrorAnswer:
    return ErrorAnswer(500, _body(500, "Internal server error"), {"x-should-retry": "false"})


def _body(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": f"http_{status}", "type": "http_error"}}


def _as_page(answer: ErrorAnswer) -> HttpResponse:
    """Rendered without the request, of which templates would ask the database who it is from."""
    headers = {name: value for name, value in answer.headers.items() if name == "retry-after"}
    told = {"title": HTTPStatus(answer.status).phrase, "message": answer.body["error"]["message"]}
    return HttpResponse(render_to_string("error.html", told), status=answer.status, headers=headers)


def _as_http(answer: ErrorAnswer) -> HttpResponse:
    return HttpResponse(
        to_json(answer.body), status=answer.status, content_type="application/json", headers=dict(answer.headers)
    )
