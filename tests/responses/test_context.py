"""What a model is sent beside texts: stored files, and only as much as it can take."""

import base64
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from sessions.responses.answering import attachments, planning
from tests.api_client import ApiClient
from tests.responses.conftest import ResponsesClient
from tests.responses.test_answers import MISSING

NOT_AT_HAND = {"type": "text", "text": "[A file was sent here that is not at hand any more.]"}
PNG = base64.b64encode(b"not really an image").decode()


@pytest.fixture
def file_id(api: ResponsesClient, settings: Any, tmp_path: Any) -> str:
    """The id of a stored file."""
    settings.MEDIA_ROOT = str(tmp_path)
    body = {"name": "tide.png", "content": PNG, "mime_type": "image/png"}
    return str(ApiClient().post("/files", body).json()["id"])


def ask(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def test_stored_files_are_sent_with_their_content(api: ResponsesClient, file_id: str) -> None:
    image = {"type": "input_image", "file_id": file_id, "detail": "low"}
    with scripted_model(["A tide.", "Still."]) as model:
        first = api.create(input=ask({"type": "input_text", "text": "What?"}, image))
        api.create(input=ask({"type": "input_file", "file_id": file_id}), previous_response_id=first["id"])

    url = f"data:image/png;base64,{PNG}"
    assert model.requests[0].messages[0]["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    assert model.requests[1].messages[0] == model.requests[0].messages[0]
    assert model.requests[1].messages[-1]["content"] == [
        {"type": "file", "file": {"filename": "tide.png", "file_data": url}}
    ]
    listed = api.send("GET", f"/responses/{first['id']}/input_items").json()["data"]
    assert listed[0]["content"][1] == image


@pytest.mark.parametrize("reference", [MISSING, "0197a1b2-c3d4-7e8f-90a1-b2c3d4e5f607", "x"])
def test_a_file_that_does_not_exist(api: ResponsesClient, reference: str) -> None:
    status, error = api.refuse(input=ask({"type": "input_file", "file_id": reference}))
    assert (status, error["message"]) == (404, f"File '{reference}' not found")


def test_files_that_are_too_large(api: ResponsesClient, file_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MOST_BYTES", 5)
    status, error = api.refuse(input=ask({"type": "input_file", "file_id": file_id}))
    assert (status, "larger than" in error["message"]) == (400, True)


def test_earlier_files_give_way_to_later_ones(
    api: ResponsesClient, file_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MOST_BYTES", 30)  # one of the two
    body = {"name": "wave.png", "content": PNG, "mime_type": "image/png"}
    later = ApiClient().post("/files", body).json()["id"]
    with scripted_model(["A tide.", "A wave.", "No."]) as model:
        first = api.create(input=ask({"type": "input_file", "file_id": file_id}))
        asked = {"input": ask({"type": "input_file", "file_id": later}), "previous_response_id": first["id"]}
        status, error = api.refuse(**asked)
        assert (status, "larger than" in error["message"]) == (400, True)
        api.create(**asked, truncation="auto", model="offline/none")
    parts = [message["content"][0] for message in model.requests[1].messages if message["role"] == "user"]
    assert (parts[0], parts[1]["file"]["filename"]) == (NOT_AT_HAND, "wave.png")


def test_a_conversation_outlives_its_files(api: ResponsesClient, file_id: str) -> None:
    named = {"type": "input_text", "text": "What?"}
    with scripted_model(["A tide.", "Still."]) as model:
        first = api.create(input=ask(named, {"type": "input_image", "file_id": file_id}))
        assert ApiClient().delete(f"/files/{file_id}").status_code == 202
        second = api.create(input="Again?", previous_response_id=first["id"])
    assert model.requests[1].messages[0]["content"] == [{"type": "text", "text": "What?"}, NOT_AT_HAND]
    assert second["status"] == "completed"

    again = {"type": "item_reference", "id": api.send("GET", f"/responses/{first['id']}/input_items").json()["last_id"]}
    status, error = api.refuse(input=[again])
    assert (status, error["message"]) == (404, f"File '{file_id}' not found")


class TestTruncation:
    @pytest.fixture(autouse=True)
    def small_window(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(planning, "context_window", lambda model: 60)

    def test_the_oldest_part_is_left_out(self, api: ResponsesClient) -> None:
        items = [{"role": "user", "content": f"{number} " + "word " * 20} for number in range(4)]
        with scripted_model(["ok"]) as model:
            api.create(input=items, instructions="Brief.", truncation="auto", model="offline/none")
        roles = [message["role"] for message in model.requests[0].messages]
        assert roles == ["system", "user"]
        assert model.requests[0].messages[1]["content"].startswith("3 ")

    def test_files_left_out_are_not_read(
        self, api: ResponsesClient, file_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attachments, "MOST_BYTES", 5)
        old = ask({"type": "input_text", "text": "word " * 50}, {"type": "input_file", "file_id": file_id})
        with scripted_model(["ok"]) as model:
            api.create(input=[*old, {"role": "user", "content": "Hi"}], truncation="auto", model="offline/none")
        assert [message["content"] for message in model.requests[0].messages] == ["Hi"]

    def test_one_message_that_is_too_large(self, api: ResponsesClient) -> None:
        status, error = api.refuse(input="word " * 200, truncation="auto", model="offline/none")
        assert (status, error["code"]) == (400, "prompt_too_big")

    def test_nothing_is_left_out_without_being_asked(self, api: ResponsesClient) -> None:
        items = [{"role": "user", "content": "word " * 50} for _ in range(3)]
        with scripted_model(["ok"]) as model:
            api.create(input=items, model="offline/none")
        assert len(model.requests[0].messages) == 3
