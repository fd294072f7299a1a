"""Views whose connection stays open: async, behind the same authentication, parser and errors as the resource views."""

import io
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial, wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed

from julep_project.core.api.admitting import admit_stream, hold_stream, release
from julep_project.core.api.auth import KeyScope, Principal, authenticate, authenticator, calling_as, scope_of_method
from julep_project.core.api.exception_handler import plain_response
from julep_project.core.api.idempotency import key_of, serve_once
from julep_project.core.api.query import check_query
from julep_project.core.api.renderers import to_json
from julep_project.core.database import run_query
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.held_body import let_go
from julep_project.core.reading.parsers import parse_json, read_body
from julep_project.core.reading.validation import parse_uuid
from julep_project.core.tenancy import tenant_scope

AsyncView = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
Read = TypeVar("Read")

# Smaller bodies are read on the event loop: handing them to a thread would take longer.
_SMALL_BODY_BYTES = 64 * 1024


def api_view(
    *methods: str, scope: KeyScope | None = None, keeps_answers: bool = False
) -> Callable[[AsyncView], AsyncView]:
    """An async view `(request, developer, **ids)` for these methods.

    The caller is authenticated before anything else is looked at, and its key must have the `scope`, or else that of
    the method; path arguments named `id` or `..._id` arrive as
    UUIDs; whatever is raised becomes the API's error body. The view must not touch the database outside `run_query`.

    A request with an `Idempotency-Key` is served once. The view `keeps_answers` if it finds what it said before by
    `work_of(request)`; of others, what streams said is kept as far as it is short.
    """

    def decorate(view: AsyncView) -> AsyncView:
        @wraps(view)
        async def serve(request: HttpRequest, **path: Any) -> HttpResponseBase:
            try:
                # Refuses names that are not ours: the middleware that asks elsewhere serves no streams.
                request.get_host()
                # Handing a look at the memory to a thread would take ten times as long.
                principal = authenticator().recall(request)
                if principal is None:
                    principal = await run_query(partial(authenticate, request))
                cast(Any, request).user = principal
                if request.method not in methods:
                    return _not_allowed(request, methods)
                principal.require(scope or scope_of_method(request.method))
                taken = await admit_stream(principal)
            except Exception as error:
                return plain_response(error, request)
            try:
                with calling_as(principal), tenant_scope(principal.developer.pk):
                    response = await _told(request, partial(_served, request, principal, path))
            except BaseException:
                release(taken)
                raise
            hold_stream(taken, response)
            return response

        async def _served(request: HttpRequest, principal: Principal, path: Mapping[str, Any]) -> HttpResponseBase:
            check_query(request.GET, _described(served, request))
            developer = principal.developer
            carry_out = partial(view, request, developer, **_ids(path))
            key = key_of(request)
            if key is None:
                return await carry_out()
            return await serve_once(request, developer, key, carry_out, keeps_answers=keeps_answers)

        served: Any = serve
        served.methods = methods
        return serve

    return decorate


def _not_allowed(request: HttpRequest, methods: Sequence[str]) -> HttpResponse:
    response = plain_response(MethodNotAllowed(request.method or ""), request)
    response.headers["Allow"] = ", ".join(methods)
    return response


def _described(view: Any, request: HttpRequest) -> Any:
    """The handler that stands for a method of the view in the API description, and says what its query may hold."""
    return getattr(getattr(view, "cls", None), (request.method or "").lower(), None)


async def _told(
    request: HttpRequest, carry_out: Callable[[], Coroutine[Any, Any, HttpResponseBase]]
) -> HttpResponseBase:
    """What is answered; an error as its answer."""
    try:
        return await carry_out()
    except Exception as error:
        return plain_response(error, request)


async def read_json(request: HttpRequest) -> Any:
    """The body as plain JSON values; an object without keys if the body is empty.

    Raises:
        BodyTooLarge, InvalidInput
    """
    return await read_request(request, lambda body: body)


async def read_request(request: HttpRequest, read: Callable[[Any], Read]) -> Read:
    """What `read` makes of the body of `read_json`. It must not touch the database.

    Raises:
        BodyTooLarge, InvalidInput, and what `read` raises.
    """
    raw = read_body(io.BytesIO(request.body), {"request": request})

    def parse() -> Read:
        return read(parse_json(raw) if raw.strip() else {})

    value = parse() if len(raw) <= _SMALL_BODY_BYTES else await in_thread(parse)
    let_go(request)
    return value


def json_response(body: Mapping[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(to_json(body), status=status, content_type="application/json")


def _ids(path: Mapping[str, Any]) -> dict[str, UUID | Any]:
    return {
        name: parse_uuid(value, "path", name) if name == "id" or name.endswith("_id") else value
        for name, value in path.items()
    }
