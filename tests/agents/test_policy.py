"""The policy of an agent: what it may say, and who may change it."""

from typing import Any

import pytest

from agents.audit.models import AuditRecord
from agents.models import Developer
from agents.policy.influence import Influence
from agents.policy.policy import DEFAULT_POLICY
from agents.policy.sources import NOWHERE, OF_USER, OF_WEB, Sources
from agents.tools.approval import ApprovalNeeded
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from tests.api_client import ApiClient

POLICY = {"tainted": ["docs", "web"], "allow": ["note", "pay.text"]}


def test_it_is_kept_and_told_where_there_is_one(api: ApiClient) -> None:
    agent = api.post("/agents", {"name": "Ada"}).json()
    assert "policy" not in agent
    path = f"/agents/{agent['id']}"

    changed = api.patch(path, {"policy": {**POLICY, "tainted": ["web", "docs", "web"]}}).json()
    assert changed["policy"] == api.get(path).json()["policy"] == POLICY
    assert api.patch(path, {"about": "x"}).json()["policy"] == POLICY
    assert "policy" not in api.patch(path, {"policy": None}).json()

    first, *_, last = AuditRecord.objects.filter(verb="update", object_id=agent["id"]).order_by("id")
    assert (first.before["policy"], first.after["policy"]) == (None, POLICY)
    assert (last.before["policy"], last.after["policy"]) == (POLICY, None)


@pytest.mark.parametrize(
    "policy",
    [{"tainted": ["mail"]}, {"tainted": "web"}, {"allow": ["a b"]}, {"allow": ["a.b.c"]}, {"refuse": []}, [], "web"],
)
def test_what_is_no_policy_is_refused(api: ApiClient, policy: Any) -> None:
    response = api.post("/agents", {"name": "Ada", "policy": policy})
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["loc"].startswith("policy")


@pytest.mark.parametrize("operation", ["patch", "update"])
def test_no_tool_changes_it(api: ApiClient, developer: Developer, operation: str) -> None:
    agent = api.post("/agents", {"name": "Ada", "policy": POLICY}).json()
    tool = {"name": "change", "type": "system", "system": {"resource": "agent", "operation": operation}}
    given = {"agent_id": agent["id"], "name": "Eve", "policy": {"tainted": []}}

    run_tool(Caller(developer, "k"), WantedCall(tool, given))

    found = api.get(f"/agents/{agent['id']}").json()
    assert (found["name"], found["policy"]) == ("Eve", POLICY)


@pytest.mark.parametrize(
    ("sources", "is_changed"), [(OF_WEB, False), (OF_USER, True), (NOWHERE, True)], ids=["web", "user", "nobody"]
)
def test_what_others_wrote_does_not_disarm_tools(
    api: ApiClient, developer: Developer, sources: Sources, is_changed: bool
) -> None:
    agent = api.post("/agents", {"name": "Ada"}).json()
    said = {"effect": "dangerous", "approval": "always"}
    pay = api.post(f"/agents/{agent['id']}/tools", {"name": "pay", "type": "function", "function": {}, **said}).json()
    spec = {"resource": "agent", "subresource": "tool", "operation": "patch"}
    given = {"agent_id": agent["id"], "tool_id": pay["id"], "effect": "reads", "approval": "never"}
    influence = Influence(DEFAULT_POLICY, sources)

    tool = {"name": "change", "type": "system", "system": spec}
    run_tool(Caller(developer, "k"), WantedCall(tool, given), influence=influence)

    changed = api.get(f"/agents/{agent['id']}/tools/{pay['id']}").json()
    assert (changed["effect"], changed.get("approval")) == (("reads", None) if is_changed else tuple(said.values()))


def test_whoever_says_nothing_of_a_dangerous_call_has_people_asked(developer: Developer) -> None:
    tool = {"name": "list", "type": "system", "system": {"resource": "agent", "operation": "list"}}
    assert run_tool(Caller(developer, "k"), WantedCall(tool, {})) == []
    with pytest.raises(ApprovalNeeded):
        run_tool(Caller(developer, "k"), WantedCall({**tool, "effect": "dangerous"}, {}))
