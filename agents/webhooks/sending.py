"""Sends one message to one endpoint, and says what came of it."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from agents.vault.errors import SecretNotReadable, SecretsNotConfigured
from agents.webhooks.models import Endpoint, Message
from agents.webhooks.secrets import secrets_in_force
from agents.webhooks.signing import signed_headers
from julep_project.core.clock import now, to_wire
from julep_project.core.http import HttpError, IncomingResponse, Limits, OutgoingRequest, send
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.work.backoff import retry_after_s

# Who has more to say than this has not understood what it was sent.
_ANSWER_BYTES = 256 * 1024
_EXCERPT = 500
_LONGEST_ERROR = 500
# The longest pause that a receiver may ask for.
MOST_RETRY_AFTER_S = 6 * 3600.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class Try:
    """What came of sending a message once. `error` is empty when it has arrived."""

    at: datetime
    took_ms: int
    status: int | None = None
    error: str = ""
    excerpt: str = ""
    retry_after_s: float | None = None

    @property
    def has_arrived(self) -> bool:
        return not self.error

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants to hear nothing any more."""
        return self.status == _GONE

    def to_json(self) -> dict[str, Any]:
        """As the log of a delivery keeps it."""
        return {"at": to_wire(self.at), "took_ms": self.took_ms, "status": self.status, "error": self.error}


def send_message(endpoint: Endpoint, message: Message) -> Try:
    """Send it now. Never raises because of the receiver."""
    at, began = now(), time.monotonic()
    try:
        answer = send(_request(endpoint, message, at), _limits())
    except (HttpError, SecretNotReadable, SecretsNotConfigured) as error:
        return Try(at, _ms_since(began), error=str(error)[:_LONGEST_ERROR])
    return _told(answer, at, _ms_since(began))


def body_of(message: Message) -> bytes:
    """What is sent, the same each time."""
    body = {
        "id": message.reference,
        "object": "event",
        "type": message.type,
        "created_at": int(message.created_at.timestamp()),
        "data": message.data,
    }
    return to_json_text(body).encode()


def _request(endpoint: Endpoint, message: Message, at: datetime) -> OutgoingRequest:
    body = body_of(message)
    signed = signed_headers(message.reference, int(at.timestamp()), body, secrets_in_force(endpoint, at))
    headers = {"content-type": "application/json", "accept-encoding": "identity", **signed}
    return OutgoingRequest("POST", endpoint.url, headers=headers, content=body)


def _limits() -> Limits:
    return Limits(body_bytes=_ANSWER_BYTES, redirects=0, timeout_s=settings.WEBHOOK_TIMEOUT_S)


def _told(answer: IncomingResponse, at: datetime, took_ms: int) -> Try:
    excerpt = answer.content[: 4 * _EXCERPT].decode("utf-8", "replace").replace("\x00", "")[:_EXCERPT]
    has_arrived = 200 <= answer.status < 300
    return Try(
        at,
        took_ms,
        status=answer.status,
        error="" if has_arrived else f"the receiver answered {answer.status}",
        excerpt=excerpt,
        retry_after_s=None if has_arrived else retry_after_s(answer.headers, at, most_s=MOST_RETRY_AFTER_S),
    )


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
