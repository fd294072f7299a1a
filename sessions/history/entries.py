"""What was said in a session: how it is stored, and how it is told to a model."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F, Func, JSONField, Q, QuerySet, Sum, Window

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.llm.tokens import count_each
from agents.models import Developer
from agents.policy.influence import current_sources
from agents.policy.sources import NOWHERE, Sources, in_order
from agents.retention.belongings import remove_belongings
from julep_project.core.api.page_bytes import check_whole
from julep_project.core.errors import NotFound
from julep_project.core.json_value import Json
from julep_project.core.tenancy import get_or_not_found
from sessions.history.pending import forget_pending
from sessions.history.turns import finish_turn, forget_answers
from sessions.models import Entry, EntrySource, Session, Turn

Message = Mapping[str, Json]

# Those that clients see in a history; the others are notes of the server.
VISIBLE_SOURCES = (
    EntrySource.API_REQUEST,
    EntrySource.API_RESPONSE,
    EntrySource.TOOL_REQUEST,
    EntrySource.TOOL_RESPONSE,
)
_LONGEST_NAME = 255
_LONGEST_TOKENIZER = 64


def new_entry(message: Message, *, source: str, model: str, written_by: str = "") -> Entry:
    """The entry for a chat message, to be stored by `save_entries`. Counts tokens as `model` does: do that outside of a
    transaction. `written_by` is the model that wrote the message, if one did.
    """
    name = message.get("name")
    [token_count] = count_each(model, [message])
    return Entry(
        role=message["role"],
        content=message.get("content"),
        source=source,
        tokenizer=tokenizer_of(model),
        token_count=token_count,
        model=written_by,
        name=name[:_LONGEST_NAME] if name else None,
        tool_calls=message.get("tool_calls") or None,
        tool_call_id=message.get("tool_call_id"),
    )


def tokenizer_of(model: str) -> str:
    """Whose way of counting a stored count followed; a count made for another model is not reused."""
    return model[:_LONGEST_TOKENIZER]


def save_entries(
    session_id: UUID, entries: Sequence[Entry], *, turn: Turn | None = None, sources: Sources = NOWHERE
) -> list[Entry]:
    """Store new entries behind those that are there, all of them or none, next to each other.

    With a turn, only while it still runs; it is finished by the same transaction. `sources`: of what the entries may
    depend on.

    Raises:
        NotFound: the session is gone.
        TurnDropped, TurnLost: the turn is over; nothing was stored.
    """
    with transaction.atomic():
        sessions = Session.objects.filter(pk=session_id)
        found = sessions.select_for_update(no_key=True).values_list("entry_count", "sources").first()
        if found is None:
            raise NotFound("Session not found")
        if turn is not None:
            finish_turn(turn)
        last, read = found
        # Of a history of which it is not known, it stays so.
        known = read if read is None and last else in_order({*(read or ()), *sources})
        sessions.update(entry_count=F("entry_count") + len(entries), sources=known)
        for seq, entry in enumerate(entries, start=last + 1):
            entry.session_id, entry.turn, entry.seq, entry.place = session_id, turn, seq, seq
        return Entry.objects.bulk_create(entries)


def active_entries(session_id: UUID) -> "QuerySet[Entry]":
    """What the conversation consists of, in order: entries that a summary stands for are left out."""
    return Entry.objects.filter(session_id=session_id, superseded_by=None).order_by("place", "seq")


def without_tools(entries: "QuerySet[Entry]", answered: Iterable[str]) -> "QuerySet[Entry]":
    """The entries without results of tools and without messages that only call some, unless by an id in `answered`."""
    only_calls = Q(tool_calls__isnull=False) & (Q(content__isnull=True) | Q(content=""))
    for call_id in answered:
        only_calls &= ~Q(tool_calls__contains=[{"id": call_id}])
    return entries.exclude(Q(role="tool") | only_calls)


def history_tokens(entries: "QuerySet[Entry]") -> int:
    """The tokens of the entries as they were counted."""
    total: int | None = entries.aggregate(total=Sum("token_count"))["total"]
    return total or 0


def newest_entries(entries: "QuerySet[Entry]", tokens: int) -> "QuerySet[Entry]":
    """The newest of the entries that have no more than so many tokens together, in order."""
    from_here = Window(Sum("token_count"), order_by=[F("place").desc(), F("seq").desc()])
    return entries.annotate(from_here=from_here).filter(from_here__lte=tokens)


def calls_made() -> Func:
    """An expression for the ids of the calls an entry makes; null when it makes none."""
    template = "%(function)s(%(expressions)s, '$[*].id')"
    return Func("tool_calls", function="jsonb_path_query_array", template=template, output_field=JSONField())


def list_visible(session: Session) -> "QuerySet[Entry]":
    """What was said in a session, whether summarised since or not, in the order of storing."""
    return Entry.objects.filter(session=session, source__in=VISIBLE_SOURCES).order_by("seq")


def whole_history(session: Session) -> "QuerySet[Entry]":
    """What was said, for one answer.

    Raises:
        BadRequest: it is too much for one.
    """
    visible = list_visible(session)
    check_whole(visible, instead="read it in parts, with limit and offset of GET /sessions/{id}/messages")
    return visible


def clear_history(developer: Developer, session_id: UUID) -> None:
    """Forget everything that was said, the answers kept for repetitions too. A chat that runs meanwhile still stores
    what it says.

    Raises:
        NotFound: there is no such session.
        ServiceUnavailable: so much was said that it takes more requests than this.
    """
    sessions = Session.objects.for_developer(developer)
    get_or_not_found(sessions, session_id, "Session")
    remove_belongings(ObjectKind.SESSION, session_id)
    with transaction.atomic():
        get_or_not_found(sessions.select_for_update(no_key=True), session_id, "Session")
        Entry.objects.filter(session_id=session_id).delete()
        Session.objects.filter(pk=session_id).update(sources=in_order(current_sources()))
        forget_answers(session_id)
        forget_pending(session_id)
        record(developer.pk, Act(Verb.CLEAR, ObjectKind.SESSION, session_id))


def to_message(entry: Entry) -> dict[str, Json]:
    """The entry as a chat message."""
    message: dict[str, Json] = {"role": entry.role, "content": entry.content}
    optional = {"name": entry.name, "tool_calls": entry.tool_calls, "tool_call_id": entry.tool_call_id}
    return {**message, **{key: value for key, value in optional.items() if value}}
