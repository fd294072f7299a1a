"""The API description as one document: what the views say, and what is so for all of them."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from julep_project.core.api.answer_headers import IDEMPOTENCY_KEY
from julep_project.core.api.renderers import to_json
from julep_project.core.reading.fields import example_id

_CHANGING = ("post", "put", "patch", "delete")
_HEADERS = (
    ("X-Request-Id", "Names the request in the answer and in logs.", "^[A-Za-z0-9_.:-]{1,128}$"),
    (IDEMPOTENCY_KEY, "Lets the same request be sent again without being carried out twice.", "^[!-~]{1,255}$"),
)

# In the order in which a newcomer meets them.
TAGS = {
    "agents": "Agents, and what belongs to one: tools, tasks, docs, secrets.",
    "tasks": "Workflows of many steps, and starting runs of them.",
    "executions": "Runs: how they stand, what happened, answering, cancelling, trying again.",
    "users": "The people agents talk to, and what is known about them.",
    "sessions": "Conversations with memory.",
    "docs": "What agents and users know.",
    "embed": "Vectors of texts.",
    "files": "Files, as they were sent.",
    "vector_stores": "Files that are searched together.",
    "jobs": "Work in the background.",
    "chat": "The chat completions API: one answer, nothing kept.",
    "responses": "The responses API.",
    "messages": "Anthropic's messages API: one answer, nothing kept.",
    "conversations": "The conversations API: threads of items that responses continue.",
    "embeddings": "The embeddings API.",
    "models": "The models API.",
    "projects": "Groups of agents and users.",
    "secrets": "Values that tools need, and nobody reads again.",
    "api_keys": "Keys of this API.",
    "limits": "What calls of models may cost.",
    "connections": "Who is signed in at which services, for the tools that work there.",
    "webhooks": "Addresses that are told what happens.",
    "usage": "What they have cost.",
    "bulk": "The same done to many runs.",
    "schedules": "Runs and messages that begin at times.",
    "events": "What has happened elsewhere, for the runs that wait for it.",
    "hooks": "Addresses that others call, to begin runs or to record events.",
    "mcp": "The platform as a server of the Model Context Protocol.",
    "audit": "Who did what.",
    "retention": "For how long rows are kept.",
}

_ERRORS = {
    400: "The request is not valid.",
    403: "The key is missing, wrong, or may not do this.",
    404: "There is no such resource.",
    405: "The path has no such method.",
    409: "It would contradict what is stored, or the same idempotency key stands for another request.",
    413: "The body is too large.",
    415: "The `Content-Type` cannot be read.",
    422: "Fields are missing or wrong; `details` names their places.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "An error of the server.",
    502: "The model provider is away, or its answer is of no use.",
    503: "A part of the server is away or busy for now.",
    504: "The answer took too long.",
}
_OF_CHANGES = (409, 413, 415)
_OF_MODELS = (502, 504)
# Operations that ask a model before they answer.
_ASKS_MODELS = ("chat", "responses", "embed", "embeddings", "search")

_ERROR = {
    "type": "object",
    "description": "What went wrong.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "code", "type"],
            "properties": {
                "message": {"type": "string"},
                "code": {"type": ["string", "null"], "description": "`http_` and the status, or a name of its own"},
                "type": {"type": "string"},
                "fix": {"type": "string", "description": "what to do about it"},
                "details": {
                    "type": "array",
                    "description": "of a 422: what is wrong at which place",
                    "items": {
                        "type": "object",
                        "required": ["loc", "msg", "type"],
                        "properties": {
                            "loc": {"type": "string"},
                            "msg": {"type": "string"},
                            "type": {"type": "string"},
                            "received": {"type": ["string", "null"]},
                            "fix": {"type": "string"},
                            "example": {},
                            "note": {"type": "string"},
                        },
                    },
                },
                "issues": {
                    "type": "array",
                    "description": "of a task: what is wrong with its program",
                    "items": {"type": "object", "additionalProperties": {}},
                },
            },
            "additionalProperties": {},
        }
    },
    "example": {"error": {"message": "Agent not found", "code": "http_404", "type": "http_error"}},
}

# Of parameters in paths that are no ids.
_ID = "0198c1f0a4b27c3d8e5f60718293a4b5"
_NAMED = {
    "kind": "calls",
    "name": "offline/echo",
    "reference": f"resp_{_ID}",
    "file": f"file-{_ID}",
    "store": f"vs_{_ID}",
    "batch": f"vsfb_{_ID}",
}

_FIRST_SENTENCE = re.compile(r"\A(.+?)(?:[.;:](?:\s|\Z)|\n\n|\Z)", re.DOTALL)


@cache
def openapi_document() -> bytes:
    """The whole document as JSON. It depends on the code only, so it is built once."""
    generator: Any = SchemaGenerator
    return to_json(generator().get_schema(request=None, public=True))


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The document with what is so for every operation; a hook of the generator."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = _ERROR
    components["responses"] = {_name(status): _error(text) for status, text in _ERRORS.items()}
    parameters = components.setdefault("parameters", {})
    for name, description, pattern in _HEADERS:
        schema = {"type": "string", "pattern": pattern}
        parameters[name] = {"in": "header", "name": name, "description": description, "schema": schema}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            # What takes no key is nothing that this API's own clients call.
            knows_keys = method in _CHANGING and operation.setdefault("security", []) != []
            names = [name for name, *_ in _HEADERS if name != IDEMPOTENCY_KEY or knows_keys]
            operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in names)
            _add_summary(operation)
            _name_json(operation)
            _add_examples(path, operation)
            _add_errors(path, method, operation)
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return result


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _add_summary(operation: dict[str, Any]) -> None:
    """The first sentence of what it does, on one line."""
    text = operation.get("description", "")
    found = _FIRST_SENTENCE.match(text.strip())
    operation["summary"] = " ".join(found[1].split()) if found else operation["operationId"].replace("_", " ")


def _name_json(operation: dict[str, Any]) -> None:
    """Bodies are JSON whatever a request says of them; a description has to say it."""
    content = operation.get("requestBody", {}).get("content", {})
    if "*/*" in content:
        content["application/json"] = content.pop("*/*")


def _add_examples(path: str, operation: dict[str, Any]) -> None:
    """What stands in the path: the same for rows of a kind in all paths and bodies."""
    for parameter in operation["parameters"]:
        if parameter.get("in") == "path":
            name = parameter["name"]
            *_, segment, _ = path.partition(f"{{{name}}}")[0].split("/")
            own = [each["value"] for each in parameter.pop("examples", {}).values()]
            parameter["example"] = own[0] if own else _NAMED.get(name) or example_id(segment.removesuffix("s"))


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    asks = not {part for part in path.split("/") if part}.isdisjoint(_ASKS_MODELS)
    for status in _ERRORS:
        left_out = (status in _OF_CHANGES and method not in _CHANGING) or (status in _OF_MODELS and not asks)
        if not left_out:
            operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
    for status, answer in operation["responses"].items():
        # Of some an operation says itself what they mean.
        if int(status) >= 400 and "$ref" not in answer:
            answer.setdefault("content", _error("")["content"])
