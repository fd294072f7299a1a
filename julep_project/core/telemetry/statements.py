"""Statements that the database takes long for."""

import logging
import time
from typing import Any

from django.conf import settings

from julep_project.core.telemetry.registry import SLOW_STATEMENTS

log = logging.getLogger(__name__)

_LONGEST = 1000


def note_time(query: Any, began: float) -> None:
    """Tell of a statement that was sent at `began`, by the monotonic clock, if it took long.

    Its text has places for values, and never the values.
    """
    seconds = time.monotonic() - began
    if settings.SLOW_STATEMENT_MS and seconds * 1000 >= settings.SLOW_STATEMENT_MS:
        text = " ".join(query.split()) if isinstance(query, str) else type(query).__name__
        SLOW_STATEMENTS.add()
        log.warning("slow statement", extra={"seconds": round(seconds, 3), "statement": text[:_LONGEST]})
