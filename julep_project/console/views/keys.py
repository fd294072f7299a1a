"""API keys: made, which shows each once, and revoked."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.access.models import LONGEST_LABEL, ApiKey
from agents.access.services import create_key, revoke_key
from agents.models import Developer
from julep_project.console.acts import act, back, do_once, told
from julep_project.console.address import uuid_of
from julep_project.console.page import page
from julep_project.console.permissions import ADMINISTER
from julep_project.core.api.auth import KeyScope
from julep_project.core.clock import now

LENGTHS = {
    "90d": timedelta(days=90),
    "30d": timedelta(days=30),
    "365d": timedelta(days=365),
    "never": None,
}


@act(ADMINISTER)
def create(request: HttpRequest) -> HttpResponse:
    """Make a key. The answer is the only thing that ever has it: no message, cookie or address does."""
    form = request.POST
    label, length, scopes = form.get("label", "").strip(), form.get("length", ""), form.getlist("scope")
    if length not in LENGTHS or not set(scopes) <= {scope.value for scope in KeyScope}:
        raise BadRequest("A key has scopes, and a time for which it lasts")
    span, developer = LENGTHS[length], _developer(form.get("developer", "").strip())
    if developer is None or not label or not scopes or len(label) > LONGEST_LABEL:
        messages.error(request, "A key needs a developer, by id or e-mail, a label, and something that it may do")
        return HttpResponseRedirect(reverse("admin:console_controls"))
    values = {"label": label, "scopes": scopes, "expires_at": None if span is None else now() + span}
    made = do_once(request, developer.pk, lambda: create_key(developer=developer, values=values))
    if made is None:
        return HttpResponseRedirect(reverse("admin:console_controls"))
    key, text = made
    answer = page(request, "new_key.html", "The new API key", key=key, text=text)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _developer(given: str) -> Developer | None:
    """By id or e-mail; the only one there is needs no name."""
    if given:
        key = uuid_of(given)
        found = Developer.objects.filter(email=given) if key is None else Developer.objects.filter(pk=key)
    else:
        found = Developer.objects.all()
    some = list(found[:2])
    return some[0] if len(some) == 1 else None


@act(ADMINISTER)
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Let a key open nothing any more."""
    key = ApiKey.objects.select_related("developer").filter(pk=key_id).first()
    if key is None:
        raise Http404("There is no such key")
    with told(request, "The key is revoked; every process refuses it within seconds"):
        revoke_key(developer=key.developer, key_id=key.pk)
    return back(request, reverse("admin:console_controls"))
