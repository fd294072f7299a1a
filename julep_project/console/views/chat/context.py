"""What a model was told for a reply: how much of what, what was left out, and the request itself."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.http import Http404, HttpRequest, HttpResponse

from agents.calls.selectors import ShownCall, show_call
from agents.models import Developer
from agents.tools.presentation import present_tools
from docs_store.recall_options import Mode, complete_recall_options
from julep_project.console.address import uuid_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.chats import call_of, get_reply, get_session, titles_of
from julep_project.console.queries.rows import Row
from julep_project.console.views.messages import OMITTED, WHOLE_BYTES, raw_part, shown_messages
from julep_project.core.errors import DomainError, NotFound
from sessions.context.chat_request import ChatRequest
from sessions.context.composition import Reason, Section
from sessions.context.conversation import load_conversation
from sessions.context.prompt import Prompt, build_prompt

_SHOWN_BYTES = 256 * 1024
_LONGEST_MESSAGE = 20_000
_EXPORTED = ("name", "messages", "tokens", "share")


@needs(VIEW)
def reply(request: HttpRequest, session_id: UUID, entry_id: UUID) -> HttpResponse:
    """The context of a reply; with `part` what was sent, what came back, or a line for a shell."""
    session, entry = _session(session_id), get_reply(session_id, entry_id)
    if entry is None:
        raise Http404("The session has no such reply of a model")
    part, reads = request.GET.get("part"), may(request, CONTENTS)
    shown = _call(session_id, entry, WHOLE_BYTES if part else _SHOWN_BYTES)
    if part:
        if shown is None or not reads:
            raise Http404("There is no such call, or it is not kept any more")
        return raw_part(request, shown, part)
    composed = {} if shown is None else _composed(shown.context, shown.call.prompt_tokens)
    if form := wanted_format(request):
        sections = [{name: one[name] for name in _EXPORTED} for one in composed.get("sections", ())]
        return as_file(form, f"context-{entry_id}", sections)
    context: dict[str, Any] = {"session": session, "reply": entry, "call": None, **composed}
    if shown is not None:
        context["call"] = shown.call
    if shown is not None and reads:
        context |= {
            "messages_shown": shown_messages(shown.messages, shown.sizes),
            "tools": shown.tools,
            "asked": shown.request,
            "answer": shown.response,
        }
    return page(request, "chat/context.html", "Context of a reply", **context)


def _session(session_id: UUID) -> Row:
    session = get_session(session_id)
    if session is None:
        raise Http404("There is no such session")
    return session


def _call(session_id: UUID, entry: Row, most_bytes: int) -> ShownCall | None:
    call_id = call_of(session_id, entry)
    try:
        return None if call_id is None else show_call(call_id, most_bytes=most_bytes)
    except NotFound:  # it went a moment ago
        return None


def _composed(told: Any, whole: int | None) -> dict[str, Any]:
    """The sections of a prompt with their shares, and what was left out. `whole`: its tokens, as its model says."""
    told = told if isinstance(told, Mapping) else {}
    amounts = told.get("sections", {})
    sections = [{"name": one.value, **amounts[one]} for one in Section if one in amounts]
    known = sum(one["tokens"] or 0 for one in sections)
    for one in sections:
        if one["tokens"] is None:
            one["tokens"] = max((whole or 0) - known, 0)
    total = sum(one["tokens"] for one in sections)
    start = 0.0
    for one in sections:
        one["share"] = one["tokens"] / total if total else 0.0
        one["start"], start = start, start + one["share"]
    amounts = told.get("left_out", {})
    left = [{"why": one.value, **amounts[one]} for one in Reason if one in amounts]
    return {
        "sections": sections,
        "total": total,
        "budget": told.get("budget"),
        "overflow": told.get("overflow"),
        "left_out": left,
        "docs": titles_of(told.get("docs", [])),
    }


@needs(VIEW, CONTENTS)
def now_rendered(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The prompt as it would be made now, for a message or without one. No model is asked and nothing is stored."""
    session = _session(session_id)
    text = request.GET.get("message", "").replace("\0", "")[:_LONGEST_MESSAGE]
    agent = uuid_of(request.GET.get("agent", ""))
    asked = ChatRequest(messages=({"role": "user", "content": text},) if text.strip() else (), agent=agent)
    context: dict[str, Any] = {"session": session, "message": text, "agent": agent}
    developer = Developer.objects.get(pk=session["developer_id"])
    try:
        conversation = load_conversation(developer, session_id, asked)
        context["agents"] = [(one.id, one.row.name) for one in conversation.agents]
        [speaker, *_] = conversation.speakers(agent)
        options = complete_recall_options(conversation.session.recall_options)
        # Any other way asks an embedding model.
        is_recalled = options["mode"] == Mode.TEXT
        prompt = async_to_sync(build_prompt)(conversation, asked, speaker, docs=None if is_recalled else [])
    except DomainError as error:
        context["refused"] = error.message
    else:
        context |= {"is_recalled": is_recalled, "speaker": speaker.row.name, **_rendered(prompt)}
    return page(request, "chat/now.html", "The prompt as of now", **context)


def _rendered(prompt: Prompt) -> dict[str, Any]:
    sizes = [_bytes(message) for message in prompt.messages]
    return {
        "model": prompt.model,
        "messages_shown": shown_messages(_within(prompt.messages, sizes), sizes),
        # As the model is told of them: what runs them is secret.
        "tools": present_tools(prompt.offered),
        "asked": {"settings": prompt.settings},
        **_composed(prompt.composition.to_json(), prompt.token_count),
    }


def _within(messages: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> list[Any]:
    """The last messages as far as a page has room; of the others only that they are there."""
    left, shown = _SHOWN_BYTES, []
    for message, size in zip(reversed(messages), reversed(sizes), strict=True):
        left -= size
        shown.append(message if left >= 0 else {OMITTED: "the messages are too large together"})
    return shown[::-1]


def _bytes(message: Mapping[str, Any]) -> int:
    return len(json.dumps(message, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
