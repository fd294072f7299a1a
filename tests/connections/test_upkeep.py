"""What becomes of connections that are taken away, forgotten, or whose news was lost."""

from uuid import UUID

from agents.connections import services
from agents.connections.keepers import prune
from agents.connections.models import Connection
from agents.retention.erasure import erase_user
from executions.actions.connecting import sweep
from tests.connections.conftest import Json, Person
from tests.connections.test_runs import started, waits_of
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import AuthorizationServer


def test_runs_go_on_that_nobody_told(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    run = started(flow, service, user)
    assert sweep() == 0
    assert flow.api.delete(f"/connections/{waits_of(flow, run)[0]['connection_id']}").status_code == 202
    with flow._capture(execute=True):
        assert sweep() == 1

    # It asks anew, for a connection that is there.
    assert flow.settle(run["id"])["status"] == "awaiting_input"
    listeners, services._listeners[:] = list(services._listeners), []
    try:
        assert person.sign_in(waits_of(flow, run)[1]["url"]).status_code == 200
    finally:
        services._listeners[:] = listeners
    assert flow.settle(run["id"])["status"] == "awaiting_input"
    with flow._capture(execute=True):
        assert (sweep(), sweep()) == (1, 0)
    assert flow.settle(run["id"])["status"] == "succeeded"


def test_a_user_who_is_erased_is_signed_in_nowhere(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    made = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()
    person.sign_in(made["url"])

    erased = flow.api.post(f"/users/{user}/erase").json()
    erase_user(UUID(erased["jobs"][0]))

    assert not Connection.objects.exists()
    assert service.issued[0] in service.revoked
    assert flow.api.get(f"/jobs/{erased['jobs'][0]}").json()["report"]["connections"] == 1


def test_what_nobody_signs_in_to_is_forgotten(flow: FlowRunner, provider: Json, user: str) -> None:
    for values in ({"user_id": user}, {}):
        assert flow.api.post("/connections", {"provider": "github", **values}).status_code == 201
    Connection.objects.filter(user=user).update(link_until="2020-01-01T00:00:00Z")
    assert prune() == 1
    assert Connection.objects.get().user is None
