"""Answers as JSON, whatever the client says it accepts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from julep_project.core.clock import to_wire
from julep_project.core.reading.jsontext import written_in_pieces


class JsonRenderer(BaseRenderer):
    """JSON with timestamps in milliseconds."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else to_json(data)


class AlwaysJson(DefaultContentNegotiation):
    """Never answers 406: event-stream clients and `*/*` get JSON errors all the same."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The view's first renderer."""
        first = next(iter(renderers))
        return first, first.media_type


def to_json(value: Any) -> bytes:
    """JSON bytes of a value that may hold timestamps, ids and decimals."""
    try:
        return orjson.dumps(value, _plain, orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        # Whole numbers beyond 64 bits: the standard writer knows them.
        return written_in_pieces(value, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_wire(value)
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
