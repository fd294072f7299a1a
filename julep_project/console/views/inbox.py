"""Open waits: what is asked, and the form that answers."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.models import Developer
from executions import services
from executions.wait_tokens import task_token
from executions.waits.asked import fields_asked, first_text
from executions.waits.form import Field, read_answer
from julep_project.console.acts import act, back
from julep_project.console.address import page_behind
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, Place, read_place, split
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.waits import KINDS, find_wait, list_waits
from julep_project.console.views.waits.approving import decision_in
from julep_project.console.views.waits.links import links_of
from julep_project.core.errors import DomainError
from julep_project.core.reading.outside_json import read_json

_LONGEST_ANSWER = 1024 * 1024


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """One row for each open wait, the oldest first."""
    kind = request.GET.get("kind", "")
    if kind and kind not in KINDS:
        raise BadRequest("There is no such kind of wait")
    form = wanted_format(request)
    size = FILE if form else PAGE
    found, has_more = split(list_waits(kind=kind, after=read_place(request.GET.get("after")), limit=size + 1), size)
    following = page_behind(request, Place(found[-1]["updated_at"], found[-1]["id"]).token()) if has_more else None
    reads = may(request, CONTENTS)
    if form:
        return as_file(form, "inbox", [_exported(row, reads) for row in found], following=following)
    waits = [{**row, "question": _question(row) if reads else ""} for row in found]
    return page(request, "inbox.html", "Inbox", waits=waits, kind=kind, kinds=KINDS, following=following)


def _exported(row: Mapping[str, Any], reads: bool) -> dict[str, Any]:
    told = {
        "wait_id": row["wait_id"],
        "run_id": row["execution_id"],
        "kind": row["kind"],
        "task": row["task"],
        "step": row["label"],
        "since": row["since"],
        "gives_up_at": row["wake_at"],
        "progress": row["progress"],
    }
    return {**told, "asks": row["asks"]} if reads else told


def _question(row: Mapping[str, Any]) -> str:
    asks = row["asks"]
    if row["kind"] in ("approval", "attention") and isinstance(asks, Mapping):
        return f"{asks.get('tool', '')}({json.dumps(asks.get('arguments'), ensure_ascii=False)[:500]})"
    return first_text(asks) or (json.dumps(asks, ensure_ascii=False)[:500] if asks is not None else "")


@needs(VIEW)
def show(request: HttpRequest, wait_id: UUID) -> HttpResponse:
    """One wait: all it asks, and a form for the answer."""
    wait = find_wait(wait_id)
    if wait is None:
        return page(request, "waits/wait_over.html", "Answered already", wait_id=wait_id)
    reads = may(request, CONTENTS)
    return page(
        request,
        "waits/wait.html",
        f"{wait['task']}: {wait['label']}",
        wait=wait,
        question=_question(wait) if reads else "",
        asks=json.dumps(wait["asks"], ensure_ascii=False, indent=2) if reads else "",
        digest=digest_of(wait["asks"]),
        fields=fields_asked(wait["asks"], wait["quorum"]) if reads else [],
        links=links_of(wait),
    )


def digest_of(asks: Any) -> str:
    """Stands for exactly what was asked, so that an answer to something else is refused."""
    return sha256(json.dumps(asks, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@act()
def answer(request: HttpRequest, wait_id: UUID) -> HttpResponse:
    """Give the wait its answer; the run goes on with it."""
    wait = find_wait(wait_id)
    own = reverse("admin:console_wait", args=[wait_id])
    if wait is None:
        messages.error(request, "Somebody has answered already, or the wait is over")
        return HttpResponseRedirect(own)
    if request.POST.get("digest") != digest_of(wait["asks"]):
        messages.error(request, "What is asked has changed since this page was opened. Look at it again")
        return HttpResponseRedirect(own)
    try:
        if wait["kind"] == "approval":
            value = decision_in(request, wait_id)
        else:
            value = _answer(request, fields_asked(wait["asks"], wait["quorum"]))
        developer = Developer.objects.get(pk=wait["developer_id"])
        run_id = wait["execution_id"]
        services.resume_by_token(developer=developer, token=task_token(wait_id), value=value, execution_id=run_id)
    except (ValueError, DomainError) as error:
        messages.error(request, getattr(error, "explanation", None) or str(error))
        return HttpResponseRedirect(own)
    left = find_wait(wait_id)
    messages.success(request, f"Answered; {left['progress']} so far" if left else "Answered; the run goes on")
    return back(request, reverse("admin:console_run", args=[wait["execution_id"]]))


def _answer(request: HttpRequest, fields: list[Field]) -> Any:
    """What the form says: its fields, or the JSON that was typed.

    Raises:
        ValueError: it is not what was asked for.
    """
    if request.POST.get("form") == "fields":
        return read_answer(fields, request.POST)
    text = request.POST.get("value", "").strip()
    if len(text) > _LONGEST_ANSWER:
        raise ValueError("The answer is too long")
    try:
        return read_json(text or "null")
    except ValueError as error:
        raise ValueError(f"This is no JSON: {error}. A text stands in double quotes") from None
