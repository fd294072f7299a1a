"""Processes by id: are they there, what are they, end them."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_POLL_S = 0.05


def is_alive(pid: int) -> bool:
    """True while the process exists and has not ended (a zombie has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def command_name(pid: int) -> str:
    """Name of the program, empty when there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return os.path.basename(_ps(pid, "comm="))


def signal_group(pid: int, number: int) -> bool:
    """Signal the process group that `pid` leads; False when none is left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_process(pid: int, number: int, *, grace_s: float) -> None:
    """Signal a process that may not be our child and wait until it is gone; SIGKILL after the grace."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        if not wait_until_gone(pid, grace_s):
            os.kill(pid, signal.SIGKILL)
            wait_until_gone(pid, grace_s)


def wait_until_gone(pid: int, timeout_s: float) -> bool:
    """True when the process ended in time."""
    deadline = time.monotonic() + timeout_s
    while is_alive(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _state(pid: int) -> str:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[0]
    return _ps(pid, "state=")[:1]


def _ps(pid: int, column: str) -> str:
    try:
        answer = subprocess.run(["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()
