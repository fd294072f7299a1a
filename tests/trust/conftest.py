"""A proxy with TLS in front of the running API, as `docs/operations.md` asks for one."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from julep_project.devservices.loopback import Served
from tests.loopback.certificate import write_certificate

NAME = "agents.example.test"
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "server", "date"})


class _Forward(BaseHTTPRequestHandler):
    """Passes a request on, and tells for whom and how it came, whatever the client says of itself."""

    port = 0
    client = "203.0.113.7"

    def _pass_on(self) -> None:
        told = {name: value for name, value in self.headers.items() if name.lower() != "x-forwarded-proto"}
        before = told.pop("X-Forwarded-For", "")
        told["X-Forwarded-For"] = f"{before}, {self.client}" if before else self.client
        told["X-Forwarded-Proto"] = "https"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = HTTPConnection("127.0.0.1", self.port, timeout=60)
        upstream.request(self.command, self.path, body, told)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        upstream.close()

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for `NAME`, signed by itself."""
    return write_certificate(tmp_path_factory.mktemp("proxy") / "proxy.pem", NAME)


@contextmanager
def tls_proxy(certificate: Path, port: int, client: str = _Forward.client) -> Iterator[int]:
    """Serves TLS in front of a port, for a client with this address. Gives its own port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handler = type("Forward", (_Forward,), {"port": port, "client": client})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with Served(server) as served:
        yield served.port
