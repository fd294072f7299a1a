"""Tenants with a row of every kind, made through the API."""

import base64
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, Client, encode_multipart

from agents.mcp.models import McpServer, McpTool
from agents.models import Developer, Project
from agents.webhooks.models import Delivery
from executions.inprocess import InProcessDispatcher
from executions.wait_tokens import task_token
from julep_project.core.actor import Actor, ActorKind
from julep_project.core.api.auth import Admission, Principal
from julep_project.core.errors import DomainError, NotAuthenticated
from julep_project.core.tenancy import system_scope
from tests.api_client import ApiClient

_VARYING = re.compile(r'"time": ?[0-9.e-]+|"updated_at": ?"[^"]+"|"created_at": ?"[^"]+"|"(?:id|name)": ?"[^"]+"')
ASK = {"name": "ask", "main": [{"wait_for_input": {"info": "$ _.q"}}, {"evaluate": {"n": "$ 1"}}]}
SECRET = {"name": "KEY", "value": "told to nobody"}
TOOL = {"name": "look", "type": "system", "system": {"resource": "agent", "operation": "list"}}

# Nobody lists such a command, so that nothing is asked.
SERVED = {"name": "served", "type": "mcp", "mcp": {"server": {"command": "none"}}}
SERVICE = {
    "name": "github",
    "authorize_url": "https://github.example.com/authorize",
    "token_url": "https://github.example.com/token",
    "client_id": "c",
}


class Authentication:
    """Whoever sends the id of a developer is that developer."""

    def recall(self, request: HttpRequest) -> None:
        """Nobody is remembered."""

    def authenticate(self, request: HttpRequest) -> Principal:
        return _developer_named_by(request)

    def refusals(self, admissions: Collection[Admission]) -> dict[Admission, DomainError]:
        """Nobody is refused later."""
        return {}


AUTHENTICATION = Authentication()


def _developer_named_by(request: HttpRequest) -> Principal:
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    with system_scope():
        developer = Developer.objects.filter(pk=key).first()
    if developer is None:
        raise NotAuthenticated
    return Principal(developer, Actor(ActorKind.KEY, key))


@dataclass
class Tenant:
    """`ids` are what names its rows, by kind: ids, names, tokens."""

    api: ApiClient
    developer: Developer
    ids: dict[str, str] = field(default_factory=dict)

    def made(self, kind: str, path: str, body: Any, **options: Any) -> dict[str, Any]:
        """A new row, by which the kind is known from now on."""
        answer = self.api.post(path, body, **options)
        assert answer.status_code in {200, 201}, (path, answer.json())
        shown: dict[str, Any] = answer.json()
        self.ids[kind] = shown["id"]
        return shown


def furnish(name: str, dispatcher: InProcessDispatcher) -> Tenant:
    """A new developer with one row of each kind; all tenants' rows have the same names."""
    developer = Developer.objects.create(email=f"{name}@example.com")
    Project.objects.create(developer=developer, name="default", canonical_name="default")
    tenant = Tenant(ApiClient(str(developer.pk)), developer)
    ids, made = tenant.ids, tenant.made
    ids["project_name"] = f"own_{uuid4().hex}"
    made("project", "/projects", {"name": "p", "canonical_name": ids["project_name"]})
    made("user", "/users", {"name": "Ada", "metadata": {"k": 1}})
    agent = made("agent", "/agents", {"name": "Bea", "model": "offline/echo", "metadata": {"k": 1}})["id"]
    made("tool", f"/agents/{agent}/tools", TOOL)
    made("mcp_tool", f"/agents/{agent}/tools", SERVED)
    server = McpServer.objects.get(tool=ids["mcp_tool"])
    McpTool.objects.create(developer=developer, server=server, name="moor", hash="0" * 64, state="new")
    made("user_doc", f"/users/{ids['user']}/docs", {"title": "t", "content": "tides"})
    uploaded = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("tides.txt", b"high at noon")})
    begun = made("doc", f"/agents/{agent}/docs", None, raw=uploaded, content_type=MULTIPART_CONTENT)
    (ids["job"],) = begun["jobs"]
    made("doc", f"/agents/{agent}/docs", {"title": "t", "content": "tides"})
    made("file", "/files", {"name": "f", "content": base64.b64encode(b"tides").decode()})
    for kind in ("openai_file", "store_file"):
        sent = {"purpose": "assistants", "file": SimpleUploadedFile(f"{kind}.txt", b"high at noon")}
        made(kind, "/v1/files", None, raw=encode_multipart(BOUNDARY, sent), content_type=MULTIPART_CONTENT)
    store = made("vector_store", "/v1/vector_stores", {"name": "s"})["id"]
    made("file_batch", f"/v1/vector_stores/{store}/file_batches", {"file_ids": [ids["store_file"]]})
    made("api_key", "/api_keys", {"label": "k"})
    made("secret", "/secrets", SECRET)
    made("agent_secret", f"/agents/{agent}/secrets", SECRET)
    # The one that an example names.
    tenant.api.post("/secrets", {**SECRET, "name": "GITHUB_CLIENT_SECRET"})
    ids["bulk"] = tenant.api.post("/bulk", {"action": "cancel", "filter": {"task_id": str(uuid4())}}).json()["id"]
    made("limit", "/limits", {"scope": "session", "scope_id": str(uuid4()), "period": "total", "amount": 1})
    webhook = made("webhook", "/webhooks", {"url": "https://example.com/told", "events": ["webhook.*"]})["id"]
    ids["delivery"] = tenant.api.post(f"/webhooks/{webhook}/test").json()["id"]
    Delivery.objects.filter(pk=ids["delivery"]).update(state="failed")
    made("provider", "/connections/providers", SERVICE)
    made("connection", "/connections", {"provider": "github", "user_id": ids["user"]})
    _furnish_with_runs(tenant, dispatcher)
    session = made("session", "/sessions", {"agent": agent, "user": ids["user"]})["id"]
    made("entry", f"/sessions/{session}/messages", {"role": "user", "content": "hi"})
    made("response", "/responses", {"model": "offline/echo", "input": "hi"})
    ids["response_hex"] = ids["response"].removeprefix("resp_")
    conversation = made("conversation", "/conversations", {"items": [{"role": "user", "content": "hi"}]})["id"]
    (item,) = tenant.api.get(f"/conversations/{conversation}/items").json()["data"]
    ids["conversation_item"] = item["id"]
    ids["developer"] = str(developer.pk)
    (record,) = tenant.api.get("/audit", {"limit": "1"}).json()["items"]
    ids["audit_record"], ids["audit_request"] = record["id"], record["request_id"]
    return tenant


def _furnish_with_runs(tenant: Tenant, dispatcher: InProcessDispatcher) -> None:
    """Runs of a task of its agent, and what begins, answers and wakes them."""
    ids, made = tenant.ids, tenant.made
    made("task", f"/agents/{ids['agent']}/tasks", ASK)
    ended = made("ended_execution", f"/tasks/{ids['task']}/executions", {"input": {"q": "?"}})["id"]
    assert tenant.api.put(f"/executions/{ended}", {"status": "cancelled"}).status_code == 200
    fork = tenant.api.post(f"/executions/{ended}/fork", {"from": "start", "variants": [{}]}).json()
    ids["fork"] = fork["id"]
    assert tenant.api.put(f"/executions/{fork['runs'][0]['id']}", {"status": "cancelled"}).status_code == 200
    execution = made("execution", f"/tasks/{ids['task']}/executions", {"input": {"q": "?"}})["id"]
    dispatcher.run_to_rest(UUID(execution))
    rows = tenant.api.get(f"/executions/{execution}/transitions").json()["items"]
    (wait,) = (row for row in rows if row["type"] == "wait")
    ids["transition"], ids["task_token"] = wait["id"], wait["metadata"]["task_token"]
    made("link", f"/executions/{execution}/transitions/{wait['id']}/links", {})
    made("event", "/events", {"name": "passed", "key": "k"})
    target = {"type": "event", "name": "passed"}
    hook = made("hook", "/hooks", {"name": "h", "target": target, "scheme": "none"})
    called = Client().post(f"/hooks/{hook['url'].rpartition('/')[2]}", {}, content_type="application/json")
    ids["hook_call"] = called.json()["id"]
    tenant.api.patch(f"/hooks/{hook['id']}", {"scheme": "github", "secret_name": "GITHUB_CLIENT_SECRET"})
    made("schedule", "/schedules", {"name": "s", "task_id": ids["task"], "every": 86400})


def unknown_ids(known: Mapping[str, str]) -> dict[str, str]:
    """Ids of the same forms that nobody has."""
    response = uuid4().hex
    special = {
        "project_name": f"own_{uuid4().hex}",
        "task_token": task_token(uuid4()),
        "response": f"resp_{response}",
        "conversation": f"conv_{response}",
        "response_hex": response,
    }
    return {kind: special.get(kind) or str(uuid4()) for kind in known}


def rows_of(tenant: Tenant) -> dict[str, list[Any]]:
    """Every row with a developer."""
    return {
        model._meta.label: sorted(map(repr, model._base_manager.filter(developer=tenant.developer).values()))
        for model in apps.get_models()
        if any(each.name == "developer" for each in model._meta.fields)
    }


def masked(text: str, ids: Mapping[str, str]) -> str:
    """An answer without what was asked for, new ids and names, and what depends on the time."""
    for kind, value in ids.items():
        text = text.replace(value, kind)
    return _VARYING.sub("", text)
