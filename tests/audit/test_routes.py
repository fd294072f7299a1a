"""Each route that changes something writes to the audit log, or says here why it does not."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.urls import URLResolver, get_resolver

from agents.audit.models import AuditRecord
from agents.mcp.models import McpServer, McpTool
from agents.models import Developer
from agents.openapi.serializers import ImportBody
from agents.vault.models import Secret
from agents.webhooks.models import Delivery
from sessions.responses.models import StoredResponse
from sessions.responses.rows.store import delete_response
from tests.flow_runner import FlowRunner
from tests.ingestion.conftest import form

Json = dict[str, Any]

CHANGING = {"post", "put", "patch", "delete"}
# What a conversation, a search or a pass-through does is kept in rows of its own: entries, turns, responses, usage.
UNRECORDED = {
    ("post", "^(?:v1/)?chat/completions$"): "changes nothing here",
    ("post", "^(?:v1/)?embeddings$"): "changes nothing here",
    ("post", "^(?:v1/)?messages$"): "changes nothing here",
    ("post", "^(?:v1/)?messages/count_tokens$"): "reads",
    ("post", "agents/<str:id>/search"): "reads",
    ("post", "users/<str:id>/search"): "reads",
    ("post", "^(?:v1/)?vector_stores/(?P<store>[^/]+)/search$"): "reads",
    ("post", "embed"): "changes nothing here",
    ("post", "^hooks/(?P<id>(?![0-9a-fA-F-]{36}$)[^/]++)$"): "the call is kept, with what it began",
    ("post", "mcp"): "what a call of a tool does records itself",
    ("post", "sessions/<str:id>/messages"): "entries are never changed, and say themselves when they came",
    ("post", "sessions/<str:id>/render"): "changes nothing here",
    ("post", "sessions/<str:id>/chat"): "entries are never changed, and say themselves when they came",
    ("post", "^(?:v1/)?responses$"): "the response is kept with what was asked",
    ("post", "^(?:v1/)?responses/(?P<reference>[^/]+)/cancel$"): "the response says that it was cancelled",
    ("post", "^(?:v1/)?responses/compact$"): "changes nothing here",
    ("post", "^(?:v1/)?responses/input_tokens$"): "reads",
    ("post", "^(?:v1/)?conversations/(?P<reference>[^/]+)/items$"): "items are never changed, and say when they came",
}
ASK = {"name": "ask", "main": [{"wait_for_input": {"info": {"q": "$ 1"}}}]}
SAID = {"role": "user", "content": "hi"}
SERVED = {"name": "served", "type": "mcp", "mcp": {"server": {"command": "none"}}}
SERVICE = {
    "name": "github",
    "authorize_url": "https://github.example.com/authorize",
    "token_url": "https://github.example.com/token",
    "client_id": "c",
}
FUNCTION = {"name": "look", "type": "function", "function": {"parameters": {"type": "object"}}}


def routes(resolver: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Methods and paths of the API, as the configuration has them."""
    for route in resolver.url_patterns:
        path = before + str(route.pattern)
        if isinstance(route, URLResolver):
            if route.app_name != "admin":
                yield from routes(route, path)
            continue
        of = getattr(route.callback, "actions", None) or dir(getattr(route.callback, "cls", None))
        yield from ((method, path) for method in CHANGING & set(of))


class World:
    """Rows to act on."""

    def __init__(self, flow: FlowRunner, developer: Developer) -> None:
        self.flow, self.api, self.developer = flow, flow.api, developer
        self.agent = self.new("/agents", {"name": "Ada"})

    def new(self, path: str, body: Json) -> str:
        """A new row; its id."""
        answer = self.api.post(path, body)
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])

    def user(self) -> str:
        return self.new("/users", {"name": "u"})

    def session(self) -> str:
        return self.new("/sessions", {"agent": self.agent})

    def key(self) -> str:
        return self.new("/api_keys", {"label": "k"})

    def tool(self) -> str:
        return f"/agents/{self.agent}/tools/" + self.new(f"/agents/{self.agent}/tools", FUNCTION)

    def accepted(self) -> Any:
        """The answer to accepting a tool of a server, which nobody asked anything."""
        tool = self.new(f"/agents/{self.agent}/tools", SERVED)
        server = McpServer.objects.get(tool=tool)
        McpTool.objects.create(developer=self.developer, server=server, name="n", hash="0" * 64, state="new")
        accepted = {"tools": [{"name": "n", "hash": "0" * 64}]}
        return self.api.post(f"/agents/{self.agent}/tools/{tool}/accept", accepted)

    def asked(self) -> Any:
        """The answer to asking the server of a tool again, which cannot be reached."""
        tool = self.new(f"/agents/{self.agent}/tools", SERVED)
        return self.api.post(f"/agents/{self.agent}/tools/{tool}/refresh")

    def imported(self) -> Any:
        return self.api.post(f"/agents/{self.agent}/tools/import", dict(ImportBody.example))

    def task(self) -> str:
        return self.new(f"/agents/{self.agent}/tasks", ASK)

    def doc(self, owner: str) -> str:
        return f"/{owner}/docs/" + self.new(f"/{owner}/docs", {"title": "t", "content": "c"})

    def file(self) -> str:
        return self.new("/files", {"name": "f", "content": "aGk="})

    def openai_file(self) -> str:
        return str(self.done("/v1/files", None, **form(b"tides", purpose="vision"))["id"])

    def store(self) -> str:
        return f"/v1/vector_stores/{self.done('/v1/vector_stores', {'name': 's'})['id']}"

    def store_file(self) -> str:
        at = f"{self.store()}/files"
        return f"{at}/{self.done(at, {'file_id': self.openai_file()})['id']}"

    def batch(self) -> str:
        at = f"{self.store()}/file_batches"
        return f"{at}/{self.done(at, {'file_ids': [self.openai_file()]})['id']}"

    def done(self, path: str, body: Json | None, **options: Any) -> Any:
        """The answer of others' surfaces to a POST."""
        answer = self.api.post(path, body, **options)
        assert answer.status_code == 200, answer.json()
        return answer.json()

    def run(self) -> str:
        return str(self.flow.start(self.task(), {})["id"])

    def ended_run(self) -> str:
        run = self.run()
        assert self.api.put(f"/executions/{run}", CANCELLED).status_code == 200
        return run

    def run_of_its_task(self) -> str:
        task = self.task()
        return f"/tasks/{task}/executions/{self.flow.start(task, {})['id']}"

    def token(self) -> str:
        rows = self.flow.log(self.run())
        return next(str(row["metadata"]["task_token"]) for row in rows if row["type"] == "wait")

    def conversation(self) -> str:
        return "/conversations/" + str(self.api.post("/conversations", {"items": [SAID]}).json()["id"])

    def item(self) -> str:
        """In a conversation of its own."""
        at = f"{self.conversation()}/items"
        return f"{at}/{self.api.get(at).json()['data'][0]['id']}"

    def removed_response(self) -> Any:
        """Its view is asynchronous, and reads in another connection than the test's."""
        row = StoredResponse.objects.create(developer=self.developer, status="completed", body={"output": []})
        delete_response(self.developer, f"resp_{row.pk.hex}")


NEW_ID = "01900000-0000-7000-8000-000000000000"
Do = Callable[[World], Any]


def member(kind: str, path: str, make: Do, body: Json) -> dict[tuple[str, str], tuple[str, str, Do]]:
    """The verbs of a resource."""
    one, to_one = path.lstrip("/") + "/<str:id>", f"{path}/{{}}"
    return {
        ("post", path.lstrip("/")): ("create", kind, lambda w: w.api.post(path, body | extra(kind, w))),
        ("post", one): ("create", kind, lambda w: w.api.post(to_one.format(NEW_ID), body | extra(kind, w))),
        ("put", one): ("update", kind, lambda w: w.api.put(to_one.format(make(w)), body)),
        ("patch", one): ("update", kind, lambda w: w.api.patch(to_one.format(make(w)), {"metadata": {"a": 1}})),
        ("delete", one): ("delete", kind, lambda w: w.api.delete(to_one.format(make(w)))),
    }


def extra(kind: str, world: World) -> Json:
    if kind == "schedule":
        return {"task_id": world.task(), "every": 60}
    return {"agent": world.agent} if kind == "session" else {}


def docs(role: str, owner: Do) -> dict[tuple[str, str], tuple[str, str, Do]]:
    """Docs of an owner."""
    path = f"{role}s/<str:id>/docs"
    everything = {"delete_all": True}

    def at(world: World) -> str:
        return f"{role}s/{owner(world)}"

    return {
        ("post", path): ("create", "doc", lambda w: w.doc(at(w))),
        ("delete", path + "/<str:doc_id>"): ("delete", "doc", lambda w: w.api.delete(w.doc(at(w)))),
        ("delete", path): (
            "delete",
            "doc",
            lambda w: w.api.send("DELETE", w.doc(at(w)).rpartition("/")[0], everything),
        ),
    }


def secrets(path: str, of: Do) -> dict[tuple[str, str], tuple[str, str, Do]]:
    """Secrets of a developer or an agent."""
    body, one = {"name": "KEY", "value": "v"}, path + "/<str:secret_id>"
    return {
        ("post", path): ("create", "secret", lambda w: w.new(of(w), body)),
        ("put", one): ("update", "secret", lambda w: w.api.put(f"{of(w)}/{w.new(of(w), body)}", body)),
        ("delete", one): ("delete", "secret", lambda w: w.api.delete(f"{of(w)}/{w.new(of(w), body)}")),
    }


DAILY = {"scope": "session", "period": "day", "amount": 1}


def links(world: World) -> str:
    """Those of a new wait."""
    run = world.run()
    (wait,) = (row["id"] for row in world.flow.log(run) if row["type"] == "wait")
    return f"/executions/{run}/transitions/{wait}/links"


def a_limit(world: World) -> str:
    return "/limits/" + world.new("/limits", {**DAILY, "scope_id": str(uuid4())})


def a_webhook(world: World) -> str:
    return "/webhooks/" + world.new("/webhooks", TOLD)


def a_delivery(world: World) -> str:
    """One that has ended."""
    path = a_webhook(world)
    delivery = world.api.post(f"{path}/test").json()["id"]
    Delivery.objects.filter(pk=delivery).update(state="failed")
    return f"{path}/deliveries/{delivery}"


def a_provider(world: World) -> str:
    return "/connections/providers/" + world.new("/connections/providers", SERVICE)


def a_connection(world: World) -> str:
    a_provider(world)
    return "/connections/" + world.new("/connections", {"provider": "github"})


TOLD = {"url": "https://example.com/told", "events": ["job.*"]}
WEBHOOK = "webhooks/<str:id>"


def a_hook(world: World) -> str:
    return "/hooks/" + world.new("/hooks", HOOK)


def a_call(world: World) -> str:
    """Of a new hook."""
    made = world.api.post("/hooks", HOOK).json()
    called = Client().post(f"/hooks/{made['url'].rpartition('/')[2]}", {}, content_type="application/json")
    return f"/hooks/{made['id']}/calls/{called.json()['id']}"


HOOK = {"name": "h", "target": {"type": "event", "name": "passed"}, "scheme": "none"}


def a_schedule(world: World) -> str:
    return world.new("/schedules", {"name": "s", "every": 60, "task_id": world.task()})


def acted_on_schedule(verb: str, act: str, body: Any = None) -> tuple[str, str, Do]:
    return (verb, "schedule", lambda w: w.api.post(f"/schedules/{a_schedule(w)}/{act}", body or {}))


PAST = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:01:00Z"}
LIMIT = "limits/<str:id>"
LINKS = "executions/<str:execution_id>/transitions/<str:transition_id>/links"
CONVERSATION = "^(?:v1/)?conversations/(?P<reference>[^/]+)"
STORES = "^(?:v1/)?vector_stores"
STORE = STORES + "/(?P<store>[^/]+)"
STORE_FILE = STORE + "/files/(?P<file>[^/]+)$"
TASKS = "agents/<str:agent_id>/tasks"
TASK = TASKS + "/<str:task_id>"
TOOL = "agents/<str:agent_id>/tools/<str:tool_id>"
MANY = {"action": "cancel", "filter": {"status": ["running"]}}
CANCELLED, GOES_ON = {"status": "cancelled"}, {"status": "running", "input": {}}
ACTS: dict[tuple[str, str], tuple[str, str, Do]] = {
    **member("agent", "/agents", lambda w: w.new("/agents", {"name": "b"}), {"name": "c"}),
    **member("user", "/users", World.user, {"name": "v"}),
    **member("project", "/projects", lambda w: w.new("/projects", {"name": "p"}), {"name": "q"}),
    **member("session", "/sessions", World.session, {"situation": "here"}),
    **member("schedule", "/schedules", a_schedule, {"name": "t"}),
    ("post", "schedules/<str:id>/pause"): acted_on_schedule("pause", "pause"),
    ("post", "schedules/<str:id>/resume"): (
        "resume",
        "schedule",
        lambda w: [
            w.api.post(f"{at}/{act}", {}) for at in [f"/schedules/{a_schedule(w)}"] for act in ("pause", "resume")
        ],
    ),
    ("post", "schedules/<str:id>/run"): acted_on_schedule("run", "run"),
    ("post", "schedules/<str:id>/backfill"): acted_on_schedule("backfill", "backfill", PAST),
    ("post", "tasks/<str:task_id>/schedules"): (
        "create",
        "schedule",
        lambda w: w.new(f"/tasks/{w.task()}/schedules", {"name": "s", "every": 60}),
    ),
    **docs("agent", lambda w: w.agent),
    **docs("user", World.user),
    **secrets("secrets", lambda w: "/secrets"),
    **secrets("agents/<str:agent_id>/secrets", lambda w: f"/agents/{w.agent}/secrets"),
    ("post", "api_keys"): ("create", "api_key", World.key),
    ("patch", "api_keys/<str:id>"): (
        "update",
        "api_key",
        lambda w: w.api.patch(f"/api_keys/{w.key()}", {"label": "m"}),
    ),
    ("delete", "api_keys/<str:id>"): ("revoke", "api_key", lambda w: w.api.delete(f"/api_keys/{w.key()}")),
    ("post", "agents/<str:agent_id>/tools"): ("create", "tool", World.tool),
    ("post", "agents/<str:agent_id>/tools/import"): ("create", "tool", World.imported),
    ("put", TOOL): ("update", "tool", lambda w: w.api.put(w.tool(), FUNCTION)),
    ("patch", TOOL): ("update", "tool", lambda w: w.api.patch(w.tool(), {"description": "d"})),
    ("post", f"{TOOL}/accept"): ("update", "tool", World.accepted),
    ("post", f"{TOOL}/refresh"): ("ring", "tool", World.asked),
    ("delete", TOOL): ("delete", "tool", lambda w: w.api.delete(w.tool())),
    ("post", "users/<str:id>/erase"): ("erase", "user", lambda w: w.api.post(f"/users/{w.user()}/erase")),
    ("put", "retention/<str:kind>"): ("update", "retention", lambda w: w.api.put("/retention/runs", {"days": 9})),
    ("delete", "retention/<str:kind>"): ("update", "retention", lambda w: w.api.delete("/retention/runs")),
    ("post", "limits"): ("create", "limit", a_limit),
    ("put", LIMIT): ("update", "limit", lambda w: w.api.put(a_limit(w), {"amount": 2})),
    ("patch", LIMIT): ("update", "limit", lambda w: w.api.patch(a_limit(w), {"amount": 2})),
    ("delete", LIMIT): ("delete", "limit", lambda w: w.api.delete(a_limit(w))),
    ("post", LIMIT + "/reset"): ("clear", "limit", lambda w: w.api.post(a_limit(w) + "/reset")),
    ("post", "connections/providers"): ("create", "connection_provider", a_provider),
    ("delete", "connections/providers/<str:id>"): (
        "delete",
        "connection_provider",
        lambda w: w.api.delete(a_provider(w)),
    ),
    ("post", "connections"): ("create", "connection", a_connection),
    ("delete", "connections/<str:id>"): ("revoke", "connection", lambda w: w.api.delete(a_connection(w))),
    ("post", "webhooks"): ("create", "webhook", a_webhook),
    ("put", WEBHOOK): ("update", "webhook", lambda w: w.api.put(a_webhook(w), {**TOLD, "events": ["*"]})),
    ("patch", WEBHOOK): ("update", "webhook", lambda w: w.api.patch(a_webhook(w), {"enabled": False})),
    ("delete", WEBHOOK): ("delete", "webhook", lambda w: w.api.delete(a_webhook(w))),
    ("post", WEBHOOK + "/rotate_secret"): (
        "rotate",
        "webhook",
        lambda w: w.api.post(f"{a_webhook(w)}/rotate_secret", {}),
    ),
    ("post", WEBHOOK + "/test"): ("ring", "webhook", lambda w: w.api.post(f"{a_webhook(w)}/test")),
    ("post", WEBHOOK + "/replay"): (
        "retry",
        "webhook",
        lambda w: w.api.post(f"{a_delivery(w).partition('/deliveries')[0]}/replay", {}),
    ),
    ("post", WEBHOOK + "/deliveries/<str:delivery_id>/replay"): (
        "retry",
        "webhook",
        lambda w: w.api.post(f"{a_delivery(w)}/replay"),
    ),
    ("post", "files"): ("create", "file", World.file),
    ("delete", "files/<str:id>"): ("delete", "file", lambda w: w.api.delete(f"/files/{w.file()}")),
    ("post", "v1/files"): ("create", "file", World.openai_file),
    ("delete", "v1/files/<str:file>"): ("delete", "file", lambda w: w.api.delete(f"/v1/files/{w.openai_file()}")),
    ("post", STORES + "$"): ("create", "vector_store", World.store),
    ("post", STORE + "$"): ("update", "vector_store", lambda w: w.api.post(w.store(), {"name": "t"})),
    ("delete", STORE + "$"): ("delete", "vector_store", lambda w: w.api.delete(w.store())),
    ("post", STORE + "/files$"): ("create", "vector_store_file", World.store_file),
    ("post", STORE_FILE): (
        "update",
        "vector_store_file",
        lambda w: w.api.post(w.store_file(), {"attributes": {"a": 1}}),
    ),
    ("delete", STORE_FILE): ("delete", "vector_store_file", lambda w: w.api.delete(w.store_file())),
    ("post", STORE + "/file_batches$"): ("create", "vector_store_file", World.batch),
    ("post", STORE + "/file_batches/(?P<batch>[^/]+)/cancel$"): (
        "cancel",
        "vector_store",
        lambda w: w.api.post(f"{w.batch()}/cancel"),
    ),
    ("delete", "sessions/<str:id>/history"): (
        "clear",
        "session",
        lambda w: w.api.delete(f"/sessions/{w.session()}/history"),
    ),
    ("post", "^(?:v1/)?conversations$"): ("create", "conversation", World.conversation),
    ("post", CONVERSATION + "$"): (
        "update",
        "conversation",
        lambda w: w.api.post(w.conversation(), {"metadata": {"a": "b"}}),
    ),
    ("delete", CONVERSATION + "$"): ("delete", "conversation", lambda w: w.api.delete(w.conversation())),
    ("delete", CONVERSATION + "/items/(?P<item>[^/]+)$"): (
        "clear",
        "conversation",
        lambda w: w.api.delete(w.item()),
    ),
    ("delete", "^(?:v1/)?responses/(?P<reference>[^/]+)$"): ("delete", "response", World.removed_response),
    ("post", TASKS): ("create", "task", World.task),
    ("put", TASKS): ("create", "task", lambda w: w.api.put(f"/agents/{w.agent}/tasks", ASK)),
    ("post", TASK): ("create", "task", lambda w: w.api.post(f"/agents/{w.agent}/tasks/{NEW_ID}", ASK)),
    ("put", TASK): ("update", "task", lambda w: w.api.put(f"/agents/{w.agent}/tasks/{w.task()}", ASK)),
    ("patch", TASK): ("update", "task", lambda w: w.api.patch(f"/agents/{w.agent}/tasks/{w.task()}", {"name": "n"})),
    ("delete", TASK): ("delete", "task", lambda w: w.api.delete(f"/agents/{w.agent}/tasks/{w.task()}")),
    ("post", "tasks/<str:task_id>/executions"): (
        "create",
        "execution",
        lambda w: w.new(f"/tasks/{w.task()}/executions", {"input": {}}),
    ),
    ("put", "executions/<str:id>"): ("cancel", "execution", lambda w: w.api.put(f"/executions/{w.run()}", CANCELLED)),
    ("post", "bulk"): ("create", "bulk", lambda w: w.api.post("/bulk", MANY)),
    ("post", "bulk/<str:id>/abort"): (
        "cancel",
        "bulk",
        lambda w: w.api.post(f"/bulk/{w.api.post('/bulk', MANY).json()['id']}/abort"),
    ),
    ("post", "executions/<str:id>/retry"): (
        "retry",
        "execution",
        lambda w: w.api.post(f"/executions/{w.ended_run()}/retry", {}),
    ),
    ("post", "executions/<str:id>/fork"): (
        "fork",
        "execution",
        lambda w: w.api.post(f"/executions/{w.ended_run()}/fork", {"from": "start", "variants": [{}]}),
    ),
    ("post", "events"): ("create", "event", lambda w: w.api.post("/events", {"name": "passed"})),
    ("post", "hooks"): ("create", "hook", a_hook),
    ("put", "hooks/<str:id>"): ("update", "hook", lambda w: w.api.put(a_hook(w), {**HOOK, "name": "i"})),
    ("patch", "hooks/<str:id>"): ("update", "hook", lambda w: w.api.patch(a_hook(w), {"paused": True})),
    ("delete", "hooks/<str:id>"): ("delete", "hook", lambda w: w.api.delete(a_hook(w))),
    ("post", "hooks/<str:id>/rotate"): ("rotate", "hook", lambda w: w.api.post(f"{a_hook(w)}/rotate")),
    ("post", "hooks/<str:id>/rotate_secret"): (
        "rotate",
        "hook",
        lambda w: w.api.post(f"/hooks/{w.new('/hooks', {**HOOK, 'scheme': 'github'})}/rotate_secret", {}),
    ),
    ("post", "hooks/<str:hook_id>/calls/<str:id>/replay"): (
        "create",
        "event",
        lambda w: w.api.post(f"{a_call(w)}/replay"),
    ),
    ("post", LINKS): ("create", "link", lambda w: w.api.post(links(w))),
    ("delete", LINKS + "/<str:id>"): (
        "revoke",
        "link",
        lambda w: w.api.delete(f"{(at := links(w))}/{w.new(at, {})}"),
    ),
    ("post", "executions"): (
        "resume",
        "execution",
        lambda w: w.api.post("/executions", {**GOES_ON, "task_token": w.token()}),
    ),
    ("post", "executions/resume"): (
        "resume",
        "execution",
        lambda w: w.api.post("/executions/resume", {**GOES_ON, "task_token": w.token()}),
    ),
    ("patch", "tasks/<str:task_id>/executions/<str:execution_id>"): (
        "cancel",
        "execution",
        lambda w: w.api.patch(w.run_of_its_task(), CANCELLED),
    ),
}


def test_every_route_is_known() -> None:
    known = sorted({*ACTS, *UNRECORDED})
    assert sorted(set(routes(get_resolver()))) == known, "say of a new route what it records, or why nothing"


@pytest.mark.parametrize("part", range(4))
def test_what_is_recorded(flow: FlowRunner, developer: Developer, settings: Any, part: int) -> None:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    settings.PUBLIC_URL = "https://agents.example.com"
    wrong: list[Any] = []
    for route in sorted(ACTS)[part::4]:
        verb, kind, act = ACTS[route]
        world = World(flow, developer)
        Secret.objects.all().delete()
        answer = act(world)
        if getattr(answer, "status_code", 200) >= 300:
            wrong.append((route, answer.json()))
        newest = AuditRecord.objects.for_developer(developer).order_by("-pk").first()
        assert newest is not None
        told = (newest.verb, newest.object_kind, newest.actor_kind, newest.developer_id)
        # What is called without a request has no actor of its own.
        if told[:2] != (verb, kind) or told[2] not in ("internal", "system") or told[3] != developer.pk:
            wrong.append((route, told))
    assert wrong == []
