"""Streams of the loopback provider whose pace a test decides."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

from julep_project.devservices.loopback import Reply

_LONGEST_WAIT_S = 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
END = b"data: [DONE]\n\n"


class Gate:
    """Closed until it is opened, once; a thread can wait for it and for a connection at the same time."""

    def __init__(self) -> None:
        self._inside, self._outside = socket.socketpair()

    def open(self) -> None:
        """Let through whoever waits, now or later."""
        self._outside.close()

    def fileno(self) -> int:
        return self._inside.fileno()

    def __del__(self) -> None:
        self._inside.close()
        self._outside.close()


Piece = str | dict[str, Any] | bytes | Gate


class Streamed:
    """An answer in pieces: texts, deltas, bytes sent as they are, and gates at which the provider waits.

    After the pieces come the finish reason, the usage and the end, unless `cut`: then the connection just closes.
    `gone` is set when the client left before the end, `sent_at` has the times of the pieces that were written.
    """

    def __init__(self, *pieces: Piece, reason: str = "stop", usage: bool = True, cut: bool = False) -> None:
        self.started = threading.Event()
        self.gone = threading.Event()
        self.over = threading.Event()
        self.sent_at: list[float] = []
        self._pieces = pieces
        self._reason = reason
        self._with_usage = usage
        self._cut = cut

    @classmethod
    def endless(cls, *pieces: Piece) -> Self:
        """Waits after these pieces until the client leaves."""
        return cls(*pieces, Gate())

    def text(self) -> str:
        return "".join(piece for piece in self._pieces if isinstance(piece, str))

    def reply(self, envelope: dict[str, Any], usage: dict[str, int]) -> Reply:
        return Reply(raw=lambda connection: self._play(connection, envelope, usage))

    def _play(self, connection: socket.socket, envelope: dict[str, Any], usage: dict[str, int]) -> Iterator[bytes]:
        self.started.set()
        try:
            yield HEAD
            for piece in self._pieces:
                if isinstance(piece, Gate):
                    if not _passed(piece, connection):
                        self.gone.set()
                        return
                    continue
                self.sent_at.append(time.monotonic())
                yield piece if isinstance(piece, bytes) else event(_chunk(envelope, _delta(piece)))
            if not self._cut:
                yield event(_chunk(envelope, {}, self._reason))
                if self._with_usage:
                    yield usage_event(envelope, usage)
                yield END
        except GeneratorExit:  # the connection broke while a piece was written
            self.gone.set()
            raise
        finally:
            self.over.set()


def event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def usage_event(envelope: dict[str, Any], usage: dict[str, int]) -> bytes:
    """The event after the finish reason."""
    return event({**envelope, "choices": [], "usage": usage})


def _chunk(envelope: dict[str, Any], delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _delta(piece: str | dict[str, Any]) -> dict[str, Any]:
    return {"content": piece} if isinstance(piece, str) else piece


def _passed(gate: Gate, connection: socket.socket) -> bool:
    """False when the client left first."""
    readable, _, _ = select.select([gate, connection], [], [], _LONGEST_WAIT_S)
    return gate in readable
