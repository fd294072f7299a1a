"""What staff see of webhooks, and what they can do."""

from uuid import UUID

import pytest
from django.test import Client

from agents.models import Developer
from agents.webhooks.models import Delivery, Endpoint
from agents.webhooks.recording import record
from agents.webhooks.types import EventType
from tests.webhooks.conftest import Make
from tests.webhooks.sending import states

KEY = "a-key-that-nobody-else-may-see"


def test_staff_see_no_secrets_and_can_send_again(admin_client: Client, developer: Developer, webhook: Make) -> None:
    made = webhook("*", url=f"https://example.com/hooks/{KEY}")
    record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    (endpoint,), (delivery,) = Endpoint.objects.all(), Delivery.objects.all()
    Delivery.objects.update(state="failed")
    pages = [
        f"/admin/webhooks/{page}"
        for page in (
            "endpoint/",
            f"endpoint/{endpoint.pk}/change/",
            "message/",
            "delivery/",
            "delivery/?state__exact=failed",
            f"delivery/{delivery.pk}/change/",
        )
    ]
    for page in pages:
        answer = admin_client.get(page)
        assert answer.status_code == 200, page
        shown = answer.content.decode()
        assert KEY not in shown and endpoint.sealed not in shown and made["secret"] not in shown
    chosen = {"action": "send_again", "_selected_action": [str(delivery.pk)]}
    answer = admin_client.post("/admin/webhooks/delivery/", chosen, follow=True)
    assert "1 deliveries are sent again" in answer.content.decode()
    assert states() == ["pending"]
    answer = admin_client.post("/admin/webhooks/delivery/", chosen, follow=True)
    assert "still on its way" in answer.content.decode()


@pytest.mark.parametrize("name", ["sealed", "url"])
def test_nobody_guesses_them_by_searching(admin_client: Client, webhook: Make, name: str) -> None:
    webhook("*")
    found = admin_client.get(f"/admin/webhooks/endpoint/?{name}__startswith=g")
    assert found.status_code in {302, 400}
