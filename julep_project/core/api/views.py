"""Base of the resource views: authenticate, read ids, answer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any, ClassVar, cast
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from julep_project.core.actor import SYSTEM, act_as, acting_as
from julep_project.core.api.admitting import admit, tell
from julep_project.core.api.auth import KeyScope, developer_of, principal_of
from julep_project.core.api.idempotency import answer_once, key_of
from julep_project.core.api.pagination import ItemsPagination
from julep_project.core.api.query import check_query
from julep_project.core.clock import now, to_wire
from julep_project.core.rates.windows import NOT_COUNTED
from julep_project.core.reading.parsers import chunked_stream, read_body
from julep_project.core.reading.validation import parse_uuid
from julep_project.core.tenancy import empty_scope, enter_tenant

# What HTTP's methods do to a resource, and to one of its rows.
COLLECTION: dict[str, Any] = {"get": "list", "post": "create"}
MEMBER: dict[str, Any] = {
    "get": "retrieve",
    "post": "create_or_update",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}


class ApiMixin(APIView):
    """What every API view does before its own work. Path arguments named `id` or `..._id` arrive as UUIDs."""

    resource: ClassVar[str] = "Resource"
    max_body_bytes: ClassVar[int | None] = None
    # What a key needs, where that is not what the method says: a search is a POST, and changes nothing.
    scope: ClassVar[KeyScope | None] = None
    # Served by threads of their own.
    is_search: ClassVar[bool] = False
    # Answers that hold what is stored nowhere.
    has_secret_answers: ClassVar[bool] = False
    _taken = NOT_COUNTED

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who acts, and whose rows are seen, is known from authentication until the answer."""
        with acting_as(SYSTEM), empty_scope():
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate first, so that a stranger learns nothing from a bad id."""
        super().initial(request, *args, **kwargs)
        principal = principal_of(request)
        act_as(principal.actor)
        enter_tenant(principal.developer.pk)
        self._taken = admit(principal)
        check_query(request.query_params, getattr(self, (request.method or "").lower(), None))
        for name, value in self.kwargs.items():
            if isinstance(value, str) and (name == "id" or name.endswith("_id")):
                self.kwargs[name] = parse_uuid(value, "path", name)
        if request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            # Without a length the framework takes the body for empty.
            request._stream = chunked_stream(request._request)
        key = key_of(request._request)
        if key is not None:
            self._answer_once(request, key)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Whatever is answered tells the limit that is nearest."""
        told = super().finalize_response(request, response, *args, **kwargs)
        tell(self._taken.headers, told)
        return told

    def _answer_once(self, request: Request, key: str) -> None:
        """Have the method of the request carried out only if it was not before."""
        method = (request.method or "").lower()
        carry_out = getattr(self, method, self.http_method_not_allowed)
        # A body without a length is read by whoever knows where it ends.
        _complete(request)

        def once(*args: Any, **kwargs: Any) -> Any:
            work = partial(carry_out, *args, **kwargs)
            return answer_once(request._request, self.developer, key, work, is_secret=self.has_secret_answers)

        setattr(self, method, once)

    @property
    def developer(self) -> Any:
        return developer_of(self.request)


class ApiViewSet(ApiMixin, ViewSet):
    """A resource whose verbs are methods."""

    pagination: ClassVar[type[ItemsPagination]] = ItemsPagination

    def page(self, rows: Any, to_wire: Callable[[Any], dict[str, Any]]) -> Response:
        paginator = self.pagination()
        page = paginator.paginate_queryset(rows, self.request)
        return paginator.get_paginated_response([to_wire(row) for row in page])


def created(body: Mapping[str, Any], *, jobs: Sequence[UUID] = ()) -> Response:
    """Answer of a create, and of a create-or-update in both cases. `jobs` were asked for by it."""
    return Response({**body, "jobs": list(map(str, jobs))}, status=201)


def deleted(row_id: UUID, *, at: datetime | None = None) -> Response:
    return Response(deletion(row_id, at=at), status=202)


def deletion(row_id: UUID, *, at: datetime | None = None) -> dict[str, Any]:
    return {"id": str(row_id), "deleted_at": to_wire(at or now()), "jobs": []}


def _complete(request: Request) -> None:
    """Read a chunked body, so that it is there for who compares it and for who parses it."""
    stream, plain = cast(Any, getattr(request, "_stream", None)), cast(Any, request._request)
    if hasattr(stream, "read") and stream is not plain:
        plain._body = read_body(stream, {"request": request})
        request._stream = BytesIO(plain._body)
