"""A database of the version in which responses belonged to the app of sessions."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from agents.llm.own.scripted import scripted_model
from sessions.responses.wire.ids import response_reference
from tests.responses.conftest import ResponsesClient, text_of

# To go back to that version costs as much as a hundred other tests.
pytestmark = pytest.mark.slow

BEFORE = [("chat_sessions", "0009_leased_rows"), ("responses", None)]


def _migrate(targets: list[Any]) -> Any:
    ContentType.objects.clear_cache()
    return MigrationExecutor(connection).migrate(targets).apps


@pytest.fixture
def before(api: ResponsesClient) -> Any:
    """The models of the version before, over its database."""
    _migrate(BEFORE)
    executor = MigrationExecutor(connection)
    return executor.loader.project_state(BEFORE[:1]).apps


@pytest.fixture
def upgrade() -> Callable[[], Any]:
    return lambda: _migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


def _stored(before: Any, text: str, previous: Any = None) -> Any:
    message = {
        "id": f"msg_{text}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    asked_for = {"model": "gpt-4o", "instructions": None, "previous_response_id": None, "metadata": {}}
    told = {"object": "response", "created_at": 1, "error": None, "incomplete_details": None, "usage": None}
    tools = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    body = {**asked_for, **told, **tools, "status": "completed", "output": [message], "background": False}
    said = [{"type": "input_text", "text": f"Ask for {text}"}]
    asked = [{"id": f"msg_in_{text}", "type": "message", "role": "user", "content": said}]
    row = before.get_model("chat_sessions", "StoredResponse")(
        developer_id="00000000-0000-0000-0000-000000000000",
        status="completed",
        body=body,
        input_items=asked,
        previous=previous,
    )
    row.body["id"] = response_reference(row.pk)
    row.save()
    return row


def test_responses_and_rights_of_the_version_before(
    api: ResponsesClient, before: Any, upgrade: Callable[[], Any], client: Client
) -> None:
    """Every response is read back, the version before writes on, and staff may look as before."""
    first = _stored(before, "One")
    second = _stored(before, "Two", first)
    right = Permission.objects.get(content_type__app_label="chat_sessions", codename="view_storedresponse")
    staff = User.objects.create_user("staff", password="staff", is_staff=True)
    staff.user_permissions.add(right)

    upgrade()
    late = _stored(before, "Late")

    for row, text in ((first, "One"), (second, "Two"), (late, "Late")):
        assert text_of(api.get(response_reference(row.pk)).json()) == text
    items = api.get(response_reference(second.pk), "/input_items?order=asc").json()["data"]
    assert [item["id"] for item in items] == ["msg_in_One", "msg_One", "msg_in_Two"]
    with scripted_model(["Three"]) as model:
        assert text_of(api.create(previous_response_id=response_reference(second.pk))) == "Three"
    assert len(model.requests[0].messages) == 5
    client.force_login(staff)
    assert client.get("/admin/responses/storedresponse/").status_code == 200
