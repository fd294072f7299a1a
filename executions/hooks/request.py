"""A call as it came in, and what of it expressions see and the record keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest

from julep_project.core.json_value import Json
from julep_project.core.reading.parsers import parse_json, without_nul

FORM = "application/x-www-form-urlencoded"
_MOST_HEADERS, _LONGEST_HEADER = 50, 500
_MOST_FIELDS = 200
# Headers that say who somebody is, or where the call came through. Expressions see the others.
_HIDDEN = ("authorization", "cookie", "signature", "secret", "token", "api-key", "x-forwarded", "x-real", "forwarded")


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

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def shown_headers(self) -> dict[str, str]:
        """Those that are not about who sent it, cut to some length."""
        shown = {name: value for name, value in self.headers.items() if not any(part in name for part in _HIDDEN)}
        return {name: shown[name][:_LONGEST_HEADER] for name in sorted(shown)[:_MOST_HEADERS]}

    def body(self) -> Json:
        """The body as its type says: JSON, the fields of a form, or a text.

        Raises:
            InvalidInput: it is no JSON, though it says so.
        """
        if not self.raw.strip():
            return {}
        media_type = self.media_type
        if media_type == FORM:
            fields = parse_qsl(self.text(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
            return dict(reversed(fields))
        if media_type.startswith("text/") and not self.raw.lstrip().startswith((b"{", b"[")):
            return self.text()
        return parse_json(self.raw)

    def text(self) -> str:
        return self.raw.decode(errors="replace").replace("\x00", "")

    def scope(self) -> dict[str, Json]:
        """What expressions see.

        Raises:
            InvalidInput: as `body`.
        """
        return {
            "body": self.body(),
            "headers": self.shown_headers(),
            "query": dict(self.query),
            "method": self.method,
        }

    def kept(self, most_bytes: int) -> dict[str, Json]:
        """What the record keeps of it."""
        headers = {**self.shown_headers(), "content-type": self.headers.get("content-type", "")[:_LONGEST_HEADER]}
        query = {name[:_LONGEST_HEADER]: value[:_LONGEST_HEADER] for name, value in self.query.items()}
        text = self.raw[:most_bytes].decode(errors="replace").replace("\x00", "")
        return {"method": self.method, "headers": headers, "query": query, "text": text}
