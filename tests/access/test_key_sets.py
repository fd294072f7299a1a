"""Public keys from an address: asked for when they are needed, and not for every token."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from agents.access import verification_keys
from agents.access.developers import make_developer
from julep_project.devservices.loopback import Reply
from tests.access.test_tokens import REFUSED, SUB, good, send
from tests.access.tokens import PublicSigner, shared
from tests.loopback.web_server import WebServer

FIRST, SECOND = PublicSigner("ES256"), PublicSigner("ES256", kid="second")
AWAY = Reply(500)


def key_set(*signers: PublicSigner) -> Reply:
    return Reply(body={"keys": [signer.jwk() for signer in signers]})


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass for the keys."""
    moment = [1000.0]
    monkeypatch.setattr(verification_keys, "monotonic", lambda: moment[0])

    def pass_time(seconds: float) -> None:
        moment[0] += seconds

    return pass_time


@pytest.fixture
def keys(tenants: None, settings: Any, web_server: WebServer) -> WebServer:
    make_developer(UUID(SUB), "")
    settings.JWT_JWKS_URL = web_server.script("/keys", key_set(FIRST))
    return web_server


def test_asked_once_then_for_a_new_name_once_a_minute(keys: WebServer, later: Callable[[float], None]) -> None:
    assert [send(FIRST.token(good(jti=str(number)))).status_code for number in range(3)] == [200] * 3
    assert send(SECOND.token(good())).json() == REFUSED
    assert len(keys.requests) == 1
    keys.script("/keys", key_set(FIRST, SECOND))
    later(61)
    assert [send(SECOND.token(good(jti=str(number)))).status_code for number in range(3)] == [200] * 3
    for number in range(5):
        assert send(SECOND.token(good(), kid=f"unknown {number}")).json() == REFUSED
    assert len(keys.requests) == 2


def test_taken_back(keys: WebServer, later: Callable[[float], None]) -> None:
    token = FIRST.token(good())
    assert send(token).status_code == 200
    keys.script("/keys", key_set(SECOND))
    later(601)
    assert send(SECOND.token(good())).status_code == 200
    assert send(token).json() == REFUSED


def test_while_the_address_does_not_answer_the_keys_stay(keys: WebServer, later: Callable[[float], None]) -> None:
    assert send(FIRST.token(good())).status_code == 200
    keys.script("/keys", AWAY)
    later(601)
    assert send(FIRST.token(good(jti="another"))).status_code == 200
    assert len(keys.requests) == 2
    assert send(FIRST.token(good(jti="a third"))).status_code == 200
    assert len(keys.requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        AWAY,
        Reply(302, headers={"Location": "/elsewhere"}),
        Reply(body="no JSON"),
        Reply(body="[" * 10_000),
        Reply(body={"keys": {}}),
        Reply(body={"keys": []}),
        Reply(body={"keys": [1, None, {"kty": "EC"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}),
        Reply(body=json.dumps({"keys": [FIRST.jwk()], "more": "x" * 300_000})),
    ],
)
def test_no_keys_at_all(keys: WebServer, reply: Reply, later: Callable[[float], None]) -> None:
    keys.script("/keys", reply)
    answer = send(FIRST.token(good()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "http_503")
    assert send(FIRST.token(good())).status_code == 503
    assert len(keys.requests) == 1
    assert send(shared(good())).status_code == 200
    keys.script("/keys", key_set(FIRST))
    later(3)
    assert send(FIRST.token(good())).status_code == 200
