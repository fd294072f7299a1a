"""An installation at night: what has happened on it, of which each job looks for a part."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from django.contrib.auth.models import Group, User
from django.test import Client

from agents.calls.models import CallKind
from agents.calls.purpose import Purpose
from agents.calls.recorder import RECORDER
from agents.calls.recording import Asked, Attempt
from agents.models import Developer, ModelUsage
from agents.spending.attribution import Attribution
from docs_store.models import DocEmbedding
from executions.models import Execution, Transition
from julep_project.core.clock import now
from sessions.models import Entry, Session
from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until
from tests.console.browser import PASSWORD

_ENDS_S = 60
ASK = {
    "type": "object",
    "required": ["approved"],
    "properties": {"approved": {"type": "boolean", "title": "Approved"}, "note": {"type": "string"}},
}
_ROW = {"evaluate": {"order": "$ _.order"}, "label": "look up"}
TASKS: dict[str, list[Any]] = {
    "Nightly import": [_ROW, {"sleep": {"hours": 6}, "label": "wait for morning"}],
    "Charge card": [_ROW, {"evaluate": {"fee": "$ 100 // len(_.order[:0])"}, "label": "charge"}],
    "Convert": [
        {"evaluate": {"total": "$ _.order", "rate": "$ 0"}, "label": "add up"},
        {"evaluate": {"net": "$ 274 // _.rate"}, "label": "convert"},
    ],
    "Refund": [
        {"wait_for_input": {"info": {"question": "Refund 274 EUR?", "schema": ASK}}, "label": "ask a person"},
        {"evaluate": {"paid": "$ _.approved"}, "label": "pay"},
    ],
    "Return": [{"wait_for_input": {"info": {"question": "Take the shoes back?"}}, "label": "ask a person"}],
    "Summarise": [{"prompt": "Summarise the order", "label": "summarise"}],
    "Runaway": [_ROW, {"sleep": {"hours": 1}, "label": "breathe"}],
    "Restock": [_ROW],
}
# Their runs are begun by those who look for them.
_LATER = ("Restock", "Return")


class Installation:
    """Fills itself over HTTP, where that is possible, and knows the ids of what it holds."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._http = httpx.Client(
            base_url=backend.url, headers={"Authorization": f"Bearer {API_KEY}"}, trust_env=False, timeout=30
        )
        for name, group in (("oscar", "operator"), ("nora", "operator"), ("vera", "viewer")):
            user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
            user.groups.add(Group.objects.get(name=f"Console {group}"))
        self.agent = self.made("/agents", {"name": "Ada"})
        self.tasks = {
            name: self.made(f"/agents/{self.agent}/tasks", {"name": name, "main": main}) for name, main in TASKS.items()
        }
        self.runs = {name: self._begun(name) for name in TASKS if name not in _LATER}
        self.chat, self.doc = self._chat(), self._doc()
        self._settle()
        self._call_a_model()
        self.cancelled = self.begin("Nightly import")
        client = Client()
        client.force_login(User.objects.get(username="nora"))
        client.post(f"/admin/runs/{self.cancelled}/cancel/", {"reason": "the wrong order"})

    def begin(self, task: str, **metadata: Any) -> str:
        """A run of a task, by its name."""
        body = {"input": {"order": "A-7"}, "metadata": metadata}
        return self.made(f"/tasks/{self.tasks[task]}/executions", body)

    def made(self, path: str, body: Any) -> str:
        """The id of what a request made."""
        answer = self._http.post(path, json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the processes do."""
        wait_until(condition, _ENDS_S, self.backend)

    def close(self) -> None:
        self._http.close()

    def _begun(self, task: str) -> list[str]:
        number = {"Charge card": 3, "Runaway": 4}.get(task, 1)
        return [self.begin(task, customer="acme" if task == "Convert" else f"c{place}") for place in range(number)]

    def _settle(self) -> None:
        """Each run has come to where it stays."""
        for name in ("Charge card", "Convert", "Summarise"):
            for run in self.runs[name]:
                wait_for_end(run, self.backend)
        asleep = [*self.runs["Nightly import"], *self.runs["Runaway"]]
        self.until(lambda: Execution.objects.filter(pk__in=asleep, asleep_until=None).count() == 0)
        self.until(lambda: Execution.objects.filter(pk__in=self.runs["Refund"], status="awaiting_input").exists())

    def _chat(self) -> str:
        user = self.made("/users", {"name": "Mia"})
        session = self.made("/sessions", {"agent": self.agent, "user": user})
        self.made(f"/sessions/{session}/chat", {"messages": [{"role": "user", "content": "Where is my order?"}]})
        last = Entry.objects.filter(session_id=session).order_by("-seq")[0]
        call = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"order": "A-7"}'}}
        Entry.objects.create(
            session_id=session,
            seq=last.seq + 1,
            place=last.seq + 1,
            role="assistant",
            source="api_response",
            tokenizer=last.tokenizer,
            token_count=12,
            model="offline/echo",
            tool_calls=[call],
        )
        Session.objects.filter(pk=session).update(entry_count=last.seq + 1)
        return session

    def _doc(self) -> str:
        doc = self.made(f"/agents/{self.agent}/docs", {"title": "Tides", "content": "High at noon, low at six."})
        self.until(lambda: DocEmbedding.objects.filter(doc_id=doc, state="ready").exists())
        never = now() + timedelta(days=1)
        error = "the provider refused: input is too long"
        DocEmbedding.objects.filter(doc_id=doc).update(state="failed", error=error, attempts=3, due_at=never)
        return doc

    def _call_a_model(self) -> None:
        """The record of a call, which the processes of tests do not keep, and what it cost."""
        (run,) = (UUID(one) for one in self.runs["Summarise"])
        row = Transition.objects.filter(execution_id=run, metadata__t__calls__isnull=False).get()
        usage = ModelUsage.objects.get(execution_id=run)
        ModelUsage.objects.filter(pk=usage.pk).update(cost="7.25")
        attempt = Attempt(
            CallKind.MODEL,
            "offline/echo",
            Developer.objects.get().pk,
            Attribution(execution_id=run, task_id=UUID(self.tasks["Summarise"]), agent_id=UUID(self.agent)),
            Purpose(key="k-1"),
            usage.pk,
            datetime.fromtimestamp(row.metadata["t"]["calls"][0][0] / 1000, now().tzinfo),
        )
        asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Summarise the order A-7"}]
        said = {"role": "assistant", "content": "It is lost at sea."}
        attempt.end(Asked({"temperature": 0.2}, asked), said, tokens=(31, 7))
        RECORDER.flush()
