"""A TCP proxy on loopback that can be cut: it stops forwarding without closing anything, as a network does."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_PIECE = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TcpProxy:
    """Forwards connections to an upstream address between `start` and `stop`, or inside a `with` block.

    `cut` makes every connection of now half-open for good: what is sent into it goes nowhere and no end is told.
    New connections are accepted and silent until `restore`; those of after it work, those of before stay dead.
    `reset` ends all connections at once, as a server that is killed does.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._thread = threading.Thread(target=self._accept_for_ever, name="tcp-proxy", daemon=True)
        self.accepted = 0
        self.arrived = threading.Condition(self._lock)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """Forward nothing from now on, and close nothing."""
        with self._lock:
            self._is_cut = True
            for pair in self._pairs:
                pair.is_dead = True

    def restore(self) -> None:
        with self._lock:
            self._is_cut = False

    def reset(self) -> None:
        """End every connection of now."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.reset()

    def wait_for_connections(self, count: int, timeout_s: float) -> bool:
        """Return when so many have come since the start; False after the timeout."""
        with self._lock:
            return self.arrived.wait_for(lambda: self.accepted >= count, timeout_s)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _accept_for_ever(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._take(client)

    def _take(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._upstream)
        except OSError:
            _reset(client)
            return
        pair = _Pair(client, server)
        with self._lock:
            pair.is_dead = self._is_cut
            self._pairs.append(pair)
            self.accepted += 1
            self.arrived.notify_all()
        pair.start()


class _Pair:
    """The two ends of one connection."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client = client
        self._server = server
        self.is_dead = False

    def start(self) -> None:
        for source, target in ((self._client, self._server), (self._server, self._client)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def reset(self) -> None:
        _reset(self._client)
        _reset(self._server)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if not self.is_dead:
                    target.sendall(piece)
        if not self.is_dead:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        end.shutdown(socket.SHUT_RDWR)
    end.close()
