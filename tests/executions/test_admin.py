"""The pages operators use."""

import pytest
from django.test import Client

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


def test_an_operator_can_cancel_but_not_edit(admin_client: Client, run: Execution) -> None:
    answer = admin_client.post("/admin/executions/execution/", {"action": "cancel", "_selected_action": [str(run.pk)]})

    run.refresh_from_db()
    assert answer.status_code == 302
    assert run.status == "cancelled"
    assert admin_client.get("/admin/executions/execution/add/").status_code == 403


def test_a_stranger_sees_the_login_page(client: Client, db: None) -> None:
    assert client.get("/admin/executions/execution/").status_code == 302
