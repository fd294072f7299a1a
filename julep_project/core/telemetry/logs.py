"""Log lines: a constant sentence, then the fields given as `extra` and what is known where it was written.

Either one JSON object a line, for programs, or a form for people.
"""

import json
import logging
from datetime import UTC, datetime

import orjson

from julep_project.core.telemetry.context import known_here

# `request` is Django's, and shows the whole address with its query.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}
# Of one text in a line. A trace is told by its end.
_LONGEST = 4000
_LONGEST_TRACE = 16_000


class KnownHere(logging.Filter):
    """Adds to every record what is known where it was written, for whichever handler gets it."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in known_here().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class JsonFormatter(logging.Formatter):
    """`{"time": "2026-01-31T12:00:00.123Z", "level": "INFO", "logger": ..., "message": ..., "execution_id": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _iso(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _cut(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = _cut(value) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)[-_LONGEST_TRACE:]
        try:
            return orjson.dumps(line, default=_shown, option=orjson.OPT_NON_STR_KEYS).decode()
        except (TypeError, ValueError):
            # Half of a surrogate pair, or a number beyond 64 bits.
            text = json.dumps(line, default=_shown, skipkeys=True, ensure_ascii=False)
            return text.encode("utf-8", "replace").decode()


class FieldsFormatter(logging.Formatter):
    """`12:30:01 INFO executions.engine: frame advanced execution_id=... step=3`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        fields = [f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD]
        # No text from outside begins a line of its own.
        return " ".join([line, *fields]).replace("\r", "\\r").replace("\n", "\\n")


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _shown(value: object) -> str:
    return _cut(str(value))
