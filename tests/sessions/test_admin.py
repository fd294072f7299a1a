"""The pages operators use."""

import pytest
from django.test import Client

from tests.api_client import ApiClient
from tests.sessions.conftest import Json, messages_of


@pytest.mark.parametrize(
    "page",
    [*(f"chat_sessions/{model}" for model in ("session", "entry", "turn", "job")), "responses/storedresponse"],
)
@pytest.mark.parametrize("query", ["", "?q=nonsense"])
def test_lists_open(api: ApiClient, admin_client: Client, session: Json, page: str, query: str) -> None:
    api.post(messages_of(session), {"role": "user", "content": "hi"})
    assert admin_client.get(f"/admin/{page}/{query}").status_code == 200
    assert admin_client.get(f"/admin/{page}/add/").status_code == 403


def test_a_session_can_be_looked_at(admin_client: Client, session: Json) -> None:
    page = admin_client.get(f"/admin/chat_sessions/session/{session['id']}/change/")
    assert page.status_code == 200
    assert session["id"] in page.content.decode()
