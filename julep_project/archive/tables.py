"""What an archive holds of each model. A test compares this with the models there are: none is forgotten.

`TABLES` are moved row by row, in an order in which no table comes before one that it refers to. The developer is said
once for the whole archive and not in its rows. What the database of the other side makes by itself stays behind:
numbers of rows, computed columns; and so do leases, for no process of the other side holds one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import NOT_PROVIDED, AutoField, F, Field, ForeignKey, JSONField, Model, Q, QuerySet

from agents.access.models import ApiKey
from agents.audit.models import AuditRecord
from agents.calls.models import Call, CallText
from agents.connections.models import Connection, Provider
from agents.mcp.models import McpServer, McpTool
from agents.models import Agent, Developer, ModelUsage, Project, Tool, User
from agents.retention.models import Erasure, RetentionPeriod
from agents.spending.models import SpendingLimit, SpendingTotal, TaskUsageDay, UsageDay
from agents.vault.models import Secret
from agents.webhooks.models import Delivery, Endpoint, Message
from docs_store.models import (
    Chunk,
    Doc,
    DocEmbedding,
    Embedding,
    EmbeddingModel,
    File,
    FileBatch,
    FileContent,
    Ingestion,
    VectorStore,
    VectorStoreFile,
)
from executions.bulk.models import BulkAction, BulkItem
from executions.events.models import Event
from executions.hooks.models import Hook, HookCall
from executions.links.models import WaitLink
from executions.models import Blob, Branch, EventWait, Execution, LoopItem, Transition
from executions.operating.models import FaultMark, Worker
from executions.schedules.models import Occurrence, Schedule
from executions.states import TERMINAL_EXECUTION
from julep_project.core.idempotency.models import IdempotencyKey
from julep_project.core.pauses.models import Pause
from julep_project.core.rates.models import TenantRates
from julep_project.core.work.rows import LeasedRow
from sessions.models import Entry, Job, PendingRound, Session, SessionAgent, SessionUser, Turn
from sessions.responses.models import Conversation, ConversationItem, StoredResponse
from sessions.responses.rows.store import OPEN as OPEN_RESPONSE
from tasks.models import Task, TaskVersion

_ENDED = sorted(status.value for status in TERMINAL_EXECUTION)
_LEASE = ("lease_until", "rung_at", "leads")


@dataclass(frozen=True)
class Place:
    """What a row tells instead of the number by which `column` names a row of `model`: the `place` which that has
    among those with the same `within`."""

    column: str
    model: type[Model]
    path: str
    place: str
    within: str


@dataclass(frozen=True)
class Table:
    """The rows of a model that are moved: those with `kept`, whose `owner` is the developer, in their `order`.

    `stays` are columns without meaning elsewhere. Rows whose `of_model` names an embedding model that the other side
    does not have are passed over there.
    """

    model: type[Model]
    owner: str = "developer"
    order: tuple[str, ...] = ("pk",)
    kept: Q = field(default_factory=Q)
    stays: frozenset[str] = frozenset()
    by_place: Place | None = None
    of_model: str = ""

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @cached_property
    def fields(self) -> "list[Field[Any, Any]]":
        """Those whose columns are moved."""
        return [each for each in self.model._meta.concrete_fields if not self._stays(each)]

    @cached_property
    def columns(self) -> list[str]:
        return [str(each.column) for each in self.fields]

    @cached_property
    def may_lack(self) -> frozenset[str]:
        """Columns that an archive from before them need not have."""
        return frozenset(str(each.column) for each in self.fields if each.null or each.db_default is not NOT_PROVIDED)

    @cached_property
    def references(self) -> "list[ForeignKey[Any, Any]]":
        """What names rows of other tables, or of this one."""
        return [each for each in self.fields if isinstance(each, ForeignKey) and each.related_model in OF_MODEL]

    @property
    def refers_to_itself(self) -> bool:
        return any(each.related_model is self.model for each in self.references)

    @cached_property
    def whole_values(self) -> frozenset[str]:
        """Columns of JSON that are never null, but may hold a `null`."""
        return frozenset(str(each.column) for each in self.fields if isinstance(each, JSONField) and not each.null)

    def all_rows(self, developer_id: UUID) -> "QuerySet[Any]":
        """Every row of the developer, whether it is moved or not."""
        return self.model._base_manager.filter(**{self.owner: developer_id})

    def rows(self, developer_id: UUID) -> "QuerySet[Any]":
        """Those that are moved."""
        return self.all_rows(developer_id).filter(self.kept)

    def values(self, developer_id: UUID) -> "QuerySet[Any]":
        """Their columns, in order."""
        found = self.rows(developer_id).order_by(*self.order)
        names = [each.attname for each in self.fields]
        if self.by_place is not None:
            found = found.annotate(place=F(self.by_place.path))
            names[self.columns.index(self.by_place.column)] = "place"
        return found.values_list(*names)

    def _stays(self, each: "Field[Any, Any]") -> bool:
        is_made = isinstance(each, AutoField) or each.generated
        is_owner = each.name == "developer" or (self.model is Developer and each.primary_key)
        is_lease = issubclass(self.model, LeasedRow) and each.name in _LEASE
        return is_made or is_owner or is_lease or each.name in self.stays


_RUN = Q(status__in=_ENDED)

TABLES: tuple[Table, ...] = (
    Table(Developer, owner="pk"),
    Table(Project),
    Table(Agent),
    Table(User),
    Table(Tool),
    # What was accepted there is accepted here.
    Table(McpServer),
    Table(McpTool),
    Table(RetentionPeriod),
    Table(Erasure),
    Table(SpendingLimit),
    Table(SpendingTotal),
    Table(UsageDay),
    Table(ModelUsage),
    Table(File),
    Table(VectorStore),
    Table(FileBatch),
    Table(VectorStoreFile),
    Table(Doc),
    Table(Chunk),
    Table(DocEmbedding, owner="doc__developer", of_model="model_id"),
    Table(Embedding, by_place=Place("chunk_id", Chunk, "chunk__index", "index", within="doc_id"), of_model="model"),
    Table(Ingestion),
    Table(Session),
    Table(SessionAgent, owner="session__developer"),
    Table(SessionUser, owner="session__developer"),
    # Turns are left out.
    Table(Entry, owner="session__developer", order=("session", "seq"), stays=frozenset({"turn"})),
    Table(Job),
    Table(StoredResponse, kept=~Q(status__in=[status.value for status in OPEN_RESPONSE])),
    Table(Conversation),
    Table(ConversationItem, owner="conversation__developer", order=("conversation", "position")),
    Table(Task),
    Table(TaskVersion, owner="task__developer"),
    Table(Execution, kept=_RUN),
    Table(Branch, owner="execution__developer", kept=Q(execution__status__in=_ENDED)),
    Table(
        Transition,
        owner="execution__developer",
        order=("execution", "seq"),
        kept=Q(execution__status__in=_ENDED),
    ),
    Table(
        LoopItem,
        owner="branch__execution__developer",
        kept=Q(branch__execution__status__in=_ENDED),
    ),
    # They tell who was asked. What is not moved waits for nobody, so none of them opens anything.
    Table(WaitLink, owner="execution__developer", kept=Q(execution__status__in=_ENDED)),
    # The other side fires them once somebody there resumes them: until then, this one does.
    Table(Schedule, stays=frozenset({"state", "next_nominal", "due_at", "paused_reason", "paused_by", "paused_at"})),
    Table(Occurrence, kept=Q(is_settled=True)),
    Table(AuditRecord),
)
OF_MODEL: Mapping[Any, Table] = {table.model: table for table in TABLES}

# What is at work: nobody can go on with it in two places, and so it is in none of them.
AT_WORK: Mapping[str, Table] = {"runs": OF_MODEL[Execution], "responses": OF_MODEL[StoredResponse]}

# Only told of, for a person to make them anew: these columns.
NAMED: Mapping[Any, tuple[str, ...]] = {
    Secret: ("agent_id", "name", "description"),
    Hook: ("id", "name", "target", "task_id", "mapping", "scheme", "options", "secret_name", "deduplicate_by"),
    ApiKey: ("id", "label", "prefix", "scopes", "expires_at", "revoked_at"),
    Endpoint: ("url", "description", "events", "enabled", "disabled_reason"),
    Provider: ("name", "kind", "resource", "authorize_url", "token_url", "client_id", "scopes"),
    Connection: ("provider_id", "user_id", "status", "scopes"),
}

# Rows that are made anew on the other side, with the contents they know of (`archive.contents`).
WITH_CONTENTS = (FileContent, Blob)

_RECORDS = "what calls were asked and answered is kept for some days, to find out what went wrong here"

LEFT_OUT: Mapping[Any, str] = {
    Call: _RECORDS,
    CallText: _RECORDS,
    EmbeddingModel: "belongs to the installation; the archive says which models its vectors are of",
    IdempotencyKey: "answers for repetitions of the last 24 hours, which were sent to the other installation",
    BulkAction: "what was done to many runs there, by whom",
    BulkItem: "goes with its bulk action",
    Message: "what webhooks were told there",
    Delivery: "how it arrived there",
    Event: "is kept for some days, for waits of runs that are not moved",
    EventWait: "goes with a run that is at work",
    HookCall: "tells what the other installation received at an address of its own",
    FaultMark: "what operators decide about faults is decided there",
    Pause: "what an installation lets rest is decided there",
    Worker: "tells of a process of the installation",
    TenantRates: "what an installation gives its tenants is decided there",
    TaskUsageDay: "sums that the database of the other side makes of its usage days",
    PendingRound: "calls that a person is asked about there",
    Turn: "the queue of chats, and what those were answered that may be repeated to the other installation",
}
