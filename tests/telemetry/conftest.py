"""Fixtures of what is seen from outside."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from julep_project.core.telemetry.logs import JsonFormatter, KnownHere


class Lines(logging.Handler):
    """Log lines as programs get them."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(KnownHere())
        self.setFormatter(JsonFormatter())
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def read(self, *messages: str) -> list[dict[str, Any]]:
        """All lines, or those that say one of these."""
        found = [json.loads(text) for text in self.texts]
        return [line for line in found if not messages or line["message"] in messages]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Lines that are written from here on, at `INFO` and above."""
    handler = Lines()
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)
