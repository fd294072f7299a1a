"""What is behind a link, and the answer by it. Who comes by one has no account: the token is the whole authority."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q

from agents.models import Developer
from executions import services
from executions.links.models import WaitLink
from executions.links.tokens import digest_of
from executions.models import Branch, Transition
from executions.states import BranchStatus
from executions.wait_tokens import task_token
from executions.waits.counting import with_progress
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.clock import DatabaseNow, TransactionNow
from julep_project.core.errors import Conflict
from julep_project.core.pauses.standing import check_intake
from julep_project.core.tenancy import system_scope, tenant_scope


class State(Enum):
    """What can be done by a link."""

    OPEN = auto()
    ANSWERED = auto()
    EXPIRED = auto()
    REVOKED = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Opened:
    """A link with the wait it leads to."""

    link: WaitLink
    developer: Developer
    state: State
    wait: Transition | None = None
    gives_up_at: datetime | None = None


class LinkOver(Conflict):
    """Nobody can answer by this link any more."""


@contextmanager
def opened(token: str) -> Iterator[Opened | None]:
    """What the token is for, in the scope of its developer; None when nothing is."""
    digest = digest_of(token)
    if digest is None:
        yield None
        return
    with system_scope():
        link = _found(digest)
    if link is None:
        yield None
        return
    with tenant_scope(link.execution.developer_id):
        yield _opened(link)


def _found(digest: bytes) -> WaitLink | None:
    is_late = ExpressionWrapper(Q(expires_at__lte=TransactionNow()), output_field=BooleanField())
    links = WaitLink.objects.select_related("execution__developer").annotate(is_late=is_late)
    return links.defer("execution__input", "execution__output", "execution__state").filter(digest=digest).first()


def _opened(link: WaitLink) -> Opened:
    developer: Developer = link.execution.developer
    if link.answered_at is not None:
        return Opened(link, developer, State.ANSWERED)
    if link.revoked_at is not None:
        return Opened(link, developer, State.REVOKED)
    if link.is_late:  # type: ignore[attr-defined]  # annotated
        return Opened(link, developer, State.EXPIRED)
    waiting = Branch.objects.filter(wait_id=link.wait_id, execution=link.execution_id)
    branch = waiting.filter(status=BranchStatus.AWAITING_INPUT).only("wake_at").first()
    wait = Transition.objects.filter(pk=link.wait_id).first() if branch is not None and developer.active else None
    if branch is None or wait is None:
        return Opened(link, developer, State.OVER)
    with_progress([wait])
    return Opened(link, developer, State.OPEN, wait, branch.wake_at)


def answer(door: Opened, value: Any, address: str) -> None:
    """Answer the wait in the name of the link, which is used up by it.

    Raises:
        LinkOver, Paused
        BadRequest, Forbidden, InvalidInput, Conflict: as `services.resume_by_token`.
    """
    check_intake()
    link = door.link
    actor = Actor(ActorKind.LINK, str(link.pk), link.answers_as, address)
    with acting_as(actor), transaction.atomic():
        services.resume_by_token(
            developer=door.developer,
            token=task_token(link.wait_id),
            value=value,
            execution_id=link.execution_id,
        )
        # The row of the run is locked by now, so of two at once one sees what the other did.
        usable = WaitLink.objects.filter(pk=link.pk, answered_at=None, revoked_at=None)
        usable = usable.filter(expires_at__gt=TransactionNow())
        if not usable.update(answered_at=DatabaseNow(), updated_at=DatabaseNow()):
            raise LinkOver
