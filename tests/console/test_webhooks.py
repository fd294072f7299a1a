"""Webhooks of all developers, and what was sent to them."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from agents.audit.models import AuditRecord
from agents.models import Developer
from agents.webhooks.models import Delivery, Endpoint
from agents.webhooks.recording import record
from agents.webhooks.services import DISABLED_BY_HAND
from agents.webhooks.types import EventType
from julep_project.core.clock import now
from tests.api_client import ApiClient
from tests.console.conftest import HOSTILE, number_in, once

KEY = "a-key-that-nobody-else-may-see"
RUN = UUID("0199c1d2-0000-7000-8000-000000000001")


@pytest.fixture
def endpoint(api: ApiClient, settings: object) -> Endpoint:
    """One that was told of a run: of its beginning in vain, and its end waits for nothing."""
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()  # type: ignore[attr-defined]
    url, text = f"https://example.com/hooks/{KEY}", HOSTILE.replace("\u0007", "")
    made = api.post("/webhooks", {"url": url, "events": ["*"], "description": text})
    assert made.status_code == 201, made.json()
    (developer,) = Developer.objects.all()
    for type_ in (EventType.EXECUTION_STARTED, EventType.EXECUTION_SUCCEEDED):
        record(developer.pk, type_, RUN, {"id": str(RUN), "metadata": {"customer": "acme"}})
    first = Delivery.objects.get(message__type="execution.started")
    log = [{"at": "2026-01-31T12:00:00.123+00:00", "took_ms": 7, "status": 500, "error": "the receiver answered 500"}]
    told = {"state": "failed", "tries": 1, "status": 500, "error": "the receiver answered 500", "log": log}
    Delivery.objects.filter(pk=first.pk).update(**told, excerpt=HOSTILE)
    return Endpoint.objects.get()


def test_lists_say_how_they_stand(operator: Client, viewer: Client, endpoint: Endpoint) -> None:
    Endpoint.objects.update(failures=30)
    page = operator.get("/admin/webhooks/").content.decode()
    assert "example.com/hooks/***" in page and "&lt;script&gt;" in page and "⟪U+202E⟫" in page
    assert '<td class="number">1</td>' in page and "failing" in page
    for client in (operator, viewer):
        for path in ("", "?format=json", "?format=csv", f"{endpoint.pk}/", f"{endpoint.pk}/?format=csv"):
            shown = client.get(f"/admin/webhooks/{path}").content.decode()
            assert KEY not in shown and endpoint.sealed not in shown
    (item,) = operator.get("/admin/webhooks/?state=failing&format=json").json()["items"]
    assert (item["waiting"], item["lost"], item["failures"]) == (1, 1, 30)
    for nobody in ("?state=disabled", "?developer=nobody@example.com"):
        assert "No webhook" in operator.get(f"/admin/webhooks/{nobody}").content.decode()


def test_the_overview_says_what_does_not_arrive(operator: Client, endpoint: Endpoint) -> None:
    def overview() -> str:
        return operator.get("/admin/").content.decode()

    for changes, said in (
        (
            {"failures": 3, "failing_since": now() - timedelta(hours=1)},
            "1 webhook has failed for more than ten minutes",
        ),
        ({"is_full": True}, "1 webhook has too much before it"),
        ({"enabled": False, "disabled_at": now(), "disabled_reason": "x"}, "1 webhook was disabled within a day"),
    ):
        assert said not in overview()
        Endpoint.objects.update(**changes)
        assert said in overview()
    Endpoint.objects.update(disabled_reason=DISABLED_BY_HAND)
    assert said not in overview()


def test_deliveries_are_narrowed_and_read(operator: Client, viewer: Client, endpoint: Endpoint) -> None:
    path = f"/admin/webhooks/{endpoint.pk}/"

    def types(query: str) -> list[str]:
        return [one["type"] for one in operator.get(f"{path}?format=json&{query}").json()["items"]]

    assert sorted(types("")) == ["execution.started", "execution.succeeded"]
    assert types("state=failed") == types("type=execution.started") == ["execution.started"]
    assert (
        types("state=not_arrived") == types("state=failed") and types("state=delivered") == types("state=dropped") == []
    )
    assert types(f"subject={RUN}&since=-1h") == types("") and types("until=2026-01-01") == []
    failed, waiting = (Delivery.objects.get(state=state) for state in ("failed", "waiting"))
    page = operator.get(f"/admin/deliveries/{failed.pk}/").content.decode()
    assert "2026-01-31 12:00:00" in page and "7 ms" in page and "acme" in page and "&lt;script&gt;" in page
    page = viewer.get(f"/admin/deliveries/{failed.pk}/").content.decode()
    assert "the receiver answered 500" in page and "acme" not in page and "&lt;script&gt;" not in page
    assert "nothing: it goes soon" in viewer.get(f"/admin/deliveries/{waiting.pk}/").content.decode()
    for wrong, status in (
        ("?state=x", 400),
        ("?subject=x", 400),
        ("?after=x", 400),
        (f"../{RUN}/", 404),
        ("?since=0001-01-01T00:00%2B14:00", 400),
    ):
        assert operator.get(path + wrong).status_code == status


def test_what_did_not_arrive_is_sent_again(operator: Client, endpoint: Endpoint) -> None:
    path, failed = f"/admin/webhooks/{endpoint.pk}/", Delivery.objects.get(state="failed")
    again = f"/admin/deliveries/{failed.pk}/replay/"
    assert "It is sent again" in operator.post(again, once(), follow=True).content.decode()
    page = operator.post(again, once(), follow=True).content.decode()
    assert "still on its way" in page
    assert "told nothing more" in operator.post(f"{path}disable/", follow=True).content.decode()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"dropped"}
    lost = {"state": ["failed", "dropped"], "since": "2026-01-01T00:00"}
    assert "enable it first" in operator.post(f"{path}replay/", once(**lost), follow=True).content.decode()
    assert "is told of what happens" in operator.post(f"{path}enable/", follow=True).content.decode()
    assert "2 are sent again" in operator.post(f"{path}replay/", once(**lost), follow=True).content.decode()
    for wrong in ({}, {"state": "pending"}, {**lost, "since": "9" * 5000}):
        assert operator.post(f"{path}replay/", wrong).status_code == 400
    assert "what became of it" in operator.post(f"{path}test/", once(), follow=True).content.decode()
    acts = AuditRecord.objects.filter(object_kind="webhook", actor_label="operator").order_by("pk")
    assert list(acts.values_list("verb", flat=True)) == ["retry", "update", "update", "retry", "ring"]


def test_only_administrators_get_a_new_secret(staff: Callable[[str], Client], endpoint: Endpoint) -> None:
    path = f"/admin/webhooks/{endpoint.pk}/"
    assert "New secret" not in staff("operator").get(path).content.decode()
    assert "New secret" in staff("administrator").get(path).content.decode()
    administrator = staff("administrator")
    sent = {"overlap": "3600", "number": number_in(administrator.get(path).content.decode(), "rotate")}
    answer = administrator.post(f"{path}rotate/", sent)
    assert "whsec_" in answer.content.decode() and "no-store" in answer.headers["Cache-Control"]
    assert "was sent before" in administrator.post(f"{path}rotate/", sent, follow=True).content.decode()
    assert "whsec_" not in staff("administrator").get(path).content.decode()
    changed = Endpoint.objects.get()
    assert (changed.previous_sealed, changed.previous_until is None) == (endpoint.sealed, False)
