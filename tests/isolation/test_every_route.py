"""Another tenant's ids are answered like ids nobody has: every route, and every field that may name a row."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.inprocess import InProcessDispatcher
from julep_project.core.process.remembered import forget_everything
from tests.isolation.requests import (
    NAMES_A_ROW,
    Filled,
    Request,
    all_requests,
    described_fields,
    fields_with_markers,
    how_destructive,
)
from tests.isolation.tenants import Tenant, furnish, masked, rows_of, unknown_ids

pytestmark = pytest.mark.django_db(transaction=True)

# Fields that look so and name nothing that is stored.
NO_ROWS = {
    "id": "of a message or of a call in it, which the client chose",
    "tool_call_id": "likewise",
    "file": "its content, in a form",
    "expires_after": "a time",
    "next_page_token": "a place in the log of the run that the path names",
    "next_token": "likewise",
}
_WRITE_TOOLS = (
    "POST /agents/{agent_id}/tools",
    "PUT /agents/{agent_id}/tools/{tool_id}",
    "PATCH /agents/{agent_id}/tools/{tool_id}",
)
# Of one route only: what a provider is told and is nothing that is stored, numbers of rows and of events, a call of a
# workflow in the run that the path names, an expression that names a wait when a hook is called, a client of a service,
# and specs of tools, in which the ids are: a change of one is read as one that is made anew.
NO_ROWS_OF_ROUTES = {
    "POST /chat/completions user",
    "POST /embeddings user",
    "POST /responses user",
    "GET /executions/comparison after",
    "POST /connections/providers client_id",
    "POST /hooks task_token",
    "PUT /hooks/{id} task_token",
    "PATCH /hooks/{id} task_token",
    "GET /responses/{reference} starting_after",
    "GET /executions/{execution_id}/transitions scope_id",
    *(f"{route} {kind}" for route in _WRITE_TOOLS for kind in ("agent", "task")),
    *(f"{_WRITE_TOOLS[-1]} {name}" for name in ("agent_id", "task_id")),
}
# An id that the caller chooses cannot be had when it is taken, whoever has it.
CHOSEN_IDS = frozenset(
    {
        "POST /agents/{id}",
        "POST /users/{id}",
        "POST /sessions/{id}",
        "POST /projects/{id}",
        "POST /schedules/{id}",
        "POST /agents/{agent_id}/tasks/{task_id}",
    }
)


def test_foreign_ids_look_like_unknown_ones(dispatcher: InProcessDispatcher) -> None:
    ours, theirs = furnish("ours", dispatcher), furnish("theirs", dispatcher)
    before = rows_of(theirs)
    different = {}
    for request in (each for each in all_requests() if each.places and not each.is_extra):
        for places in request.foreign_places():
            if request.name in CHOSEN_IDS and _last_parameter(request) in places:
                continue
            unknown = unknown_ids(theirs.ids)
            answers = [_asked(ours, request.filled(ours.ids, ids, places), ids) for ids in (theirs.ids, unknown)]
            if answers[0] != answers[1]:
                different[f"{request.name} {sorted(places)}"] = answers
    assert not different, json.dumps(different, indent=1)
    assert rows_of(theirs) == before


def test_with_own_ids_the_same_requests_succeed(dispatcher: InProcessDispatcher) -> None:
    """Else nothing was asked above that could have been answered. All examples of the API description are sent."""
    shared = furnish("one", dispatcher)
    failed = {}
    for request in sorted(all_requests(), key=how_destructive):
        tenant = furnish("more", dispatcher) if request.needs_its_own else shared
        answer = _send(tenant, request.filled(tenant.ids, tenant.ids, ()))
        if not 200 <= answer.status_code < 300:
            failed[request.name] = answer.json()
    assert not failed, json.dumps(failed, indent=1)


def test_every_field_that_may_name_a_row_is_sent() -> None:
    """A field that is new here needs a marker in the table of requests, or a reason."""
    sent: dict[str, set[str]] = {}
    for request in all_requests():
        sent.setdefault(request.name, set()).update(fields_with_markers([request.body, request.query]))
    described = {(name, field) for name, field in described_fields() if NAMES_A_ROW.fullmatch(field)}
    missed = {f"{name} {field}" for name, field in described if field not in sent.get(name, set()) | set(NO_ROWS)}
    assert missed <= NO_ROWS_OF_ROUTES


def _send(tenant: Tenant, request: Filled) -> Any:
    answer = tenant.api.send(request.method, request.path, request.body, query_params=request.query)
    answer.close()
    return answer


def _asked(tenant: Tenant, request: Filled, ids: Mapping[str, str]) -> tuple[int, str, int]:
    """Status, body with its ids masked, and how many statements were needed by a process that remembers nothing."""
    forget_everything()
    with CaptureQueriesContext(connection) as statements:
        answer = _send(tenant, request)
    text = "a stream" if answer.streaming else answer.content.decode()
    return answer.status_code, masked(text, ids), len(statements)


def _last_parameter(request: Request) -> str:
    return list(request.parameters)[-1]
