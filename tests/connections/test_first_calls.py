"""Servers that people sign in to, as long as nobody has: all that calls one leads to the sign-in, and goes on then."""

from typing import Any

import pytest
from mcp_types import ToolAnnotations

from agents.llm.own.scripted import scripted_model
from agents.mcp import pinning, running
from agents.mcp.models import McpServer as ServerRow
from agents.tools.errors import ToolError
from agents.tools.mcp.client import list_tools
from agents.tools.mcp.listing import offered_name
from tests.chat.tools.test_calls import calls
from tests.connections.conftest import Json, Person
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import AuthorizationServer
from tests.loopback.mcp_server import McpServer

SIGN_IN = calls(("c1", "sea__sign_in", {}))
TIDE = calls(("c2", "sea__tide", {"port": "B"}))


@pytest.fixture
def sea(service: AuthorizationServer, harbour: McpServer) -> Json:
    service.said_issuer = service.url
    return {"name": "sea", "type": "mcp", "mcp": {"server": {"url": harbour.http, "connection": {}}}}


def an_agent(api: Any, *tools: Json, **fields: Any) -> str:
    agent = str(api.post("/agents", {"name": "Ada", "model": "scripted/one", **fields}).json()["id"])
    for tool in tools:
        assert api.post(f"/agents/{agent}/tools", tool).status_code == 201
    return agent


def started(flow: FlowRunner, agent: str, user: str, *steps: Json, tools: Any = ()) -> Json:
    task = flow.api.post(f"/agents/{agent}/tasks", {"name": "t", "main": list(steps), "tools": list(tools)})
    assert task.status_code == 201, task.json()
    return flow.start(task.json()["id"], {}, {"user_id": user})


def wait_of(flow: FlowRunner, run: Json) -> Json:
    assert run["status"] == "awaiting_input", run
    (wait,) = (row["output"] for row in flow.log(run["id"]) if row["type"] == "wait")
    found: Json = wait
    return found


@pytest.mark.parametrize(
    "step",
    [
        {"tool": "sea__tide", "arguments": {"port": "$ 'B'"}},
        {"tool": "sea", "method": "call_tool", "arguments": {"tool_name": "$ 'tide'", "arguments": {"port": "$ 'B'"}}},
    ],
    ids=["by its name", "by the method"],
)
@pytest.mark.parametrize("is_defined", [False, True], ids=["of the agent", "of the task"])
def test_the_first_call_waits_for_a_sign_in(
    flow: FlowRunner, sea: Json, person: Person, user: str, step: Json, is_defined: bool
) -> None:
    tools = [sea] if is_defined else []
    run = started(flow, an_agent(flow.api, *([] if is_defined else [sea])), user, step, tools=tools)

    wait = wait_of(flow, run)
    assert (wait["type"], wait["user_id"]) == ("connection", user)
    assert person.sign_in(wait["url"]).status_code == 200

    assert flow.settle(run["id"])["output"] == {"port": "B", "metres": 2.5}
    assert ServerRow.objects.get().tools.filter(name="tide", state="accepted").exists()


def test_a_tool_that_the_server_does_not_have_is_said_to_be_none(
    flow: FlowRunner, sea: Json, person: Person, user: str
) -> None:
    run = started(flow, an_agent(flow.api, sea), user, {"tool": "sea__moor", "arguments": {}})
    assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200
    ended = flow.settle(run["id"])
    assert (ended["status"], ended["error"]) == ("failed", "the server of 'sea' has no tool 'sea__moor'")


def test_a_tool_that_is_deleted_while_its_server_is_asked(
    flow: FlowRunner, sea: Json, person: Person, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = an_agent(flow.api, sea)
    run = started(flow, agent, user, {"tool": "sea__tide", "arguments": {"port": "$ 'B'"}})
    (tool,) = flow.api.get(f"/agents/{agent}/tools").json()["items"]

    def away(*args: Any, **told: Any) -> Any:
        raise ToolError("away")

    def deleting(*args: Any, **told: Any) -> Any:
        assert flow.api.delete(f"/agents/{agent}/tools/{tool['id']}").status_code == 202
        return list_tools(*args, **told)

    # It is not known when somebody has signed in, so that the call asks.
    monkeypatch.setattr(pinning, "list_tools", away)
    monkeypatch.setattr(running, "list_tools", deleting)
    assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200
    ended = flow.settle(run["id"])
    assert (ended["status"], ended["error"]) == ("failed", "the server of 'sea' has no tool 'sea__tide'")
    assert not ServerRow.objects.exists()


@pytest.mark.parametrize("name", ["list__things", "_list", "list__"])
def test_a_tool_may_have_a_divider_in_its_own_name(
    flow: FlowRunner, sea: Json, harbour: McpServer, person: Person, user: str, name: str
) -> None:
    def things() -> str:
        return "nets"

    things.__name__ = name
    harbour.replace(things, structured_output=False)
    run = started(flow, an_agent(flow.api, sea), user, {"tool": f"sea__{name}", "arguments": {}})
    assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200
    assert flow.settle(run["id"])["output"] == "nets"


def test_nobody_signs_in_for_a_tool_that_no_server_can_be_asked_for(flow: FlowRunner, sea: Json, user: str) -> None:
    few = {**sea, "mcp": {**sea["mcp"], "tools": ["tide", "low.tide"]}}
    agent = an_agent(flow.api, few)
    for name, waits in (("sea__tide", True), (offered_name("sea", "low.tide"), True), ("sea__moor", False)):
        run = started(flow, agent, user, {"tool": name, "arguments": {"port": "$ 'B'"}})
        assert (run["status"] == "awaiting_input") is waits, (name, run)


@pytest.mark.parametrize("is_defined", [False, True], ids=["of the agent", "of the task"])
def test_what_the_server_warns_of_counts_for_the_first_call(
    flow: FlowRunner, sea: Json, harbour: McpServer, person: Person, user: str, is_defined: bool
) -> None:
    """Nobody could know of it before."""

    def sink(port: str) -> str:
        """Let the ships of a port sink."""
        return f"sunk at {port}"

    harbour.replace(sink, annotations=ToolAnnotations(destructiveHint=True))
    agent = an_agent(flow.api, *([] if is_defined else [sea]), policy={"tainted": ["user"]})
    step = {"tool": "sea__sink", "arguments": {"port": "$ str(_)"}}
    run = started(flow, agent, user, step, tools=[sea] if is_defined else ())
    assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200

    held = flow.settle(run["id"])

    assert held["status"] == "awaiting_input"
    asked = [row["output"] for row in flow.log(run["id"]) if row["type"] == "wait"][-1]
    assert (asked["type"], asked["tool"]) == ("tool_approval", "sea__sink")
    assert flow.decide(run["id"], "approve")["output"] == {"result": "sunk at {}"}


def test_a_model_is_told_the_names_that_it_is_offered(
    flow: FlowRunner, sea: Json, harbour: McpServer, person: Person, user: str
) -> None:
    usual = offered_name("", "low.tide").removeprefix("__")
    for name in ("low.tide", usual):
        harbour.library.add_tool(lambda: "low", name=name, structured_output=False)
    few = {**sea, "mcp": {**sea["mcp"], "tools": ["tide", "low.tide", usual]}}
    prompt = {"prompt": "$ 'Tide?'", "tools": ["sea"], "auto_run_tools": True, "unwrap": True}
    with scripted_model([SIGN_IN, "Well."]) as model:
        run = started(flow, an_agent(flow.api, few), user, prompt)
        assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200
        assert flow.settle(run["id"])["output"] == "Well."

    offered = {tool["function"]["name"] for tool in model.requests[1].tools}
    told = model.requests[1].messages[-1]["content"].partition("called: ")[2].rstrip('."')
    assert len(offered) == 3 and set(told.split(", ")) == offered


def test_a_prompt_offers_the_sign_in_and_then_the_tools(flow: FlowRunner, sea: Json, person: Person, user: str) -> None:
    # Nobody is asked for approval of a sign-in.
    agent = an_agent(flow.api, {**sea, "approval": "$ port == 'X'"})
    prompt = {"prompt": "$ 'Tide?'", "tools": ["sea"], "auto_run_tools": True, "unwrap": True}
    with scripted_model([SIGN_IN, TIDE, "2.5 metres"]) as model:
        run = started(flow, agent, user, prompt)
        (offered,) = model.requests[0].tools
        assert offered["function"]["name"] == "sea__sign_in"
        assert offered["function"]["parameters"] == {"type": "object", "properties": {}}
        assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200
        assert flow.settle(run["id"])["output"] == "2.5 metres"

    told = model.requests[1].messages[-1]["content"]
    assert "sea__tide" in told
    names = {tool["function"]["name"] for tool in model.requests[1].tools}
    assert "sea__tide" in names and "sea__sign_in" not in names
    assert '"metres": 2.5' in model.requests[2].messages[-1]["content"].replace('":2', '": 2')


def test_a_step_waits_for_nothing_but_the_sign_in(flow: FlowRunner, sea: Json, person: Person, user: str) -> None:
    """Whether its tools are known or not: who else has signed in does not matter."""
    agent = an_agent(flow.api, sea)
    other = str(flow.api.post("/users", {"name": "Eve"}).json()["id"])
    for each in (user, other):
        run = started(flow, agent, each, {"tool": "sea", "method": "sign_in", "arguments": {}})
        assert person.sign_in(wait_of(flow, run)["url"]).status_code == 200
        assert "sea__tide" in flow.settle(run["id"])["output"]
