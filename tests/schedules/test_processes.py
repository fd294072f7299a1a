"""Schedules with real processes: what the page says of them happens."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from executions.schedules.models import Occurrence
from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until

Json = dict[str, Any]
PAGE = (Path(__file__).parents[2] / "docs" / "triggers" / "schedules.md").read_text()
REPORT = {"main": [{"evaluate": {"about": "$ _.topic", "on": "$ _.day"}}]}
LONG_S = 30


def test_the_example_of_the_page_and_a_message_to_a_session(backend: Backend) -> None:
    """A time that comes in two seconds fires not before it and within two more; the page's own schedule is run now."""
    with httpx.Client(base_url=backend.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=30) as client:

        def post(path: str, body: Json) -> Json:
            answer = client.post(path, json=body)
            assert answer.status_code == 201, answer.text
            made: Json = answer.json()
            return made

        agent = post("/agents", {"name": "Ada", "model": "offline/echo"})["id"]
        task = post(f"/agents/{agent}/tasks", {"name": "report", **REPORT})["id"]
        session = post("/sessions", {"agent": agent})["id"]
        at = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
        times = {"name": "soon", "once": at.isoformat()}
        soon = post("/schedules", {**times, "task_id": task, "input": {"topic": "$ schedule.name", "day": "$ nominal"}})
        said = post("/schedules", {**times, "session_id": session, "message": "$ 'Good ' + 'morning'"})
        (example,) = re.findall(r"<!-- example: schedule -->\n```json\n(.*?)```", PAGE, re.DOTALL)
        shown = post(f"/tasks/{task}/schedules", json.loads(example))
        assert len(client.get(f"/schedules/{shown['id']}/preview?count=3").json()["items"]) == 3
        begun = post(f"/schedules/{shown['id']}/run", {})
        assert begun["state"] == "started"

        def has_ended() -> bool:
            return (
                set(Occurrence.objects.values_list("state", flat=True)) == {"done"} and Occurrence.objects.count() == 3
            )

        wait_until(has_ended, LONG_S, backend)
        fired = {row.schedule_id.hex: row for row in Occurrence.objects.all()}
        for schedule in (soon, said):
            row = fired[schedule["id"].replace("-", "")]
            assert row.nominal == at and row.started_at is not None
            assert timedelta(0) <= row.started_at - at <= timedelta(seconds=2)
        run = wait_for_end(str(fired[soon["id"].replace("-", "")].execution_id), backend)
        assert run.output == {"about": "soon", "on": at.isoformat()}
        wait_for_end(begun["execution_id"], backend)
        report = client.get(f"/executions/{begun['execution_id']}").json()
        assert report["output"]["about"] == "tides" and report["output"]["on"] == begun["nominal"][:10]
        history = client.get(f"/sessions/{session}/history").json()["entries"]
        assert [entry["role"] for entry in history] == ["user", "assistant"]
        assert (history[0]["name"], "Good morning" in str(history[0]["content"])) == ("platform", True)
