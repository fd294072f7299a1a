"""Traces, as a collector gets them: one from the request through slices and calls to the end of the run."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agents.models import Developer
from julep_project.core.telemetry import tracing
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer
from tests.trust.planted import MARK, SECRETS, inline_tool, presets, tools

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Collector:
    """What arrived at a collector of traces."""

    def __init__(self, server: WebServer) -> None:
        self._server = server

    def bodies(self) -> list[bytes]:
        """All that was sent, once nothing waits any more."""
        tracing.end()
        return [request.body for request in self._server.requests if request.target == "/v1/traces"]

    def spans(self) -> list[Span]:
        """In the order of their beginnings."""
        sent = [ExportTraceServiceRequest.FromString(body) for body in self.bodies()]
        found = [
            span
            for one in sent
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: span.start_time_unix_nano)


def said(span: Span) -> dict[str, Any]:
    """Attributes of a span."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Everything is traced, and sent to a collector on loopback."""
    with WebServer() as server:
        server.script("/v1/traces", Reply(200, ""))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        tracing.begin("tests")
        yield Collector(server)
        tracing.end()
        tracing.use(None)


@pytest.fixture
def hook(web_server: WebServer, settings: Any) -> WebServer:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.INTEGRATION_ADDRESSES = {"mailgun": web_server.url}
    return web_server


def test_one_trace_for_a_run(
    flow: FlowRunner, collector: Collector, hook: WebServer, start: Callable[..., Any]
) -> None:
    task = {
        "tools": [
            {
                "name": "hook",
                "type": "api_call",
                "api_call": {"method": "GET", "url": hook.script("/hook", Reply(200, {}))},
            }
        ],
        "main": [
            {"prompt": "what nobody else may read", "label": "ask"},
            {"parallel": [{"tool": "hook", "arguments": {}}, {"evaluate": {"a": "$ 1"}}]},
        ],
    }
    run = start(task)

    of_run = [span for span in collector.spans() if span.trace_id.hex() == TRACE]
    named = {span.name: span for span in of_run}
    request, whole = named["POST tasks/<task_id>/executions"], named["run flow"]
    assert request.parent_span_id.hex() == PARENT and request.kind == Span.SPAN_KIND_SERVER
    assert said(request)["http.route"] == "tasks/<task_id>/executions"
    assert whole.parent_span_id == request.span_id and whole.span_id.hex() == run["id"].replace("-", "")[16:]
    assert said(whole)["julep.status"] == "succeeded"

    below = [span for span in of_run if span not in (request, whole)]
    assert {span.parent_span_id for span in below} == {whole.span_id}
    assert {span.name for span in below} == {"slice", "chat offline/echo", "execute_tool hook"}
    asked = said(named["chat offline/echo"])
    assert (asked["gen_ai.operation.name"], asked["gen_ai.request.model"], asked["julep.step"]) == (
        "chat",
        "offline/echo",
        "ask",
    )
    assert asked["gen_ai.provider.name"] == "offline" and asked["gen_ai.usage.input_tokens"] > 0
    assert said(named["execute_tool hook"])["gen_ai.tool.name"] == "hook"
    # The other side is told which call it was.
    [called] = hook.requests
    assert called.headers["traceparent"] == f"00-{TRACE}-{named['execute_tool hook'].span_id.hex()}-01"
    assert not any(b"nobody else" in body for body in collector.bodies())


def test_a_failed_run_and_its_failed_call(flow: FlowRunner, collector: Collector, start: Callable[..., Any]) -> None:
    assert start({"main": [{"prompt": "hi", "settings": {"model": "no model of anybody"}}]})["status"] == "failed"
    whole = next(span for span in collector.spans() if span.name == "run flow")
    assert whole.status.code == 2 and said(whole)["error.type"] and not whole.status.message


def test_a_run_of_nobody_has_a_trace_of_its_own(flow: FlowRunner, collector: Collector) -> None:
    created = flow.create({"main": [{"evaluate": {"a": "$ 1"}}]}).json()
    flow.start(created["id"], {})
    spans = {span.name: span for span in collector.spans() if span.name in ("slice", "run flow")}
    assert len({span.trace_id for span in spans.values()}) == 1 and len(spans) == 2


@pytest.mark.django_db(transaction=True)
def test_one_trace_for_a_chat(api: ApiClient, agent: dict[str, Any], collector: Collector) -> None:
    session = api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    body = {"message": "what nobody else may read", "model": "offline/echo"}
    answer = api.post(f"/sessions/{session}/chat", body, headers=CALLER)
    assert answer.status_code == 201
    request, asked = [span for span in collector.spans() if span.trace_id.hex() == TRACE]
    assert (said(request)["http.route"], asked.name) == ("sessions/<id>/chat", "chat offline/echo")
    assert asked.parent_span_id == request.span_id and said(asked)["gen_ai.conversation.id"] == session
    assert not any(b"nobody else" in body for body in collector.bodies())


def test_no_secret_is_sent(flow: FlowRunner, collector: Collector, hook: WebServer, developer: Developer) -> None:
    hook.answer = lambda request: Reply(400, json.dumps([request.target, dict(request.headers)]))  # type: ignore[method-assign]
    main = [
        {"try": [{"tool": "hook", "arguments": {"q": "$ 1"}}], "catch": [{"evaluate": {"failed": "$ _"}}]},
        {"prompt": "hi", "tools": [inline_tool(hook.url), {"ref": {"name": "look"}}]},
    ]
    created = flow.create({"main": main, "tools": tools(hook.url), "metadata": presets("task")})
    assert created.status_code == 201, created.json()
    flow.start(created.json()["id"], {}, metadata=presets("execution"))
    sent = b"".join(collector.bodies())
    assert hook.requests and b"execute_tool hook" in sent
    assert [place for place, secret in SECRETS.items() if secret.encode() in sent] == [] and MARK.encode() not in sent


def test_off_until_an_address_is_given(flow: FlowRunner, hook: WebServer, start: Callable[..., Any]) -> None:
    tracing.begin("tests")
    task = {
        "tools": [
            {
                "name": "hook",
                "type": "api_call",
                "api_call": {"method": "GET", "url": hook.script("/hook", Reply(200, {}))},
            }
        ],
        "main": [{"tool": "hook", "arguments": {}}],
    }
    assert start(task)["status"] == "succeeded"
    assert "traceparent" not in hook.requests[0].headers


@pytest.mark.parametrize("setting", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, setting: dict[str, str]) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert tracing.is_wanted()
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert not tracing.is_wanted()


@pytest.fixture
def start(flow: FlowRunner, django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """Starts a run of a new task, for a caller who traces it, and lets it come to rest."""

    def run(task: dict[str, Any]) -> Any:
        created = flow.create(task).json()
        with django_capture_on_commit_callbacks(execute=True):
            answer = flow.api.post(f"/tasks/{created['id']}/executions", {"input": {}}, headers=CALLER)
        return flow.settle(answer.json()["id"])

    return run
