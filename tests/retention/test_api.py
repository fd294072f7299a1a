"""Periods over HTTP."""

from typing import Any

import pytest

from agents.models import Developer, ModelUsage
from agents.retention.checks import check_kinds
from agents.retention.periods import get_period
from julep_project.env import InvalidSetting, env_days
from tests.api_client import ApiClient


def period(api: ApiClient, kind: str) -> dict[str, Any]:
    """The period of a kind."""
    found: dict[str, Any] = api.get(f"/retention/{kind}").json()
    return found


def test_a_period_is_set_and_forgotten(api: ApiClient, settings: Any) -> None:
    settings.RETENTION_DAYS = {"runs": 90}
    assert (period(api, "runs")["days"], period(api, "runs")["is_default"]) == (90, True)
    answer = api.put("/retention/runs", {"days": 7})
    assert (answer.status_code, answer.json()["days"], answer.json()["is_default"]) == (200, 7, False)
    assert api.put("/retention/runs", {"days": None}).json()["days"] is None
    listed = {one["kind"]: one["days"] for one in api.get("/retention").json()["items"]}
    assert listed == {**dict.fromkeys(listed), "runs": None}
    assert api.delete("/retention/runs").json()["days"] == 90
    acts = api.get("/audit", {"object_kind": "retention"}).json()["items"]
    assert [(act["before"], act["after"]) for act in acts] == [
        ({"days": None}, {"days": 90}),
        ({"days": 7}, {"days": None}),
        ({"days": 90}, {"days": 7}),
    ]


@pytest.mark.parametrize("days", [0, -1, 36_501, "many", 1.5, True])
def test_days_that_are_none(api: ApiClient, days: Any) -> None:
    assert api.put("/retention/runs", {"days": days}).status_code == 422
    assert api.put("/retention/runs", {}).status_code == 422


def test_a_kind_that_there_is_not(api: ApiClient) -> None:
    for answer in (
        api.get("/retention/dreams"),
        api.put("/retention/dreams", {"days": 1}),
        api.delete("/retention/dreams"),
    ):
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Retention period not found")


def test_a_dry_run_counts_and_removes_nothing(api: ApiClient, developer: Developer) -> None:
    for _ in range(3):
        ModelUsage.objects.create(developer=developer, model="m", folded=True, created_at="2020-01-01T00:00:00Z")
    api.put("/retention/calls", {"days": 1})
    due = {one["kind"]: one.get("due") for one in api.get("/retention", {"dry_run": "true"}).json()["items"]}
    assert (due["calls"], due["runs"], ModelUsage.objects.count()) == (3, None, 3)
    assert "due" not in api.get("/retention").json()["items"][0]
    assert api.get("/retention", {"dry_run": "perhaps"}).status_code == 422


def test_periods_are_those_of_one_developer(api: ApiClient, stranger: Developer) -> None:
    api.put("/retention/runs", {"days": 7})
    assert get_period(stranger, "runs").days is None


@pytest.mark.parametrize("text", ["runs", "runs=", "=3", "runs=0", "runs=-1", "runs=1.5", "runs=36501", "runs=²"])
def test_a_setting_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("RETENTION_DAYS", text)
    with pytest.raises(InvalidSetting, match="RETENTION_DAYS"):
        env_days("RETENTION_DAYS")


def test_a_setting(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("RETENTION_DAYS", " runs = 90 , calls=365,")
    assert env_days("RETENTION_DAYS") == {"runs": 90, "calls": 365}
    settings.RETENTION_DAYS = {"runs": 1, "dreams": 2}
    assert [error.id for error in check_kinds(None)] == ["julep.E040"]
