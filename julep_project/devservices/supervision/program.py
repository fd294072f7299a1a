"""One program to be kept running."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Program:
    """What to run and how to end it."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    # Lines go to this file; without one they go to the supervisor's own output.
    log_file: Path | None = None
    stop_signal: int = signal.SIGTERM
    # Sent when the grace is over. Postgres has a hard stop that is kinder than SIGKILL.
    hard_signal: int = signal.SIGKILL
    # Asked to stop, it lets work under way end. Asked again, it stops at once.
    drains: bool = False
    # It makes this file when it is about to end by itself, to be replaced at once.
    retiring_file: Path | None = None
    # False: it runs once; its exit code is kept.
    restart: bool = True
    # Its command is Python's, and a fork of a supervisor that has loaded what it needs may run it.
    forks: bool = False
    popen_options: Mapping[str, Any] = field(default_factory=dict)
