"""Rows of the kinds that no request of `furnish` makes."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

from agents.calls.models import Call, CallText
from agents.retention.models import Erasure, RetentionPeriod
from agents.spending.models import UsageDay
from docs_store.models import Chunk, Embedding
from executions.bulk.models import BulkAction, BulkItem
from executions.models import Blob, Branch, EventWait, Execution, LoopItem
from executions.operating.models import FaultMark
from executions.schedules.models import Occurrence
from julep_project.core.idempotency.models import IdempotencyKey
from julep_project.core.rates.models import TenantRates
from sessions.models import Job, PendingRound, Turn
from tests.isolation.tenants import Tenant


def complete(tenant: Tenant) -> Tenant:
    """The tenant, with a row in every table."""
    developer, session = tenant.developer, UUID(tenant.ids["session"])
    execution = UUID(tenant.ids["execution"])
    Job.objects.create(
        developer=developer, session_id=session, name="n", through_seq=1, model="m", budget=1, urgent=False
    )
    Turn.objects.create(session_id=session)
    pending = {"is_alone": False, "entry_count": 0, "calls": [], "expires_at": datetime(2100, 1, 1, tzinfo=UTC)}
    PendingRound.objects.create(session_id=session, agent_id=uuid4(), **pending)
    chunk = Chunk.objects.for_developer(developer).exclude(agent=None)[0]
    placed = {"developer": developer, "agent_id": chunk.agent_id, "doc_id": chunk.doc_id, "chunk": chunk}
    Embedding.objects.create(**placed, model="m", vector=[1, 2, 3])
    Blob.objects.create(name=f"blobs/{uuid4()}", execution_id=execution)
    branch = Branch.objects.filter(execution_id=execution)[0]
    LoopItem.objects.create(branch=branch, loop=uuid4(), index=0, value=1)
    waiting = {"developer": developer, "execution_id": execution, "branch": branch, "since": "2026-01-01T00:00:00Z"}
    EventWait.objects.create(id=uuid4(), name="passed", **waiting)
    IdempotencyKey.objects.create(developer=developer, key="k", digest=b"d")
    TenantRates.objects.create(developer=developer)
    described = {"action": "cancel", "filter": {}, "matched": 0, "name": "n"}
    bulk = BulkAction.objects.create(developer=developer, **described)
    BulkItem.objects.create(bulk=bulk, execution_id=execution, outcome="done")
    fired = {"nominal": datetime(2026, 1, 1, tzinfo=UTC), "target": "task", "state": "skipped", "is_settled": True}
    Occurrence.objects.create(developer=developer, schedule_id=UUID(tenant.ids["schedule"]), **fired)
    task_id = Execution.objects.values_list("task_id", flat=True).get(pk=execution)
    FaultMark.objects.create(developer=developer, task_id=task_id, fault="f", state="resolved", version=1)
    Erasure.objects.create(developer=developer, user_id=uuid4(), name="n")
    RetentionPeriod.objects.create(developer=developer, kind="runs")
    numbers = {"calls": 1, "unpriced": 0, "prompt_tokens": 1, "completion_tokens": 1, "cost": 1}
    UsageDay.objects.create(developer=developer, day=date(2026, 1, 1), model="m", custom_api_used=False, **numbers)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    Call.objects.create(developer=developer, kind="tool", name="n", status="ok", started_at=moment, ended_at=moment)
    CallText.objects.create(id=uuid4(), developer=developer, content=b"{}", size=2, is_packed=False, last_used=moment)
    return tenant
