"""What goes between here and whoever people sign in to: each answer small, soon, and from where it was asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from agents.connections.errors import ProviderFaulty
from julep_project.core import http
from julep_project.core.http import BadUrl, HttpError, IncomingResponse, Limits, OutgoingRequest
from julep_project.core.http.request import place_of_url, read_url
from julep_project.core.reading.outside_json import TooMuchJson, read_foreign_json
from julep_project.core.reading.visible_text import visible

_LIMITS = Limits(body_bytes=256 * 1024, header_bytes=32 * 1024, headers=100, redirects=0, timeout_s=10.0)
LONGEST_URL = 2048
_LONGEST_TOLD = 300
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: its status, its headers, and what it says if that is a JSON object."""

    status: int
    headers: httpx.Headers
    said: Mapping[str, Any]

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_for_now(self) -> bool:
        """Whether it may be another answer soon."""
        return self.status >= 500 or self.status == 429

    @property
    def complaint(self) -> str:
        """What an answer with an error says, for people. Descriptions may repeat what was sent, and are left out."""
        error = self.said.get("error")
        is_code = isinstance(error, str) and _ERROR.fullmatch(error)
        return f"{error} (status {self.status})" if is_code else f"status {self.status}"


def ask(url: str) -> Heard:
    """The answer to a question without credentials.

    Raises:
        ProviderFaulty: there is none.
    """
    return _heard(OutgoingRequest("GET", url, headers={"accept": "application/json"}))


def ask_mcp(url: str) -> Heard:
    """How an MCP server answers somebody who is not signed in. Some greet everybody, and ask who it is only then.

    Raises:
        ProviderFaulty
    """
    client = {"name": "julep-agents", "version": "1"}
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    heard = _heard_from_mcp(url, "initialize", greeting)
    return heard if heard.status in (401, 403) else _heard_from_mcp(url, "tools/list", {})


def _heard_from_mcp(url: str, method: str, params: Mapping[str, Any]) -> Heard:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"accept": "application/json, text/event-stream"}
    return _heard(OutgoingRequest("POST", url, headers=headers, json=body))


def tell(url: str, *, json: Any = None, form: Mapping[str, str] | None = None, **headers: str) -> Heard:
    """The answer to something that is sent.

    Raises:
        ProviderFaulty
    """
    return _heard(OutgoingRequest("POST", url, headers={"accept": "application/json", **headers}, json=json, data=form))


def checked_url(text: object, what: str, *, like: str = "") -> str:
    """An address that a service names. It is encrypted; on a network that the operator has opened it need not be, if
    that of the service (`like`) is not.

    Raises:
        ProviderFaulty
    """
    if not isinstance(text, str) or not text or len(text) > LONGEST_URL:
        raise ProviderFaulty(f"there is no {what}, or it is too long")
    try:
        url = read_url(text)
    except BadUrl as error:
        raise ProviderFaulty(f"the {what} is none: {error}") from None
    if not _HOST.fullmatch(url.raw_host.decode("ascii", "replace")):
        raise ProviderFaulty(f"the {what} has no plain host")
    if url.userinfo or "#" in text:
        raise ProviderFaulty(f"the {what} has a user or a fragment")
    if url.scheme != "https" and not (like.startswith("http://") and http.is_sealed_way(text)):
        raise ProviderFaulty(f"the {what} is not encrypted: {place_of_url(text)}")
    return text


def shown(text: str) -> str:
    """A text of a stranger, for people."""
    return visible(" ".join(text[: 2 * _LONGEST_TOLD].split()))[:_LONGEST_TOLD]


def _heard(request: OutgoingRequest) -> Heard:
    try:
        answer = http.send(request, _LIMITS)
    except HttpError as error:
        raise ProviderFaulty(f"{place_of_url(request.url)}: {error}", retryable=error.retryable) from error
    return Heard(answer.status, answer.headers, _object_in(answer))


def _object_in(answer: IncomingResponse) -> Mapping[str, Any]:
    try:
        found = read_foreign_json(answer.content)
    except (ValueError, TooMuchJson):
        return {}
    return found if isinstance(found, dict) else {}
