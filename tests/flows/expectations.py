"""What a program promises under `expect`, compared with what came out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from agents.llm.request import ModelRequest
from julep_project.devservices.loopback import RecordedRequest

Row = dict[str, Any]

_OF_LOG: dict[str, Callable[[list[Row]], list[Any]]] = {
    "types": lambda log: [row["type"] for row in log],
    "outputs": lambda log: [row["output"] for row in log],
    "workflows": lambda log: [row["current"]["workflow"] for row in log],
    "branches": lambda log: sorted({row["current"]["workflow"] for row in log}),
    "labels": lambda log: [row["step_label"] for row in log if row["step_label"] is not None],
    "log": lambda log: [row["metadata"]["log"] for row in log if "log" in row["metadata"]],
    "caught": lambda log: [row["output"] for row in log if row["metadata"].get("caught")],
    "calls": lambda log: [row["output"]["function"] for row in log if row["type"] == "wait"],
    "waits": lambda log: [row["output"] for row in log if row["type"] == "wait"],
    "attempts": lambda log: [len(row["metadata"]["retries"]) + 1 for row in log if row["metadata"].get("retries")],
}
_OF_MODEL: dict[str, Callable[[ModelRequest], Any]] = {
    "model": lambda request: request.model,
    "messages": lambda request: list(request.messages),
    "settings": lambda request: dict(request.settings),
    "tools": lambda request: [tool["function"]["name"] for tool in request.tools],
    "offers": lambda request: {
        tool["function"]["name"]: sorted(tool["function"]["parameters"]["properties"]) for tool in request.tools
    },
    "told": lambda request: request.messages[-1]["content"],
    "tool_choice": lambda request: request.tool_choice,
    "disable_cache": lambda request: request.disable_cache,
}
_OF_WEB: dict[str, Callable[[RecordedRequest], Any]] = {
    "method": lambda request: request.method,
    "path": lambda request: request.path,
    "query": lambda request: request.query,
    "body": lambda request: request.body.decode(),
    "json": lambda request: request.json(),
    "mark": lambda request: request.headers.get("x-mark"),
}


def check_refusal(answer: Any, expect: Mapping[str, Any]) -> None:
    """The task was refused with these issues, or these places in the body."""
    body = answer.json()
    assert answer.status_code == expect["refused"], body
    for issue in expect.get("issues", []):
        assert any(_is_like(issue, found) for found in body["error"]["issues"]), body["error"]["issues"]
    for loc in expect.get("details", []):
        assert loc in [detail["loc"] for detail in body["error"]["details"]], body["error"]["details"]


def check_task(task: Row, expect: Mapping[str, Any]) -> None:
    """What creating the task answered."""
    if "dialect" in expect:
        assert task["dialect"] == expect["dialect"]
    if "main" in expect:
        assert task["main"] == expect["main"]
    for issue in expect.get("warnings", []):
        assert any(_is_like(issue, found) for found in task["warnings"]), task["warnings"]
    if "warned" in expect:
        check_task(task, {"warnings": expect["warned"]})
        assert len(task["warnings"]) == len(expect["warned"]), task["warnings"]


def check_run(execution: Row, log: list[Row], expect: Mapping[str, Any]) -> None:
    """How the run ended, and what stands in its log."""
    assert execution["status"] == expect.get("status", "succeeded"), execution
    for field in ("output", "error"):
        if field in expect:
            assert execution[field] == expect[field], execution[field]
    for field, read in _OF_LOG.items():
        if field in expect:
            assert read(log) == expect[field], (field, read(log))


def check_asked(requests: Sequence[ModelRequest], expect: Mapping[str, Any]) -> None:
    """What the model was asked, request by request, as far as `asked` says; `includes` are parts of the texts."""
    wanted = expect.get("asked")
    for request, expected in zip(requests, wanted or (), strict=False):
        texts = "\n".join(_texts(list(request.messages)))
        for part in expected.get("includes", ()):
            assert part in texts, texts
    rest = wanted and [{key: value for key, value in each.items() if key != "includes"} for each in wanted]
    _check_requests(requests, rest, _OF_MODEL)


def check_docs(docs: Sequence[Row], wanted: Sequence[Row]) -> None:
    """What documents there are, ordered by their titles, as far as `wanted` says."""
    docs = sorted(docs, key=lambda doc: str(doc["title"]))
    found = [{key: doc[key] for key in some} for doc, some in zip(docs, wanted, strict=True)]
    assert found == wanted, found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in _texts(item))


def check_sent(requests: Sequence[RecordedRequest], expect: Mapping[str, Any]) -> None:
    """What the web server got, request by request, as far as `sent` says."""
    _check_requests(requests, expect.get("sent"), _OF_WEB)


def _check_requests(requests: Sequence[Any], wanted: Any, fields: Mapping[str, Callable[[Any], Any]]) -> None:
    if wanted is None:
        return
    assert len(requests) == len(wanted)
    for request, expected in zip(requests, wanted, strict=True):
        found = {field: fields[field](request) for field in expected}
        assert found == expected, found


def _is_like(issue: Mapping[str, str], found: Mapping[str, Any]) -> bool:
    found_type = (found.get("details") or {}).get("issue_type", found["type"])
    return (
        issue.get("type", found_type) == found_type
        and issue.get("location", found["location"]) == found["location"]
        and issue.get("message", "") in found["message"]
    )
