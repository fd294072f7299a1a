"""`Idempotency-Key`: a request that is sent again gets the answer it had, and nothing is done twice.

Resource views are one transaction, in which their answer is kept. Async views claim the key first and hold it for as
long as they take, streams to their end; what they do is known by an id that all repetitions share (`work_of`).
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any, Self

from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.response import Response

from julep_project.core.api.answer_headers import IDEMPOTENCY_KEY, REPLAYED
from julep_project.core.api.renderers import to_json
from julep_project.core.database import run_query, run_soon, whole_transaction
from julep_project.core.idempotency import rows
from julep_project.core.idempotency.errors import AnswerNotKept, KeyNotUsable
from julep_project.core.idempotency.models import LONGEST_KEY
from julep_project.core.idempotency.rows import Answer, Asked, Begun, Known, Work
from julep_project.core.process.cancellation import uninterrupted
from julep_project.core.work.lease import Held

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)
# Of a stream, which is kept in memory until it has ended.
_LARGEST_STREAM = 1024 * 1024

_JSON = "application/json"


def key_of(request: HttpRequest) -> str | None:
    """The key of a request that changes something, if it has one.

    Raises:
        KeyNotUsable
    """
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None or request.method in _SAFE:
        return None
    if not _KEY.fullmatch(key):
        raise KeyNotUsable
    return key


def work_of(request: HttpRequest) -> Work | None:
    """What an async view is to do, if the request has a key."""
    work: Work | None = getattr(request, "work", None)
    return work


def answer_once(
    request: HttpRequest, developer: Any, key: str, carry_out: Callable[[], Response], *, is_secret: bool
) -> HttpResponseBase:
    """The answer of a resource view, which is one transaction with it; an error leaves nothing. Of one that is secret
    only that it was given is kept.

    Raises:
        RequestUnderWay, KeyTaken, AnswerNotKept, and what `carry_out` raises.
    """
    asked = _asked(request, developer, key)
    with whole_transaction():
        known = rows.hold(asked)
        if known is not None:
            return _replayed(known)
        response = carry_out()
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        answer = Answer(response.status_code, _JSON, to_json(response.data))
        rows.keep(asked, replace(answer, body=None) if is_secret else answer)
    return _told(answer, dict(response.headers))


async def serve_once(
    request: HttpRequest,
    developer: Any,
    key: str,
    carry_out: Callable[[], Awaitable[HttpResponseBase]],
    *,
    keeps_answers: bool,
) -> HttpResponseBase:
    """The answer of an async view. One that `keeps_answers` finds by its work what it said before.

    Raises:
        RequestUnderWay, KeyTaken, AnswerNotKept, and what `carry_out` raises.
    """
    asked = _asked(request, developer, key)
    begun = await run_query(partial(rows.begin, asked))
    worked: Any = request
    worked.work = begun.work
    if isinstance(begun, Known):
        if begun.answer.body is None and keeps_answers:
            response = await carry_out()
            response[REPLAYED] = "true"
            return response
        return _replayed(begun)
    return await _hold(begun, carry_out)


async def _hold(begun: Begun, carry_out: Callable[[], Awaitable[HttpResponseBase]]) -> HttpResponseBase:
    """Carry it out with the key held, and keep what is answered; an error lets go of the key."""
    with ExitStack() as stack:
        stack.enter_context(rows.LEASES.holding(begun.held))
        stack.callback(let_go := _LetGo(begun.held))
        try:
            response = await carry_out()
        except Exception:
            await uninterrupted(run_query(let_go.without_answer))
            raise
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _Kept(response, let_go, stack.pop_all())
        elif response.status_code < 400:
            content: bytes = getattr(response, "content", b"")
            answer = Answer(response.status_code, response.headers.get("Content-Type", ""), content)
            await uninterrupted(run_query(partial(let_go.with_answer, answer)))
        else:
            await uninterrupted(run_query(let_go.without_answer))
    return response


class _LetGo:
    """Lets go of a key once: with an answer, or as if the request had never come."""

    def __init__(self, held: Held) -> None:
        self._held: Held | None = held

    def with_answer(self, answer: Answer) -> None:
        held, self._held = self._held, None
        if held is not None:
            rows.LEASES.end(held, **answer.as_kept())

    def without_answer(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            rows.LEASES.end(held)

    def __call__(self) -> None:
        """In no time, for who cannot wait."""
        if self._held is not None:
            run_soon(self.without_answer)


class _Kept:
    """A stream whose answer is kept once it has ended well."""

    def __init__(self, response: StreamingHttpResponse, let_go: _LetGo, held: ExitStack) -> None:
        self._status = response.status_code
        self._content_type = response.headers.get("Content-Type", "")
        self._reader: Any = getattr(response, "reader", None)
        content: Any = response.streaming_content
        self._pieces: AsyncIterator[bytes] = aiter(content)
        self._let_go = let_go
        self._held = held
        self._said: bytearray | None = bytearray()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            await self._end()
            raise
        is_comment = piece.startswith(b":")
        if self._said is not None and not is_comment:
            self._said += piece
            if len(self._said) > _LARGEST_STREAM:
                self._said = None
        return piece

    def close(self) -> None:
        """The response is over, however it ended. Called from any thread."""
        self._held.close()

    async def _end(self) -> None:
        if getattr(self._reader, "has_failed", False):
            await uninterrupted(run_query(self._let_go.without_answer))
            return
        said = None if self._said is None else bytes(self._said)
        answer = Answer(self._status, self._content_type, said)
        await uninterrupted(run_query(partial(self._let_go.with_answer, answer)))


def _asked(request: HttpRequest, developer: Any, key: str) -> Asked:
    digest = sha256()
    parts = (request.method or "", request.path_info, request.META.get("QUERY_STRING", ""))
    for part in (*(text.encode("utf-8", "surrogatepass") for text in parts), _body(request)):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return Asked(developer.pk, key, digest.digest())


def _body(request: HttpRequest) -> bytes:
    """The body; of a form without what separates its parts, which is another one each time."""
    found = _BOUNDARY.search(request.META.get("CONTENT_TYPE", ""))
    return request.body.replace(found[1].encode(), b"") if found else request.body


def _replayed(known: Known) -> HttpResponse:
    return _told(known.answer, {REPLAYED: "true"})


def _told(answer: Answer, headers: dict[str, str]) -> HttpResponse:
    if answer.body is None:
        raise AnswerNotKept
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
    for name, value in headers.items():
        if name != "Content-Type":
            response[name] = value
    return response
