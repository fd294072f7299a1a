"""One valid request for each verb of each route, with markers where it names rows.

The verbs and examples of what is sent come from the API description, the rows that paths name from their segments.
`<agent>` in a body or a query stands for the id of an agent; which tenant's is decided when the request is filled in.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from julep_project.core.api.api_document import openapi_document
from julep_project.core.reading.fields import example_id

# Names of fields, and of parameters of queries, that may say which row is meant.
NAMES_A_ROW = re.compile(r"(?:.*_)?(?:id|ids|token|agents?|users?|owner|project|file|task|session|after)")
VERBS = ("get", "post", "put", "patch", "delete")
_MARKER = re.compile(r"<([a-z_]+)>")

# What kind of row the id after a segment names.
KIND_OF_SEGMENT = {
    "agents": "agent",
    "api_keys": "api_key",
    "audit": "audit_record",
    "bulk": "bulk",
    "connections": "connection",
    "conversations": "conversation",
    "calls": "hook_call",
    "deliveries": "delivery",
    "docs": "doc",
    "events": "event",
    "executions": "execution",
    "file_batches": "file_batch",
    "files": "file",
    "hooks": "hook",
    "items": "conversation_item",
    "jobs": "job",
    "limits": "limit",
    "links": "link",
    "projects": "project",
    "providers": "provider",
    "responses": "response",
    "schedules": "schedule",
    "secrets": "secret",
    "sessions": "session",
    "tasks": "task",
    "tools": "tool",
    "transitions": "transition",
    "users": "user",
    "vector_stores": "vector_store",
    "webhooks": "webhook",
}
# Of a user or an agent they are other rows than of a developer or an agent.
KIND_BELOW = {
    ("users", "doc"): "user_doc",
    ("agents", "secret"): "agent_secret",
    ("vector_stores", "file"): "store_file",
}
# Of some paths it has to be one that a request can do something to.
KIND_AT = {
    "/executions/{id}/retry": {"id": "ended_execution"},
    "/executions/{id}/fork": {"id": "ended_execution"},
    "/agents/{agent_id}/tools/{tool_id}/server": {"tool_id": "mcp_tool"},
    "/agents/{agent_id}/tools/{tool_id}/refresh": {"tool_id": "mcp_tool"},
    "/agents/{agent_id}/tools/{tool_id}/accept": {"tool_id": "mcp_tool"},
    "/v1/files/{file}": {"file": "openai_file"},
    "/v1/files/{file}/content": {"file": "openai_file"},
}
# Not rows of a tenant.
_SHARED = {"/models/{name}": "/models/offline/echo", "/retention/{kind}": "/retention/calls"}
# What examples name, beside rows whose ids stand in paths.
_NAMED_BY_EXAMPLES = {*KIND_OF_SEGMENT.values(), "ended_execution", "fork", "task_token"}

# A name that is free each time the request is sent: no two rows below these may have the same.
_NEW_NAME = "a new name"
_NEEDS_NEW_NAME = re.compile("/(?:tools|secrets|providers)\\b")
_NAMED = {"name": "n"}
_TOOL = {"name": "n", "type": "function", "function": {"parameters": {"type": "object"}}}
_SAID: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
_SYSTEM = {"resource": "agent", "operation": "get", "resource_id": "<agent>"}
_SYSTEM_TOOL = {"name": _NEW_NAME, "type": "system", "system": _SYSTEM}
_CALLED_TOOLS: list[Any] = [
    {"name": _NEW_NAME, "type": "task", "task": {"task_id": "<task>"}},
    {"name": _NEW_NAME, "type": "agent", "agent": {"agent_id": "<agent>"}},
]
_TAKING_PART = [
    {"agent": "<agent>", "user": "<user>"},
    {"agent_id": "<agent>", "user_id": "<user>"},
    {"agents": ["<agent>"], "users": ["<user>"]},
]
_EVERY_DAY = {**_NAMED, "every": 86400}
_SCHEDULED = [
    {**_EVERY_DAY, "task_id": "<task>"},
    {**_EVERY_DAY, "session_id": "<session>", "message": "hi"},
]
_AUDITED = [{"object_id": "<agent>"}, {"actor_id": "<developer>"}, {"request_id": "<audit_request>"}]
_USED_FOR = [
    {"agent_id": "<agent>", "project_id": "<project>"},
    {"task_id": "<task>", "session_id": "<session>"},
    {"execution_id": "<execution>", "key_id": "<developer>"},
]
_REFERENCE = [*_SAID, {"type": "item_reference", "id": "msg_<response_hex>_o0"}]
_FILE_SEARCH = [{"type": "file_search", "vector_store_ids": ["<agent>", "<vector_store>"]}]

_TARGET = {"type": "task", "task_id": "<task>"}

# Bodies, and queries, beside the examples: they name what those do not.
BODIES: Mapping[str, list[Any]] = {
    "POST /agents": [{**_NAMED, "project": "<project_name>"}],
    "POST /agents/{id}": [{**_NAMED, "project": "<project_name>"}],
    "PUT /agents/{id}": [{**_NAMED, "project": "<project_name>"}],
    "PATCH /agents/{id}": [{"project": "<project_name>"}],
    "POST /users": [{**_NAMED, "project": "<project_name>"}],
    "POST /users/{id}": [{**_NAMED, "project": "<project_name>"}],
    "PUT /users/{id}": [{**_NAMED, "project": "<project_name>"}],
    "PATCH /users/{id}": [{"project": "<project_name>"}],
    "POST /agents/{agent_id}/tools": [{**_TOOL, "name": _NEW_NAME}, _SYSTEM_TOOL, *_CALLED_TOOLS],
    "PUT /agents/{agent_id}/tools/{tool_id}": [_SYSTEM_TOOL, *_CALLED_TOOLS],
    "PATCH /agents/{agent_id}/tools/{tool_id}": [{"system": _SYSTEM}],
    "POST /agents/{id}/docs": [{"title": "m", "file_id": "<file>"}],
    "POST /users/{id}/docs": [{"title": "m", "file_id": "<file>"}],
    "POST /files": [{"name": "n", "content": "dGlkZXM=", "project": "<project_name>"}],
    "PUT /executions/{id}": [{"status": "cancelled"}],
    "POST /vector_stores/{store}/file_batches": [{"files": [{"file_id": "<file>"}]}],
    "POST /bulk": [
        {"action": "cancel", "filter": {"task_id": "<task>", "agent_id": "<agent>", "ids": ["<execution>"]}},
        {"action": "cancel", "filter": {"fork_id": "<fork>"}},
    ],
    "POST /hooks": [{"name": "n", "target": _TARGET, "scheme": "none"}],
    "PATCH /hooks/{id}": [{"target": _TARGET}],
    "PUT /hooks/{id}": [
        {"name": "n", "target": _TARGET, "scheme": "github", "secret_name": "GITHUB_CLIENT_SECRET"},
    ],
    "POST /schedules": _SCHEDULED,
    "POST /schedules/{id}": _SCHEDULED,
    "PUT /schedules/{id}": _SCHEDULED,
    "PATCH /schedules/{id}": [{"task_id": "<task>"}, {"session_id": "<session>", "message": "hi"}],
    "POST /schedules/{id}/backfill": [{"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00Z"}],
    "POST /sessions": _TAKING_PART,
    "POST /sessions/{id}": _TAKING_PART,
    "PUT /sessions/{id}": _TAKING_PART,
    "PATCH /sessions/{id}": _TAKING_PART,
    "POST /sessions/{id}/chat": [{"messages": _SAID, "agent": "<agent>"}],
    "POST /sessions/{id}/render": [{"messages": _SAID, "agent": "<agent>"}],
    "POST /conversations": [{"items": _REFERENCE}],
    "POST /conversations/{reference}": [{"metadata": {"k": "v"}}],
    "POST /conversations/{reference}/items": [{"items": _REFERENCE}],
    "POST /responses/compact": [{"model": "offline/echo", "previous_response_id": "<response>"}],
    "POST /responses/input_tokens": [{"previous_response_id": "<response>"}, {"conversation": "<conversation>"}],
    "POST /responses": [
        {"model": "offline/echo", "input": "hi", "conversation": "<conversation>"},
        {"model": "offline/echo", "input": "hi", "previous_response_id": "<response>"},
        {"model": "offline/echo", "input": _REFERENCE},
        {"model": "offline/echo", "input": "hi", "tools": _FILE_SEARCH},
    ],
}
# Likewise queries.
QUERIES: Mapping[str, list[dict[str, str]]] = {
    "GET /agents": [{"project": "<project_name>"}],
    "GET /users": [{"project": "<project_name>"}],
    "GET /connections": [{"user_id": "<user>"}],
    "GET /files": [{"project": "<project_name>"}],
    "GET /v1/files": [{"after": "<openai_file>"}],
    "GET /vector_stores": [{"after": "<vector_store>"}, {"before": "<vector_store>"}],
    "GET /vector_stores/{store}/files": [{"after": "<store_file>"}, {"before": "<store_file>"}],
    "GET /vector_stores/{store}/file_batches/{batch}/files": [{"after": "<store_file>"}],
    "GET /agents/{id}/search": [{"text": "tides"}],
    "GET /users/{id}/search": [{"text": "tides"}],
    "GET /conversations/{reference}/items": [{"after": "<conversation_item>"}, {}],
    "GET /responses/{reference}/input_items": [{"after": "msg_<response_hex>_i0"}, {}],
    "GET /usage": _USED_FOR,
    "GET /schedules": [{"task_id": "<task>"}, {"session_id": "<session>"}],
    "GET /executions": [{"task_id": "<task>"}, {"agent_id": "<agent>"}, {"fork_id": "<fork>"}],
    "GET /executions/comparison": [{"ids": "<execution>,<ended_execution>"}, {"fork_id": "<fork>"}],
    "GET /audit": _AUDITED,
    "GET /audit/export": _AUDITED,
    "POST /executions": [{"task_token": "<task_token>"}],
}
_USED_UP = ("DELETE /projects/{id}", "DELETE /schedules/{id}", "DELETE /connections/providers/{id}")
# What takes a form and nothing else, which names no row: each tenant begins with what it makes.
_FORMS = frozenset({"POST /v1/files"})
# What is asked in a protocol of its own, or by whoever has a token in its path; tests of theirs ask for others' rows.
_OTHERWISE = frozenset({"POST /mcp", "POST /hooks/{id}"})


@dataclass(frozen=True, slots=True)
class Filled:
    """A request that can be sent."""

    method: str
    path: str
    body: Any
    query: Any


@dataclass(frozen=True, slots=True)
class Request:
    """`parameters` are the names in its path, with the kinds of what they name. One `is_extra` that names nothing that
    no other of its verb and route does."""

    name: str
    parameters: Mapping[str, str]
    body: Any = None
    query: Any = None
    is_extra: bool = False

    @property
    def places(self) -> frozenset[str]:
        """Everything that names a row: parameters of the path, and kinds in the body and the query."""
        return frozenset(self.parameters) | self.markers

    @property
    def needs_its_own(self) -> bool:
        """Whether it needs a tenant of its own: it uses up the wait, a project that nothing is in, a schedule, which
        goes with its task, or a provider, with which its connections go."""
        ends_a_wait = "/executions" in self.name and not self.name.startswith(("GET ", "POST /tasks/"))
        return ends_a_wait or self.name in _USED_UP

    @property
    def markers(self) -> frozenset[str]:
        return frozenset(f"<{kind}>" for kind in _MARKER.findall(json.dumps([self.body, self.query])))

    def foreign_places(self) -> Iterator[frozenset[str]]:
        """Each place by itself, and all at once."""
        yield from (frozenset({place}) for place in self.places)
        if len(self.places) > 1:
            yield self.places

    def filled(self, own: Mapping[str, str], other: Mapping[str, str], places: Collection[str]) -> Filled:
        """The request with `own` ids, and those of another at these places."""
        method, _, path = self.name.partition(" ")
        path = _SHARED.get(path, path)
        for parameter, kind in self.parameters.items():
            ids = other if parameter in places else own
            path = path.replace(f"{{{parameter}}}", ids[kind])

        def put(value: Any) -> Any:
            text = json.dumps(value).replace(_NEW_NAME, f"n{uuid4().hex[:8]}")
            chosen = _MARKER.sub(lambda found: (other if found[0] in places else own)[found[1]], text)
            return json.loads(chosen)

        return Filled(method, path, put(self.body), put(self.query))


def all_requests() -> list[Request]:
    """Every verb of every route that the API description knows.

    Raises:
        KeyError: a path names rows of a kind that no tenant has here.
    """
    found = []
    description = json.loads(openapi_document())
    for path, verbs in description["paths"].items():
        for verb in VERBS:
            name = f"{verb.upper()} {path}"
            if verb in verbs and name not in _FORMS | _OTHERWISE:
                parameters = _parameters(path)
                asked = [(body, None) for body in BODIES.get(name, ())] + [
                    (None, query) for query in QUERIES.get(name, ())
                ]
                body, query = _example(name, verbs[verb], description)
                requests = [Request(name, parameters, *each) for each in asked]
                if not requests and body is None:
                    requests = [Request(name, parameters)]
                if body is not None or query is not None:
                    requests.append(_with_example(Request(name, parameters, body, query), requests))
                found += requests
    return found


def how_destructive(request: Request) -> tuple[bool, int]:
    """The order in which to send all: what is in something else is deleted before it."""
    return request.name.startswith("DELETE "), -len(request.name)


def _with_example(example: Request, others: Collection[Request]) -> Request:
    named = frozenset[str]().union(*(each.markers for each in others))
    return replace(example, is_extra=bool(others) and example.markers <= named)


def _example(name: str, operation: Any, description: Any) -> tuple[Any, Any]:
    """The body and the query that the description gives as examples, with markers."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    shown = description["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]] if content else {}
    body = shown["examples"][0] if content else None
    if "name" in (body or {}) and _NEEDS_NEW_NAME.search(name):
        body = {**body, "name": _NEW_NAME}
    query: dict[str, Any] = {}
    for each in operation.get("parameters", ()):
        for example in each.get("examples", {}).values() if each.get("in") == "query" else ():
            value = example["value"]
            whole = {f"{each['name']}[{key}]": part for key, part in value.items()} if isinstance(value, dict) else {}
            query |= whole or {each["name"]: value}
    text = json.dumps([body, query or None])
    for kind in _NAMED_BY_EXAMPLES:
        text = text.replace(example_id(kind), f"<{kind}>")
    filled: list[Any] = json.loads(text)
    return filled[0], filled[1]


def _parameters(path: str) -> dict[str, str]:
    kinds = {}
    parts = path.strip("/").split("/")
    for before, part in zip(parts, parts[1:], strict=False):
        if part.startswith("{") and path not in _SHARED:
            kind = KIND_OF_SEGMENT[before]
            kinds[part.strip("{}")] = KIND_BELOW.get((parts[0], kind), kind)
    return {**kinds, **KIND_AT.get(path, {})}


def fields_with_markers(value: Any) -> Iterator[str]:
    """Names of the fields whose values are, or hold, a marker."""
    if isinstance(value, list):
        for item in value:
            yield from fields_with_markers(item)
    elif isinstance(value, dict):
        for name, part in value.items():
            parts = part if isinstance(part, list) else [part]
            if any(isinstance(each, str) and _MARKER.search(each) for each in parts):
                yield name
            yield from fields_with_markers(part)


def described_fields() -> Iterator[tuple[str, str]]:
    """Each verb of each route with each field of its body, at any depth, and each parameter of its query."""
    description = json.loads(openapi_document())
    for path, verbs in description["paths"].items():
        for verb in VERBS:
            asked = verbs.get(verb, {})
            named = [each["name"] for each in asked.get("parameters", ()) if each.get("in") == "query"]
            for content in asked.get("requestBody", {}).get("content", {}).values():
                named += _fields(content["schema"], description, frozenset())
            yield from ((f"{verb.upper()} {path}", name) for name in named)


def _fields(schema: Any, description: Any, above: frozenset[str]) -> Iterator[str]:
    reference = schema.get("$ref")
    if reference in above:
        return
    if reference:
        above |= {reference}
        schema = description["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    for part in [*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ()), schema.get("items")]:
        if isinstance(part, dict):
            yield from _fields(part, description, above)
    for name, part in schema.get("properties", {}).items():
        yield name
        yield from _fields(part, description, above)
