"""A user is erased: what is about it goes, what is about others stays."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from agents.audit.models import AuditRecord
from agents.calls.models import Call, CallText
from agents.calls.recorder import RECORDER
from agents.connections.models import Connection, Provider
from agents.llm import gateway
from agents.models import Developer, User
from agents.retention.erasure import TASK, erase_user
from agents.retention.kinds import PERSONAL
from agents.retention.models import Erasure
from agents.retention.pace import Pace
from agents.spending.attribution import attributed
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding
from executions.engine.dispatch import dispatching_to
from executions.models import Execution, Transition
from julep_project.core.work import rings
from sessions.models import Entry, Session, SessionUser
from sessions.responses.models import Conversation, ConversationItem, StoredResponse
from sessions.responses.rows.conversation_items import add_turn
from tests.api_client import API_KEY, ApiClient
from tests.flow_runner import FlowRunner

pytestmark = pytest.mark.django_db(transaction=True)

Json = dict[str, Any]
CANARY = "canary-7731"
ASK = {"main": [{"wait_for_input": {"info": {"q": "$ 1"}}}]}


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The jobs that workers would be rung for."""
    sent: list[Any] = []
    monkeypatch.setattr(rings, "ring", lambda task, *subjects: sent.extend(subjects) if task == TASK else None)
    return sent


@pytest.fixture
def flow(transactional_db: None, settings: Any, django_capture_on_commit_callbacks: Any) -> Iterator[FlowRunner]:
    """Runs programs on committed rows."""
    settings.AGENTS_API_KEY = API_KEY
    runner = FlowRunner(django_capture_on_commit_callbacks)
    with dispatching_to(runner.dispatcher):
        yield runner


class Life:
    """What there is of a user, and of another."""

    def __init__(self, flow: FlowRunner, said: str) -> None:
        self.api, self.flow = flow.api, flow
        self.user = self.new("/users", {"name": said, "about": said})
        self.agent = self.new("/agents", {"name": "Ada"})
        self.new(f"/users/{self.user}/docs", {"title": said, "content": [said, said + "!"]})
        self.session = self.new("/sessions", {"agent": self.agent, "user": self.user, "situation": said})
        self.new(f"/sessions/{self.session}/messages", {"role": "user", "content": said})
        task = flow.create(ASK).json()["id"]
        self.run = flow.start(task, {"said": said}, {"user_id": self.user})["id"]
        developer = Developer.objects.get()
        first = StoredResponse.objects.create(developer=developer, status="completed", body={"user": self.user})
        body = {"output": [], "said": said}
        StoredResponse.objects.create(developer=developer, status="completed", body=body, previous=first)
        spelled = {"metadata": {"user_id": self.user.upper()}, "said": said}
        StoredResponse.objects.create(developer=developer, status="completed", body=spelled)
        self.converse(developer, said)
        provider = {"kind": "oauth", "registration": "configured", "client_auth": "none"}
        service, _ = Provider.objects.get_or_create(developer=developer, name="calendar", defaults=provider)
        Connection.objects.create(developer=developer, provider=service, user_id=self.user, problem=said)

    def converse(self, developer: Developer, said: str) -> None:
        """A conversation that a response for the user was made in, beside one that does not say whom it is for."""
        conversation = Conversation.objects.create(developer=developer, metadata={"said": said})
        named = {"status": "completed", "output": [], "conversation": {"id": f"conv_{conversation.pk.hex}"}}
        items = [{"id": "msg_1", "type": "message", "said": said}]
        add_turn(conversation.pk, items, {**named, "user": UUID(self.user).hex})
        StoredResponse.objects.create(developer=developer, status="completed", body={**named, "said": said})

    def new(self, path: str, body: Json) -> str:
        answer = self.api.post(path, body)
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])


MODELS = (
    *(User, Doc, Chunk, Embedding, DocEmbedding, Session, SessionUser, Entry, Execution, Transition),
    *(Conversation, ConversationItem, Connection),
)


def everything() -> dict[str, int]:
    """How many rows there are of what may be about a user."""
    return {model.__name__: model._base_manager.count() for model in (*MODELS, StoredResponse)}


def texts() -> str:
    """All that the rows of every table say."""
    models = (*MODELS, StoredResponse, AuditRecord, Erasure)
    return "".join(str(list(model._base_manager.values())) for model in models)


def told(session: str, *texts_: str) -> None:
    """A model was told this in the session, and it is recorded."""
    with attributed(session_id=UUID(session)):
        messages = [{"role": "user", "content": text} for text in texts_]
        gateway.complete(Developer.objects.get(), messages=messages, model="offline/echo")
    RECORDER.flush()


def erase(api: ApiClient, user: str) -> Json:
    """The job that has erased a user."""
    answer = api.post(f"/users/{user}/erase")
    assert (answer.status_code, answer.json()["id"]) == (202, user)
    [job] = answer.json()["jobs"]
    erase_user(job)
    shown: Json = api.get(f"/jobs/{job}").json()
    return shown


def test_everything_about_a_user_goes(flow: FlowRunner, rung: list[Any]) -> None:
    other = Life(flow, "somebody else")
    before = everything()
    life = Life(flow, CANARY)
    told(other.session, "hello")
    flow.api.patch(f"/users/{life.user}", {"about": CANARY + " again"})
    told(life.session, CANARY, "hello")
    together = life.new("/sessions", {"agent": life.agent, "users": [life.user, life.new("/users", {})]})
    job = erase(flow.api, life.user)
    assert (job["state"], job["progress"], job["user_id"]) == ("succeeded", 100.0, life.user)
    assert {kind: job["report"][kind] for kind in (*PERSONAL, "users")} == {
        "docs": 1,
        "runs": 1,
        "sessions": 1,
        "responses": 4,
        "conversations": 1,
        "connections": 1,
        "users": 1,
        "texts of calls": 1,
        "webhook messages": 0,
    }
    shared = {"User": 1, "Session": 1, "SessionUser": 1}
    assert everything() == {name: count + shared.get(name, 0) for name, count in before.items()}
    assert flow.api.get(f"/sessions/{together}").status_code == 200
    for path in (f"/users/{life.user}", f"/sessions/{life.session}", f"/executions/{life.run}"):
        assert flow.api.get(path).status_code == 404
    assert CANARY not in texts()
    [left] = Call.objects.all()
    assert (str(left.session_id), CallText.objects.count()) == (other.session, 1)
    assert rung == [] or str(rung[0]) == job["id"]


def test_what_others_did_for_a_user_goes_too(flow: FlowRunner, rung: list[Any]) -> None:
    before = everything()
    task = flow.create({"main": [{"evaluate": "$ _['said']"}]}).json()
    agent = flow.api.post("/agents", {"name": "Grace", "model": "offline/echo"}).json()["id"]
    tools = [
        {"name": "helper", "type": "task", "task": {"task_id": task["id"]}},
        {"name": "expert", "type": "agent", "agent": {"agent_id": agent}},
    ]
    above = {"tool": "helper", "arguments": {"said": CANARY}}, {"tool": "expert", "arguments": {"message": CANARY}}
    middle = flow.create({"main": list(above), "tools": tools}).json()["id"]
    top = [{"name": "middle", "type": "task", "task": {"task_id": middle}}]
    asking = flow.create({"main": [{"tool": "middle", "arguments": {}}], "tools": top}).json()["id"]
    user = flow.api.post("/users", {"name": CANARY}).json()["id"]
    assert flow.start(asking, {}, {"user_id": user})["status"] == "succeeded"
    assert (Execution.objects.count(), Session.objects.count()) == (3, 1)
    erase(flow.api, user)
    assert everything() == before


def test_the_log_still_says_what_was_done(flow: FlowRunner, rung: list[Any]) -> None:
    user = flow.api.post("/users", {"name": CANARY}).json()["id"]
    erase(flow.api, user)
    acts = flow.api.get("/audit", {"object_id": user}).json()["items"]
    assert [(act["verb"], act["actor"]["kind"], act["after"]) for act in acts] == [
        ("erase", "internal", None),
        ("create", "internal", None),
    ]


def test_it_is_gone_on_with_after_any_statement(flow: FlowRunner, rung: list[Any]) -> None:
    life = Life(flow, CANARY)
    [job] = flow.api.post(f"/users/{life.user}/erase").json()["jobs"]

    class Killed(BaseException):
        pass

    for place in range(30):
        steps = iter(range(place))

        def step(self: Pace, *given: Any, ordinary: Any = Pace.step, steps: Any = steps) -> Any:
            if next(steps, None) is None:
                raise Killed
            return ordinary(self, *given)

        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            patch.setattr(Pace, "step", step)
            erase_user(job)
        Erasure.objects.update(lease_until=None, attempts=0)
        if Erasure.objects.get().state == "succeeded":
            break
    assert (Erasure.objects.get().state, place > 10) == ("succeeded", True)
    assert CANARY not in texts()


def test_what_comes_meanwhile_goes_too(flow: FlowRunner, rung: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(flow, CANARY)
    [job] = flow.api.post(f"/users/{life.user}/erase").json()["jobs"]
    added: list[str] = []

    class Late(dict[str, Any]):
        """Adds a session once the sessions have been removed."""

        def values(self) -> Any:
            yield from super().values()
            if not added:
                added.append(life.new("/sessions", {"agent": life.agent, "user": life.user, "situation": CANARY}))

    monkeypatch.setattr("agents.retention.erasure.PERSONAL", Late(PERSONAL))
    erase_user(job)
    assert (Erasure.objects.get().report["sessions"], len(added)) == (2, 1)
    assert CANARY not in texts()


def test_users_that_there_are_not(flow: FlowRunner, rung: list[Any]) -> None:
    stranger = Developer.objects.create(email="s@example.com")
    project = stranger.projects.create(name="d", canonical_name="default")
    theirs = User.objects.create(developer=stranger, project=project)
    for user_id in (theirs.pk, "01900000-0000-7000-8000-000000000000"):
        answer = flow.api.post(f"/users/{user_id}/erase")
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "User not found")
    assert not Erasure.objects.exists()
