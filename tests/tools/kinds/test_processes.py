"""Tasks and agents as tools of runs, by running workers: the examples of the page."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from executions.models import Execution
from sessions.models import Session
from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until
from tests.tools.kinds.test_tasks import DOUBLE

Json = dict[str, Any]
PAGE = (Path(__file__).parents[3] / "docs" / "tools.md").read_text()
ASKING = {"name": "Ask", "main": [{"wait_for_input": {"info": {"question": "how many?"}}}]}


def example(name: str, **ids: str) -> Json:
    """A tool as the page writes it, with ids in the places that it leaves."""
    (text,) = re.findall(rf"<!-- example: {name} -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    for kind, id_ in ids.items():
        text = text.replace(f"<id of the {kind}>", id_)
    tool: Json = json.loads(text)
    return tool


def test_a_run_goes_on_with_what_others_gave(backend: Backend) -> None:
    with httpx.Client(base_url=backend.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=30) as client:

        def post(path: str, body: Json) -> str:
            answer = client.post(path, json=body)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        agent = post("/agents", {"name": "Grace", "model": "offline/echo"})
        double, asking = (post(f"/agents/{agent}/tasks", task) for task in (DOUBLE, ASKING))
        tools = [
            example("task", task=double),
            example("agent", agent=agent),
            {**example("task", task=asking), "name": "how_many"},
        ]
        main = [
            {"over": "$ [1, 2, 3]", "map": {"tool": "price_trip", "arguments": {"n": "$ _"}}, "parallelism": 3},
            {"tool": "ask_grace", "arguments": {"message": "$ str(_)"}},
            {"tool": "how_many", "arguments": {"said": "$ _"}},
        ]
        task = post(f"/agents/{agent}/tasks", {"name": "all", "main": main, "tools": tools})
        run = post(f"/tasks/{task}/executions", {"input": {}})
        # The run that is waited for is found out of the way: nobody but it waits for a person.
        waiting = Execution.objects.filter(callers=[run], status="awaiting_input")
        wait_until(waiting.exists, 30, backend)
        [child] = waiting
        assert Execution.objects.get(pk=run).status == "running"
        assert client.put(f"/executions/{child.pk}", json={"status": "running", "input": 7}).status_code == 200
        ended = wait_for_end(run, backend, seconds=30)

    assert (ended.status, ended.output) == ("succeeded", 7)
    assert child.input == {"said": "[{'doubled': 2}, {'doubled': 4}, {'doubled': 6}]"}
    assert Execution.objects.filter(callers=[run], status="succeeded").count() == 4
    [session] = Session.objects.all()
    assert session.metadata == {"called_by": {"execution_id": run}}
