"""Limits and usage over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Developer, ModelUsage
from agents.spending import folding, ledger, limits
from agents.spending.models import LimitScope, SpendingLimit, SpendingTotal, UsageDay
from agents.spending.periods import bounds, today
from julep_project.core.database import execute
from julep_project.core.errors import Forbidden
from julep_project.core.process.remembered import forget_everything
from sessions.context.chat_request import ChatRequest
from sessions.context.conversation import load_conversation
from tests.api_client import ApiClient
from tests.spending.test_ledger import limit, make_call, spend

MINE = {"scope": "developer", "period": "month", "amount": 2.5}


def test_a_limit_is_made_shown_changed_reset_and_removed(api: ApiClient, developer: Developer) -> None:
    spend(make_call(developer), "0.75")
    made = api.post("/limits", MINE)
    assert made.status_code == 201
    body = made.json()
    limit_id = body["id"]
    assert {name: body[name] for name in ("scope", "scope_id", "period", "amount", "is_fixed")} == {
        **MINE, "scope_id": None, "is_fixed": False,
    }  # fmt: skip
    assert (body["spent"], body["reserved"], body["left"]) == (0.75, 0, 1.75)
    assert body["resets_at"] == f"{bounds('month', today())[1]}T00:00:00.000Z"
    ledger.reserve(make_call(developer), lambda: Decimal("0.25"))
    assert api.get("/limits").json()["items"] == [api.get(f"/limits/{limit_id}").json()]
    assert api.get(f"/limits/{limit_id}").json()["reserved"] == 0.25
    assert api.patch(f"/limits/{limit_id}", {"amount": 1}).json()["left"] == 0
    assert api.put(f"/limits/{limit_id}", {"amount": 4}).json()["left"] == 3
    assert api.put(f"/limits/{limit_id}", {}).status_code == 422
    reset = api.post(f"/limits/{limit_id}/reset")
    assert (reset.status_code, reset.json()["spent"], reset.json()["left"]) == (200, 0, 3.75)
    assert api.delete(f"/limits/{limit_id}").status_code == 202
    assert api.get(f"/limits/{limit_id}").status_code == 404
    assert api.get("/limits").json() == {"items": []}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"amount": -1}, 422),
        ({"amount": "NaN"}, 422),
        ({"amount": True}, 422),
        ({"amount": 1e30}, 422),
        ({"amount": None}, 422),
        ({"period": "week"}, 422),
        ({"scope": "planet"}, 422),
        ({"scope": "session"}, 400),
        ({"scope": "session", "scope_id": "x"}, 422),
        ({"scope_id": str(uuid4())}, 400),
    ],
)
def test_bad_limits(api: ApiClient, change: dict[str, Any], status: int) -> None:
    answer = api.post("/limits", {**MINE, **change})
    assert answer.status_code == status, answer.json()
    assert not SpendingLimit.objects.exists()


def test_a_scope_has_one_limit_of_a_period(api: ApiClient) -> None:
    assert api.post("/limits", MINE).status_code == 201
    answer = api.post("/limits", MINE)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "false")
    assert "A limit for this scope and period already exists" in answer.json()["error"]["message"]
    assert api.post("/limits", {**MINE, "period": "day"}).status_code == 201


def test_what_the_operator_has_set_cannot_be_changed(api: ApiClient, developer: Developer) -> None:
    row = limit(developer, "1", is_fixed=True)
    assert api.get(f"/limits/{row.pk}").json()["is_fixed"] is True
    for answer in (
        api.patch(f"/limits/{row.pk}", {"amount": 9}),
        api.delete(f"/limits/{row.pk}"),
        api.post(f"/limits/{row.pk}/reset"),
    ):
        assert answer.status_code == 403
    assert SpendingLimit.objects.get().amount == 1


def test_limits_of_others_are_not_there(api: ApiClient, stranger: Developer) -> None:
    row = limit(stranger, "1")
    for method, path, body in [
        ("GET", "", None), ("PUT", "", {"amount": 1}), ("PATCH", "", {"amount": 1}), ("DELETE", "", None),
        ("POST", "/reset", None),
    ]:  # fmt: skip
        assert api.send(method, f"/limits/{row.pk}{path}", body).status_code == 404
    assert api.get("/limits").json() == {"items": []}
    assert api.get("/usage").json()["items"] == []


def test_the_list_takes_as_many_queries_whatever_its_length(api: ApiClient, developer: Developer) -> None:
    counts = []
    for _ in range(2):
        for _ in range(4):
            limit(developer, "1", LimitScope.SESSION, uuid4())
        api.get("/limits")
        with CaptureQueriesContext(connection) as queries:
            api.get("/limits")
        counts.append(len(queries))
    assert counts[0] == counts[1]


class TestFreeTier:
    @pytest.fixture
    def free(self, developer: Developer) -> Iterator[Developer]:
        Developer.objects.filter(pk=developer.pk).update(tags=[])
        developer.tags = []
        forget_everything()
        yield developer
        forget_everything()

    def test_its_limit_is_in_force(self, free: Developer, settings: Any) -> None:
        settings.FREE_TIER_COST_LIMIT = Decimal("0.5")
        spend(make_call(free), "0.25")
        assert limits.is_over(free) is False
        [state] = limits.states(free, [], with_free_tier=True)
        assert (state.row, state.amount, state.spent, state.left) == (
            None,
            Decimal("0.5"),
            Decimal("0.25"),
            Decimal("0.25"),
        )
        spend(make_call(free), "0.25")
        # Strictly above: exactly as much as there is, is not over.
        assert limits.is_over(free) is False
        with pytest.raises(Exception, match="Cost limit exceeded") as refused:
            spend(make_call(free), "0.25")
        assert refused.value.limits == (None,)  # type: ignore[attr-defined]
        spend(make_call(free, is_callers=True), "7")
        assert limits.is_over(free) is False
        SpendingTotal.objects.update(spent=Decimal("0.500000001"))
        with CaptureQueriesContext(connection) as queries:
            assert limits.is_over(free) is True
        assert len(queries) == 1

    def test_it_is_of_nobody_who_pays(self, developer: Developer, settings: Any) -> None:
        settings.FREE_TIER_COST_LIMIT = Decimal(0)
        spend(make_call(developer), "5")
        assert limits.is_over(developer) is False
        assert not SpendingTotal.objects.exists()

    def test_nobody_knows_what_an_unknown_price_comes_to(self, free: Developer, settings: Any) -> None:
        settings.UNKNOWN_PRICE_USD = None
        assert limits.is_over(free) is False
        spend(make_call(free), None)
        assert limits.is_over(free) is None
        settings.UNKNOWN_PRICE_USD = Decimal("0.01")
        assert limits.is_over(free) is False

    @pytest.mark.parametrize("more", [0, 1])
    def test_sessions(self, api: ApiClient, free: Developer, agent: dict[str, Any], settings: Any, more: int) -> None:
        settings.MAX_FREE_SESSIONS = 2
        ids = [api.post("/sessions", {"agent": agent["id"]}).json()["id"] for _ in range(2 + more)]
        asked = ChatRequest.read({"messages": [{"role": "user", "content": "Hi"}]})
        if not more:
            assert load_conversation(free, UUID(ids[0]), asked).session
            return
        with pytest.raises(Forbidden, match="2 sessions"):
            load_conversation(free, UUID(ids[0]), asked)
        assert load_conversation(Developer(pk=free.pk, tags=["paid"]), UUID(ids[0]), asked).session

    def test_executions(self, api: ApiClient, free: Developer, agent: dict[str, Any], settings: Any) -> None:
        settings.MAX_FREE_EXECUTIONS = 1
        tasks = f"/agents/{agent['id']}/tasks"
        one, other = (
            f"/tasks/{api.post(tasks, {'name': name, 'main': [{'return': {}}]}).json()['id']}/executions"
            for name in ("one", "other")
        )
        assert [api.post(one, {"input": {}}).status_code for _ in range(3)] == [201, 201, 403]
        assert api.post(other, {"input": {}}).status_code == 201
        refused = api.post(one, {"input": {}}).json()["error"]
        assert (refused["code"], refused["type"]) == ("http_403", "http_error")


class TestUsage:
    @pytest.fixture
    def ids(self, developer: Developer) -> dict[str, UUID]:
        """Calls of two sessions, some folded, one of a day before, one under way."""
        ids = {"one": uuid4(), "two": uuid4()}
        spend(make_call(developer, session_id=ids["one"], agent_id=ids["one"]), "1")
        spend(make_call(developer, session_id=ids["one"]), None)
        execute("UPDATE agents_modelusage SET created_at = created_at - interval '1 day'")
        folding.fold()
        spend(make_call(developer, session_id=ids["one"]), "2")
        spend(make_call(developer, session_id=ids["two"], is_callers=True), "4")
        folding.fold()
        spend(make_call(developer, session_id=ids["two"]), "8")
        limit(developer, "1000")
        ledger.reserve(make_call(developer, session_id=ids["two"]), lambda: Decimal(1))
        return ids

    def test_by_day(self, api: ApiClient, ids: dict[str, UUID]) -> None:
        yesterday, tomorrow = today() - timedelta(days=1), today() + timedelta(days=1)
        body = api.get("/usage", {"start": yesterday.isoformat()}).json()
        assert [row["day"] for row in body["items"]] == [today().isoformat(), yesterday.isoformat()]
        assert [row["cost"] for row in body["items"]] == [10, 1]
        assert body["total"] == {
            "calls": 5, "unpriced_calls": 1, "own_key_calls": 1, "prompt_tokens": 50, "completion_tokens": 25,
            "total_tokens": 75, "cost": 11,
        }  # fmt: skip
        days = {"start": today().isoformat(), "end": tomorrow.isoformat()}
        assert api.get("/usage", days).json()["total"]["calls"] == 3
        assert api.get("/usage", {"start": tomorrow.isoformat()}).json()["total"] == {
            "calls": 0, "unpriced_calls": 0, "own_key_calls": 0, "prompt_tokens": 0, "completion_tokens": 0,
            "total_tokens": 0, "cost": None,
        }  # fmt: skip

    def test_by_several(self, api: ApiClient, ids: dict[str, UUID]) -> None:
        start = (today() - timedelta(days=1)).isoformat()
        query = {"start": start, "group_by": "session,model", "session_id": str(ids["one"])}
        [row] = api.get("/usage", query).json()["items"]
        assert (row["session_id"], row["model"], row["calls"], row["cost"]) == (str(ids["one"]), "some-model", 3, 3)
        by_session = api.get("/usage", f"start={start}&group_by=session&group_by=agent&limit=2").json()["items"]
        rest = api.get("/usage", f"start={start}&group_by=session&group_by=agent&limit=2&offset=2").json()["items"]
        assert len({(row["session_id"], row["agent_id"]) for row in [*by_session, *rest]}) == 3
        assert sum(row["cost"] or 0 for row in [*by_session, *rest]) == 11

    def test_as_a_table(self, api: ApiClient, developer: Developer, ids: dict[str, UUID]) -> None:
        ModelUsage.objects.filter(folded=False).update(model="=1+1")
        answer = api.get("/usage", {"group_by": "model", "format": "csv"})
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        header, *lines = answer.content.decode().splitlines()
        assert header.startswith("model,calls,")
        assert any(line.startswith("'=1+1,1,") for line in lines)

    def test_it_stays_when_single_rows_are_removed(self, api: ApiClient, ids: dict[str, UUID]) -> None:
        start = {"start": (today() - timedelta(days=1)).isoformat()}
        folding.fold()
        before = api.get("/usage", start).json()
        ModelUsage.objects.filter(folded=True).delete()
        assert api.get("/usage", start).json() == before
        assert UsageDay.objects.count() == 5

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({"group_by": "day;drop table"}, 422),
            ({"start": "soon"}, 422),
            ({"start": "2026-01-02", "end": "2026-01-02"}, 400),
            ({"agent_id": "x"}, 422),
            ({"limit": "1001"}, 400),
            ({"offset": "-1"}, 400),
        ],
    )
    def test_bad_questions(self, api: ApiClient, query: dict[str, str], status: int) -> None:
        assert api.get("/usage", query).status_code == status
