"""Staff of each group, and runs to look at."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from agents.access.services import create_key
from agents.calls.models import Call
from agents.connections.models import Connection, Provider
from agents.mcp.models import McpServer, McpTool
from agents.models import Developer, Project, Tool
from agents.models import User as AgentUser
from agents.webhooks.models import Delivery, Endpoint, Message
from executions.bulk.models import BulkAction, BulkItem
from executions.events.models import Event
from executions.hooks.models import Hook, HookCall
from executions.operating.models import Worker
from julep_project.core.clock import DatabaseNow, now
from julep_project.core.ids import uuid7
from sessions.models import Entry
from tests.flow_runner import FlowRunner

# Each may do more than those before it.
ROLES = ("nobody", "viewer", "operator", "administrator")
HOSTILE = "\u202e<script>alert(1)</script><img src=x onerror=alert(2)>\u0007\u2066"


@pytest.fixture
def staff(db: None) -> Callable[[str], Client]:
    """`staff(role)`: the browser of one of that group, logged in."""

    def log_in(role: str) -> Client:
        user, is_new = User.objects.get_or_create(username=role, defaults={"is_staff": True})
        if is_new and role != "nobody":
            user.groups.add(Group.objects.get(name=f"Console {role}"))
        client = Client(raise_request_exception=False)
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def viewer(staff: Callable[[str], Client]) -> Client:
    return staff("viewer")


@pytest.fixture
def operator(staff: Callable[[str], Client]) -> Client:
    return staff("operator")


ASK = {
    "type": "object",
    "required": ["approved"],
    "properties": {"approved": {"type": "boolean"}, "note": {"type": "string"}},
}


@pytest.fixture
def waiting(flow: FlowRunner) -> dict[str, Any]:
    """A run that asks a person, with the ids of its wait and of what stands beside it in the console."""
    ask = {"wait_for_input": {"info": {"question": "Refund 274 EUR?", "schema": ASK}}, "label": "ask a person"}
    main = [{"evaluate": {"order": "$ _.order"}, "label": "look up"}, ask, {"evaluate": {"is": "$ _.approved"}}]
    task = flow.create({"name": "Refund order", "main": main}).json()
    run = flow.start(task["id"], {"order": "A-7"}, metadata={"customer": "acme"})
    (wait,) = (row for row in flow.log(run["id"]) if row["type"] == "wait")
    call = called(kind="tool", name="look", execution_id=run["id"], request='{"q": "A-7"}', response='"found"')
    worker = Worker.objects.create(
        id=uuid7(), name="io@h", queues=["io"], release="r", pid=1, begun_at=now(), seen_at=DatabaseNow()
    )
    key, _ = create_key(developer=Developer.objects.get(), values={"label": "ci"})
    told = {"wait_id": wait["id"], "task": task["id"], "call_id": call, "worker_id": str(worker.pk)}
    body = {"name": "every hour", "task_id": task["id"], "cron": "0 * * * *"}
    told |= {"key_id": str(key.pk), "schedule_id": flow.api.post("/schedules", body).json()["id"]}
    told |= {"agent_id": task["agent_id"]}
    told |= {**triggered(), "server_id": served(task["agent_id"]), "connection_id": signed_in()}
    return {**run, **told, **said(flow, task["agent_id"]), **tried_again(task["id"], run["id"])}


def once(**form: Any) -> dict[str, Any]:
    """A form that comes for the first time."""
    return {**form, "number": str(uuid7())}


def number_in(page: str, act: str) -> str:
    """What the form of an act is known by that counts once."""
    form = page.partition(f'/{act}/"')[2].partition("</form>")[0]
    (number,) = re.findall(r'name="number" value="([^"]++)"', form)
    return str(number)


def triggered() -> dict[str, str]:
    """A webhook that was told of an order in vain, and a hook whose call recorded an event of it."""
    owner = {"developer_id": UUID(int=0)}
    endpoint = Endpoint.objects.create(**owner, url="https://example.com/told", events=["*"], sealed="", sealed_with="")
    message = Message.objects.create(**owner, type="job.failed", subject_id=uuid7(), data={"order": "A-7"})
    told = {"subject_id": message.subject_id, "state": "failed", "excerpt": "A-7"}
    delivery = Delivery.objects.create(**owner, endpoint=endpoint, message=message, **told)
    event = Event.objects.create(
        **owner, name="order.paid", key="A-7", data={"order": "A-7"}, source="client", kept_until=now()
    )
    hook = Hook.objects.create(**owner, name="Orders", digest=b"1", target="event", mapping={"data": {"order": "A-7"}})
    sent = {"method": "POST", "headers": {}, "query": {"token": "hidden", "order": "A-7"}, "text": "A-7"}
    began = {"began": "event", "began_id": event.pk, "known_by": "A-7", "request": sent}
    call = HookCall.objects.create(**owner, hook=hook, status="accepted", http_status=202, **began)
    told = {"endpoint_id": endpoint.pk, "delivery_id": delivery.pk, "event_id": event.pk, "hook_id": hook.pk}
    return {name: str(key) for name, key in {**told, "hook_call_id": call.pk}.items()}


def served(agent: str) -> str:
    """The MCP server of a tool of the agent, that describes one tool otherwise now."""
    owner = {"developer_id": UUID(int=0)}
    spec = {"server": {"url": "https://harbour.example.com/mcp"}}
    tool = Tool.objects.create(**owner, agent_id=agent, name="harbour", type="mcp", spec=spec)
    told = {"name": "harbour", "place": "https://harbour.example.com/mcp", "transport": "http", "listed_at": now()}
    server = McpServer.objects.create(**owner, agent_id=agent, tool=tool, definition="d", **told)
    known = {"description": "When A-7 is wet", "input_schema": {"type": "object"}, "hash": "1" * 64}
    other = {**known, "description": "When A-7 is dry", "output_schema": None, "annotations": {}, "hash": "2" * 64}
    McpTool.objects.create(**owner, server=server, name="tide", state="changed", found=other, **known)
    McpTool.objects.create(**owner, server=server, name="moor", state="new", **{**known, "hash": "3" * 64})
    return str(server.pk)


def signed_in() -> str:
    """The connection of a user to a calendar, whose token is sealed."""
    owner = {"developer_id": UUID(int=0)}
    told = {"kind": "oauth", "registration": "configured", "client_auth": "none", "token_url": "https://example.com/t"}
    provider = Provider.objects.create(**owner, name="Calendar", **told)
    user = AgentUser.objects.create(**owner, project=Project.objects.get(), name="Mia")
    given = {"status": "connected", "connected_at": now(), "sealed": "sealed-token", "sealed_with": "m"}
    return str(Connection.objects.create(**owner, provider=provider, user=user, **given).pk)


def called(**values: Any) -> str:
    """The id of a call that went well."""
    values = {"started_at": now(), "ended_at": now(), **values}
    return str(Call.objects.create(developer_id=UUID(int=0), status="ok", **values).pk)


def said(flow: FlowRunner, agent: str) -> dict[str, str]:
    """A chat with a reply, and the record of the call that gave it."""
    session = flow.api.post("/sessions", {"agent": agent}).json()["id"]
    message = {"role": "user", "name": "Ann", "content": "Where is A-7?"}
    assert flow.api.post(f"/sessions/{session}/messages", message).status_code == 201
    reply = Entry.objects.create(
        session_id=session,
        seq=2,
        place=2,
        role="assistant",
        content="A-7 is on its way",
        source="api_response",
        tokenizer="m",
        token_count=5,
        model="gpt-4o",
    )
    called(
        kind="model",
        name="gpt-4o",
        session_id=session,
        started_at=reply.created_at,
        request="{}",
        response='[{"message": {"content": "A-7 is on its way"}}]',
        key="chat",
        context='{"place": [0, 0], "sections": {"new": {"messages": 1, "tokens": 5}}}',
    )
    return {"session_id": session, "entry_id": str(reply.pk)}


def tried_again(task: str, run: str) -> dict[str, str]:
    """A bulk action that could not retry a run."""
    bulk = BulkAction.objects.create(
        developer_id=UUID(int=0),
        name="bulk_action",
        action="retry",
        state="succeeded",
        filter={"status": ["failed"], "task_id": task, "since": "2026-01-01T00:00:00+00:00"},
        matched=1,
        failed=1,
        actor={"kind": "staff", "label": "Olga"},
    )
    BulkItem.objects.create(bulk=bulk, execution_id=run, outcome="failed", error="It has not failed")
    return {"bulk_id": str(bulk.pk)}


@pytest.fixture
def hostile(flow: FlowRunner) -> dict[str, Any]:
    """A failed run whose every text is somebody's who means ill."""
    step = {"evaluate": {"x": "$ _.x"}, "label": HOSTILE.replace("\u0007", "")}
    main = [step, {"error": HOSTILE.replace("\u0007", "")}]
    task = flow.create({"name": HOSTILE.replace("\u0007", ""), "main": main})
    assert task.status_code == 201, task.json()
    return flow.start(task.json()["id"], {"x": HOSTILE}, metadata={HOSTILE: HOSTILE, "=cmd": "=1+1"})
