"""An act on all runs that a list of runs means: what it would meet, and beginning it."""

import shlex
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from agents.models import Developer
from executions.bulk.actions import FREELY, BulkRequest, preview_bulk, start_bulk
from executions.bulk.models import BulkAction, BulkVerb
from executions.retrying.plan import FAILED, START
from julep_project.console.acts import act
from julep_project.console.page import page
from julep_project.console.permissions import ADMINISTER, OPERATE, VIEW, may, needs
from julep_project.console.queries.bulk import LOOKED_AT, VERBS, readable, tried_before
from julep_project.console.queries.runs import runs_named
from julep_project.console.queries.times import first_id
from julep_project.console.views.bulk.meaning import Meant, meaning
from julep_project.console.views.typed import read_typed
from julep_project.core.clock import now, to_wire
from julep_project.core.errors import DomainError
from julep_project.core.reading.jsontext import to_json_text

_LONGEST_REASON = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@needs(VIEW, OPERATE)
def preview(request: HttpRequest) -> HttpResponse:
    """How many runs would be acted on, some of them, and a form to begin. Its address means the same later."""
    verb = _verb(request, request.GET)
    context: dict[str, Any] = {"verb": verb.value, "words": _WORDS[verb], "query": request.GET}
    try:
        meant = meaning(request.GET)
        address = meant.address()
        if meant.developer is None:
            context |= {"candidates": meant.candidates, "looked_at": LOOKED_AT}
        elif dict(address.lists()) != dict(request.GET.lists()):
            return HttpResponseRedirect(f"{request.path}?{address.urlencode()}")
        else:
            context |= _met(meant, meant.developer)
    except DomainError as error:
        context["refused"] = error.message
    return page(request, "bulk/new.html", f"{verb.label} many runs", **context)


# The title of the form, and what its button says before and behind the number of runs.
_WORDS = {
    BulkVerb.CANCEL: ("Cancel many runs", "Cancel", ""),
    BulkVerb.RETRY: ("Try many runs again", "Try", "again"),
    BulkVerb.RESUME: ("Answer many runs", "Answer", ""),
    BulkVerb.DELETE: ("Delete many runs", "Delete", "for good"),
}


def _verb(request: HttpRequest, query: QueryDict) -> BulkVerb:
    """What is to be done, by somebody who may do it: what is deleted is gone as by retention."""
    given = query.get("action", BulkVerb.CANCEL.value)
    if given not in VERBS:
        raise BadRequest("action is one of " + ", ".join(VERBS))
    if given == BulkVerb.DELETE and not may(request, ADMINISTER):
        raise PermissionDenied
    return BulkVerb(given)


def _met(meant: Meant, developer: Developer) -> dict[str, Any]:
    asked = BulkRequest(meant.action, meant.filter)
    met = preview_bulk(developer=developer, request=asked)
    return {
        "developer": developer,
        "meant": readable([meant.filter.to_json()])[0],
        "met": met,
        "samples": runs_named([run.pk for run in met.samples]),
        "is_many": met.count > FREELY,
        "fields": [(name, one) for name, given in meant.address().lists() for one in given],
        "points": ((FAILED, "from where each failed"), (START, "from the start")),
        "before": tried_before(developer, meant.filter) if meant.action is BulkVerb.RETRY else 0,
        # To be pasted into a shell: values of strangers may be in it.
        "body": shlex.quote(to_json_text(_body(meant))),
        "asked_at": to_wire(now()),
    }


def _body(meant: Meant) -> dict[str, Any]:
    body: dict[str, Any] = {"action": meant.action.value, "filter": _in_words_of_the_api(meant)}
    return {**body, "input": None} if meant.action is BulkVerb.RESUME else body


def _in_words_of_the_api(meant: Meant) -> dict[str, Any]:
    told = meant.filter.to_json()
    metadata = told.pop("metadata", None)
    return {**told, "metadata_filter": metadata} if metadata else told


@act()
def begin(request: HttpRequest) -> HttpResponse:
    """Begin it, once, and go to its page."""
    verb, form = _verb(request, request.POST), request.POST
    try:
        meant = meaning(form)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:console_runs"))
    own = f"{reverse('admin:console_bulk_new')}?{meant.address().urlencode()}"
    if meant.developer is None:
        return HttpResponseRedirect(own)
    reason = form.get("reason", "").strip()[:_LONGEST_REASON]
    try:
        asked = BulkRequest(verb, meant.filter, reason, _options(verb, form))
        bulk_id = _begun_once(meant.developer, asked, _number(form.get("confirm", "")), _moment(form))
    except (ValueError, DomainError) as error:
        messages.error(request, getattr(error, "message", None) or str(error))
        return HttpResponseRedirect(own)
    return HttpResponseRedirect(reverse("admin:console_bulk_action", args=[bulk_id]))


@transaction.atomic
def _begun_once(developer: Developer, asked: BulkRequest, confirm: int, since: datetime) -> UUID:
    """The action, or the one that the same form began when it was sent before: a retry would retry all runs twice."""
    Developer.objects.select_for_update(no_key=True).get(pk=developer.pk)
    alike = BulkAction.objects.for_developer(developer).filter(
        action=asked.action, filter=asked.filter.to_json(), pk__gte=first_id(since)
    )
    before: UUID | None = alike.values_list("pk", flat=True).first()
    return before or start_bulk(developer=developer, request=asked, confirm=confirm).pk


def _options(verb: BulkVerb, form: QueryDict) -> dict[str, Any]:
    """How each is done.

    Raises:
        ValueError: the answer is no JSON.
    """
    if verb is BulkVerb.RESUME:
        return {"input": read_typed(form.get("input", "").strip() or "null", "The answer")}
    if verb is not BulkVerb.RETRY:
        return {}
    options: dict[str, Any] = {"from": START if form.get("from") == START else FAILED}
    if form.get("latest") == "on":
        options["version"] = "latest"
    if form.get("repeats_once") == "on":
        options["repeat_at_most_once"] = True
    return options


def _number(given: str) -> int:
    """How many runs who asks means; what is no number means none."""
    text = given.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _moment(form: QueryDict) -> datetime:
    """When the form was made."""
    try:
        moment = datetime.fromisoformat(form.get("asked_at", ""))
    except ValueError:
        return now()
    return moment if moment.tzinfo and moment > _EPOCH else now()
