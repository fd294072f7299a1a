"""Large values a branch carries are written once, whatever it does with them afterwards."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents.llm.own.scripted import scripted_model
from executions.blobs import prune_blobs
from executions.models import Blob, Execution
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

SIZE = 100_000
LARGE = {"text": secrets.token_hex(SIZE // 2)}
# Above what a row of a run needs without large values, below what is large.
SMALL = 8_000


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    return tmp_path


@pytest.fixture
def written(db: None) -> Callable[[], list[int]]:
    """Gives the sizes of what was written into columns of branches and runs, one for each change."""
    columns = [("branch", "stack"), ("branch", "effect"), ("branch", "event"), ("execution", "state")]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE written (size int); GRANT INSERT ON written TO PUBLIC")
        for table, column in columns:
            cursor.execute(
                f"""
                CREATE FUNCTION note_{column}() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    INSERT INTO written VALUES (length(NEW.{column}::text));
                    RETURN NULL;
                END $$;
                CREATE TRIGGER note_{column} AFTER INSERT OR UPDATE ON executions_{table}
                FOR EACH ROW EXECUTE FUNCTION note_{column}()
                """
            )

    def sizes() -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT size FROM written WHERE size IS NOT NULL")
            found = [int(size) for (size,) in cursor.fetchall()]
        assert len(found) > 5
        return found

    return sizes


def run(flow: FlowRunner, main: list[Any], input_: Any, **task: Any) -> dict[str, Any]:
    return flow.start(flow.create({"main": main, **task}).json()["id"], input_)


def kept() -> int:
    """Characters kept apart, in the database and in the storage."""
    return sum(Blob.objects.values_list("size", flat=True))


def ping(server: WebServer, *replies: Reply, **fields: Any) -> dict[str, Any]:
    url = server.script("/ping", *(replies or (Reply(200, {"ok": True}),)))
    return {"name": "ping", "type": "api_call", "api_call": {"method": "POST", "url": url}, **fields}


CALL = {"tool": "ping", "arguments": {"json_": "$ {'text': inputs.text}"}}
LOOP = {"foreach": {"in": "$ list(range(10))", "do": {"tool": "ping", "arguments": {}}}}


@pytest.mark.parametrize("storage_from_kb", [1024, 64, 0])
def test_a_loop_of_calls_writes_a_large_input_once(
    flow: FlowRunner, web_server: WebServer, written: Callable[[], list[int]], settings: Any, storage_from_kb: int
) -> None:
    settings.BLOB_STORE_CUTOFF_KB = storage_from_kb
    ended = run(flow, [LOOP, {"evaluate": {"n": "$ len(_)", "is": "$ inputs.text"}}], LARGE, tools=[ping(web_server)])

    assert (ended["status"], ended["output"]) == ("succeeded", {"n": 10, "is": LARGE["text"]})
    assert len(web_server.requests) == 10
    assert max(written()) < SMALL
    texts = 2 if storage_from_kb == 64 else 1  # the output is another value, which goes to the storage as well
    assert kept() < (texts + 0.2) * SIZE


def test_a_large_request_is_not_rewritten_by_its_attempts(
    flow: FlowRunner, web_server: WebServer, written: Callable[[], list[int]]
) -> None:
    tool = ping(web_server, Reply(503), Reply(503), Reply(200, {"ok": True}))
    ended = run(flow, [CALL], LARGE, tools=[tool])

    assert ended["status"] == "succeeded"
    assert [json.loads(request.body) for request in web_server.requests] == [LARGE] * 3
    assert max(written()) < SMALL


def test_messages_of_a_conversation_with_tools_are_kept_once(
    flow: FlowRunner, web_server: WebServer, written: Callable[[], list[int]]
) -> None:
    tool = ping(web_server, Reply(200, {"text": secrets.token_hex(SIZE // 2)}))
    call = {"id": "c", "type": "function", "function": {"name": "ping", "arguments": "{}"}}
    asks = [{"tool_calls": [{**call, "id": f"c{number}"}]} for number in range(4)]
    main = [{"prompt": "$ [{'role': 'user', 'content': _.text}]", "auto_run_tools": True, "unwrap": True}]
    with scripted_model([*asks, {"content": "done"}]) as model:
        ended = run(flow, main, LARGE, tools=[tool])

    assert (ended["status"], ended["output"]) == ("succeeded", "done")
    contents = [len(message["content"] or "") for message in model.requests[-1].messages]
    assert sum(contents) > 5 * SIZE
    assert max(written()) < SMALL
    # The input as a whole, and each message.
    assert kept() < 1.2 * SIZE + sum(contents)


def test_branches_share_what_they_carry(flow: FlowRunner, written: Callable[[], list[int]]) -> None:
    main = [
        {"foreach": {"in": "$ [_]", "do": [{"over": "$ list(range(5))", "map": [{"sleep": {"seconds": 1}}]}]}},
        {"evaluate": {"n": "$ len(_[0])"}},
    ]
    ended = run(flow, main, LARGE)
    assert ended["output"] == {"n": 5}
    assert max(written()) < SMALL
    assert kept() < 1.2 * SIZE


def test_a_large_answer_of_a_client_is_handed_on(
    flow: FlowRunner, written: Callable[[], list[int]], settings: Any
) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 64
    waiting = run(flow, [{"wait_for_input": {"info": {}}}, {"evaluate": {"n": "$ len(_.text)"}}], {})
    assert flow.resume(waiting["id"], LARGE)["output"] == {"n": len(LARGE["text"])}
    assert max(written()) < SMALL


def test_the_store_of_a_run_is_not_rewritten(flow: FlowRunner, written: Callable[[], list[int]]) -> None:
    main = [
        {"set": {"large": "$ _.text"}},
        {"foreach": {"in": "$ list(range(5))", "do": [{"set": {"n": "$ _"}}, {"sleep": {"seconds": 1}}]}},
        {"get": "large"},
        {"evaluate": {"same": "$ _ == inputs.text", "n": "$ state.n", "also": "$ len(state.large)"}},
    ]
    ended = run(flow, main, LARGE)
    assert ended["output"] == {"same": True, "n": 4, "also": len(LARGE["text"])}
    assert max(written()) < SMALL


FORGED = {"$blob": "values/of/another"}


def test_what_looks_like_a_reference_stays_what_it_is(flow: FlowRunner) -> None:
    main = [
        {"set": {"forged": "$ _.forged"}},
        {"sleep": {"seconds": 1}},
        {"get": "forged"},
        {"evaluate": {"stored": "$ _", "given": "$ inputs.forged", "nested": "$ inputs.more[0].deep"}},
    ]
    for more in ({}, LARGE):
        given = {"forged": FORGED, "more": [{"deep": FORGED}], "$packed": True, **more}
        ended = run(flow, main, given)
        assert ended["output"] == {"stored": FORGED, "given": FORGED, "nested": FORGED}, ended["error"]
        assert ended["input"] == given


def test_a_store_of_before_is_taken_as_it_is(flow: FlowRunner) -> None:
    """Objects that only look like references were stored unprotected once."""
    waiting = run(flow, [{"wait_for_input": {"info": {}}}, {"get": "odd"}], {})
    Execution.objects.filter(pk=waiting["id"]).update(state={"odd": FORGED})
    assert flow.resume(waiting["id"], {})["output"] == FORGED


def test_a_run_can_be_cancelled_before_its_first_step(flow: FlowRunner, settings: Any) -> None:
    task = flow.create({"main": [{"evaluate": {"n": "$ 1"}}]}).json()["id"]
    started = flow.api.post(f"/tasks/{task}/executions", {"input": LARGE}).json()["id"]
    assert flow.api.put(f"/executions/{started}", {"status": "cancelled"}).json()["status"] == "cancelled"
    current = flow.log(started)[0]["current"]
    assert (current["workflow"], current["step"]) == ("main", 0)


def test_a_person_who_answers_for_a_call_sees_its_large_arguments(
    flow: FlowRunner, web_server: WebServer, written: Callable[[], list[int]]
) -> None:
    tool = ping(web_server, Reply(200, "late", delay_s=20.0), at_most_once=True)
    waiting = run(flow, [{**CALL, "timeout": 0.5}, {"evaluate": {"is": "$ _"}}], LARGE, tools=[tool])
    assert waiting["status"] == "awaiting_input"
    assert flow.log(waiting["id"])[-1]["output"]["arguments"] == {"json_": LARGE}
    assert flow.resume(waiting["id"], {"done": True})["output"] == {"is": {"done": True}}
    assert max(written()) < SMALL


def test_what_only_the_engine_needed_goes_when_the_run_has_ended(flow: FlowRunner) -> None:
    main = [{"wait_for_input": {"info": {}}}, {"evaluate": {"n": "$ 1"}}]
    waiting = run(flow, main, LARGE)["id"]
    ended = run(flow, main, LARGE)["id"]
    flow.resume(ended, {})
    assert prune_blobs() == 0, "still young"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executions_blob SET created_at = created_at - interval '2 days'")
    assert prune_blobs() == 1
    assert [str(blob.execution_id) for blob in Blob.objects.all()] == [waiting]
    assert flow.resume(waiting, {})["status"] == "succeeded"
