"""Whether a model's answer has the form its `response_format` asks for."""

import json
from collections.abc import Mapping
from typing import Any

from agents.tools.strict_json import parse_json
from julep_project.core.errors import BadRequest, DomainError
from julep_project.core.reading.outside_json import TooMuchJson
from julep_project.core.schemas.json_schema import UnusableSchema, find_problem

_LONGEST_PROBLEM = 300


class ReplyRejected(DomainError):
    """The model did not answer in the form that was asked for."""

    status = 502
    repeatable = True


def check_reply(wanted: Any, answer: Mapping[str, Any]) -> str | None:
    """What is wrong with the answer, or None. Nothing is asked of one that calls tools.

    Raises:
        BadRequest: the schema cannot be applied.
    """
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind not in ("json_object", "json_schema"):
        return None
    schema = _schema_of(wanted) if kind == "json_schema" else {"type": "object"}
    problems = (_problem(schema, choice["message"]) for choice in answer["choices"])
    return next((problem for problem in problems if problem is not None), None)


def objection(said: str, problem: str) -> list[dict[str, Any]]:
    """Messages that ask the model once more: its answer, and what is wrong with it."""
    complaint = f"This answer does not have the requested form: {problem}. Answer again, with nothing but the JSON."
    return [{"role": "assistant", "content": said}, {"role": "user", "content": complaint}]


def rejected(problem: str) -> ReplyRejected:
    """The error after the second answer."""
    return ReplyRejected(f"the model's answer does not have the form of response_format, asked twice: {problem}")


def _schema_of(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}


def _problem(schema: Mapping[str, Any], message: Mapping[str, Any]) -> str | None:
    if message.get("tool_calls"):
        return None
    text = message.get("content") or ""
    try:
        value = parse_json(text.encode(errors="replace"))
    except TooMuchJson as error:
        return f"its JSON is too much: {error}"
    if value is None and text.strip() != json.dumps(None):
        return "it is not JSON"
    try:
        found = find_problem(schema, value)
    except UnusableSchema as error:
        raise BadRequest(f"the schema of response_format cannot be used: {error}") from error
    return None if found is None else f"{found.message} (at {found.path})"[:_LONGEST_PROBLEM]
