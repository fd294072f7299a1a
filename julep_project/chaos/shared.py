"""What all programs of a campaign use: a task and agents that they call as tools, and a service one signs in at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from julep_project.chaos.scenarios import Scenario
from julep_project.chaos.world import AUTHORIZE, FLAKY, ONCE, SERVED, SIGNED, TOKEN, World

MODEL = "openai/chaos"
_PROVIDER = "harbour"
# A method, a path and a body; gives the answer's.
Send = Callable[[str, str, Any], Any]


@dataclass(frozen=True)
class Shared:
    """The task whose runs calls begin, and the agent that calls talk with."""

    task_id: str
    agent_id: str


def make_shared(send: Send, world: World, called: Scenario) -> Shared:
    """Make it all. `called` is the program of the task."""
    agent = send("POST", "/agents", {"name": "chaos", "model": MODEL})
    for tool in tools_of(world):
        if tool["name"] == "world":
            send("POST", f"/agents/{agent['id']}/tools", tool)
    task = send(
        "POST", f"/agents/{agent['id']}/tasks", {"name": called.name, "tools": tools_of(world), **called.workflows}
    )
    provider = {
        "name": _PROVIDER,
        "authorize_url": world.url + AUTHORIZE,
        "token_url": world.url + TOKEN,
        "client_id": "chaos",
        "client_auth": "none",
    }
    send("POST", "/connections/providers", provider)
    return Shared(str(task["id"]), str(agent["id"]))


def task_body(program: Scenario, world: World, shared: Shared) -> dict[str, Any]:
    """The task of a program whose tools ask this world."""
    agents = [
        {"name": name, "type": "agent", "agent": {"agent_id": shared.agent_id, "remembers": remembers}}
        for name, remembers in (("friend", True), ("stranger", False))
    ]
    called = {"name": "called", "type": "task", "task": {"task_id": shared.task_id}}
    return {"name": program.name, "tools": [*tools_of(world), called, *agents], **program.workflows}


def tools_of(world: World) -> list[dict[str, Any]]:
    """Tools that ask this world and a person."""
    signed = _calling("signed", "GET", world.url + SIGNED)
    signed["api_call"]["connection"] = {"provider": _PROVIDER}
    return [
        _calling("world", "GET", world.url + "/"),
        _calling("flaky", "POST", world.url + FLAKY),
        {**_calling("once", "GET", world.url + ONCE), "at_most_once": True},
        signed,
        {"name": "sea", "type": "mcp", "mcp": {"server": {"url": world.url + SERVED}}},
        {"name": "person", "type": "function", "function": {}},
    ]


def _calling(name: str, method: str, url: str) -> dict[str, Any]:
    known_to_models = {"type": "object", "properties": {"call": {"type": "string"}, "n": {"type": "integer"}}}
    spec = {"method": method, "url": url, "params_schema": known_to_models}
    return {"name": name, "type": "api_call", "api_call": spec}
