"""One HTTP request of a tool and its answer; whatever goes wrong becomes a `ToolError`."""

from agents.tools.errors import Delivery, ToolError
from julep_project.core import http
from julep_project.core.http import IncomingResponse, OutgoingRequest

RETRYABLE_STATUSES = frozenset({408, 425, 429, 502, 503, 504, 524})
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
# A proxy answers so when it does not know what became of the request behind it.
_LOST_BEHIND = frozenset({502, 504, 524})
_LONGEST_EXCERPT = 300


def exchange(request: OutgoingRequest) -> IncomingResponse:
    """Send the request and give its answer.

    Raises:
        ToolError: no answer, or one with a status outside 200-299.
    """
    try:
        answer = http.send(request)
    except http.HttpError as error:
        raise ToolError(
            str(error),
            retryable=error.retryable,
            repeatable=error.repeatable,
            delivery=Delivery.UNCLEAR if error.unclear else Delivery.NOT_SENT,
            details={"type": type(error).__name__},
        ) from error
    if not 200 <= answer.status < 300:
        raise _status_error(request, answer)
    return answer


def _status_error(request: OutgoingRequest, answer: IncomingResponse) -> ToolError:
    again = answer.status in RETRYABLE_STATUSES or (answer.status == 500 and request.method in REPEATABLE_METHODS)
    excerpt = _excerpt(answer.content)
    message = f"{request.method} was answered with status {answer.status}" + (f": {excerpt}" if excerpt else "")
    refused = 400 <= answer.status < 500
    return ToolError(
        message,
        retryable=again,
        repeatable=not refused,
        delivery=Delivery.UNCLEAR if answer.status in _LOST_BEHIND else Delivery.ANSWERED,
        details={"status_code": answer.status, "body": excerpt},
    )


def _excerpt(content: bytes) -> str:
    text = " ".join(content[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace").replace("\x00", "").split())
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "..."
