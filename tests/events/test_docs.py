"""The examples of `docs/triggers/events.md` do what the page says."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from agents.vault.models import Secret
from executions.hooks.api import HookBody
from tests.events.conftest import Events

PAGE = (Path(__file__).parents[2] / "docs/triggers/events.md").read_text()
TASK, EVENT, HOOK = re.findall(r"```(?:yaml|json)\n(.*?)```", PAGE, re.DOTALL)


def test_a_run_waits_for_a_payment(events: Events) -> None:
    events.flow.time_passes = False
    created = events.flow.create(yaml.safe_load(TASK))
    run, late = (events.flow.start(created.json()["id"], {"order": order}) for order in ("4711", "4712"))
    assert run["status"] == "awaiting_input"
    event: dict[str, Any] = json.loads(EVENT)
    events.record(event["name"], event["data"], event["key"])
    output = events.run(run)["output"]
    assert output == {"shipped": "4711", "paid": 274}
    assert json.dumps(output) in PAGE
    events.flow.time_passes = True
    assert events.run(late)["output"] == {"shipped": None, "paid": 0}


def test_a_hook_is_made_as_shown(events: Events) -> None:
    body = json.loads(HOOK)
    assert HookBody.values(body)["mapping"].keys() == {"name", "data"}
    assert events.api.post("/hooks", body).status_code == 422
    assert events.api.post("/secrets", {"name": body["secret_name"], "value": "whsec_x"}).status_code == 201
    made = events.api.post("/hooks", body).json()
    assert (made["secret"], made["target"], Secret.objects.count()) == (None, body["target"], 1)
