"""A file whose age tells whether a process still works: something a health check can look at for next to nothing."""

import logging
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)


def touch_alive_file(**_: object) -> None:
    """Say that the process works, if a file is named for it. Never fails: at worst the process is taken for ill."""
    if not settings.ALIVE_FILE:
        return
    try:
        Path(settings.ALIVE_FILE).touch()
    except OSError:
        log.warning("alive file not touched", extra={"file": settings.ALIVE_FILE})
