"""One HTTP request of a tool and its answer; whatever goes wrong becomes a `ToolError`."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.tools.errors import Delivery, ToolError
from julep_project.core import brake, http
from julep_project.core.clock import now
from julep_project.core.http import IncomingResponse, OutgoingRequest, place_of_url
from julep_project.core.reading.outside_json import TooMuchJson, read_foreign_json
from julep_project.core.work.backoff import retry_after_s

RETRYABLE_STATUSES = frozenset({408, 425, 429, 502, 503, 504, 524})
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_TOO_MANY = 429
_MAY_BE_A_KEY = re.compile("auth|key|token|secret|appid|application-id")
_OF_ONE_CALL = "idempotency-key"
# A proxy answers so when it does not know what became of the request behind it.
_LOST_BEHIND = frozenset({502, 504, 524})
_LONGEST_EXCERPT = 300
_LONGEST_CHALLENGE = 2000


def exchange(request: OutgoingRequest) -> IncomingResponse:
    """Send the request and give its answer.

    Who answers 429 is left alone for as long as it says, by all calls with the same credentials.

    Raises:
        ToolError: no answer, or one with a status outside 200-299.
    """
    check_brake(request)
    try:
        answer = http.send(request)
    except http.HttpError as error:
        raise unanswered(error) from error
    if not 200 <= answer.status < 300:
        raise status_error(request, answer)
    return answer


def check_brake(request: OutgoingRequest) -> None:
    """Return if the other side takes requests with these credentials.

    Raises:
        ToolError
    """
    held = brake.look(_brake(request))
    if held is not None:
        message = f"the other side takes no more requests for {held.left_s:.1f} s"
        raise ToolError(message, retryable=True, delivery=Delivery.NOT_SENT, wait_s=held.left_s, spread_s=held.spread_s)


def unanswered(error: http.HttpError) -> ToolError:
    """The error of a request that got no answer."""
    return ToolError(
        str(error),
        retryable=error.retryable,
        repeatable=error.repeatable,
        delivery=Delivery.UNCLEAR if error.unclear else Delivery.NOT_SENT,
        details={"type": type(error).__name__},
    )


def json_of(answer: IncomingResponse) -> Any:
    """The value of an answer that is JSON, None of any other.

    Raises:
        ToolError: it is nested too deep, or has too many parts.
    """
    try:
        return read_foreign_json(answer.content)
    except TooMuchJson as error:
        raise ToolError(f"the JSON of the answer is too much: {error}", repeatable=True) from error
    except ValueError:
        return None


def status_error(request: OutgoingRequest, answer: IncomingResponse) -> ToolError:
    """The error of an answer with a status outside 200-299. One of 429 holds up all requests with these credentials."""
    again = answer.status in RETRYABLE_STATUSES or (answer.status == 500 and request.method in REPEATABLE_METHODS)
    excerpt = _excerpt(answer.content)
    message = f"{request.method} was answered with status {answer.status}" + (f": {excerpt}" if excerpt else "")
    refused = 400 <= answer.status < 500
    wait_s = retry_after_s(answer.headers, now(), most_s=settings.RETRY_AFTER_MAX_S) if again else None
    held = brake.press(_brake(request), wait_s) if wait_s and answer.status == _TOO_MANY else None
    return ToolError(
        message,
        retryable=again,
        repeatable=not refused,
        delivery=Delivery.UNCLEAR if answer.status in _LOST_BEHIND else Delivery.ANSWERED,
        details={"status_code": answer.status, "body": excerpt, **_challenge(answer), **_elsewhere(request, answer)},
        wait_s=wait_s if held is None else held.left_s,
        spread_s=0.0 if held is None else held.spread_s,
    )


def _challenge(answer: IncomingResponse) -> dict[str, str]:
    """What an answer says of who may ask."""
    challenge = answer.headers.get("www-authenticate") if answer.status in (401, 403) else None
    return {} if challenge is None else {"challenge": challenge[:_LONGEST_CHALLENGE]}


def _elsewhere(request: OutgoingRequest, answer: IncomingResponse) -> dict[str, bool]:
    """Whether a redirect has led to who answers: what was asked first may have been done."""
    return {"is_redirected": True} if place_of_url(request.url) != place_of_url(answer.url) else {}


def _brake(request: OutgoingRequest) -> str:
    """One for each origin and what may be credentials: headers, cookies, user, and what is named like a key."""
    params = request.params if isinstance(request.params, Mapping) else {}
    named = sorted((name.lower(), str(value)) for name, value in (*request.headers.items(), *params.items()))
    secrets = [f"{name}={value}" for name, value in named if _MAY_BE_A_KEY.search(name) and name != _OF_ONE_CALL]
    return brake.name_of("tool", http.origin_of(request.url), *secrets, repr(sorted((request.cookies or {}).items())))


def _excerpt(content: bytes) -> str:
    text = " ".join(content[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace").replace("\x00", "").split())
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "..."
