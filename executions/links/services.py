"""Makes, lists and revokes links to open waits. Each write is one transaction, limited to one developer."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from executions import selectors
from executions.links.models import WaitLink
from executions.links.tokens import digest_of, new_token
from executions.models import Branch, Execution, Transition
from executions.states import BranchStatus
from executions.waits.actions import takes_a_form
from executions.waits.actors import actor_to_json
from julep_project.core.clock import DatabaseNow, TransactionNow, to_wire
from julep_project.core.errors import BadRequest, Conflict, Forbidden
from julep_project.core.tenancy import get_or_not_found
from tasks.steps.quorum import named_assignees

SHORTEST_S, USUAL_S, LONGEST_S = 60, 7 * 86_400, 90 * 86_400
# Of one wait that may still be answered by.
MOST_LINKS = 100


def list_links(developer: Developer, execution_id: UUID, wait_id: UUID) -> "QuerySet[WaitLink]":
    """The links to a wait, whatever became of them, the newest first; other rows of the log have none.

    Raises:
        NotFound: the developer has no such row.
    """
    row = _row(developer, execution_id, wait_id)
    return WaitLink.objects.filter(execution=execution_id, wait_id=row.pk).order_by("-created_at", "-id")


@transaction.atomic
def make_link(
    *,
    developer: Developer,
    execution_id: UUID,
    wait_id: UUID,
    answers_as: str = "",
    expires_in: int = USUAL_S,
) -> tuple[WaitLink, str]:
    """A link to an open wait, and its token: nobody can have that again.

    Raises:
        NotFound: the developer has no such row of a log.
        BadRequest: it is no wait, is over, or waits for something else than an answer.
        Forbidden: its assignees do not name whom the link is for.
        Conflict: there are too many.
    """
    wait = _row(developer, execution_id, wait_id)
    Execution.objects.select_for_update(no_key=True).only("pk").get(pk=execution_id)
    waiting = Branch.objects.filter(execution=execution_id, wait_id=wait.pk, status=BranchStatus.AWAITING_INPUT)
    branch = waiting.only("effect").first()
    if branch is None or not takes_a_form(branch, wait.output):
        raise BadRequest("Nothing waits here for an answer by a link")
    named = named_assignees(wait.output)
    if named and f"link:{answers_as}" not in named:
        raise Forbidden("`assignees` of this wait name no link for this name")
    usable = WaitLink.objects.filter(execution=execution_id, wait_id=wait.pk, expires_at__gt=TransactionNow())
    if usable.filter(answered_at=None, revoked_at=None).count() >= MOST_LINKS:
        raise Conflict(f"There are {MOST_LINKS} links to this wait already; revoke some first")
    token = new_token()
    link = WaitLink(
        execution_id=execution_id,
        wait_id=wait.pk,
        digest=digest_of(token),
        answers_as=answers_as,
        made_by=actor_to_json(),
        expires_at=DatabaseNow() + timedelta(seconds=expires_in),
    )
    link.save(force_insert=True)
    link.refresh_from_db()
    _record(developer, Verb.CREATE, link, after={"answers_as": answers_as, "expires_at": to_wire(link.expires_at)})
    return link, token


@transaction.atomic
def revoke_link(*, developer: Developer, execution_id: UUID, wait_id: UUID, link_id: UUID) -> datetime:
    """Let nobody answer by the link any more; since when. Once is enough.

    Raises:
        NotFound
    """
    links = list_links(developer, execution_id, wait_id).select_for_update(no_key=True)
    link: WaitLink = get_or_not_found(links, link_id, "Link")
    if link.revoked_at is None:
        WaitLink.objects.filter(pk=link_id).update(revoked_at=DatabaseNow(), updated_at=DatabaseNow())
        _record(developer, Verb.REVOKE, link)
        link.refresh_from_db()
    assert link.revoked_at is not None
    return link.revoked_at


def _record(developer: Developer, verb: Verb, link: WaitLink, **settings: Any) -> None:
    record(developer.pk, Act(verb, ObjectKind.LINK, link.pk, link.answers_as, **settings))


def _row(developer: Developer, execution_id: UUID, wait_id: UUID) -> Transition:
    execution = selectors.get_execution(developer, execution_id, whole=False)
    return selectors.get_transition(execution, wait_id)
