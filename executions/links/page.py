"""`/answers/<token>`: the page behind a link, for people without an account.

Its address is a secret: nothing of it is logged, no other site is told of it, nothing else is loaded. What it shows are
texts of strangers. Looking at it changes nothing, for programs look at links in mails too.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from rest_framework.exceptions import MethodNotAllowed

from executions.links.opening import Opened, State, answer, check_rate, opened
from executions.models import QUORUM
from executions.waits.asked import fields_asked, first_text, schema_of, told_beside
from executions.waits.form import Field, read_answer
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.api.peer import address_of
from julep_project.core.api.request_id import current_request_id
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
    try:
        return _served(request, token)
    except Exception as error:
        failed = answer_for(error, operation="get", resource="Page", request_id=current_request_id())
        page = _page("told", failed.status, message=failed.body["error"]["message"])
        if "retry-after" in failed.headers:
            page.headers["Retry-After"] = failed.headers["retry-after"]
        return page


def _served(request: HttpRequest, token: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        raise MethodNotAllowed(request.method or "")
    address = address_of(request) or ""
    check_rate(address)
    with opened(token) as door:
        if door is None:
            raise NotFound(_UNKNOWN)
        if door.state is not State.OPEN:
            return _over(door, 409 if request.method == "POST" else 200)
        return _asked(door, Filled()) if request.method != "POST" else _answered(request, token, door, address)


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
    return HttpResponseRedirect(request.get_full_path(), headers=_headers(""))


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
    question = first_text(shown)
    beside, others = told_beside(shown, most=_MOST_BESIDE, longest=_LONGEST_JSON)
    return _page(
        "ask",
        422 if filled.problems else 200,
        question=_shown(question),
        beside=[(_shown(name), _shown(text)) for name, text in beside.items()],
        others=others,
        fields=[_as_control(each, filled.values) for each in _fields(door)],
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
        return _page("told", status, answered_at=door.link.answered_at, answers_as=visible(door.link.answers_as))
    return _page("told", 410, message=_OVER.get(door.state, _OVER[State.OVER]))


def _page(name: str, status: int, **told_: Any) -> HttpResponse:
    nonce = secrets.token_urlsafe(16)
    html = render_to_string(f"links/{name}.html", {**told_, "nonce": nonce})
    page: Any = HttpResponse(html, status=status, headers=_headers(nonce))
    # Django would write the path of what failed into the log.
    page._has_been_logged = True
    return cast(HttpResponse, page)


def _headers(nonce: str) -> dict[str, str]:
    style = f"style-src 'nonce-{nonce}'; " if nonce else ""
    policy = f"default-src 'none'; {style}form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
