"""Arguments preset by metadata, and what a model may supply beside them."""

from typing import Any

import pytest

from agents.models import Developer
from agents.tools.errors import BadArguments, ToolError
from agents.tools.presentation import present_tools
from agents.tools.presets import ARGUMENT_KEYS, SETUP_KEYS, Presets, apply, present_with, with_setup
from agents.tools.registry import Caller
from agents.tools.runners import MAX_DEPTH, current_depth, run_tool
from agents.tools.supplied import WantedCall
from julep_project.devservices.loopback import Reply
from tests.loopback.web_server import WebServer
from tests.tools.calling import call_tool

SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["customer", "note"],
}
FUNCTION = {"name": "check", "type": "function", "function": {"parameters": SCHEMA}}
DUMMY = {"name": "echo", "type": "integration", "integration": {"provider": "dummy"}}


class TestReading:
    @pytest.mark.parametrize("key", ARGUMENT_KEYS)
    @pytest.mark.parametrize("entry", ["function:check", "check"])
    def test_every_key_and_both_ways_to_name_a_tool(self, key: str, entry: str) -> None:
        assert Presets.from_metadata({key: {entry: {"customer": 42}}}).for_tool(FUNCTION) == {"customer": 42}

    def test_the_first_metadata_wins_value_by_value(self) -> None:
        session = {"x-tool-parameters": {"check": {"customer": 1}}}
        user = {"x-integration-args": {"function:check": {"customer": 2, "note": "user"}}}
        agent = {"x-integration-args": {"function:check": {"note": "agent", "more": True}}}

        presets = Presets.from_metadata(session, user, None, agent)

        assert presets.for_tool(FUNCTION) == {"customer": 1, "note": "user", "more": True}

    def test_the_name_with_its_type_is_more_telling(self) -> None:
        args = {"x-integration-args": {"function:check": {"customer": 1}, "check": {"customer": 2}}}

        assert Presets.from_metadata(args).for_tool(FUNCTION) == {"customer": 1}

    def test_a_bare_value_counts_for_tools_that_declare_it(self) -> None:
        presets = Presets.from_metadata({"x-integration-args": {"customer": 7, "unknown": 8, "note": None}})

        assert presets.for_tool(FUNCTION) == {"customer": 7, "note": None}
        assert presets.for_tool(DUMMY) == {}

    @pytest.mark.parametrize(
        "metadata",
        [{}, {"x-integration-args": None}, {"x-integration-args": ["check"]}, {"x-integration-args": {"check": "no"}},
         {"x-integration-args": {"api_call:check": {"customer": 1}}}],
    )  # fmt: skip
    def test_what_says_nothing_of_the_tool(self, metadata: dict[str, Any]) -> None:
        assert Presets.from_metadata(metadata).for_tool(FUNCTION) == {}

    def test_a_tool_in_the_form_of_a_model(self) -> None:
        tool = {"type": "function", "function": {"name": "check", "parameters": SCHEMA}}
        presets = Presets.from_metadata({"x-integration-args": {"function:check": {"customer": 1}}})

        (shown,) = present_tools(present_with(presets, [tool]))

        assert list(shown["function"]["parameters"]["properties"]) == ["note"]


class TestOffered:
    PRESETS = Presets.from_metadata({"x-integration-args": {"t": {"customer": 42, "query": "sea", "limit": 3}}})

    @pytest.mark.parametrize(
        ("kind", "spec", "left"),
        [
            ("function", {"parameters": SCHEMA}, ["note"]),
            ("api_call", {"method": "GET", "url": "http://a", "params_schema": SCHEMA}, ["note"]),
            ("integration", {"provider": "wikipedia"}, ["load_max_docs"]),
            ("system", {"resource": "agent", "subresource": "tool", "operation": "list"}, ["agent_id", "offset"]),
            ("function", {}, []),
            ("api_call", {"method": "GET", "url": "http://a"}, []),
        ],
    )
    def test_presets_are_gone_from_what_a_model_is_offered(
        self, kind: str, spec: dict[str, Any], left: list[str]
    ) -> None:
        (shown,) = present_tools(present_with(self.PRESETS, [{"name": "t", "type": kind, kind: spec}]))

        parameters = shown["function"]["parameters"]
        assert set(parameters["properties"]) >= set(left)
        gone = {"customer", "query", "limit"}
        assert gone.isdisjoint(parameters["properties"]) and gone.isdisjoint(parameters.get("required", ()))
        assert "sea" not in str(shown) and "42" not in str(shown)

    def test_other_kinds_stay_as_they_are(self) -> None:
        bash = {"name": "t", "type": "bash_20241022", "bash_20241022": {"name": "bash"}}

        assert present_with(self.PRESETS, [bash]) == [bash]

    def test_they_win_over_what_is_supplied(self) -> None:
        tool = {**FUNCTION, "name": "t"}

        assert apply(self.PRESETS, tool, {"customer": 1, "note": "x"})["customer"] == 42


class TestSetup:
    @pytest.mark.parametrize("key", SETUP_KEYS)
    def test_it_completes_that_of_an_integration(self, key: str) -> None:
        tool = {"name": "t", "type": "integration", "integration": {"provider": "brave", "setup": {"a": 1, "b": 1}}}

        found = with_setup(Presets.from_metadata({key: {"integration:t": {"b": 2}}}), tool)

        assert found["integration"]["setup"] == {"a": 1, "b": 2}
        assert tool["integration"]["setup"] == {"a": 1, "b": 1}  # type: ignore[index]

    def test_it_reaches_the_provider(self, web_server: WebServer, settings: Any) -> None:
        settings.INTEGRATION_ADDRESSES = {"brave": web_server.url}
        web_server.script("/res/v1/web/search", Reply(body={}))
        tool = {"name": "t", "type": "integration", "integration": {"provider": "brave"}}
        presets = Presets.from_metadata({"x-integration-setup": {"t": {"brave_api_key": "preset"}}})

        run_tool(Caller(Developer(), "k"), WantedCall(tool, {"query": "x"}, presets=presets, from_model=True))

        assert web_server.requests[0].headers["x-subscription-token"] == "preset"

    def test_it_sets_fields_of_a_request(self, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply())
        tool = {"name": "t", "type": "api_call", "api_call": {"method": "GET", "url": url, "headers": {"X-Mark": "1"}}}
        setup = {"headers": {"Authorization": "Bearer x"}, "schema": {"type": "nothing"}}

        presets = Presets.from_metadata({"x-api_call-setup": {"t": setup}})
        run_tool(Caller(Developer(), "k"), WantedCall(tool, {}, presets=presets))

        headers = web_server.requests[0].headers
        assert (headers["x-mark"], headers["authorization"]) == ("1", "Bearer x")


class TestFromModel:
    def _run(self, url: str, schema: Any, arguments: dict[str, Any], **options: Any) -> Any:
        spec = {"method": "POST", "url": url, "headers": {"X-Mark": "mine"}, "params_schema": schema}
        tool = {"name": "hook", "type": "api_call", "api_call": spec}
        return call_tool(Developer(), tool, arguments, from_model=True, **options)

    HOSTILE = {
        "url": "http://10.0.0.1/",
        "method": "DELETE",
        "headers": {"X-Mark": "yours", "Host": "evil"},
        "cookies": {"a": "b"},
        "follow_redirects": True,
        "timeout": 0.001,
        "include_response_content": False,
        "files": {"f": "x"},
        "content": "x",
    }

    def test_only_what_the_schema_names_is_supplied(self, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply())

        result = self._run(url, {"type": "object", "properties": {"q": {}}}, {**self.HOSTILE, "q": "sea", "z": 1})

        (sent,) = web_server.requests
        assert (sent.method, sent.json(), sent.headers["x-mark"]) == ("POST", {"q": "sea"}, "mine")
        assert "cookie" not in sent.headers and "content" in result

    @pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "additionalProperties": True}])
    def test_without_properties_nothing_is(self, web_server: WebServer, schema: Any) -> None:
        self._run(web_server.script("/a", Reply()), schema, self.HOSTILE)

        (sent,) = web_server.requests
        assert (sent.method, sent.path, sent.body, sent.headers["x-mark"]) == ("POST", "/a", b"", "mine")

    def test_where_a_request_goes_is_never_the_models_even_if_the_schema_names_it(self, web_server: WebServer) -> None:
        names = ("url", "method", "headers", "cookies", "follow_redirects", "timeout", "include_response_content")
        schema = {"type": "object", "properties": {name: {} for name in names}}
        url = web_server.script("/a", Reply())

        self._run(url, schema, self.HOSTILE)

        (sent,) = web_server.requests
        assert sent.json() == {name: self.HOSTILE[name] for name in names}
        assert (sent.method, sent.headers["x-mark"]) == ("POST", "mine") and "cookie" not in sent.headers

    def test_the_body_and_the_query_may_be_if_the_schema_names_them(self, web_server: WebServer) -> None:
        schema = {"type": "object", "properties": {"json": {"type": "object"}, "params": {"type": "object"}}}

        self._run(web_server.script("/a", Reply()), schema, {"json": {"a": 1}, "params": {"q": "x"}})

        assert (web_server.requests[0].json(), web_server.requests[0].query) == ({"a": 1}, {"q": "x"})

    def test_presets_may_be_any_part_of_the_request_and_win(self, web_server: WebServer) -> None:
        url = web_server.script("/b", Reply())
        schema = {"type": "object", "properties": {"q": {}, "headers": {}}}
        presets = Presets.from_metadata({"x-integration-args": {"hook": {"headers": {"X-Mark": "preset"}, "q": 1}}})

        self._run(url, schema, {"headers": {"X-Mark": "yours"}, "q": 2}, presets=presets)

        (sent,) = web_server.requests
        assert (sent.headers["x-mark"], sent.json()) == ("preset", {"q": 1})

    def test_what_does_not_fit_is_refused_before_anything_is_sent(self, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply())

        with pytest.raises(BadArguments, match="'note' is a required property"):
            self._run(url, SCHEMA, {"customer": 1})
        with pytest.raises(BadArguments, match=r"at \$\.customer"):
            self._run(url, SCHEMA, {"customer": "many", "note": "x"})
        assert web_server.requests == []

    def test_a_schema_that_cannot_be_used_still_names_what_may_be_supplied(self, web_server: WebServer) -> None:
        schema = {"type": "object", "properties": {"q": {"type": "nothing"}}}

        self._run(web_server.script("/a", Reply()), schema, {"q": 1, "url": "http://10.0.0.1/"})

        assert web_server.requests[0].json() == {"q": 1}

    def test_the_author_of_a_step_supplies_what_he_likes(self, web_server: WebServer) -> None:
        url = web_server.script("/b", Reply())
        tool = {"name": "hook", "type": "api_call", "api_call": {"method": "GET", "url": "http://127.0.0.1:1/"}}

        run_tool(Caller(Developer(), "k"), WantedCall(tool, {"url": url, "method": "PUT"}))

        assert web_server.requests[0].method == "PUT"

    def test_the_definition_wins_over_a_model_and_not_over_an_author(self) -> None:
        spec = {"provider": "dummy", "arguments": {"a": "definition"}}
        tool = {"name": "echo", "type": "integration", "integration": spec}

        told = [
            run_tool(Caller(Developer(), "k"), WantedCall(tool, {"a": "call", "b": 1}, from_model=from_model))
            for from_model in (True, False)
        ]

        assert told == [{"a": "definition", "b": 1}, {"a": "call", "b": 1}]


def test_calls_that_lead_to_one_another_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[int] = []

    def again(call: Any) -> Any:
        reached.append(call.depth)
        assert current_depth() == call.depth
        return run_tool(Caller(Developer(), "k"), WantedCall(DUMMY, {}))

    monkeypatch.setattr("agents.tools.registry._runners", {"integration": again})

    with pytest.raises(ToolError, match=f"{MAX_DEPTH} deep"):
        run_tool(Caller(Developer(), "k", depth=4), WantedCall(DUMMY, {}))
    assert reached == list(range(5, MAX_DEPTH + 1))
    assert current_depth() == 0
