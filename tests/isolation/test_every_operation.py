"""What tasks and models do through system tools is as blind to another tenant's rows as what clients do."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from agents.tools.errors import ToolError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from agents.tools.system import Operation, all_operations
from executions.inprocess import InProcessDispatcher
from tests.isolation.requests import NAMES_A_ROW
from tests.isolation.tenants import Tenant, furnish, masked, rows_of, unknown_ids

pytestmark = pytest.mark.django_db(transaction=True)

# What is sent beside the ids. A name that is none of these and does not name a row is left out.
_OTHERS: Mapping[str, Any] = {
    "name": "n",
    "title": "n",
    "content": "c",
    "text": "tides",
    "message": "hi",
    "role": "user",
    "main": [{"evaluate": {"n": "$ 1"}}],
    "input": {"q": "?"},
    "status": "running",
    "type": "function",
    "function": {"parameters": {"type": "object"}},
}
# Arguments that name a row under another name than its kind's.
_KINDS = {"project": "project_name", "agents": "agent", "users": "user"}
# A call of a message's own, not a row.
_NO_ROWS = frozenset({"tool_call_id"})
# The id of what is to be created: one that is taken cannot be had, whoever has it.
_CHOSEN = {
    "agent.create_or_update": "agent_id",
    "user.create_or_update": "user_id",
    "session.create_or_update": "session_id",
    "task.create_or_update": "task_id",
}


def test_foreign_ids_look_like_unknown_ones(dispatcher: InProcessDispatcher) -> None:
    ours, theirs = furnish("ours", dispatcher), furnish("theirs", dispatcher)
    before = rows_of(theirs)
    different = {}
    for operation in all_operations():
        for place in _places(operation):
            if _CHOSEN.get(operation.name) == place:
                continue
            told = [_told(ours, operation, place, ids) for ids in (theirs.ids, unknown_ids(theirs.ids))]
            if told[0] != told[1]:
                different[f"{operation.name} {place}"] = told
    assert not different, json.dumps(different, indent=1)
    assert rows_of(theirs) == before


def _places(operation: Operation) -> Iterator[str]:
    names = operation.parameters["properties"]
    return (name for name in names if NAMES_A_ROW.fullmatch(name) and name not in _NO_ROWS)


def _told(tenant: Tenant, operation: Operation, place: str, ids: Mapping[str, str]) -> str:
    """What the operation gives, or how it fails, without the ids."""
    arguments = {name: value for name, value in _OTHERS.items() if name in operation.parameters["properties"]}
    needed = set(operation.parameters.get("required", ()))
    for name in _places(operation):
        if name == place or name in needed:
            arguments[name] = _id(operation, name, ids if name == place else tenant.ids)
    resource, *sub, verb = operation.name.split(".")
    spec = {"resource": resource, "operation": verb, **({"subresource": sub[0]} if sub else {})}
    tool = {"name": "t", "type": "system", "system": spec}
    try:
        told = json.dumps(run_tool(Caller(tenant.developer, str(uuid4())), WantedCall(tool, arguments)), default=str)
    except ToolError as error:
        told = f"{type(error).__name__}: {error.message}"
    return masked(told, ids)


def _id(operation: Operation, name: str, ids: Mapping[str, str]) -> Any:
    kind = _KINDS.get(name) or name.removesuffix("_id")
    if kind == "doc" and operation.name.startswith("user."):
        kind = "user_doc"
    return [ids[kind]] if name in {"agents", "users"} else ids[kind]
