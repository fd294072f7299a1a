"""A developer with rows of every kind, in its archive."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db.models import JSONField, Value

from agents.models import Agent, Developer, ModelUsage, Project, Tool
from agents.retention.models import Erasure
from agents.spending.folding import fold
from docs_store.embedding import embed_due
from docs_store.files.services import create_file
from docs_store.ingestion.working import ingest_file
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding, EmbeddingModel, File, Ingestion
from executions.blobs import placed
from executions.inprocess import InProcessDispatcher
from executions.models import Execution
from executions.schedules.ticking.tick import tick
from julep_project.archive.exporting import export_developer
from julep_project.core.ids import uuid7
from julep_project.core.process.remembered import forget_everything
from sessions.models import Job
from tasks.models import Task, TaskVersion
from tests.database.emptied import empty_tables
from tests.isolation.conftest import dispatcher
from tests.isolation.tenants import Tenant, furnish

__all__ = ["dispatcher"]

LARGE = "tides " * 500
_MAPS = {
    "name": "maps",
    "main": [
        {"over": "$ [1, 2]", "map": {"evaluate": {"n": "$ _", "large": "$ steps[0].input.text"}}},
        {"foreach": {"in": "$ [1, 2]", "do": {"evaluate": {"text": f"$ '{LARGE}'"}}}},
        {"prompt": "$ 'say ' + _[0].text"},
    ],
}


@dataclass(frozen=True)
class Archived:
    """A tenant and its archive. `ids` are further rows of the kinds that `Tenant.ids` names."""

    tenant: Tenant
    path: Path
    ids: dict[str, str]


@pytest.fixture
def lived_in(dispatcher: InProcessDispatcher, settings: Any) -> Tenant:
    """A tenant that has done all there is to do, and of whose runs none is at work."""
    settings.BLOB_STORE_CUTOFF_KB = 1
    tenant = furnish("ours", dispatcher)
    api, ids = tenant.api, tenant.ids
    _succeed(api.put(f"/executions/{ids['execution']}", {"status": "running", "input": {"text": LARGE}}))
    dispatcher.run_to_rest(UUID(ids["execution"]))
    for job_id in Ingestion.objects.order_by("pk").values_list("pk", flat=True):
        ingest_file(job_id)
    while embed_due():
        """Another doc has its vectors."""
    begun = _succeed(api.post(f"/schedules/{ids['schedule']}/run"))["execution_id"]
    _succeed(api.put(f"/executions/{begun}", {"status": "cancelled"}))
    tick()
    agent, session = ids["agent"], ids["session"]
    task = f"/agents/{agent}/tasks/{ids['task']}"
    _succeed(api.put(task, {**_MAPS, "input_schema": {"type": "object"}}))
    _succeed(api.patch(task, {"description": "of tides"}))
    _succeed(api.post(f"/sessions/{session}/chat", {"messages": [{"role": "user", "content": "hi"}]}))
    _succeed(api.put("/retention/runs", {"days": 30}))
    _succeed(api.post("/limits", {"scope": "developer", "period": "total", "amount": "5.123456789"}))
    _succeed(api.post(f"/sessions/{session}/chat", {"messages": [{"role": "user", "content": "more"}]}))
    fold()
    Job.objects.create(
        developer=tenant.developer, session_id=session, name="shorten", through_seq=1, model="m", budget=1, urgent=False
    )
    Erasure.objects.create(developer=tenant.developer, user_id=UUID(int=1), name="erase_user", state="succeeded")
    return tenant


@pytest.fixture
def more_ids(lived_in: Tenant, dispatcher: InProcessDispatcher) -> dict[str, str]:
    """Further rows of it."""
    api, ids = lived_in.api, lived_in.ids
    run = _succeed(api.post(f"/tasks/{ids['task']}/executions", {"input": {"text": LARGE}}))["id"]
    dispatcher.run_to_rest(UUID(run))
    assert api.get(f"/executions/{run}").json()["status"] == "succeeded", api.get(f"/executions/{run}").json()
    asked = {"model": "offline/echo", "input": "and then?", "previous_response_id": ids["response"]}
    following = _succeed(api.post("/responses", asked))["id"]
    last = _succeed(api.post("/responses", {**asked, "previous_response_id": following}))["id"]
    assert api.delete(f"/responses/{following}").status_code == 200
    return {
        "execution": run,
        "transition": api.get(f"/executions/{run}/transitions").json()["items"][0]["id"],
        "response": last,
        "doc": ids["user_doc"],
        "job": str(Erasure.objects.get().pk),
    }


@pytest.fixture
def archived(lived_in: Tenant, more_ids: dict[str, str], tmp_path: Path) -> Archived:
    path = tmp_path / "archive.tar.gz"
    export_developer(lived_in.developer, path)
    return Archived(lived_in, path, {**lived_in.ids, **more_ids})


@dataclass(frozen=True)
class Small:
    """A developer with one row of what may name others, in its archive."""

    developer: Developer
    file: File
    run: Execution
    path: Path


@pytest.fixture
def small(transactional_db: None, settings: Any, tmp_path: Path) -> Small:
    settings.MEDIA_ROOT, settings.BLOB_STORE_CUTOFF_KB = str(tmp_path / "media"), 1
    developer = Developer.objects.create(email="small@example.com")
    project = Project.objects.create(developer=developer, name="default", canonical_name="default")
    agent = Agent.objects.create(developer=developer, project=project, name="A", canonical_name="a")
    Tool.objects.create(developer=developer, agent=agent, name="t", type="function")
    file = create_file(developer=developer, values={"name": "f", "content": "aGk="})
    _add_doc(developer, agent)
    ModelUsage.objects.create(developer=developer, model="m", cost=1)
    task = Task.objects.create(developer=developer, agent=agent, name="t", canonical_name="t")
    program = {"format": 1, "dialect": "modern", "workflows": {}}
    version = TaskVersion.objects.create(task=task, number=1, sha256="", dialect="modern", program=program, source={})
    ids = {"developer": developer, "task": task, "task_version": version, "id": uuid7()}
    with placed(ids["id"], {"text": LARGE}) as output:
        run = Execution.objects.create(**ids, status="succeeded", input=Value(None, JSONField()), output=output)
    path = tmp_path / "small.tar.gz"
    export_developer(developer, path)
    return Small(developer, file, run, path)


def _add_doc(developer: Developer, agent: Agent) -> None:
    owned = {"developer": developer, "agent": agent}
    doc = Doc.objects.create(**owned, title="d", content_hash="")
    model = EmbeddingModel.objects.create(name="m", dimensions=2)
    DocEmbedding.objects.create(doc=doc, model=model, state="ready")
    for index in (0, 1):
        chunk = Chunk.objects.create(**owned, doc=doc, index=index, content=f"c{index}", search="")
        Embedding.objects.create(**owned, doc=doc, chunk=chunk, model="m", vector=[1, index])


@pytest.fixture
def elsewhere(settings: Any, tmp_path: Path) -> Any:
    """Called, it goes over to another installation: empty tables, and an empty file storage."""

    def go() -> None:
        empty_tables()
        settings.MEDIA_ROOT = str(tmp_path / "other media")
        forget_everything()

    return go


def _succeed(answer: Any) -> Any:
    assert 200 <= answer.status_code < 300, answer.json()
    return answer.json()
