"""A page of a list takes a bounded part of the memory of the process, whatever its rows hold."""

from typing import Any

import pytest

from executions import selectors
from julep_project.core.api import page_bytes
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner

LARGE = {"text": "x" * 5000}


@pytest.fixture
def agent(api: ApiClient) -> str:
    created: str = api.post("/agents", {"name": "a", "metadata": LARGE}).json()["id"]
    return created


TASK = {"main": [{"evaluate": {"n": "$ 1"}}], "metadata": LARGE}
TOOL = {"type": "function", "function": {"description": "x" * 5000, "parameters": {}}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/agents", {"metadata": LARGE}),
        ("/users", {"metadata": LARGE}),
        ("/projects", {"metadata": LARGE}),
        ("/sessions", {"agent": "{agent}", "metadata": LARGE}),
        ("/agents/{agent}/tasks", TASK),
        ("/agents/{agent}/tools", TOOL),
    ],
)
def test_a_page_that_holds_too_much_is_refused(
    api: ApiClient, agent: str, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    path = path.format(agent=agent)
    body = {key: agent if value == "{agent}" else value for key, value in body.items()}
    for number in range(3):
        unique = {} if path == "/sessions" else {"name": f"n{number}", "canonical_name": f"n{number}"}
        if path == "/users" or path.endswith("/tools"):
            unique.pop("canonical_name")
        answer = api.post(path, {**body, **unique})
        assert answer.status_code == 201, answer.json()
    monkeypatch.setattr(page_bytes, "LARGEST_PAGE_BYTES", 12_000)

    assert len(api.get(path, {"limit": 2}).json()["items"]) == 2
    refused = api.get(path)
    error = refused.json()["error"]
    assert (refused.status_code, error["message"].split(" hold ")[0]) == (400, "The rows of this page")
    assert error["message"].endswith("bytes together; ask for fewer with limit")
    monkeypatch.setattr(page_bytes, "LARGEST_PAGE_BYTES", 10)
    assert len(api.get(path, {"limit": 1}).json()["items"]) == 1, "one alone is never refused"


def test_values_in_the_rows_of_runs_count_as_well(
    flow: FlowRunner, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 0
    task = flow.create({"main": [{"evaluate": {"t": "$ _.text"}}, {"evaluate": {"n": "$ 1"}}]}).json()["id"]
    ended = [flow.start(task, LARGE) for _ in range(2)]
    monkeypatch.setattr(selectors, "LARGEST_PAGE_BYTES", 7000)
    too_much = {"$omitted": "the contents of this page are too large together; get this one alone"}

    listed = flow.api.get(f"/tasks/{task}/executions").json()["items"]
    assert [(row["id"], row["input"], row["output"]) for row in listed] == [
        (ended[1]["id"], LARGE, {"n": 1}),
        (ended[0]["id"], too_much, too_much),
    ]
    assert [row["overrides"] for row in listed] == [[], too_much]
    log = flow.log(ended[0]["id"])
    assert [row["output"] for row in log] == [LARGE, too_much, too_much]
    alone = flow.api.get(f"/executions/{ended[0]['id']}/transitions/{log[1]['id']}").json()
    assert alone["output"] == {"t": LARGE["text"]}


def test_a_history_too_large_for_one_answer_is_read_in_parts(
    api: ApiClient, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = api.post("/sessions", {"agent": agent}).json()["id"]
    for number in range(3):
        said = api.post(f"/sessions/{session}/messages", {"role": "user", "content": str(number) * 5000})
        assert said.status_code == 201, said.json()
    monkeypatch.setattr(page_bytes, "LARGEST_PAGE_BYTES", 12_000)

    refused = api.get(f"/sessions/{session}/history")
    assert refused.status_code == 400
    message = refused.json()["error"]["message"]
    assert message.endswith(" bytes; read it in parts, with limit and offset of GET /sessions/{id}/messages")
    assert api.get(f"/sessions/{session}/messages").status_code == 400
    parts = [api.get(f"/sessions/{session}/messages", {"limit": 1, "offset": n}).json()["items"] for n in range(3)]
    assert [len(part) for part in parts] == [1, 1, 1]
    monkeypatch.setattr(page_bytes, "LARGEST_PAGE_BYTES", 40_000)
    assert len(api.get(f"/sessions/{session}/history").json()["entries"]) == 3
