"""The example of `docs/mcp/connections.md` does what the page says."""

import json
import re
from pathlib import Path

import yaml

from agents.webhooks.models import Message
from tests.connections.conftest import Person
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import SECRET, AuthorizationServer

PAGE = (Path(__file__).parents[2] / "docs" / "mcp" / "connections.md").read_text()


def test_the_example(flow: FlowRunner, service: AuthorizationServer, person: Person, user: str) -> None:
    provider, task = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[:2])
    wait, told = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    service.clients[provider["client_id"]] = SECRET
    flow.api.post("/secrets", {"name": provider["client_secret"], "value": SECRET})
    provider |= {"authorize_url": f"{service.url}/authorize", "token_url": f"{service.url}/token"}
    assert flow.api.post("/connections/providers", provider).status_code == 201
    hears = {"url": "http://127.0.0.1:9/told", "events": ["execution.requires_action"]}
    assert flow.api.post("/webhooks", hears).status_code == 201
    task["tools"][0]["api_call"]["url"] = f"{service.url}/issues"
    created = flow.create(task)
    assert created.status_code == 201, created.json()

    run = flow.start(created.json()["id"], {}, {"user_id": user})

    (asked,) = (row["output"] for row in flow.log(run["id"]) if row["type"] == "wait")
    assert asked.keys() == wait.keys()
    assert (asked["type"], asked["provider"]) == (wait["type"], wait["provider"])
    data = Message.objects.get().data
    assert data["actions"] == [{"wait_id": asked["id"], "type": "connection", "url": asked["url"]}]
    assert data["actions"][0].keys() == told["actions"][0].keys()
    assert person.sign_in(asked["url"]).status_code == 200
    assert flow.settle(run["id"])["output"] == {"titles": ["High tide"]}
