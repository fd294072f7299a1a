"""Requests that Schemathesis makes from the API description: none breaks the server or the description."""

import json
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core import NotSet

from executions.inprocess import InProcessDispatcher
from julep_project.core.api.api_document import openapi_document
from tests.isolation.requests import Request, all_requests, how_destructive
from tests.isolation.tenants import Tenant, furnish

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

_REQUESTS = 16
# A key that is sent twice would spare the second request its work.
_LEFT_OUT = ("Authorization", "Idempotency-Key")
# The provider of a model that is made up is not there.
_OF_PROVIDERS = frozenset({502, 504})
_bounded = settings(
    max_examples=_REQUESTS,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_requests_that_fit_are_answered_as_described(dispatcher: InProcessDispatcher) -> None:
    """They are of a tenant who has a row of each kind; the ids in paths are those of the rows."""
    tenant = furnish("probed", dispatcher)
    schema = schemathesis.openapi.from_dict(json.loads(openapi_document()))
    broken = {}
    for request in sorted({each.name: each for each in all_requests()}.values(), key=how_destructive):
        method, _, path = request.name.partition(" ")
        try:
            _probe(tenant, request, schema[path][method].as_strategy())
        except AssertionError as error:
            broken[request.name] = str(error)[:1000]
    assert not broken, json.dumps(broken, indent=1)


def _probe(tenant: Tenant, request: Request, cases: Any) -> None:
    turns = count()

    @_bounded
    @given(case=cases)
    def probe(case: Case) -> None:
        filled = request.filled(tenant.ids, tenant.ids, ())
        headers = {name: value for name, value in (case.headers or {}).items() if name not in _LEFT_OUT}
        is_json = case.media_type == "application/json" and not isinstance(case.body, NotSet)
        # Laid over the example it comes further than by itself.
        body = {**filled.body, **case.body} if is_json and next(turns) % 2 else case.body
        sent = {"raw": json.dumps(body).encode()} if is_json else {}
        query = dict(case.query or {})
        answer = tenant.api.send(filled.method, filled.path, query_params=query, headers=headers, **sent)
        answer.close()
        is_fine = answer.status_code < 500 or answer.status_code in _OF_PROVIDERS
        assert is_fine, (case.query, body, answer.content[:500])

    probe()
