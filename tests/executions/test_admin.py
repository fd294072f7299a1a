"""The pages operators use."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from executions.models import Execution
from tests.flow_runner import FlowRunner


@pytest.fixture
def run(flow: FlowRunner) -> Execution:
    task = flow.create({"main": [{"wait_for_input": {"info": {"q": "$ 1"}}}]}).json()
    return Execution.objects.get(pk=flow.start(task["id"], {})["id"])


@pytest.mark.parametrize(
    "page",
    [
        "executions/execution/",
        "executions/execution/?q=nonsense",
        "executions/branch/",
        "executions/transition/",
        "tasks/task/",
        "tasks/taskversion/",
    ],
)
def test_lists_open(admin_client: Client, run: Execution, page: str) -> None:
    assert admin_client.get(f"/admin/{page}").status_code == 200


def test_a_run_leads_to_its_log(admin_client: Client, run: Execution) -> None:
    listing = admin_client.get("/admin/executions/execution/").content.decode()
    link = f"/admin/executions/transition/?execution__id__exact={run.pk}"

    assert link in listing
    assert "main[0]" in admin_client.get(link).content.decode()
    assert admin_client.get(f"/admin/executions/execution/{run.pk}/change/").status_code == 200


def test_nothing_is_done_to_rows(admin_client: Client, run: Execution) -> None:
    admin_client.post("/admin/executions/execution/", {"action": "cancel", "_selected_action": [str(run.pk)]})

    run.refresh_from_db()
    assert run.status == "awaiting_input"
    assert admin_client.get("/admin/executions/execution/add/").status_code == 403


def test_search_takes_a_text_as_a_whole(admin_client: Client, flow: FlowRunner) -> None:
    """No word of it counts by itself, and an id is found by its index."""
    runs = []
    for number in range(2):
        task = flow.create({"name": f"Charge card {number}", "main": [{"evaluate": {"n": "$ 1"}}]}).json()
        runs.append(flow.start(task["id"], {})["id"])

    def found(text: str, page: str = "executions/execution") -> list[str]:
        rows = admin_client.get(f"/admin/{page}/", {"q": text}).context["cl"].result_list
        return [str(getattr(row, "execution_id", row.pk)) for row in rows]

    assert found("Charge card 1") == [runs[1]]
    assert found("1 Charge card") == []
    assert set(found("charge card")) == set(runs)
    with CaptureQueriesContext(connection) as captured:
        assert found(runs[0]) == [runs[0]]
        assert set(found(runs[0], "executions/branch")) == {runs[0]}
    assert not [one for one in captured.captured_queries if f"%{runs[0]}%" in one["sql"]]


def test_a_stranger_sees_the_login_page(client: Client, db: None) -> None:
    assert client.get("/admin/executions/execution/").status_code == 302
