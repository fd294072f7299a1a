"""Programs of this machine that work on files of a call: without a shell, bounded, and ended with all they started."""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agents.tools.errors import Delivery, ToolError

_OPEN_FILES = 64
_LONGEST_TOLD = 2000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may take."""

    seconds: float
    cpu_seconds: int
    memory_bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """How it ended: 0 if all is well, below 0 by a signal; and the end of what it said."""

    code: int
    told: str


def find_program(name: str) -> str | None:
    """Where a program is; None if it is not installed."""
    return shutil.which(name)


def run_program(words: Sequence[str], folder: Path, bounds: Bounds, pass_fds: Sequence[int] = ()) -> Finished:
    """Run it in this folder, with nothing of our environment.

    Raises:
        ToolError: it cannot be started, or was not done in time.
    """
    said = folder / "said"
    try:
        with said.open("wb") as output:
            process = subprocess.Popen(
                list(words),
                cwd=folder,
                env={"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=pass_fds,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        raise ToolError("the program cannot be started", delivery=Delivery.NOT_SENT) from error
    try:
        _limit(process.pid, bounds)
        code = process.wait(bounds.seconds)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"it was not done within {bounds.seconds:.0f} s", repeatable=True) from error
    finally:
        # What it has started is in its group, and outlives it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with said.open("rb") as output:
        output.seek(max(0, said.stat().st_size - _LONGEST_TOLD))
        told = output.read(_LONGEST_TOLD).decode("utf-8", "replace").replace("\x00", "")
    return Finished(code, told)


def _limit(pid: int, bounds: Bounds) -> None:
    """Bound a process that has just begun: a hook between fork and exec could stand still in a process with threads."""
    limits = {
        resource.RLIMIT_CPU: bounds.cpu_seconds,
        resource.RLIMIT_AS: bounds.memory_bytes,
        resource.RLIMIT_FSIZE: bounds.file_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    with suppress(ProcessLookupError):
        for what, most in limits.items():
            resource.prlimit(pid, what, (most, most))
