"""What the database tells of by itself beside runs, as whoever changes the row, in whatever scope."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from agents.models import Agent, Developer
from agents.spending import ledger
from agents.webhooks.models import Delivery, Message
from agents.webhooks.recording import record
from agents.webhooks.types import EventType
from julep_project.core.jobs.rows import JobState
from julep_project.core.tenancy import tenant_scope
from sessions.responses.models import StoredResponse
from sessions.responses.rows.store import cancel_response
from tests.spending.test_ledger import limit, make_call, spend
from tests.webhooks.conftest import Make
from tests.work.kinds import Bulks, Erasures, Ingestions, Jobs, Kind

TABLES = [Jobs, Ingestions, Erasures, Bulks]


def told() -> list[tuple[str, Any]]:
    return [(row.type, row.data) for row in Message.objects.order_by("number")]


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.ABORTED])
def test_of_every_table_of_jobs(
    webhook: Make, developer: Developer, kind: type[Kind], state: JobState, settings: Any
) -> None:
    webhook("job.*")
    made = kind()
    agent = Agent.objects.create(
        developer=developer, project=developer.projects.get(), name="a", canonical_name="owner_of_jobs"
    )
    (key,) = made.make(agent)
    rows = made.leases.model._base_manager.filter(pk=key)
    rows.update(progress=0.5, state=JobState.IN_PROGRESS)
    assert told() == []
    rows.update(state=state)
    name = rows.values_list("name", flat=True)[0]
    assert told() == [(f"job.{state}", {"id": str(key), "name": name, "state": state})]


@pytest.mark.parametrize(("in_background", "count"), [(True, 1), (False, 0)])
def test_of_responses_that_nobody_waits_for(
    webhook: Make, developer: Developer, in_background: bool, count: int
) -> None:
    webhook("response.*")
    body = {"background": in_background, "output": [], "status": "queued"}
    row = StoredResponse.objects.create(developer=developer, status="queued", body=body)
    cancel_response(developer, f"resp_{row.pk.hex}")
    assert told() == [("response.cancelled", {"id": f"resp_{row.pk.hex}"})] * count


def test_of_a_limit_that_is_reached_once(webhook: Make, developer: Developer) -> None:
    webhook("budget.*")
    row = limit(developer, "1")
    spend(make_call(developer), "0.6")
    assert told() == []
    under_way = [ledger.reserve(make_call(developer), lambda: Decimal("0.02")) for _ in range(2)]
    for reservation in under_way:
        ledger.settle(reservation, ledger.Used(10, 5, Decimal("0.5")))
    ((type_, data),) = told()
    assert (type_, data["id"], data["scope"]) == ("budget.reached", str(row.pk), "developer")
    assert (data["amount"], data["spent"]) == (1, 1.1)


def test_each_tenant_is_told_of_its_own(webhook: Make, developer: Developer, stranger: Developer) -> None:
    """In the scope of one, nothing of another is seen or written."""
    webhook("*")
    with tenant_scope(stranger.pk), transaction.atomic():
        record(stranger.pk, EventType.JOB_FAILED, UUID(int=1), {})
        assert not Delivery.objects.exists()
    with tenant_scope(developer.pk), transaction.atomic():
        record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
        assert Delivery.objects.count() == 1
    with tenant_scope(stranger.pk), transaction.atomic():
        assert not Message.objects.exists()
