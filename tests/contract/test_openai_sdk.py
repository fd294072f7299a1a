"""The published OpenAI client, unchanged, against running processes whose models are on loopback."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import (
    APIError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
    UnprocessableEntityError,
)
from pydantic import BaseModel

from sessions.responses.models import StoredResponse
from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.loopback.model_server import ModelServer, Streamed, failure, tool_call

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "gpt-4o"
WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}


class Number(BaseModel):
    """What the model is to answer."""

    n: int


@pytest.fixture(params=["/v1", "", "/api/v1"])
def base_url(request: pytest.FixtureRequest, backend: Backend) -> str:
    """Every place the API is served at."""
    return backend.url + str(request.param)


@pytest.fixture
def client(backend: Backend) -> Iterator[OpenAI]:
    with OpenAI(api_key=API_KEY, base_url=f"{backend.url}/v1", max_retries=0, timeout=60) as opened:
        yield opened


def test_create_retrieve_delete(base_url: str, provider: ModelServer) -> None:
    provider.script("It is four.")
    with OpenAI(api_key=API_KEY, base_url=base_url, max_retries=0, timeout=60) as client:
        made = client.responses.create(model=MODEL, input="2 + 2?", instructions="Be brief.", metadata={"a": "b"})
        assert (made.status, made.output_text, made.metadata) == ("completed", "It is four.", {"a": "b"})
        assert made.usage is not None and made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
        assert client.responses.retrieve(made.id) == made
        client.responses.delete(made.id)
        with pytest.raises(NotFoundError):
            client.responses.retrieve(made.id)


def test_stream(client: OpenAI, provider: ModelServer) -> None:
    provider.script("one two three")
    events = list(client.responses.create(model=MODEL, input="Count", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta").strip() == (
        "one two three"
    )
    ended = events[-1]
    assert ended.type == "response.completed"
    assert ended.response.usage is not None and ended.response.usage.output_tokens == 3

    again = list(client.responses.retrieve(ended.response.id, stream=True, starting_after=3))
    assert again == events[4:]


def test_stream_helper(client: OpenAI, provider: ModelServer) -> None:
    provider.script("one two three")
    with client.responses.stream(model=MODEL, input="Count") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.output_text.delta" in kinds
    assert final.output_text.strip() == "one two three"


def test_stream_helper_with_a_form(client: OpenAI, provider: ModelServer) -> None:
    provider.script('{"n": 4}')
    with client.responses.stream(model=MODEL, input="2 + 2?", text_format=Number) as stream:
        final = stream.get_final_response()
    assert final.output_parsed == Number(n=4)


def test_parse(client: OpenAI, provider: ModelServer) -> None:
    provider.script("four", '{"n": 4}')
    assert client.responses.parse(model=MODEL, input="2 + 2?", text_format=Number).output_parsed == Number(n=4)
    assert provider.chats[-1]["response_format"]["json_schema"]["name"] == "Number"


def test_chaining(client: OpenAI, provider: ModelServer) -> None:
    provider.script("Ada.", "Ada, again.")
    first = client.responses.create(model=MODEL, input="Who?")
    second = client.responses.create(model=MODEL, input="Who?", previous_response_id=first.id)
    assert (second.output_text, second.previous_response_id) == ("Ada, again.", first.id)
    assert [message["content"] for message in provider.chats[-1]["messages"]] == ["Who?", "Ada.", "Who?"]
    with pytest.raises(NotFoundError, match="previous_response_id not found"):
        client.responses.create(model=MODEL, input="Who?", previous_response_id="resp_nothing")


@pytest.mark.parametrize("streamed", [False, True])
def test_function_tools(client: OpenAI, provider: ModelServer, streamed: bool) -> None:
    provider.script(tool_call("weather", {"city": "Rome"}, id="call_9"), "Sunny.")
    asked: Any = {"model": MODEL, "input": "Weather?", "tools": [WEATHER]}
    if streamed:
        with client.responses.stream(**asked) as stream:
            first = stream.get_final_response()
    else:
        first = client.responses.create(**asked)
    [call] = first.output
    assert call.type == "function_call"
    assert (call.call_id, call.name, json.loads(call.arguments)) == ("call_9", "weather", {"city": "Rome"})

    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sun"}
    second = client.responses.create(model=MODEL, input=[result], previous_response_id=first.id, tools=[WEATHER])
    assert second.output_text == "Sunny."


def test_output_sent_back_as_input(client: OpenAI, provider: ModelServer) -> None:
    provider.script(tool_call("weather", {}, id="call_9"), "Sunny.")
    items: Any = [{"role": "user", "content": "Weather?"}]
    first = client.responses.create(model=MODEL, input=items, tools=[WEATHER], store=False)
    items += first.output
    items.append({"type": "function_call_output", "call_id": "call_9", "output": "sun"})
    assert client.responses.create(model=MODEL, input=items, tools=[WEATHER]).output_text == "Sunny."


@pytest.mark.parametrize("streamed", [False, True])
def test_a_function_nobody_offered(client: OpenAI, provider: ModelServer, streamed: bool) -> None:
    provider.script(tool_call("fly", {"to": "Rome"}), "I cannot fly.")
    asked: Any = {"model": MODEL, "input": "Fly!", "tools": [WEATHER]}
    if streamed:
        with client.responses.stream(**asked) as stream:
            made = stream.get_final_response()
    else:
        made = client.responses.create(**asked)
    assert [item.type for item in made.output] == ["message"]
    assert made.output_text.strip() == "I cannot fly."
    assert "the tools are: weather" in provider.chats[-1]["messages"][-1]["content"]


def test_file_search(client: OpenAI, provider: ModelServer, backend: Backend) -> None:
    with httpx.Client(base_url=backend.url, headers={"Authorization": f"Bearer {API_KEY}"}) as resources:
        agent = resources.post("/agents", json={"name": "Librarian"}).json()["id"]
        resources.post(f"/agents/{agent}/docs", json={"title": "Tides", "content": "High tide is at noon."})
    provider.script(tool_call("file_search", {"query": "high tide"}), "At noon.", "I said so.")
    tools: Any = [{"type": "file_search", "vector_store_ids": [agent]}]
    made = client.responses.create(
        model=MODEL, input="When?", tools=tools, tool_choice="required", include=["file_search_call.results"]
    )
    search, message = made.output
    assert (search.type, message.type, made.output_text) == ("file_search_call", "message", "At noon.")
    assert search.results is not None and search.results[0].text == "High tide is at noon."

    client.responses.create(model=MODEL, input="Sure?", previous_response_id=made.id, tools=tools)
    told = provider.chats[-1]["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "assistant", "user"]
    assert "High tide is at noon." in told[2]["content"]


def test_item_reference(client: OpenAI, provider: ModelServer) -> None:
    provider.script("Ada.", "Yes.")
    first = client.responses.create(model=MODEL, input="Who?")
    items: Any = [{"type": "item_reference", "id": first.output[0].id}, {"role": "user", "content": "Really?"}]
    second = client.responses.create(model=MODEL, input=items)
    assert second.output_text == "Yes."
    assert [message["content"] for message in provider.chats[-1]["messages"]] == ["Ada.", "Really?"]
    with pytest.raises(NotFoundError, match="not found"):
        client.responses.create(model=MODEL, input=[{"type": "item_reference", "id": "msg_nothing"}])


def test_a_file_that_was_deleted(client: OpenAI, provider: ModelServer, backend: Backend) -> None:
    with httpx.Client(base_url=backend.url, headers={"Authorization": f"Bearer {API_KEY}"}) as resources:
        file = resources.post("/files", json={"name": "tide.txt", "content": "aGlnaA=="}).json()["id"]
        part = {"type": "input_file", "file_id": file}
        first = client.responses.create(model=MODEL, input=[{"role": "user", "content": [part]}])  # type: ignore[list-item, misc]
        assert resources.delete(f"/files/{file}").is_success
    client.responses.create(model=MODEL, input="Again?", previous_response_id=first.id)
    [sent] = provider.chats[-1]["messages"][0]["content"]
    assert (sent["type"], "not at hand any more" in sent["text"]) == ("text", True)
    with pytest.raises(NotFoundError, match=file):
        client.responses.create(model=MODEL, input=[{"role": "user", "content": [part]}])  # type: ignore[list-item, misc]


def test_input_items(client: OpenAI, provider: ModelServer) -> None:
    items: Any = [{"role": "user", "content": str(number)} for number in range(5)]
    made = client.responses.create(model=MODEL, input=items)
    listed = list(client.responses.input_items.list(made.id, limit=2))
    assert [item.content[0].text for item in listed] == ["4", "3", "2", "1", "0"]  # type: ignore[union-attr]
    assert len({item.id for item in listed}) == 5


def test_input_items_of_a_client_that_repeats_its_ids(client: OpenAI) -> None:
    items: Any = [{"type": "message", "id": "msg_1", "role": "user", "content": text} for text in ("0", "1")]
    first = client.responses.create(model=MODEL, input=items)
    again: Any = [*items, {"type": "item_reference", "id": first.output[0].id}]
    second = client.responses.create(model=MODEL, input=again, previous_response_id=first.id)
    listed = [item for item, _ in zip(client.responses.input_items.list(second.id, limit=1), range(20), strict=False)]
    assert [item.content[0].text for item in listed] == ["ok", "1", "0", "ok", "1", "0"]  # type: ignore[union-attr]
    assert len({item.id for item in listed}) == 6


def test_cancel_ends_a_stream(client: OpenAI, provider: ModelServer) -> None:
    answer = Streamed.endless("Once ")
    provider.script(answer)
    told = client.responses.create(model=MODEL, input="Tell", stream=True)
    created = next(told)
    assert created.type == "response.created"
    while next(told).type != "response.output_text.delta":
        pass

    assert client.responses.cancel(created.response.id).status == "cancelled"

    rest = list(told)
    assert rest[-1].type == "response.incomplete"
    assert answer.gone.wait(20)
    assert client.responses.retrieve(created.response.id).output_text == "Once "


def test_a_client_that_leaves_ends_the_providers_work(client: OpenAI, provider: ModelServer, backend: Backend) -> None:
    answer = Streamed.endless("Once ")
    provider.script(answer)
    told = client.responses.create(model=MODEL, input="Tell", stream=True)
    while next(told).type != "response.output_text.delta":
        pass
    told.close()

    assert answer.gone.wait(20)
    wait_until(lambda: StoredResponse.objects.get().status == "cancelled", 60, backend)
    assert StoredResponse.objects.get().body["output"][0]["content"][0]["text"] == "Once "


def test_background(client: OpenAI, provider: ModelServer, backend: Backend) -> None:
    provider.script("Done.", "Done too.")
    made = client.responses.create(model=MODEL, input="Work", background=True)
    assert made.status == "queued"
    wait_until(lambda: client.responses.retrieve(made.id).status == "completed", 60, backend)
    assert client.responses.retrieve(made.id).output_text == "Done."

    events = list(client.responses.create(model=MODEL, input="Work", background=True, stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


def test_a_stream_in_the_background_goes_on_where_it_was_cut(client: OpenAI, provider: ModelServer) -> None:
    provider.script("Done.")
    told = client.responses.create(model=MODEL, input="Work", background=True, stream=True)
    created = next(told)
    told.close()
    assert created.type == "response.created"
    rest = list(client.responses.retrieve(created.response.id, stream=True, starting_after=created.sequence_number))
    assert [event.sequence_number for event in rest] == list(range(1, len(rest) + 1))
    assert rest[-1].type == "response.completed" and rest[-1].response.output_text == "Done."


def test_conversations(client: OpenAI, provider: ModelServer) -> None:
    provider.script("Ada.", "Ada, again.")
    made = client.conversations.create(metadata={"a": "b"}, items=[{"role": "developer", "content": "Be brief."}])
    for _ in range(2):
        client.responses.create(model=MODEL, input="Who?", conversation=made.id)
    assert [message["content"] for message in provider.chats[-1]["messages"]] == ["Be brief.", "Who?", "Ada.", "Who?"]
    said: list[Any] = list(client.conversations.items.list(made.id, order="asc", limit=2))
    assert [item.content[0].text for item in said] == ["Be brief.", "Who?", "Ada.", "Who?", "Ada, again."]
    added: Any = client.conversations.items.create(made.id, items=[{"role": "user", "content": "Bye."}]).data[0]
    assert client.conversations.items.retrieve(added.id, conversation_id=made.id) == added
    assert client.conversations.items.delete(added.id, conversation_id=made.id).id == made.id
    assert client.conversations.update(made.id, metadata={"c": "d"}).metadata == {"c": "d"}
    assert client.conversations.retrieve(made.id).created_at == made.created_at
    assert client.conversations.delete(made.id).deleted
    with pytest.raises(NotFoundError, match="conversation not found"):
        client.responses.create(model=MODEL, input="Who?", conversation=made.id)


def test_counting_and_compacting(client: OpenAI, provider: ModelServer) -> None:
    provider.script("They met.", "Hello again.")
    items: Any = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]
    assert client.responses.input_tokens.count(model=MODEL, input=items).input_tokens > 3
    compacted = client.responses.compact(model=MODEL, input=items)
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    # The client's types have no messages of users here, and warn of what its own server answers.
    output: Any = compacted.model_dump(mode="json", exclude_unset=True, warnings=False)["output"]
    again: Any = [*output, {"role": "user", "content": "And now?"}]
    assert client.responses.create(model=MODEL, input=again).output_text == "Hello again."
    assert "They met." in provider.chats[-1]["messages"][1]["content"]


def test_errors(client: OpenAI, provider: ModelServer, backend: Backend) -> None:
    with pytest.raises(BadRequestError, match="not supported yet"):
        client.responses.create(model=MODEL, input="x", tools=[{"type": "code_interpreter", "container": "c"}])
    provider.script(failure(400, "no such thing"), failure(503, "overloaded"))
    with pytest.raises(BadRequestError, match="no such thing"):
        client.responses.create(model=MODEL, input="x")
    with pytest.raises(InternalServerError, match="overloaded"):
        client.responses.create(model=MODEL, input="x")
    with (
        OpenAI(api_key="wrong", base_url=f"{backend.url}/v1", max_retries=0) as stranger,
        pytest.raises(PermissionDeniedError),
    ):
        stranger.responses.retrieve("resp_x")


def test_chat_completions(base_url: str, provider: ModelServer) -> None:
    messages: Any = [{"role": "user", "content": "Hi"}]
    provider.script("Hello", "one two three")
    with OpenAI(api_key=API_KEY, base_url=base_url, max_retries=0, timeout=60) as client:
        answer = client.chat.completions.create(model=MODEL, messages=messages)
        assert answer.choices[0].message.content == "Hello"
        told = list(
            client.chat.completions.create(
                model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
            )
        )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices).strip() == "one two three"
    assert told[-1].usage is not None and told[-1].usage.completion_tokens == 3


def test_the_usual_loop_over_a_streamed_chat(client: OpenAI, provider: ModelServer) -> None:
    provider.script("one two three")
    told = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True)
    said = ""
    for chunk in told:
        said += chunk.choices[0].delta.content or ""
    assert said.strip() == "one two three"


def test_a_chat_that_breaks_off(client: OpenAI, provider: ModelServer) -> None:
    provider.script(Streamed("Once ", cut=True))
    told = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True)
    with pytest.raises(APIError):
        list(told)


def test_a_chat_in_which_the_model_refuses(client: OpenAI, provider: ModelServer) -> None:
    messages: Any = [{"role": "user", "content": "Hi"}]
    provider.script({"refusal": "I can't."}, {"refusal": "I can't."}, "Because.")
    parsed = client.chat.completions.parse(model=MODEL, messages=messages, response_format=Number)
    assert (parsed.choices[0].message.refusal, parsed.choices[0].message.parsed) == ("I can't.", None)
    with client.chat.completions.stream(model=MODEL, messages=messages, response_format=Number) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "refusal.delta" in kinds and "content.delta" not in kinds
    assert (final.choices[0].message.refusal or "").strip() == "I can't."
    messages += [final.choices[0].message.model_dump(exclude_unset=True), {"role": "user", "content": "Why?"}]
    client.chat.completions.create(model=MODEL, messages=messages)
    assert provider.chats[-1]["messages"][1]["refusal"].strip() == "I can't."


def test_what_is_not_supported_is_named(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hi"}]
    half: Any = [{"role": "user", "content": [{"type": "image_url"}]}]
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=messages, functions=[{"name": "weather"}])
    assert (refused.value.param, refused.value.code) == ("functions", "unsupported_parameter")
    with pytest.raises(UnprocessableEntityError) as wrong:
        client.chat.completions.create(model=MODEL, messages=half)
    assert wrong.value.param == "messages[0].content[0].image_url"


def test_models(client: OpenAI) -> None:
    assert {"offline/echo", MODEL} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("offline/echo").owned_by == "offline"
    assert client.models.retrieve(MODEL).id == MODEL


def test_embeddings(client: OpenAI) -> None:
    answer = client.embeddings.create(model="offline/hashing", input=["a tide", "bread"])
    assert [len(row.embedding) for row in answer.data] == [1024, 1024]
    plain = client.embeddings.create(model="offline/hashing", input="a tide", encoding_format="float")
    assert answer.data[0].embedding == pytest.approx(plain.data[0].embedding)
