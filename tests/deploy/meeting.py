"""A web service whose callers wait for each other."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_PATIENCE_S = 60.0


class Meeting:
    """Answers `{"from": address}` to everybody once somebody has called from each of the addresses."""

    def __init__(self, host: str, addresses: set[str]) -> None:
        self._missing = set(addresses)
        self._complete = threading.Condition()
        self._server = _Server((host, 0), self)
        self.url = f"http://{host}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def arrive(self, address: str) -> None:
        """Come, and wait for the others."""
        with self._complete:
            self._missing.discard(address)
            self._complete.notify_all()
            self._complete.wait_for(lambda: not self._missing, _PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: Meeting) -> None:
        super().__init__(address, _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        address = str(self.client_address[0])
        self.server.owner.arrive(address)
        body = json.dumps({"from": address}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return
