"""`POST /responses` and what is kept of it, over HTTP, with a scripted model."""

import json
import time
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import Developer, ModelUsage
from julep_project.core.errors import ModelRefused, ModelUnavailable, PromptTooBig
from sessions.models import Session
from sessions.responses.models import StoredResponse
from sessions.responses.rows import chain, listing
from tests.responses.conftest import ResponsesClient, text_of

MISSING = "resp_0197a1b2c3d47e8f90a1b2c3d4e5f607"
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORM = {"format": {"type": "json_schema", "name": "number", "schema": NUMBER, "strict": True}}

# What is told of what nobody asked for.
OF_A_PLAIN_RESPONSE = {
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-4o",
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": None,
    "background": False,
    "store": True,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1,
    "top_logprobs": 0,
    "truncation": "disabled",
    "service_tier": "default",
    "safety_identifier": None,
    "prompt_cache_key": None,
}


def calling(name: str, arguments: str, call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [call], **fields}


class TestCreate:
    def test_the_whole_object(self, api: ResponsesClient) -> None:
        before = int(time.time())
        with scripted_model(["It is four."]) as model:
            body = api.create(instructions="Be {{brief}}.", metadata={"a": "b"}, temperature=0.5, user="u")

        assert body["id"].startswith("resp_")
        assert before <= body["created_at"] <= body["completed_at"] <= time.time()
        [item] = body["output"]
        assert body == {
            **OF_A_PLAIN_RESPONSE,
            "id": body["id"],
            "created_at": body["created_at"],
            "completed_at": body["completed_at"],
            "instructions": "Be {{brief}}.",
            "metadata": {"a": "b"},
            "temperature": 0.5,
            "user": "u",
            "output": [
                {
                    "id": item["id"],
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "It is four.", "annotations": [], "logprobs": []}],
                }
            ],
            "usage": {
                "input_tokens": 3,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 3,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 6,
            },
        }
        assert list(model.requests[0].messages) == [
            {"role": "system", "content": "Be {{brief}}."},
            {"role": "user", "content": "Hi"},
        ]
        assert model.requests[0].settings == {"temperature": 0.5, "user": "u"}

    @pytest.mark.parametrize("path", ["/responses", "/api/responses", "/v1/responses", "/api/v1/responses/"])
    def test_every_path(self, api: ResponsesClient, path: str) -> None:
        with scripted_model(["Hello"]):
            answer = api.send("POST", path, {"model": "gpt-4o", "input": "Hi"})
        assert answer.status_code == 200
        assert api.send("GET", f"{path.rstrip('/')}/{answer.json()['id']}").json() == answer.json()

    def test_sessions_are_not_cluttered(self, api: ResponsesClient) -> None:
        with scripted_model(["Hello"]):
            api.create()
        assert not Session.objects.exists()

    def test_a_wrong_key(self, api: ResponsesClient) -> None:
        answer = api.send("POST", "/responses", {}, Authorization="Bearer wrong")
        assert (answer.status_code, answer.json()["error"]["message"]) == (403, "Could not validate API KEY")

    def test_a_wrong_method(self, api: ResponsesClient) -> None:
        assert api.send("GET", "/responses").status_code == 405

    @pytest.mark.parametrize("body", [[], "text", {"input": "Hi"}, {"model": "gpt-4o"}])
    def test_a_body_that_is_none(self, api: ResponsesClient, body: Any) -> None:
        answer = api.send("POST", "/responses", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_error")
        assert not StoredResponse.objects.exists()

    def test_a_tool_that_is_not_supported(self, api: ResponsesClient) -> None:
        status, error = api.refuse(tools=[{"type": "computer_use_preview"}])
        assert status == 400
        usable = "function, custom, file_search, web_search"
        assert error["message"] == f"Tools of the type 'computer_use_preview' are not supported yet: use {usable}"

    def test_a_cut_answer_is_incomplete(self, api: ResponsesClient) -> None:
        cut = {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Onc"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        }
        with scripted_model([cut]):
            body = api.create(max_output_tokens=1)
        assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert (text_of(body), body["output"][0]["status"]) == ("Onc", "incomplete")

    def test_reasoning_is_passed_on_and_told(self, api: ResponsesClient) -> None:
        thought = {"content": "Yes", "reasoning_content": "Hm."}
        with scripted_model([thought]) as model:
            body = api.create(reasoning={"effort": "high"})
        assert model.requests[0].settings["reasoning_effort"] == "high"
        assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
        assert body["reasoning"] == {"effort": "high", "summary": None}

    def test_text_with_nul_and_lone_surrogates(self, api: ResponsesClient) -> None:
        with scripted_model(["a\x00b\ud800c"]):
            body = api.create(input="x\x00y")
        assert text_of(body) == "ab\ufffdc"
        assert api.get(body["id"]).json() == body


class TestForms:
    def test_an_answer_of_the_right_form(self, api: ResponsesClient) -> None:
        with scripted_model(['{"n": 1}']) as model:
            assert text_of(api.create(text=FORM)) == '{"n": 1}'
        assert model.requests[0].settings["response_format"]["json_schema"]["schema"] == NUMBER

    def test_a_wrong_answer_is_asked_for_once_more(self, api: ResponsesClient) -> None:
        with scripted_model(['{"n": "one"}', '{"n": 2}']) as model:
            body = api.create(text=FORM)
        assert [text_of(body), len(body["output"])] == ['{"n": 2}', 1]
        assert "is not of type 'integer'" in model.requests[1].messages[-1]["content"]
        assert body["usage"]["output_tokens"] == 4
        assert ModelUsage.objects.count() == 2

    def test_two_wrong_answers(self, api: ResponsesClient) -> None:
        with scripted_model(["one", "two"]):
            status, error = api.refuse(text=FORM)
        assert status == 502
        assert error["message"].endswith("asked twice: it is not JSON")
        assert StoredResponse.objects.get().status == "failed"

    def test_a_schema_that_cannot_be_used(self, api: ResponsesClient) -> None:
        form = {"format": {"type": "json_schema", "name": "n", "schema": {"$ref": "#/nowhere"}}}
        with scripted_model(["1"]):
            status, error = api.refuse(text=form)
        assert (status, "cannot be used" in error["message"]) == (400, True)

    def test_nothing_is_asked_of_calls(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", "{}")]):
            assert api.create(text=FORM, tools=[WEATHER])["output"][0]["type"] == "function_call"


class TestProviderErrors:
    @pytest.mark.parametrize(
        ("error", "status", "code", "stored_code"),
        [
            (PromptTooBig("too long"), 400, "prompt_too_big", "invalid_prompt"),
            (ModelRefused("not like this"), 400, "llm_bad_request", "invalid_prompt"),
            (ModelUnavailable("overloaded"), 502, "llm_api_error", "server_error"),
        ],
    )
    def test_they_are_told_and_kept(
        self, api: ResponsesClient, error: Exception, status: int, code: str, stored_code: str
    ) -> None:
        with scripted_model([error]):
            answered = api.refuse()
        assert (answered[0], answered[1]["code"], answered[1]["message"]) == (status, code, str(error))
        stored = StoredResponse.objects.get()
        assert (stored.status, stored.lease_until) == ("failed", None)
        assert stored.body["error"] == {"code": stored_code, "message": str(error)}

    def test_a_bug_tells_nothing(self, api: ResponsesClient, caplog: pytest.LogCaptureFixture) -> None:
        with scripted_model([RuntimeError("secret")]):
            status, error = api.refuse()
        assert (status, error["message"]) == (500, "Internal server error")
        assert StoredResponse.objects.get().body["error"]["message"] == "Internal server error"
        assert "secret" in caplog.text


class TestFunctions:
    def test_a_round_trip_by_chaining(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", '{"city": "Rome"}', content="Wait."), "Sunny."]) as model:
            first = api.create(tools=[WEATHER])
            output = {"type": "function_call_output", "call_id": "call_1", "output": "sun"}
            second = api.create(input=[output], previous_response_id=first["id"], tools=[WEATHER])

        message, call = first["output"]
        assert (message["type"], call["type"]) == ("message", "function_call")
        assert (call["call_id"], call["name"], call["arguments"], call["status"]) == (
            "call_1",
            "weather",
            '{"city": "Rome"}',
            "completed",
        )
        assert text_of(second) == "Sunny."
        assert list(model.requests[1].messages) == [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": "Wait.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
        ]

    def test_a_round_trip_by_sending_everything_back(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", "{}"), "Sunny."]):
            first = api.create(tools=[WEATHER], store=False)
            items = [
                {"role": "user", "content": "Hi"},
                *first["output"],
                {"type": "function_call_output", "call_id": "call_1", "output": "sun"},
            ]
            second = api.create(input=items, tools=[WEATHER])
        assert text_of(second) == "Sunny."

    def test_a_result_that_is_missing(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", "{}")]):
            first = api.create(tools=[WEATHER])
        status, error = api.refuse(previous_response_id=first["id"])
        assert (status, error["message"]) == (400, "No tool output found for function call call_1.")
        assert StoredResponse.objects.count() == 1

    def test_the_choice_reaches_the_model(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", "{}")]) as model:
            api.create(tools=[WEATHER], tool_choice={"type": "function", "name": "weather"})
        assert model.requests[0].tool_choice == {"type": "function", "function": {"name": "weather"}}
        assert model.requests[0].tools[0]["function"]["name"] == "weather"


class TestChains:
    def test_what_was_said_is_said_again_but_not_the_instructions(self, api: ResponsesClient) -> None:
        with scripted_model(["One", "Two", "Three"]) as model:
            first = api.create(input="1?", instructions="Count.")
            second = api.create(input="2?", previous_response_id=first["id"])
            third = api.create(input="3?", previous_response_id=second["id"], instructions="Stop.")
        assert third["previous_response_id"] == second["id"]
        said = [(message["role"], message["content"]) for message in model.requests[2].messages]
        assert said == [
            ("system", "Stop."),
            ("user", "1?"),
            ("assistant", "One"),
            ("user", "2?"),
            ("assistant", "Two"),
            ("user", "3?"),
        ]

    def test_the_walk_is_one_query(
        self, api: ResponsesClient, developer: Developer, django_assert_num_queries: Any
    ) -> None:
        rows = self._chain(developer, 30)
        with django_assert_num_queries(1):
            items = chain.load_history(developer, rows[-1].pk, may_cut=False)
        assert [item["content"][0]["text"] for item in items] == [str(number) for number in range(30)]

    def test_the_walk_has_an_end(
        self, api: ResponsesClient, developer: Developer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chain, "LONGEST_CHAIN", 3)
        rows = self._chain(developer, 4)
        previous = f"resp_{rows[-1].pk.hex}"
        status, error = api.refuse(previous_response_id=previous)
        assert (status, "longer than 3 responses" in error["message"]) == (400, True)
        with scripted_model(["ok"]) as model:
            api.create(previous_response_id=previous, truncation="auto", model="offline/none")
        assert [message["content"] for message in model.requests[0].messages] == ["1", "2", "3", "Hi"]

    def test_a_previous_response_that_does_not_exist(self, api: ResponsesClient, foreign: StoredResponse) -> None:
        for reference in (MISSING, "resp_nothing", str(foreign.pk), "x" * 500):
            status, error = api.refuse(previous_response_id=reference)
            assert (status, error["message"]) == (404, "previous_response_id not found")

    @pytest.mark.parametrize("status", ["in_progress", "queued", "failed"])
    def test_a_previous_response_without_an_answer(
        self, api: ResponsesClient, developer: Developer, status: str
    ) -> None:
        [row] = self._chain(developer, 1)
        StoredResponse.objects.update(status=status)
        answered, error = api.refuse(previous_response_id=str(row.pk))
        assert (answered, status in error["message"]) == (400, True)

    def test_a_reference_to_an_item(self, api: ResponsesClient, foreign: StoredResponse) -> None:
        with scripted_model(["One", "Two"]) as model:
            first = api.create()
            reference = {"type": "item_reference", "id": first["output"][0]["id"]}
            api.create(input=[reference, {"role": "user", "content": "And?"}])
        assert [message["content"] for message in model.requests[1].messages] == ["One", "And?"]

        for item_id in ("msg_1", f"msg_{foreign.pk.hex}_o0", first["output"][0]["id"] + "1"):
            status, error = api.refuse(input=[{"type": "item_reference", "id": item_id}])
            assert (status, error["message"]) == (404, f"Item with id '{item_id}' not found.")

    def _chain(self, developer: Developer, length: int) -> list[StoredResponse]:
        rows: list[StoredResponse] = []
        for number in range(length):
            content = [{"type": "input_text", "text": str(number)}]
            item = {"id": f"msg_{number}", "type": "message", "role": "user", "content": content}
            row = StoredResponse(
                developer=developer,
                previous=rows[-1] if rows else None,
                status="completed",
                body={"output": [], "status": "completed", "background": False},
                input_items=[item],
            )
            row.save(force_insert=True)
            rows.append(row)
        return rows


class TestStored:
    def test_it_is_retrieved_as_it_was_given(self, api: ResponsesClient) -> None:
        with scripted_model(["Hello"]):
            body = api.create()
        assert api.get(body["id"]).json() == body
        assert api.get(str(StoredResponse.objects.get().pk)).json() == body

    @pytest.mark.parametrize("method_path", ["GET ", "DELETE ", "POST /cancel", "GET /input_items", "GET ?stream=true"])
    def test_an_unknown_one(self, api: ResponsesClient, foreign: StoredResponse, method_path: str) -> None:
        method, path = method_path.split(" ")
        for reference in (MISSING, "nonsense", f"resp_{foreign.pk.hex}"):
            answer = api.send(method, f"/responses/{reference}{path}")
            assert answer.status_code == 404
            assert answer.json()["error"]["message"] == "Provided response id does not exist"

    def test_not_stored_when_not_wanted(self, api: ResponsesClient) -> None:
        with scripted_model(["Hello"]):
            body = api.create(store=False)
        assert body["store"] is False
        assert api.get(body["id"]).status_code == 404
        assert api.refuse(previous_response_id=body["id"])[0] == 404

    def test_deleting_hides_it_from_all_but_those_that_follow(self, api: ResponsesClient) -> None:
        with scripted_model(["One", "Two", "Three"]) as model:
            first = api.create()
            second = api.create(previous_response_id=first["id"])
            deleted = api.send("DELETE", f"/responses/{first['id']}")
            api.create(previous_response_id=second["id"])

        assert deleted.json() == {"id": first["id"], "object": "response", "deleted": True}
        assert [message["content"] for message in model.requests[2].messages] == ["Hi", "One", "Hi", "Two", "Hi"]
        for answer in (api.get(first["id"]), api.send("DELETE", f"/responses/{first['id']}")):
            message = "No response was found for the provided response id"
            assert (answer.status_code, answer.json()["error"]["message"]) == (404, message)
        assert api.refuse(previous_response_id=first["id"])[0] == 404

    def test_cancelling_one_that_has_ended_changes_nothing(self, api: ResponsesClient) -> None:
        with scripted_model(["Hello"]):
            body = api.create()
        assert api.send("POST", f"/responses/{body['id']}/cancel").json() == body


class TestInputItems:
    def test_pages(self, api: ResponsesClient) -> None:
        items = [{"role": "user", "content": str(number)} for number in range(5)]
        with scripted_model(["ok"]):
            path = f"/responses/{api.create(input=items)['id']}/input_items"

        first = api.send("GET", f"{path}?limit=2").json()
        assert [item["content"][0]["text"] for item in first["data"]] == ["4", "3"]
        assert (first["object"], first["has_more"]) == ("list", True)
        assert [first["first_id"], first["last_id"]] == [item["id"] for item in first["data"]]
        rest = api.send("GET", f"{path}?limit=3&after={first['last_id']}").json()
        assert ([item["content"][0]["text"] for item in rest["data"]], rest["has_more"]) == (["2", "1", "0"], False)
        rising = api.send("GET", f"{path}?order=asc").json()
        assert [item["content"][0]["text"] for item in rising["data"]] == ["0", "1", "2", "3", "4"]

    def test_the_conversation_before_belongs_to_it(self, api: ResponsesClient) -> None:
        with scripted_model(["One", "Two"]):
            first = api.create()
            second = api.create(input="And?", previous_response_id=first["id"])
        api.send("DELETE", f"/responses/{first['id']}")
        listed = api.send("GET", f"/responses/{second['id']}/input_items?order=asc").json()["data"]
        assert [(item["role"], item["content"][0]["text"]) for item in listed] == [
            ("user", "Hi"),
            ("assistant", "One"),
            ("user", "And?"),
        ]
        assert "pieces" not in json.dumps(listed)

    def test_a_page_of_large_items_has_fewer(self, api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """No more of a conversation is read than is answered."""
        items = [{"role": "user", "content": f"{number}" * 1000} for number in range(6)]
        with scripted_model(["One", "Two"]):
            first = api.create(input=items[:3])
            second = api.create(input=items[3:], previous_response_id=first["id"])
        monkeypatch.setattr(listing, "_LARGEST_PAGE_BYTES", 2500)
        path, seen, pages = f"/responses/{second['id']}/input_items", [], 0
        after = ""
        while True:
            page = api.send("GET", f"{path}?order=asc{after}").json()
            assert 1 <= len(page["data"]) <= 3
            seen += [item["content"][0]["text"][0] for item in page["data"]]
            pages += 1
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        assert (seen, pages) == (["0", "1", "2", "O", "3", "4", "5"], 4)
        monkeypatch.setattr(listing, "_LARGEST_PAGE_BYTES", 10)
        alone = api.send("GET", path).json()
        assert ([item["content"][0]["text"][0] for item in alone["data"]], alone["has_more"]) == (["5"], True)

    @pytest.mark.parametrize(
        ("query", "status"),
        [("limit=0", 400), ("limit=101", 400), ("limit=x", 422), ("order=up", 422), ("after=msg_1", 404)],
    )
    def test_what_is_refused(self, api: ResponsesClient, query: str, status: int) -> None:
        with scripted_model(["ok"]):
            body = api.create()
        assert api.send("GET", f"/responses/{body['id']}/input_items?{query}").status_code == status
