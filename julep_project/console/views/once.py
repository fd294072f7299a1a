"""What is shown once: the answer is the only thing that ever has it, no message, cookie or address does."""

from django.http import HttpRequest, HttpResponse

from julep_project.console.address import choice_of
from julep_project.console.page import page


def shown_once(request: HttpRequest, title: str, text: str, told: str, leads_to: str) -> HttpResponse:
    """A page with a text that nobody can have again, and what it is for."""
    answer = page(request, "once.html", title, text=text, told=told, leads_to=leads_to)
    answer.headers["Cache-Control"] = "no-store"
    return answer


# For how long the secret before a new one counts, too, by seconds.
OVERLAPS = {"86400": "a day", "3600": "an hour", "604800": "a week", "0": "no time: it counts no more at once"}
OVERLAP_FIELDS = "console/shared/overlap_fields.html"


def overlap_of(request: HttpRequest) -> str:
    """Which of these a form says."""
    return choice_of(request.POST, "overlap", OVERLAPS) or "86400"


def new_secret_shown(request: HttpRequest, secret: str, told: str, overlap: str, leads_to: str) -> HttpResponse:
    """A page with a new secret, what it signs, and what becomes of the one before."""
    until = f"The one before counts as well for {OVERLAPS[overlap]}" if overlap != "0" else "The one before is no use"
    return shown_once(request, "The new secret", secret, f"{told} {until}.", leads_to)
