"""From items to the messages of a model, and from its chunks to items and events."""

import json
from typing import Any
from uuid import UUID

import pytest

from agents.llm.own.scripted import find_unpaired
from julep_project.core.errors import BadRequest
from sessions.responses.answering.messages import to_messages
from sessions.responses.answering.reading import AnswerItems, Telling
from sessions.responses.wire.items import read_input
from sessions.responses.wire.output import SearchItem
from sessions.responses.wire.replay import replay

ID = UUID("0197a1b2c3d47e8f90a1b2c3d4e5f607")
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Rome"}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}


def messages(*items: Any, **options: Any) -> list[dict[str, Any]]:
    return to_messages(read_input(list(items), ID), **options)


def tool_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


class TestMessages:
    def test_instructions_come_first_as_they_are(self) -> None:
        assert messages({"role": "user", "content": "Hi"}, instructions="Be {{brief}}.") == [
            {"role": "system", "content": "Be {{brief}}."},
            {"role": "user", "content": "Hi"},
        ]

    def test_developers_speak_as_the_system(self) -> None:
        assert messages({"role": "developer", "content": "x"}) == [{"role": "system", "content": "x"}]

    def test_parts(self) -> None:
        parts = [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]
        [message] = messages({"role": "user", "content": parts})
        assert message["content"] == [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]

    def test_a_file_by_address_is_refused(self) -> None:
        with pytest.raises(BadRequest, match="file_url"):
            messages({"role": "user", "content": [{"type": "input_file", "file_url": "http://x/"}]})

    def test_text_and_calls_of_one_answer_are_one_message(self) -> None:
        other = {**CALL, "call_id": "c2"}
        said = {"role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]}
        result = {**RESULT, "call_id": "c2", "output": [{"type": "input_text", "text": "rainy"}]}
        assert messages({"role": "user", "content": "?"}, said, CALL, other, RESULT, result) == [
            {"role": "user", "content": "?"},
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [tool_call(name, "weather", '{"city": "Rome"}') for name in ("c1", "c2")],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "c2", "content": "rainy"},
        ]

    def test_reasoning_and_searches_without_results_are_left_out(self) -> None:
        assert (
            messages(
                {"type": "reasoning", "summary": []},
                {"type": "web_search_call", "action": {"type": "search", "query": "x"}},
                {"type": "file_search_call", "queries": ["x"], "results": None},
                hosted={"web_search", "file_search"},
            )
            == []
        )

    def test_a_search_with_results_is_shown_while_its_tool_is_offered(self) -> None:
        search = {"type": "file_search_call", "id": "fs_1", "queries": ["tides"], "results": [{"text": "high"}]}
        assert messages(search) == []
        assert messages(search, hosted={"file_search"}) == [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [tool_call("fs_1", "file_search", '{"query":"tides"}')],
            },
            {"role": "tool", "tool_call_id": "fs_1", "content": '{"results":[{"text":"high"}]}'},
        ]

    def test_results_stand_directly_behind_the_calls_of_their_answer(self) -> None:
        """Searches beside a call for the client end before it does, and people talk in between."""
        searches = [
            {"type": "file_search_call", "id": f"fs_{number}", "queries": ["tides"], "results": []} for number in (1, 2)
        ]
        other = {**CALL, "call_id": "c2"}
        between = {"role": "user", "content": "Well?"}
        read = messages(CALL, *searches, other, between, RESULT, {**RESULT, "call_id": "c2"}, hosted={"file_search"})
        assert find_unpaired(read) is None
        assert [call["id"] for call in read[0]["tool_calls"]] == ["c1", "fs_1", "fs_2", "c2"]
        assert [message.get("tool_call_id") for message in read[1:]] == ["fs_1", "fs_2", "c1", "c2", None]

    def test_the_next_answer_begins_a_message_of_its_own(self) -> None:
        read = messages(CALL, RESULT, {**CALL, "call_id": "c2"}, {**RESULT, "call_id": "c2"})
        assert [message["role"] for message in read] == ["assistant", "tool", "assistant", "tool"]

    def test_numbers_beyond_64_bits_in_results(self) -> None:
        search = {"type": "file_search_call", "id": "fs_1", "queries": ["tides"], "results": [{"score": 10**30}]}
        assert json.loads(messages(search, hosted={"file_search"})[1]["content"])["results"] == search["results"]

    def test_a_call_that_was_cut_off_is_left_out(self) -> None:
        assert messages({**CALL, "status": "incomplete"}) == []

    def test_a_result_without_its_call(self) -> None:
        with pytest.raises(BadRequest, match="No tool call found for function call output with call_id c1"):
            messages(RESULT)

    def test_a_call_without_its_result(self) -> None:
        with pytest.raises(BadRequest, match="No tool output found for function call c1"):
            messages(CALL, {"role": "user", "content": "?"})


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def call_chunk(index: int, *, id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    return chunk(tool_calls=[{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}])


def end(reason: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": {"prompt_tokens": 3}}


def take(items: AnswerItems, piece: dict[str, Any]) -> list[dict[str, Any]]:
    items.answer.add(piece)
    return items.tell(items.answer.latest)


def read(*chunks: dict[str, Any]) -> tuple[AnswerItems, list[dict[str, Any]]]:
    items = AnswerItems(ID, 0, Telling(functions={"f", "g"}))
    events = [event for piece in chunks for event in take(items, piece)]
    items.answer.end()
    events += items.tell(items.answer.latest)
    return items, events + items.close()


def arguments(items: AnswerItems) -> list[tuple[str, str]]:
    return [(call["id"], call["function"]["arguments"]) for call in items.answer.calls]


class TestReading:
    def test_a_text(self) -> None:
        answer, events = read(
            chunk(role="assistant", content=""), chunk(content="Hel"), chunk(content="lo"), end("stop")
        )

        assert [event["type"].removeprefix("response.") for event in events] == [
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
        ]
        item_id = f"msg_{ID.hex}_o0"
        place = {"item_id": item_id, "output_index": 0, "content_index": 0}
        assert events[2] == {"type": "response.output_text.delta", **place, "delta": "Hel", "logprobs": []}
        assert events[4] == {"type": "response.output_text.done", **place, "text": "Hello", "logprobs": []}
        assert events[6]["item"] == {
            "id": item_id,
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
        }
        assert answer.answer.usage == {"prompt_tokens": 3}

    def test_calls_in_pieces(self) -> None:
        answer, events = read(
            chunk(content="Wait."),
            call_chunk(0, id="a", name="f"),
            call_chunk(0, arguments='{"x"'),
            call_chunk(0, arguments=": 1}"),
            call_chunk(1, id="b", name="g", arguments="{}"),
            end("tool_calls"),
        )

        assert [(item["type"], item["status"]) for item in answer.items] == [
            ("message", "completed"),
            ("function_call", "completed"),
            ("function_call", "completed"),
        ]
        assert [(item.get("call_id"), item.get("arguments")) for item in answer.items[1:]] == [
            ("a", '{"x": 1}'),
            ("b", "{}"),
        ]
        done = [event for event in events if event["type"] == "response.function_call_arguments.done"]
        assert [(event["name"], event["arguments"], event["output_index"]) for event in done] == [
            ("f", '{"x": 1}', 1),
            ("g", "{}", 2),
        ]

    def test_two_whole_calls_under_one_index(self) -> None:
        answer, _ = read(
            call_chunk(0, id="a", name="f", arguments="{}"), call_chunk(0, id="b", name="f", arguments="[]")
        )
        assert arguments(answer) == [("a", "{}"), ("b", "[]")]

    def test_a_call_without_an_id_gets_one(self) -> None:
        answer, _ = read(chunk(tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]))
        assert arguments(answer)[0][0].startswith("call_")

    def test_pieces_of_several_calls_mixed_up(self) -> None:
        answer, events = read(
            call_chunk(0, id="a", name="f", arguments="{"),
            call_chunk(1, id="b", name="f", arguments="[]"),
            call_chunk(0, arguments="}"),
        )
        assert arguments(answer) == [("a", "{}"), ("b", "[]")]
        done = [event["arguments"] for event in events if event["type"] == "response.function_call_arguments.done"]
        assert done == ["{}", "[]"]

    def test_calls_of_searches_make_no_items(self) -> None:
        answer, events = read(call_chunk(0, id="a", name="web_search", arguments='{"query": "x"}'), end("tool_calls"))
        assert (events, answer.items) == ([], [])
        assert arguments(answer) == [("a", '{"query": "x"}')]

    def test_reasoning_comes_before_the_text(self) -> None:
        answer, events = read(chunk(reasoning_content="Hm"), chunk(reasoning_content="m."), chunk(content="Yes"))
        assert [item["type"] for item in answer.items] == ["reasoning", "message"]
        assert answer.items[0]["content"] == [{"type": "reasoning_text", "text": "Hmm."}]
        assert [event["delta"] for event in events if event["type"] == "response.reasoning_text.delta"] == ["Hm", "m."]

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    def test_what_the_provider_cut_is_incomplete(self, reason: str) -> None:
        answer, _ = read(chunk(content="Onc"), end(reason))
        assert (answer.items[0]["status"], answer.answer.is_cut) == ("incomplete", True)


def test_stored_items_tell_the_same_events_again() -> None:
    answer, told = read(
        chunk(reasoning_content="Hm"),
        chunk(content="Hel"),
        chunk(content="lo"),
        call_chunk(0, id="a", name="f"),
        call_chunk(0, arguments="{}"),
        call_chunk(1, id="b", name="g"),
        end("tool_calls"),
    )
    again = [event for index, item in enumerate(answer.items) for event in replay(item, index, ())]
    assert again == told


@pytest.mark.parametrize("tool", ["web_search", "file_search"])
@pytest.mark.parametrize("results", [[{"url": "http://x/", "text": "t"}], [], None])
def test_stored_searches_tell_the_same_events_again(tool: str, results: list[Any] | None) -> None:
    include = ["file_search_call.results"]
    search = SearchItem("s_1", 2, tool=tool, query="tides")
    told = [*search.opening(), *search.closing(results, include)]
    assert list(replay(search.stored(results), 2, include)) == told
    assert told[-1]["item"]["status"] == ("failed" if results is None else "completed")
