"""Conversations: threads of items that responses continue and add to."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from openai.types.conversations import Conversation as PublishedConversation
from openai.types.conversations import ConversationItemList

from agents.llm.own.scripted import scripted_model
from julep_project.core.errors import ModelUnavailable
from sessions.responses.models import Conversation, ConversationItem
from sessions.responses.rows import conversation_items
from tests.api_client import API_KEY, ApiClient
from tests.at_once import THREADS, statuses_at_once
from tests.responses.conftest import ResponsesClient, text_of
from tests.responses.test_answers import WEATHER, calling

HI = {"role": "user", "content": "Hi"}


@pytest.fixture
def rest(api: ResponsesClient) -> ApiClient:
    """For the requests that no stream comes of."""
    return ApiClient()


def new(rest: ApiClient, **fields: Any) -> str:
    answer = rest.post("/v1/conversations", fields)
    assert answer.status_code == 200, answer.json()
    PublishedConversation.model_validate(answer.json())
    return str(answer.json()["id"])


def listed(rest: ApiClient, conversation: str, **query: str) -> dict[str, Any]:
    answer = rest.get(f"/v1/conversations/{conversation}/items", query)
    assert answer.status_code == 200, answer.json()
    ConversationItemList.model_validate(answer.json())
    page: dict[str, Any] = answer.json()
    return page


def said_in(rest: ApiClient, conversation: str) -> list[str]:
    """What was said, oldest first."""
    items = listed(rest, conversation, order="asc", limit="100")["data"]
    return [item["content"][0]["text"] if item["type"] == "message" else item["type"] for item in items]


class TestConversations:
    def test_one_of_them(self, rest: ApiClient) -> None:
        conversation = new(rest, metadata={"a": "b"}, items=[HI])
        path = f"/v1/conversations/{conversation}"
        shown = rest.get(path).json()
        assert (shown["object"], shown["metadata"]) == ("conversation", {"a": "b"})
        assert rest.post(path, {"metadata": {"c": "d"}}).json() == {**shown, "metadata": {"c": "d"}}
        assert rest.post(path, {"metadata": None}).json()["metadata"] == {}
        assert said_in(rest, conversation) == ["Hi"]
        gone = rest.delete(path)
        assert (gone.status_code, gone.json()) == (
            200,
            {"id": conversation, "object": "conversation.deleted", "deleted": True},
        )
        assert not ConversationItem.objects.exists()
        for again in (rest.get(path), rest.delete(path), rest.post(path, {"metadata": {}}), rest.get(path + "/items")):
            assert (again.status_code, again.json()["error"]["message"]) == (
                404,
                "Provided conversation id does not exist",
            )

    @pytest.mark.parametrize(
        ("fields", "loc"),
        [
            ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
            ({"metadata": {"k": 5}}, "metadata.k"),
            ({"metadata": {"k": "x" * 513}}, "metadata.k"),
            ({"metadata": {"k" * 65: "x"}}, "metadata." + "k" * 64),
            ({"metadata": [1]}, "metadata"),
            ({"items": [HI] * 21}, "items"),
            ({"items": "Hi"}, "items"),
            ({"items": ["Hi"]}, "items[0]"),
            ({"items": [{"role": "user"}]}, "items[0].content"),
        ],
        ids=str,
    )
    def test_what_is_refused(self, rest: ApiClient, fields: dict[str, Any], loc: str) -> None:
        answer = rest.post("/v1/conversations", fields)
        assert (answer.status_code, answer.json()["error"]["details"][0]["loc"]) == (422, loc)
        assert not Conversation.objects.exists()


class TestItems:
    def test_they_are_added_read_and_taken_out(self, rest: ApiClient) -> None:
        conversation = new(rest)
        assert listed(rest, conversation) == {
            "object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False
        }  # fmt: skip
        path = f"/v1/conversations/{conversation}/items"
        added = rest.post(path, {"items": [{**HI, "id": "mine"}, {**HI, "id": "mine", "content": "Ho"}]}).json()
        ConversationItemList.model_validate(added)
        first, second = (item["id"] for item in added["data"])
        assert (first, second != "mine") == ("mine", True)
        assert [item["id"] for item in listed(rest, conversation)["data"]] == [second, first]
        assert rest.get(f"{path}/{first}").json() == added["data"][0]
        assert rest.delete(f"{path}/{first}").json()["id"] == conversation
        for again in (rest.get(f"{path}/{first}"), rest.delete(f"{path}/{first}")):
            assert (again.status_code, again.json()["error"]["message"]) == (404, "Item with id 'mine' not found.")
        assert said_in(rest, conversation) == ["Ho"]

    def test_pages(self, rest: ApiClient) -> None:
        conversation = new(rest, items=[{"role": "user", "content": str(number)} for number in range(5)])
        seen, after = [], ""
        while True:
            page = listed(rest, conversation, limit="2", **({"after": after} if after else {}))
            seen += [item["content"][0]["text"] for item in page["data"]]
            after = page["last_id"]
            if not page["has_more"]:
                break
        assert seen == ["4", "3", "2", "1", "0"]

    @pytest.mark.parametrize(
        ("query", "status"), [("limit=0", 400), ("order=up", 422), ("after=no", 404), ("include=all", 422)]
    )
    def test_pages_that_are_none(self, rest: ApiClient, query: str, status: int) -> None:
        answer = rest.get(f"/v1/conversations/{new(rest)}/items?{query}")
        assert answer.status_code == status, answer.json()

    def test_a_page_of_large_items_has_fewer(self, rest: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
        conversation = new(rest, items=[{"role": "user", "content": "x" * 1000}] * 3)
        monkeypatch.setattr("sessions.responses.rows.listing._LARGEST_PAGE_BYTES", 2500)
        page = listed(rest, conversation)
        assert (len(page["data"]), page["has_more"]) == (2, True)


class TestResponses:
    def test_they_continue_and_add_to_it(self, api: ResponsesClient, rest: ApiClient) -> None:
        conversation = new(rest, items=[{"role": "developer", "content": "Be brief."}])
        with scripted_model([calling("weather", "{}"), "Sunny."]) as model:
            first = api.create(conversation=conversation, tools=[WEATHER])
            result = {"type": "function_call_output", "call_id": "call_1", "output": "sun"}
            second = api.create(conversation={"id": conversation}, input=[result], tools=[WEATHER], store=False)
        assert first["conversation"] == second["conversation"] == {"id": conversation}
        assert [message["role"] for message in model.requests[1].messages] == ["system", "user", "assistant", "tool"]
        told = ["Be brief.", "Hi", "function_call", "function_call_output", "Sunny."]
        assert said_in(rest, conversation) == told
        assert text_of(second) == "Sunny."

    def test_what_came_to_no_end_of_its_own_is_no_part_of_it(self, api: ResponsesClient, rest: ApiClient) -> None:
        conversation = new(rest)
        with scripted_model([ModelUnavailable("overloaded")]):
            assert api.refuse(conversation=conversation)[0] == 502
        assert said_in(rest, conversation) == []

    def test_an_item_of_it_can_be_referred_to(self, api: ResponsesClient, rest: ApiClient) -> None:
        conversation = new(rest, items=[{**HI, "id": "mine"}])
        with scripted_model(["Ho"]) as model:
            api.create(conversation=conversation, input=[{"type": "item_reference", "id": "mine"}])
        assert [message["content"] for message in model.requests[0].messages] == ["Hi", "Hi"]
        ids = [item["id"] for item in listed(rest, conversation)["data"]]
        assert len(set(ids)) == 3

    @pytest.mark.parametrize("named", ["conv_nothing", f"conv_{UUID(int=5).hex}", "x" * 500])
    def test_one_that_is_not_there(self, api: ResponsesClient, named: str) -> None:
        status, error = api.refuse(conversation=named)
        assert (status, error["message"]) == (404, "conversation not found")

    def test_one_of_its_responses_is_not_continued_by_itself(self, api: ResponsesClient, rest: ApiClient) -> None:
        with scripted_model(["Ho"]):
            first = api.create(conversation=new(rest))
        status, error = api.refuse(previous_response_id=first["id"])
        assert (status, "continue that conversation" in error["message"]) == (400, True)

    def test_one_that_is_too_long(self, api: ResponsesClient, rest: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conversation_items, "MOST_ITEMS_READ", 3)
        items = [calling_item(), result_item(), HI, {"role": "assistant", "content": "Ho"}]
        conversation = new(rest, items=items)
        assert api.refuse(conversation=conversation)[0] == 400
        with scripted_model(["ok"]) as model:
            api.create(conversation=conversation, truncation="auto", model="offline/none")
        assert [message["content"] for message in model.requests[0].messages] == ["Hi", "Ho", "Hi"]


def calling_item() -> dict[str, Any]:
    return {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}


def result_item() -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": "c", "output": "sun"}


@pytest.mark.django_db(transaction=True)
def test_those_who_add_at_once_have_a_clear_order(settings: Any) -> None:
    """What is added together stays together, and no place is given twice."""
    settings.AGENTS_API_KEY = API_KEY
    conversation = new(ApiClient())

    def add(writer: int) -> Any:
        items = [{"role": "user", "content": f"{writer}", "id": "same"}] * 3
        return ApiClient().post(f"/v1/conversations/{conversation}/items", {"items": items})

    assert statuses_at_once(add) == [200] * THREADS
    rows = list(ConversationItem.objects.all())
    assert [row.position for row in rows] == list(range(1, 3 * THREADS + 1))
    said = said_in(ApiClient(), conversation)
    assert [len(set(said[place : place + 3])) for place in range(0, len(said), 3)] == [1] * THREADS
    assert len({row.item_id for row in rows}) == len(rows)

    answered = asyncio.run(_answered_at_once(conversation))
    added = said_in(ApiClient(), conversation)[len(said) :]
    assert sorted(added[::2]) == sorted(answered) == ["0", "1", "2"]
    assert added[::2] == added[1::2]


async def _answered_at_once(conversation: str) -> list[str]:
    """What responses in it say, which is what was asked."""
    client = ResponsesClient(asyncio.run)
    asked = [{"model": "offline/echo", "input": str(each), "conversation": conversation} for each in range(3)]
    answers = await asyncio.gather(*(client._send("POST", "/responses", body, {}) for body in asked))
    return [text_of(answer.json()) for answer in answers]
