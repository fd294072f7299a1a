"""A call as it came in, and what of it expressions see and the record keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest

from executions.hooks.errors import EncodingRefused
from julep_project.core.json_value import Json
from julep_project.core.reading.parsers import parse_json, without_nul
from julep_project.core.reading.validation import invalid

FORM = "application/x-www-form-urlencoded"
_MOST_HEADERS, _LONGEST_HEADER = 50, 500
_MOST_FIELDS = 200
# Kept however many others there are: what senders promise to repeat, and what the body is.
_FIRST = ("content-type", "webhook-id", "x-github-delivery", "x-github-event")
# Headers that say who somebody is, or where the call came through. Expressions see the others.
_HIDDEN = ("authorization", "cookie", "signature", "secret", "token", "api-key", "x-forwarded", "x-real", "forwarded")


# What a name in the query says whose value opens something.
_OPENS = ("auth", "token", "secret", "key", "password", "signature", "sig")
_MASK = "***"


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A call: names of headers are in lower case."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes

    @classmethod
    def of(cls, request: HttpRequest, raw: bytes) -> "HookRequest":
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(list(without_nul(request.GET.dict()).items())[:_MOST_FIELDS])
        return cls(request.method or "", headers, query, raw)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "HookRequest":
        """A call as it was kept, of which all was."""
        return cls(kept["method"], kept["headers"], kept["query"], kept["text"].encode())

    def without(self, header: str) -> "HookRequest":
        """The call as if it had not had this header."""
        return replace(self, headers={name: value for name, value in self.headers.items() if name != header.lower()})

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def shown_headers(self) -> dict[str, str]:
        """Those that are not about who sent it, cut to some length."""
        shown = {name: value for name, value in self.headers.items() if not any(part in name for part in _HIDDEN)}
        return {name: shown[name][:_LONGEST_HEADER] for name in sorted(shown, key=_rank)[:_MOST_HEADERS]}

    def body(self) -> Json:
        """The body as its type says: the fields of a form, JSON, or else a text; JSON too where it begins like it.

        Raises:
            EncodingRefused: it is packed. InvalidInput: it is no JSON, or a form of too many fields.
        """
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise EncodingRefused
        if not self.raw.strip():
            return {}
        media_type = self.media_type
        if media_type == FORM:
            return _form(self.text())
        if "json" not in media_type and not self.raw.lstrip().startswith((b"{", b"[")):
            return self.text()
        return parse_json(self.raw)

    def text(self) -> str:
        return self.raw.decode(errors="replace").replace("\x00", "")

    def scope(self) -> dict[str, Json]:
        """What expressions see.

        Raises:
            EncodingRefused, InvalidInput: as `body`.
        """
        return {
            "body": self.body(),
            "headers": self.shown_headers(),
            "query": dict(self.query),
            "method": self.method,
        }

    def outline(self) -> dict[str, Json]:
        """What the record keeps of a call of which nobody knows who made it."""
        return {"method": self.method, "headers": {}, "query": {}, "text": ""}

    def kept(self, most_bytes: int) -> dict[str, Json]:
        """What the record keeps of it."""
        headers = {**self.shown_headers(), "content-type": self.headers.get("content-type", "")[:_LONGEST_HEADER]}
        query = {name[:_LONGEST_HEADER]: value[:_LONGEST_HEADER] for name, value in self.query.items()}
        text = self.raw[:most_bytes].decode(errors="replace").replace("\x00", "")
        return {"method": self.method, "headers": headers, "query": query, "text": text}


def shown_to_readers(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What was kept of a call as it is told: without what may open something, which a replay needs all the same."""
    query = kept.get("query", {})
    return {**kept, "query": {name: _MASK if _opens(name) else value for name, value in query.items()}}


def _opens(name: str) -> bool:
    return any(part in name.lower() for part in _OPENS)


def _rank(name: str) -> tuple[bool, str]:
    return name not in _FIRST, name


def _form(text: str) -> dict[str, Json]:
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        problem = f"A form has at most {_MOST_FIELDS} fields"
        raise invalid(["body"], "value_error", msg=problem, received="") from None
    # Of fields of the same name, the first counts.
    fields_by_name: dict[str, Json] = without_nul(dict(reversed(fields)))
    return fields_by_name
