"""Calls of a reply that wait for a person: asked about, decided, made, and told to the model. Each once.

A round is read and written by whoever has the turn of its session, so by one chat at a time.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.policy.sources import ANYWHERE, Sources, in_order
from agents.tools.actions import Given, check_size
from agents.tools.approval import AskedCall
from agents.tools.decisions import Decision
from julep_project.core.clock import now, to_wire
from julep_project.core.errors import InvalidInput
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import check_fits, invalid, problem
from sessions.errors import ApprovalOver
from sessions.models import Entry, EntrySource, PendingRound, Session

log = logging.getLogger(__name__)

# Longer than anybody repeats a chat that goes on with results.
_KEPT_FOR = timedelta(days=7)
_PRUNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call as the model made it, and what a person is asked about it, if one is.

    One that was begun and waits for what its other side asks has the `key` it was made with, and what it `kept`.
    """

    id: str
    call: Mapping[str, Json]
    asked: AskedCall | None = None
    sources: Sequence[str] = tuple(ANYWHERE)
    key: str = ""
    kept: Json = None

    @classmethod
    def of(cls, call: Mapping[str, Json], asked: AskedCall | None, sources: Sources, **begun: Any) -> Self:
        """A call that is pending from now on, of a model that has read what comes from these sources."""
        return cls(str(uuid7()), dict(call), asked, in_order(sources), **begun)

    def dump(self) -> dict[str, Any]:
        """The call as it is stored. `why` stands beside what is asked: there, servers of before know each name."""
        stored = asdict(self)
        why = {} if stored["asked"] is None else stored["asked"].pop("why")
        return {**stored, "why": why}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """The call that `dump` wrote."""
        asked = None if stored["asked"] is None else {**stored["asked"], "why": stored.get("why", {})}
        call = cls(stored["id"], stored["call"], None if asked is None else AskedCall(**asked))
        return replace(call, **{name: stored[name] for name in ("sources", "key", "kept") if name in stored})

    def given(self, decision: Decision | None) -> Given | None:
        """What the call gets that is made again."""
        if decision is None or self.asked is None or self.asked.action is None or not self.key:
            return None
        return Given(str(self.asked.action["type"]), self.kept, decision.answer)


@dataclass(frozen=True, slots=True)
class Pending:
    """A round that is asked about, and until when."""

    agent_id: UUID
    is_alone: bool
    calls: Sequence[PendingCall]
    expires_at: Any

    @classmethod
    def of(cls, agent_id: UUID, calls: Sequence[PendingCall], *, is_alone: bool) -> Self:
        """A round that is asked about from now on."""
        return cls(agent_id, is_alone, calls, now() + timedelta(seconds=settings.CHAT_APPROVAL_S))

    def to_wire(self) -> list[dict[str, Json]]:
        """What clients are told, of the calls that are asked about."""
        return [
            {
                "id": call.id,
                "tool_call_id": call.call["id"],
                **call.asked.told(),
                "expires_at": to_wire(self.expires_at),
            }
            for call in self.calls
            if call.asked is not None
        ]


def keep_pending(session_id: UUID, pending: Pending) -> None:
    """Ask about the round. Call it in the transaction that stores the reply; an earlier round is over."""
    forget_pending(session_id)
    count = Session.objects.filter(pk=session_id).values_list("entry_count", flat=True).get()
    PendingRound.objects.create(
        session_id=session_id,
        agent_id=pending.agent_id,
        is_alone=pending.is_alone,
        entry_count=count,
        calls=[call.dump() for call in pending.calls],
        expires_at=pending.expires_at,
    )
    fields = {"action": "approval_asked_for", "session_id": session_id, "calls": len(pending.to_wire())}
    transaction.on_commit(lambda: log.info("approval asked for", extra=fields))


def forget_pending(session_id: UUID) -> None:
    """Forget the round of the session, if there is one."""
    PendingRound.objects.filter(session_id=session_id).delete()


def find_pending(session: Session, decisions: Sequence[Decision]) -> PendingRound:
    """The round that the decisions are about, one decision for each call that is asked about.

    Raises:
        ApprovalOver: there is none, it has expired, something else was said since, or it was decided otherwise.
        ApprovalMismatch: a decision is about other arguments.
        InvalidInput: a call has no decision, or several; or an answer is not what is asked for. BadRequest: it is too
            large.
    """
    found = PendingRound.objects.filter(session=session).first()
    if found is None:
        raise ApprovalOver("No call of this session waits for approval")
    asked = {call.id: call.asked for call in calls_of(found) if call.asked is not None}
    if not {decision.id for decision in decisions} <= asked.keys():
        raise ApprovalOver("No such call of this session waits for approval")
    if _was_said_since(found):
        raise ApprovalOver("Something else was said in the session since the call was asked about")
    if found.decided is None and found.expires_at < now():
        raise ApprovalOver("The time to decide about the call is over")
    for decision in decisions:
        decision.check_is_about(decision.id, asked[decision.id].hash)
        _check_answer(asked[decision.id], decision)
    _check_each_once(asked, [decision.id for decision in decisions])
    if found.decided is not None and found.decided != _decided(decisions):
        raise ApprovalOver("It was decided otherwise about the call")
    return found


def decide(developer_id: UUID, found: PendingRound, decisions: Sequence[Decision]) -> None:
    """Keep what was decided, before anything is called. Call it in a transaction.

    Raises:
        ApprovalOver: somebody else was faster.
    """
    undecided = PendingRound.objects.filter(pk=found.pk, id=found.id, decided__isnull=True)
    if not undecided.update(decided=_decided(decisions)):
        raise ApprovalOver("It was decided already about the call")
    tools = {call.id: call.asked.tool for call in calls_of(found) if call.asked is not None}
    told = [{**decision.shown(), "tool": tools[decision.id]} for decision in decisions]
    record(developer_id, *(Act(Verb.RESUME, ObjectKind.SESSION, found.session_id, after=each) for each in told))


def asked_in(session: Session) -> list[dict[str, Json]]:
    """What is asked about the latest reply of the session and can still be decided, as clients are told."""
    undecided = PendingRound.objects.filter(session=session, decided__isnull=True, expires_at__gt=Now())
    found = undecided.first()
    if found is None or _was_said_since(found):
        return []
    return Pending(found.agent_id, found.is_alone, calls_of(found), found.expires_at).to_wire()


def keep_results(found: PendingRound, results: Sequence[str | None]) -> None:
    """Keep what the calls gave, for the chat that goes on, and for its repetition if it fails. None: the call waits for
    something else."""
    PendingRound.objects.filter(pk=found.pk, id=found.id).update(results=list(results))


def calls_of(found: PendingRound) -> list[PendingCall]:
    """The calls, in the order in which the model made them."""
    return [PendingCall.load(stored) for stored in found.calls]


def prune_pending() -> int:
    """Remove rounds that expired long ago, some at a time. Returns how many."""
    old = PendingRound.objects.filter(expires_at__lt=Now() - _KEPT_FOR).values_list("pk", flat=True)
    removed, _ = PendingRound.objects.filter(pk__in=list(old[:_PRUNED_AT_ONCE])).delete()
    return removed


def _was_said_since(found: PendingRound) -> bool:
    """Whether the reply is not the latest any more. A summary of what was said before says nothing new."""
    since = Entry.objects.filter(session_id=found.session_id, seq__gt=found.entry_count)
    return since.exclude(source=EntrySource.SUMMARIZER).exists()


def _decided(decisions: Iterable[Decision]) -> dict[str, Json]:
    return {decision.id: _as_kept(decision) for decision in decisions}


def _as_kept(decision: Decision) -> dict[str, Json]:
    kept: dict[str, Json] = {"approves": decision.approves, "reason": decision.reason}
    return kept if decision.answer is None else {**kept, "answer": decision.answer}


def _check_answer(asked: AskedCall, decision: Decision) -> None:
    """Hold an answer to what the call asks; who does not approve answers nothing."""
    schema, answer = (asked.action or {}).get("schema") if decision.approves else None, decision.answer
    if answer is None and schema is None:
        return
    place = ("approvals", "answer")
    if answer is None:
        raise invalid(place, "missing", msg=f"The call {decision.id} asks something")
    if schema is None:
        raise invalid(place, "extra_forbidden", msg=f"Nothing is asked of whoever decides so about {decision.id}")
    check_size(answer)
    check_fits(schema, answer, ".".join(place))


def _check_each_once(asked: Iterable[str], given: Sequence[str]) -> None:
    wrong = [
        {**problem(["approvals"], "value_error"), "msg": f"The call {call_id} needs one decision, it has {number}"}
        for call_id in asked
        if (number := given.count(call_id)) != 1
    ]
    if wrong:
        raise InvalidInput(wrong)
