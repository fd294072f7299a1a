"""A web service whose callers wait for each other."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from julep_project.devservices.loopback import Served

_PATIENCE_S = 60.0


class Meeting(Served):
    """Answers `{"from": address}` to everybody once somebody has called from each of the addresses."""

    def __init__(self, host: str, addresses: set[str]) -> None:
        self._missing = set(addresses)
        self._complete = threading.Condition()
        super().__init__(_Server((host, 0), self))
        self.url = f"http://{host}:{self.port}/"

    def arrive(self, address: str) -> None:
        """Come, and wait for the others."""
        with self._complete:
            self._missing.discard(address)
            self._complete.notify_all()
            self._complete.wait_for(lambda: not self._missing, _PATIENCE_S)


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
