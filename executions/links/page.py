"""`/answers/<token>`: the page behind a link, for people without an account.

Looking at it changes nothing, for programs look at links in mails too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from agents.access.open_pages import headers, page, served
from agents.tools.mcp.questions import decision_of
from executions.links.opening import Opened, State, answer, opened
from executions.models import QUORUM
from executions.waits.asked import fields_asked, first_text, schema_of, told_beside
from executions.waits.form import Field, read_answer
from julep_project.core.api.peer import address_of
from julep_project.core.errors import BadRequest, BodyTooLarge, Conflict, InvalidInput, NotFound
from julep_project.core.reading.outside_json import read_json
from julep_project.core.reading.parsers import announced_length
from julep_project.core.reading.visible_text import cut, visible
from tasks.steps.quorum import told

MOST_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_LONGEST_SHOWN = 20_000
# Written out, of what is no text; and so many things beside the question.
_LONGEST_JSON = 10_000
_MOST_BESIDE = 100
_UNKNOWN = "This link leads nowhere. Perhaps a part of it was cut off."
_OVER = {
    State.EXPIRED: "This link has expired.",
    State.REVOKED: "This link was taken back.",
    State.OVER: "Nothing waits here any more: somebody has answered, the time was over, or it was called off.",
}


@dataclass(frozen=True)
class Filled:
    """What somebody has typed, and what is wrong with it."""

    values: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def answer_page(request: HttpRequest, token: str) -> HttpResponse:
    """The question with a form, and where that is sent to."""
    return served(request, ("GET", "HEAD", "POST"), lambda: _served(request, token), template="links/told.html")


def _served(request: HttpRequest, token: str) -> HttpResponse:
    with opened(token) as door:
        if door is None:
            raise NotFound(_UNKNOWN)
        if door.state is not State.OPEN:
            return _over(door, 409 if request.method == "POST" else 200)
        if request.method != "POST":
            return _asked(door, Filled())
        return _answered(request, token, door, address_of(request) or "")


def _answered(request: HttpRequest, token: str, door: Opened, address: str) -> HttpResponse:
    values = _read_form(request)
    try:
        answer(door, _value(door, values), address)
    except InvalidInput as error:
        details = error.extra["details"]
        return _asked(door, Filled(values, tuple(_problem(detail) for detail in details)))
    except ValueError as error:
        return _asked(door, Filled(values, (str(error),)))
    except (BadRequest, Conflict):
        # Somebody was faster, perhaps the same person with a second click.
        with opened(token) as after:
            if after is None or after.state is State.OPEN:
                raise
            return _over(after, 409)
    return HttpResponseRedirect(request.get_full_path(), headers=headers())


def _read_form(request: HttpRequest) -> Mapping[str, str]:
    """The fields that were sent.

    Raises:
        BodyTooLarge
    """
    if announced_length(request) > MOST_BYTES:
        raise BodyTooLarge
    return request.POST.dict() if request.content_type == _FORM else {}


def _problem(detail: Mapping[str, Any]) -> str:
    place = str(detail["loc"]).removeprefix("input").lstrip(".")
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])


def _value(door: Opened, values: Mapping[str, str]) -> Any:
    """What the form says.

    Raises:
        ValueError: it is not what was asked for.
    """
    fields = _fields(door)
    if fields:
        return read_answer(fields, values)
    text = values.get("value", "")
    if not text.strip():
        raise ValueError("There is no answer yet")
    if not _asks_for_json(door):
        return text
    try:
        return read_json(text)
    except ValueError as error:
        raise ValueError(f"This is no JSON: {error}") from None


def _fields(door: Opened) -> list[Field]:
    assert door.wait is not None
    return fields_asked(door.wait.output, door.wait.metadata.get(QUORUM))


def _asks_for_json(door: Opened) -> bool:
    assert door.wait is not None
    return schema_of(door.wait.output) is not None


def _asked(door: Opened, filled: Filled) -> HttpResponse:
    assert door.wait is not None
    shown, quorum = door.wait.output, door.wait.metadata.get(QUORUM)
    question, fields, decision = first_text(shown), _fields(door), decision_of(shown)
    decision = decision if any(each.name == decision for each in fields) else None
    beside, others = told_beside(shown, most=_MOST_BESIDE, longest=_LONGEST_JSON)
    return page(
        "links/ask.html",
        422 if filled.problems else 200,
        question=_shown(question),
        beside=[(_shown(name), _shown(text)) for name, text in beside.items()],
        others=others,
        fields=[_as_control(each, filled.values) for each in fields if each.name != decision],
        decision=decision,
        asks_for_json=_asks_for_json(door),
        value=filled.values.get("value", ""),
        problems=[_shown(problem) for problem in filled.problems],
        answers_as=visible(door.link.answers_as),
        progress=told(quorum) if quorum else "",
        expires_at=min(filter(None, (door.link.expires_at, door.gives_up_at))),
    )


def _as_control(field_: Field, values: Mapping[str, str]) -> dict[str, Any]:
    given = values.get(f"field-{field_.name}")
    is_shown = given if given is not None else "" if field_.default is None else field_.default
    shown = replace(field_, title=_shown(field_.title), help=_shown(field_.help))
    return {"spec": shown, "value": is_shown, "choices": [(choice, visible(choice)) for choice in field_.choices]}


def _shown(text: str) -> str:
    kept, left_out = cut(text, _LONGEST_SHOWN)
    return visible(kept) + (f" … ({left_out} more characters)" if left_out else "")


def _over(door: Opened, status: int) -> HttpResponse:
    if door.state is State.ANSWERED:
        link = door.link
        return page("links/told.html", status, answered_at=link.answered_at, answers_as=visible(link.answers_as))
    return page("links/told.html", 410, message=_OVER.get(door.state, _OVER[State.OVER]))
