"""What is logged while a request is served names it, and so does what workers log for it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from celery.signals import before_task_publish, task_postrun, task_prerun

from julep_project.core.process.request_id import current_request_id, serving_request
from julep_project.core.telemetry.logs import FieldsFormatter, KnownHere
from tests.api_client import ApiClient

log = logging.getLogger("tests.request_id")


@pytest.fixture
def lines() -> Any:
    """Lines as they are written."""
    written: list[str] = []
    current_app.loader.import_default_modules()

    class Writing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(FieldsFormatter().format(record))

    handler = Writing()
    handler.addFilter(KnownHere())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("sent", ["abc-1", "é", "", "a\\nb", "x" * 129])
def test_lines_of_a_request(api: ApiClient, agent: dict[str, Any], lines: list[str], sent: str) -> None:
    task = {"name": "T", "main": [{"evaluate": {"a": "$ 1"}}]}
    answer = api.post(f"/agents/{agent['id']}/tasks", task, headers={"X-Request-Id": sent})
    request_id = answer.headers["X-Request-Id"]
    assert request_id == sent if sent == "abc-1" else len(request_id) == 36
    (line,) = [line for line in lines if "task created" in line]
    assert f" request_id={request_id}" in line
    assert current_request_id() == ""


@pytest.mark.parametrize("path", ["/nowhere", "/agents/no-uuid", "/sessions/no-uuid/chat", "/openapi.json"])
def test_every_answer_names_it(api: ApiClient, path: str) -> None:
    assert api.get(path, headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"


def test_messages_name_it(transactional_db: None, lines: list[str]) -> None:
    headers = sent_headers()
    assert headers == {}
    with serving_request("abc-1"):
        headers = sent_headers()
        log.warning("sent")
    task = current_app.tasks["executions.advance"]
    task.push_request(**headers)
    try:
        task_prerun.send(sender=task, task=task)
        log.warning("worked on")
        again = sent_headers()
        task_postrun.send(sender=task, task=task)
    finally:
        task.pop_request()
    log.warning("over")
    assert again == headers == {"request_id": "abc-1"}
    assert [line.partition(": ")[2] for line in lines if "tests.request_id" in line] == [
        "sent request_id=abc-1",
        "worked on request_id=abc-1",
        "over",
    ]


def sent_headers() -> dict[str, Any]:
    """The headers that a message gets."""
    headers: dict[str, Any] = {}
    before_task_publish.send(sender="executions.advance", headers=headers)
    return headers


def test_a_line_with_an_id_of_its_own(lines: list[str]) -> None:
    say: Callable[..., None] = log.warning
    with serving_request("abc-1"):
        say("sent", extra={"request_id": "other"})
    assert lines[-1].endswith(" request_id=other")
