"""What a tool says of its calls: stored, shown, kept, refused where it is wrong, and held to."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.calls.models import Call
from agents.calls.recorder import RECORDER
from agents.models import Developer
from agents.tool_kinds import ALL_KINDS, CLIENT_RUN
from agents.tool_types import ToolType
from agents.tools.errors import ToolError
from agents.tools.properties.properties import Properties, Rate, properties_of
from agents.tools.properties.turns import RateExceeded
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from executions.models import Branch
from julep_project.core.rates import calls
from julep_project.core.redis_client import redis_client
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

PAGE = (Path(__file__).parents[3] / "docs" / "tools.md").read_text()
ECHO = {"name": "echo", "type": "integration", "integration": {"provider": "dummy"}}
FUNCTION = {"type": "function", "integration": None}
SAID = {"effect": "dangerous", "timeout": 2.5, "rate": {"calls": 10, "per": "minute"}, "approval": "always"}


@pytest.fixture(autouse=True)
def own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_PREFIX", f"julep:calls:{uuid4()}:")
    # Who waits is told to look again as late as may be.
    monkeypatch.setattr(calls, "random", lambda: 1.0)


def pass_time(seconds: float) -> None:
    """Let all calls that were counted, and all that were told to wait, be so long ago."""
    for name in redis_client().scan_iter(f"{calls._PREFIX}*"):
        for member in redis_client().zrange(name, 0, -1):
            redis_client().zincrby(name, -seconds * 1000, member)


def test_the_example_of_the_page(api: ApiClient, agent: dict[str, Any]) -> None:
    (example,) = re.findall(r"<!-- example: properties -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    body = json.loads(example)
    made = api.post(f"/agents/{agent['id']}/tools", body).json()
    said = {name: body[name] for name in ("effect", "approval", "timeout", "rate")}
    assert made.items() >= said.items()
    known = properties_of(made)
    assert (known.effect, known.idempotent, known.rate) == ("dangerous", False, Rate(10, "minute"))


def test_it_is_stored_and_kept(api: ApiClient, agent: dict[str, Any]) -> None:
    url = f"/agents/{agent['id']}/tools"
    made = api.post(url, {**ECHO, **SAID, "idempotent": False}).json()
    said = {**SAID, "at_most_once": True}
    assert made.items() >= said.items() and "idempotent" not in made
    path = f"{url}/{made['id']}"
    changed = api.patch(path, {"effect": "changes", "description": "says it again", "at_most_once": False}).json()
    assert changed.items() >= {**SAID, "effect": "changes"}.items()
    assert "at_most_once" not in changed
    assert (
        api.get(path).json()
        == api.get(url).json()["items"][0]
        == {name: value for name, value in changed.items() if name not in ("warnings", "jobs")}
    )
    replaced = api.put(path, ECHO).json()
    assert not said.keys() & replaced.keys()


def test_a_task_keeps_those_of_its_own_tools(api: ApiClient, agent: dict[str, Any]) -> None:
    body = {"name": "t", "main": [{"tool": "echo"}], "tools": [{**ECHO, **SAID, "idempotent": False}]}
    made = api.post(f"/agents/{agent['id']}/tasks", body).json()
    (tool,) = api.get(f"/tasks/{made['id']}").json()["tools"]
    assert tool.items() >= {**SAID, "at_most_once": True}.items()


@pytest.mark.parametrize(
    ("said", "loc", "kind"),
    [
        ({"effect": "harmless"}, "effect", "enum"),
        ({"effect": ["reads"]}, "effect", "enum"),
        ({"idempotent": "yes"}, "idempotent", "bool_type"),
        ({"idempotent": True, "at_most_once": True}, "idempotent", "value_error"),
        ({"timeout": 0}, "timeout", "greater_than_equal"),
        ({"timeout": True}, "timeout", "float_type"),
        ({"timeout": 1e9}, "timeout", "less_than_equal"),
        ({"timeout": 10**400}, "timeout", "less_than_equal"),
        ({"rate": 5}, "rate", "dict_type"),
        ({"rate": {"calls": 5}}, "rate.per", "missing"),
        ({"rate": {"calls": 0, "per": "hour"}}, "rate.calls", "greater_than_equal"),
        ({"rate": {"calls": 10_001, "per": "hour"}}, "rate.calls", "less_than_equal"),
        ({"rate": {"calls": 5, "per": "year"}}, "rate.per", "enum"),
        ({"rate": {"calls": 5, "per": "day", "burst": 2}}, "rate.burst", "extra_forbidden"),
        ({**FUNCTION, "rate": {"calls": 5, "per": "day"}}, "rate", "value_error"),
        ({**FUNCTION, "timeout": 5}, "timeout", "value_error"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(api: ApiClient, agent: dict[str, Any], said: Any, loc: str, kind: str) -> None:
    answer = api.post(f"/agents/{agent['id']}/tools", {**ECHO, **said})
    assert answer.status_code == 422
    assert [(each["loc"], each["type"]) for each in answer.json()["error"]["details"]] == [(loc, kind)]


def system(resource: str, operation: str) -> dict[str, Any]:
    return {"type": "system", "system": {"resource": resource, "operation": operation}}


def api_call(method: str) -> dict[str, Any]:
    return {"type": "api_call", "api_call": {"method": method, "url": "https://example.com"}}


def of_server(**facts: Any) -> dict[str, Any]:
    return {"type": "mcp", "mcp": {"name": "t", "pin": "0", **facts}}


@pytest.mark.parametrize(
    ("tool", "effect"),
    [
        (system("agent", "list"), "reads"),
        (system("agent", "create"), "changes"),
        (system("agent", "delete"), "dangerous"),
        (api_call("GET"), "reads"),
        (api_call("POST"), "changes"),
        (api_call("DELETE"), "dangerous"),
        ({"type": "integration", "integration": {"provider": "wikipedia"}}, "reads"),
        ({"type": "integration", "integration": {"provider": "email"}}, "dangerous"),
        ({"type": "integration", "integration": {"provider": "google_sheets", "method": "write_values"}}, "changes"),
        (of_server(), "changes"),
        (of_server(destructive=True), "dangerous"),
        ({**of_server(destructive=True), "effect": "reads"}, "reads"),
        ({"type": "function", "function": {}}, "changes"),
        ({"type": "bash_20241022"}, "dangerous"),
    ],
)
def test_what_is_usual_for_a_kind(tool: dict[str, Any], effect: str) -> None:
    assert properties_of(tool) == Properties(effect, idempotent=True, approval="never")  # type: ignore[arg-type]


def test_what_is_declared() -> None:
    rate = Rate(10, "minute")
    declared = Properties("dangerous", False, "always", 2.5, rate)  # type: ignore[arg-type]
    assert properties_of({**ECHO, **SAID, "at_most_once": True}) == declared


def test_every_kind_is_run_by_one_side() -> None:
    assert set(ToolType.values) == set(ALL_KINDS) > CLIENT_RUN


def test_a_timeout_bounds_the_call(settings: Any, web_server: WebServer, db: None) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    slow = web_server.script("/slow", Reply(delay_s=2))
    tool = {"name": "slow", **api_call("GET"), "timeout": 0.2}
    tool["api_call"]["url"] = slow
    with pytest.raises(ToolError, match=r"within 0.2 s"):
        run_tool(Caller(Developer.objects.get(), "k", timeout_s=9), WantedCall(tool, {}))


def test_a_run_waits_for_its_turn_and_uses_up_no_attempt(flow: FlowRunner) -> None:
    flow.time_passes = False
    own = {**ECHO, "rate": {"calls": 2, "per": "minute"}}
    main = [{"over": "$ range(5)", "map": {"tool": "echo", "arguments": {"n": "$ _"}}, "parallelism": 5}]
    made = flow.create({"main": main, "tools": [own]}).json()
    run = flow.start(made["id"], {})

    waiting = Branch.objects.filter(execution=run["id"], status="calling")
    assert [held["by"] for held in waiting.values_list("held_up", flat=True)] == ["the rate of a tool"] * 3
    assert set(waiting.values_list("effect__attempts", flat=True)) == {0}
    # Two in the next minute, one in the one after that, which looks in between.
    third, first, second = sorted((each.wake_at - each.updated_at).total_seconds() / 60 for each in waiting)
    assert 0.45 < third <= 1 and 0.9 < first <= second <= 1.02
    assert sum("again in 120 s" in held["error"] for held in waiting.values_list("held_up", flat=True)) == 1

    for _ in range(2):
        pass_time(62)
        flow.dispatcher.run_to_rest(UUID(run["id"]), max_wakes=3)
    ended = flow.api.get(f"/executions/{run['id']}").json()
    assert (ended["status"], ended["output"]) == ("succeeded", [{"n": n} for n in range(5)])


def test_a_call_whose_turn_never_comes_is_recorded(db: None) -> None:
    tool = {**ECHO, "rate": {"calls": 1, "per": "minute"}}
    developer = Developer.objects.get()
    run_tool(Caller(developer, "a"), WantedCall(tool, {"n": 1}))
    for key, told in (("b", {}), ("c", {"patience_s": 70.0}), ("d", {"comes_again": True}), ("e", {"patience_s": 9.0})):
        with pytest.raises(RateExceeded):
            run_tool(Caller(developer, key, **told), WantedCall(tool, {"n": 2}))
    RECORDER.flush()
    refused = Call.objects.filter(error_type="RateExceeded").order_by("id")
    assert list(refused.values_list("key", "status")) == [("b", "failed"), ("e", "failed")]


ONE_A_MINUTE = {**ECHO, "rate": {"calls": 1, "per": "minute"}}


def minutes(name: str, patience_s: float | None = None) -> int:
    """In how many minutes a call has its turn that comes now, of a run if it is not said for how long it waits; 0: it
    was made."""
    how: dict[str, Any] = {"comes_again": True} if patience_s is None else {"patience_s": patience_s}
    try:
        run_tool(Caller(Developer.objects.get(), name, **how), WantedCall(ONE_A_MINUTE, {"n": 2}))
    except RateExceeded as refused:
        told = int(refused.message.split()[-2])
        # Who has a place looks in between.
        assert (refused.wait_s or 0) <= 60 or patience_s is not None
        return 1 + told // 61
    return 0


def places() -> int:
    return sum(redis_client().zcard(name) for name in redis_client().scan_iter(f"{calls._PREFIX}*:places"))


def test_who_does_not_come_again_keeps_nobody_waiting(db: None) -> None:
    assert minutes("a") == 0
    assert [minutes(f"chat {number}", patience_s=9.0) for number in range(20)] == [1] * 20
    assert [minutes(name) for name in ("run 1", "run 2", "run 1")] == [1, 2, 1]
    pass_time(60)
    assert minutes("run 1") == 0


def test_who_waits_is_not_overtaken(db: None) -> None:
    assert [minutes(name) for name in ("a", "run 1", "run 2")] == [0, 1, 2]
    assert minutes("chat", patience_s=200.0) == 3
    waiting: dict[str, float | None] = {"run 1": None, "run 2": None, "chat": 200.0}
    while waiting:
        pass_time(30)
        assert [minutes(name, patience_s) for name, patience_s in waiting.items()] == list(range(1, len(waiting) + 1))
        pass_time(30)
        # There is a turn, and it is kept, whoever comes first.
        assert [minutes("late", patience_s=9.0), minutes("later", patience_s=0.0)] == [len(waiting)] * 2
        first, patience_s = next(iter(waiting.items()))
        assert minutes(first, patience_s) == 0
        del waiting[first]
    assert places() == 0


def test_places_to_which_nobody_comes_are_gone(db: None) -> None:
    assert [minutes("a"), *(minutes(f"run {number}") for number in range(30))] == list(range(31))
    assert places() == 30
    # The last would have its turn in half an hour; but who waits looks each minute.
    pass_time(60 + 16)
    assert (minutes("new", patience_s=0.0), places()) == (0, 0)


def test_a_turn_that_nobody_takes_is_for_whoever_comes(db: None) -> None:
    assert [minutes("a"), minutes("run 1")] == [0, 1]
    pass_time(61)
    assert minutes("new", patience_s=0.0) == 1
    pass_time(15)
    assert minutes("new", patience_s=0.0) == 0
