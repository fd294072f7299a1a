"""One delivery: what was sent, how often, and what was answered."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents.models import Developer
from agents.webhooks.models import ENDED, DeliveryState, Message
from agents.webhooks.replaying import replay_delivery
from agents.webhooks.sending import body_of
from julep_project.console.acts import Question, act, back, do_once
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, OPERATE, VIEW, may, needs
from julep_project.console.queries.triggers.webhooks import first_before, get_delivery


@needs(VIEW)
def show(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Its tries, what was sent and how the last answer began; files have the tries."""
    delivery = _found(delivery_id)
    if form := wanted_format(request):
        return as_file(form, f"delivery-{delivery_id}", delivery["log"])
    reads, waits = may(request, CONTENTS), delivery["state"] == DeliveryState.WAITING
    context = {
        "delivery": delivery,
        "message_id": f"msg_{delivery['message'].hex}",
        "body": _body(delivery) if reads else None,
        "excerpt": delivery["excerpt"] if reads else "",
        "before": first_before(delivery) if waits else None,
        "questions": _questions(request, delivery),
    }
    return page(request, "webhooks/delivery.html", "Delivery", **context)


def _body(delivery: Mapping[str, Any]) -> Any:
    """What is sent, for people to read."""
    message = Message(
        id=delivery["message"], type=delivery["type"], data=delivery["data"], created_at=delivery["happened_at"]
    )
    return json.loads(body_of(message))


def _questions(request: HttpRequest, delivery: Mapping[str, Any]) -> list[Question]:
    if not may(request, OPERATE) or delivery["state"] not in ENDED or not delivery["enabled"]:
        return []
    again = "It is sent at once, under the id it had: whoever has it already knows it again."
    return [
        Question(
            "replay",
            reverse("admin:console_delivery_replay", args=[delivery["id"]]),
            "Send again…",
            "Send it again",
            again,
            "Send it again",
            curl=("POST", f"/webhooks/{delivery['endpoint_id']}/deliveries/{delivery['id']}/replay", ""),
        )
    ]


def _found(delivery_id: UUID) -> dict[str, Any]:
    found = get_delivery(delivery_id)
    if found is None:
        raise Http404("There is no such delivery")
    return found


@act()
def replay(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Send it again."""
    delivery = _found(delivery_id)
    owner = Developer.objects.get(pk=delivery["developer_id"])
    if do_once(request, owner.pk, lambda: replay_delivery(owner, delivery["endpoint_id"], delivery_id)) is not None:
        messages.success(request, "It is sent again")
    return back(request, reverse("admin:console_delivery", args=[delivery_id]))
