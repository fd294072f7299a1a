"""A stream of a response in the background is cut anywhere, and goes on from there; compacting and counting."""

from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from openai.types.responses import CompactedResponse, InputTokenCountResponse

from agents.llm.own.scripted import scripted_model
from agents.models import ModelUsage
from julep_project.core.work import rings
from sessions.responses.answering import background
from sessions.responses.models import StoredResponse
from tests.responses.conftest import ResponsesClient, events_of, told_from
from tests.responses.test_answers import WEATHER, calling
from tests.responses.test_requests import CUSTOM


@pytest.fixture
def work(api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Does what a worker does with the message, which comes when it is called."""
    monkeypatch.setattr(rings, "ring", lambda task, response_id: None)
    monkeypatch.setattr(background, "asyncio", SimpleNamespace(run=api.run))
    return background.answer_in_background


def test_a_stream_that_is_cut_at_any_event_goes_on_there(api: ResponsesClient, work: Any) -> None:
    """Another process has answered; what is told of it is made of its row alone."""
    asked = {"tools": [WEATHER, CUSTOM], "reasoning": {"summary": "auto"}, "top_logprobs": 1}
    message = calling("weather", '{"city": "Rome"}', content="Let me see.", reasoning_content="Hm.")
    message["tool_calls"] += calling("note", '{"input": "Rome"}', "call_2")["tool_calls"]
    response = api.create(background=True, **asked)
    with scripted_model([message]):
        work(StoredResponse.objects.get().pk)
    whole = events_of(api.get(response["id"], "?stream=true"))
    assert [item["type"] for item in whole[-1]["response"]["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
    ]
    for cut in range(len(whole)):
        rest = told_from(api.get(response["id"], f"?stream=true&starting_after={cut}"))
        assert whole[: cut + 1] + rest == whole


class TestCompacting:
    def test_what_comes_of_it_goes_on(self, api: ResponsesClient, settings: Any) -> None:
        settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
        with scripted_model(["One", "They counted to one.", "Two"]) as model:
            first = api.create(input="Count.")
            answer = api.send("POST", "/v1/responses/compact", {"model": "gpt-4o", "previous_response_id": first["id"]})
            body = answer.json()
            # Its type has no messages of users, though its text says that they come.
            CompactedResponse.model_validate({**body, "output": body["output"][-1:]})
            api.create(input=[*body["output"], {"role": "user", "content": "Go on."}])
        assert "user: Count.\n\nassistant: One" in model.requests[1].messages[1]["content"]
        kept, compaction = body["output"]
        assert (kept["content"][0]["text"], compaction["type"]) == ("Count.", "compaction")
        assert "counted" not in compaction["encrypted_content"]
        said = [(message["role"], message["content"]) for message in model.requests[2].messages]
        assert said == [
            ("user", "Count."),
            ("user", "What was said before, in short:\n\nThey counted to one."),
            ("user", "Go on."),
        ]
        assert StoredResponse.objects.count() == 2

    def test_a_summary_of_somebody_else(self, api: ResponsesClient) -> None:
        item = {"type": "compaction", "encrypted_content": "gAAAA"}
        status, error = api.refuse(input=[item, {"role": "user", "content": "Hi"}])
        assert (status, "was not made here" in error["message"]) == (400, True)

    def test_nothing_to_compact(self, api: ResponsesClient) -> None:
        assert api.send("POST", "/v1/responses/compact", {"model": "gpt-4o"}).status_code == 422


class TestCounting:
    def test_nobody_is_asked(self, api: ResponsesClient) -> None:
        asked = {"model": "gpt-4o", "input": "Name three tides.", "instructions": "Be brief.", "tools": [WEATHER]}
        counted = api.send("POST", "/v1/responses/input_tokens", asked).json()
        InputTokenCountResponse.model_validate(counted)
        fewer = api.send("POST", "/v1/responses/input_tokens", {"input": "Name three tides."}).json()
        assert counted["input_tokens"] > fewer["input_tokens"] > 3
        assert not (StoredResponse.objects.exists() or ModelUsage.objects.exists())
