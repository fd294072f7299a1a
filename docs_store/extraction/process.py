"""Starts a process that reads a file, listens to it, and ends it: when it is done, silent, too loud, or not needed."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from docs_store.extraction.limits import MOST_MESSAGE_BYTES
from docs_store.extraction.messages import LAST, TIMER_SIGNAL, BadMessage, Order, of_line

_ROOT = Path(__file__).resolve().parents[2]
# It may write nothing, compiled modules neither.
COMMAND = ["-B", "-m", "docs_store.extraction.reader"]
_READ_BYTES = 1 << 16
# How many times the processor time of a part it may be silent: the machine is busy, or it waits for what never comes.
_SILENT_FACTOR = 6
# What stops programs, or makes room where memory is short. No file does that.
_FROM_OUTSIDE = tuple(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


class ReaderEnded(Exception):
    """The process ended, or was ended, in the middle. `took_too_long`: because of the time. `from_outside`: somebody
    else ended it."""

    def __init__(self, took_too_long: bool, *, from_outside: bool = False) -> None:
        super().__init__()
        self.took_too_long = took_too_long
        self.from_outside = from_outside


class ReaderNotBegun(Exception):
    """It ended by itself before it said anything of the file: it is the program, or this machine, that is broken."""


class NoReader(Exception):
    """The system gives no more processes."""


class FileReader:
    """One such process. `content` is a file of the system; nobody else may read it meanwhile. `check` looks at each
    line that it says before the line is read, and raises a ValueError for what must not be."""

    def __init__(self, content: IO[bytes], order: Order, check: Callable[[bytes], None]) -> None:
        self._order = order
        self._check = check
        self._is_heard = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND, order.to_text()],
                stdin=content,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                # Keys and addresses of the installation are none of its business.
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            )
        except OSError as error:
            raise NoReader from error
        assert self._process.stdout is not None
        self._output = self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it says, up to `ended` or `failed`.

        Raises:
            ReaderEnded, ReaderNotBegun
        """
        received = bytearray()
        while True:
            end = received.find(b"\n")
            while end < 0:
                if len(received) > MOST_MESSAGE_BYTES:
                    raise ReaderEnded(took_too_long=False)
                piece = self._piece()
                end = piece.find(b"\n")
                end = end if end < 0 else end + len(received)
                received += piece
            message = self._understood(bytes(received[:end]))
            del received[: end + 1]
            self._is_heard = True
            yield message
            if message["say"] in LAST:
                return

    def _understood(self, line: bytes) -> dict[str, Any]:
        try:
            self._check(line)
            return of_line(line)
        except (BadMessage, ValueError) as error:
            raise ReaderEnded(took_too_long=False) from error

    def _piece(self) -> bytes:
        poll = select.poll()
        poll.register(self._output.fileno(), select.POLLIN)
        if not poll.poll(self._order.cpu_seconds * _SILENT_FACTOR * 1000):
            raise ReaderEnded(took_too_long=True)
        piece = os.read(self._output.fileno(), _READ_BYTES)
        if not piece:
            raise self._end()
        return piece

    def _end(self) -> ReaderEnded | ReaderNotBegun:
        try:
            code = self._process.wait(self._order.cpu_seconds)
        except subprocess.TimeoutExpired:
            return ReaderEnded(took_too_long=True)
        if code > 0 and not self._is_heard:
            return ReaderNotBegun()
        return ReaderEnded(took_too_long=code == -TIMER_SIGNAL, from_outside=code in _FROM_OUTSIDE)
