"""Reading requests: what is taken in which spelling, and what is refused with which words."""

from typing import Any
from uuid import UUID

import pytest

from julep_project.core.errors import BadRequest, DomainError, InvalidInput, NotFound
from sessions.responses.wire.request import ResponseRequest, read_request, reopen_request

ID = UUID("0197a1b2c3d47e8f90a1b2c3d4e5f607")
FUNCTION = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
IMAGE = {"type": "input_image", "image_url": "http://x/y.png"}
CUSTOM = {"type": "custom", "name": "note", "description": "Takes a note."}
FILES = {"type": "file_search", "vector_store_ids": ["a", "b", "a"]}


def read(**fields: Any) -> ResponseRequest:
    return read_request({"model": "gpt-4o", "input": "Hi", **fields}, ID)


class TestInput:
    def test_a_text_is_a_message_of_the_user(self) -> None:
        assert read().items == [
            {
                "id": f"msg_{ID.hex}_i0",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hi"}],
                "status": "completed",
            }
        ]

    @pytest.mark.parametrize(
        ("item", "content"),
        [
            ({"role": "developer", "content": "x"}, [{"type": "input_text", "text": "x"}]),
            ({"role": "assistant", "content": "x"}, [{"type": "output_text", "text": "x", "annotations": []}]),
            (
                {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
                [{"type": "refusal", "refusal": "no"}],
            ),
            (
                {"role": "user", "content": [{"type": "input_image", "image_url": "http://x/y.png"}]},
                [{"type": "input_image", "detail": "auto", "image_url": "http://x/y.png"}],
            ),
            (
                {"role": "user", "content": [{"type": "input_file", "file_data": "data:,x", "filename": "x.pdf"}]},
                [{"type": "input_file", "file_data": "data:,x", "filename": "x.pdf"}],
            ),
        ],
    )
    def test_messages_and_their_parts(self, item: dict[str, Any], content: list[Any]) -> None:
        assert read(input=[item]).items[0]["content"] == content

    def test_an_item_sent_back_keeps_its_id(self) -> None:
        call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
        assert read(input=[{**call, "status": "completed"}]).items == [{**call, "status": "completed"}]

    def test_a_reference_stays_one(self) -> None:
        assert read(input=[{"type": "item_reference", "id": "msg_1"}]).items == [
            {"type": "item_reference", "id": "msg_1"}
        ]

    @pytest.mark.parametrize(
        ("given", "loc"),
        [
            (3, "input"),
            ([], "input"),
            (["Hi"], "input[0]"),
            ([{}], "input[0].type"),
            ([{"type": "computer_call"}], "input[0].type"),
            ([{"type": ["message"]}], "input[0].type"),
            ([{"role": "tool", "content": "x"}], "input[0].role"),
            ([{"type": "message", "content": "x"}], "input[0].role"),
            ([{"role": "user"}], "input[0].content"),
            ([{"role": "user", "content": {"a": 1}}], "input[0].content"),
            ([{"role": "user", "content": [{"type": "text", "text": "x"}]}], "input[0].content[0].type"),
            ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
            ([{"role": "user", "content": [{"type": "input_text", "text": 1}]}], "input[0].content[0].text"),
            ([{"role": "user", "content": [{"type": "input_image"}]}], "input[0].content[0]"),
            ([{"type": "function_call", "name": "f", "arguments": "{}"}], "input[0].call_id"),
            ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}], "input[0].arguments"),
            ([{"type": "function_call_output", "call_id": "c"}], "input[0].output"),
            ([{"type": "item_reference"}], "input[0].id"),
            ("", "input"),
            (" \n", "input"),
            ([{"role": "user", "content": ""}], "input[0].content"),
            ([{"role": "system", "content": []}], "input[0].content"),
            ([{"role": "user", "content": [{"type": "input_text", "text": " "}]}], "input[0].content"),
            ([{"role": "user", "content": [{**IMAGE, "detail": ["low"]}]}], "input[0].content[0].detail"),
            ([{"type": "file_search_call", "queries": 5, "results": []}], "input[0].queries"),
            ([{"type": "file_search_call", "queries": [5], "results": []}], "input[0].queries"),
            ([{"type": "file_search_call", "queries": ["x"], "results": {}}], "input[0].results"),
            ([{"type": "file_search_call", "queries": ["x"], "results": [1]}], "input[0].results"),
            ([{"type": "web_search_call", "action": [1]}], "input[0].action"),
            ([{"type": "reasoning", "summary": [1]}], "input[0].summary[0]"),
            ([{"type": "reasoning", "summary": [], "encrypted_content": 5}], "input[0].encrypted_content"),
            ([{"type": "custom_tool_call", "call_id": "c", "name": "n"}], "input[0].input"),
            ([{"role": "user", "content": "x", "id": "i" * 257}], "input[0].id"),
            ([{"role": "user", "content": "x", "id": 5}], "input[0].id"),
            ([{"role": "user", "content": "x", "status": "lost"}], "input[0].status"),
        ],
    )
    def test_what_is_refused(self, given: Any, loc: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            read(input=given)
        assert [detail["loc"] for detail in caught.value.extra["details"]] == [loc]

    def test_an_image_says_something_and_a_model_may_say_nothing(self) -> None:
        said = [{"type": "input_text", "text": ""}, IMAGE]
        items = read(input=[{"role": "user", "content": said}, {"role": "assistant", "content": []}]).items
        assert [len(item["content"]) for item in items] == [2, 0]

    def test_no_input(self) -> None:
        with pytest.raises(InvalidInput):
            read(input=None)


class TestSettings:
    def test_they_are_called_as_in_chat_completions(self) -> None:
        request = read(max_output_tokens=9, temperature=0.5, top_p=None, reasoning={"effort": "low"}, tools=[FUNCTION])
        assert request.settings() == {"temperature": 0.5, "max_tokens": 9, "reasoning_effort": "low"}

    def test_the_old_name_of_the_limit(self) -> None:
        assert read(max_tokens=7).echo["max_output_tokens"] == 7

    def test_a_schema_becomes_the_form_of_the_answer(self) -> None:
        wanted = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
        assert read(text={"format": wanted}).settings()["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
        }

    def test_unknown_fields_are_refused(self) -> None:
        with pytest.raises(BadRequest) as caught:
            read(made_up=1)
        assert caught.value.param == "made_up"

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"prompt": {"id": "pmpt_1"}}, "prompt"),
            ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
            ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
            ({"tools": [{"type": "web_search", "user_location": {"city": "Rome"}}]}, "tools[0].user_location"),
            ({"tools": [{**FUNCTION, "defer_loading": True}]}, "tools[0].defer_loading"),
            ({"tools": [{"type": "mcp"}]}, "tools[0].type"),
            ({"tools": [{**CUSTOM, "format": {"type": "grammar"}}]}, "tools[0].format.type"),
            ({"tool_choice": {"type": "function", "name": "other"}}, "tool_choice"),
            ({"previous_response_id": f"resp_{ID.hex}", "conversation": f"conv_{ID.hex}"}, "conversation"),
        ],
    )
    def test_what_cannot_be_honoured_is_named(self, fields: dict[str, Any], param: str) -> None:
        with pytest.raises(BadRequest) as caught:
            read(**fields)
        assert caught.value.param == param

    def test_options_that_ask_for_nothing(self) -> None:
        idle = {"user_location": None, "search_context_size": "low", "external_web_access": True}
        request = read(
            stream_options={"include_obfuscation": False},
            reasoning={"context": "auto"},
            tools=[{"type": "web_search", **idle}, {**FUNCTION, "defer_loading": False}],
            context_management=None,
            n=1,
        )
        assert request.tools.web_results == 3

    @pytest.mark.parametrize(
        ("fields", "loc"),
        [
            ({"model": ""}, "model"),
            ({"model": None}, "model"),
            ({"temperature": 3}, "temperature"),
            ({"top_p": "much"}, "top_p"),
            ({"temperature": "nan"}, "temperature"),
            ({"top_p": "-inf"}, "top_p"),
            ({"temperature": True}, "temperature"),
            ({"max_output_tokens": 0}, "max_output_tokens"),
            ({"truncation": "some"}, "truncation"),
            ({"metadata": [1]}, "metadata"),
            ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
            ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
            ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
            ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
            ({"stream": "perhaps"}, "stream"),
            ({"instructions": ["x"]}, "instructions"),
            ({"tools": {"a": 1}}, "tools"),
            ({"tool_choice": 5}, "tool_choice"),
            ({"tool_choice": ["auto"]}, "tool_choice"),
            ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.tools"),
            ({"tool_choice": {"type": "allowed_tools", "tools": [5]}}, "tool_choice.tools[0]"),
            ({"tool_choice": {"type": "allowed_tools", "mode": "some", "tools": [{}]}}, "tool_choice.mode"),
            ({"include": ["all"]}, "include[0]"),
            ({"service_tier": "free"}, "service_tier"),
            ({"safety_identifier": "x" * 65}, "safety_identifier"),
            ({"presence_penalty": 3}, "presence_penalty"),
            ({"conversation": {}}, "conversation"),
            ({"tools": [{**CUSTOM, "format": {"type": "xml"}}]}, "tools[0].format.type"),
            ({"tools": [{"type": "web_search", "search_context_size": "all"}]}, "tools[0].search_context_size"),
            ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
            ({"tool_choice": {"type": "function", "name": ["x"]}}, "tool_choice.name"),
            ({"tool_choice": {"type": "function", "function": "x"}}, "tool_choice.function"),
            ({"tool_choice": {"type": "function", "function": {"name": 5}}}, "tool_choice.function.name"),
        ],
    )
    def test_what_is_refused(self, fields: dict[str, Any], loc: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            read(**fields)
        assert [detail["loc"] for detail in caught.value.extra["details"]] == [loc]

    def test_includes_are_counted_before_they_are_read(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            read(include=[1] * 21)
        assert [(detail["loc"], detail["type"]) for detail in caught.value.extra["details"]] == [
            ("include", "too_long")
        ]

    def test_a_background_response_is_stored(self) -> None:
        with pytest.raises(BadRequest, match="background needs store"):
            read(background=True, store=False)

    def test_a_previous_response_that_cannot_be(self) -> None:
        with pytest.raises(NotFound, match="previous_response_id not found"):
            read(previous_response_id="resp_nothing")


class TestTools:
    def test_functions_and_searches_are_presented_together(self) -> None:
        tools = read(tools=[FUNCTION, {"type": "web_search_preview_2025_03_11"}, FILES]).tools
        assert [tool["function"]["name"] for tool in tools.presented()] == ["weather", "file_search", "web_search"]
        assert tools.presented()[0]["function"]["strict"] is True
        assert tools.file_search is not None and tools.file_search.owner_ids == ("a", "b")

    @pytest.mark.parametrize(
        ("choice", "read_as"),
        [
            (None, "auto"),
            ("required", "required"),
            ({"type": "function", "name": "weather"}, "weather"),
            ({"type": "function", "function": {"name": "weather"}}, "weather"),
            ({"type": "web_search_preview"}, "web_search"),
            ({"type": "file_search"}, "file_search"),
            ({"type": "custom", "name": "note"}, "note"),
        ],
    )
    def test_choices(self, choice: Any, read_as: str) -> None:
        read_choice = read(tools=[FUNCTION, {"type": "web_search"}, FILES, CUSTOM], tool_choice=choice).tools.choice
        assert read_choice == (read_as if choice in (None, "required") else _function(read_as))

    @pytest.mark.parametrize("form", [lambda told: told, lambda told: {"allowed_tools": told}])
    def test_of_allowed_tools_the_others_are_not_told_of(self, form: Any) -> None:
        allowed = {"mode": "required", "tools": [{"type": "web_search"}, {"type": "custom", "name": "note"}]}
        choice = {"type": "allowed_tools", **form(allowed)}
        tools = read(tools=[FUNCTION, {"type": "web_search"}, FILES, CUSTOM], tool_choice=choice).tools
        assert ([tool["function"]["name"] for tool in tools.presented()], tools.choice) == (
            ["note", "web_search"],
            "required",
        )

    def test_a_tool_that_takes_a_text_is_a_function_for_models(self) -> None:
        tools = read(tools=[CUSTOM]).tools
        [function] = tools.presented()
        assert function["function"]["parameters"]["required"] == ["input"]
        assert tools.custom == tools.function_names == {"note"}

    @pytest.mark.parametrize(
        "choice",
        [{"type": "function", "name": "other"}, {"type": "file_search"}, {"type": "mcp"}, {"type": ["function"]}, {}],
    )
    def test_a_choice_that_is_no_tool(self, choice: Any) -> None:
        with pytest.raises(BadRequest, match="not among the tools"):
            read(tools=[FUNCTION], tool_choice=choice)

    @pytest.mark.parametrize(
        "kind", ["computer_use_preview", "code_interpreter", "mcp", "image_generation", "web_search_x", 3]
    )
    def test_kinds_that_are_not_supported(self, kind: Any) -> None:
        with pytest.raises(BadRequest, match="not supported yet"):
            read(tools=[{"type": kind}])

    def test_a_file_search_of_nothing(self) -> None:
        with pytest.raises(BadRequest, match="vector_store_ids"):
            read(tools=[{"type": "file_search", "vector_store_ids": []}])

    @pytest.mark.parametrize(
        ("options", "place"),
        [
            ({"filters": {"type": "like", "key": "a", "value": 1}}, "filters.type"),
            ({"filters": {"type": "and", "filters": [{"type": "eq", "value": 1}]}}, "filters.filters[0].key"),
            ({"filters": []}, "filters"),
            ({"ranking_options": []}, "ranking_options"),
            ({"ranking_options": {"ranker": ["auto"]}}, "ranking_options.ranker"),
            ({"ranking_options": {"score_threshold": True}}, "ranking_options.score_threshold"),
            ({"ranking_options": {"score_threshold": 1.5}}, "ranking_options.score_threshold"),
            ({"ranking_options": {"hybrid_search": {"text_weight": 1}}}, "ranking_options.hybrid_search"),
            ({"ranking_options": {"rank": "auto"}}, "ranking_options.rank"),
        ],
    )
    def test_a_file_search_that_is_wrong(self, options: dict[str, Any], place: str) -> None:
        with pytest.raises((InvalidInput, BadRequest)) as refused:
            read(tools=[{**FILES, **options}])
        assert refused.value.param == f"tools[0].{place}"

    @pytest.mark.parametrize(
        ("tool", "loc"),
        [
            ("weather", "tools[0]"),
            ({}, "tools[0].type"),
            ({"type": "function"}, "tools[0].name"),
            ({"type": "function", "name": "a b"}, "tools[0].name"),
            ({"type": "function", "name": "a", "parameters": []}, "tools[0].parameters"),
            ({"type": "function", "name": "a", "strict": "yes"}, "tools[0].strict"),
            ({**FILES, "max_num_results": 51}, "tools[0].max_num_results"),
            ({**FILES, "max_num_results": "5"}, "tools[0].max_num_results"),
        ],
    )
    def test_what_is_refused(self, tool: Any, loc: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            read(tools=[tool])
        assert [detail["loc"] for detail in caught.value.extra["details"]] == [loc]

    @pytest.mark.parametrize(
        "tools", [[FUNCTION, FUNCTION], [{**FUNCTION, "name": "web_search"}, {"type": "web_search"}]]
    )
    def test_two_tools_of_one_name(self, tools: list[Any]) -> None:
        with pytest.raises(DomainError, match="Two tools have the name"):
            read(tools=tools)


def test_a_stored_request_is_read_again_as_it_was() -> None:
    asked = read(tools=[FUNCTION, FILES], tool_choice="required", background=True, temperature=1, metadata={"a": "b"})
    again = reopen_request(asked.echo, asked.items, None, ())
    assert (again.settings(), again.tools, again.items) == (asked.settings(), asked.tools, asked.items)


def _function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}
