"""What `LOGGING` of the settings says: where lines go, in which form, and what is left out."""

import sys
from typing import Any

_FORMATTERS = "julep_project.core.telemetry.logs"

# Two lines for every message; the transition log tells more. The others write whole addresses and headers, keys among
# them, or which of its settings a library read.
_QUIET = (
    "celery.worker.strategy",
    "celery.app.trace",
    "celery.beat",
    "httpx",
    "httpcore",
    "httpx2",
    "mcp.server",
    "botocore",
    "openai",
    "axes",
)


def log_settings(*, level: str, form: str, handler: str) -> dict[str, Any]:
    """Settings for `logging.config.dictConfig`.

    `form` is `json`, `text`, or `auto`: text on a terminal. `handler` names a class, or a function that gives a
    handler, which gets errors too; empty for none.
    """
    chosen = ("text" if sys.stderr.isatty() else "json") if form == "auto" else form
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", "formatter": chosen, "filters": ["known_here"]}
    }
    if handler:
        handlers["errors"] = {"()": handler, "level": "ERROR", "filters": ["known_here"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"known_here": {"()": f"{_FORMATTERS}.KnownHere"}},
        "formatters": {
            "text": {"()": f"{_FORMATTERS}.FieldsFormatter"},
            "json": {"()": f"{_FORMATTERS}.JsonFormatter"},
        },
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            **{name: {"level": "WARNING"} for name in _QUIET},
            # What a server sent stands in its lines; what came of it is told by errors.
            **{name: {"level": "CRITICAL"} for name in ("mcp.client", "mcp.shared")},
            # Of an answer that is no failure of ours, the access log tells.
            "django.request": {"level": "ERROR"},
            # The HTTP server has a form of its own; its lines take the way of all others.
            "_granian": {"handlers": [], "propagate": True},
        },
    }
