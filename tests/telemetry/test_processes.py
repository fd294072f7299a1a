"""What the running processes tell of one run: lines that programs read, each once, and numbers of all together."""

import json
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "Seen from outside"


def said_of(run_id: str, backend: Backend) -> list[str]:
    """What all processes say of a run, in the order of their times."""
    lines: list[dict[str, Any]] = []
    for name in ("api", "engine", "io"):
        lines += [json.loads(line) for line in backend.log(name).splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("execution_id") == run_id]
    return [line["message"] for line in sorted(mine, key=lambda line: str(line["time"]))]


def samples(client: httpx.Client) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_they_tell_of_a_run(backend: Backend) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=backend.url, headers=headers, trust_env=False, timeout=60) as client:
        agent = client.post("/agents", json={"name": "Ada"}).json()
        main = [{"prompt": "hi"}, {"evaluate": {"a": "$ 1"}}]
        task = client.post(f"/agents/{agent['id']}/tasks", json={"name": TASK, "main": main}).json()
        run = client.post(f"/tasks/{task['id']}/executions", json={"input": {}}).json()["id"]
        assert wait_for_end(run, backend).status == "succeeded"

        expected = ["execution started", "call started", "call ended", "execution ended"]
        wait_until(lambda: len(said_of(run, backend)) >= len(expected), 30, backend)
        assert said_of(run, backend) == expected

        # The API has started it and a worker has ended it. Each process tells of itself when its time comes, as all do
        # anew after Redis was emptied.
        told = {
            ("julep_runs_started_total", TASK): 1,
            ("julep_runs_ended_total", "succeeded", TASK): 1,
            ("julep_workers", "engine"): 2,
            ("julep_workers", "io"): 1,
            ("julep_workers", "maintenance"): 1,
        }
        wait_until(lambda: told.items() <= samples(client).items(), 30, backend, pause_s=0.5)
        found = samples(client)
        # Servers that other tests have started and ended are known of for a while.
        assert found[("julep_processes", "api")] >= 1 and found[("julep_http_requests_open", "resources")] == 0
