"""Answers that are made around Django, and what all answers have in common."""

from julep_project.core.api.access_log import note_arrival, note_refusal
from julep_project.core.api.answer_headers import (
    cross_origin_headers,
    is_for_api,
    is_preflight,
    request_id_headers,
    request_id_of,
)
from julep_project.core.api.exception_handler import answer_for, in_form_of
from julep_project.core.api.renderers import to_json
from julep_project.core.process.request_id import serving_request
from julep_project.serving.threaded_wsgi import Application, Message, Receive, Scope, Send


class EveryAnswer:
    """An ASGI application around another one. Whoever makes an answer of the API, it can be read by pages of any
    origin and says which request it is for; and there is one, whatever goes wrong."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_for_api(scope["path"]):
            await self._application(scope, receive, send)
            return
        headers = _headers_of(scope)
        note_arrival()
        with serving_request(request_id_of(headers.get("x-request-id"))):
            await self._serve(scope, receive, send, headers)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str]) -> None:
        is_answered = False

        async def completed(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                message = {**message, "headers": _completed(message["headers"], scope, headers)}
            await send(message)

        if is_preflight(scope["method"], headers):
            # Whether a page may ask does not depend on how much there is to do.
            await _send(completed, 200, {}, b"")
            return
        try:
            await self._application(scope, receive, completed)
        except Exception as error:
            if is_answered:
                raise
            await send_error(error, scope, completed)


async def send_error(error: Exception, scope: Scope, send: Send) -> None:
    """Answer with an error, as the views would."""
    answer = answer_for(error, operation="get", resource="Resource")
    note_refusal(answer.status)
    answer = in_form_of(answer, scope["path"], _headers_of(scope), error)
    await _send(send, answer.status, {"content-type": "application/json", **answer.headers}, to_json(answer.body))


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    encoded = _encoded({**headers, "content-length": str(len(body))})
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _headers_of(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _completed(given: list[tuple[bytes, bytes]], scope: Scope, asked_with: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Django's answers have all of it."""
    if any(name.lower() == b"x-request-id" for name, _ in given):
        return given
    named = request_id_headers(request_id_of(asked_with.get("x-request-id")), scope["path"], asked_with)
    return [*given, *_encoded({**named, **cross_origin_headers(scope["method"], asked_with)})]


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
