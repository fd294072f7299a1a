"""Every kind of row that waits for a worker, so that one suite can put all of them through the same."""

from typing import Any
from uuid import UUID

from agents.models import Agent, Developer, Project, User
from agents.retention.erasure import ERASURES, erase_user
from agents.retention.erasure import NAME as ERASE_USER
from agents.retention.models import Erasure
from agents.webhooks import delivering, rows
from agents.webhooks.models import Delivery, DeliveryState, Endpoint, Message
from docs_store import embedding, embedding_queue
from docs_store.files.services import store_upload
from docs_store.ingestion.jobs import INGESTIONS
from docs_store.ingestion.working import ingest_file
from docs_store.model_coverage import register_model
from docs_store.models import Chunk, Doc, DocEmbedding, EmbeddingState, Ingestion
from executions.bulk.actions import NAME as BULK_ACTION
from executions.bulk.models import BulkAction
from executions.bulk.working import BULKS, work_on
from executions.engine.dispatch import CeleryDispatcher
from executions.events.handing_out import EVENT_QUEUE, EVENTS, WAIT_QUEUE, WAITS, hand_out, look
from executions.events.models import Event, EventSource, EventState
from executions.models import Branch, EventWait, Execution
from executions.schedules import messages
from executions.schedules.models import Occurrence, OccurrenceState, Schedule
from julep_project.core.clock import now
from julep_project.core.ids import uuid7
from julep_project.core.jobs.rows import JobState
from julep_project.core.work.lease import Leases
from julep_project.core.work.queued import Queued
from sessions.models import Job, Session, SessionAgent
from sessions.responses.answering import background
from sessions.responses.models import ResponseStatus, StoredResponse
from sessions.responses.rows import store
from sessions.responses.wire.body import new_body
from sessions.responses.wire.request import read_request
from sessions.shortening import jobs, overflow
from tasks.models import TaskVersion
from tasks.services import TaskDefinition, create_task


class Kind:
    """Rows of one kind. `done` is the state of one that came to its end."""

    leases: Leases[Any]
    queued: Queued[Any]
    state_column = "state"
    done: str

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        """So many rows of the tenant that are due; their keys."""
        raise NotImplementedError

    def subject(self, key: Any) -> Any:
        """What a message about the row carries."""
        return key

    def work(self, subject: Any) -> None:
        """Does what a worker does with a message."""
        raise NotImplementedError

    def row(self, key: Any) -> Any:
        return self.leases.model._base_manager.get(pk=key)

    def state(self, key: Any) -> str:
        return str(getattr(self.row(key), self.state_column))


class Docs(Kind):
    leases, queued, done = embedding_queue.LEASES, embedding_queue.QUEUED, EmbeddingState.READY.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        register_model("offline/hashing")
        keys = []
        for _ in range(count):
            name = str(uuid7())
            doc = Doc.objects.create(
                developer_id=tenant.developer_id, agent=tenant, title=name, metadata={}, content_hash=name
            )
            Chunk.objects.create(
                developer_id=tenant.developer_id, agent=tenant, doc=doc, index=0, content=name, search=""
            )
            row = DocEmbedding.objects.create(doc=doc, model_id="offline/hashing", developer_id=tenant.developer_id)
            keys.append(row.pk)
        return keys

    def subject(self, key: Any) -> Any:
        return self.row(key).doc_id

    def work(self, subject: Any) -> None:
        embedding.embed_in_turn(UUID(str(subject)))


class Jobs(Kind):
    leases, queued, done = jobs.LEASES, jobs.QUEUED, JobState.SUCCEEDED.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        return [
            Job.objects.create(
                developer_id=tenant.developer_id,
                session=Session.objects.create(developer_id=tenant.developer_id),
                name=jobs.SHORTEN_HISTORY,
                through_seq=0,
                model="offline/echo",
                budget=1000,
                urgent=False,
            ).pk
            for _ in range(count)
        ]

    def work(self, subject: Any) -> None:
        overflow.shorten_history(UUID(str(subject)))


class Ingestions(Kind):
    leases, queued, done = INGESTIONS.leases, INGESTIONS.queued, JobState.SUCCEEDED.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        return [self._make(tenant) for _ in range(count)]

    def _make(self, tenant: Agent) -> Any:
        developer, name = Developer.objects.get(pk=tenant.developer_id), str(uuid7())
        content_id, written = store_upload(developer, [b"words"])
        doc = Doc.objects.create(developer=developer, agent=tenant, title=name, content_hash=name)
        job = Ingestion(developer=developer, doc=doc, content_id=content_id, is_upload=True, size=written.size)
        job.save(force_insert=True)
        return job.pk

    def work(self, subject: Any) -> None:
        ingest_file(UUID(str(subject)))


class Responses(Kind):
    leases, queued, done = store.LEASES, store.QUEUED, ResponseStatus.COMPLETED.value
    state_column = "status"

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        developer, keys = Developer.objects.get(pk=tenant.developer_id), [uuid7() for _ in range(count)]
        for key in keys:
            request = read_request({"model": "offline/echo", "input": "Hi", "background": True}, key)
            body = new_body(key, now(), request.echo, ResponseStatus.QUEUED.value)
            store.begin_response(developer, key, body, request)
        StoredResponse.objects.filter(pk__in=keys).update(rung_at=None)
        return keys

    def work(self, subject: Any) -> None:
        background.answer_in_background(UUID(str(subject)))


class Erasures(Kind):
    leases, queued, done = ERASURES.leases, ERASURES.queued, JobState.SUCCEEDED.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        owner = {"developer_id": tenant.developer_id}
        users = [User.objects.create(project=tenant.project, **owner) for _ in range(count)]
        return [Erasure.objects.create(user_id=user.pk, name=ERASE_USER, **owner).pk for user in users]

    def work(self, subject: Any) -> None:
        erase_user(UUID(str(subject)))


class Bulks(Kind):
    leases, queued, done = BULKS.leases, BULKS.queued, JobState.SUCCEEDED.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        described = {"action": "cancel", "filter": {"status": ["running"]}, "matched": 0, "actor": {"kind": "system"}}
        rows = [BulkAction(developer_id=tenant.developer_id, name=BULK_ACTION, **described) for _ in range(count)]
        return [row.pk for row in BulkAction.objects.bulk_create(rows)]

    def work(self, subject: Any) -> None:
        work_on(UUID(str(subject)))


class Deliveries(Kind):
    """To an endpoint that was disabled, so that nothing is sent."""

    leases, queued, done = rows.LEASES, rows.QUEUED, DeliveryState.DROPPED.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        owner = {"developer_id": tenant.developer_id}
        endpoint = Endpoint.objects.create(url="https://example.com", events=["*"], enabled=False, **owner)
        return [self._make(endpoint, owner) for _ in range(count)]

    def _make(self, endpoint: Endpoint, owner: dict[str, Any]) -> Any:
        message = Message.objects.create(type="job.failed", subject_id=uuid7(), data={}, **owner)
        row = Delivery(endpoint=endpoint, message=message, subject_id=message.subject_id, **owner)
        row.save(force_insert=True)
        return row.pk

    def work(self, subject: Any) -> None:
        delivering.deliver(UUID(str(subject)))


class Events(Kind):
    leases, queued, done = EVENTS, EVENT_QUEUE, EventState.HANDED_OUT.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        known = {"developer_id": tenant.developer_id, "source": EventSource.CLIENT, "kept_until": now()}
        return [row.pk for row in Event.objects.bulk_create(Event(name="n", **known) for _ in range(count))]

    def work(self, subject: Any) -> None:
        hand_out(UUID(str(subject)), CeleryDispatcher())


class EventWaits(Kind):
    leases, queued, done = WAITS, WAIT_QUEUE, EventWait.State.WAITING.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        owner = {"developer_id": tenant.developer_id}
        definition = TaskDefinition({"name": "t"}, {"main": [{"log": "x"}]})
        task = create_task(developer=Developer.objects.get(pk=tenant.developer_id), agent=tenant, definition=definition)
        run = Execution.objects.create(task=task, task_version=TaskVersion.objects.get(task=task), **owner)
        branch = Branch.objects.create(execution=run)
        known = {**owner, "execution": run, "branch": branch, "name": "n", "since": now()}
        return [row.pk for row in EventWait.objects.bulk_create(EventWait(id=uuid7(), **known) for _ in range(count))]

    def work(self, subject: Any) -> None:
        look(UUID(str(subject)), CeleryDispatcher())


class Messages(Kind):
    leases, queued, done = messages.LEASES, messages.QUEUED, OccurrenceState.DONE.value

    def make(self, tenant: Agent, count: int = 1) -> list[Any]:
        return [self._make(tenant) for _ in range(count)]

    def _make(self, tenant: Agent) -> Any:
        Agent.objects.filter(pk=tenant.pk).update(model="offline/echo")
        owner = {"developer_id": tenant.developer_id}
        session = Session.objects.create(**owner)
        SessionAgent.objects.create(session=session, agent=tenant, position=0)
        times = {"timing": {"every": 60, "timezone": "UTC", "anchor": now().isoformat()}, "target": "session"}
        schedule = Schedule.objects.create(**owner, session=session, name="n", **times)
        said = messages.message_of({"message": "Hi"}, session.pk, schedule.overlap)
        begun = {"state": "started", "target": "session", "input": said, "nominal": now(), "due_at": now()}
        return Occurrence.objects.create(**owner, schedule=schedule, **begun).pk

    def work(self, subject: Any) -> None:
        messages.send_message(UUID(str(subject)))


def tenant(name: str) -> Agent:
    """An agent of a new tenant."""
    developer = Developer.objects.create(email=f"{name}@example.com")
    project = Project.objects.create(developer=developer, name="d", canonical_name="default")
    return Agent.objects.create(developer=developer, project=project, name=name, canonical_name=name)
