"""Log lines: one JSON object each, which say what they are about, and each thing that happens once."""

import logging
import logging.config
import re
from typing import Any

import pytest
from django.db import connection

from julep_project.core.process.request_id import serving_request
from julep_project.core.telemetry.context import about
from julep_project.core.telemetry.log_settings import log_settings
from julep_project.core.telemetry.logs import FieldsFormatter, KnownHere
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner
from tests.telemetry.conftest import Lines

log = logging.getLogger("tests.telemetry")

RUN = ("execution started", "execution ended", "execution failed")
CALL = ("call started", "call ended", "call failed")
CALLS_AND_FAILS: dict[str, Any] = {
    "name": "Ship it",
    "tools": [{"name": "look", "type": "system", "system": {"resource": "agent", "operation": "list"}}],
    "main": [
        {"prompt": "hi", "label": "ask"},
        {"tool": "look", "arguments": {}},
        {"error": "no"},
    ],
}


def test_a_line_is_one_object(lines: Lines) -> None:
    with about(step="ask", attempt=2):
        try:
            raise ValueError("bad\nworse")
        except ValueError:
            log.exception("it\nfailed", extra={"half": "\ud800", "huge": 2**70, "what": {1: object}})
    (text,) = lines.texts
    assert "\n" not in text
    (line,) = lines.read()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    said = {name: line[name] for name in ("level", "logger", "message", "step", "attempt", "huge")}
    assert said == {
        "level": "ERROR",
        "logger": "tests.telemetry",
        "message": "it\nfailed",
        "step": "ask",
        "attempt": 2,
        "huge": 2**70,
    }
    assert line["exception"].endswith("ValueError: bad\nworse")


def test_the_form_for_people_forges_no_lines() -> None:
    record = logging.makeLogRecord({"name": "a", "msg": "b\nc", "levelname": "INFO", "reason": "d\r\ne"})
    assert FieldsFormatter().format(record).partition(" ")[2] == "INFO a: b\\nc reason=d\\r\\ne"


def test_errors_also_go_to_a_handler_of_the_operators() -> None:
    said = log_settings(level="INFO", form="json", handler=f"{__name__}.Collecting")
    assert said["root"]["handlers"] == ["console", "errors"]
    assert said["handlers"]["console"]["formatter"] == "json"
    configured = logging.config.DictConfigurator({**said, "filters": {"known_here": KnownHere()}})  # type: ignore[attr-defined]
    handler = configured.configure_handler(said["handlers"]["errors"])
    log.addHandler(handler)
    try:
        with serving_request("abc-1"):
            log.warning("no error")
            log.error("an error", exc_info=ValueError("bad"))
    finally:
        log.removeHandler(handler)
    [record] = handler.records
    assert record.request_id == "abc-1" and record.exc_info[0] is ValueError


class Collecting(logging.Handler):
    """What an operator might name in `LOG_HANDLER`."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_each_start_and_end_of_a_run_and_its_calls_once(flow: FlowRunner, lines: Lines) -> None:
    created = flow.create(CALLS_AND_FAILS).json()
    run = flow.start(created["id"], {})
    assert run["status"] == "failed"

    started, failed = lines.read(*RUN)
    assert (started["message"], failed["message"], failed["level"]) == (
        "execution started",
        "execution failed",
        "WARNING",
    )
    assert started["task"] == failed["task"] == "Ship it"
    assert started["execution_id"] == failed["execution_id"] == run["id"]
    assert failed["seconds"] >= 0 and failed["step"]
    calls = lines.read(*CALL)
    assert [(line["message"], line["kind"]) for line in calls] == [
        ("call started", "model"),
        ("call ended", "model"),
        ("call started", "tool"),
        ("call ended", "tool"),
    ]
    for line in calls:
        assert (line["execution_id"], line["task_id"], line["attempt"]) == (run["id"], created["id"], 1)
        assert line["developer_id"] == "00000000-0000-0000-0000-000000000000" and line["agent_id"]
    assert calls[0]["step"] == "ask" and calls[1]["prompt_tokens"] > 0


def test_a_request_is_told_once_and_without_its_query(api: ApiClient, agent: dict[str, Any], lines: Lines) -> None:
    api.get(f"/agents/{agent['id']}", {"connection_pool": "hush-hush"}, headers={"X-Request-Id": "abc-1"})
    api.get("/nowhere/hush-hush")
    api.get("/livez")
    found, nowhere = lines.read("request answered")
    assert (found["method"], found["route"], found["status"]) == ("GET", "agents/<id>", 200)
    assert found["request_id"] == "abc-1" and found["developer_id"] and found["seconds"] > 0
    assert (nowhere["route"], nowhere["status"]) == ("none", 404)
    assert "hush-hush" not in "".join(lines.texts)


def test_slow_requests_and_statements_stand_out(api: ApiClient, lines: Lines, settings: Any) -> None:
    with connection.cursor() as cursor:
        settings.SLOW_STATEMENT_MS = 1
        cursor.execute("SELECT pg_sleep(%s), %s", [0.003, "a value"])
        settings.SLOW_STATEMENT_MS = 0
        cursor.execute("SELECT pg_sleep(0.003)")
    (slow,) = lines.read("slow statement")
    assert (slow["statement"], slow["level"]) == ("SELECT pg_sleep(%s), %s", "WARNING") and slow["seconds"] > 0

    settings.SLOW_REQUEST_MS = 1e-6
    api.get("/agents")
    assert [line["level"] for line in lines.read("request answered")] == ["WARNING"]


@pytest.mark.django_db(transaction=True)
def test_each_start_and_end_of_a_chat_once(api: ApiClient, agent: dict[str, Any], lines: Lines) -> None:
    session = api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    for model, status in (("offline/echo", 201), ("no such model", 400)):
        assert api.post(f"/sessions/{session}/chat", {"message": "hi", "model": model}).status_code == status
    told = lines.read("chat started", "chat ended", "chat failed", *CALL)
    assert [line["message"] for line in told] == [
        "chat started",
        "call started",
        "call ended",
        "chat ended",
        "chat started",
        "chat failed",
    ]
    assert {line["session_id"] for line in told} == {session}
