"""`/webhooks`: addresses that are told what happens, and what was told."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.vault.api.serializers import RotationBody
from agents.webhooks import replaying, services
from agents.webhooks.api.serializers import (
    DeliveryAnswer,
    EventTypesAnswer,
    ReplayAnswer,
    ReplayBody,
    WebhookAnswer,
    WebhookBody,
    WebhookWithSecretAnswer,
    delivery_to_wire,
    endpoint_to_wire,
)
from agents.webhooks.models import DeliveryState, Endpoint
from agents.webhooks.types import TEXTS
from julep_project.core.api.api_schema import created_of, describe
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.query import choice_in
from julep_project.core.api.views import ApiViewSet, created, deleted

_TYPES = [each.value for each in TEXTS]
_STATE = OpenApiParameter("state", str, enum=list(DeliveryState.values), description="where they stand")
_TYPE = OpenApiParameter("type", str, enum=_TYPES, description="of what")


@describe(
    "webhook",
    body=WebhookBody,
    answer=WebhookAnswer,
    answers={"create": {201: created_of(WebhookWithSecretAnswer)}},
)
class WebhookViewSet(ApiViewSet):
    """`/webhooks` and `/webhooks/{id}`."""

    has_secret_answers = True
    resource = "Webhook"
    scope = KeyScope.ADMIN

    def list(self, request: Request) -> Response:
        """Webhooks, the newest first, without their secrets."""
        return self.page(services.list_endpoints(self.developer), endpoint_to_wire)

    def create(self, request: Request) -> Response:
        """Have an address told what happens. The secret is in this answer, and never again."""
        values = WebhookBody.read(request.data)
        endpoint, secret = services.create_endpoint(developer=self.developer, values=values)
        return _secretly(created({**endpoint_to_wire(endpoint), "secret": secret}))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One webhook."""
        return Response(endpoint_to_wire(services.get_endpoint(self.developer, id)))

    def update(self, request: Request, id: UUID) -> Response:
        """Overwrite a webhook; what is left out gets its default, and its secret stays."""
        values = {"description": "", "enabled": True, **WebhookBody.read(request.data)}
        return Response(endpoint_to_wire(self._changed(id, values)))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change a webhook; one that was disabled can be enabled so."""
        return Response(endpoint_to_wire(self._changed(id, WebhookBody.read(request.data, partial=True))))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a webhook with all that was on its way to it."""
        services.delete_endpoint(self.developer, id)
        return deleted(id)

    @extend_schema(operation_id="webhook_rotate_secret", request=RotationBody, responses=WebhookWithSecretAnswer)
    def rotate_secret(self, request: Request, id: UUID) -> Response:
        """Give a webhook a new secret, which is in this answer and never again. For a time both sign."""
        overlap_s = RotationBody.overlap_s(request.data)
        endpoint, secret = services.rotate_secret(self.developer, id, overlap_s=overlap_s)
        return _secretly(Response({**endpoint_to_wire(endpoint), "secret": secret}))

    @extend_schema(operation_id="webhook_test", request=None, responses={202: DeliveryAnswer})
    def test(self, request: Request, id: UUID) -> Response:
        """Send a message to this webhook now, to see whether it arrives."""
        delivery = services.send_test(self.developer, id)
        found = replaying.get_delivery(self.developer, id, delivery.pk)
        return Response(delivery_to_wire(found), status=202)

    @extend_schema(operation_id="webhook_replay", request=ReplayBody, responses={202: ReplayAnswer})
    def replay(self, request: Request, id: UUID) -> Response:
        """Send again what failed or was dropped in a range of time, the oldest first."""
        replayed, is_more = replaying.replay_range(self.developer, id, ReplayBody.range(request.data))
        return Response({"replayed": replayed, "is_more": is_more}, status=202)

    @extend_schema(operation_id="webhook_event_types", responses=EventTypesAnswer)
    def event_types(self, request: Request) -> Response:
        """What webhooks can be told of."""
        return Response({"items": [{"type": each.value, "description": text} for each, text in TEXTS.items()]})

    def _changed(self, endpoint_id: UUID, values: dict[str, object]) -> Endpoint:
        return services.change_endpoint(developer=self.developer, endpoint_id=endpoint_id, values=values)


@describe(
    "webhook_delivery",
    body=None,
    answer=DeliveryAnswer,
    ids=("id", "delivery_id"),
    max_limit=100,
    query=(_STATE, _TYPE),
)
class DeliveryViewSet(ApiViewSet):
    """`/webhooks/{id}/deliveries` and what is below."""

    resource = "Delivery"
    scope = KeyScope.ADMIN
    pagination = SmallPagination

    def list(self, request: Request, id: UUID) -> Response:
        """What was and is on its way to a webhook, the newest first."""
        query = request.query_params
        state, type_ = choice_in(query, "state", DeliveryState.values), choice_in(query, "type", _TYPES)
        return self.page(replaying.list_deliveries(self.developer, id, state=state, type=type_), delivery_to_wire)

    def retrieve(self, request: Request, id: UUID, delivery_id: UUID) -> Response:
        """One delivery."""
        return Response(delivery_to_wire(replaying.get_delivery(self.developer, id, delivery_id)))

    @extend_schema(operation_id="webhook_delivery_replay", request=None, responses={202: DeliveryAnswer})
    def replay(self, request: Request, id: UUID, delivery_id: UUID) -> Response:
        """Send a delivery that has ended again."""
        return Response(delivery_to_wire(replaying.replay_delivery(self.developer, id, delivery_id)), status=202)


def _secretly(answer: Response) -> Response:
    answer["Cache-Control"] = "no-store"
    return answer
