"""Ends a supervisor's children when the supervisor itself was killed hard.

A small process of its own. It reads lines on its standard input, `watch <pid> <signal>` and `forget <pid>`, where
each pid leads a process group. When the input closes it signals every group still watched, and kills what is
left after the grace. It needs nothing from the supervisor but that pipe, so it works on every Unix.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

GRACE_S = 5.0
_POLL_S = 0.1


class Guardian:
    """The supervisor's side of the pipe."""

    def __init__(self, *, keep_open: Iterable[int] = (), grace_s: float = GRACE_S) -> None:
        """`keep_open`: file descriptors held until the last child is gone (the lock of the state folder)."""
        self._grace_s = grace_s
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(__file__), str(grace_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            cwd="/",
        )

    @property
    def pid(self) -> int:
        """Process id of the guardian."""
        return self._process.pid

    def watch(self, pid: int, number: int) -> None:
        """End this process group if the supervisor dies."""
        self._send(f"watch {pid} {number}\n")

    def forget(self, pid: int) -> None:
        self._send(f"forget {pid}\n")

    def close(self) -> None:
        """Let the guardian go; it first ends what is still watched."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass
        self._process.wait(timeout=self._grace_s + GRACE_S)

    def _send(self, line: str) -> None:
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            # Without its guardian a supervisor still stops its children itself.
            pass


def serve(lines: Iterable[str], *, grace_s: float) -> None:
    """Follow the supervisor's lines to their end, then end the groups still watched."""
    watched: dict[int, int] = {}
    for line in lines:
        verb, pid, *rest = line.split()
        if verb == "watch":
            watched[int(pid)] = int(rest[0])
        else:
            watched.pop(int(pid), None)
    _end(watched, grace_s)


def _end(watched: dict[int, int], grace_s: float) -> None:
    for pid, number in watched.items():
        _signal(os.kill, pid, number)
    deadline = time.monotonic() + grace_s
    while any(_signal(os.killpg, pid, 0) for pid in watched) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for pid in watched:
        _signal(os.killpg, pid, signal.SIGKILL)


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """False when nobody is left to receive it."""
    try:
        send(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    serve(sys.stdin, grace_s=float(sys.argv[1]))
