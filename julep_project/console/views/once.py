"""What is shown once: the answer is the only thing that ever has it, no message, cookie or address does."""

from django.http import HttpRequest, HttpResponse

from julep_project.console.page import page


def shown_once(request: HttpRequest, title: str, text: str, told: str, leads_to: str) -> HttpResponse:
    """A page with a text that nobody can have again, and what it is for."""
    answer = page(request, "once.html", title, text=text, told=told, leads_to=leads_to)
    answer.headers["Cache-Control"] = "no-store"
    return answer
