"""Whose documents: an agent's, a user's or a vector store's."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q

from agents.audit.recording import Act
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Agent, Developer, User
from docs_store.models import Doc, VectorStore

Role = Literal["agent", "user", "store"]

_MODELS: dict[Role, Any] = {"agent": Agent, "user": User, "store": VectorStore}


@dataclass(frozen=True, slots=True)
class Owner:
    """An agent, a user or a vector store."""

    role: Role
    id: UUID

    @classmethod
    def of(cls, doc: Doc) -> "Owner":
        if doc.agent_id is not None:
            return cls("agent", doc.agent_id)
        if doc.user_id is not None:
            return cls("user", doc.user_id)
        assert doc.store_id is not None
        return cls("store", doc.store_id)

    def exists(self, developer: Developer) -> bool:
        return bool(_MODELS[self.role].objects.for_developer(developer).filter(pk=self.id).exists())

    def columns(self) -> dict[str, UUID]:
        """The owner's column of a doc, a chunk or a vector."""
        return {f"{self.role}_id": self.id}


def owned_by(owners: Iterable[Owner]) -> Q:
    """The condition on docs, chunks and vectors; nothing matches when there are no owners."""
    ids: dict[str, list[UUID]] = {}
    for owner in owners:
        ids.setdefault(f"{owner.role}__in", []).append(owner.id)
    condition = Q()
    for lookup, found in ids.items():
        condition |= Q(**{lookup: found})
    return condition or Q(pk__in=())


def act_on_doc(verb: Verb, doc: Doc) -> Act:
    """What the audit log says of a doc: whose it is. The titles of docs about a person are not kept."""
    if doc.user_id is not None:
        return Act(verb, ObjectKind.DOC, doc.pk, after={"user": str(doc.user_id)})
    return Act(verb, ObjectKind.DOC, doc.pk, doc.title, after={"agent": str(doc.agent_id)})
