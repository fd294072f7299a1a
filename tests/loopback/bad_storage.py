"""Ways in which a bucket fails, to be put before the S3 service on loopback."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Answered = Iterable[bytes]
Interposed = Callable[[Callable[..., Answered], dict[str, Any], Any], Answered]

_CODES = {500: "InternalError", 503: "SlowDown", 403: "AccessDenied", 507: "InsufficientStorage"}


class BadStorage:
    """Counts what is asked of it in `asked`, and answers in a bad way; `methods` narrows what it spoils."""

    def __init__(self, answer: Interposed, methods: Sequence[str] = ("GET", "PUT", "HEAD", "DELETE")) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._methods = methods

    def __call__(self, real: Callable[..., Answered], environ: dict[str, Any], start_response: Any) -> Answered:
        if environ["REQUEST_METHOD"] not in self._methods:
            return real(environ, start_response)
        self.asked.append(environ["REQUEST_METHOD"])
        return self._answer(real, environ, start_response)


def failing(status: int) -> Interposed:
    """An error as S3 writes it."""

    def answer(real: Callable[..., Answered], environ: dict[str, Any], start_response: Any) -> Answered:
        body = f"<Error><Code>{_CODES[status]}</Code><Message>secret-place</Message></Error>".encode()
        start_response(f"{status} Bad", [("Content-Length", str(len(body))), ("Content-Type", "application/xml")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return answer


def lying(claimed: Callable[[int], int], sent: Callable[[int], int] = lambda size: size) -> Interposed:
    """The right answer with another length in its head, cut to `sent` bytes."""

    def answer(real: Callable[..., Answered], environ: dict[str, Any], start_response: Any) -> Answered:
        begun: list[Any] = []
        body = b"".join(real(environ, lambda *head: begun.extend(head[:2])))
        kept = [
            (name, value)
            for name, value in begun[1]
            if name.lower() != "content-length" and not name.lower().startswith("x-amz-checksum")
        ]
        start_response(begun[0], [*kept, ("Content-Length", str(claimed(len(body))))])
        return [body[: sent(len(body))]]

    return answer


def hanging(until: threading.Event) -> Interposed:
    """No answer before the event."""

    def answer(real: Callable[..., Answered], environ: dict[str, Any], start_response: Any) -> Answered:
        until.wait(60)
        return failing(503)(real, environ, start_response)

    return answer


def garbage(real: Callable[..., Answered], environ: dict[str, Any], start_response: Any) -> Answered:
    """The page of some proxy."""
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "6")])
    return [b"<html>"]
