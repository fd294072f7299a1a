"""Secrets in the definitions of tools: where they are found, put into requests, and hidden in what comes back."""

import base64
import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from agents.models import Developer
from agents.tools import secret_names
from agents.tools.errors import ToolError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.secret_marks import marks_for
from agents.tools.secret_names import SecretMisused
from agents.tools.secret_values import SecretMissing
from agents.tools.supplied import WantedCall
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.loopback.web_server import WebServer
from tests.tools.calling import call_tool

VALUE = 'va/l+ue"of=7f3a9c'
Keep = Callable[..., Any]


@pytest.fixture
def seen(web_server: WebServer) -> list[Any]:
    """What the server at `/echo` was sent; it answers with all of it."""
    seen: list[Any] = []

    def repeat(request: Any) -> Reply:
        told = {
            "target": request.target,
            "headers": {name.lower(): value for name, value in dict(request.headers).items()},
            "body": request.body.decode("utf-8", "replace"),
        }
        seen.append(told)
        return Reply(200, told, {"X-Seen": told["headers"].get("x-key", "")})

    web_server.script("/echo", repeat)
    web_server.script("/refuse", lambda request: Reply(401, {"no": dict(request.headers)}))
    return seen


@pytest.fixture
def call(developer: Developer, web_server: WebServer, seen: list[Any]) -> Callable[..., Any]:
    """Calls an `api_call` at `/echo`."""

    def call(spec: dict[str, Any], arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        spec = {"method": "GET", "url": f"{web_server.url}/echo", **spec}
        tool = {"name": "hook", "type": "api_call", "api_call": spec}
        return call_tool(developer, tool, arguments or {}, **options)

    return call


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("$ secrets.KEY", "v"),
        ("$ {secrets.KEY}", "v"),
        ("{secrets.KEY}", "v"),
        ("{{ secrets.KEY }}", "v"),
        ("secrets.KEY", "secrets.KEY"),
        ("$ f'Bearer {secrets.KEY}'", "Bearer v"),
        ("f'Bearer {secrets.KEY}'", "Bearer v"),
        ("$ f'Bearer {secrets['KEY']}'", "Bearer v"),
        ("Bearer {secrets.KEY}", "Bearer v"),
        ("Bearer {{secrets['KEY']}}", "Bearer v"),
        ("$ 'Bearer ' + secrets.KEY", "Bearer v"),
        ("$ 'a' ~ secrets['KEY'] ~ str(secrets.OTHER)", "avw"),
        ('{"k": "{secrets.KEY}", "o": {"x": "{{ secrets.OTHER }}"}}', '{"k": "v", "o": {"x": "w"}}'),
        ("a secret of secrets", "a secret of secrets"),
        ("see secrets.KEY for more", "see secrets.KEY for more"),
        ("$ 5.00", "$ 5.00"),
        ("$ _.x", "$ _.x"),
        ("{other}", "{other}"),
    ],
)
def test_spellings(text: str, sent: str) -> None:
    tool = {"type": "api_call", "api_call": {"json": {"deep": [text]}, "schema": {"description": "{secrets.NO}"}}}

    filled = secret_names.filled(tool, {"KEY": "v", "OTHER": "w"})

    assert filled["api_call"]["json"] == {"deep": [sent]}
    assert secret_names.names_of(tool) <= {"KEY", "OTHER"}


@pytest.mark.parametrize(
    "text",
    [
        "$ secrets.KEY.upper()",
        "$ len(secrets.KEY)",
        "$ secrets.KEY[0]",
        "$ secrets.KEY == 'a'",
        "$ secrets[_.name]",
        "$ secrets.get('KEY')",
        "$ f'{secrets.KEY:>9}'",
        "$ f'{secrets.KEY!r}'",
        "$ _.x + secrets.KEY",
        "{{ secrets.KEY | upper }}",
        "{secrets.KEY.x}",
        "$ " + "(" * 5_000 + "secrets.KEY",
        "$ " + "secrets.KEY + " * 5_000,
        "$ f'" + "{" * 300 + "secrets.KEY",
    ],
)
def test_nothing_else_is_done_with_them(api: ApiClient, agent: dict[str, Any], text: str) -> None:
    body = {
        "name": "t",
        "type": "api_call",
        "api_call": {"method": "GET", "url": "http://a.example", "headers": {"X": text}},
    }
    with pytest.raises(SecretMisused):
        secret_names.names_of(body)

    refused = api.post(f"/agents/{agent['id']}/tools", body)

    assert refused.status_code == 422
    detail = refused.json()["error"]["details"][0] if "error" in refused.json() else refused.json()["details"][0]
    assert "can only be put into a text" in detail["msg"] and "bodies of tools" in detail["fix"]


def test_every_field_of_a_request(
    call: Callable[..., Any], seen: list[Any], web_server: WebServer, keep_secret: Keep
) -> None:
    keep_secret("KEY", VALUE)
    spec = {
        "method": "POST",
        "url": f"{web_server.url}/echo?q={{secrets.KEY}}",
        "headers": {"X-Key": "$ secrets.KEY", "Authorization": "$ f'Bearer {secrets.KEY}'"},
        "cookies": {"c": "{{ secrets.KEY }}"},
        "json": {"deep": [{"{secrets.KEY}": "x {secrets.KEY} y"}]},
    }

    result = call(spec)

    (request,) = seen
    assert request["headers"]["x-key"] == VALUE
    assert request["headers"]["authorization"] == f"Bearer {VALUE}"
    assert json.loads(request["body"]) == {"deep": [{VALUE: f"x {VALUE} y"}]}
    told = json.dumps(result) + base64.b64decode(result["content"]).decode()
    assert "7f3a9c" not in told
    assert result["json"]["headers"]["x-key"] == "***KEY***"
    assert result["headers"]["x-seen"] == "***KEY***"
    assert json.loads(base64.b64decode(result["content"])) == result["json"]


def test_names_of_an_api_call_of_its_own(call: Callable[..., Any], seen: list[Any], keep_secret: Keep) -> None:
    keep_secret("LONG_NAME", VALUE)

    call({"headers": {"X-Key": "{secrets.short}"}, "secrets": {"short": {"name": "LONG_NAME"}}})

    assert seen[0]["headers"]["x-key"] == VALUE


def test_one_query_for_what_is_named_and_no_more(
    call: Callable[..., Any], keep_secret: Keep, django_assert_num_queries: Any
) -> None:
    for name in ("A", "B", "C"):
        keep_secret(name, f"value of {name}")

    with django_assert_num_queries(1):
        call({"headers": {"X-Key": "{secrets.A}{secrets.B}"}})
    with django_assert_num_queries(0):
        call({"headers": {"X-Key": "plain"}})


def test_the_agents_own_come_first(
    call: Callable[..., Any], seen: list[Any], keep_secret: Keep, agent: dict[str, Any]
) -> None:
    keep_secret("KEY", "of the developer")
    keep_secret("KEY", "of the agent", agent_id=UUID(agent["id"]))

    call({"headers": {"X-Key": "{secrets.KEY}"}})
    call({"headers": {"X-Key": "{secrets.KEY}"}}, agent_id=UUID(agent["id"]))

    assert [request["headers"]["x-key"] for request in seen] == ["of the developer", "of the agent"]


def test_one_that_is_missing_is_named(
    call: Callable[..., Any], keep_secret: Keep, stranger: Developer, seen: list[Any]
) -> None:
    keep_secret("THERE", "a value")
    keep_secret("GONE", "of somebody else", owner=stranger)

    with pytest.raises(SecretMissing, match="there is no secret 'GONE'") as caught:
        call({"headers": {"X-Key": "{secrets.GONE}", "Y": "{secrets.THERE}"}})

    assert (caught.value.retryable, caught.value.repeatable, seen) == (False, True, [])
    keep_secret("GONE", "a new value")
    assert call({"headers": {"X-Key": "{secrets.GONE}"}})["json"]["headers"]["x-key"] == "***GONE***"


def test_data_is_never_looked_at(call: Callable[..., Any], seen: list[Any], keep_secret: Keep) -> None:
    keep_secret("KEY", VALUE)
    spec = {"method": "POST", "headers": {"X-Key": "{secrets.KEY}"}, "params_schema": {"properties": {"json": {}}}}
    mark = marks_for(["KEY"])["KEY"]
    given = {
        "json": {"a": "{secrets.KEY}", "b": "$ secrets.KEY", "c": "{{ secrets.KEY }}", "d": mark, "e": "***KEY***"}
    }

    call(spec, given)
    call(spec, given, from_model=True)

    assert [json.loads(request["body"]) for request in seen] == [given["json"]] * 2


@pytest.mark.parametrize("at", ["echo", "refuse", "nowhere"])
def test_errors_and_logs(
    call: Callable[..., Any], web_server: WebServer, keep_secret: Keep, caplog: pytest.LogCaptureFixture, at: str
) -> None:
    keep_secret("KEY", VALUE)
    url = "http://127.0.0.1:1/{secrets.KEY}" if at == "nowhere" else f"{web_server.url}/{at}?k={{secrets.KEY}}"
    spec = {"url": url, "headers": {"X-Key": "{secrets.KEY}"}, "schema": {"type": "string"}}

    with caplog.at_level(logging.DEBUG), pytest.raises(ToolError) as caught:
        call(spec)

    shown = " ".join([str(caught.value), caught.value.message, json.dumps(caught.value.details), caplog.text])
    assert "7f3a9c" not in shown
    assert at != "refuse" or "***KEY***" in caught.value.message


def test_an_error_that_is_cut_within_a_value(
    call: Callable[..., Any], web_server: WebServer, keep_secret: Keep
) -> None:
    keep_secret("KEY", "qwertyuiopasdfghjklzxcvbnm")
    for length in range(270, 300):
        web_server.script("/cut", Reply(400, "." * length + "qwertyuiopasdfghjklzxcvbnm"))
        with pytest.raises(ToolError) as caught:
            call({"url": f"{web_server.url}/cut", "headers": {"X-Key": "{secrets.KEY}"}})
        assert "qwer" not in caught.value.message + json.dumps(caught.value.details)


def test_a_fault_of_ours_tells_nothing(
    developer: Developer, keep_secret: Keep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep_secret("KEY", VALUE)

    def fail(call: Any) -> None:
        raise RuntimeError(f"cannot use {call.arguments['a']}")

    monkeypatch.setattr("agents.tools.runners.runner_for", lambda kind: fail)
    tool = {
        "name": "t",
        "type": "integration",
        "integration": {"provider": "dummy", "arguments": {"a": "{secrets.KEY}"}},
    }
    with pytest.raises(ToolError, match="internal error while running the tool: RuntimeError") as caught:
        run_tool(Caller(developer, "k"), WantedCall(tool, {}))

    assert "7f3a9c" not in caplog.text + str(caught.value) and "RuntimeError: cannot use ***KEY***" in str(
        [record.__dict__ for record in caplog.records]
    )


def test_setup_and_arguments_of_integrations(
    developer: Developer, web_server: WebServer, settings: Any, keep_secret: Keep
) -> None:
    keep_secret("KEY", "brave-key-31415926")
    sent: list[str] = []

    def refuse(request: Any) -> Reply:
        sent.append(request.headers["x-subscription-token"])
        return Reply(403, f"no such key: {sent[0]}")

    web_server.answer = refuse  # type: ignore[method-assign]
    settings.INTEGRATION_ADDRESSES = {"brave": web_server.url}
    spec = {"provider": "brave", "method": "search", "setup": {"brave_api_key": "$ secrets.KEY"}}
    with pytest.raises(ToolError, match=r"\*\*\*KEY\*\*\*"):
        run_tool(
            Caller(developer, "k"),
            WantedCall({"name": "t", "type": "integration", "integration": spec}, {"query": "x"}),
        )
    echo = {"provider": "dummy", "arguments": {"deep": {"a": ["{secrets.KEY}"]}}}
    result = run_tool(Caller(developer, "k"), WantedCall({"name": "t", "type": "integration", "integration": echo}, {}))

    assert sent == ["brave-key-31415926"]
    assert result == {"deep": {"a": ["***KEY***"]}}


class TestOperations:
    """They keep what they get, so they get references, and the author alone names secrets."""

    CREATE = {"resource": "agent", "subresource": "tool", "operation": "create"}
    SPEC = {"method": "GET", "url": "http://a.example", "headers": {"X-Key": "{secrets.KEY}"}}

    def run(self, developer: Developer, agent: dict[str, Any], spec: dict[str, Any], **options: Any) -> Any:
        arguments = {"agent_id": agent["id"], "name": "made", "type": "api_call", **options.pop("given", {})}
        tool = {"name": "t", "type": "system", "system": {**self.CREATE, **spec}}
        return call_tool(developer, tool, arguments, **options)

    def test_references_stay_references(
        self, api: ApiClient, developer: Developer, agent: dict[str, Any], keep_secret: Keep
    ) -> None:
        keep_secret("KEY", VALUE)
        self.run(developer, agent, {"arguments": {"api_call": self.SPEC}})

        (made,) = api.get(f"/agents/{agent['id']}/tools").json()["items"]
        assert made["api_call"]["headers"] == {"X-Key": "{secrets.KEY}"}

    def test_marks_become_references(
        self, api: ApiClient, developer: Developer, agent: dict[str, Any], keep_secret: Keep
    ) -> None:
        keep_secret("KEY", VALUE)
        marks = marks_for(["KEY"])
        spec = {**self.SPEC, "headers": {"X-Key": f"Bearer {marks['KEY']}"}}
        self.run(developer, agent, {}, given={"api_call": spec}, secrets={marks["KEY"]: "KEY"})

        (made,) = api.get(f"/agents/{agent['id']}/tools").json()["items"]
        assert made["api_call"]["headers"] == {"X-Key": "Bearer {secrets.KEY}"}

    @pytest.mark.parametrize("from_model", [True, False])
    def test_data_names_none(self, developer: Developer, agent: dict[str, Any], from_model: bool) -> None:
        with pytest.raises(ToolError, match=r"names secrets \(KEY\) that the arguments of the call do not name"):
            self.run(developer, agent, {}, given={"api_call": self.SPEC}, from_model=from_model)

    def test_a_tool_with_secrets_is_not_turned_elsewhere(
        self, api: ApiClient, developer: Developer, agent: dict[str, Any]
    ) -> None:
        made = api.post(
            f"/agents/{agent['id']}/tools", {"name": "made", "type": "api_call", "api_call": self.SPEC}
        ).json()
        spec = {**self.CREATE, "operation": "patch"}
        tool = {"name": "t", "type": "system", "system": spec}
        given = {
            "agent_id": agent["id"],
            "tool_id": made["id"],
            "api_call": {"method": "GET", "url": "http://evil.example"},
        }

        with pytest.raises(ToolError, match="names secrets"):
            run_tool(Caller(developer, "k"), WantedCall(tool, given, from_model=True))


class TestDefinitions:
    """What is said when a tool is made."""

    SPEC = {"method": "GET", "url": "http://a.example/{secrets.KEY}", "headers": {"X": "see secrets.KEY"}}

    def test_unknown_names_and_texts_that_stay_are_warned_of(
        self, api: ApiClient, agent: dict[str, Any], keep_secret: Keep
    ) -> None:
        path = f"/agents/{agent['id']}/tools"
        body = {"name": "t", "type": "api_call", "api_call": self.SPEC}

        made = api.post(path, body).json()
        keep_secret("KEY", VALUE)
        again = api.put(f"{path}/{made['id']}", body).json()

        assert [warning["message"][:31] for warning in made["warnings"]] == [
            "there is no secret 'KEY' yet: u",
            "this text is sent as it stands;",
        ]
        assert [warning["location"] for warning in made["warnings"]] == ["api_call", "api_call"]
        assert [warning["message"][:17] for warning in again["warnings"]] == ["this text is sent"]
        assert "warnings" not in api.get(f"{path}/{made['id']}").json()

    def test_the_client_gets_none(self, api: ApiClient, agent: dict[str, Any]) -> None:
        body = {"name": "t", "type": "function", "function": {"parameters": {}, "hint": "{secrets.KEY}"}}

        refused = api.post(f"/agents/{agent['id']}/tools", body)

        assert (refused.status_code, "the client runs this tool" in refused.content.decode()) == (422, True)

    @pytest.mark.parametrize("field", ["instructions", "default_system_template"])
    def test_prompts_of_agents_name_none(self, api: ApiClient, field: str) -> None:
        text: Any = "use {{ secrets.KEY }}"
        refused = api.post("/agents", {"name": "A", field: [text] if field == "instructions" else text})

        assert refused.status_code == 422
        assert "secrets cannot be used here" in refused.content.decode()
        assert "bodies of tools" in refused.content.decode()
