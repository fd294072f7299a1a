"""Staff pages."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.webhooks.errors import EndpointDisabled, StillOnItsWay
from agents.webhooks.models import Delivery, Endpoint, Message
from agents.webhooks.replaying import replay_delivery
from agents.webhooks.services import place
from julep_project.core.admin import ReadOnlyAdmin

_SEALED = ("sealed", "previous_sealed")


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """Addresses that are told what happens. Their secrets and the long parts of their paths are shown to nobody."""

    list_display = ("created_at", "developer", "address", "events", "enabled", "disabled_reason", "failures", "is_full")
    list_select_related = ("developer",)
    list_filter = ("enabled", "is_full")
    search_fields = ("id__exact",)
    exclude = _SEALED
    shown_as = {"url": lambda row: place(row.url)}

    @admin.display(description="url")
    def address(self, row: Endpoint) -> str:
        return place(row.url)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What endpoints were told."""

    list_display = ("created_at", "developer", "type", "subject_id", "id")
    list_select_related = ("developer",)
    list_filter = ("type",)
    search_fields = ("id__exact",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Messages on their way to endpoints."""

    list_display = ("created_at", "developer", "endpoint", "type", "state", "tries", "status", "error", "due_at")
    list_select_related = ("developer", "endpoint", "message")
    list_filter = ("state",)
    search_fields = ("id__exact", "endpoint__id__exact", "message__id__exact")
    actions = ("send_again",)

    @admin.display(description="type")
    def type(self, row: Delivery) -> str:
        return row.message.type

    @admin.action(description="Send again")
    def send_again(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        """What has ended of the chosen ones."""
        sent = 0
        for row in queryset.select_related("developer"):
            try:
                replay_delivery(row.developer, row.endpoint_id, row.pk)
                sent += 1
            except (EndpointDisabled, StillOnItsWay) as error:
                self.message_user(request, f"{row.pk}: {error.message}", messages.WARNING)
        self.message_user(request, f"{sent} deliveries are sent again")
