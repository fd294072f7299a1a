"""Beside workers of a version before that does not understand references, values stay in the rows of branches."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from executions.models import Blob
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

TEXT = secrets.token_hex(50_000)
CALL = {"tool": "ping", "arguments": {"json_": "$ {'text': inputs.text}"}}
WAIT = {"wait_for_input": {"info": {}}}
MAIN: list[Any] = [
    {"set": {"large": "$ _.text"}},
    CALL,
    {"over": "$ [{'text': inputs.text}] * 2", "map": {"workflow": "each"}, "parallelism": 2},
    WAIT,
    {"evaluate": {"given": "$ len(_.text)", "mapped": "$ len(outputs[2])", "kept": "$ len(state.large)"}},
]
EACH = [{"tool": "ping", "arguments": {"json_": "$ _"}}, {"evaluate": {"n": "$ 1"}}]
OUTPUT = {"given": len(TEXT), "mapped": 2, "kept": len(TEXT)}


@pytest.fixture(autouse=True)
def surroundings(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.BLOB_STORE_CUTOFF_KB = 64


@pytest.fixture
def references(db: None) -> Callable[[], int]:
    """How many rows of branches and stores were written with one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE seen (has_one bool);
            GRANT INSERT ON seen TO PUBLIC;
            CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE written jsonb := to_jsonb(NEW) - 'input' - 'output';
            BEGIN
                INSERT INTO seen VALUES (written::text ~ '[$](packed|blob)');
                RETURN NULL;
            END $$;
            CREATE TRIGGER look AFTER INSERT OR UPDATE ON executions_branch FOR EACH ROW EXECUTE FUNCTION look();
            CREATE TRIGGER look AFTER INSERT OR UPDATE ON executions_execution FOR EACH ROW EXECUTE FUNCTION look()
            """
        )

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), count(*) FILTER (WHERE has_one) FROM seen")
            rows, found = cursor.fetchone()
        assert rows > 10
        return int(found)

    return count


@pytest.fixture
def start(flow: FlowRunner, web_server: WebServer) -> Callable[[], str]:
    """Starts the program; it waits for input then."""
    url = web_server.script("/ping", Reply(200, {"text": TEXT}))
    tool = {"name": "ping", "type": "api_call", "api_call": {"method": "POST", "url": url}}

    def started() -> str:
        task = flow.create({"main": MAIN, "each": EACH, "tools": [tool]})
        assert task.status_code == 201, task.json()
        run = flow.start(task.json()["id"], {"text": TEXT})
        assert run["status"] == "awaiting_input", run["error"]
        return str(run["id"])

    return started


def test_nothing_is_referred_to(
    flow: FlowRunner, start: Callable[[], str], references: Callable[[], int], settings: Any
) -> None:
    settings.VALUES_APART_KB = 0

    ended = flow.resume(start(), {"text": TEXT})

    assert ended["output"] == OUTPUT, ended["error"]
    assert references() == 0
    assert not Blob.objects.filter(content__isnull=False).exists()


@pytest.mark.parametrize(("first", "then"), [(16, 0), (0, 16)])
def test_runs_go_on_when_it_is_changed(
    flow: FlowRunner, start: Callable[[], str], references: Callable[[], int], settings: Any, first: int, then: int
) -> None:
    settings.VALUES_APART_KB = first
    run = start()
    settings.VALUES_APART_KB = then

    ended = flow.resume(run, {"text": TEXT})

    assert json.dumps(ended["output"], sort_keys=True) == json.dumps(OUTPUT, sort_keys=True), ended["error"]
    assert references() > 0
