"""`api_call` tools over real HTTP."""

import base64
import json
from typing import Any

import pytest

from agents.tools.errors import BadArguments, ToolError
from julep_project.devservices.loopback import Reply
from tests.loopback.web_server import WebServer
from tests.tools.conftest import CallTool


@pytest.fixture
def url(web_server: WebServer) -> str:
    return web_server.script("/a", Reply(200, {"ok": True}, {"X-Kind": "test"}))


class TestResult:
    def test_fields(self, call_api: CallTool, url: str) -> None:
        result = call_api({"method": "GET", "url": url})

        assert (result["status_code"], result["json"], result["headers"]["x-kind"]) == (200, {"ok": True}, "test")
        assert base64.b64decode(result["content"]) == b'{"ok": true}'
        assert json.loads(json.dumps(result)) == result

    @pytest.mark.parametrize("body", ["", "plain", "{'a': 1}", "[" * 200])
    def test_what_is_not_json_is_null(self, call_api: CallTool, web_server: WebServer, body: str) -> None:
        result = call_api({"method": "GET", "url": web_server.script("/a", Reply(body=body))})

        assert result["json"] is None
        assert base64.b64decode(result["content"]) == body.encode()

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ('{"a": "x\\u0000y", "b\\u0000": "\\ud83d"}', {"a": "xy", "b": "\ufffd"}),
            ('["\\ud83d\\ude00"]', ["\U0001f600"]),
            ('[NaN, -Infinity, 1e999, 1.5, 12345678901234567890123]', [None, None, None, 1.5, 12345678901234567890123]),
            ("\ufeff{}", {}),
        ],
    )  # fmt: skip
    def test_json_that_cannot_be_stored_is_cleaned(
        self, call_api: CallTool, web_server: WebServer, body: str, expected: Any
    ) -> None:
        result = call_api({"method": "GET", "url": web_server.script("/a", Reply(body=body))})

        assert result["json"] == expected
        assert base64.b64decode(result["content"]) == body.encode()

    @pytest.mark.parametrize(
        ("defined", "given", "expected"),
        [(None, None, True), (False, None, False), (True, False, False), (False, True, True), (None, False, False)],
    )
    def test_content_is_left_out_on_request(
        self, call_api: CallTool, url: str, defined: bool | None, given: bool | None, expected: bool
    ) -> None:
        result = call_api(
            {"method": "GET", "url": url, "include_response_content": defined}, {"include_response_content": given}
        )

        assert ("content" in result) is expected

    def test_the_schema_of_the_definition_is_checked(self, call_api: CallTool, url: str) -> None:
        spec = {"method": "GET", "url": url}
        fits = {"type": "object", "required": ["ok"]}

        assert call_api({**spec, "schema": fits})["json"] == {"ok": True}
        with pytest.raises(ToolError, match="does not fit the schema") as caught:
            call_api({**spec, "schema": {"type": "object", "required": ["missing"]}})
        assert not caught.value.retryable
        with pytest.raises(ToolError, match="schema of the tool 'hook' is not valid"):
            call_api({**spec, "schema": {"type": "nothing"}})


class TestDefinition:
    def test_every_field_is_honoured(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        call_api(
            {
                "method": "POST",
                "url": url,
                "headers": {"X-One": "1", "X-None": None},
                "json": {"a": 1},
                "cookies": {"c": "2", "none": None},
                "params": {"q": ["x", "y"], "n": 1, "deep": {"b": True}, "none": None},
            }
        )

        (sent,) = web_server.requests
        assert (sent.method, sent.json(), sent.headers["x-one"], sent.headers["cookie"]) == (
            "POST",
            {"a": 1},
            "1",
            "c=2",
        )
        assert "x-none" not in sent.headers
        assert sent.target == "/a?q=x&q=y&n=1&deep=%7B%22b%22%3A+true%7D"

    @pytest.mark.parametrize(
        ("spec", "body", "content_type"),
        [
            ({"content": "raw text"}, b"raw text", None),
            ({"data": {"a": "1 2", "b": [1, True]}}, b"a=1+2&b=1&b=true", "application/x-www-form-urlencoded"),
            ({"data": "a=1"}, b"a=1", "application/x-www-form-urlencoded"),
            ({"json": [1, "ü"]}, '[1,"ü"]'.encode(), "application/json"),
            ({"content": "{}", "headers": {"content-type": "text/x"}}, b"{}", "text/x"),
        ],
    )
    def test_bodies(
        self,
        call_api: CallTool,
        web_server: WebServer,
        url: str,
        spec: dict[str, Any],
        body: bytes,
        content_type: str | None,
    ) -> None:
        call_api({"method": "POST", "url": url, **spec})

        (sent,) = web_server.requests
        assert (sent.body, sent.headers.get("content-type")) == (body, content_type)

    def test_files(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        picture = base64.b64encode(b"\x89PNG").decode()
        files = {"note": "text", "picture": {"base64": picture, "filename": "p.png", "content_type": "image/png"}}

        call_api({"method": "POST", "url": url, "files": files, "data": {"a": "1"}})

        body = web_server.requests[0].body
        assert b'name="note"; filename="note"' in body and b'name="a"' in body
        assert b'filename="p.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG' in body

    @pytest.mark.parametrize("file", [1, {}, {"base64": "?"}, {"content": 1}, {"content": "a", "base64": "YQ=="}])
    def test_files_that_cannot_be_read(self, call_api: CallTool, url: str, file: Any) -> None:
        with pytest.raises(ToolError, match="the file 'f'"):
            call_api({"method": "POST", "url": url, "files": {"f": file}})

    def test_redirects_are_followed_only_on_request(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        moved = web_server.script("/old", Reply(302, headers={"Location": url}))

        assert call_api({"method": "GET", "url": moved, "follow_redirects": True})["json"] == {"ok": True}
        with pytest.raises(ToolError, match="302"):
            call_api({"method": "GET", "url": moved})


class TestArguments:
    def test_the_call_wins(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        spec = {
            "method": "GET",
            "url": "http://127.0.0.1:1/",
            "headers": {"X-A": "defined", "X-B": "kept"},
            "cookies": {"a": "defined", "b": "kept"},
            "params": {"a": "defined", "b": "kept"},
            "json": {"defined": True},
        }

        call_api(
            spec,
            {
                "method": "PUT",
                "url": url,
                "headers": {"x-a": "given"},
                "cookies": {"a": "given"},
                "params": {"a": "given"},
                "json_": {"given": 1},
            },
        )

        (sent,) = web_server.requests
        assert (sent.method, sent.headers["x-a"], sent.headers["x-b"]) == ("PUT", "given", "kept")
        assert sent.headers["cookie"] == "b=kept; a=given"
        assert (sent.query, sent.json()) == ({"a": "given", "b": "kept"}, {"given": 1})

    def test_a_given_body_replaces_one_of_another_form(
        self, call_api: CallTool, web_server: WebServer, url: str
    ) -> None:
        call_api({"method": "POST", "url": url, "json": {"a": 1}}, {"content": "text"})

        assert web_server.requests[0].body == b"text"

    def test_nulls_count_as_not_given(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        call_api({"method": "POST", "url": url, "json": {"a": 1}}, {"content": None, "method": None, "headers": None})

        assert web_server.requests[0].json() == {"a": 1}

    def test_text_for_a_json_webhook_is_wrapped(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        spec = {"method": "POST", "url": url, "headers": {"Content-Type": "application/json"}}

        call_api(spec, {"content": '**Summary** of "x"\n'})
        call_api(spec, {"content": '{"text": "ready"}'})
        call_api(spec, {"content": {"text": "object"}})

        bodies = [request.json() for request in web_server.requests]
        assert bodies == [{"content": '**Summary** of "x"\n'}, {"text": "ready"}, {"text": "object"}]

    @pytest.mark.parametrize(
        ("spec", "target", "body"),
        [
            ({"method": "GET"}, "/a?query=x&n=3", b""),
            ({"method": "DELETE", "params": {"p": "1"}}, "/a?p=1&query=x&n=3", b""),
            ({"method": "POST"}, "/a", b'{"query":"x","n":3}'),
            ({"method": "PUT", "json": {"n": 1, "kept": True}}, "/a", b'{"n":3,"kept":true,"query":"x"}'),
        ],
    )
    def test_other_names_are_values_of_the_call(
        self, call_api: CallTool, web_server: WebServer, url: str, spec: dict[str, Any], target: str, body: bytes
    ) -> None:
        call_api({"url": url, **spec}, {"query": "x", "n": 3})

        assert (web_server.requests[0].target, web_server.requests[0].body) == (target, body)

    @pytest.mark.parametrize(
        "spec", [{"content": "text"}, {"data": {"a": 1}}, {"json": [1]}, {"method": "GET", "params": "a=1"}]
    )
    def test_values_without_a_place_are_refused(
        self, call_api: CallTool, web_server: WebServer, url: str, spec: dict[str, Any]
    ) -> None:
        with pytest.raises(ToolError, match="no place for the arguments n, query"):
            call_api({"method": "POST", "url": url, **spec}, {"query": "x", "n": 3})
        assert web_server.requests == []

    @pytest.mark.parametrize(
        "arguments",
        [
            {"headers": "X: 1"},
            {"cookies": ["a"]},
            {"content": "a", "json": 1},
            {"timeout": 0},
            {"timeout": "1"},
            {"timeout": True},
            {"url": "/relative"},
            {"url": {"a": 1}},
            {"method": "CONNECT"},
            {"headers": {"X": "a\nb"}},
        ],
    )
    def test_arguments_of_the_wrong_type(self, call_api: CallTool, url: str, arguments: dict[str, Any]) -> None:
        with pytest.raises(ToolError) as caught:
            call_api({"method": "POST", "url": url}, arguments)
        assert not caught.value.retryable


class TestIdempotency:
    def test_the_key_is_sent(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        call_api({"method": "POST", "url": url}, idempotency_key="abc")

        assert web_server.requests[0].headers["idempotency-key"] == "abc"

    @pytest.mark.parametrize("place", ["definition", "arguments"])
    def test_a_key_of_the_caller_is_kept(self, call_api: CallTool, web_server: WebServer, url: str, place: str) -> None:
        own = {"headers": {"idempotency-key": "own"}}

        call_api({"method": "POST", "url": url, **(own if place == "definition" else {})}, own)

        assert web_server.requests[0].headers["idempotency-key"] == "own"


class TestFailures:
    @pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 524])
    def test_statuses_that_may_pass(self, call_api: CallTool, web_server: WebServer, status: int) -> None:
        with pytest.raises(ToolError) as caught:
            call_api({"method": "POST", "url": web_server.script("/a", Reply(status))})
        assert caught.value.retryable

    @pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 409, 410, 422, 501, 505])
    def test_statuses_that_stay(self, call_api: CallTool, web_server: WebServer, status: int) -> None:
        with pytest.raises(ToolError) as caught:
            call_api({"method": "GET", "url": web_server.script("/a", Reply(status))})
        assert not caught.value.retryable

    @pytest.mark.parametrize(
        ("method", "retryable"),
        [
            ("GET", True),
            ("HEAD", True),
            ("PUT", True),
            ("DELETE", True),
            ("OPTIONS", True),
            ("POST", False),
            ("PATCH", False),
        ],
    )
    def test_500_may_pass_for_methods_that_may_be_repeated(
        self, call_api: CallTool, web_server: WebServer, method: str, retryable: bool
    ) -> None:
        with pytest.raises(ToolError) as caught:
            call_api({"method": method, "url": web_server.script("/a", Reply(500))})
        assert caught.value.retryable is retryable

    def test_the_message_shows_status_and_the_start_of_the_body(
        self, call_api: CallTool, web_server: WebServer
    ) -> None:
        with pytest.raises(ToolError) as caught:
            call_api({"method": "GET", "url": web_server.script("/a", Reply(404, "no such\nthing\x00" + "x" * 9000))})
        assert "404: no such thing" in caught.value.message
        assert len(caught.value.message) < 400 and "\x00" not in caught.value.message
        assert caught.value.details["status_code"] == 404

    def test_a_private_address_is_final(self, call_api: CallTool) -> None:
        with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW") as caught:
            call_api({"method": "GET", "url": "http://169.254.169.254/latest"})
        assert not caught.value.retryable

    def test_a_refused_connection_may_pass(self, call_api: CallTool) -> None:
        with pytest.raises(ToolError) as caught:
            call_api({"method": "GET", "url": "http://127.0.0.1:1/"})
        assert caught.value.retryable

    @pytest.mark.parametrize(
        "times", [{"timeout": 0.2}, {"arguments": {"timeout": 0.2}}, {"step": 0.2}, {"timeout": 9, "step": 0.2}]
    )
    def test_the_shortest_time_out_holds(
        self, call_api: CallTool, web_server: WebServer, times: dict[str, Any]
    ) -> None:
        slow = web_server.script("/a", Reply(delay_s=2))
        spec = {"method": "GET", "url": slow, "timeout": times.get("timeout")}

        with pytest.raises(ToolError, match="within 0.2 s") as caught:
            call_api(spec, times.get("arguments"), timeout_s=times.get("step"))
        assert caught.value.retryable


class TestPlaces:
    """Arguments that the definition gives a place, as a model supplies them."""

    def call(self, call_api: CallTool, spec: dict[str, Any], arguments: dict[str, Any]) -> Any:
        properties: dict[str, Any] = dict.fromkeys(spec["places"], {})
        whole = {"method": "GET", **spec, "params_schema": {"type": "object", "properties": properties}}
        return call_api(whole, arguments, from_model=True)

    def test_each_goes_to_its_place(self, call_api: CallTool, web_server: WebServer) -> None:
        url = web_server.script("/boats/a%20b%3F/of/1,2", Reply(200, {}))
        places = {
            "id": {"in": "path"},
            "berths": {"in": "path"},
            "url": {"in": "query"},
            "tags": {"in": "query", "name": "tag[]"},
            "ids": {"in": "query", "style": "comma"},
            "filter": {"in": "query", "style": "brackets"},
            "trace": {"in": "header", "name": "X-Trace"},
            "lang": {"in": "cookie"},
            "data": {"in": "json", "name": "content"},
            "left_out": {"in": "query"},
        }
        spec = {"method": "POST", "url": web_server.url + "/boats/{id}/of/{berths}?fixed=1", "places": places}
        given = {"id": "a b?", "berths": [1, 2], "url": "http://evil/", "tags": ["x", "y"], "ids": [1, 2]}
        given |= {"filter": {"name": "n&m"}, "trace": "t-1", "lang": "en", "data": None, "left_out": None}

        self.call(call_api, {**spec, "headers": {"x-trace": "defined"}}, given)

        (sent,) = web_server.requests
        assert url.endswith(sent.path) and sent.json() == {"content": None}
        query = sent.target.partition("?")[2]
        assert query == "fixed=1&url=http%3A%2F%2Fevil%2F&tag%5B%5D=x&tag%5B%5D=y&ids=1%2C2&filter%5Bname%5D=n%26m"
        assert (sent.headers["x-trace"], sent.headers["cookie"]) == ("t-1", "lang=en")

    @pytest.mark.parametrize(
        ("place", "value", "expected"),
        [
            ("body", [1, {"a": None}], b'[1,{"a":null}]'),
            ("content", "as it is", b"as it is"),
            ("data", "a b", b"x=a+b"),
            ("part", "a b", b'name="x"\r\n\r\na b\r\n'),
            ("files", {"content": "t", "filename": "f.txt"}, b'name="x"; filename="f.txt"'),
        ],
    )
    def test_bodies(
        self, call_api: CallTool, web_server: WebServer, url: str, place: str, value: Any, expected: bytes
    ) -> None:
        self.call(call_api, {"method": "POST", "url": url, "places": {"x": {"in": place}}}, {"x": value})

        assert expected in web_server.requests[0].body

    @pytest.mark.parametrize("value", ["..", ".", "", "a/b", "a\\b", "%2e%2e", "..%2f", "a%252Fb", "%252e", None, {}])
    def test_a_segment_stays_one(self, call_api: CallTool, web_server: WebServer, value: Any) -> None:
        spec = {"url": web_server.url + "/boats/{id}", "places": {"id": {"in": "path"}}}

        with pytest.raises(BadArguments):
            self.call(call_api, spec, {"id": value})
        assert web_server.requests == []

    def test_two_in_one_segment_cannot_lead_out_of_it(self, call_api: CallTool, web_server: WebServer) -> None:
        spec = {"url": web_server.url + "/boats/{a}{b}/x", "places": {"a": {"in": "path"}, "b": {"in": "path"}}}

        with pytest.raises(BadArguments):
            self.call(call_api, spec, {"a": ".", "b": "."})

    @pytest.mark.parametrize("url", ["http://{id}/x", "http://127.0.0.1:{id}/", "http://127.0.0.1/?x={id}", "{id}"])
    def test_a_place_outside_of_the_path_is_none(self, call_api: CallTool, url: str) -> None:
        with pytest.raises(ToolError, match="no place for the arguments id"):
            self.call(call_api, {"url": url, "places": {"id": {"in": "path"}}}, {"id": "evil.example"})

    @pytest.mark.parametrize(("place", "value"), [("header", "a\r\nX-Evil: 1"), ("cookie", "a; admin=1")])
    def test_nothing_ends_a_header(self, call_api: CallTool, url: str, place: str, value: str) -> None:
        with pytest.raises(BadArguments):
            self.call(call_api, {"url": url, "places": {"x": {"in": place}}}, {"x": value})

    def test_user_and_password(self, call_api: CallTool, web_server: WebServer, url: str) -> None:
        call_api({"method": "GET", "url": url, "basic": {"username": "ann", "password": "p:/ü"}})

        assert base64.b64decode(web_server.requests[0].headers["authorization"].split()[1]).decode() == "ann:p:/ü"
