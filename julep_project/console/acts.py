"""What staff do here: a POST under their own name, with a row in the audit log, and an answer in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from julep_project.console.address import uuid_of
from julep_project.console.form_number import NUMBER
from julep_project.console.permissions import OPERATE, View, needs
from julep_project.core.actor import acting_as
from julep_project.core.admin import staff_actor
from julep_project.core.errors import Conflict, DomainError
from julep_project.core.idempotency.rows import Answer, Asked, hold, keep


def act(permission: str = OPERATE) -> Callable[[View], View]:
    """A view that only a POST reaches, of one who has the permission. What it changes is recorded as theirs."""

    def decorate(view: View) -> View:
        guarded = needs(permission)(view)

        @wraps(guarded)
        def acting(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            with acting_as(staff_actor(request)):
                return guarded(request, *arguments, **options)

        return acting

    return decorate


@contextmanager
def told(request: HttpRequest, done: str) -> Iterator[None]:
    """Say on the next page what was done in the block, or why it was refused."""
    try:
        yield
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)


def back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """To the page the form was sent from, if it is one of ours."""
    wanted = request.POST.get("next", "")
    is_ours = wanted.startswith("/admin/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return HttpResponseRedirect(wanted if is_ours else otherwise)


Done = TypeVar("Done")
_DONE = Answer(204, "", None)


def is_first(request: HttpRequest, developer_id: UUID) -> bool:
    """Whether the form comes for the first time, and not because its answer was loaded anew or got lost. It counts as
    sent if the transaction around this does what was asked. Where it came before, whoever sent it is told."""
    number = uuid_of(request.POST.get(NUMBER, ""))
    asked = Asked(developer_id, f"console:{number}", sha256(request.path.encode()).digest())
    try:
        if number is not None and hold(asked) is None:
            keep(asked, _DONE)
            return True
    except Conflict:
        pass
    messages.error(request, "This form was sent before, and nothing was done again: look at what it did")
    return False


def do_once(request: HttpRequest, developer_id: UUID, work: Callable[[], Done]) -> Done | None:
    """What the act gives, which counts as done by its form in the same transaction. None where the form came before, or
    the act was refused; whoever sent it is told."""
    try:
        with transaction.atomic():
            return work() if is_first(request, developer_id) else None
    except DomainError as error:
        messages.error(request, error.message)
        return None


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks before an act, in a dialog (`shared/questions.html`).

    `of` is the name of what is acted on, as somebody else chose it. `curl` is the request that does the same: method,
    path and, if there is one, body. `fields` is the template of what else is asked for, `hidden` what is sent as it is.
    """

    id: str
    url: str
    button: str
    title: str
    told: str
    yes: str
    no: str = "Leave it"
    of: str = ""
    curl: tuple[str, str, str] | None = None
    fields: str = ""
    hidden: tuple[tuple[str, str], ...] = ()
    is_danger: bool = False
    is_in_row: bool = False
