"""Services that want more scopes for a call than were agreed to: somebody is asked once, and the call made again."""

from typing import Any

import pytest

from agents.connections.models import Connection
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.connections.conftest import Json, Person
from tests.connections.test_runs import started, waits_of
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import AuthorizationServer


class Asking:
    """What answers calls: it wants scopes, each time those that come next, and the last of them for ever."""

    def __init__(self, service: AuthorizationServer, monkeypatch: pytest.MonkeyPatch, *wanted: str) -> None:
        self._wanted, self._api = list(wanted), service._api
        monkeypatch.setattr(service, "_api", self.answer)

    def answer(self, request: RecordedRequest) -> Reply:
        scope = self._wanted.pop(0) if len(self._wanted) > 1 else self._wanted[0]
        if not scope:
            return self._api(request)
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        return Reply(403, headers={"www-authenticate": challenge})


@pytest.fixture
def connected(flow: FlowRunner, provider: Json, person: Person, user: str) -> str:
    made = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()
    assert person.sign_in(made["url"]).status_code == 200
    return str(made["id"])


def scopes_of(flow: FlowRunner, connection: str) -> Any:
    return flow.api.get(f"/connections/{connection}").json()["scopes"]


def test_somebody_is_asked_for_all_together_and_the_call_goes_on(
    flow: FlowRunner,
    service: AuthorizationServer,
    person: Person,
    user: str,
    connected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Asking(service, monkeypatch, "gist repo", "")
    run = started(flow, service, user)
    (wait,) = waits_of(flow, run)
    assert person.service_query(person.open(wait["url"])["location"])["scope"] == "repo gist"
    # Until then what was agreed to holds.
    assert (scopes_of(flow, connected), Connection.objects.get().status) == (["repo"], "connected")
    assert person.sign_in(wait["url"]).status_code == 200
    assert flow.settle(run["id"])["output"]["json"]["hello"] == "you"
    assert scopes_of(flow, connected) == ["repo", "gist"]


@pytest.mark.parametrize("wanted", [("gist",), ("gist", "other"), ("gist", "repo")])
def test_a_service_that_wants_ever_more_fails_the_call(
    flow: FlowRunner,
    service: AuthorizationServer,
    person: Person,
    user: str,
    connected: str,
    monkeypatch: pytest.MonkeyPatch,
    wanted: tuple[str, ...],
) -> None:
    Asking(service, monkeypatch, *wanted)
    run = started(flow, service, user)
    (wait,) = waits_of(flow, run)
    assert person.sign_in(wait["url"]).status_code == 200
    ended = flow.settle(run["id"])
    assert (ended["status"], len(waits_of(flow, run))) == ("failed", 1)
    assert "403" in ended["error"] and ended["error"].endswith(f": {wanted[-1]}")


@pytest.mark.parametrize("scope", ["repo", " ".join(f"s{number}" for number in range(60))])
def test_nobody_is_asked_for_what_there_is_or_too_much(
    flow: FlowRunner,
    service: AuthorizationServer,
    user: str,
    connected: str,
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
) -> None:
    Asking(service, monkeypatch, scope)
    run = started(
        flow,
        service,
        user,
        [{"try": [{"tool": "world", "arguments": {}}], "catch": [{"evaluate": {"type": "$ error.type"}}]}],
    )
    assert (run["status"], run["output"], waits_of(flow, run)) == ("succeeded", {"type": "ScopesRefused"}, [])


def test_who_gives_less_than_was_asked_for_is_not_asked_again(
    flow: FlowRunner,
    service: AuthorizationServer,
    person: Person,
    user: str,
    connected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Asking(service, monkeypatch, "gist")
    run = started(flow, service, user)
    (wait,) = waits_of(flow, run)
    granted = service._granted
    monkeypatch.setattr(service, "_granted", lambda scope: granted("repo"))
    assert person.sign_in(wait["url"]).status_code == 200
    assert flow.settle(run["id"])["status"] == "failed"
    assert scopes_of(flow, connected) == ["repo"]
